"""What only OpenRouter has: vendors to choose among, an account, reasons for its errors, a catalogue with prices."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, TypeVar

import pytest

from nuke_ai_panel.core.model_cache import load_models, save_models
from nuke_ai_panel.core.model_facts import account_lines, cost_words, model_facts, money, price_words
from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.events import StreamEvent, StreamStarted, UsageReport
from nuke_ai_panel.messages import Attachment, Message, ToolCall, Usage
from nuke_ai_panel.providers.base import ChatRequest, ModelInfo
from nuke_ai_panel.providers.classify import classify_error
from nuke_ai_panel.providers.openrouter_account import read_account
from nuke_ai_panel.providers.openrouter_provider import OpenRouterProvider
from nuke_ai_panel.providers.openrouter_routing import read_routing, split_route
from nuke_ai_panel.providers.services import Account, Metered
from nuke_ai_panel.settings import ProviderSettings
from tests.fakes.openrouter_server import FakeOpenRouter

T = TypeVar("T")
PDF = Attachment("p", "file", "brief.pdf", media_type="application/pdf", data_base64="JVBERg==")
PNG = Attachment("i", "image", "plate.png", media_type="image/png", data_base64="QUJD")


def row(url: str, **options: Any) -> ProviderSettings:  # options of any type
    return ProviderSettings(
        name="openrouter", kind="openrouter", title="OpenRouter", base_url=f"{url}/v1", proxy="none", options=options
    )


def run(server: FakeOpenRouter, work: Callable[[OpenRouterProvider], Awaitable[T]], **options: Any) -> T:  # see row
    async def inside() -> T:
        provider = OpenRouterProvider(row(server.url, **options), key="sk-or-test")
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(inside())


def ask(*messages: Message, **more: Any) -> ChatRequest:  # fields of a request
    return ChatRequest("acme/smart", messages or (Message("1", "c", None, "user", "hi"),), **more)


async def collect(events: AsyncIterator[StreamEvent]) -> List[StreamEvent]:
    return [event async for event in events]


def body_of(request: ChatRequest, **options: Any) -> Dict[str, Any]:  # options and a body of any type
    with FakeOpenRouter() as server:
        run(server, lambda provider: collect(provider.stream(request)), **options)
        found: Dict[str, Any] = server.chats[0].json()
        return found


# ---------------------------------------------------------------- routing


def test_one_vendor_is_asked_and_no_other_unless_allowed() -> None:
    assert body_of(ask())["provider"] == {"allow_fallbacks": False}
    assert body_of(ask(), allow_fallbacks=True)["provider"] == {"allow_fallbacks": True}


def test_every_preference_is_sent_as_it_is_set() -> None:
    chosen: Dict[str, Any] = {
        "order": ["deepinfra", "together"], "only": ["deepinfra"], "ignore": ["x"], "quantizations": ["fp8"],
        "allow_fallbacks": True, "require_parameters": True, "zdr": True, "data_collection": "deny",
        "sort": "throughput", "max_price": {"prompt": 1, "completion": 2.5}, "preferred_min_throughput": 40.0,
        "preferred_max_latency": 2.0,
    }
    body = body_of(ask(), **chosen)
    assert body["provider"] == chosen
    assert "models" not in body and "plugins" not in body


def test_extra_body_goes_over_the_preferences_entry_by_entry() -> None:
    body = body_of(ask(), only=["a"], extra_body={"provider": {"sort": "price"}, "transforms": []})
    assert body["provider"] == {"allow_fallbacks": False, "only": ["a"], "sort": "price"}
    assert body["transforms"] == []


@pytest.mark.parametrize("options", [
    {"order": 3}, {"only": [""]}, {"allow_fallbacks": "yes"}, {"data_collection": "never"}, {"sort": "speed"},
    {"max_price": {"tokens": 1}}, {"max_price": 3}, {"max_price": {"prompt": -1}}, {"pdf_engine": "mine"},
    {"preferred_max_latency": 0}, {"zdr": 1},
])
def test_a_preference_that_is_none_is_named(options: Dict[str, Any]) -> None:  # wrong on purpose
    (name,) = options
    with pytest.raises(SettingsError, match=name):
        read_routing(options, "openrouter")


def test_a_schema_goes_only_to_vendors_that_know_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = body_of(ask(schema=schema))
    assert body["provider"] == {"allow_fallbacks": False, "require_parameters": True}
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert body_of(ask(schema=schema), require_parameters=False)["provider"]["require_parameters"] is False


def test_pictures_and_documents_travel_and_the_engine_only_with_a_document() -> None:
    asked = ask(Message("1", "c", None, "user", "look", attachments=(PNG, PDF)))
    body = body_of(asked, pdf_engine="mistral-ocr")
    text, image, document = body["messages"][0]["content"]
    assert (text["text"], image["image_url"]["url"]) == ("look", "data:image/png;base64,QUJD")
    assert document["file"] == {"filename": "brief.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
    assert body["plugins"] == [{"id": "file-parser", "pdf": {"engine": "mistral-ocr"}}]
    assert "plugins" not in body_of(ask(), pdf_engine="mistral-ocr")


def test_thoughts_go_back_unchanged_with_the_tools() -> None:
    details = [{"type": "reasoning.encrypted", "data": "D", "index": 0}, {"type": "reasoning.text", "text": "hm"}]
    asked = Message(
        "2", "c", "1", "assistant", "", tool_calls=(ToolCall("t", "f", {}),), provider="openrouter", model="acme/smart",
        reasoning_opaque=({"reasoning_details": details},),
    )
    result = Message("3", "c", "2", "tool", "42", tool_call_id="t")
    body = body_of(ask(Message("1", "c", None, "user", "hi"), asked, result))
    assert body["messages"][1]["reasoning_details"] == details


@pytest.mark.parametrize(("model", "parts"), [
    ("acme/smart:nitro", ("acme/smart", "nitro")), ("acme/smart:floor", ("acme/smart", "floor")),
    ("acme/gift:free", ("acme/gift:free", "")), ("acme/smart", ("acme/smart", "")), ("odd:", ("odd:", "")),
])
def test_a_route_is_told_from_a_variant(model: str, parts: Any) -> None:  # a pair
    assert split_route(model) == parts


# ---------------------------------------------------------------- the catalogue


def test_catalogue_knows_modalities_parameters_efforts_and_the_end() -> None:
    with FakeOpenRouter() as server:
        smart, gift, auto = run(server, lambda provider: provider.models())
    assert smart.input_modalities == {"text", "image", "file"} and smart.output_modalities == {"text"}
    assert smart.parameters is not None and "temperature" in smart.parameters
    assert (smart.efforts, smart.expires, smart.price_cache_read) == (("low", "high"), "2027-03-01", 0.25)
    assert [price_words(one) for one in (smart, gift, auto)] == ["$2.5 / $10", "free", "–"]
    facts = dict(model_facts(smart))
    assert facts["Takes in"] == "file, image, text" and facts["Price"].startswith("$2.5 / $10 a million")


def test_a_route_can_do_what_the_model_can_and_costs_nobody_knows_what() -> None:
    with FakeOpenRouter() as server:
        fast = run(server, lambda provider: provider.model_info("acme/smart:nitro"))
        odd = run(server, lambda provider: provider.model_info("acme/unknown"))
    assert (fast.id, fast.context_tokens, price_words(fast)) == ("acme/smart:nitro", 200000, "–")
    assert fast.capabilities is not None and "vision" in fast.capabilities
    assert (odd.context_tokens, odd.capabilities) == (None, None)


def test_everything_about_a_model_survives_the_cache(home: Any) -> None:  # a path
    with FakeOpenRouter() as server:
        models = run(server, lambda provider: provider.models())
    settings = row("http://x")
    save_models(home, settings, 5.0, models)
    assert load_models(home, settings) == (5.0, models)


# ---------------------------------------------------------------- money


def test_answer_names_the_vendor_and_the_cost() -> None:
    with FakeOpenRouter() as server:
        events = run(server, lambda provider: collect(provider.stream(ask())))
    assert [one.upstream for one in events if isinstance(one, StreamStarted)][-1] == "DeepInfra"
    assert [one.usage.cost_usd for one in events if isinstance(one, UsageReport)] == [0.0042]


def test_account_has_the_keys_limits_and_the_credit() -> None:
    with FakeOpenRouter() as server:
        account = run(server, lambda provider: provider.account())
    assert account == Account(
        "sk-or-v1-abc...def", 20.0, 12.5, "monthly", 7.5, 0.25, 1.0, 7.5, 50.0, pytest.approx(12.34), False, (3, 1000)
    )
    assert account_lines(account) == (
        "Credit: $12.34 left of $50.00.",
        "This key: $12.50 left of its limit of $20.00, renewed monthly.",
        "Spent: $0.25 today, $1.00 this week, $7.50 this month, $7.50 altogether.",
        "Free models: 3 of 1000 requests used today.",
    )


def test_a_key_that_may_not_see_the_credit_still_tells_its_limits() -> None:
    with FakeOpenRouter() as server:
        server.credits = None
        account = run(server, lambda provider: provider.account())
    assert account.credit_left_usd is None and account.limit_left_usd == 12.5
    assert isinstance(OpenRouterProvider(row("http://x")), Metered)


def test_an_account_of_odd_values_is_read_without_guessing() -> None:
    assert read_account({"data": {"limit": None, "usage": "much", "is_free_tier": "no"}}, []) == Account()
    assert read_account("nonsense", None) == Account()
    assert account_lines(Account()) == ("The account says nothing about money.",)
    assert account_lines(Account(limit_usd=5.0, limit_left_usd=-0.5))[0].startswith("This key: -$0.50 left")


@pytest.mark.parametrize(("dollars", "words"), [
    (0.0, "$0.00"), (12.345, "$12.35"), (1234.5, "$1,234.50"), (0.5, "$0.50"), (0.0042, "$0.0042"),
    (0.000017, "$0.000017"), (-0.5, "-$0.50"),
])
def test_money_has_the_digits_it_needs(dollars: float, words: str) -> None:
    assert money(dollars) == words


def test_cost_is_what_was_said_free_what_is_known_to_be_and_a_dash_else() -> None:
    def message(usage: Any) -> Message:  # a Usage or None
        return Message("1", "c", None, "assistant", "x", usage=usage)

    assert cost_words(message(Usage(cost_usd=0.0042))) == "$0.0042"
    assert cost_words(message(Usage(cost_usd=0.0))) == "free"
    assert cost_words(message(Usage(input=1))) == "–"
    assert cost_words(message(None), is_free=True) == "free"
    assert price_words(ModelInfo("m", "p", local=True)) == "free"
    assert price_words(ModelInfo("m", "p", price_input=0.0)) == "–"


# ---------------------------------------------------------------- errors


def classified(status: Any, error: Dict[str, Any], **headers: str) -> ProviderError:  # a status or None, a body
    return classify_error(status, {"error": error}, headers, provider="OpenRouter", model="v/m")


ERRORS: List[Any] = [  # status, error, kind, in the sentence, in the next step
    (402, {"code": 402, "message": "Insufficient credits"}, "credits", "no credit", "Add credit"),
    (402, {"code": 402, "message": "x", "metadata": {"limit_source": "openrouter_key_limit"}}, "credits",
     "spending limit", "settings/keys"),
    (402, {"code": 402, "message": "x", "metadata": {"limit_source": "openrouter_credits"}}, "credits",
     "no credit left", "settings/credits"),
    (402, {"code": 402, "message": "x", "metadata": {"limit_source": "openrouter_in_flight_budget"}}, "credits",
     "still running", "Wait"),
    (402, {"code": 402, "message": "This request requires more credits, or fewer max_tokens. You can only afford 50."},
     "credits", "longest answer", "Lower max_tokens"),
    (403, {"code": 403, "message": "flagged", "metadata": {
        "reasons": ["violence", "harassment"], "flagged_input": "some text", "provider_name": "OpenAI"}},
     "content_filter", "OpenAI refused the question because of violence, harassment", "some text"),
    (403, {"code": 403, "message": "blocked", "metadata": {"patterns": ["secret"]}}, "content_filter",
     "matches secret", "Rephrase"),
    (408, {"code": 408, "message": "Request timed out"}, "timeout", "did not answer in time", "Try again"),
    (429, {"code": 429, "message": "Provider returned error", "metadata": {
        "provider_name": "Chutes", "raw": "too many requests"}}, "rate_limit", "Chutes", "allow fallbacks"),
    (429, {"code": 429, "message": "Rate limit exceeded: free-models-per-day"}, "rate_limit", "slow down", "daily"),
    (429, {"code": 429, "message": "busy", "availability": {
        "code": "capacity_exhausted", "retry_after": 40, "fallback_models": ["v/m-mini"]}}, "rate_limit", "",
     "v/m-mini"),
    (502, {"code": 502, "message": "Provider returned error", "metadata": {
        "provider_name": "Together", "error_type": "provider_unavailable"}}, "overloaded", "Together", "fallbacks"),
    (503, {"code": 503, "message": "There is no available model provider that meets your routing requirements"},
     "overloaded", "routing preferences", "Loosen"),
    (404, {"code": 404, "message": "No endpoints found matching your data policy (Paid model training)."},
     "model_not_found", "privacy settings", "data_collection"),
    (404, {"code": 404, "message": "x", "availability": {
        "code": "constraint_filtered", "excluded_by": ["max_price", "only"]}}, "model_not_found", "max_price, only",
     "Loosen"),
    (404, {"code": 404, "message": "x", "availability": {"code": "free_variant_ended"}}, "model_not_found",
     "free variant", "without :free"),
    (404, {"code": 404, "message": "x", "availability": {"code": "model_deprecated"}}, "model_not_found",
     "no longer offered", "another model"),
    (None, {"code": "server_error", "message": "Provider disconnected", "metadata": {"provider_name": "Azure"}},
     "server_error", "Azure", ""),
    (400, {"code": 400, "message": "v/m is not a valid model ID"}, "model_not_found", "v/m", "another model"),
]


@pytest.mark.parametrize(("status", "error", "kind", "sentence", "step"), ERRORS)
def test_every_error_says_why_and_what_to_do(
    status: Any, error: Dict[str, Any], kind: str, sentence: str, step: str  # a status or None, a body
) -> None:
    said = classified(status, error)
    assert said.kind == kind
    assert sentence in said.user_text and step in said.next_step


def test_money_in_flight_may_be_waited_for_and_an_empty_account_not() -> None:
    assert classified(402, {"code": 402, "message": "x"}, **{"Retry-After": "3"}).retryable
    assert not classified(402, {"code": 402, "message": "x"}).retryable


def test_a_stream_that_ends_in_an_error_keeps_its_words_and_names_the_vendor() -> None:
    with FakeOpenRouter() as server:
        server.stream_error = {"code": 502, "message": "Provider returned error", "metadata": {
            "provider_name": "DeepInfra", "error_type": "provider_unavailable"}}
        seen: List[StreamEvent] = []

        async def read(provider: OpenRouterProvider) -> None:
            async for event in provider.stream(ask()):
                seen.append(event)

        with pytest.raises(ProviderError) as caught:
            run(server, read)
    assert caught.value.kind == "overloaded" and "DeepInfra" in caught.value.user_text
    assert "Hello" in str(seen)

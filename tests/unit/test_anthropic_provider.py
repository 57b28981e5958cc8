"""Anthropic over a real socket: headers, pages of models, refusals that are learnt from, limits that are explained."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import StreamEvent, StreamWarning, TextDelta
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers.anthropic_provider import AnthropicProvider, base_url_of
from nuke_ai_panel.providers.anthropic_replay import placed
from nuke_ai_panel.providers.base import ChatRequest, Parameters
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.fault_server import Behaviour, FaultServer, answer, stream
from ..fakes.model_server import FakeModelServer

StartFaultServer = Callable[..., FaultServer]
MODEL = "claude-x"
KEY = "sk-ant-canary-0123456789abcdef"
NO_PARAMETERS = Parameters()
GOOD = stream([
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-x","usage":{}}}\n\n',
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"ok"}}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
])


def refused(message: str, *, status: int = 400, kind: str = "invalid_request_error", **headers: str) -> Behaviour:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_b"}).encode()
    fields = {"content-type": "application/json", "request-id": "req_h"}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer(status, body, fields)


def run(base: str, work: Callable[[AnthropicProvider], Awaitable[Any]], **options: Json) -> Any:  # the work's own
    async def inside() -> Any:  # see above
        row = ProviderSettings("anthropic", "anthropic", title="Anthropic", base_url=base, options=options)
        provider = AnthropicProvider(row, key=KEY)
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(inside())


def request(parameters: Parameters = NO_PARAMETERS) -> ChatRequest:
    return ChatRequest(MODEL, (Message("1", "c", None, "user", "hi"),), parameters=parameters)


async def collect(provider: AnthropicProvider, asked: ChatRequest) -> List[StreamEvent]:
    return [event async for event in provider.stream(asked)]


def dropped(events: List[StreamEvent]) -> List[str]:
    return [event.code for event in events if isinstance(event, StreamWarning)]


def bodies(server: FaultServer) -> List[Mapping[str, Any]]:  # request bodies
    return [one.json() for one in server.requests]


@pytest.mark.parametrize(("pasted", "base"), [
    ("", "https://api.anthropic.com"), ("https://api.anthropic.com/", "https://api.anthropic.com"),
    ("https://api.anthropic.com/v1", "https://api.anthropic.com"), ("api.anthropic.com", "https://api.anthropic.com"),
    ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com"),
    ("http://gate:4000/anthropic/v1/", "http://gate:4000/anthropic"), ("localhost:8080", "http://localhost:8080"),
])
def test_address_is_understood_however_much_was_pasted(pasted: str, base: str) -> None:
    assert base_url_of(pasted) == base


def test_key_and_version_go_in_the_vendors_headers(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)

    run(server.url, lambda provider: collect(provider, request()), beta=["one-beta", "two-beta"])

    head = server.requests[0].headers
    assert (server.requests[0].path, head["x-api-key"]) == ("/v1/messages", KEY)
    assert (head["anthropic-version"], head["anthropic-beta"]) == ("2023-06-01", "one-beta,two-beta")
    assert "authorization" not in head


def test_gateway_gets_a_bearer_and_the_version_that_it_wants(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)

    run(server.url, lambda provider: collect(provider, request()), auth="bearer", version="2026-10-21")

    head = server.requests[0].headers
    assert (head["authorization"], head["anthropic-version"]) == (f"Bearer {KEY}", "2026-10-21")
    assert "x-api-key" not in head


@pytest.mark.parametrize(("refusal", "parameters", "gone"), [
    ("`temperature` is deprecated for this model.", Parameters(temperature=0.3), "temperature"),
    ("top_p: Extra inputs are not permitted", Parameters(top_p=0.3), "top_p"),
    ("`temperature` and `top_p` cannot both be specified for this model.", Parameters(0.3, 0.4), "top_p"),
    ("stop_sequences: Extra inputs are not permitted", Parameters(stop=("x",)), "stop"),
])
def test_refused_parameter_is_left_out_once_remembered_and_said(
    refusal: str, parameters: Parameters, gone: str, fault_server: StartFaultServer
) -> None:
    server = fault_server(refused(refusal), GOOD)

    async def ask_twice(provider: AnthropicProvider) -> Tuple[List[str], List[str]]:
        once, again = [await collect(provider, request(parameters)) for _ in range(2)]
        return dropped(once), dropped(again)

    first, second = run(server.url, ask_twice)

    assert first == second == [f"parameter_dropped:{gone}"]
    assert len(server.requests) == 3
    assert {"stop": "stop_sequences"}.get(gone, gone) not in bodies(server)[2]


def test_old_model_is_asked_to_think_within_a_budget_and_without_effort(fault_server: StartFaultServer) -> None:
    server = fault_server(
        refused("adaptive thinking is not supported on this model"),
        refused("This model does not support the effort parameter."), GOOD,
    )

    events = run(server.url, lambda provider: collect(provider, request(Parameters(reasoning_effort="high"))))

    kinds = [body["thinking"]["type"] for body in bodies(server)]
    assert kinds == ["adaptive", "enabled", "enabled"]
    assert bodies(server)[2]["thinking"]["budget_tokens"] == 16_384 and "output_config" not in bodies(server)[2]
    assert dropped(events) == []


def test_new_model_that_takes_no_budget_thinks_as_it_likes(fault_server: StartFaultServer) -> None:
    server = fault_server(refused(
        '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
        '"output_config.effort" to control thinking behavior.'), GOOD)

    run(server.url, lambda provider: collect(provider, request()), thinking="enabled")

    assert [body["thinking"]["type"] for body in bodies(server)] == ["enabled", "adaptive"]


def test_limit_of_the_model_is_learnt(fault_server: StartFaultServer) -> None:
    server = fault_server(refused(
        "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-x"), GOOD)

    run(server.url, lambda provider: collect(provider, request()))

    assert [body["max_tokens"] for body in bodies(server)] == [8192, 4096]


def test_answer_gets_the_room_that_the_window_has_left(fault_server: StartFaultServer) -> None:
    server = fault_server(refused(
        "input length and `max_tokens` exceed context limit: 196000 + 8192 > 200000, decrease input length or "
        "`max_tokens` and try again"), GOOD)

    run(server.url, lambda provider: collect(provider, request()))

    assert [body["max_tokens"] for body in bodies(server)] == [8192, 4000]


def test_thoughts_that_were_signed_elsewhere_are_left_out_rather_than_the_conversation_lost(
    fault_server: StartFaultServer,
) -> None:
    server = fault_server(refused("messages.1.content.0: Invalid `signature` in `thinking` block"), GOOD)
    thought = placed({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, text_before=0, calls_before=0)
    said = Message("2", "c", "1", "assistant", "Yes.", reasoning_opaque=(thought,), provider="anthropic", model=MODEL)
    path = (*request().messages, said, Message("3", "c", "2", "user", "more"))

    run(server.url, lambda provider: collect(provider, ChatRequest(MODEL, path)))

    kinds = [[block["type"] for block in body["messages"][1]["content"]] for body in bodies(server)]
    assert kinds == [["thinking", "text"], ["text"]]


def test_schema_that_a_model_refuses_goes_into_its_prompt(fault_server: StartFaultServer) -> None:
    server = fault_server(refused("output_config.format: Extra inputs are not permitted"), GOOD)
    asked = ChatRequest(MODEL, request().messages, schema={"type": "object", "properties": {}})

    events = run(server.url, lambda provider: collect(provider, asked))

    assert "JSON Schema" in str(bodies(server)[1]["system"]) and "output_config" not in bodies(server)[1]
    assert dropped(events) == ["parameter_dropped:response_format"]


@pytest.mark.parametrize("message", [
    "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
    "A maximum of 100 PDF pages may be provided.",
])
def test_attachment_that_is_too_large_says_what_to_do(message: str, fault_server: StartFaultServer) -> None:
    server = fault_server(refused(message))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert caught.value.kind == "bad_request" and "smaller" in caught.value.next_step


@pytest.mark.parametrize(("message", "kind"), [
    ("input length and `max_tokens` exceed context limit: 199990 + 8192 > 200000", "context_too_long"),
    ("prompt is too long: 213462 tokens > 200000 maximum", "context_too_long"),
    ("Your credit balance is too low to access the Anthropic API.", "credits"),
    ("You have reached your specified API usage limits. You will regain access on 2026-12-01.", "credits"),
    ("messages.1.content.0.type: Field required", "bad_request"),
])
def test_refusal_that_teaches_nothing_is_the_error(message: str, kind: str, fault_server: StartFaultServer) -> None:
    server = fault_server(refused(message))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert (caught.value.kind, caught.value.message, len(server.requests)) == (kind, message, 1)
    assert caught.value.request_id == "req_h"


@pytest.mark.parametrize(("status", "kind", "ours"), [
    (401, "authentication_error", "auth"), (403, "permission_error", "permission"), (402, "billing_error", "credits"),
    (413, "request_too_large", "bad_request"), (429, "rate_limit_error", "rate_limit"),
    (500, "api_error", "server_error"), (504, "timeout_error", "timeout"), (529, "overloaded_error", "overloaded"),
    (409, "conflict_error", "bad_request"),
])
def test_status_has_its_kind(status: int, kind: str, ours: str, fault_server: StartFaultServer) -> None:
    server = fault_server(refused(f"no: {KEY}", status=status, kind=kind))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert (caught.value.kind, caught.value.status, len(server.requests)) == (ours, status, 1)
    assert KEY not in str(caught.value.info())


def test_unknown_model_is_named(fault_server: StartFaultServer) -> None:
    server = fault_server(refused("model: claude-x", status=404, kind="not_found_error"))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert caught.value.kind == "model_not_found" and MODEL in caught.value.user_text


def test_page_of_the_cdn_for_a_large_request_says_what_to_do(fault_server: StartFaultServer) -> None:
    page = b"<html><h1>413 Request Entity Too Large</h1></html>"
    server = fault_server(answer(413, page, {"content-type": "text/html"}))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert caught.value.kind == "bad_request" and "images" in caught.value.next_step


def test_used_up_limit_is_named_with_its_end(fault_server: StartFaultServer) -> None:
    until = (datetime.now(timezone.utc) + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%SZ")
    server = fault_server(refused(
        "slow down", status=429, kind="rate_limit_error", anthropic_ratelimit_input_tokens_limit="40000",
        anthropic_ratelimit_input_tokens_remaining="0", anthropic_ratelimit_input_tokens_reset=until,
        anthropic_ratelimit_requests_remaining="49",
    ))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, request()))

    assert caught.value.retry_after_s is not None and 30 < caught.value.retry_after_s <= 40
    assert "input tokens" in caught.value.user_text and "40,000" in caught.value.user_text


def test_models_of_all_pages_are_described_and_retired_ones_left_out(fault_server: StartFaultServer) -> None:
    def row(name: str, **more: Json) -> Dict[str, Json]:
        return {"id": name, "type": "model", "display_name": name.upper(), **more}

    can = {"supported": True}
    rich = row("claude-new", max_input_tokens=1_000_000, max_tokens=128_000, retires_at="2027-05-01T00:00:00Z",
               capabilities={"image_input": can, "pdf_input": {"supported": False}, "thinking": {
                   "supported": True, "types": {"adaptive": can, "enabled": {"supported": False}}},
                   "effort": {"supported": True, "low": can, "high": can}})
    pages = [
        {"data": [rich, row("claude-dead", lifecycle="retired")], "has_more": True, "last_id": "claude-dead"},
        {"data": [row("claude-3-haiku-20240307"), row("house-model"), rich], "has_more": False, "last_id": "x"},
    ]
    server = fault_server(*(
        answer(200, json.dumps(page).encode(), {"content-type": "application/json"}) for page in pages
    ), GOOD)

    async def look(provider: AnthropicProvider) -> Any:  # models
        models = await provider.models()
        await collect(provider, ChatRequest("claude-new", request().messages,
                                            parameters=Parameters(reasoning_effort="max")))
        return models

    models = {model.id: model for model in run(server.url, look)}

    assert [one.path for one in server.requests[:2]] == [
        "/v1/models?limit=1000", "/v1/models?limit=1000&after_id=claude-dead"]
    assert list(models) == ["claude-new", "claude-3-haiku-20240307", "house-model"]
    new, old, house = models.values()
    assert (new.name, new.context_tokens, new.max_output_tokens) == ("CLAUDE-NEW", 1_000_000, 128_000)
    assert new.capabilities == {"vision", "tools", "reasoning"}
    assert (new.efforts, new.expires, new.price_input) == (("low", "high"), "2027-05-01", None)
    assert (old.context_tokens, old.max_output_tokens) == (200_000, 4096)
    assert (house.context_tokens, house.capabilities) == (None, None)
    body = server.requests[2].json()
    assert (body["max_tokens"], body["output_config"]["effort"]) == (32_000, "high")
    assert body["thinking"]["type"] == "adaptive"


def test_server_without_a_list_has_its_models_named_by_hand(fault_server: StartFaultServer) -> None:
    server = fault_server(answer(404, b"{}", {"content-type": "application/json"}))

    async def look(provider: AnthropicProvider) -> Any:  # models, and what is known of one
        return await provider.models(), await provider.model_info("claude-sonnet-4-5")

    models, info = run(server.url, look)

    assert models == () and (info.context_tokens, info.price_input) == (200_000, None)


def test_thinking_that_is_asked_for_comes_back_signed_in_the_next_request(model_server: FakeModelServer) -> None:
    model_server.thinking = ("hm", " ok")

    async def converse(provider: AnthropicProvider) -> str:
        opaque = []
        async for event in provider.stream(request(Parameters(reasoning_effort="low", temperature=0.2))):
            opaque += [event.payload] if type(event).__name__ == "ThinkingOpaque" else []  # type: ignore[union-attr]  # by name
        said = Message("2", "c", "1", "assistant", "Hello.", reasoning_opaque=tuple(opaque), provider="anthropic",
                       model=MODEL)
        path = (*request().messages, said, Message("3", "c", "2", "user", "more"))
        events = await collect(provider, ChatRequest(MODEL, path))
        return "".join(event.text for event in events if isinstance(event, TextDelta))

    assert run(model_server.url, converse) == "Hello, artist."
    (_, second) = model_server.chats
    assert second.json()["messages"][1]["content"][0] == {
        "type": "thinking", "thinking": "hm ok", "signature": "c2lnbmVk"}

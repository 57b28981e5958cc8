"""The vendors of OpenAI's dialect: who is who, what each is sent, and what each is told when it refuses."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional

import pytest

from nuke_ai_panel.core.passing import address_of
from nuke_ai_panel.core.provider_status import Trust, trust_of
from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.events import Progress, StreamEvent, StreamWarning, TextDelta, ThinkingDelta, UsageReport
from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers import openai_provider
from nuke_ai_panel.providers.azure_address import DEFAULT_API_VERSION, read_address
from nuke_ai_panel.providers.base import ChatRequest, ModelInfo, Parameters, ToolSpec
from nuke_ai_panel.providers.openai_dialect import encode
from nuke_ai_panel.providers.openai_provider import OpenAIProvider
from nuke_ai_panel.providers.openai_vendors import VENDORS, vendor_of
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.settings.presets import BUILT_IN

from ..fakes.fault_server import FaultServer, json_answer, sse
from ..fakes.fixtures import StartFaultServer
from ..fakes.server import Behaviour, Connection, Request

GOOD = sse([{"id": "c", "model": "m", "choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]}])
QUESTION = Message("1", "c", None, "user", "hi")
OPEN_SCHEMA = {"type": "object", "title": "Shot list!", "properties": {"n": {"type": "integer"}}}
CLOSED_SCHEMA = {**OPEN_SCHEMA, "required": ["n"], "additionalProperties": False}
PDF = Attachment("b", "file", "b.pdf", media_type="application/pdf", data_base64="JVBERi0=")


def row(vendor: str, base_url: Optional[str], **more: Any) -> ProviderSettings:  # the row's own fields
    options = {"vendor": vendor, **more.pop("options", {})} if vendor else more.pop("options", {})
    return ProviderSettings("mine", kind="openai", title="Studio", base_url=base_url, options=options,
                            first_event_timeout_s=10, idle_timeout_s=10, **more)


def body(vendor: str, *messages: Message, **more: Any) -> Dict[str, Json]:  # the fields of a request
    request = ChatRequest(more.pop("model", "m"), messages or (QUESTION,), **more)
    return encode(request, VENDORS[vendor].dialect, provider="mine", label="Studio")


def run(settings: ProviderSettings, work: Callable[[OpenAIProvider], Awaitable[Any]], key: Optional[str] = None) -> Any:
    async def inside() -> Any:  # the work's own result
        made = OpenAIProvider(settings, key=key)
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(inside())


def asking(**more: Any) -> Callable[[OpenAIProvider], Awaitable[List[StreamEvent]]]:  # the fields of a request
    async def ask(made: OpenAIProvider) -> List[StreamEvent]:
        request = ChatRequest(more.get("model", "m"), (QUESTION,), **{k: v for k, v in more.items() if k != "model"})
        return [event async for event in made.stream(request)]

    return ask


def text_of(events: List[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# ---------------------------------------------------------------- who is who


@pytest.mark.parametrize(("name", "options", "base_url", "vendor"), [
    ("openai", {}, "https://api.openai.com/v1", "openai"),
    ("openai", {}, "http://127.0.0.1:9/v1", ""),
    ("openai", {}, "https://api.groq.com/openai/v1", "groq"),
    ("groq", {}, "https://gateway.lan/groq/v1", "groq"),
    ("studio", {}, "https://studio.openai.azure.com", "azure"),
    ("studio", {}, "https://studio.services.ai.azure.com/openai/v1", "azure"),
    ("studio", {}, "https://evil-openai.azure.com.example.org/v1", ""),
    ("studio", {}, "https://API.DeepSeek.com./v1", "deepseek"),
    ("studio", {"vendor": "litellm"}, "https://llm.example.com/v1", "litellm"),
    ("studio", {}, "https://llm.example.com/v1", ""),
])
def test_vendor_is_known_by_option_then_name_then_host(
    name: str, options: Mapping[str, Json], base_url: str, vendor: str
) -> None:
    settings = ProviderSettings(name, kind="openai", base_url=base_url, options=options)

    assert vendor_of(settings, base_url).name == vendor


def test_option_that_names_no_vendor_lists_them() -> None:
    with pytest.raises(SettingsError, match="deepseek"):
        OpenAIProvider(row("acme", "http://127.0.0.1:9/v1"))


def test_every_preset_of_the_dialect_is_a_vendor_and_goes_to_its_own_address() -> None:
    for name, preset in BUILT_IN.items():
        if preset["kind"] == "openai":
            assert name in VENDORS
    assert OpenAIProvider(row("groq", None))._base == BUILT_IN["groq"]["base_url"]


def test_gateway_on_this_machine_is_not_taken_for_a_model_on_this_machine() -> None:
    settings = row("litellm", "http://127.0.0.1:4000/v1")
    gateway, server = OpenAIProvider(settings), OpenAIProvider(row("vllm", "http://127.0.0.1:8000/v1"))

    assert (gateway.is_local, gateway.needs_key, trust_of(settings)) == (False, False, Trust.OUTSIDE)
    assert (server.is_local, server.needs_key) == (True, False)


@pytest.mark.parametrize(("vendor", "address"), [("groq", "https://api.groq.com/openai/v1"),
                                                 ("openai", "https://api.openai.com/v1")])
def test_row_without_an_address_tells_the_policy_where_it_really_sends(vendor: str, address: str) -> None:
    settings = row(vendor, None)

    assert address_of(settings, OpenAIProvider(settings)) == address


# ---------------------------------------------------------------- what each is sent


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_what_is_not_set_is_not_sent(vendor: str) -> None:
    expected: Dict[str, Json] = {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True,
        "stream_options": {"include_usage": True},
    }
    if vendor == "llamacpp":
        expected["return_progress"] = True

    assert body(vendor) == expected


@pytest.mark.parametrize(("vendor", "field"), [
    ("openai", "max_completion_tokens"), ("azure", "max_completion_tokens"), ("groq", "max_completion_tokens"),
    ("xai", "max_completion_tokens"), ("deepseek", "max_tokens"), ("vllm", "max_tokens"), ("lmstudio", "max_tokens"),
    ("llamacpp", "max_tokens"), ("litellm", "max_tokens"),
])
def test_length_has_the_name_that_the_vendor_knows(vendor: str, field: str) -> None:
    sent = body(vendor, parameters=Parameters(max_tokens=5))

    assert {key: value for key, value in sent.items() if key.startswith("max_")} == {field: 5}


@pytest.mark.parametrize(("vendor", "model", "role"), [
    ("openai", "o3-mini", "developer"), ("openai", "gpt-5.2", "developer"), ("openai", "gpt-4o", "system"),
    ("azure", "o4-mini", "developer"), ("vllm", "gpt-5-clone", "system"), ("deepseek", "deepseek-chat", "system"),
])
def test_system_prompt_comes_from_a_developer_only_where_one_is_known(vendor: str, model: str, role: str) -> None:
    assert body(vendor, model=model, system="Be brief.")["messages"][0] == {"role": role, "content": "Be brief."}


@pytest.mark.parametrize("vendor", ["openai", "azure", "groq", "xai", "lmstudio", "vllm", "llamacpp", "litellm"])
def test_schema_is_held_by_the_server(vendor: str) -> None:
    assert body(vendor, schema=OPEN_SCHEMA)["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "Shot_list", "schema": OPEN_SCHEMA}}
    assert body(vendor, schema=CLOSED_SCHEMA)["response_format"]["json_schema"]["strict"] is True


def test_schema_goes_to_deepseek_as_json_mode_with_the_schema_in_the_prompt() -> None:
    sent = body("deepseek", schema=OPEN_SCHEMA, system="Be brief.")

    assert sent["response_format"] == {"type": "json_object"}
    prompt = sent["messages"][0]["content"]
    assert prompt.startswith("Be brief.\n\n") and "JSON Schema" in prompt


@pytest.mark.parametrize(("vendor", "effort", "fields"), [
    ("openai", "none", {"reasoning_effort": "none"}), ("deepseek", "none", {"thinking": {"type": "disabled"}}),
    ("deepseek", "high", {"reasoning_effort": "high"}),
    ("llamacpp", "off", {"chat_template_kwargs": {"enable_thinking": False}}),
    ("vllm", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
    ("vllm", "low", {"reasoning_effort": "low"}), ("xai", "low", {"reasoning_effort": "low"}),
])
def test_thinking_is_switched_in_the_vendors_way(vendor: str, effort: str, fields: Dict[str, Json]) -> None:
    sent = body(vendor, parameters=Parameters(reasoning_effort=effort))

    names = ("reasoning_effort", "thinking", "chat_template_kwargs")
    assert {name: sent[name] for name in names if name in sent} == fields


def test_thoughts_go_back_to_deepseek_with_every_call_and_to_nobody_else() -> None:
    calls = (ToolCall("x", "f", {}),)
    path = (
        QUESTION, Message("2", "c", "1", "assistant", "", tool_calls=calls, reasoning="Hm.", provider="mine"),
        Message("3", "c", "2", "tool", "r", tool_call_id="x"),
        Message("4", "c", "3", "assistant", "So.", reasoning="Ah.", provider="mine"),
        Message("5", "c", "4", "user", "and?"),
        Message("6", "c", "5", "assistant", "", tool_calls=calls, reasoning="Another's.", provider="other"),
        Message("7", "c", "6", "tool", "r", tool_call_id="x"),
    )

    sent = body("deepseek", *path)["messages"]

    assert [one.get("reasoning_content") for one in sent] == [None, "Hm.", None, None, None, "", None]
    assert not any("reasoning_content" in one for one in body("openai", *path)["messages"])


@pytest.mark.parametrize("vendor", ["openai", "azure", "litellm"])
def test_pdf_goes_as_a_file_after_the_text(vendor: str) -> None:
    (message,) = body(vendor, Message("1", "c", None, "user", "what?", attachments=(PDF,)))["messages"]

    assert message["content"] == [
        {"type": "text", "text": "what?"},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]


@pytest.mark.parametrize("vendor", ["deepseek", "groq", "xai", "lmstudio", "vllm", "llamacpp"])
def test_pdf_is_refused_where_the_vendor_cannot_read_it(vendor: str) -> None:
    with pytest.raises(ProviderError) as caught:
        body(vendor, Message("1", "c", None, "user", "what?", attachments=(PDF,)))

    assert caught.value.kind == "unsupported_feature"
    assert caught.value.user_text == "Studio cannot read PDF files, so b.pdf was not sent."


def test_row_says_whether_tools_may_come_side_by_side(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)
    tools = (ToolSpec("f", "Does f.", {"type": "object"}),)

    run(row("", f"{server.url}/v1", options={"parallel_tool_calls": False}), asking(tools=tools))
    run(row("", f"{server.url}/v1", options={"parallel_tool_calls": False}), asking())

    assert server.requests[0].json()["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in server.requests[1].json()


# ---------------------------------------------------------------- Azure


@pytest.mark.parametrize(("base_url", "version", "chat"), [
    ("https://s.openai.azure.com", None,
     f"https://s.openai.azure.com/openai/deployments/gpt%204/chat/completions?api-version={DEFAULT_API_VERSION}"),
    ("https://s.openai.azure.com/openai", "2025-01-01-preview",
     "https://s.openai.azure.com/openai/deployments/gpt%204/chat/completions?api-version=2025-01-01-preview"),
    ("https://s.openai.azure.com/openai/deployments/mine?api-version=2024-06-01", None,
     "https://s.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-06-01"),
    ("https://s.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-06-01", "2025-02-02",
     "https://s.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2025-02-02"),
    ("https://s.openai.azure.com/openai/v1", None, "https://s.openai.azure.com/openai/v1/chat/completions"),
    ("https://s.openai.azure.com/openai/v1/", "preview",
     "https://s.openai.azure.com/openai/v1/chat/completions?api-version=preview"),
    ("https://apim.example.com/llm/openai", None,
     f"https://apim.example.com/llm/openai/deployments/gpt%204/chat/completions?api-version={DEFAULT_API_VERSION}"),
])
def test_azure_is_reached_however_much_of_its_address_was_pasted(
    base_url: str, version: Optional[str], chat: str
) -> None:
    assert read_address(base_url, version).chat_url("gpt 4") == chat


def test_azure_gets_its_key_in_its_own_header(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)

    run(row("azure", server.url, options={"api_version": "2025-01-01"}), asking(model="mine"), key="k-1")

    (sent,) = server.requests
    assert (sent.headers["api-key"], "authorization" in sent.headers) == ("k-1", False)
    assert sent.path == "/openai/deployments/mine/chat/completions?api-version=2025-01-01"


def test_azure_without_an_address_says_so_and_sends_the_key_nowhere() -> None:
    with pytest.raises(SettingsError) as caught:
        OpenAIProvider(row("azure", None), key="k-1")

    assert caught.value.user_text == "Studio needs the address of your resource."


def test_azure_offers_its_deployments_or_the_one_in_its_address(fault_server: StartFaultServer) -> None:
    server = fault_server(json_answer({"data": [
        {"id": "chat", "model": "gpt-4o", "status": "succeeded"},
        {"id": "new", "model": "gpt-4o", "status": "creating"},
        {"id": "emb", "model": "text-embedding-3-small", "status": "succeeded"},
    ]}))

    listed = run(row("azure", server.url), lambda made: made.models())
    named = run(row("azure", f"{server.url}/openai/deployments/other"), lambda made: made.models())

    assert [(one.id, one.name) for one in listed] == [("chat", "chat (gpt-4o)")]
    assert [one.id for one in named] == ["other"]


def test_azure_that_lists_nothing_still_takes_a_model_by_hand(fault_server: StartFaultServer) -> None:
    server = fault_server(json_answer({"error": {"code": "404", "message": "Resource not found"}}, 404))

    assert run(row("azure", server.url), lambda made: made.models()) == ()


# ---------------------------------------------------------------- lists, windows and prices


def by_path(answers: Mapping[str, Json]) -> Behaviour:
    async def behave(connection: Connection, request: Request) -> None:
        known = answers.get(request.path)
        await json_answer(known if known is not None else {}, 200 if known is not None else 404)(connection, request)

    return behave


def models(server: FaultServer, vendor: str) -> List[ModelInfo]:
    return list(run(row(vendor, f"{server.url}/v1"), lambda made: made.models()))


def test_xai_tells_prices_and_what_a_model_sees(fault_server: StartFaultServer) -> None:
    server = fault_server(by_path({
        "/v1/models": {"data": [{"id": "grok"}, {"id": "other"}]},
        "/v1/language-models": {"models": [{
            "id": "grok", "input_modalities": ["text", "image"], "max_prompt_length": 256000,
            "prompt_text_token_price": 30000, "completion_text_token_price": 150000}]},
    }))

    grok, other = models(server, "xai")

    assert (grok.price_input, grok.price_output, grok.context_tokens) == (3.0, 15.0, 256000)
    assert (grok.capabilities, other.price_input) == ({"vision"}, None)


def test_litellm_tells_windows_abilities_and_prices(fault_server: StartFaultServer) -> None:
    info = {"max_input_tokens": 200000, "max_output_tokens": 8192, "supports_vision": True, "supports_pdf_input": None,
            "supports_function_calling": True, "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05}
    server = fault_server(by_path({
        "/v1/models": {"data": [{"id": "claude"}, {"id": "bare"}]},
        "/model/info": {"data": [{"model_name": "claude", "model_info": info}, {"model_name": "claude"},
                                 {"model_name": "bare", "model_info": {"input_cost_per_token": None}}]},
    }))

    claude, bare = models(server, "litellm")

    assert (claude.context_tokens, claude.max_output_tokens) == (200000, 8192)
    assert (claude.price_input, claude.price_output) == (3.0, 15.0)
    assert claude.capabilities == {"vision", "tools"}
    assert (bare.capabilities, bare.price_input) == (None, None)


def test_groq_tells_windows_and_leaves_out_what_it_switched_off(fault_server: StartFaultServer) -> None:
    server = fault_server(by_path({"/v1/models": {"data": [
        {"id": "llama", "active": True, "context_window": 131072, "max_completion_tokens": 32768},
        {"id": "old", "active": False}, {"id": "whisper-large-v3", "active": True},
    ]}}))

    (llama,) = models(server, "groq")

    assert (llama.id, llama.context_tokens, llama.max_output_tokens) == ("llama", 131072, 32768)


@pytest.mark.parametrize("vendor", ["xai", "litellm", "lmstudio", "vllm", "llamacpp", "deepseek"])
def test_list_does_without_the_vendors_own_endpoint(fault_server: StartFaultServer, vendor: str) -> None:
    server = fault_server(by_path({"/v1/models": {"data": [{"id": "m"}]}}))

    assert [one.id for one in models(server, vendor)] == ["m"]


# ---------------------------------------------------------------- answers


def test_groq_keeps_thoughts_that_come_in_the_text_apart(fault_server: StartFaultServer) -> None:
    server = fault_server(sse([
        {"id": "c", "choices": [{"delta": {"content": "<think>Hm."}}]},
        {"id": "c", "choices": [{"delta": {"content": "</think>Yes."}, "finish_reason": "stop"}],
         "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}},
    ]))

    events = run(row("groq", f"{server.url}/v1"), asking())

    assert ("".join(one.text for one in events if isinstance(one, ThinkingDelta)), text_of(events)) == ("Hm.", "Yes.")
    assert [one.usage.total for one in events if isinstance(one, UsageReport)] == [5]


def test_cost_in_ticks_and_hits_of_the_cache_are_read(fault_server: StartFaultServer) -> None:
    server = fault_server(sse([
        {"id": "c", "choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {
            "prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4, "cost_in_usd_ticks": 37756000}},
    ]))

    (report,) = [one for one in run(row("xai", f"{server.url}/v1"), asking()) if isinstance(one, UsageReport)]

    assert (report.usage.cost_usd, report.usage.cache_read) == (0.0037756, 4)


def test_llamacpp_that_loads_its_model_is_waited_for_visibly(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_provider, "LOADING_POLL_S", 0.02)
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    answers = [json_answer(loading, 503), json_answer(loading, 503), GOOD]

    async def behave(connection: Connection, request: Request) -> None:
        await answers.pop(0)(connection, request)

    events = run(row("llamacpp", f"{fault_server(behave).url}/v1"), asking())

    waits = [one for one in events if isinstance(one, Progress)]
    assert waits == [Progress("loading", detail="m", is_told=False)] * 2
    assert text_of(events) == "yes"


@pytest.mark.parametrize(("vendor", "patience_s"), [("llamacpp", 0.1), ("groq", 10.0)])
def test_loading_that_does_not_end_is_an_error(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch, vendor: str, patience_s: float
) -> None:
    monkeypatch.setattr(openai_provider, "LOADING_POLL_S", 0.02)
    server = fault_server(json_answer({"error": {"code": 503, "message": "Loading model"}}, 503))
    settings = ProviderSettings("mine", kind="openai", base_url=f"{server.url}/v1", options={"vendor": vendor},
                                first_event_timeout_s=patience_s)

    with pytest.raises(ProviderError) as caught:
        run(settings, asking())

    assert caught.value.kind == "overloaded"


# ---------------------------------------------------------------- repairs


def refusing(is_refused: Callable[[Dict[str, Json]], bool], message: str, **error: Json) -> Behaviour:
    async def behave(connection: Connection, request: Request) -> None:
        refused = json_answer({"error": {"message": message, **error}}, 400)
        await (refused if is_refused(request.json()) else GOOD)(connection, request)

    return behave


def test_schema_steps_down_until_the_server_takes_it(fault_server: StartFaultServer) -> None:
    server = fault_server(refusing(lambda sent: "response_format" in sent,
                                   "This model does not support response format `json_schema`."))
    settings = row("groq", f"{server.url}/v1")

    events = run(settings, asking(schema=OPEN_SCHEMA))

    formats = [(one.json().get("response_format") or {}).get("type") for one in server.requests]
    assert formats == ["json_schema", "json_object", None]
    assert "JSON Schema" in server.requests[-1].json()["messages"][0]["content"]
    assert [one.code for one in events if isinstance(one, StreamWarning)] == ["parameter_dropped:response_format"]
    assert text_of(events) == "yes"


def test_server_that_knows_no_json_mode_gets_the_schema_in_words(fault_server: StartFaultServer) -> None:
    server = fault_server(refusing(
        lambda sent: (sent.get("response_format") or {}).get("type") == "json_object",
        "'response_format.type' must be 'json_schema' or 'text'"))
    settings = row("deepseek", f"{server.url}/v1")

    assert text_of(run(settings, asking(schema=OPEN_SCHEMA))) == "yes"
    assert "response_format" not in server.requests[-1].json()


@pytest.mark.parametrize(("vendor", "model", "message", "roles"), [
    ("openai", "o1", "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
     ["developer", "system"]),
    ("azure", "gpt-5", "Invalid value: 'developer'. Supported values are: 'system', 'assistant', 'user'.",
     ["developer", "system"]),
    ("vllm", "gemma", "System role not supported", ["system", "user"]),
    ("vllm", "mistral", "Unexpected message role.", ["system", "user"]),
])
def test_role_of_the_prompt_steps_down_until_the_server_takes_it(
    fault_server: StartFaultServer, vendor: str, model: str, message: str, roles: List[str]
) -> None:
    server = fault_server(refusing(lambda sent: sent["messages"][0]["role"] == roles[0], message))

    events = run(row(vendor, f"{server.url}/v1"), asking(model=model, system="Be brief."))

    assert [one.json()["messages"][0]["role"] for one in server.requests] == roles
    assert "Be brief." in server.requests[-1].json()["messages"][0]["content"]
    assert text_of(events) == "yes"


def test_older_server_without_parallel_tool_calls_is_asked_without(fault_server: StartFaultServer) -> None:
    server = fault_server(refusing(lambda sent: "parallel_tool_calls" in sent,
                                   "Unrecognized request argument supplied: parallel_tool_calls"))
    tools = (ToolSpec("f", "Does f.", {"type": "object"}),)

    events = run(row("", f"{server.url}/v1", options={"parallel_tool_calls": True}), asking(tools=tools))

    assert text_of(events) == "yes"
    assert not [one for one in events if isinstance(one, StreamWarning)]

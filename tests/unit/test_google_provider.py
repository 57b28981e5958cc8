"""The Gemini provider over a real socket: where the key travels, the pages of models, what a model refuses."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Dict, List, Optional

import pytest

from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.events import StreamEvent, StreamWarning, TextDelta
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers.base import ChatRequest, Parameters
from nuke_ai_panel.providers.google_provider import GoogleProvider
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.fault_server import FaultServer, json_answer, sse
from ..fakes.fixtures import StartFaultServer
from ..fakes.server import Behaviour, Connection, Request

KEY = "AIzaSyTestTestTestTestTestTestTestTest0"
GOOD = sse([{"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}])
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def provider(base_url: Optional[str], **more: Any) -> GoogleProvider:  # the row's own fields
    row = ProviderSettings("google", kind="google", title="Gemini", base_url=base_url, first_event_timeout_s=10,
                           idle_timeout_s=10, **more)
    return GoogleProvider(row, key=KEY)


def run(server: FaultServer, work: Callable[[GoogleProvider], Awaitable[Any]], **more: Any) -> Any:  # its result
    async def inside() -> Any:  # see above
        made = provider(f"{server.url}/v1beta", **more)
        try:
            return await work(made)
        finally:
            await made.close()

    return asyncio.run(inside())


async def ask(made: GoogleProvider, model: str = "gemini-x", **more: Any) -> List[StreamEvent]:  # a request's fields
    request = ChatRequest(model, (Message("1", "c", None, "user", "hi"),), **more)
    return [event async for event in made.stream(request)]


def refusing(word: str, message: str, then: Behaviour = GOOD) -> Behaviour:
    """Refuses every request in whose body `word` stands."""

    async def behave(connection: Connection, request: Request) -> None:
        refused = json_answer({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}, 400)
        await (refused if word.encode() in request.body else then)(connection, request)

    return behave


def test_key_travels_in_its_header_and_nowhere_else(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)

    run(server, ask)

    (sent,) = server.requests
    assert sent.headers["x-goog-api-key"] == KEY
    assert sent.path == "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
    assert "authorization" not in sent.headers and KEY.encode() not in sent.body


@pytest.mark.parametrize("url", ["https://proxy.lan/v1beta?key=AIzaX", "https://proxy.lan/v1beta?alt=sse&KEY="])
def test_address_with_a_key_in_it_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider(url)

    assert "address" in caught.value.user_text and "AIza" not in str(caught.value) + caught.value.user_text


@pytest.mark.parametrize(("base_url", "path"), [
    ("", "/v1beta/models/m:"), ("/v1", "/v1/models/m:"), ("/v1beta/models/m:generateContent", "/v1beta/models/m:"),
    ("/gateway/v1beta/", "/gateway/v1beta/models/m:"),
])
def test_address_is_completed_as_people_paste_it(fault_server: StartFaultServer, base_url: str, path: str) -> None:
    server = fault_server(GOOD)

    async def work() -> None:
        made = provider(server.url + base_url)
        try:
            await ask(made, "m")
        finally:
            await made.close()

    asyncio.run(work())

    assert server.requests[0].path.startswith(path)


@pytest.mark.parametrize(("model", "path"), [
    ("models/gemini-x", "models/gemini-x"), ("tunedModels/mine", "tunedModels/mine"),
    ("../../x?y#z", "models/..%2F..%2Fx%3Fy%23z"),
    ("models/../x", "models/..%2Fx"), ("gemini x", "models/gemini%20x"),
])
def test_model_is_named_in_the_path_and_cannot_leave_it(
    fault_server: StartFaultServer, model: str, path: str
) -> None:
    server = fault_server(GOOD)

    run(server, lambda made: ask(made, model))

    assert server.requests[0].path == f"/v1beta/{path}:streamGenerateContent?alt=sse"


def test_models_are_gathered_from_all_pages_and_those_that_do_not_chat_are_left_out(
    fault_server: StartFaultServer
) -> None:
    def row(name: str, **more: Json) -> Dict[str, Json]:
        return {"name": f"models/{name}", "inputTokenLimit": 1000, "outputTokenLimit": 10,
                "supportedGenerationMethods": ["generateContent"], **more}

    pages: Dict[str, Json] = {
        "": {"models": [row("gemini-2.5-pro", thinking=True, displayName="Pro"), row("gemini-2.0-flash"),
                        row("embedding-001", supportedGenerationMethods=["embedContent"])], "nextPageToken": "p 2"},
        "p%202": {"models": [row("gemini-2.5-pro"), row("gemini-2.5-flash-preview-tts"), row("gemma-3"), 5]},
    }

    async def behave(connection: Connection, request: Request) -> None:
        await json_answer(pages[request.path.partition("pageToken=")[2]])(connection, request)

    models = run(fault_server(behave), lambda made: made.models())

    assert [model.id for model in models] == ["gemini-2.5-pro", "gemini-2.0-flash", "gemma-3"]
    assert (models[0].name, models[0].context_tokens, models[0].max_output_tokens) == ("Pro", 1000, 10)
    assert models[0].capabilities == {"vision", "pdf", "tools", "json", "reasoning"}
    assert "reasoning" not in models[1].capabilities and models[2].capabilities is None
    assert {model.price_input for model in models} == {None}


@pytest.mark.parametrize(("word", "message", "request_fields", "lost"), [
    ("responseJsonSchema", "Unknown name \"responseJsonSchema\" at 'generation_config': Cannot find field.",
     {"schema": SCHEMA}, None),
    ("responseMimeType", "JSON mode is not enabled for models/gemma-3-27b-it", {"schema": SCHEMA}, None),
    ("systemInstruction", "Developer instruction is not enabled for models/gemma-3-27b-it", {"system": "S"}, None),
    ("thinkingConfig", "Thinking is not enabled for models/x", {"parameters": Parameters(reasoning_effort="low")},
     "reasoning_effort"),
    ("thinkingLevel", "Thinking level is not supported for this model.",
     {"parameters": Parameters(reasoning_effort="high")}, "reasoning_effort"),
    ("\"seed\"", "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config'",
     {"parameters": Parameters(seed=1)}, "seed"),
])
def test_what_a_model_refuses_is_left_out_once_and_remembered(
    fault_server: StartFaultServer, word: str, message: str, request_fields: Dict[str, Any], lost: Optional[str]
) -> None:
    server = fault_server(refusing(word, message))

    async def twice(made: GoogleProvider) -> List[StreamEvent]:
        await ask(made, **request_fields)
        return await ask(made, **request_fields)

    events = run(server, twice)

    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "yes"
    assert len(server.requests) == 3
    warned = [event.code for event in events if isinstance(event, StreamWarning)]
    assert warned == ([f"parameter_dropped:{lost}"] if lost else [])


def test_refusal_that_names_nothing_that_was_sent_is_reported(fault_server: StartFaultServer) -> None:
    server = fault_server(refusing("contents", "Please use a valid role: user, model."))

    with pytest.raises(ProviderError) as caught:
        run(server, ask)

    assert (caught.value.kind, len(server.requests)) == ("bad_request", 1)


def test_model_that_the_list_calls_a_thinker_is_asked_for_its_thoughts(fault_server: StartFaultServer) -> None:
    listed: Json = {"models": [{"name": "models/gemini-x", "thinking": True}]}

    async def behave(connection: Connection, request: Request) -> None:
        await (json_answer(listed) if request.method == "GET" else GOOD)(connection, request)

    async def look_and_ask(made: GoogleProvider) -> None:
        await made.model_info("gemini-x")
        await ask(made)

    server = fault_server(behave)
    run(server, look_and_ask)

    assert server.requests[-1].json()["generationConfig"] == {"thinkingConfig": {"includeThoughts": True}}


@pytest.mark.parametrize(("options", "name"), [
    ({"thoughts": "yes"}, "thoughts"), ({"safety": {"X": 1}}, "safety"), ({"cached_content": 1}, "cached_content"),
    ({"extra_body": 1}, "extra_body"),
])
def test_option_of_the_wrong_type_is_named(options: Dict[str, Json], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        provider("https://g.example/v1beta", options=options)

"""What each provider that speaks HTTP does beyond the contract: keys, model lists, repairs, loading, prices."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Dict, List, Optional

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, Progress, StreamEvent, StreamStarted, StreamWarning, TextDelta, UsageReport
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers import ollama_provider
from nuke_ai_panel.providers.base import ChatRequest, ModelInfo, Parameters, Provider
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.openai_provider import OpenAIProvider
from nuke_ai_panel.providers.openrouter_provider import OpenRouterProvider
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.fault_server import FaultServer, answer, json_answer, sse, stream
from ..fakes.fixtures import StartFaultServer
from ..fakes.server import Behaviour, Connection, Request

QUESTION = Message("1", "c", None, "user", "hi")
CHAT = "/v1/chat/completions"
GOOD = sse([{"id": "c", "model": "m", "choices": [{"delta": {"content": "yes"}, "finish_reason": "stop"}]}])
OLLAMA_GOOD = stream(
    [b'{"model":"m","message":{"content":"yes"},"done":true,"done_reason":"stop"}\n'],
    headers={"Content-Type": "application/x-ndjson"},
)


def row(kind: str, base_url: str, **more: Any) -> ProviderSettings:  # the row's own fields
    return ProviderSettings(
        name=kind, kind=kind, base_url=base_url, first_event_timeout_s=10, idle_timeout_s=10, **more
    )


def run(provider: Provider, work: Callable[[Any], Awaitable[Any]]) -> Any:  # any provider, any result
    async def inside() -> Any:  # see above
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(inside())


async def collect(provider: Provider, **more: Any) -> List[StreamEvent]:  # the fields of a request
    return [event async for event in provider.stream(ChatRequest("m", (QUESTION,), **more))]


def text_of(events: List[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def refusing(word: str, message: str, then: Behaviour, *, param: Optional[str] = None) -> Behaviour:
    """Refuses every request that has the field `word`."""

    async def behave(connection: Connection, request: Request) -> None:
        if word in request.json():
            error = {
                "message": message,
                "param": param,
                "code": "unsupported_parameter",
                "type": "invalid_request_error",
            }
            await json_answer({"error": error}, 400)(connection, request)
        else:
            await then(connection, request)

    return behave


# ---------------------------------------------------------------- OpenAI and its like


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_no_authorization_is_sent(fault_server: StartFaultServer, key: Optional[str]) -> None:
    server = fault_server(GOOD)

    run(OpenAIProvider(row("openai", server.url + "/v1"), key=key), collect)

    assert "authorization" not in server.requests[0].headers


def test_key_and_own_headers_are_sent(fault_server: StartFaultServer) -> None:
    server = fault_server(GOOD)
    settings = row("openai", server.url + "/v1", headers={"OpenAI-Project": "p"})

    run(OpenAIProvider(settings, key=" sk-1 \n"), collect)

    assert server.requests[0].headers["authorization"] == "Bearer sk-1"
    assert server.requests[0].headers["openai-project"] == "p"


@pytest.mark.parametrize(
    ("base_url", "headers", "needs_key", "is_local"),
    [
        ("https://api.openai.com/v1", {}, True, False),
        (None, {}, True, False),
        ("http://127.0.0.1:1234/v1", {}, False, True),
        ("http://10.0.0.5:8000/v1", {}, False, True),
        ("https://llm.example.com/v1", {}, True, False),
        ("https://llm.example.com/v1", {"Api-Key": "x"}, False, False),
    ],
)
def test_only_servers_outside_need_a_key(
    base_url: Optional[str], headers: Dict[str, str], needs_key: bool, is_local: bool
) -> None:
    provider = OpenAIProvider(ProviderSettings(name="o", kind="openai", base_url=base_url, headers=headers))

    assert (provider.needs_key, provider.is_local) == (needs_key, is_local)


@pytest.mark.parametrize(
    "listed",
    [
        {"object": "list", "data": [{"id": "a"}, {"id": "b"}, {"id": "a"}]},
        {"models": [{"id": "a"}, {"name": "b"}]},
        [{"id": "a"}, {"id": "b"}],
        ["a", "b"],
        {"data": [{"id": "a"}, {"id": ""}, 7, {"id": "b"}, {"id": "text-embedding-3-small"}]},
    ],
)
def test_model_list_of_any_shape_is_read(fault_server: StartFaultServer, listed: Json) -> None:
    server = fault_server(json_answer({}, 404), routes={"/v1/models": json_answer(listed)})

    models = run(OpenAIProvider(row("openai", server.url + "/v1")), lambda provider: provider.models())

    assert [model.id for model in models] == ["a", "b"]


def test_server_without_a_list_has_no_models_but_answers(fault_server: StartFaultServer) -> None:
    server = fault_server(answer(404, b"404 page not found"))

    async def look(provider: Provider) -> Any:  # models, model
        return await provider.models(), await provider.model_info("by-hand")

    models, info = run(OpenAIProvider(row("openai", server.url + "/v1")), look)

    assert models == ()
    assert info == ModelInfo("by-hand", "openai", local=True)


def test_windows_are_found_where_each_server_keeps_them(fault_server: StartFaultServer) -> None:
    def info(routes: Dict[str, Json]) -> ModelInfo:
        server = fault_server(json_answer({}, 404), routes={path: json_answer(body) for path, body in routes.items()})
        found: ModelInfo = run(OpenAIProvider(row("openai", server.url + "/v1")), lambda p: p.model_info("a"))
        return found

    vllm = info({"/v1/models": {"data": [{"id": "a", "owned_by": "vllm", "max_model_len": 32768}]}})
    llamacpp = info(
        {
            "/v1/models": {"data": [{"id": "a", "owned_by": "llamacpp"}]},
            "/props": {"default_generation_settings": {"n_ctx": 4096}, "modalities": {"vision": True}},
        }
    )
    lmstudio = info(
        {
            "/v1/models": {"data": [{"id": "a"}]},
            "/api/v1/models": {
                "models": [
                    {
                        "type": "llm",
                        "key": "a",
                        "display_name": "A",
                        "max_context_length": 131072,
                        "loaded_instances": [{"id": "a", "config": {"context_length": 8192}}],
                        "capabilities": {"vision": False, "trained_for_tool_use": True, "reasoning": {"default": "on"}},
                    }
                ]
            },
        }
    )
    silent = info({"/v1/models": {"data": [{"id": "a"}]}})

    assert vllm.context_tokens == 32768
    assert (llamacpp.context_tokens, llamacpp.capabilities) == (4096, frozenset({"vision"}))
    assert (lmstudio.context_tokens, lmstudio.name, lmstudio.loaded) == (8192, "A", True)
    assert lmstudio.capabilities == frozenset({"tools", "reasoning"})
    assert silent.context_tokens is None


def test_refused_parameter_is_repaired_once_and_remembered(fault_server: StartFaultServer) -> None:
    server = fault_server(
        refusing(
            "max_tokens",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            GOOD,
            param="max_tokens",
        )
    )

    async def ask_twice(provider: Provider) -> List[str]:
        return [text_of(await collect(provider, parameters=Parameters(max_tokens=9))) for _ in range(2)]

    said = run(OpenAIProvider(row("openai", server.url + "/v1")), ask_twice)

    assert said == ["yes", "yes"]
    assert [request.json().get("max_completion_tokens") for request in server.requests] == [None, 9, 9]


def test_dropped_parameter_is_told(fault_server: StartFaultServer) -> None:
    server = fault_server(refusing("temperature", "temperature is not supported with this model", GOOD))

    events = run(
        OpenAIProvider(row("openai", server.url + "/v1")),
        lambda provider: collect(provider, parameters=Parameters(temperature=0.2)),
    )

    assert StreamWarning("parameter_dropped:temperature") in events
    assert text_of(events) == "yes"


def test_server_that_refuses_for_ever_is_not_asked_for_ever(fault_server: StartFaultServer) -> None:
    error = {"message": "temperature, top_p, seed are not supported", "code": "unsupported_parameter"}
    server = fault_server(json_answer({"error": error}, 400))
    everything = Parameters(temperature=0.1, top_p=0.1, seed=1, stop=("x",), max_tokens=3)

    with pytest.raises(ProviderError, match="not supported"):
        run(OpenAIProvider(row("openai", server.url + "/v1")), lambda p: collect(p, parameters=everything))

    assert len(server.requests) <= 4


def test_base_url_of_a_host_alone_finds_v1(fault_server: StartFaultServer) -> None:
    server = fault_server(answer(404, b"404 page not found"), routes={CHAT: GOOD})

    async def ask_twice(provider: Provider) -> List[str]:
        return [text_of(await collect(provider)) for _ in range(2)]

    assert run(OpenAIProvider(row("openai", server.url)), ask_twice) == ["yes", "yes"]
    assert [request.path for request in server.requests] == ["/chat/completions", CHAT, CHAT]


def test_requests_that_leave_together_all_find_v1(fault_server: StartFaultServer) -> None:
    server = fault_server(answer(404, b"404 page not found"), routes={CHAT: GOOD})

    async def ask_together(provider: Provider) -> List[str]:
        return [text_of(one) for one in await asyncio.gather(*(collect(provider) for _ in range(5)))]

    assert run(OpenAIProvider(row("openai", server.url)), ask_together) == ["yes"] * 5
    assert sorted(request.path for request in server.requests) == ["/chat/completions"] * 5 + [CHAT] * 5


def test_wrong_path_says_so(fault_server: StartFaultServer) -> None:
    server = fault_server(answer(404, b"404 page not found"))

    with pytest.raises(ProviderError) as caught:
        run(OpenAIProvider(row("openai", server.url + "/wrong")), collect)

    assert (caught.value.kind, len(server.requests)) == ("bad_request", 1)
    assert "/v1" in caught.value.next_step


def test_web_page_is_no_answer(fault_server: StartFaultServer) -> None:
    server = fault_server(
        answer(200, b"<html><h1>Please sign in</h1></html>", {"Content-Type": "text/html; charset=utf-8"})
    )

    with pytest.raises(ProviderError) as caught:
        run(OpenAIProvider(row("openai", server.url + "/v1")), collect)

    assert caught.value.kind == "protocol"
    assert "Please sign in" in caught.value.message
    assert "<h1>" not in caught.value.message


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "application/json", ""])
def test_stream_with_a_wrong_content_type_is_sniffed(fault_server: StartFaultServer, content_type: str) -> None:
    body = b'\n: hi\n\ndata: {"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    server = fault_server(
        stream([body[i : i + 3] for i in range(0, len(body), 3)], headers={"Content-Type": content_type})
    )

    assert text_of(run(OpenAIProvider(row("openai", server.url + "/v1")), collect)) == "yes"


@pytest.mark.parametrize("status", [204, 200])
def test_empty_answer_is_an_error(fault_server: StartFaultServer, status: int) -> None:
    server = fault_server(answer(status, b""))

    with pytest.raises(ProviderError) as caught:
        run(OpenAIProvider(row("openai", server.url + "/v1")), collect)

    assert caught.value.kind == "truncated"


def test_event_that_never_ends_is_an_error_after_what_was_said(fault_server: StartFaultServer) -> None:
    first = b'data: {"choices":[{"delta":{"content":"yes"}}]}\n\ndata: '
    server = fault_server(stream([first, *[b"x" * (1 << 20)] * 10]))
    said: List[str] = []

    async def read(provider: Provider) -> None:
        async for event in provider.stream(ChatRequest("m", (QUESTION,))):
            if isinstance(event, TextDelta):
                said.append(event.text)

    with pytest.raises(ProviderError) as caught:
        run(OpenAIProvider(row("openai", server.url + "/v1")), read)

    assert (said, caught.value.kind) == (["yes"], "protocol")


def test_request_id_travels_with_answer_and_error(fault_server: StartFaultServer) -> None:
    good = sse([{"id": "c", "choices": [{"delta": {}, "finish_reason": "stop"}]}], headers={"X-Request-Id": "req_1"})
    bad = sse([{"error": {"message": "boom"}}], headers={"X-Request-Id": "req_2"})
    server = fault_server(good, bad)

    async def ask(provider: Provider) -> Any:  # events, error
        events = await collect(provider)
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
        return events, caught.value

    events, error = run(OpenAIProvider(row("openai", server.url + "/v1")), ask)

    assert StreamStarted("c", None, None, "req_1") in events
    assert error.request_id == "req_2"


# ---------------------------------------------------------------- OpenRouter

CATALOGUE = {
    "data": [
        {
            "id": "v/m",
            "name": "Vendor: M",
            "context_length": 200000,
            "architecture": {"input_modalities": ["text", "image", "file"]},
            "pricing": {"prompt": "0.0000025", "completion": "0.00001", "overrides": [{"x": 1}]},
            "top_provider": {"max_completion_tokens": 8192},
            "supported_parameters": ["tools", "reasoning", "response_format"],
        },
        {"id": "openrouter/auto", "context_length": None, "pricing": {"prompt": "-1", "completion": "-1"}},
        {
            "id": "v/free",
            "pricing": {"prompt": "0", "completion": "0"},
            "top_provider": {"context_length": 4096},
            "supported_parameters": [],
        },
        {"id": "v/odd", "pricing": {"prompt": "a lot", "completion": None}},
    ]
}


def test_catalogue_has_prices_windows_and_abilities(fault_server: StartFaultServer) -> None:
    server = fault_server(json_answer(CATALOGUE))

    models = run(OpenRouterProvider(row("openrouter", server.url + "/api/v1"), key="k"), lambda p: p.models())
    model, auto, free, odd = models

    assert server.requests[0].path == "/api/v1/models"
    assert (model.name, model.context_tokens, model.max_output_tokens) == ("Vendor: M", 200000, 8192)
    assert (model.price_input, model.price_output) == (2.5, 10.0)
    assert model.capabilities == frozenset({"tools", "reasoning", "json", "vision", "pdf"})
    assert (auto.price_input, auto.context_tokens, auto.capabilities) == (None, None, None)
    assert (free.price_input, free.price_output, free.context_tokens, free.capabilities) == (
        0.0,
        0.0,
        4096,
        frozenset(),
    )
    assert (odd.price_input, odd.price_output) == (None, None)


def test_openrouter_names_the_app_the_upstream_and_the_cost(fault_server: StartFaultServer) -> None:
    server = fault_server(
        sse(
            [
                {
                    "id": "gen-1",
                    "model": "v/m",
                    "provider": "Up",
                    "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}],
                },
                {"id": "gen-1", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.0015}},
            ],
            headers={"X-Generation-Id": "gen-1"},
        )
    )

    events = run(OpenRouterProvider(row("openrouter", server.url + "/api/v1"), key="sk-or-1"), collect)

    assert server.requests[0].headers["x-openrouter-title"] == "Nuke AI Panel"
    assert server.requests[0].headers["authorization"] == "Bearer sk-or-1"
    assert StreamStarted("gen-1", "v/m", "Up", "gen-1") in events
    assert [event.usage.cost_usd for event in events if isinstance(event, UsageReport)] == [0.0015]


def test_openrouter_needs_a_key_by_default() -> None:
    assert OpenRouterProvider(ProviderSettings(name="openrouter", kind="openrouter")).needs_key


# ---------------------------------------------------------------- Ollama


def ollama_server(fault_server: StartFaultServer, chat: Behaviour, **routes: Json) -> FaultServer:
    answers = {f"/api/{path}": json_answer(body) for path, body in routes.items()}
    return fault_server(json_answer({}, 404), routes={"/api/chat": chat, **answers})


def test_loading_is_told_while_the_head_is_withheld(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_provider, "QUIET_S", 0.05)
    monkeypatch.setattr(ollama_provider, "ASK_AGAIN_S", 0.05)
    running: List[Dict[str, str]] = []

    async def load(connection: Connection, request: Request) -> None:
        await connection.pause(0.3)
        running.append({"model": "m:latest"})
        await connection.pause(0.3)
        await OLLAMA_GOOD(connection, request)

    async def ps(connection: Connection, request: Request) -> None:
        await json_answer({"models": running})(connection, request)

    server = fault_server(json_answer({}, 404), routes={"/api/chat": load, "/api/ps": ps})

    events = run(OllamaProvider(row("ollama", server.url)), collect)

    assert events[:2] == [Progress("loading"), Progress("prompt")]
    assert text_of(events) == "yes"


def test_model_that_was_evicted_since_its_last_answer_is_loading_again(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_provider, "QUIET_S", 0.02)
    slow = stream([b'{"message":{"content":"yes"},"done":true}\n'], before_s=0.15)
    server = ollama_server(fault_server, slow, ps={"models": []})

    async def ask_twice(provider: Provider) -> List[int]:
        return [sum(isinstance(event, Progress) for event in await collect(provider)) for _ in range(2)]

    assert run(OllamaProvider(row("ollama", server.url)), ask_twice) == [1, 1]


def test_window_is_sent_and_never_shrinks_for_a_model(fault_server: StartFaultServer) -> None:
    server = ollama_server(fault_server, OLLAMA_GOOD)

    async def ask(provider: Provider) -> None:
        for window in (8192, 4096, None, 16384):
            await collect(provider, window_tokens=window)

    run(OllamaProvider(row("ollama", server.url)), ask)

    assert [request.json()["options"]["num_ctx"] for request in server.requests] == [8192, 8192, 8192, 16384]


def test_window_of_the_row_wins(fault_server: StartFaultServer) -> None:
    server = ollama_server(fault_server, OLLAMA_GOOD)
    settings = row("ollama", server.url, options={"num_ctx": 2048})

    run(OllamaProvider(settings), lambda provider: collect(provider, window_tokens=8192))

    assert server.requests[0].json()["options"]["num_ctx"] == 2048


def test_model_that_cannot_think_is_asked_again_without_and_remembered(fault_server: StartFaultServer) -> None:
    async def chat(connection: Connection, request: Request) -> None:
        refuses = "think" in request.json()
        then = json_answer({"error": '"m" does not support thinking'}, 400) if refuses else OLLAMA_GOOD
        await then(connection, request)

    server = ollama_server(fault_server, chat)

    async def ask_twice(provider: Provider) -> List[str]:
        return [text_of(await collect(provider, parameters=Parameters(reasoning_effort="high"))) for _ in range(2)]

    assert run(OllamaProvider(row("ollama", server.url)), ask_twice) == ["yes", "yes"]
    assert ["think" in request.json() for request in server.requests] == [True, False, False]


def test_tools_that_a_model_lacks_are_an_error(fault_server: StartFaultServer) -> None:
    server = ollama_server(fault_server, json_answer({"error": "m does not support tools"}, 400))

    with pytest.raises(ProviderError) as caught:
        run(OllamaProvider(row("ollama", server.url)), collect)

    assert (caught.value.kind, len(server.requests)) == ("unsupported_feature", 1)


def test_ollama_models_have_sizes_abilities_and_state(fault_server: StartFaultServer) -> None:
    server = ollama_server(
        fault_server,
        OLLAMA_GOOD,
        ps={"models": [{"model": "a:1b"}]},
        tags={
            "models": [
                {
                    "name": "a:1b",
                    "model": "a:1b",
                    "size": 10,
                    "details": {"parameter_size": "1B", "context_length": 4096},
                    "capabilities": ["completion", "tools", "thinking", "vision"],
                },
                {"name": "old", "details": {}},
                {"name": "c:cloud", "model": "c:cloud", "remote_host": "https://ollama.com", "remote_model": "c"},
                {"name": "e", "model": "e", "capabilities": ["embedding"]},
            ]
        },
    )

    local, old, cloud = run(OllamaProvider(row("ollama", server.url)), lambda provider: provider.models())

    assert (local.id, local.size_bytes, local.parameter_size, local.context_tokens) == ("a:1b", 10, "1B", 4096)
    assert (local.capabilities, local.loaded, local.price_input) == (
        frozenset({"tools", "reasoning", "vision"}),
        True,
        0.0,
    )
    assert (old.id, old.capabilities, old.loaded) == ("old", None, False)
    assert (cloud.local, cloud.price_input) == (False, None)


@pytest.mark.parametrize(
    ("shown", "window", "abilities"),
    [
        (
            {
                "model_info": {"general.architecture": "x", "x.context_length": 8192},
                "capabilities": ["completion", "tools"],
            },
            8192,
            {"tools"},
        ),
        (
            {
                "template": "{{ .Tools }}",
                "details": {"families": ["llama", "clip"]},
                "parameters": "stop  x\nnum_ctx   2048",
            },
            2048,
            {"tools", "vision"},
        ),
        ({"projector_info": {"a": 1}}, None, {"vision"}),
        ({}, None, set()),
    ],
)
def test_model_is_described_by_old_and_new_servers(
    fault_server: StartFaultServer, shown: Json, window: Optional[int], abilities: set[str]
) -> None:
    server = ollama_server(fault_server, OLLAMA_GOOD, show=shown)

    async def ask_twice(provider: Provider) -> ModelInfo:
        await provider.model_info("a")
        return await provider.model_info("a")

    info = run(OllamaProvider(row("ollama", server.url)), ask_twice)

    assert (info.context_tokens, info.capabilities) == (window, frozenset(abilities))
    assert [request.path for request in server.requests] == ["/api/show"]


def test_pull_reports_progress_and_errors(fault_server: StartFaultServer) -> None:
    lines = [
        b'{"status":"pulling manifest"}\n',
        b'{"status":"pulling 8e","total":9,"completed":3}\n',
        b'{"status":"success"}\n',
    ]
    broken = [b'{"status":"pulling manifest"}\n', b'{"error":"pull model manifest: file does not exist"}\n']
    server = fault_server(stream(lines), stream(broken))

    async def pull_twice(provider: OllamaProvider) -> Any:  # events, error
        events = [event async for event in provider.pull("a")]
        with pytest.raises(ProviderError) as caught:
            [event async for event in provider.pull("b")]
        return events, caught.value

    events, error = run(OllamaProvider(row("ollama", server.url)), pull_twice)

    assert events == [
        Progress("pulling", None, None, "pulling manifest"),
        Progress("pulling", 3, 9, "pulling 8e"),
        Progress("pulling", None, None, "success"),
        Finish("stop", "success"),
    ]
    assert (error.kind, error.message) == ("server_error", "pull model manifest: file does not exist")
    assert error.user_text == "There is no model called b to pull."


def test_ollama_version_is_read_and_local_servers_get_no_key(fault_server: StartFaultServer) -> None:
    server = ollama_server(fault_server, OLLAMA_GOOD, version={"version": "0.12.0"})
    provider = OllamaProvider(row("ollama", server.url), key="secret")

    assert run(provider, lambda one: one.version()) == "0.12.0"
    assert "authorization" not in server.requests[0].headers
    assert not provider.needs_key
    assert OllamaProvider(row("ollama", "ollama.com")).needs_key


def test_address_as_ollama_host_writes_it_is_connected_to(fault_server: StartFaultServer) -> None:
    server = ollama_server(fault_server, OLLAMA_GOOD)

    assert text_of(run(OllamaProvider(row("ollama", f"0.0.0.0:{server.port}")), collect)) == "yes"

"""What only Ollama has: addresses in every form, pulls that go on, memory, starting, and errors in its own words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Tuple, TypeVar

import pytest

from nuke_ai_panel.errors import ProviderError, provider_error
from nuke_ai_panel.events import Finish, Progress, StreamEvent
from nuke_ai_panel.messages import Attachment, Message
from nuke_ai_panel.providers.base import ChatRequest, Parameters
from nuke_ai_panel.providers.ollama_errors import explain, explain_pull
from nuke_ai_panel.providers.ollama_launch import child_environment, find_program
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.ollama_pull import PullTally, followed_pull
from nuke_ai_panel.providers.services import ModelServer, Startable
from nuke_ai_panel.providers.urls import ollama_base_url
from nuke_ai_panel.settings import ProviderSettings, load_settings
from tests.fakes.fault_server import closed_port
from tests.fakes.ollama_server import FakeOllama

T = TypeVar("T")
# The reference table of Ollama's Python client.
PYTHON_CLIENT = [
    ("1.2.3.4", "http://1.2.3.4:11434"), (":56789", "http://127.0.0.1:56789"), ("1.2.3.4:56789", "http://1.2.3.4:56789"),
    ("http://1.2.3.4", "http://1.2.3.4:80"), ("https://1.2.3.4", "https://1.2.3.4:443"),
    ("https://1.2.3.4:56789", "https://1.2.3.4:56789"), ("example.com", "http://example.com:11434"),
    ("example.com:56789", "http://example.com:56789"), ("http://example.com", "http://example.com:80"),
    ("https://example.com", "https://example.com:443"), ("https://example.com:56789", "https://example.com:56789"),
    ("example.com/", "http://example.com:11434"), ("example.com:56789/", "http://example.com:56789"),
    ("example.com/path", "http://example.com:11434/path"), ("example.com:56789/path", "http://example.com:56789/path"),
    ("https://example.com:56789/path", "https://example.com:56789/path"),
    ("example.com:56789/path/", "http://example.com:56789/path"),
    ("[0001:002:003:0004::1]", "http://[0001:002:003:0004::1]:11434"),
    ("[0001:002:003:0004::1]:56789", "http://[0001:002:003:0004::1]:56789"),
    ("http://[0001:002:003:0004::1]", "http://[0001:002:003:0004::1]:80"),
    ("https://[0001:002:003:0004::1]", "https://[0001:002:003:0004::1]:443"),
    ("https://[0001:002:003:0004::1]:56789", "https://[0001:002:003:0004::1]:56789"),
    ("[0001:002:003:0004::1]/", "http://[0001:002:003:0004::1]:11434"),
    ("[0001:002:003:0004::1]:56789/path", "http://[0001:002:003:0004::1]:56789/path"),
]


def row(url: str, **more: Any) -> ProviderSettings:  # fields of a row
    return ProviderSettings(name="ollama", kind="ollama", title="Ollama", base_url=url, proxy="none", **more)


def run(url: str, work: Callable[[OllamaProvider], Awaitable[T]], **more: Any) -> T:  # fields of a row
    async def inside() -> T:
        provider = OllamaProvider(row(url, **more))
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(inside())


def ask(text: str = "hi", **more: Any) -> ChatRequest:  # fields of a request
    return ChatRequest("qwen3:4b", (Message("1", "c", None, "user", text),), **more)


async def collect(events: AsyncIterator[StreamEvent]) -> List[StreamEvent]:
    return [event async for event in events]


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(("value", "expected"), PYTHON_CLIENT)
def test_address_means_what_it_means_to_the_python_client(value: str, expected: str) -> None:
    assert ollama_base_url(value) == expected


@pytest.mark.parametrize("value", [
    "0.0.0.0", "0.0.0.0:8080", ":1234", "[::]", "::1", "[::1]:1337", ' "1.2.3.4" ', "http://gpu-box", "gpu-box:11434/",
    "https://example.com/ollama",
])
def test_every_form_passes_from_the_environment_to_the_provider(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", value)
    settings = load_settings().provider("ollama")

    assert OllamaProvider(settings)._base == ollama_base_url(value)


# ---------------------------------------------------------------- pulls


def test_layers_that_come_in_turns_are_one_number() -> None:
    tally = PullTally()
    a, b = "pulling " + "a" * 12, "pulling " + "b" * 12

    shown = [tally.add(Progress("pulling", done, total, detail)) for done, total, detail in (
        (None, None, "pulling manifest"), (None, 100, a), (40, 100, a), (None, 50, b), (60, 100, a), (10, 50, b),
        (None, None, "verifying sha256 digest"), (None, None, "success"))]

    assert [(one.done, one.total, one.detail) for one in shown] == [
        (None, None, "finding"), (0, 100, "downloading"), (40, 100, "downloading"), (40, 150, "downloading"),
        (60, 150, "downloading"), (70, 150, "downloading"), (70, 150, "checking"), (70, 150, "done"),
    ]


def test_a_broken_pull_goes_on_by_itself() -> None:
    with FakeOllama() as server:
        server.break_pull_after = 2000

        async def pull(provider: OllamaProvider) -> List[Progress]:
            return [one async for one in followed_pull(lambda: provider.pull("gemma3:1b"), pause_s=0.01)]

        steps = run(server.url, pull)

        assert "resuming" in [one.detail for one in steps] and steps[-1].detail == "done"
        assert (steps[-1].done, steps[-1].total) == (6000, 6000)
        assert len(server.pulls) == 2


def test_a_pull_that_brings_nothing_is_not_tried_again() -> None:
    tries = []

    async def broken() -> AsyncIterator[StreamEvent]:
        tries.append(1)
        yield Progress("pulling", detail="pulling manifest")
        raise provider_error("network", "gone")

    async def pull() -> None:
        async for _ in followed_pull(broken, pause_s=0.0):
            pass

    with pytest.raises(ProviderError):
        asyncio.run(pull())
    assert len(tries) == 1


def test_a_closed_pull_closes_its_connection_and_keeps_what_arrived() -> None:
    with FakeOllama() as server:
        server.library["big"] = (1_000_000,)
        server.step_s = 0.002

        async def pull(provider: OllamaProvider) -> None:
            steps = followed_pull(lambda: provider.pull("big"))
            async for step in steps:
                if (step.done or 0) >= 3000:
                    break
            await steps.aclose()

        run(server.url, pull)
        server.wait_for_disconnect()

        assert 3000 <= sum(server.pulled.values()) < 1_000_000


# ---------------------------------------------------------------- memory


def test_models_are_loaded_listed_and_unloaded() -> None:
    with FakeOllama() as server:
        async def work(provider: OllamaProvider) -> Tuple[Any, ...]:  # what ps says, in turns
            before = await provider.loaded()
            await provider.load("qwen3:4b", keep_alive="30m")
            during = await provider.loaded()
            await provider.unload("qwen3:4b")
            return before, during, await provider.loaded()

        before, during, after = run(server.url, work)

        assert (before, after) == ((), ())
        (model,) = during
        assert (model.id, model.context_tokens) == ("qwen3:4b", 4096)
        assert model.expires_at is not None and model.vram_bytes == model.size_bytes
        assert server.chats[0].json()["keep_alive"] == "30m"


def test_the_list_says_what_every_model_can_do_also_on_old_servers() -> None:
    with FakeOllama() as server:
        server.capabilities = ("completion", "vision", "thinking")
        server.memory["qwen3:4b"] = 16384

        models = {one.id: one for one in run(server.url, lambda provider: provider.models())}

        one = models["qwen3:4b"]
        assert one.capabilities == {"vision", "reasoning"} and one.context_tokens == 32768
        assert (one.loaded, one.window_tokens, one.local) == (True, 16384, True)
        assert models["llama3.2:1b"].loaded is False


def test_a_schema_is_the_format_of_the_answer() -> None:
    with FakeOllama() as server:
        schema = {"type": "object", "properties": {"knob": {"type": "string"}}}
        run(server.url, lambda provider: collect(provider.stream(ask(schema=schema))))
        assert server.chats[0].json()["format"] == schema


def test_a_document_is_refused_and_not_left_out() -> None:
    pdf = Attachment("p", "file", "brief.pdf", media_type="application/pdf", data_base64="JVBERg==")
    asked = ChatRequest("qwen3:4b", (Message("1", "c", None, "user", "read", attachments=(pdf,)),))
    with FakeOllama() as server, pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider.stream(asked)))
    assert (caught.value.kind, server.requests) == ("unsupported_feature", [])
    assert "brief.pdf" in caught.value.user_text


@pytest.mark.parametrize(("effort", "sent"), [("none", [False]), ("on", [True]), ("high", ["high"]), (None, [None])])
def test_thinking_is_asked_for_by_degrees(effort: Any, sent: List[Any]) -> None:  # what JSON holds
    with FakeOllama() as server:
        asked = ask(parameters=Parameters(reasoning_effort=effort))
        run(server.url, lambda provider: collect(provider.stream(asked)))
        assert [one.json().get("think") for one in server.chats] == sent


def test_services_are_there_to_be_asked_for() -> None:
    provider = OllamaProvider(row("http://127.0.0.1:1"))
    assert isinstance(provider, ModelServer) and isinstance(provider, Startable)


# ---------------------------------------------------------------- errors and starting


def error_of(kind: Any, message: str, **facts: Any) -> ProviderError:  # a kind, facts of an error
    return provider_error(kind, message, provider="Ollama", **facts)


ERRORS: List[Tuple[ProviderError, str, str, str]] = [
    (error_of("network", "connection refused at 127.0.0.1:11434"), "http://127.0.0.1:11434",
     "Ollama is not running at 127.0.0.1:11434.", "Start Ollama"),
    (error_of("network", "gpu-box:11434 refuses the connection"), "http://gpu-box:11434",
     "Ollama is not running at gpu-box:11434.", "OLLAMA_HOST=0.0.0.0"),
    (error_of("permission", "", status=403), "http://gpu.studio:11434",
     "Ollama refuses requests that call it gpu.studio", "OLLAMA_HOST=0.0.0.0"),
    (error_of("model_not_found", "model 'm' not found", status=404), "http://h:1", "has not fetched m yet", "Pull it"),
    (error_of("context_too_long", "too long", status=400), "http://h:1", "longer than", "Raise the context window"),
    (error_of("server_error", "model requires more system memory (9 GiB) than is available"), "http://h:1",
     "m needs more memory", "Unload other models"),
    (error_of("timeout", "no answer came from h:1 within 300 s"), "http://h:1", "m was still loading", "smaller model"),
]


@pytest.mark.parametrize(("error", "url", "sentence", "step"), ERRORS)
def test_errors_say_what_they_mean_at_ollama(error: ProviderError, url: str, sentence: str, step: str) -> None:
    kind = error.kind
    said = explain(error, base_url=url, model="m")
    assert sentence in said.user_text and step in said.next_step and said.kind == kind


@pytest.mark.parametrize(("message", "sentence"), [
    ("pull model manifest: file does not exist", "There is no model called m"),
    ("the model you are attempting to pull requires a newer version of Ollama", "needs a newer Ollama"),
    ("write /x: no space left on device", "no room for m"),
])
def test_errors_of_a_pull_say_what_they_mean(message: str, sentence: str) -> None:
    assert sentence in explain_pull(error_of("server_error", message), model="m").user_text


def test_a_server_that_does_not_run_is_marked_for_starting() -> None:
    with pytest.raises(ProviderError) as caught:
        run(f"http://127.0.0.1:{closed_port()}", lambda provider: collect(provider.stream(ask())))
    assert (caught.value.code, caught.value.retryable) == ("not_running", False)


def test_the_program_is_found_on_the_path_and_where_installers_put_it(tmp_path: Path) -> None:
    program = tmp_path / "Programs" / "Ollama" / "ollama.exe"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    nowhere: Dict[str, str] = {"PATH": str(tmp_path)}

    assert find_program({**nowhere, "LOCALAPPDATA": str(tmp_path)}, platform="win32") == str(program)
    assert find_program({**nowhere, "HOME": str(tmp_path)}, platform="win32") is None


@pytest.mark.parametrize(("given", "url", "host"), [
    (None, "http://127.0.0.1:11434", "127.0.0.1:11434"),
    ("0.0.0.0:11434", "http://127.0.0.1:11434", "0.0.0.0:11434"),
    ("gpu:1", "http://127.0.0.1:5000", "127.0.0.1:5000"),
    (None, "http://[::1]:11434", "[::1]:11434"),
])
def test_a_started_server_serves_the_address_of_the_settings_and_gets_no_key(given: Any, url: str, host: str) -> None:
    env = {"PATH": "/bin", "OPENAI_API_KEY": "sk-1", "PYTHONHOME": "/nuke", "OLLAMA_MODELS": "/models",
           **({"OLLAMA_HOST": given} if given else {})}
    assert child_environment(env, url) == {"PATH": "/bin", "OLLAMA_MODELS": "/models", "OLLAMA_HOST": host}


def test_a_server_elsewhere_is_not_started_from_here() -> None:
    with pytest.raises(ProviderError, match="another machine"):
        run("http://gpu-box:11434", lambda provider: provider.start())


def test_finish_of_a_pull_is_its_one_end() -> None:
    with FakeOllama() as server:
        events = run(server.url, lambda provider: collect(provider.pull("gemma3:1b")))
        assert [one for one in events if isinstance(one, Finish)] == [events[-1]]


def test_a_model_may_load_for_five_minutes_and_a_layer_be_checked_as_long() -> None:
    settings = row("http://127.0.0.1:11434")
    assert settings.first_event_timeout_s == 300.0
    with FakeOllama() as server:
        seen: List[float] = []

        async def pull(provider: OllamaProvider) -> None:
            events = provider.pull("gemma3:1b")
            async for _ in events:
                (stream,) = provider._client._streams
                seen.append(stream._clocks.idle_s)
                break
            await events.aclose()  # type: ignore[attr-defined]  # a generator, which the contract does not name

        run(server.url, pull, idle_timeout_s=5.0)
    assert seen == [300.0]

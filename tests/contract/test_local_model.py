"""The built-in model with the real model file: loads, answers, stops, crashes, and never outlives us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Coroutine, Iterator, List

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, Progress, StreamEvent, StreamStarted, TextDelta, UsageReport
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers.base import ChatRequest, Parameters
from nuke_ai_panel.providers.local_process import LocalServer
from nuke_ai_panel.providers.local_provider import LocalProvider
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop
from tests.unit.reload_kit import Copy, Worker

from .local_model import install_model, model_file

ROOT = Path(__file__).resolve().parents[2]
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def gguf() -> Path:
    return model_file()


@pytest.fixture(autouse=True)
def installed(home: Path, gguf: Path) -> Iterator[None]:
    install_model(home, gguf)
    yield
    shutdown_event_loop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nuke-ai")]


def make(**options: Json) -> LocalProvider:
    return LocalProvider(ProviderSettings("local", kind="local", title="Built-in model", options=options))


def question(text: str, *, model: str = "smollm2", max_tokens: int = 8) -> ChatRequest:
    parameters = Parameters(max_tokens=max_tokens, temperature=0.0, seed=1)
    return ChatRequest(model, (Message("1", "c", None, "user", text),), parameters=parameters)


async def collect(stream: AsyncIterator[StreamEvent]) -> List[StreamEvent]:
    return [event async for event in stream]


def text_of(events: List[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def server_of(provider: LocalProvider) -> LocalServer:
    (live,) = provider._live.values()
    return live.server


def pid_of(provider: LocalProvider) -> int:
    process = server_of(provider)._process
    assert process is not None
    return process.pid


def with_provider(work: Callable[[LocalProvider], Coroutine[Any, Any, None]], **options: Json) -> None:
    """Runs `work` on the loop with a provider that is closed afterwards."""
    async def run() -> None:
        provider = make(**options)
        try:
            await work(provider)
        finally:
            await provider.close()

    run_coroutine(run(), timeout=90)


def is_gone(pid: int, *, within_s: float) -> bool:
    """Whether the process ended (a zombie has); Linux."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def command_of(pid: int) -> str:
    """The command line that every user of the machine can see; Linux."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_the_first_question_loads_the_model_and_says_so_and_the_next_one_uses_it() -> None:
    async def work(provider: LocalProvider) -> None:
        first = await collect(provider.stream(question("Say hello.")))
        assert isinstance(first[0], Progress) and first[0].phase == "loading"
        assert [event.model for event in first if isinstance(event, StreamStarted)] == ["smollm2"]
        assert text_of(first)
        assert [event.usage.output for event in first if isinstance(event, UsageReport)][-1] == 8
        assert first[-1] == Finish("length", "length")
        pid = pid_of(provider)
        second = await collect(provider.stream(question("Say hello.")))
        assert not [event for event in second if isinstance(event, Progress)]
        assert text_of(second) == text_of(first)
        assert pid_of(provider) == pid
        assert (await provider.models())[0].loaded

    with_provider(work)


def test_a_model_by_its_path_answers_under_its_path(gguf: Path) -> None:
    async def work(provider: LocalProvider) -> None:
        events = await collect(provider.stream(question("Say hello.", model=str(gguf))))
        assert [event.model for event in events if isinstance(event, StreamStarted)] == [str(gguf)]
        assert text_of(events)

    with_provider(work, num_ctx=512)


def test_two_answers_at_once_do_not_mix() -> None:
    async def work(provider: LocalProvider) -> None:
        alone = [text_of(await collect(provider.stream(question(text, max_tokens=24)))) for text in ("Cats?", "Two?")]
        streams = [collect(provider.stream(question(text, max_tokens=24))) for text in ("Cats?", "Two?")]
        together = [text_of(events) for events in await asyncio.gather(*streams)]
        assert all(together) and together[0] != together[1]
        assert [text[:6] for text in together] == [text[:6] for text in alone]

    with_provider(work)


def test_the_window_that_is_told_is_the_one_that_the_server_has() -> None:
    async def work(provider: LocalProvider) -> None:
        await collect(provider.stream(question("Hi", max_tokens=1)))
        told = (await provider.model_info("smollm2")).context_tokens
        (live,) = provider._live.values()
        assert (await live.starting.result().model_info("smollm2")).context_tokens == told == 1024

    with_provider(work, num_ctx=1024)


@linux_only
def test_closing_the_stream_stops_the_generation() -> None:
    def cpu_ticks(pid: int) -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    async def work(provider: LocalProvider) -> None:
        stream = provider.stream(question("Write a long story about a lighthouse.", max_tokens=3000))
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        await stream.aclose()  # type: ignore[attr-defined]  # it is an async generator
        await asyncio.sleep(0.3)
        before = cpu_ticks(pid_of(provider))
        await asyncio.sleep(0.5)
        assert cpu_ticks(pid_of(provider)) - before <= 3
        assert text_of(await collect(provider.stream(question("Hi"))))

    with_provider(work)


def test_a_crash_in_the_middle_is_told_with_the_logs_last_line_and_the_next_question_works() -> None:
    async def work(provider: LocalProvider) -> None:
        said: List[StreamEvent] = []
        with pytest.raises(ProviderError) as caught:
            async for event in provider.stream(question("Write a long story.", max_tokens=3000)):
                said.append(event)
                if isinstance(event, TextDelta) and len(said) > 5:
                    os.kill(pid_of(provider), getattr(signal, "SIGKILL", signal.SIGTERM))
        assert caught.value.kind == "server_error"
        assert caught.value.retryable
        assert "stopped working" in caught.value.user_text
        assert "local-server.log" in caught.value.next_step
        assert text_of(said)
        assert text_of(await collect(provider.stream(question("Hi"))))

    with_provider(work)


def test_a_file_that_llama_cpp_refuses_quotes_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(range(256)) * 8)

    async def work(provider: LocalProvider) -> None:
        with pytest.raises(ProviderError) as caught:
            await collect(provider.stream(question("Hi", model=str(broken))))
        assert (caught.value.kind, caught.value.retryable) == ("server_error", False)
        assert caught.value.user_text.startswith("The built-in model did not start: ")
        assert "loading error" in caught.value.user_text

    with_provider(work)


def test_another_user_of_the_machine_cannot_use_it() -> None:
    async def work(provider: LocalProvider) -> None:
        await collect(provider.stream(question("Hi", max_tokens=1)))
        server = server_of(provider)
        assert server.url.startswith("http://127.0.0.1:")

        def ask_without_key() -> int:
            try:
                with urllib.request.urlopen(f"{server.url}/v1/models", timeout=5) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert await asyncio.get_running_loop().run_in_executor(None, ask_without_key) == 401
        if sys.platform.startswith("linux"):
            command = command_of(pid_of(provider))
            assert server.api_key not in command and "local_server.py" in command

    with_provider(work)


@linux_only
def test_closing_leaves_no_process_and_no_thread() -> None:
    pids: List[int] = []

    async def work(provider: LocalProvider) -> None:
        await collect(provider.stream(question("Hi", max_tokens=1)))
        pids.append(pid_of(provider))
        assert os.getsid(pids[0]) != os.getsid(0)  # Ctrl-C in a terminal is not for the child

    with_provider(work)
    assert not Path(f"/proc/{pids[0]}").exists()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nuke-ai-local")]


@linux_only
@pytest.mark.parametrize("moment", ["loading", "answering"])
def test_kill_9_of_the_parent_leaves_no_child(home: Path, moment: str) -> None:
    code = """
        import asyncio, sys
        sys.path[:0] = [ROOT]
        from nuke_ai_panel.events import TextDelta
        from nuke_ai_panel.utils.event_loop_manager import run_coroutine
        from tests.contract.test_local_model import make, pid_of, question

        async def main():
            provider = make()
            heard = asyncio.Event()

            async def answer():
                async for event in provider.stream(question("Write a long story.", max_tokens=3000)):
                    if isinstance(event, TextDelta):
                        heard.set()

            answering = asyncio.ensure_future(answer())
            if MOMENT == "answering":
                await heard.wait()
            while not provider._live or next(iter(provider._live.values())).server._process is None:
                await asyncio.sleep(0)
            print(pid_of(provider), flush=True)
            await answering

        run_coroutine(main())
    """
    script = textwrap.dedent(code).replace("ROOT", repr(str(ROOT))).replace("MOMENT", repr(moment))
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        parent.kill()
        parent.wait(5)
    assert is_gone(child, within_s=1.0)


@linux_only
def test_the_end_of_its_input_alone_ends_the_child() -> None:
    async def work(provider: LocalProvider) -> None:
        await collect(provider.stream(question("Hi", max_tokens=1)))
        pid = pid_of(provider)
        process = server_of(provider)._process
        assert process is not None and process.stdin is not None
        process.stdin.close()
        assert await asyncio.get_running_loop().run_in_executor(None, lambda: is_gone(pid, within_s=1.0))

    with_provider(work)


@linux_only
def test_model_stays_loaded_and_connected_through_reloads_of_our_code(tmp_path: Path, home: Path) -> None:
    worker = Worker(Copy(tmp_path / "site"), {"NUKE_AI_PANEL_HOME": str(home)})
    ask = (
        "answer = sys.modules['nuke_ai_panel'].ask('Say hello.', provider='local', model='smollm2', max_tokens=8)\n"
        "result = bool(str(answer))"
    )
    child = (
        "import subprocess\n"
        "result = [one.pid for one in gc.get_objects() if isinstance(one, subprocess.Popen) and one.poll() is None]"
    )
    assert worker.do(ask) is True
    first = worker.do(child)
    assert len(first) == 1
    for _ in range(3):
        assert worker.do("result = ai.troubleshooter.reload().reloaded") is True
        assert worker.do(ask) is True
        assert worker.do(child) == first
    assert worker.do("result = ai.troubleshooter.reload().reloaded") is True  # and then nobody asks for it again
    assert worker.end() == ""
    assert not Path(f"/proc/{first[0]}").exists()

"""The built-in model without a model: what is offered, and one sentence for everything that is missing or fails."""

from __future__ import annotations

import importlib.util
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.events import Progress, StreamEvent
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers import local_process
from nuke_ai_panel.providers.base import ChatRequest, ModelInfo
from nuke_ai_panel.providers.local_provider import LocalProvider
from nuke_ai_panel.providers.model_files import CATALOGUE
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in interpreters are shell scripts")


@pytest.fixture(autouse=True)
def no_loop_left() -> Iterator[None]:
    yield
    shutdown_event_loop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nuke-ai")]


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    return path


def stand_in(tmp_path: Path, script: str) -> str:
    """An interpreter that runs `script` in the child's place."""
    path = tmp_path / "python-stand-in"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def make(*, first_event_timeout_s: float = 20.0, **options: Json) -> LocalProvider:
    return LocalProvider(ProviderSettings(
        "local", kind="local", title="Built-in model", options=options, first_event_timeout_s=first_event_timeout_s
    ))


def ask(provider: LocalProvider, model: str) -> Tuple[List[StreamEvent], ProviderError]:
    """What was said before it failed, and how it failed; the provider is closed."""
    events: List[StreamEvent] = []

    async def run() -> None:
        try:
            async for event in provider.stream(ChatRequest(model, (Message("1", "c", None, "user", "Hello"),))):
                events.append(event)
        finally:
            await provider.close()

    with pytest.raises(ProviderError) as caught:
        run_coroutine(run(), timeout=15)
    return events, caught.value


def models(provider: LocalProvider) -> Tuple[ModelInfo, ...]:
    return run_coroutine(provider.models(), timeout=5)


def test_it_needs_no_key_and_runs_on_this_machine() -> None:
    provider = make()
    assert (provider.name, provider.is_local, provider.needs_key) == ("local", True, False)


def test_the_tiny_model_is_offered_before_it_is_downloaded_and_called_tiny(home: Path) -> None:
    (info,) = models(make(python=sys.executable))
    assert (info.id, info.parameter_size, info.local, info.loaded) == ("smollm2", "135M", True, False)
    assert "tiny" in info.name
    assert "not downloaded yet: 93 MB" in (info.unavailable_reason or "")
    assert info.context_tokens == 4096


def test_model_files_in_the_folder_and_at_the_set_path_are_offered(home: Path, gguf: Path) -> None:
    (home / "models").mkdir()
    (home / "models" / "other.gguf").write_bytes(b"GGUF")
    infos = models(make(python=sys.executable, model_path=str(gguf), num_ctx=1024))
    assert [(info.id, info.context_tokens, info.unavailable_reason) for info in infos[1:]] == [
        ("other.gguf", 1024, None), (str(gguf), 1024, None),
    ]


def test_a_model_that_is_not_downloaded_says_how_to_get_it(home: Path) -> None:
    _, error = ask(make(python=sys.executable), "smollm2")
    assert (error.kind, error.code, error.retryable) == ("model_not_found", "model_not_downloaded", False)
    assert "nuke-ai-panel models pull smollm2" in error.next_step


def test_a_path_without_a_file_is_said_so() -> None:
    _, error = ask(make(python=sys.executable), "/nowhere/x.gguf")
    assert error.kind == "model_not_found"
    assert "/nowhere/x.gguf" in error.user_text


def test_a_file_that_is_no_model_is_refused_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<html>")
    _, error = ask(make(python="/bin/false"), str(path))
    assert error.kind == "bad_request"
    assert "GGUF" in error.user_text


def test_what_is_known_of_a_single_file_is_its_name_size_and_window(gguf: Path) -> None:
    info = run_coroutine(make(python=sys.executable).model_info(str(gguf)), timeout=5)
    assert (info.name, info.size_bytes, info.context_tokens) == ("model", 104, 4096)


def test_without_the_library_it_says_what_to_install(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    _, error = ask(make(), str(gguf))
    assert (error.kind, error.code) == ("unsupported_feature", "no_local_runtime")
    assert "-m pip install xllamacpp" in error.next_step
    assert models(make())[0].unavailable_reason == error.user_text


def test_below_python_3_10_it_says_so_in_one_sentence(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    _, error = ask(make(), str(gguf))
    assert error.user_text.startswith("The built-in model needs Python 3.10 or newer")
    assert "options.python" in error.next_step


def test_the_childs_own_python_may_lack_the_library_too(gguf: Path, tmp_path: Path) -> None:
    report = '{"state": "failed", "reason": "library", "message": "No module", "python": "3.9"}'
    python = stand_in(tmp_path, f"echo '{report}'; exit 3")
    _, error = ask(make(python=python), str(gguf))
    assert error.code == "no_local_runtime"
    assert "3.9" in error.user_text and "xllamacpp" in error.next_step


def test_a_child_that_dies_at_once_is_quoted_and_its_log_named(home: Path, gguf: Path, tmp_path: Path) -> None:
    python = stand_in(tmp_path, "echo 'starting' >&2; echo '0.00.1 E the GPU is on fire' >&2; exit 1")
    _, error = ask(make(python=python), str(gguf))
    assert (error.kind, error.retryable) == ("server_error", False)
    assert error.user_text.endswith("the GPU is on fire")
    log = home / "logs" / "local-server.log"
    assert str(log) in error.next_step
    assert "the GPU is on fire" in log.read_text()


def test_an_interpreter_that_cannot_be_run_is_said_so(gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("not a program")
    _, error = ask(make(python=str(path)), str(gguf))
    assert error.kind == "server_error"
    assert "did not start" in error.user_text


def test_an_interpreter_that_does_not_exist_names_the_setting(gguf: Path) -> None:
    provider = make(python="/nowhere/python3")

    async def run() -> None:
        async for _ in provider.stream(ChatRequest(str(gguf), (Message("1", "c", None, "user", "Hello"),))):
            pass

    with pytest.raises(SettingsError) as caught:
        run_coroutine(run(), timeout=5)
    assert "providers.local.options.python" in caught.value.next_step


def test_a_model_that_does_not_load_in_time_is_given_up_and_its_child_ended(gguf: Path, tmp_path: Path) -> None:
    python = stand_in(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    before = time.monotonic()
    events, error = ask(make(python=python, first_event_timeout_s=0.7), str(gguf))
    assert time.monotonic() - before < 5
    assert error.kind == "timeout"
    assert isinstance(events[0], Progress) and events[0].phase == "loading"
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_closing_while_a_model_loads_ends_the_child_and_the_stream(gguf: Path, tmp_path: Path) -> None:
    provider = make(python=stand_in(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60"))

    async def run() -> None:
        async for _ in provider.stream(ChatRequest(str(gguf), (Message("1", "c", None, "user", "Hello"),))):
            await provider.close()

    with pytest.raises(ProviderError) as caught:
        run_coroutine(run(), timeout=10)
    assert caught.value.kind == "cancelled"


def test_a_failed_start_is_tried_afresh_by_the_next_request(gguf: Path, tmp_path: Path) -> None:
    python = stand_in(tmp_path, f"echo x >> {tmp_path}/starts; exit 1")
    provider = make(python=python)
    ask(provider, str(gguf))
    ask(provider, str(gguf))
    assert (tmp_path / "starts").read_text() == "x\nx\n"


def test_the_log_never_grows_beyond_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_process, "LOG_LIMIT_BYTES", 1000)
    path = tmp_path / "server.log"
    for number in range(200):
        log = local_process.open_log(path)
        assert log is not None
        with log:
            log.write(b"line %03d\n" % number)
    sizes = [one.stat().st_size for one in sorted(tmp_path.iterdir())]
    assert len(sizes) == 2 and max(sizes) <= 1010
    assert path.read_text().endswith("line 199\n")


def test_log_that_grew_while_a_child_ran_is_emptied_after_an_answer(
    home: Path, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_process, "LOG_LIMIT_BYTES", 1000)
    python = stand_in(tmp_path, "head -c 5000 /dev/zero | tr '\\0' 'x' >&2; exit 1")
    ask(make(python=python), str(gguf))
    assert (home / "logs" / "local-server.log").stat().st_size == 0


def test_the_catalogue_names_a_licence() -> None:
    assert all(entry.licence for entry in CATALOGUE.values())

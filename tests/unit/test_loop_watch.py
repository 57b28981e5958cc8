"""What blocks the background loop is named in the log; a loop that stays blocked is replaced and its turns end."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import CancelledError
from typing import Iterator, List

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.events import TurnEvent, TurnStopped
from nuke_ai_panel.utils import loop_watch
from nuke_ai_panel.utils.event_loop_manager import create_task, get_event_loop, run_coroutine, shutdown_event_loop
from tests.fakes.model_server import FakeModelServer

from ..conftest import LogLines
from .connection_kit import FAKE, opened_at, until
from .turn_kit import Chat


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fifty times as impatient, and everything gone afterwards."""
    shutdown_event_loop()
    monkeypatch.setattr(loop_watch, "TICK_S", 0.02)
    monkeypatch.setattr(loop_watch, "LAG_S", 0.3)
    monkeypatch.setattr(loop_watch, "BLOCKED_S", 1.0)
    yield
    shutdown_event_loop()
    assert not [one for one in threading.enumerate() if one.name == loop_watch.THREAD_NAME]


async def holds_the_loop_up(release: threading.Event) -> None:
    release.wait(20)


async def answer() -> int:
    return 42


def without_asyncio(log_lines: LogLines) -> None:
    log_lines.lines[:] = [one for one in log_lines.lines if one.name != "asyncio"]


def wait_for(log_lines: LogLines, part: str) -> str:
    ends = time.monotonic() + 20
    while not any(part in one.getMessage() for one in log_lines.lines) and time.monotonic() < ends:
        time.sleep(0.02)
    return log_lines.take(part).getMessage()


def test_lag_is_logged_with_the_stack_of_what_holds_the_loop_up(log_lines: LogLines) -> None:
    release = threading.Event()
    held = create_task(holds_the_loop_up(release))
    first = get_event_loop()
    said = wait_for(log_lines, "has been held up")
    release.set()
    assert "holds_the_loop_up" in said
    assert held.result(5) is None
    assert "goes on after" in wait_for(log_lines, "goes on after")
    assert get_event_loop() is first
    without_asyncio(log_lines)


def test_blocked_loop_is_replaced_and_whoever_waits_is_freed(log_lines: LogLines) -> None:
    release = threading.Event()
    held = create_task(holds_the_loop_up(release))
    blocked = next(one for one in threading.enumerate() if one.name == "nuke-ai-loop")
    with pytest.raises(CancelledError):
        held.result(20)
    assert run_coroutine(answer(), 5) == 42
    assert "holds_the_loop_up" in log_lines.take("is replaced").getMessage()
    release.set()
    blocked.join(5)
    assert not blocked.is_alive()  # once free, it ends by itself
    log_lines.take("has been held up")
    without_asyncio(log_lines)


def test_loop_that_is_only_busy_is_left_alone() -> None:
    async def busy() -> None:
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            time.sleep(0.01)  # noqa: ASYNC251 - it is to be busy
            await asyncio.sleep(0)

    first = get_event_loop()
    run_coroutine(busy())
    assert get_event_loop() is first


def test_turns_of_a_replaced_loop_are_interrupted_and_the_next_question_is_answered(
    model_server: FakeModelServer, log_lines: LogLines
) -> None:
    app = App.open(overrides={
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": model_server.base_url,
    })
    heard: List[str] = []
    app.when_loop_replaced(lambda: heard.append("replaced"))
    events: List[TurnEvent] = []
    model_server.hold(after=1)
    handles = [
        app.start_turn(TurnRequest("hi", choice=ModelChoice("openai", "fake-model")), events.append) for _ in range(20)
    ]
    ends = time.monotonic() + 10
    while not all(one.snapshot().text for one in handles[:16]) and time.monotonic() < ends:
        time.sleep(0.01)
    release = threading.Event()
    create_task(holds_the_loop_up(release))
    assert {one.result(20).status for one in handles} == {"interrupted"}
    until(lambda: heard == ["replaced"])
    assert len([one for one in events if isinstance(one, TurnStopped)]) == 20
    model_server.release()
    after = app.start_turn(TurnRequest("again", choice=ModelChoice("openai", "fake-model")), events.append)
    assert (after.result(10).status, after.result(10).text) == ("complete", "Hello, artist.")
    stored = app.store.message(handles[0].snapshot().id).result(5)
    assert stored is not None
    assert (stored.status, stored.text) == ("interrupted", "Hello")
    release.set()
    log_lines.take("has been held up")
    log_lines.take("is replaced")
    app.close()
    without_asyncio(log_lines)


def test_state_follows_the_server_again_on_the_next_loop_by_itself(
    model_server: FakeModelServer, log_lines: LogLines
) -> None:
    app = opened_at(model_server.base_url)
    app.providers.hold("openai")
    until(lambda: app.providers.status("openai").state == "connected")
    release = threading.Event()
    with pytest.raises(CancelledError):
        create_task(holds_the_loop_up(release)).result(20)
    for turn, state in ((model_server.stop, "unreachable"), (model_server.start, "connected")):
        turn()
        assert until(lambda wanted=state: app.providers.status("openai").state == wanted) < 4.0  # type: ignore[misc]
    release.set()
    app.close()
    log_lines.take("has been held up")
    log_lines.take("is replaced")
    without_asyncio(log_lines)


def test_wait_on_a_replaced_loop_leaves_nobody_waiting(model_server: FakeModelServer, log_lines: LogLines) -> None:
    app = opened_at(model_server.base_url)
    model_server.stop()
    chat = Chat(app)
    handle = chat.start("hello", choice=FAKE, wait_for_server_s=60)
    until(lambda: app.providers.status("openai").waiting == 1)
    release = threading.Event()
    create_task(holds_the_loop_up(release))
    assert handle.result(20).status == "interrupted"
    until(lambda: app.providers.status("openai").waiting == 0)
    release.set()
    until(lambda: app.providers._watch.held() == [] and not app.providers._watch.is_running)
    model_server.start()
    assert chat.start("again", choice=FAKE).result(10).status == "complete"
    assert len(model_server.chats) == 1
    app.close()
    log_lines.take("has been held up")
    log_lines.take("is replaced")
    without_asyncio(log_lines)

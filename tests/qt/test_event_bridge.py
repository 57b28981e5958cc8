"""The crossing to the main thread: everything arrives, in order, there, with one wake-up at most."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any, List

import pytest

from nuke_ai_panel.events import TextAdded, ThinkingAdded, TurnEvent, WaitChanged
from nuke_ai_panel_qt.core.event_bridge import EventBridge, outcome
from nuke_ai_panel_qt.qt import QtCore, is_valid


class Heard:
    def __init__(self) -> None:
        self.events: List[TurnEvent] = []
        self.threads: List[int] = []

    def __call__(self, event: TurnEvent) -> None:
        self.events.append(event)
        self.threads.append(threading.get_ident())

    def text(self, turn_id: str) -> str:
        return "".join(one.text for one in self.events if isinstance(one, TextAdded) and one.turn_id == turn_id)


def in_thread(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_flood_arrives_whole_in_few_wakeups(qtbot: Any) -> None:
    heard = Heard()
    bridge = EventBridge(heard)

    def flood() -> None:
        for number in range(100_000):
            bridge.post(TextAdded("a" if number % 2 else "b", f"{number} "))

    thread = in_thread(flood)
    thread.join()
    qtbot.waitUntil(lambda: len(heard.text("a")) + len(heard.text("b")) == sum(len(f"{n} ") for n in range(100_000)))
    assert heard.text("b").split() == [str(number) for number in range(0, 100_000, 2)]
    assert bridge.wakeups <= 3 and len(heard.events) <= 6
    assert set(heard.threads) == {threading.get_ident()}
    bridge.close()


def test_drains_are_at_least_33_ms_apart(qtbot: Any) -> None:
    times: List[float] = []
    bridge = EventBridge(lambda event: times.append(time.monotonic()))
    for number in range(60):
        bridge.post(TextAdded("a", str(number)))
        qtbot.wait(5)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert min(gaps) >= 0.033
    bridge.close()


def test_text_thinking_and_waits_keep_their_order(qtbot: Any) -> None:
    heard = Heard()
    bridge = EventBridge(heard)
    bridge.post(WaitChanged("a", "connecting"))
    bridge.post(WaitChanged("a", "loading"))
    for event in (ThinkingAdded("a", "1"), ThinkingAdded("a", "2"), TextAdded("a", "3"), TextAdded("a", "4")):
        bridge.post(event)
    bridge.flush()
    assert heard.events == [WaitChanged("a", "loading"), ThinkingAdded("a", "12"), TextAdded("a", "34")]
    bridge.close()


def test_a_blocked_main_thread_keeps_the_queue_short(qtbot: Any) -> None:
    heard = Heard()
    bridge = EventBridge(heard)
    for _ in range(20_000):
        bridge.post(TextAdded("a", "x"))
    assert bridge.waiting() == 1
    bridge.close()


def test_an_exception_in_one_handler_is_logged_once_and_ends_nothing(qtbot: Any, log_lines: Any) -> None:
    heard = Heard()
    bridge = EventBridge(heard)
    bridge.call(lambda: 1 / 0)  # type: ignore[arg-type, return-value]  # it raises
    bridge.post(TextAdded("a", "still here"))
    bridge.flush()
    assert heard.text("a") == "still here"
    assert log_lines.take("an event could not be shown").exc_info is not None
    bridge.close()


def test_a_future_reaches_the_main_thread(qtbot: Any) -> None:
    bridge = EventBridge(Heard())
    future: Future[int] = Future()
    seen: List[Any] = []
    bridge.when_done(future, lambda done: seen.append((outcome(done).value, threading.get_ident())))
    in_thread(lambda: future.set_result(7)).join()
    assert seen == []
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(7, threading.get_ident())]
    bridge.close()


def test_a_future_whose_owner_is_gone_reaches_nobody(qtbot: Any) -> None:
    bridge = EventBridge(Heard())
    owner = QtCore.QObject()
    future: Future[int] = Future()
    seen: List[Any] = []
    bridge.when_done(future, seen.append, owner=owner)
    owner.deleteLater()
    qtbot.waitUntil(lambda: not is_valid(owner))
    future.set_result(7)
    bridge.flush()
    assert seen == []
    bridge.close()


@pytest.mark.parametrize("fail", [True, False])
def test_an_outcome_never_raises(fail: bool) -> None:
    future: Future[int] = Future()
    if fail:
        future.set_exception(ValueError("no"))
        assert isinstance(outcome(future).error, ValueError)
    else:
        future.cancel()
        assert outcome(future).error is not None


def test_after_closing_nothing_arrives_and_posting_is_harmless(qtbot: Any) -> None:
    heard = Heard()
    bridge = EventBridge(heard)
    bridge.post(TextAdded("a", "1"))
    bridge.close()
    bridge.post(TextAdded("a", "2"))
    qtbot.wait(80)
    assert heard.events == []


def test_a_hidden_panel_is_told_less_often(qtbot: Any) -> None:
    times: List[float] = []
    bridge = EventBridge(lambda event: times.append(time.monotonic()))
    bridge.set_hidden(True)
    timer = QtCore.QElapsedTimer()
    timer.start()
    while timer.elapsed() < 450:
        bridge.post(TextAdded("a", "x"))
        qtbot.wait(5)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert min(gaps) >= 0.095
    bridge.close()

"""The panel tells the truth about the way to its model, and a question that finds no server waits in sight."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.fault_server import closed_port
from tests.fakes.model_server import FakeModelServer
from tests.unit.connection_kit import KillableServer

from .panel_kit import Desk, close_desk, server_overrides

Qt = QtCore.Qt
SEEN_S = 2.0
OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(qtbot: Any, model_server: FakeModelServer) -> Iterator[OpenDesk]:  # pytest-qt has no types
    """Opens panels on a server at an address; closed afterwards."""
    made: List[Desk] = []

    def opened(url: str, **more: Any) -> Desk:  # settings of any type
        made.append(Desk(qtbot, server_overrides(model_server, **{"providers.openai.base_url": url, **more})))
        return made[-1]

    yield opened
    for desk in made:
        close_desk(desk)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KillableServer]:
    made = KillableServer(tmp_path, words="|".join(["word "] * 300), rate=40)
    yield made
    made.kill()


def chip(desk: Desk) -> str:
    return desk.panel.composer.status.value().state


def queue(desk: Desk, text: str) -> None:
    """Types a question while an answer runs, and presses Enter."""
    desk.type(text)
    desk.press(Qt.Key.Key_Return)


def seconds_until(desk: Desk, condition: Callable[[], object]) -> float:
    began = time.monotonic()
    desk.until(condition)
    return time.monotonic() - began


def test_server_killed_under_a_stream_and_a_queued_question(open_desk: OpenDesk, server: KillableServer) -> None:
    server.start()
    desk = open_desk(server.base_url)
    desk.until(lambda: chip(desk) == "connected")
    desk.ask("first")
    desk.until(lambda: len(desk.items()) == 2 and "word word" in desk.answer().text)
    queue(desk, "second")
    assert [one.text for one in desk.session.queue(desk.manager.shown.id)] == ["second"]

    server.kill()
    assert seconds_until(desk, lambda: chip(desk) == "unreachable") < SEEN_S
    desk.until(lambda: len(desk.items()) == 4 and "Waiting for OpenAI …, trying again" in desk.items()[3].wait)
    first, waiting = desk.items()[1], desk.items()[3]
    assert first.text.startswith("word word") and first.error is not None and "interrupted" in first.error.sentence
    assert waiting.error is not None and "Nothing answers at 127.0.0.1" in waiting.error.sentence
    assert "retry" not in waiting.error.actions and "open_settings" in waiting.error.actions
    assert desk.session.queue(desk.manager.shown.id) == () and server.questions == ["first"]

    server.words, server.rate = "Back| again.", 0.0
    server.start()
    assert seconds_until(desk, lambda: chip(desk) == "connected") < SEEN_S
    desk.until(lambda: desk.answer().status == "complete")
    assert desk.answer().text == "Back again." and desk.answer().error is None and desk.answer().wait == ""
    desk.pause(1200)
    assert server.questions == ["first", "second"] and len(desk.items()) == 4


def test_stop_ends_the_wait_and_leaves_the_queue(open_desk: OpenDesk, server: KillableServer) -> None:
    desk = open_desk(server.base_url)
    desk.ask("first")
    desk.until(lambda: len(desk.items()) == 2 and "Waiting for OpenAI" in desk.answer().wait)
    queue(desk, "second")
    queue(desk, "third")
    assert [one.text for one in desk.session.queue(desk.manager.shown.id)] == ["second", "third"]
    desk.click(desk.panel.composer.queue_rows()[0].remove)
    began = time.monotonic()
    desk.click(desk.panel.composer.send)  # it is Stop while a question is under way
    desk.until(desk.is_idle)
    assert time.monotonic() - began < 1 and desk.answer().status == "stopped"
    server.words, server.rate = "Hello.", 0.0
    server.start()
    desk.until(lambda: chip(desk) == "connected")
    desk.pause(500)
    assert server.questions == [] and len(desk.session.queue(desk.manager.shown.id)) == 1


def test_two_panels_show_the_same(open_desk: OpenDesk, server: KillableServer) -> None:
    desk = open_desk(server.base_url)
    first = desk.widget
    second = desk.open_panel()

    def states() -> List[str]:
        return [one.panel.composer.status.value().state for one in (first, second) if one.panel is not None]

    desk.until(lambda: states() == ["unreachable"] * 2)
    server.start()
    assert seconds_until(desk, lambda: states() == ["connected"] * 2) < SEEN_S
    desk.close_panel()
    server.kill()
    assert seconds_until(desk, lambda: desk.panel.composer.status.value().state == "unreachable") < SEEN_S


def test_provider_of_a_closed_panel_is_left_alone(open_desk: OpenDesk, model_server: FakeModelServer) -> None:
    desk = open_desk(model_server.base_url)
    desk.until(lambda: chip(desk) == "connected")
    desk.close_panel()
    providers = desk.session.app.providers
    desk.until(lambda: not providers._watch.is_running)
    count = len(model_server.requests)
    desk.pause(1300)
    assert len(model_server.requests) == count


def test_chip_says_state_shape_and_reason(open_desk: OpenDesk, model_server: FakeModelServer) -> None:
    desk = open_desk(model_server.base_url)
    status = desk.panel.composer.status
    desk.until(lambda: chip(desk) == "connected")
    assert status.text() == "fake-model" and "connected since" in status.toolTip() and "ms" in status.toolTip()
    model_server.fail(429)
    desk.ask_and_wait("hello")
    desk.until(lambda: chip(desk) == "degraded")
    assert status.text() == "fake-model · degraded" and "asks to slow down" in status.toolTip()
    assert "Wait a moment" in status.toolTip() and "degraded" in status.accessibleName()
    desk.until(lambda: chip(desk) == "connected")
    model_server.stop()
    desk.until(lambda: chip(desk) == "unreachable")
    tip = status.toolTip()
    assert status.text() == "fake-model · unreachable" and "unreachable since" in tip
    assert "Nothing answers at" in tip and "Start OpenAI" in tip and "looked for again by itself" in tip
    model_server.start()


def test_another_choice_is_the_one_that_is_looked_after(open_desk: OpenDesk, model_server: FakeModelServer) -> None:
    away = f"http://127.0.0.1:{closed_port()}/v1"
    desk = open_desk(model_server.base_url, **{
        "providers.lmstudio.enabled": True, "providers.lmstudio.base_url": away,
    })
    desk.until(lambda: chip(desk) == "connected")
    desk.manager.models.choose_model(ModelChoice("lmstudio", "m"))
    assert seconds_until(desk, lambda: chip(desk) == "unreachable") < SEEN_S
    assert desk.session.app.providers._watch.held() == ["lmstudio"]

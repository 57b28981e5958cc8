"""Answers that go on while nobody looks: their own text, their marks, and one notification that steals no focus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import pytest

from nuke_ai_panel.app import App, Approval
from nuke_ai_panel.tools import Risk, Tool, Toolbox
from nuke_ai_panel.utils.host_offers import MAIN_LOOP, withdraw
from nuke_ai_panel.utils.main_thread import the_main_thread
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.core.main_loop import freeze, offer_main_loop
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides

Qt = QtCore.Qt


class Desktop:
    """What a desktop would have shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, has_tray: bool) -> None:
        self.told: List[Tuple[str, str]] = []
        self.alerts: List[QtWidgets.QWidget] = []
        self.state = Qt.ApplicationState.ApplicationInactive
        tray = QtWidgets.QSystemTrayIcon
        monkeypatch.setattr(tray, "isSystemTrayAvailable", staticmethod(lambda: has_tray))
        monkeypatch.setattr(tray, "supportsMessages", staticmethod(lambda: has_tray))
        monkeypatch.setattr(tray, "showMessage", lambda icon, title, text, *more: self.told.append((title, text)))
        application = QtWidgets.QApplication
        monkeypatch.setattr(application, "alert", staticmethod(lambda window, ms: self.alerts.append(window)))
        monkeypatch.setattr(
            QtWidgets.QApplication, "applicationState", staticmethod(lambda: self.state), raising=False
        )


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Desktop:
    return Desktop(monkeypatch, has_tray=True)


def marks(desk: Desk) -> Dict[str, str]:
    model = desk.panel.conversations.model
    return {
        row.title: " ".join(word for word, is_so in (
            ("asking", row.needs_approval), ("running", row.is_running), ("unread", row.is_unread)) if is_so)
        for row in model.shown
    }


def test_three_chats_stream_at_once_each_ends_with_its_own_text_and_carries_its_marks(
    desk: Desk, model_server: FakeModelServer
) -> None:
    def echo(body: Mapping[str, Any]) -> Sequence[str]:  # Any: a request body
        return [f"{body['messages'][-1]['content']} {number} " for number in range(20)]

    model_server.words = echo
    model_server.hold(3)
    ids = []
    for name in ("red", "green", "blue"):
        desk.manager.new_conversation()
        desk.ask(name)
        desk.until(lambda: desk.items()[-1:] and " 2 " in desk.items()[-1].text)
        ids.append(desk.manager.shown.id)
    desk.until(lambda: marks(desk) == {"red": "running", "green": "running", "blue": "running"})
    desk.manager.open_conversation(ids[0])
    desk.until(lambda: desk.texts()[:1] == ["red"] and "red 2" in desk.texts()[1])
    desk.close_panel()
    assert len(desk.session.running_ids()) == 3
    desk.open_panel()
    desk.until(lambda: len(desk.items()) == 2 and desk.panel.composer.is_running())
    model_server.release()
    desk.until(lambda: not desk.session.running_ids())
    desk.until(lambda: sorted(marks(desk).values()) == ["", "unread", "unread"])
    for name, id in zip(("red", "green", "blue"), ids):
        desk.manager.open_conversation(id)
        whole = "".join(f"{name} {number} " for number in range(20))
        desk.until(lambda: desk.texts() == [name, whole])  # noqa: B023 - called in this very step
    desk.until(lambda: set(marks(desk).values()) == {""})


def test_unread_mark_outlives_the_session(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold(1)
    desk.ask("one")
    desk.until(desk.panel.composer.is_running)
    desk.manager.new_conversation()
    model_server.release()
    desk.until(lambda: marks(desk).get("one") == "unread")
    desk.session.unread = frozenset()
    desk.session.refresh_conversations()
    desk.until(lambda: marks(desk).get("one") == "unread")


def test_one_notification_when_nobody_looks_and_a_click_leads_to_that_chat(
    desk: Desk, model_server: FakeModelServer, desktop: Desktop
) -> None:
    model_server.hold(1)
    desk.ask("about the hair")
    desk.until(desk.panel.composer.is_running)
    asked = desk.manager.shown.id
    desk.manager.new_conversation()
    window = desk.widget.window()
    window.showMinimized()
    model_server.release()
    desk.until(lambda: desktop.told)
    desk.pause(50)
    assert desktop.told == [("The answer is ready", "about the hair")] and window.isMinimized()
    assert desk.manager.shown.id != asked and desktop.alerts == []
    tray = desk.session.notifier._tray
    assert tray is not None
    tray.messageClicked.emit()
    assert desk.manager.shown.id == asked and not window.isMinimized()


def test_nothing_is_said_to_somebody_who_looks_or_wants_none(
    desk: Desk, desktop: Desktop, model_server: FakeModelServer
) -> None:
    desktop.state = Qt.ApplicationState.ApplicationActive
    desk.ask_and_wait("one")
    desktop.state = Qt.ApplicationState.ApplicationInactive
    model_server.hold(1)
    desk.ask("two")
    desk.until(desk.panel.composer.is_running)
    desk.manager.stop()
    desk.until(desk.is_idle)
    model_server.release()
    assert desktop.told == []  # stopped by hand: nobody waits for it
    desk.session.app.settings = _without_notifications(desk)
    desk.ask_and_wait("three")
    assert desktop.told == [] and desktop.alerts == []


def _without_notifications(desk: Desk) -> Any:  # Settings
    settings = desk.session.app.settings
    return replace(settings, panel=replace(settings.panel, notifications=False))


def test_failure_is_told_and_without_a_tray_the_window_asks_for_attention(
    desk: Desk, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = Desktop(monkeypatch, has_tray=False)
    model_server.fail(500, times=9)
    desk.ask_and_wait("one")
    assert desktop.told == [] and desktop.alerts == [desk.widget.window()]


@pytest.fixture
def tooled(qtbot: Any, model_server: FakeModelServer) -> Iterator[Desk]:
    box = Toolbox([Tool(
        "wipe", "Wipes a node.", Risk.EDIT, lambda: "wiped", {"type": "object", "properties": {}}, lambda: "Wipe it"
    )])
    made = Desk.__new__(Desk)
    made.bot = qtbot
    made.session = ChatSession(App.open(overrides=server_overrides(model_server), toolbox=box))
    made.widgets = []
    made.widget = made.open_panel()
    yield made
    close_desk(made)


def test_call_that_needs_an_approval_is_marked_and_told(
    tooled: Desk, model_server: FakeModelServer, desktop: Desktop
) -> None:
    model_server.calls = [("c1", "wipe", "{}")]
    tooled.ask("wipe it")
    asked = tooled.manager.shown.id
    tooled.until(lambda: tooled.session.asking_ids() == {asked})
    tooled.until(lambda: marks(tooled).get("wipe it") == "asking running")
    assert desktop.told == [("Needs your approval", "wipe it")]
    model_server.calls = []
    run = tooled.session.run_in(asked)
    assert run is not None
    run.handle.answer("c1", Approval(False))
    tooled.until(tooled.is_idle)
    assert tooled.session.asking_ids() == frozenset()
    assert not tooled.session.notifier.is_somebody_looking()


def test_a_tool_runs_once_it_was_allowed_and_not_when_denied(
    tooled: Desk, model_server: FakeModelServer, request: pytest.FixtureRequest
) -> None:
    bar, app = tooled.panel.composer.approval, tooled.session.app
    app.main_thread = the_main_thread()  # as a panel in Nuke has it
    offer_main_loop()
    request.addfinalizer(lambda: (freeze(), withdraw(MAIN_LOOP)))
    for allowed in (False, True):
        model_server.calls = [("c1", "wipe", "{}")]
        tooled.ask("wipe it")
        tooled.until(bar.isVisible)
        assert "Wipe it" in bar.label.text() and bar.preview.toPlainText() == "{}"
        tooled.press(Qt.Key.Key_Return)  # in the composer: it is no yes
        tooled.pause(50)
        assert bar.isVisible()
        model_server.calls = []
        if allowed:
            tooled.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        else:
            tooled.click(bar.deny)
        tooled.until(tooled.is_idle)
        assert not bar.isVisible() and tooled.session.asking_ids() == frozenset()
        path = tooled.session.app.store.path(tooled.manager.shown.id).result(20)
        (told,) = [message.text for message in path if message.role == "tool"]
        assert ("wiped" in told) is allowed, told
        tooled.manager.new_conversation()


def test_a_stop_takes_the_question_of_a_tool_away(tooled: Desk, model_server: FakeModelServer) -> None:
    model_server.calls = [("c1", "wipe", "{}")]
    tooled.ask("wipe it")
    tooled.until(tooled.panel.composer.approval.isVisible)
    tooled.press(Qt.Key.Key_Escape)
    tooled.until(tooled.is_idle)
    assert not tooled.panel.composer.approval.isVisible()

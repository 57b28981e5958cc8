"""What a screen reader finds: a name on everything that takes the focus, one announcement for each turn of events."""

from __future__ import annotations

from typing import List

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets, flag_value
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt


def unnamed(root: QtWidgets.QWidget) -> List[str]:
    return [
        f"{type(one).__name__} in {type(one.parentWidget()).__name__}" for one in root.findChildren(QtWidgets.QWidget)
        if flag_value(one.focusPolicy()) & flag_value(Qt.FocusPolicy.TabFocus) and one.isVisibleTo(root)
        and not one.accessibleName() and not isinstance(one, QtWidgets.QScrollArea)
    ]


def test_start_and_end_are_announced_once_and_no_token_is(
    desk: Desk, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: List[int] = []
    monkeypatch.setattr(
        QtGui.QAccessible, "updateAccessibility", staticmethod(lambda event: told.append(flag_value(event.type())))
    )
    model_server.words = ["**Raise** ", *(f"word {number} " for number in range(60))]
    desk.ask_and_wait("how?")
    assert desk.panel.live.said[0] == "fake-model is answering" and len(desk.panel.live.said) == 2
    assert desk.panel.live.said[1].startswith("Answer ready: Raise word 0") and len(desk.panel.live.said[1]) < 200
    assert told.count(flag_value(QtGui.QAccessible.Event.Alert)) == 2
    assert desk.panel.live.accessibleName() == desk.panel.live.said[1]


def test_failure_and_stop_are_announced_and_other_chats_are_not(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(401, times=1)
    desk.ask_and_wait("one")
    assert desk.panel.live.said[-1].startswith("The answer failed. ") and len(desk.panel.live.said) == 2
    model_server.hold(1)
    desk.ask("two")
    desk.until(desk.panel.composer.is_running)
    desk.until(lambda: len(desk.panel.live.said) == 3)
    desk.manager.stop()
    desk.until(desk.is_idle)
    assert desk.panel.live.said[-1] == "Stopped"
    desk.ask("three")
    desk.until(lambda: len(desk.panel.live.said) == 5)
    desk.manager.new_conversation()
    model_server.release()
    desk.until(lambda: not desk.session.running_ids())
    assert len(desk.panel.live.said) == 5


def test_one_key_reads_the_last_answer_as_plain_text(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["Use *this*:\n\n", "```python\nk = 1\n```"]
    desk.ask_and_wait("how?")
    desk.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    view = desk.panel.text_sheet.view
    assert view.toPlainText() == "Use this:\n\nk = 1" and view.accessibleName() == "The last answer"
    assert QtWidgets.QApplication.focusWidget() is view


def test_everything_that_takes_the_focus_has_a_name_and_messages_say_who_and_what(desk: Desk) -> None:
    assert unnamed(desk.panel) == []
    item = desk.ask_and_wait("how?")
    assert unnamed(desk.panel) == []
    spoken = desk.panel.transcript._views[item.id].accessibleName()
    assert spoken.startswith("fake-model") and spoken.endswith("Hello, artist.") and item.time in spoken
    assert desk.panel.transcript._views[desk.items()[0].id].accessibleName().startswith("You, ")
    for command in ("system", "prompts", "answer_options", "ledger"):
        desk.manager._command(command)
        assert unnamed(desk.panel) == [], command
        desk.panel.close_overlay()

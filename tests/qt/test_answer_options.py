"""Parameters of one conversation: sent with its next questions, with no others, and absent when they are empty."""

from __future__ import annotations

from typing import Any, Set

from nuke_ai_panel.settings import save_setting
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.answer_sheet import AnswerSheet
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt
NAMES = {"temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "reasoning_effort"}


def opened(desk: Desk) -> AnswerSheet:
    """The sheet, as the menu's entry and its keys open it."""
    desk.press(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    sheet = desk.panel.answer_sheet
    assert sheet is not None and desk.panel.overlay.content() is sheet
    return sheet


def type_into(desk: Desk, sheet: AnswerSheet, name: str, text: str) -> Any:  # the field
    field = sheet.column_of_fields.fields[name]
    field.editor.setFocus()
    field.editor.selectAll()  # type: ignore[attr-defined]  # a line
    desk.bot.keyClicks(field.editor, text) if text else desk.bot.keyClick(field.editor, Qt.Key.Key_Delete)
    return field


def sent(server: FakeModelServer) -> Set[str]:
    return NAMES & set(server.chats[-1].json())


def test_they_are_sent_in_their_conversation_only(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("one")
    assert sent(model_server) == set()
    sheet = opened(desk)
    type_into(desk, sheet, "temperature", "0.2")
    type_into(desk, sheet, "max_tokens", "64")
    sheet.column_of_fields.fields["reasoning_effort"].editor.choose("low")  # type: ignore[attr-defined]  # a Select
    desk.press(Qt.Key.Key_Escape, on=sheet)
    assert desk.panel.overlay.content() is None
    desk.ask_and_wait("two")
    body = model_server.chats[-1].json()
    assert (body["temperature"], body["reasoning_effort"]) == (0.2, "low")
    assert 64 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert "temperature 0.2" in desk.panel.composer.status.toolTip()
    desk.click(desk.panel.header.new)
    desk.ask_and_wait("elsewhere")
    assert sent(model_server) == set()


def test_what_is_emptied_is_absent_again(desk: Desk, model_server: FakeModelServer) -> None:
    sheet = opened(desk)
    type_into(desk, sheet, "temperature", "0.2")
    desk.press(Qt.Key.Key_Escape, on=sheet)
    desk.ask_and_wait("one")
    assert sent(model_server) == {"temperature"}
    type_into(desk, opened(desk), "temperature", "")
    desk.press(Qt.Key.Key_Escape, on=sheet)
    desk.ask_and_wait("two")
    assert sent(model_server) == set()


def test_what_is_empty_here_is_as_in_settings(desk: Desk, model_server: FakeModelServer) -> None:
    save_setting("parameters.temperature", 0.7)
    desk.session.app.reload_settings()
    sheet = opened(desk)
    assert sheet.column_of_fields.fields["temperature"].editor.placeholderText() == "as in Settings: 0.7"  # type: ignore[attr-defined]  # a line
    desk.press(Qt.Key.Key_Escape, on=sheet)
    desk.ask_and_wait("one")
    assert model_server.chats[-1].json()["temperature"] == 0.7


def test_what_is_wrong_is_said_and_not_sent(desk: Desk, model_server: FakeModelServer) -> None:
    sheet = opened(desk)
    field = type_into(desk, sheet, "temperature", "9")
    desk.bot.keyClick(field.editor, Qt.Key.Key_Return)
    assert "must be 2 or less" in field.problem.text() and field.text() == "9"
    desk.press(Qt.Key.Key_Escape, on=sheet)
    desk.ask_and_wait("one")
    assert sent(model_server) == set()

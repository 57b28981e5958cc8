"""The list of conversations, drafts and titles."""

from __future__ import annotations

import time
from typing import Any

from nuke_ai_panel.messages import Conversation
from nuke_ai_panel_qt.core.conversation_rows import rows_of
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.panel_values import ConversationRow
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt
LONG_PASTE = "line\n" * 200


def test_a_conversation_is_named_after_its_first_question(desk: Desk) -> None:
    desk.ask_and_wait("Why does my despill eat the edge?")
    desk.until(lambda: desk.titles() == ["Why does my despill eat the edge?"])
    assert desk.panel.header.title.text() == "Why does my despill eat the edge?"


def test_a_manual_title_stays(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    desk.until(lambda: desk.titles() == ["hello"])
    desk.click(desk.panel.header.title)
    desk.panel.header.edit.setText("Hair on sh0140")
    desk.press(Qt.Key.Key_Return, on=desk.panel.header.edit)
    desk.until(lambda: desk.titles() == ["Hair on sh0140"])
    desk.ask_and_wait("again")
    assert desk.panel.header.title.text() == "Hair on sh0140"


def test_deleting_a_conversation_can_be_undone(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    desk.until(lambda: desk.titles() == ["hello"])
    desk.manager.commands.delete()
    desk.until(lambda: desk.titles() == [])
    assert desk.items() == ()
    desk.click(desk.panel.toast.action)
    desk.until(lambda: desk.titles() == ["hello"])
    desk.until(lambda: desk.texts() == ["hello", "Hello, artist."])


def test_drafts_belong_to_their_conversation(desk: Desk) -> None:
    desk.ask_and_wait("first")
    first = desk.manager.shown.id
    desk.type("unsent words")
    desk.panel.composer.long_paste.emit(LONG_PASTE)
    desk.panel.composer.prompt.moveCursor(desk.panel.composer.prompt.textCursor().MoveOperation.Left)
    desk.click(desk.panel.header.new)
    assert desk.panel.composer.text() == ""
    assert desk.panel.composer.chips.buttons() == ()
    desk.manager.open_conversation(first)
    assert desk.panel.composer.text() == "unsent words"
    assert desk.panel.composer.caret() == len("unsent words") - 1
    assert [one.chip.label for one in desk.panel.composer.chips.buttons()] == ["paste.txt"]


def test_a_draft_is_stored_half_a_second_after_the_last_key(desk: Desk, qtbot: Any) -> None:
    desk.type("unsent words")
    conversation = desk.manager.shown.id
    desk.until(lambda: desk.session.app.store.draft(conversation).result(5) is not None)
    stored = desk.session.app.store.draft(conversation).result(5)
    assert stored is not None and stored.text == "unsent words"


def test_a_background_answer_marks_its_conversation_running_then_unread(
    desk: Desk, model_server: FakeModelServer
) -> None:
    model_server.hold()
    desk.ask("slow")
    slow = desk.manager.shown.id
    desk.click(desk.panel.header.new)
    desk.until(lambda: slow in {one.id for one in desk.session.conversations})
    model = desk.panel.conversations.model
    row = model.conversation(model.row_of(slow))
    assert row is not None and row.is_running
    model_server.release()
    desk.until(desk.is_idle)
    desk.until(lambda: model.conversation(model.row_of(slow)).is_unread)  # type: ignore[union-attr]  # it is there
    desk.manager.open_conversation(slow)
    row = model.conversation(model.row_of(slow))
    assert row is not None and not row.is_unread and not row.is_running


def test_a_click_in_the_list_opens_a_conversation(desk: Desk) -> None:
    desk.ask_and_wait("first")
    desk.click(desk.panel.header.new)
    desk.ask_and_wait("second")
    desk.until(lambda: desk.titles() == ["second", "first"])
    desk.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert desk.panel.overlay.content() is desk.panel.conversations
    desk.pause(200)
    view = desk.panel.conversations.view
    rect = view.visualRect(desk.panel.conversations.model.index(2))
    desk.bot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=rect.topLeft() + QtCore.QPoint(20, 8))
    desk.until(lambda: desk.texts()[:1] == ["first"])
    assert desk.panel.overlay.content() is None


def test_conversations_are_grouped_by_calendar_day() -> None:
    noon = time.mktime((2026, 3, 10, 12, 0, 0, 0, 0, -1))
    ages = (0, 3_600, 86_400, 3 * 86_400, 20 * 86_400, 60 * 86_400)
    rows = rows_of(
        [Conversation(str(age), "t", updated_at=noon - age) for age in ages],
        running=frozenset(), unread=frozenset(), now=noon,
    )
    assert [row.group for row in rows] == [
        "Today", "Today", "Yesterday", "Last 7 days", "Last 30 days", "January 2026",
    ]


def test_a_thousand_conversations_draw_only_what_is_visible(desk: Desk) -> None:
    rows = tuple(ConversationRow(str(number), f"Conversation {number}", "Today") for number in range(1000))
    desk.panel.toggle_list()
    started = time.perf_counter()
    desk.panel.conversations.set_rows(rows, "3")
    desk.panel.conversations.view.viewport().repaint()
    assert time.perf_counter() - started < 0.2
    assert desk.panel.conversations.model.rowCount() == 1001


def test_a_wide_panel_keeps_the_list_beside_the_transcript(desk: Desk) -> None:
    desk.widget.resize(1000, 700)
    desk.pause(50)
    assert desk.panel.conversations.isVisible()
    assert desk.panel.conversations.parentWidget() is desk.panel
    desk.widget.resize(420, 700)
    desk.pause(50)
    assert not desk.panel.conversations.isVisible()


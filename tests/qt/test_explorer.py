"""The memory explorer over the panel: found, opened at the hit, filtered, put in order, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from nuke_ai_panel_qt.qt import QtCore

from .explorer_kit import CONTROL, SHIFT, WAIT_S, chat, open_explorer, pick, search, settle, titles
from .panel_kit import Desk, close_desk

Qt = QtCore.Qt


@pytest.fixture
def desk(qtbot: Any) -> Iterator[Desk]:  # pytest-qt has no types
    opened = Desk(qtbot, {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"})
    yield opened
    close_desk(opened)


def test_chats_stand_under_their_day_with_a_snippet(desk: Desk) -> None:
    chat(desk.session.app.store, "Keying", "Why is the edge grey?", "The matte is clipped.")
    view = open_explorer(desk)
    (row,) = view.list.rows.shown
    assert (row.title, row.group, row.snippet) == ("Keying", "Today", "The matte is clipped.")
    assert view.count.text() == "1 chat"


def test_a_hit_is_opened_and_highlighted(desk: Desk) -> None:
    store = desk.session.app.store
    texts = [f"line {number}" for number in range(120)]
    texts[5] = "the Xylophone of the comp, twice: xylophone"
    target, messages = chat(store, "Long", *texts)
    chat(store, "Other", "nothing here")
    open_explorer(desk)
    (row,) = search(desk, "xylo")
    assert row.snippet[slice(*row.highlights[0])] == "Xylophone"
    assert row.message_id == messages[5].id
    desk.press(Qt.Key.Key_Return, on=desk.manager.explorer.view.query)  # type: ignore[union-attr]  # it is open
    desk.until(lambda: desk.manager.shown.id == target and desk.panel.find_bar.isVisible())
    desk.until(lambda: desk.panel.transcript.find_position() == (1, 2))
    found = desk.panel.transcript.view_of(messages[5].id)
    assert found is not None and desk.panel.transcript.viewport().rect().intersects(found.geometry())
    assert desk.panel.overlay.content() is None


def test_a_click_opens_a_chat(desk: Desk) -> None:
    target, _ = chat(desk.session.app.store, "Keying", "Why?", "Because.")
    view = open_explorer(desk)
    rect = view.list.visualRect(view.list.rows.index(1))
    desk.bot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    desk.until(lambda: desk.texts() == ["Why?", "Because."])
    assert desk.manager.shown.id == target


def test_a_hit_in_another_branch_is_brought_to_light(desk: Desk) -> None:
    desk.ask_and_wait("first answer please")
    hidden = desk.answer().id
    desk.panel.command.emit("regenerate")
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    desk.session.app.store.build_index().result(WAIT_S)
    open_explorer(desk)
    rows = search(desk, "please")
    assert hidden in [row.message_id for row in rows]
    desk.manager.explorer.view.list.opened.emit(  # type: ignore[union-attr]  # it is open
        next(row for row in rows if row.message_id == hidden)
    )
    desk.until(lambda: desk.answer().id == hidden and desk.answer().branch == (1, 2))


def test_deleting_twenty_can_be_undone_with_their_tags(desk: Desk) -> None:
    store = desk.session.app.store
    for number in range(20):
        chat(store, f"Chat {number}", "hello", tags=("comp", f"t{number}"))
    view = open_explorer(desk)
    view.list.setFocus()
    desk.press(Qt.Key.Key_A, CONTROL, on=view.list)
    assert view.selection.label.text() == "20 selected"
    desk.press(Qt.Key.Key_Delete, on=view.list)
    desk.until(lambda: not view.list.rows.shown)
    assert view.toast.label.text() == "Deleted 20 chats"
    desk.press(Qt.Key.Key_Z, CONTROL, on=view.list)
    desk.until(lambda: len(view.list.rows.shown) == 20)
    assert {row.tags for row in view.list.rows.shown} == {("comp", f"t{number}") for number in range(20)}

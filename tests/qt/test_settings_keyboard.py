"""Rebinding keys by pressing them: they count at once, clashes are said, tooltips print the keys of now."""

from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel.settings import load_settings, save_setting
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.settings_keyboard import WAITING, why_not

from .panel_kit import Desk, close_desk
from .test_settings_dialog import opened

Qt = QtCore.Qt
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def rebind(desk: Desk, command: str, key: Any, modifiers: Any) -> Any:  # Qt enums; the row is private
    """Clicks a command's keys and presses others."""
    dialog = opened(desk, "keyboard")
    row = dialog.keyboard.rows[command]
    desk.click(row.keys)
    assert row.keys.text() == WAITING
    desk.bot.keyClick(row.keys, key, modifiers)
    return row


def test_a_command_takes_the_keys_that_are_pressed(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    row = rebind(desk, "new", Qt.Key.Key_T, CONTROL)
    desk.until(lambda: row.keys.text() == "Ctrl+T")
    assert load_settings().panel.shortcuts == {"new": ("Ctrl+T",)}
    assert desk.panel.header.new.toolTip() == "New conversation  (Ctrl+T)"
    dialog = desk.manager.settings.dialog
    assert dialog is not None
    dialog.close()
    desk.press(Qt.Key.Key_N, CONTROL)
    assert desk.texts() != []
    desk.press(Qt.Key.Key_T, CONTROL)
    assert desk.texts() == []
    desk.press(Qt.Key.Key_F1)
    assert desk.panel.key_sheet is not None
    assert any("New conversation: Ctrl+T" in one.accessibleName() for one in desk.panel.key_sheet.findChildren(
        QtCore.QObject) if hasattr(one, "accessibleName"))


def test_the_sheet_of_keys_is_never_old(desk: Desk) -> None:
    desk.press(Qt.Key.Key_F1)
    desk.press(Qt.Key.Key_Escape)
    row = rebind(desk, "help", Qt.Key.Key_F9, Qt.KeyboardModifier.NoModifier)
    desk.until(lambda: row.keys.text() == "F9")
    desk.press(Qt.Key.Key_F9, on=desk.panel)
    names = [one.accessibleName() for one in desk.panel.key_sheet.children()[0].parent().findChildren(QtCore.QObject)  # type: ignore[union-attr]  # it is open
             if hasattr(one, "accessibleName")]
    assert "This sheet: F9" in names


def test_a_clash_is_shown_on_both_and_the_artists_own_answers(desk: Desk) -> None:
    row = rebind(desk, "list", Qt.Key.Key_F, CONTROL)
    desk.until(lambda: "Find in this conversation" in row.words.text())
    dialog = desk.manager.settings.dialog
    assert dialog is not None
    assert "Show or hide the conversations" in dialog.keyboard.rows["find"].words.text()
    dialog.close()
    desk.press(Qt.Key.Key_F, CONTROL, on=desk.panel)
    assert desk.panel.overlay.content() is desk.panel.conversations and not desk.panel.find_bar.isVisible()


def test_one_command_and_all_go_back_to_what_they_came_with(desk: Desk) -> None:
    row = rebind(desk, "new", Qt.Key.Key_T, CONTROL)
    desk.until(row.reset.isEnabled)
    desk.click(row.reset)
    desk.until(lambda: row.keys.text() == "Ctrl+N")
    rebind(desk, "find", Qt.Key.Key_J, CONTROL)
    desk.until(lambda: "find" in load_settings().panel.shortcuts)
    dialog = opened(desk, "keyboard")
    desk.until(dialog.keyboard.reset_all.isEnabled)
    desk.click(row.none)
    desk.until(lambda: row.keys.text() == "no key")
    desk.click(dialog.keyboard.reset_all)
    desk.until(lambda: (row.keys.text(), dialog.keyboard.rows["find"].keys.text()) == ("Ctrl+N", "Ctrl+F"))
    assert load_settings().panel.shortcuts == {}


def test_escape_keeps_the_old_keys_and_the_window(desk: Desk) -> None:
    row = rebind(desk, "new", Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    dialog = desk.manager.settings.dialog
    assert row.keys.text() == "Ctrl+N" and dialog is not None and dialog.isVisible()


@pytest.mark.parametrize(("key", "modifiers", "sentence"), [
    (Qt.Key.Key_C, CONTROL, "Ctrl+C copies while you write."), (Qt.Key.Key_A, SHIFT, "needed for writing"),
    (Qt.Key.Key_Return, CONTROL, "sends while you write"), (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier, "needed"),
])
def test_what_writing_needs_is_refused_with_a_sentence(desk: Desk, key: Any, modifiers: Any, sentence: str) -> None:
    row = rebind(desk, "new", key, modifiers)
    assert sentence in row.words.text() and row.keys.text() == "Ctrl+N"
    assert load_settings().panel.shortcuts == {}


def test_the_composers_own_keys_can_be_others(desk: Desk) -> None:
    desk.ask_and_wait("first")
    row = rebind(desk, "recall_previous", Qt.Key.Key_P, CONTROL)
    desk.until(lambda: row.keys.text() == "Ctrl+P")
    desk.type("pending")
    desk.press(Qt.Key.Key_Up, CONTROL, on=desk.panel.composer.prompt)
    assert desk.panel.composer.text() == "pending"
    desk.press(Qt.Key.Key_P, CONTROL, on=desk.panel.composer.prompt)
    assert desk.panel.composer.text() == "first"


def test_settings_for_a_command_that_is_not_there_are_said(qtbot: Any) -> None:
    save_setting("panel.shortcuts.dance", ["Ctrl+D"])
    desk = Desk(qtbot)
    dialog = opened(desk, "keyboard")
    assert dialog.keyboard.unknown.text() == "No such command, though settings give it keys: dance."
    close_desk(desk)


@pytest.mark.parametrize("keys", ["Ctrl+Alt+Up", "F5", "Alt+L", "Meta+K", "Ctrl++", "Ctrl+,"])
def test_these_can_be_taken(keys: str) -> None:
    assert why_not(keys) == ""

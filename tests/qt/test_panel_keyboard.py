"""A whole session by keys alone, and keys that stay inside the panel."""

from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.shortcuts import BINDINGS, Shortcuts
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, flag

Qt = QtCore.Qt
CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier,
)


def test_a_session_without_a_mouse(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["Use:\n\n```python\n", "print(1)\n", "```\n"]
    desk.press(Qt.Key.Key_N, CONTROL)
    desk.press(Qt.Key.Key_M, CONTROL | SHIFT)
    desk.until(lambda: desk.session.app.providers.models().models)
    desk.bot.keyClicks(desk.panel.picker.query, "model-2")
    desk.until(lambda: desk.panel.picker.filter.count() > 0)
    desk.press(Qt.Key.Key_Return)
    assert desk.panel.composer.status.text().startswith("fake-model-2")
    desk.bot.keyClicks(desk.widget.focusWidget(), "write code")
    model_server.hold(after=2)
    desk.press(Qt.Key.Key_Return)
    desk.until(lambda: desk.texts()[-1:] and "print" in desk.texts()[-1])
    desk.press(Qt.Key.Key_Escape)
    desk.until(desk.is_idle)
    assert desk.answer().status == "stopped"
    model_server.release()
    desk.press(Qt.Key.Key_R, CONTROL)
    desk.until(lambda: desk.is_idle() and desk.answer().status == "complete")
    desk.press(Qt.Key.Key_X, CONTROL | SHIFT)
    assert QtGui.QGuiApplication.clipboard().text() == "print(1)\n"
    desk.press(Qt.Key.Key_F, CONTROL)
    desk.bot.keyClicks(desk.widget.focusWidget(), "print")
    assert desk.panel.find_bar.count.text() == "1 of 1"
    desk.press(Qt.Key.Key_Escape)
    assert not desk.panel.find_bar.isVisible()
    desk.press(Qt.Key.Key_F1)
    assert desk.panel.overlay.content() is desk.panel.key_sheet
    desk.press(Qt.Key.Key_Escape)
    assert desk.panel.overlay.content() is None
    desk.press(Qt.Key.Key_K, CONTROL | SHIFT)
    assert desk.panel.overlay.content() is desk.panel.conversations
    desk.press(Qt.Key.Key_K, CONTROL)
    assert desk.panel.overlay.content() is desk.manager.explorer.view
    desk.press(Qt.Key.Key_K, CONTROL)
    assert desk.panel.overlay.content() is None


def test_escape_climbs_down_one_step_at_a_time(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold()
    desk.ask("hello")
    desk.press(Qt.Key.Key_F, CONTROL)
    desk.press(Qt.Key.Key_M, CONTROL | SHIFT)
    desk.press(Qt.Key.Key_Escape)
    assert desk.panel.overlay.content() is None and desk.panel.find_bar.isVisible()
    desk.press(Qt.Key.Key_Escape)
    assert not desk.panel.find_bar.isVisible() and desk.panel.composer.is_running()
    desk.press(Qt.Key.Key_Escape)
    desk.until(desk.is_idle)
    desk.press(Qt.Key.Key_Escape)
    assert not desk.panel.composer.prompt.hasFocus()


def test_tab_goes_from_composer_to_send_to_chips_to_transcript(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    desk.type("next")
    desk.panel.composer.long_paste.emit("line\n" * 200)
    seen = []
    for _ in range(5):
        seen.append(type(desk.widget.focusWidget()).__name__)
        desk.press(Qt.Key.Key_Tab)
    assert seen[:3] == ["PromptEdit", "SendButton", "ChipButton"]


def test_tab_stays_inside_what_lies_over_the_panel(desk: Desk) -> None:
    desk.manager.models.open_provider("openai")
    for _ in range(12):
        desk.press(Qt.Key.Key_Tab)
        focused = desk.widget.focusWidget()
        assert focused is not None and desk.panel.provider_card.isAncestorOf(focused)


def test_what_is_typed_anywhere_goes_to_the_composer(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    desk.panel.header.new.setFocus()
    desk.bot.keyClicks(desk.panel, "abc")
    assert desk.panel.composer.text() == "abc"
    assert desk.panel.composer.prompt.hasFocus()


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_B, Qt.Key.Key_Tab])
def test_no_key_of_the_host_fires_while_the_panel_has_the_focus(key: Any, desk: Desk) -> None:
    fired = []
    host = QtWidgets.QMainWindow()
    desk.bot.addWidget(host)
    action = QtGui.QAction("host", host)
    action.setShortcut(QtGui.QKeySequence(flag(key)))
    action.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
    action.triggered.connect(lambda: fired.append(key))
    host.addAction(action)
    host.setCentralWidget(desk.widget)
    host.show()
    desk.bot.waitExposed(host).__enter__()
    for target in (desk.panel.composer.prompt, desk.panel.transcript):
        target.setFocus()
        desk.bot.keyClick(target, key)
    assert fired == []
    host.takeCentralWidget()


@pytest.mark.parametrize("command", [binding.command for binding in BINDINGS])
def test_each_binding_is_found_by_its_key(command: str) -> None:
    shortcuts = Shortcuts()
    for keys in shortcuts.keys_of(command):
        sequence = QtGui.QKeySequence(keys)
        combined = sequence[0]
        code = combined.toCombined() if hasattr(combined, "toCombined") else int(combined)
        mask = 0xFE000000
        event = QtGui.QKeyEvent(
            QtCore.QEvent.Type.KeyPress, code & ~mask, Qt.KeyboardModifiers(code & mask)
            if hasattr(Qt, "KeyboardModifiers") and not hasattr(combined, "toCombined")
            else Qt.KeyboardModifier(code & mask),
        )
        assert shortcuts.command_of(event) == command


def test_keys_can_be_rebound() -> None:
    shortcuts = Shortcuts({"new": ("Ctrl+T",)})
    assert shortcuts.tip("New", "new") == "New  (Ctrl+T)"


def test_every_button_says_what_it_does(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    for button in desk.widget.findChildren(QtWidgets.QAbstractButton):
        if button.isVisibleTo(desk.widget):
            assert button.accessibleName() or button.text(), button

"""Keys that Nuke has too: none reaches Nuke from where the artist works in the panel, and none of ours fires in Nuke.

A main window stands for Nuke: it has an action for the whole application on each of the keys.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from nuke_ai_panel_qt.ui.shortcuts import BINDINGS

from .panel_kit import Desk

Qt = QtCore.Qt
LETTERS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "Shift+B", ".", ",", "/", "=", "-"]
WRITING = [*LETTERS, "Space"]
# In a text Nuke's own would undo a node, copy nodes or delete them.
EDITING = ["Backspace", "Delete", "Ctrl+Z", "Ctrl+Shift+Z", "Ctrl+A", "Ctrl+C", "Ctrl+V", "Ctrl+X"]
MOVING = ["Left", "Right", "Up", "Down", "Home", "End", "PgUp", "PgDown", "Tab", "Shift+Tab", "Esc", "Return", "Enter",
          "Ctrl+Return", "Shift+Return"]
OURS = [keys for binding in BINDINGS for keys in binding.keys]


class Nuke(QtWidgets.QMainWindow):
    """Notes which of its keys fired."""

    def __init__(self, keys: List[str]) -> None:
        super().__init__()
        self.fired: List[str] = []
        for one in dict.fromkeys(keys):
            action = QtGui.QAction(one, self)
            action.setShortcut(QtGui.QKeySequence(one))
            action.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
            action.triggered.connect(lambda *_, key=one: self.fired.append(key))
            self.addAction(action)


@pytest.fixture
def nuke(desk: Desk) -> Iterator[Nuke]:
    window = Nuke([*WRITING, *EDITING, *MOVING, *OURS])
    rest = QtWidgets.QWidget(window)
    rest.setObjectName("node_graph")
    rest.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    middle = QtWidgets.QSplitter(window)
    middle.addWidget(rest)
    middle.addWidget(desk.widget)
    window.setCentralWidget(middle)
    window.resize(1000, 700)
    window.show()
    window.activateWindow()
    desk.bot.waitUntil(window.isActiveWindow)
    yield window
    desk.widget.setParent(None)
    window.close()
    window.deleteLater()


def press(desk: Desk, on: QtWidgets.QWidget, keys: str) -> None:
    combined: Any = QtGui.QKeySequence(keys)[0]
    code = combined.toCombined() if hasattr(combined, "toCombined") else int(combined)
    held = getattr(Qt, "KeyboardModifiers", Qt.KeyboardModifier)  # PySide2 has two types, PySide6 one
    desk.bot.keyClick(on, Qt.Key(code & ~0xFE000000), held(code & 0xFE000000))


def pressed(desk: Desk, nuke: Nuke, on: Callable[[], QtWidgets.QWidget], keys: List[str]) -> List[str]:
    """Which of the keys fired in Nuke."""
    nuke.fired.clear()
    for one in keys:
        desk.panel.close_overlay()
        nuke.activateWindow()
        target = on()
        target.setFocus()
        focused = QtWidgets.QApplication.focusWidget()
        assert focused is not None and (focused is target or target.isAncestorOf(focused)), (target, focused)
        press(desk, focused, one)
    return list(nuke.fired)


def places(desk: Desk) -> Dict[str, Callable[[], QtWidgets.QWidget]]:
    """Where the focus may stand in the panel."""
    panel = desk.panel

    def found(kind: Any, *names: str) -> QtWidgets.QWidget:
        return next(one for one in panel.findChildren(kind) if one.isVisible() and one.focusPolicy()
                    & Qt.FocusPolicy.TabFocus and (not names or one.objectName() in names))

    return {
        "composer": lambda: panel.composer.prompt,
        "transcript": lambda: panel.transcript,
        "code": lambda: found(QtWidgets.QAbstractButton, "copy_code", "copy"),
        "button": lambda: panel.header.new,
    }


def ask_for_code(desk: Desk, model_server: Any) -> None:
    model_server.words = ["Here:\n\n```python\nprint(1)\n```\n\nThat is all."]
    desk.ask_and_wait("code")
    desk.until(lambda: [one for one in desk.panel.findChildren(CodeBlock) if one.isVisible()])


@pytest.mark.parametrize("where", ["composer", "transcript", "button"])
def test_no_key_of_an_artists_reaches_nuke_from_the_panel(
    where: str, desk: Desk, nuke: Nuke, model_server: Any
) -> None:
    ask_for_code(desk, model_server)
    fired = pressed(desk, nuke, places(desk)[where], [*WRITING, *EDITING, *MOVING])
    assert " ".join(fired) == ""


def test_our_keys_are_ours_in_the_panel_and_nukes_outside(desk: Desk, nuke: Nuke, model_server: Any) -> None:
    ask_for_code(desk, model_server)
    safe = [keys for binding in BINDINGS for keys in binding.keys if binding.command not in ("attach", "settings")]
    assert pressed(desk, nuke, lambda: desk.panel.composer.prompt, safe) == []
    press(desk, desk.panel.find_bar.query, "Esc")
    desk.panel.close_overlay()
    shown, typed = desk.manager.shown.id, desk.panel.composer.text()
    graph = nuke.findChild(QtWidgets.QWidget, "node_graph")
    every: Tuple[str, ...] = tuple(dict.fromkeys([*LETTERS, *OURS]))
    fired = pressed(desk, nuke, lambda: graph, list(every))
    assert set(fired) == set(every)
    assert desk.manager.shown.id == shown and desk.panel.composer.text() == typed
    assert desk.panel.overlay.content() is None and not desk.panel.find_bar.isVisible()


def test_a_paste_beside_the_composer_lands_in_it(desk: Desk, nuke: Nuke, model_server: Any) -> None:
    ask_for_code(desk, model_server)
    QtWidgets.QApplication.clipboard().setText("from elsewhere")
    assert pressed(desk, nuke, lambda: desk.panel.transcript, ["Ctrl+V"]) == []
    assert desk.panel.composer.text() == "from elsewhere"

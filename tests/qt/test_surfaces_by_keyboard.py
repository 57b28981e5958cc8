"""Every surface by keyboard and by ear: Tab reaches each button, and what takes the focus has a name.

The surfaces are the states of docs/screenshots.py. NUKE_AI_PANEL_SURFACES=all walks every one of them.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, List, Set

import pytest

from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.core.panel_widget import PanelWidget
from nuke_ai_panel_qt.qt import QtCore, QtWidgets, flag_value
from nuke_ai_panel_qt.ui.controls import Button

from .surfaces import widgets

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs"))
from screenshots import HEIGHT, STATES, Stage, open_app

Qt = QtCore.Qt
FEW = ("empty", "answer", "branches", "picker", "settings", "explorer", "prompt-library")
ALL = os.environ.get("NUKE_AI_PANEL_SURFACES") == "all"
# A log of a held-up loop is written there, and menus have their arrows.
NOT_WALKED = {"log", "explorer-filter-menu", "context-menu"}
SURFACES = [name for name in STATES if name not in NOT_WALKED] if ALL else FEW
MOST_STOPS = 400


@pytest.mark.parametrize("state", SURFACES)
def test_tab_reaches_each_button_and_what_takes_the_focus_has_a_name(
    state: str, qapp: QtWidgets.QApplication, qtbot: Any, tmp_path: Path
) -> None:
    session = ChatSession(open_app(tmp_path, state))
    widget = PanelWidget(session=session)
    widget.resize(460, HEIGHT)
    widget.show()
    widget.activateWindow()
    with ExitStack() as later:
        stage = Stage(qapp, session, widget, later)
        stage.turn(0.05)
        STATES[state](stage)
        stage.turn(0.2)
        shown = stage.shown()
        nameless = [type(one).__name__ for one in widgets(shown) if takes_focus(one) and not one.accessibleName()]
        reached = tab_through(qtbot, shown)
        missed = [name_of(one) for one in buttons_on_top(shown) if one not in reached]
        widget.close()
        session.close()
    widget.deleteLater()
    qapp.processEvents()
    shutdown_event_loop()

    assert nameless == []
    assert missed == []


def takes_focus(widget: QtWidgets.QWidget) -> bool:
    policy, tab = flag_value(widget.focusPolicy()), flag_value(Qt.FocusPolicy.TabFocus)
    speaks = isinstance(widget, QtWidgets.QPushButton) and widget.text()  # its word is its name
    return bool(policy & tab) and widget.isEnabled() and not (speaks or isinstance(widget, QtWidgets.QScrollArea))


def tab_through(bot: Any, root: QtWidgets.QWidget) -> Set[QtWidgets.QWidget]:
    """Everything that has the focus on a way round with Tab."""
    seen: List[QtWidgets.QWidget] = []
    for _ in range(MOST_STOPS):
        at = root.window().focusWidget() or root
        if seen and at is seen[0] and len(seen) > 1:
            break
        seen.append(at)
        bot.keyClick(at, Qt.Key.Key_Tab)
    return set(seen)


def buttons_on_top(root: QtWidgets.QWidget) -> List[Button]:
    """The enabled buttons that nothing lies over."""
    found = []
    for one in widgets(root):
        if isinstance(one, Button) and one.isEnabled() and flag_value(one.focusPolicy()):
            middle = one.mapTo(root, one.rect().center())
            above = root.childAt(middle)
            if above is one:
                found.append(one)
    return found


def name_of(button: Button) -> str:
    return f"{type(button.parentWidget()).__name__}: {button.accessibleName() or button.text() or button.toolTip()}"

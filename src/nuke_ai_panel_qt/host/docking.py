"""Opens the panel or the memory explorer in Nuke, or brings the one that is open to the front. Main thread.

A widget that Nuke has let go may linger without a parent: it is no open panel. What a new pane holds is there at once
or a moment later, when Nuke gets round to drawing it, so what shall happen in a panel is handed over, not waited for.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Optional

import nuke
import nukescripts  # type: ignore[import-not-found]  # exists only inside Nuke and has no stubs

from nuke_ai_panel.errors import HostError
from nuke_ai_panel.words import tr

from ..core import explorer_pane
from ..core.pane import OBJECT_NAME, content, panes
from ..core.panel_manager import PanelManager
from ..qt import QtCore, QtWidgets, is_valid
from .install import EXPLORER, EXPLORER_ID, EXPLORER_NAME, PANE, PANEL_ID, PANEL_NAME

# Where a new panel goes: beside the properties, else beside the node graph, else into a window.
BESIDE = ("Properties.1", "DAG.1")
LOOK_EVERY_MS = 30
PATIENCE_S = 5.0


def in_panel(then: Callable[[PanelManager], object]) -> None:
    """Shows the panel and calls `then` with its presenter; not at all while a panel cannot be built, which it says."""
    if open_pane() is None:
        _new_pane(PANE, PANEL_NAME, PANEL_ID)
    _when_there(then, time.monotonic() + PATIENCE_S)


def show_explorer() -> None:
    """Shows the memory explorer in its pane."""
    if open_pane(explorer_pane.OBJECT_NAME) is None:
        _new_pane(EXPLORER, EXPLORER_NAME, EXPLORER_ID)


def open_pane(object_name: str = OBJECT_NAME) -> Optional[QtWidgets.QWidget]:
    """The open pane of a kind that the artist used last or can see best, brought to the front; None without one."""
    found = [one for one in panes(object_name) if is_valid(one) and (one.parentWidget() is not None or one.isVisible())]
    if not found:
        return None
    best = max(found, key=lambda one: (_has_focus(one), one.isVisible()))
    _bring_to_front(best)
    return best


def _new_pane(widget: str, name: str, panel_id: str) -> None:
    """As registerWidgetAsPanel makes one, without a second entry in the menu. Raises HostError where Nuke cannot."""
    expression = f"__import__('nukescripts').panels.WidgetKnob({widget})"
    panel = nukescripts.PythonPanel(name, panel_id)
    panel.customKnob = nuke.PyCustom_Knob(name, "", expression)
    panel.addKnob(panel.customKnob)
    dock = next((found for found in map(nuke.getPaneFor, BESIDE) if found is not None), None)
    if dock is None:  # a workspace without either
        panel.show()
    else:
        panel.addToPane(dock)


def _when_there(then: Callable[[PanelManager], object], until: float) -> None:
    pane = open_pane()
    widget = content(pane) if pane is not None else None
    if widget is not None and widget.manager is not None:
        widget.manager.panel.focus_composer()
        then(widget.manager)
    elif pane is None:
        if time.monotonic() > until:
            raise HostError("Nuke opened no pane", user_text=tr("Nuke did not open the panel."),
                            next_step=tr("Open it from Windows > Custom > AI Panel."))
        QtCore.QTimer.singleShot(LOOK_EVERY_MS, lambda: _when_there(then, until))


def _bring_to_front(pane: QtWidgets.QWidget) -> None:
    """Turns every stack and tab bar around it to its page, and raises its window."""
    widget: Any = pane  # Any: parents are widgets of Nuke's own classes
    while widget is not None:
        above = widget.parentWidget()
        if isinstance(above, (QtWidgets.QStackedWidget, QtWidgets.QTabWidget)) and above.indexOf(widget) >= 0:
            above.setCurrentWidget(widget)
            tabs = above.parentWidget()
            if isinstance(tabs, QtWidgets.QTabWidget) and tabs.indexOf(widget) >= 0:
                tabs.setCurrentWidget(widget)
        widget = above
    pane.window().raise_()
    pane.window().activateWindow()


def _has_focus(pane: QtWidgets.QWidget) -> bool:
    focused = QtWidgets.QApplication.focusWidget()
    return focused is not None and pane.isAncestorOf(focused)

"""The widget that Nuke docks and that is the standalone window: Qt's own, with one child of ours in it. Main thread.

It outlives every reload of our code, in its place in the workspace, because nothing of ours is in its class: a reload
takes the child out and puts the next generation's in. Nuke makes it with no arguments and calls `updateValue` on it.
"""

from __future__ import annotations

from typing import List, Mapping, Optional

from nuke_ai_panel.messages import Json

from ..qt import QtWidgets, is_valid
from .panel_widget import PanelWidget

TITLE = "Nuke AI Panel"
# Panes carry this name, so that every generation finds them again.
OBJECT_NAME = "nuke_ai_panel_pane"


def make_pane() -> QtWidgets.QWidget:
    """A pane with a panel in it, or with the reason why there is none. Cannot raise."""
    pane = empty_pane(OBJECT_NAME, TITLE)
    fill(pane)
    return pane


def empty_pane(object_name: str, title: str) -> QtWidgets.QWidget:
    """Qt's own widget with a layout, as Nuke docks it; it outlives our code."""
    pane = QtWidgets.QWidget()
    pane.setObjectName(object_name)
    pane.setWindowTitle(title)
    # Nuke calls it on every panel widget; there is no knob behind this one. A built-in, for it outlives our code.
    pane.updateValue = bool  # type: ignore[attr-defined]  # no attribute of Qt's
    box = QtWidgets.QVBoxLayout(pane)
    box.setContentsMargins(0, 0, 0, 0)
    return pane


def fill(pane: QtWidgets.QWidget, state: Optional[Mapping[str, Json]] = None) -> PanelWidget:
    """Puts a panel into an empty pane, in the state in which another one left it."""
    widget = PanelWidget(pane, state=state)
    layout = pane.layout()
    assert layout is not None, "a pane has a layout"
    layout.addWidget(widget)
    pane.setFocusProxy(widget)
    return widget


def content(pane: QtWidgets.QWidget) -> Optional[PanelWidget]:
    """What `fill` put into it."""
    children = pane.children() if is_valid(pane) else []
    return next((one for one in children if isinstance(one, PanelWidget)), None)


def panes(object_name: str = OBJECT_NAME) -> List[QtWidgets.QWidget]:
    """Every pane of that kind in the process, docked or floating."""
    return [
        widget for widget in QtWidgets.QApplication.allWidgets()
        if is_valid(widget) and widget.objectName() == object_name
    ]

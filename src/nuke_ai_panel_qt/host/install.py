"""Registers the panes and the menus. Main thread, once per session, from menu.py; loads no Qt while Nuke starts.

Nuke evaluates the text of a pane when somebody opens it or a saved workspace names its id, and calls the result
without arguments. The ids are stored in artists' workspaces: they are never renamed.
"""

from __future__ import annotations

import nuke
import nukescripts  # type: ignore[import-not-found]  # exists only inside Nuke and has no stubs

from .menu import add_menus

PANEL_ID = "com.nuke_ai_panel.chat"
PANEL_NAME = "AI Panel"
PANE = "__import__('nuke_ai_panel_qt.host.pane', fromlist=['open_pane']).open_pane"
EXPLORER_ID = "com.nuke_ai_panel.explorer"
EXPLORER_NAME = "AI Memory"
EXPLORER = "__import__('nuke_ai_panel_qt.host.pane', fromlist=['open_explorer']).open_explorer"


def register() -> None:
    """Adds the panes, to the Pane menu and to what workspaces can restore, and the menus; Hiero has neither."""
    if nuke.GUI and not nuke.env.get("hiero"):
        nukescripts.registerWidgetAsPanel(PANE, PANEL_NAME, PANEL_ID)
        nukescripts.registerWidgetAsPanel(EXPLORER, EXPLORER_NAME, EXPLORER_ID)
        add_menus()

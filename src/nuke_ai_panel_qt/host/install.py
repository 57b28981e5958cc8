"""Registers the pane and the menus. Main thread, once per session, from menu.py; loads no Qt, because Nuke is starting.

Nuke evaluates the text of PANE when somebody opens the pane or a saved workspace names its id, and calls the result
without arguments. The id is stored in artists' workspaces: it is never renamed.
"""

from __future__ import annotations

import nuke
import nukescripts  # type: ignore[import-not-found]  # exists only inside Nuke and has no stubs

from .menu import add_menus

PANEL_ID = "com.nuke_ai_panel.chat"
PANEL_NAME = "AI Panel"
PANE = "__import__('nuke_ai_panel_qt.host.pane', fromlist=['open_pane']).open_pane"


def register() -> None:
    """Adds the pane, to the Pane menu and to what workspaces can restore, and the menus; Hiero has neither."""
    if nuke.GUI and not nuke.env.get("hiero"):
        nukescripts.registerWidgetAsPanel(PANE, PANEL_NAME, PANEL_ID)
        add_menus()

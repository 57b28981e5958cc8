"""Nuke's menus: the entries, as texts that Nuke runs when one is chosen, so that a reload of our code is no matter.

Main thread. Nothing is loaded here but this table. The key is read from the settings once Nuke has started: reading
them takes longer than a start has time for.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any, Optional, Tuple

import nuke

from nuke_ai_panel.words import later, tr

log = logging.getLogger(__name__)

MENU = "AI Panel"
OPEN = later("Open the panel")
COMMAND = "__import__('nuke_ai_panel_qt.host.actions', fromlist=['run']).run({action!r})"
LATER = "__import__('nuke_ai_panel_qt.host.menu', fromlist=['set_shortcut']).set_shortcut()"


@dataclass(frozen=True)
class Entry:
    """One line of a menu; without an action it is a separator. `action` is a name in `actions`."""

    text: str = ""
    action: str = ""
    tip: str = ""


ENTRIES: Tuple[Entry, ...] = (
    Entry(OPEN, "open", later("Open the panel, or bring it to the front.")),
    Entry(later("Open the memory explorer"), "explorer", later("Every chat, found and put in order, in a pane.")),
    Entry(later("New conversation"), "new_conversation", later("Open the panel with an empty conversation.")),
    Entry(later("Ask about the selection"), "ask_selection", later("Begin a conversation about the selected nodes.")),
    Entry(later("Ask about the last error"), "ask_error",
    later("Begin a conversation about the last traceback or broken node.")),
    Entry(later("Batch over selection"), "batch_selection",
          later("Ask one prompt about every selected node: see the plan, then run it.")),
    Entry(),
    Entry(later("Reconnect"), "reconnect",
    later("Close every connection, connect anew, and say how each provider stands.")),
    Entry(later("Restart"), "restart", later(
    "End everything in the background and start anew on the same conversations.")),
    Entry(later("Reload"), "reload", later("Take the panel's code from disk into service.")),
    Entry(later("Log"), "log", later("What the panel wrote down about itself, to filter and to copy.")),
    Entry(later("Report…"), "report", later("What the panel knows about itself, to read and to copy. Holds no keys.")),
    Entry(later("Developers' mode on or off"), "developer_mode",
    later("Load the panel's code again whenever a file is saved.")),
    Entry(),
    Entry(later("Settings…"), "settings", later("Providers, keys, answers and the keyboard.")),
    Entry(later("Documentation"), "documentation", later("What the panel can do, in a browser.")),
)
# What a right click on the node graph offers.
NODE_ENTRIES: Tuple[Entry, ...] = (ENTRIES[3], ENTRIES[2], ENTRIES[5])


def add_menus() -> None:
    """Adds *Nuke > AI Panel* and the entries of the node graph's context menu."""
    _add(nuke.menu("Nuke"), ENTRIES)
    try:
        _add(nuke.menu("Node Graph"), NODE_ENTRIES)
    except RuntimeError as error:  # a Nuke without that menu
        log.info("no entries in the node graph's menu: %s", error)
    _when_nuke_has_started()


def set_shortcut() -> None:
    """Gives *Open the panel* the key that the settings name; settings that cannot be read leave it without one."""
    from nuke_ai_panel.errors import SettingsError
    from nuke_ai_panel.settings import load_settings

    try:
        keys = load_settings().panel.nuke_shortcut or ""
    except (SettingsError, ImportError) as error:  # the panel says so when it is opened
        log.info("no key for the panel: %s", error)
        return
    item = nuke.menu("Nuke").findItem(f"{MENU}/{tr(OPEN)}")
    if item is not None and item.shortcut() != keys:
        item.setShortcut(keys)


def _add(menu: Any, entries: Tuple[Entry, ...]) -> None:  # Any: a menu of whichever Nuke this is
    ours = menu.addMenu(MENU)
    for entry in entries:
        if entry.action:
            ours.addCommand(tr(entry.text), COMMAND.format(action=entry.action), tooltip=tr(entry.tip))
        else:
            ours.addSeparator()


def _when_nuke_has_started() -> None:
    """Has the key set by Qt's event loop. Nuke's own queue is not served while menu.py runs."""
    core = _loaded_qt_core()
    if core is not None and core.QCoreApplication.instance() is not None:
        # Text, so that no function of ours waits there when the code is reloaded.
        core.QTimer.singleShot(0, partial(exec, LATER, {}))


def _loaded_qt_core() -> Optional[Any]:  # Any: a module of either binding
    """The Qt that Nuke has loaded already; nothing is loaded for a key's sake."""
    return sys.modules.get("PySide6.QtCore") or sys.modules.get("PySide2.QtCore")

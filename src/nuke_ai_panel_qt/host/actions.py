"""What Nuke's menus do, by name: `run("open")`. Other modules of this package add theirs to ACTIONS. Main thread.

Menus hold a text that calls `run`, so nothing of ours waits in Nuke's hands through a reload, and nothing is loaded
before an entry is chosen. Whatever goes wrong ends here, as one sentence in Nuke's own message box.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Callable, Dict, Union

import nuke

from nuke_ai_panel.words import tr

if TYPE_CHECKING:
    from ..core.panel_manager import PanelManager

log = logging.getLogger(__name__)

Action = Callable[[], object]


def run(name: str) -> None:
    """Does what the entry says. Cannot raise."""
    try:
        found = ACTIONS[name]
        if isinstance(found, str):
            module, _, function = found.partition(":")
            found = getattr(import_module(module, __package__), function)
        found()
    except Exception as error:  # noqa: BLE001  (a traceback in the Script Editor is no answer to a click)
        _say(error)


def _say(error: Exception) -> None:
    from .pane import explained

    words = getattr(error, "user_text", ""), getattr(error, "next_step", "")
    if not words[0]:
        log.error("an entry of the menu failed", exc_info=error)
        words = explained(error)
    nuke.message(f"AI Panel: {words[0]} {words[1]}".strip())


# ---------------------------------------------------------------- the entries


def _in_panel(then: Callable[[PanelManager], object]) -> None:
    from .docking import in_panel

    in_panel(then)


def _open() -> None:
    _in_panel(lambda manager: None)


def _explorer() -> None:
    from .docking import show_explorer

    show_explorer()


def _new_conversation() -> None:
    _in_panel(lambda manager: manager.new_conversation())


def _settings() -> None:
    _in_panel(lambda manager: manager.settings.open())


def _reload() -> None:
    """Reloads from Qt's event loop. With no panel open, one is opened, so that there is a place to say how it went."""
    _in_panel(lambda manager: import_module("nuke_ai_panel_qt.core.panel_reload").ask_soon("finished"))


def _reconnect() -> None:
    _in_panel(lambda manager: manager.trouble.reconnect())


def _restart() -> None:
    _in_panel(lambda manager: manager.trouble.restart())


def _log() -> None:
    _in_panel(lambda manager: manager.trouble.open_log())


def _developer_mode() -> None:
    _in_panel(lambda manager: manager.trouble.switch_developer())


def _report() -> None:
    """Needs no panel: it is for the day when there is none."""
    from ..core.report_desk import show_report

    show_report(nuke_facts())


def nuke_facts() -> Dict[str, str]:
    """What the report says of Nuke itself."""
    env = nuke.env
    kinds = [name for name in ("nukex", "studio", "indie", "nc", "assist", "ple") if env.get(name)]
    return {
        "Nuke": str(nuke.NUKE_VERSION_STRING), "interface": "yes" if nuke.GUI else tr("no (terminal)"),
        "kind": ", ".join(kinds) or "Nuke", "program": str(getattr(nuke, "EXE_PATH", sys.executable)),
    }


def _documentation() -> None:
    from ..core.documentation import open_documentation

    open_documentation()


# A module of this package adds its own as "module:function", which is imported when the entry is chosen.
ACTIONS: Dict[str, Union[Action, str]] = {
    "open": _open, "explorer": _explorer, "new_conversation": _new_conversation,
    "ask_selection": ".selection:ask_selection", "ask_error": ".selection:ask_error",
    "batch_selection": ".selection:batch_selection",
    "reconnect": _reconnect, "restart": _restart, "reload": _reload, "report": _report, "log": _log,
    "developer_mode": _developer_mode, "settings": _settings, "documentation": _documentation,
}

"""What a host offers the library, by name, so that the library never imports a host. Any thread.

A host says where a function of its own is, as "module:function"; the library imports it when it is first needed. Only
these texts are kept, and they outlive a reload of the code, so that each generation finds the function of its own time.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any, Dict, Optional, Set

from .survivors import keep, look

log = logging.getLogger(__name__)

# Runs submitted work from the host's own event loop: a function that returns a HostLoop, or None while there is none.
MAIN_LOOP = "main loop"
# Reads the open script: a function that returns a SceneSource.
SCENE = "scene"

_KEPT = "host offers"
# `nuke -t` runs no start file that could offer anything and loads nothing of ours until a script asks: there the
# host is known by the module that it puts into sys.modules.
_BY_PRESENCE = {SCENE: ("nuke", "nuke_ai_panel_qt.host.script_source:source")}

_blamed: Set[str] = set()


def offer(what: str, where: str) -> None:
    """From now on `what` is done by the function at `where`. The same name replaces."""
    keep(_KEPT, {**look(_KEPT, {}), what: where})


def withdraw(what: str) -> None:
    """Takes back `offer`; an unknown name is fine."""
    offers: Dict[str, str] = dict(look(_KEPT, {}))
    offers.pop(what, None)
    keep(_KEPT, offers)


def offered(what: str) -> Optional[Any]:  # Any: each offer has a type of its own
    """What the offered function returns, None where nobody offers it or it cannot be had; the log says why, once."""
    where = look(_KEPT, {}).get(what)
    if where is None:
        presence, place = _BY_PRESENCE.get(what, ("", ""))
        where = place if presence in sys.modules else None
    if where is None:
        return None
    module, _, function = where.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except Exception:
        if where not in _blamed:
            _blamed.add(where)
            log.info("the host's %s cannot be used", what, exc_info=True)
        return None

"""The nodes that rows of a batch are about: of which script, held since the run began, gone to by a click. Main thread.

A node is gone to only in the script that its run was about. A node that is held and still there proves that this script
is open, whatever it is called now; without one the paths of both are compared.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from nuke_ai_panel.batch.planning import Plan
from nuke_ai_panel.batch.values import Row
from nuke_ai_panel.messages import Json
from nuke_ai_panel.words import tr

from ..qt import QtCore
from .host_door import Host, find_host

MOST_HELD = 2_000
SLICE = 50
SLICE_S = 0.008


def script_of(command: Optional[Mapping[str, Json]]) -> Optional[str]:
    """The script whose nodes a command's rows are: empty for one without a file, None where rows are no nodes."""
    given = command or {}
    if given.get("nk"):
        return os.path.abspath(Path(str(given.get("cwd") or ".")) / str(given["nk"]))
    return None if given.get("script") is None else str(given["script"])


def nodes_of(plan: Plan) -> Tuple[str, ...]:
    """The nodes that a plan's rows name, each once, as many as are held. Reads; any thread."""
    def names() -> Iterator[str]:
        for one in plan.source.read():
            if isinstance(one, Row) and isinstance(one.data.get("node"), str):
                yield one.data["node"]

    return tuple(dict.fromkeys(islice(names(), MOST_HELD)))


def open_script(host: Host) -> str:
    """The path of the open script, empty while it has no file."""
    folder = host.script_folder()
    return str(Path(folder) / host.script_title()) if folder else ""


def other_script(wanted: str, opened: str, title: str, node: str) -> str:
    """What is said instead of a jump into another script; empty when both are the same. `title` is the open one's."""
    if not wanted:
        return tr("This row is about a script that had no file, and nobody can tell whether {opened} is that one. "
                  "Look for {node} in the node graph.", opened=title, node=node)
    if _same(wanted, opened):
        return ""
    name, other = Path(wanted).name, Path(opened).name if opened else title
    if name == other:
        name, other = wanted, opened
    return tr("This row is about {script}, and {opened} is open. Open {script} first.", script=name, opened=other)


class RunNodes:
    """Holds the nodes of runs by their folders, for as long as the session lives."""

    def __init__(self) -> None:
        self._origins: Dict[str, List[str]] = {}

    def hold(self, folder: str, script: str, names: Tuple[str, ...]) -> None:
        """Holds nodes of a run that begins, a few at a time, if its script is the open one and none is held yet."""
        host = find_host()
        if host is None or not names or self._living(host, folder) or not _same(script, open_script(host)):
            return
        origins = self._origins[folder] = []
        left = list(names)

        def some() -> None:
            ends = time.perf_counter() + SLICE_S
            while left and time.perf_counter() < ends:
                origins.append(host.hold(tuple(left[:SLICE])))
                del left[:SLICE]
            if left:
                QtCore.QTimer.singleShot(0, some)

        some()

    def go_to(self, folder: str, script: str, node: str) -> str:
        """Goes to a node of a run; what is said where that cannot be, else nothing."""
        host = find_host()
        gone = tr("There is no node {name} in the open script.", name=node)
        if host is None:
            return gone
        living = self._living(host, folder)
        refusal = "" if living else other_script(script, open_script(host), host.script_title(), node)
        if refusal:
            return refusal
        return "" if host.go_to(living.get(node, node)) else gone

    def _living(self, host: Host, folder: str) -> Dict[str, str]:
        found: Dict[str, str] = {}
        for origin in self._origins.get(folder, ()):
            found.update(host.held(origin))
        return found


def _same(one: str, other: str) -> bool:
    return os.path.normcase(os.path.normpath(one)) == os.path.normcase(os.path.normpath(other))

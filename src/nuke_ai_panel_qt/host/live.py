"""Nuke for the panel: what is in the script, and what is done to it. Main thread only.

Found by name from core/host_door.py, which holds the contract. One per process, so that what it holds on to (the nodes
behind a chip) is known to every panel.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Mapping, Optional, Tuple

import nuke

from nuke_ai_panel.errors import HostError
from nuke_ai_panel.nk.api_names import LiveNames, Names
from nuke_ai_panel.nk.context_text import NodeFacts
from nuke_ai_panel.words import tr

from ..core.host_door import AtFrame, Job, Ran, Taken
from . import script_editor
from .code_run import CodeRun
from .scene import Node, Scene, find_node, top_nodes

_MOST_MARKED = 3000
_one: Optional[NukeHost] = None


def host() -> Optional[NukeHost]:
    """This Nuke; None in Hiero and in a terminal, where there is no script or nobody to click."""
    global _one
    if not nuke.GUI or nuke.env.get("hiero"):
        return None
    if _one is None:
        _one = NukeHost()
    return _one


class NukeHost:
    """See core/host_door.Host."""

    def __init__(self) -> None:
        self._scene = Scene()
        self._runs = CodeRun()

    def names(self) -> Names:
        """What exists in this Nuke and its script."""
        return LiveNames(nuke)

    def mark(self) -> str:
        """A hash over the script's path, its nodes, their connections and knobs."""
        found = hashlib.sha256(str(nuke.root().name()).encode("utf-8", "replace"))
        found.update(str(id(nuke.root())).encode())
        nodes = list(nuke.allNodes(group=nuke.root(), recurseGroups=True))
        if len(nodes) > _MOST_MARKED:  # too many to read for a click
            found.update(f"{len(nodes)} {nuke.Undo.undoSize()} {nuke.modified()}".encode())
            return found.hexdigest()
        for one in self._scene.facts(nodes):
            found.update(f"{one.class_name} {one.name} {one.inputs}\n".encode("utf-8", "replace"))
            found.update("\n".join(
                line for line in one.body.split("\n") if not line.startswith(("selected ", "panel "))
            ).encode("utf-8", "replace"))
        return found.hexdigest()

    def script_title(self) -> str:
        """The name of the script's file."""
        name = str(nuke.root()["name"].value())
        return Path(name).name if name else tr("the unsaved script")

    def script_folder(self) -> str:
        """Where the script's file lies; empty while it has none."""
        name = str(nuke.root()["name"].value())
        return str(Path(name).parent) if name else ""

    def selected(self) -> Tuple[str, ...]:
        """The names of the selected nodes."""
        return self._scene.selected()

    def node_names(self) -> Tuple[str, ...]:
        """The names of the nodes outside groups."""
        return tuple(str(node.name()) for node in top_nodes())

    def facts(self, names: Tuple[str, ...]) -> Tuple[NodeFacts, ...]:
        """What there is to tell of these nodes."""
        found = map(find_node, names)
        return tuple(self._scene.facts(node for node in found if node is not None))

    def frame_range(self, name: str) -> Tuple[int, int]:
        """The frames of a Read, or of the script."""
        return self._scene.frame_range(name)

    def moving_knobs(self, name: str) -> Tuple[str, ...]:
        """The knobs that have keys or an expression."""
        return self._scene.moving_knobs(name)

    def at_frames(self, name: str, knobs: Tuple[str, ...], frames: Tuple[int, ...]) -> Tuple[AtFrame, ...]:
        """A node's knobs and its file at these frames."""
        return self._scene.at_frames(name, knobs, frames)

    def hold(self, names: Tuple[str, ...]) -> str:
        """Holds on to nodes; they are found again under another name."""
        return self._scene.hold(names)

    def held(self, origin: str) -> Mapping[str, str]:
        """Which held nodes are still there, and their names now."""
        return self._scene.held(origin)

    def take(self, origin: str) -> Taken:
        """What there is at an origin now."""
        kind, _, rest = origin.partition(":")
        if kind == "nodes":
            return self._scene.take_nodes(rest)
        if kind == "script":
            return self._scene.take_script()
        if kind == "errors":
            return self._scene.take_errors()
        if kind == "editor":
            text = script_editor.selection()
            return Taken("Script Editor", text, problem="" if text else tr("Nothing is selected in the Script Editor."))
        if kind == "traceback":
            text = self._runs.last_trace or script_editor.last_traceback()
            return Taken("Last traceback", text, problem="" if text
                else tr("There is no traceback in the Script Editor."))
        return Taken(problem=tr("That is not to be had in this Nuke."))

    def viewer_picture(self) -> bytes:
        """What the Viewer shows, as JPEG."""
        viewer = nuke.activeViewer()
        if viewer is None:
            raise HostError("no viewer", user_text=tr("There is no Viewer."), next_step=tr("Connect a Viewer first."))
        with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-") as folder:
            path = Path(folder) / "viewer.jpg"
            try:
                viewer.node().capture(path.as_posix())
                return path.read_bytes()
            except (RuntimeError, OSError, NotImplementedError) as error:
                raise HostError(f"the viewer could not be captured: {error}",
                                user_text=tr("The Viewer's picture could not be taken."),
                                next_step=tr("Look at a frame in the Viewer and try again.")) from error

    def targets(self) -> Tuple[str, ...]:
        """Knobs of the selection that can take an expression."""
        return self._scene.targets()

    def insert(self, text: str) -> bool:
        """Puts text into the Script Editor."""
        return script_editor.insert(text)

    def run(self, job: Job) -> Ran:
        """Runs a job as one step."""
        return self._runs.run(job)

    def undo(self, title: str) -> bool:
        """Takes a step back, if it is still the last one."""
        if not nuke.Undo.undoSize() or str(nuke.Undo.undoDescribe(0)) != title:
            return False
        nuke.Undo.undo()
        return True

    def go_to(self, name: str) -> bool:
        """Selects a node alone among its neighbours and brings it into view, inside the group that it is in."""
        node = find_node(name)
        if node is None or node.Class() == "Root":
            return False
        inside = str(node.fullName()).rpartition(".")[0]
        group: Node = find_node(inside) if inside else nuke.root()
        if inside:
            nuke.showDag(group)
        for one in nuke.allNodes(group=group):
            if one is not node and one["selected"].value():
                one.setSelected(False)
        with group:
            node.setSelected(True)
            nuke.zoomToFitSelected()
        return True

"""Reads the script for a prompt: nodes, the whole, what has an error. Main thread only; changes nothing.

A node is held by Nuke's own object and its name: renamed, it is found by the object; deleted and made anew (an undo
does that), by its name.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

import nuke

from nuke_ai_panel.nk import NkSyntaxError, digest
from nuke_ai_panel.nk.context_text import NodeFacts, nodes_text
from nuke_ai_panel.nk.values import number
from nuke_ai_panel.words import tr

from ..core.host_door import AtFrame, Taken

# The lines of a node's body that are not at their default, as a script has them.
_BODY = nuke.TO_SCRIPT | nuke.WRITE_NON_DEFAULT_ONLY | nuke.WRITE_USER_KNOB_DEFS
SCRIPT_TOKENS = 6000
# Reading more than this for a digest would be felt.
_LONGEST_SCRIPT = 2_000_000
_MOST_TARGETS = 60
_EXPRESSIONS = frozenset({
    "Double_Knob", "Array_Knob", "Int_Knob", "XY_Knob", "XYZ_Knob", "WH_Knob", "UV_Knob", "Scale_Knob", "Color_Knob",
    "AColor_Knob", "BBox_Knob", "Boolean_Knob", "Disable_Knob", "Unsigned_Knob",
})
_SEQUENCES = frozenset({"Read", "DeepRead"})  # whose knobs first and last are the frames on disk
_NUMBERED = re.compile(r"%0?(\d*)d|(#+)")
Node = Any  # Any: a node of whichever Nuke this is


class Scene:
    """What is held of the script, and how it is told."""

    def __init__(self) -> None:
        self._held: Dict[str, Tuple[str, Node]] = {}
        self._numbers = itertools.count(1)

    def selected(self) -> Tuple[str, ...]:
        """The names of the selected nodes, in the group that the artist looks into or else at the top."""
        return tuple(str(node.fullName()) for node in reversed(selected_nodes()))

    def hold(self, names: Tuple[str, ...]) -> str:
        """An origin from which these nodes are taken later."""
        parts = []
        for name in names:
            key = str(next(self._numbers))
            node = find_node(name)
            if node is not None:
                self._held[key] = (name, node)
            parts.append(f"{key}={name}")
        return "nodes:" + ",".join(parts)

    def held(self, origin: str) -> Dict[str, str]:
        """The held nodes of an origin that are still there, by the names they had."""
        found: Dict[str, str] = {}
        for part in filter(None, origin.partition(":")[2].split(",")):
            key, _, name = part.partition("=")
            node = self._living(key, name)
            if node is not None:
                found[name] = str(node.fullName())
        return found

    def take_nodes(self, parts: str) -> Taken:
        """The held nodes as they are now."""
        found: List[Node] = []
        gone: List[str] = []
        for part in filter(None, parts.split(",")):
            key, _, name = part.partition("=")
            node = self._held_node(key, name)
            if node is None:
                gone.append(name)
            else:
                found.append(node)
        told = nodes_text(self.facts(found))
        left = told.left_out + ((tr("{names}: no longer in the script", names=', '.join(gone)),) if gone else ())
        text = "\n".join([told.text, *([tr("No longer in the script: {names}.", names=', '.join(gone))] if gone
            else [])]).strip()
        name = title_of([str(node.name()) for node in found] or gone)
        return Taken(name, text, left, "" if found else "These nodes are no longer in the script.")

    def take_script(self, limit_tokens: int = SCRIPT_TOKENS) -> Taken:
        """A digest of the whole script."""
        name = Path(str(nuke.root()["name"].value())).name or tr("Script")
        nodes = top_nodes()
        if not nodes:
            return Taken(name, "The script has no nodes.")
        text = _script_text()
        if text is not None:
            try:
                found = digest(text, limit_tokens)
                return Taken(name, found.text, found.left_out)
            except NkSyntaxError:
                pass  # a line that only Nuke can read; its nodes can be told all the same
        told = nodes_text(self.facts(nodes[:2000]), limit_tokens)
        return Taken(name, told.text, told.left_out)

    def take_errors(self) -> Taken:
        """The nodes that have an error. Nuke does not say which; their knobs and files are told."""
        broken = [node for node in nuke.allNodes(group=nuke.root(), recurseGroups=True) if node.hasError()]
        if not broken:
            return Taken("Errors", problem="No node of the script has an error.")
        lines = []
        for node in broken:
            knob = node.knob("file")
            path = str(nuke.filename(node) or knob.value()) if knob is not None else ""
            if path and "%" not in path and "#" not in path and not Path(path).exists():
                lines.append(tr("{fullname}: the file {path} does not exist", fullname=node.fullName(), path=path))
        told = nodes_text(self.facts(broken))
        count = f"{len(broken)} node{'s have' if len(broken) != 1 else ' has'} an error:"
        return Taken("Errors", "\n".join([count, told.text, *lines]), told.left_out)

    def targets(self) -> Tuple[str, ...]:
        """Knobs of the selected nodes that can take an expression."""
        found = [
            f"{node.fullName()}.{name}" for node in selected_nodes() for name, knob in node.knobs().items()
            if knob.Class() in _EXPRESSIONS and knob.visible() and not name.startswith(("note_", "postage"))
        ]
        return tuple(found[:_MOST_TARGETS])

    def facts(self, nodes: Iterable[Node]) -> List[NodeFacts]:
        """What there is to tell of some nodes."""
        found = []
        for node in nodes:
            inputs = [node.input(at) for at in range(node.inputs())]
            found.append(NodeFacts(
                str(node.fullName()), str(node.Class()), tuple(str(one.name()) if one else None for one in inputs),
                str(node.writeKnobs(_BODY)), bool(node.hasError()),
            ))
        return found

    def frame_range(self, name: str) -> Tuple[int, int]:
        """The first and the last frame of a Read, or of the script."""
        node = find_node(name)
        if node is not None and node.Class() in _SEQUENCES:
            return int(node["first"].value()), int(node["last"].value())
        root = nuke.root()
        return int(root["first_frame"].value()), int(root["last_frame"].value())

    def moving_knobs(self, name: str) -> Tuple[str, ...]:
        """The knobs that have keys or an expression."""
        node = find_node(name)
        knobs = node.knobs() if node is not None else {}
        return tuple(key for key, knob in knobs.items() if knob.isAnimated() or knob.hasExpression())

    def at_frames(self, name: str, knobs: Tuple[str, ...], frames: Tuple[int, ...]) -> Tuple[AtFrame, ...]:
        """A node's knobs and its file at these frames."""
        node = find_node(name)
        if node is None:
            return ()
        moving = [(key, node[key]) for key in knobs if node.knob(key) is not None]
        file = node.knob("file")
        return tuple(AtFrame(frame, _values_at(moving, frame), _file_at(file, frame)) for frame in frames)

    def _held_node(self, key: str, name: str) -> Optional[Node]:
        return self._living(key, name) or find_node(name)

    def _living(self, key: str, name: str) -> Optional[Node]:
        held = self._held.get(key)
        if held is None or held[0] != name:
            return None
        try:
            held[1].name()
        except ValueError:  # deleted, or made anew by an undo
            return None
        return held[1]


def find_node(name: str) -> Optional[Node]:
    """A node by its full name, whatever group the artist is in."""
    with nuke.root():
        return nuke.toNode(name)


def top_nodes() -> List[Node]:
    """The nodes outside groups, oldest first."""
    return list(reversed(nuke.allNodes(group=nuke.root())))


def selected_nodes() -> List[Node]:
    """The selection of the group that the artist works in."""
    group = nuke.lastHitGroup() if hasattr(nuke, "lastHitGroup") else nuke.root()
    with group:
        found = list(nuke.selectedNodes())
    if not found and group is not nuke.root():
        with nuke.root():
            found = list(nuke.selectedNodes())
    return found


def _values_at(knobs: List[Tuple[str, Any]], frame: int) -> Tuple[Tuple[str, str], ...]:
    """The knobs by name with their values at a frame; one that has none there is left out."""
    found = []
    for name, knob in knobs:
        try:
            found.append((name, _value_at(knob, frame)))
        except (RuntimeError, TypeError, ValueError):  # an expression that fails, a kind without numbers
            continue
    return tuple(found)


def _value_at(knob: Any, frame: int) -> str:  # Any: a knob of whichever Nuke this is
    """A knob's value at a frame, as a script has it, without braces."""
    value = knob.getValueAt(frame)
    if isinstance(knob, nuke.Enumeration_Knob):
        return str(knob.enumName(int(value)))
    if isinstance(knob, nuke.Boolean_Knob):
        return "true" if value else "false"
    values = value if isinstance(value, (list, tuple)) else (value,)
    return " ".join(number(one) if isinstance(one, (int, float)) else str(one) for one in values)


def _file_at(knob: Any, frame: int) -> str:  # Any: see _value_at
    """The path of a file knob at a frame."""
    if not isinstance(knob, nuke.File_Knob):
        return ""
    try:
        path = str(knob.evaluate(frame) or "")
    except (RuntimeError, TypeError):  # Tcl that fails, or a version that knows no frame here
        path = str(knob.value() or "")
    return _NUMBERED.sub(lambda found: str(frame).zfill(int(found[1] or 0) or len(found[2] or "")), path)


def title_of(names: List[str]) -> str:
    """A chip's words for some nodes."""
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def _script_text() -> Optional[str]:
    """The script as Nuke would save it now; None where it is too long or cannot be written."""
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-") as folder:
        path = Path(folder) / "script.nk"
        try:
            written = nuke.scriptSaveToTemp(path.as_posix())
            real = Path(written) if isinstance(written, str) and written else path
            if not real.exists() or real.stat().st_size > _LONGEST_SCRIPT:
                return None
            return real.read_text(encoding="utf-8", errors="replace")
        except (RuntimeError, OSError):
            return None

"""The lines of a digest: what is told of a script's head and of each node, in full and in short. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, List, Optional, Tuple

from .classes import CHECKED, knob_data
from .graph import SELECTION, Graph, Placed, connect, input_label
from .model import Knob, Script
from .user_knobs import UserKnob, user_knobs
from .values import Field, fields, number

_VALUE_LENGTH = 160
LOOKS = frozenset({
    "inputs", "name", "xpos", "ypos", "selected", "tile_color", "gl_color", "note_font", "note_font_size",
    "note_font_color", "hide_input", "postage_stamp", "postage_stamp_frame", "bdwidth", "bdheight", "z_order", "panel",
    "dope_sheet", "bookmark", "cached", "indicators", "rootNodeUpdated", "icon", "addUserKnob", "appearance",
    "border_width", "gizmo_file", "help",
})
READS = frozenset({"Read", "DeepRead", "ReadGeo", "ReadGeo2", "Precomp", "LiveGroup", "Camera2", "Camera3", "Axis2"})
WRITES = frozenset({"Write", "DeepWrite", "WriteGeo"})
_ROOT_FACTS = ("first_frame", "last_frame", "fps", "format", "colorManagement", "OCIO_config", "project_directory")



@dataclass
class Row:
    """One node's lines."""

    placed: Placed
    brief: str
    # What it reads or writes, empty for most.
    file: str = ""

    @property
    def is_door(self) -> bool:
        """Whether it reads or writes files."""
        return self.placed.class_name in READS | WRITES

    @property
    def depth(self) -> int:
        """In how many groups it lies."""
        return self.placed.path.count(".")

    @cached_property
    def knobs(self) -> Tuple[str, ...]:
        """What of its knobs is worth telling."""
        declared = {one.name: one for one in user_knobs(self.placed.node)}
        return tuple(
            f"{_spoken(knob.name, declared.get(knob.name))} {told_value(knob)}" for knob in self.placed.node.knobs
            if knob.name not in LOOKS and not is_default(self.placed.class_name, knob)
        )

    @property
    def cut(self) -> int:
        """How many of the values are cut."""
        return sum(one.endswith("characters)") for one in self.knobs)

    @cached_property
    def full(self) -> str:
        """The line with its knobs."""
        return f"{self.brief}: {', '.join(self.knobs)}" if self.knobs else self.brief


@dataclass(frozen=True)
class Sheet:
    """All the lines of a script. `passed` is how many Dots are passed over."""

    head: str
    rows: Tuple[Row, ...]
    node_count: int
    passed: int


def sheet_of(script: Script) -> Sheet:
    """The lines of a script."""
    graph = connect(script)
    through = _through_dots(graph)
    nodes = [one for one in graph.nodes if one.class_name != "Root"]
    rows = tuple(_row(one, through) for one in nodes if one.path not in through)
    return Sheet(_head(script, graph, nodes), rows, len(nodes), len(nodes) - len(rows))


def _row(placed: Placed, through: Dict[str, Optional[str]]) -> Row:
    brief = "  " * placed.path.count(".") + _short(placed, through)
    path = placed.node.value("file") if placed.class_name in READS | WRITES else ""
    verb = "writes" if placed.class_name in WRITES else "reads"
    return Row(placed, brief, f"{placed.path} {verb} {path}" if path else "")


def counted(count: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def census(classes: Counter[str], most: int = 6) -> str:
    """The most frequent classes with their numbers."""
    told = [f"{count} {name or 'clone'}" for name, count in classes.most_common(most)]
    rest = sum(classes.values()) - sum(count for _, count in classes.most_common(most))
    return ", ".join([*told, f"{rest} others"] if rest else told)


def _head(script: Script, graph: Graph, nodes: List[Placed]) -> str:
    root = next((one.node for one in graph.nodes if one.class_name == "Root"), None)
    facts = [f"Nuke {script.version}"] if script.version else ["Nuke nodes"]
    if root is not None:
        facts += [root.name] if root.name else []
        facts += [f"{name} {told_value(knob)}" for name in _ROOT_FACTS for knob in [root.knob(name)] if knob]
    classes = Counter(one.class_name for one in nodes)
    facts.append(f"{counted(len(nodes), 'node')}" + (f": {census(classes, 10)}" if nodes else ""))
    return "; ".join(facts)


def _through_dots(graph: Graph) -> Dict[str, Optional[str]]:
    """Each Dot that says nothing → what feeds it, however many Dots lie between."""
    direct = {
        one.path: one.inputs[0] if one.inputs else None for one in graph.nodes
        if one.class_name == "Dot" and not one.node.value("label")
    }
    found: Dict[str, Optional[str]] = {}
    for path in direct:
        # A script's stack can only name what came before, so this ends.
        source = direct[path]
        while source is not None and source in found:
            source = found[source]
        found[path] = source
    return found


def _short(placed: Placed, through: Dict[str, Optional[str]]) -> str:
    name = placed.path.rsplit(".", 1)[-1]
    sources = []
    for at, path in enumerate(placed.inputs):
        source = through.get(path, path) if path else None
        if source is None and not any(placed.inputs[at + 1:]):
            continue
        told = "nothing" if source is None else "the selection" if source == "$" + SELECTION else \
            source.rsplit(".", 1)[-1]
        label = input_label(placed, at)
        sources.append(f"{label} {told}" if label else told)
    clone = f", clone of {placed.clone_of}" if placed.clone_of else ""
    return f"{name} ({placed.class_name or 'clone'}{clone})" + (f" < {', '.join(sources)}" if sources else "")


def is_default(class_name: str, knob: Knob) -> bool:
    """Whether a knob is known to be at its default."""
    data = knob_data(class_name, knob.name)
    if data is None or data.confidence not in CHECKED or data.default is None:
        return False
    if isinstance(data.default, bool):
        return knob.value == str(data.default).lower()
    return isinstance(data.default, (int, float, str)) and knob.value == (
        data.default if isinstance(data.default, str) else number(data.default))


def _spoken(name: str, declared: Optional[UserKnob]) -> str:
    if declared is None or not declared.label or declared.label == name:
        return name
    return f"{name} “{declared.label}”"


def told_value(knob: Knob) -> str:
    """A knob's value in few words."""
    if not knob.braced:
        text = knob.value
        plain = text and not any(mark in text for mark in " ,\n\t")
        return _capped(text if plain else '"' + text.replace("\n", "\\n") + '"')
    told = [_component(one) for one in fields(knob.word)]
    return _capped(told[0] if len(told) == 1 else "{" + " ".join(told) + "}")


def _component(one: Field) -> str:
    if one.kind == "expression":
        keys = f" with {counted(len(one.keys), 'key')}" if one.keys else ""
        return f"= {one.text}{keys}"
    if one.kind != "curve":
        return one.text if one.kind == "number" else one.raw
    if not one.keys:
        return "curve without keys"
    values = [key.y for key in one.keys]
    span = f"frames {number(one.keys[0].x)} to {number(one.keys[-1].x)}"
    return f"curve of {counted(len(values), 'key')}, {span}, from {number(min(values))} to {number(max(values))}"


def _capped(text: str) -> str:
    if len(text) <= _VALUE_LENGTH:
        return text
    return f"{text[:_VALUE_LENGTH - 40]}… ({len(text)} characters)"

"""Who feeds whom: plays a script's stack. Pure.

`push` and every node put something on the stack; a node first takes its inputs from it, the topmost being input 0, the
masks last. A group's children have a stack of their own. What the clipboard calls `$cut_paste_input` is whatever the
artist has selected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Set, Tuple

from .classes import node_classes
from .model import Item, Node, Push, Script
from .model import Set as SetVariable
from .values import fields

SELECTION = "cut_paste_input"
_INPUTS = re.compile(r"(\d{1,4})(?:\+(\d{1,4}))?\Z")
_DIGITS = re.compile(r"\d+\Z")


@dataclass(frozen=True)
class Placed:
    """A node and where it stands. `path` is `Group1.Blur1`; `inputs` are paths, None where nothing is connected."""

    path: str
    node: Node
    inputs: Tuple[Optional[str], ...] = ()
    # How many of the inputs, the last ones, are masks.
    masks: int = 0
    # What a bare clone is a clone of; its class is that one's.
    clone_of: Optional[str] = None
    class_name: str = ""


@dataclass(frozen=True)
class Problem:
    """Something about the stack that Nuke would refuse or read otherwise."""

    offset: int
    why: str


@dataclass(frozen=True)
class Graph:
    """Every node of a script in order, and what is wrong with the connections."""

    nodes: Tuple[Placed, ...]
    problems: Tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Made:
    """A node on the stack."""

    path: str
    class_name: str


@dataclass
class _Level:
    """A group that is being read: its stack, its path and the names that are taken in it."""

    items: Iterator[Item]
    prefix: str
    stack: List[Optional[_Made]]
    # Names that nodes of the level have, or will have because they say so.
    taken: Set[str]
    given: Set[str]
    # Stem → the last number that was tried for it.
    numbers: Dict[str, int]


def default_name(class_name: str) -> str:
    """What Nuke would call a nameless node before the number: `Merge` for Merge2."""
    stem = class_name.split(".")[-1] if class_name.startswith("OFX") else class_name.split(".")[0]
    label = {"EdgeDetectWrapper": "EdgeDetect", "DirBlurWrapper": "DirBlur", "Mirror2": "Mirror2_"}.get(stem)
    return label or _DIGITS.sub("", stem) or "Node"


def input_counts(node: Node) -> Optional[Tuple[int, int]]:
    """How many inputs and masks the node says it takes; (1, 0) if it says nothing, None if it says nonsense."""
    knob = node.knob("inputs")
    if knob is None:
        return 1, 0
    found = _INPUTS.match(knob.value.strip())
    return (int(found.group(1)), int(found.group(2) or 0)) if found else None


def connect(script: Script) -> Graph:
    """The script's nodes with their inputs."""
    placed: List[Placed] = []
    problems: List[Problem] = []
    variables: Dict[str, Optional[_Made]] = {}
    levels = [_level(script.items, "")]
    while levels:
        level = levels[-1]
        item = next(level.items, None)
        if item is None:
            levels.pop()
        elif isinstance(item, Push):
            _push(item, level, variables, problems)
        elif isinstance(item, SetVariable):
            if item.depth < len(level.stack):
                variables[item.variable] = level.stack[-1 - item.depth]
            elif item.variable != SELECTION:
                problems.append(Problem(item.offset, f"set {item.variable} takes from an empty stack"))
                variables[item.variable] = None
        elif isinstance(item, Node):
            found = _place(item, level, variables, problems)
            placed.append(found)
            if item.children is not None:
                levels.append(_level(item.children, found.path + "."))
    return Graph(tuple(placed), tuple(problems))


def _level(items: Tuple[Item, ...], prefix: str) -> _Level:
    given = {item.name for item in items if isinstance(item, Node) and item.name}
    return _Level(iter(items), prefix, [], set(), given, {})


def _push(item: Push, level: _Level, variables: Dict[str, Optional[_Made]], problems: List[Problem]) -> None:
    if item.variable is None:
        level.stack.append(None)
    elif item.variable in variables:
        level.stack.append(variables[item.variable])
    else:
        if item.variable != SELECTION:
            problems.append(Problem(item.offset, f"push ${item.variable} names nothing that was set before"))
        level.stack.append(_Made("$" + item.variable, ""))


def _place(
    node: Node, level: _Level, variables: Dict[str, Optional[_Made]], problems: List[Problem]
) -> Placed:
    source: Optional[_Made] = None
    class_name = node.class_name
    if node.clone_of is not None and not class_name:
        source = variables.get(node.clone_of.lstrip("$"))
        if source is None:
            problems.append(Problem(node.offset, f"clone {node.clone_of} names nothing that was set before"))
        class_name = source.class_name if source else ""
    counts = input_counts(node)
    if counts is None:
        problems.append(Problem(node.offset, f"inputs {node.value('inputs')[:20]} is no number of inputs"))
        counts = (0, 0)
    wanted = sum(counts)
    if class_name == "Root":
        wanted = 0
    taken = [level.stack.pop() for _ in range(min(wanted, len(level.stack)))]
    # A lone node that says nothing of its inputs would take one, and has none: Nuke leaves it unconnected.
    if len(taken) < wanted and (node.knob("inputs") is not None or level.prefix):
        problems.append(Problem(node.offset, f"{class_name or 'a clone'} takes {wanted} inputs, the stack has "
                                             f"{len(taken)}"))
    path = level.prefix + _name(node, class_name or "Clone", level, source)
    made = _Made(path, class_name)
    if class_name != "Root":
        level.stack.append(made)
    inputs = tuple(one.path if one else None for one in taken)
    return Placed(path, node, inputs, counts[1], source.path if source else node.clone_of, class_name)


def _name(node: Node, class_name: str, level: _Level, source: Optional[_Made]) -> str:
    if class_name == "Root":
        return "root"
    name = node.name
    if not name or name in level.taken:
        # A clone has its original's name in Nuke; here it must be told from it.
        stem = f"{source.path.rsplit('.', 1)[-1]}-clone" if source and not name else \
            _DIGITS.sub("", name) if name else default_name(class_name)
        number = level.numbers.get(stem, 0) + 1
        while f"{stem}{number}" in level.taken or f"{stem}{number}" in level.given:
            number += 1
        level.numbers[stem] = number
        name = f"{stem}{number}"
    level.taken.add(name)
    return name


def input_label(placed: Placed, index: int) -> str:
    """What an input is called: `B`, `A`, `mask`, empty for the only one."""
    if placed.masks and index >= len(placed.inputs) - placed.masks:
        return "mask"
    known = node_classes().get(placed.class_name)
    return known.input_label(index) if known else ""


def expression_links(node: Node) -> Tuple[str, ...]:
    """The expressions of a node as `knob = expression`."""
    return tuple(
        f"{knob.name} = {one.text}" for knob in node.knobs if knob.braced
        for one in fields(knob.word) if one.kind == "expression"
    )

"""Finds what a .nk text would execute, and says where. Pure; runs nothing.

Reading nodes is running code: Tcl in square brackets, callbacks that are knobs, buttons that hold Python, expressions
that call Python, kernels that are compiled, commands that are no nodes. A text without a finding creates nodes and sets
values, no more. Where it is not certain, it is a finding. What is not code and still worth a look is in `review`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Literal, Optional, Tuple, Union

from .classes import knob_data, node_classes
from .errors import NkSyntaxError, NkText
from .graph import Placed, connect
from .model import Command, Knob, Node, Script
from .parser import parse
from .tcl import hidden_bracket, runs_later, runs_on_load
from .user_knobs import CODE_IDS, TYPES, UserKnob, parse_user_knob
from .values import expressions
from .writer import write

FindingKind = Literal[
    "tcl", "command", "callback", "code_knob", "expression", "kernel",  # would execute
    "file",  # loads another script, or lies outside the allowed folders
    "stack", "class", "knob", "size",  # found by review
]
# Commands that declare something and run nothing.
DECLARATIONS = frozenset({"version", "add_layer", "define_window_layout_xml"})
CALLBACKS = frozenset({
    "onCreate", "onDestroy", "onUserCreate", "knobChanged", "updateUI", "autolabel", "renderProgress",
    "filenameFilter", "validateFilename", "autoSaveFilter", "autoSaveRestoreFilter", "autoSaveDeleteFilter",
})
_CALLBACK = re.compile(r"(?:on|before|after)[A-Z]\w*\Z")
_CODE_TYPES = re.compile(r"Py|Script_Knob|Pulldown_Knob|PythonKnob")
_KERNELS = frozenset({"kernelSource", "kernelSourceFile", "KernelDescription"})
_SCRIPT_CLASSES = frozenset({"Precomp", "LiveGroup"})
_PYTHON_CALL = re.compile(r"\b(?:python|pyfile|pyexecute)\b")


@dataclass(frozen=True)
class Finding:
    """One place to look at. `line` and `column` count from 1; `node` is a path, empty outside a node."""

    kind: FindingKind
    why: str
    line: int
    column: int
    node: str = ""
    knob: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        where = ".".join(part for part in (self.node, self.knob) if part)
        return f"line {self.line}, column {self.column}: {where + ': ' if where else ''}{self.why}"


def located(script: Union[Script, str]) -> Tuple[Script, NkText]:
    """The script as it would be written, every part with its offset, and that text."""
    text = script if isinstance(script, str) else write(script)
    return parse(text), NkText(text)


def screen(script: Union[Script, str]) -> Tuple[Finding, ...]:
    """Everything in `script` that Nuke would execute, in the order it stands; empty if it is only nodes and values.

    Raises NkSyntaxError for a text that cannot be read: what cannot be read cannot be trusted either.
    """
    parsed, text = located(script)
    found: List[Finding] = []
    placed = iter(connect(parsed).nodes)
    # Path → the user knobs of that node; a clone has those of its original.
    declared: Dict[str, Dict[str, UserKnob]] = {}
    for item in parsed.walk():
        if isinstance(item, Node):
            node = next(placed)
            own = declared[node.path] = dict(declared.get(node.clone_of or "", {}))
            found.extend(_screen_node(node, text, own))
        elif isinstance(item, Command):
            found.extend(_screen_command(item, text))
    return tuple(found)


def is_harmless(script: Union[Script, str]) -> bool:
    """Whether nothing in `script` would execute."""
    return not screen(script)


def make_finding(
    kind: FindingKind, why: str, text: NkText, offset: int, *, node: str = "", knob: str = "", excerpt: str = ""
) -> Finding:
    """A finding at an offset, its excerpt on one short line."""
    line, column = text.place(offset)
    short = " ".join(excerpt.split())
    return Finding(kind, why, line, column, node, knob, short if len(short) <= 80 else short[:77] + "…")


def _screen_command(item: Command, text: NkText) -> Iterator[Finding]:
    whole = " ".join(item.words)
    for word in item.words:
        why = runs_on_load(word)
        if why:
            yield make_finding("tcl", why, text, item.offset, excerpt=whole)
            return
    if item.name not in DECLARATIONS:
        why = f"{item.name[:40]} is a command and no node, and Nuke runs it"
        yield make_finding("command", why, text, item.offset, excerpt=whole)


def _screen_node(placed: Placed, text: NkText, own: Dict[str, UserKnob]) -> Iterator[Finding]:
    name = placed.node.class_name
    if name[:1].islower() and "." not in name and name not in node_classes():
        why = f"{name[:40]} looks like a command of Tcl and not like a class of nodes"
        yield make_finding("command", why, text, placed.node.offset, node=placed.path, excerpt=name)
    for knob in placed.node.knobs:
        kind_why = _screen_knob(placed, knob, own)
        if kind_why is not None:
            kind, why = kind_why
            yield make_finding(kind, why, text, knob.offset, node=placed.path, knob=own_name(knob), excerpt=knob.word)


def own_name(knob: Knob) -> str:
    """The name of the knob an entry speaks of: the declared one for `addUserKnob`."""
    if knob.name != "addUserKnob":
        return knob.name
    try:
        return parse_user_knob(knob.word).name or knob.name
    except NkSyntaxError:
        return knob.name


def _screen_knob(placed: Placed, knob: Knob, own: Dict[str, UserKnob]) -> Optional[Tuple[FindingKind, str]]:
    named = runs_on_load(knob.name_word or knob.name)
    if named:
        return "tcl", named
    if knob.name == "addUserKnob":
        return _screen_user_knob(knob, own)
    value = knob.value
    if not value.strip():
        return None
    if knob.name in CALLBACKS or _CALLBACK.match(knob.name):
        return "callback", f"{knob.name} is a callback: Nuke runs its text as Python"
    if knob.name == "file" and placed.class_name in _SCRIPT_CLASSES:
        return "file", f"a {placed.class_name} loads another script, and what that one holds would run"
    if knob.name in _KERNELS:
        return "kernel", f"{knob.name} is code that Nuke compiles and runs"
    declared = own.get(knob.name)
    known = knob_data(placed.class_name, knob.name)
    type_name = declared.class_name if declared else known.type if known else ""
    if _CODE_TYPES.match(type_name) and not (type_name == "Pulldown_Knob" and value.strip().isdigit()):
        return "code_knob", f"{knob.name} is a {type_name}: Nuke runs its text when it is pressed"
    return _screen_value(knob, value)


def _screen_value(knob: Knob, value: str) -> Optional[Tuple[FindingKind, str]]:
    why = runs_on_load(knob.word)
    if why:
        return "tcl", why
    spoken = expressions(knob.word) if knob.braced else ()
    # An expression in a list is unquoted once more, so that an escaped bracket there is a live one.
    why = hidden_bracket(knob.word) or runs_later(value) or next(filter(None, map(runs_later, spoken)), None)
    if why:
        return ("expression" if spoken else "tcl"), why
    if any(_PYTHON_CALL.search(one) for one in spoken):
        return "expression", "the expression calls Python"
    return None


def _screen_user_knob(knob: Knob, own: Dict[str, UserKnob]) -> Optional[Tuple[FindingKind, str]]:
    try:
        declared = parse_user_knob(knob.word)
    except NkSyntaxError as error:
        return "code_knob", f"this user knob cannot be read: {error.why}"
    # Declared twice, it counts as the one that holds code.
    if declared.name and not (declared.name in own and own[declared.name].holds_code):
        own[declared.name] = declared
    why = runs_on_load(knob.word) or hidden_bracket(knob.word) or runs_later(knob.value)
    if why:
        return "tcl", why
    if declared.id in CODE_IDS and (declared.text or declared.items or declared.id == 52):
        return "code_knob", f"a {declared.class_name} holds code that Nuke runs"
    if declared.id not in TYPES and declared.text:
        return "code_knob", f"the knob type {declared.id} is not known, and its text may be code"
    if _CALLBACK.match(declared.name) or declared.name in CALLBACKS:
        return "callback", f"{declared.name} is the name of a callback"
    return None

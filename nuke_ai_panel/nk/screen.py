"""Finds what a .nk text would execute, and says where. Pure; runs nothing.

Reading nodes is running code: Tcl in square brackets, callbacks that are knobs, buttons that hold Python, expressions
that call Python, kernels that are compiled, commands that are no nodes. A text without a finding creates nodes and sets
values, no more. Where it is not certain, it is a finding. What is not code and still worth a look is in `review`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, Iterator, List, Literal, Optional, Set, Tuple, Union

from .classes import knob_data, node_classes
from .errors import NkSyntaxError, NkText
from .graph import Placed, connect
from .model import Command, Comment, Knob, Node, Script
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
# What a button may hold whose type nobody here knows: a gizmo's own, or one of a class that is not in the data.
_LIKE_PYTHON = re.compile(
    r"\b(?:import|from)\s+\w+(?:\s*\Z|\s*[;,\n.]|\s+(?:import|as)\b)|\b(?:exec|eval|compile|open|getattr|print)\("
    r"|__\w+__|\blambda\b[\w\s,]*:|\bdef\s+\w+\(|\b(?:nuke|nukescripts|os|sys|subprocess|shutil)\.[a-z]\w*"
    r"|\A\s*[\w.]+\(\s*\)\s*\Z"
)
_LINK = 41
_NUMBERS = re.compile(r"[\s\d.eE+-]*\Z")
_EXPRESSION_KNOBS = re.compile(r"(?:temp_)?expr\d*\Z")
_CODED = re.compile(r"\\[xuU0-7]")
# Whether Nuke reads these as this reader does is not certain: Tcl's versions differ, and C ends a text at a zero.
_ODD_NAME = re.compile(r"[\\$]|[\x00-\x1f\x7f]")
_LONE_RETURN = re.compile(r"\r(?![\r\n]|\Z)")


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
    buttons = _Once(lambda: _code_knobs(parsed))
    # Path → the user knobs of that node; a clone has those of its original.
    declared: Dict[str, Dict[str, UserKnob]] = {}
    for item in parsed.walk():
        if isinstance(item, Node):
            node = next(placed)
            of = node.clone_of or ""
            own = declared[node.path] = dict(declared.get(of, {}))
            _declare(item, own)
            found.extend(_screen_node(_Seen(node, own, bool(of) and of not in declared, buttons), text))
        elif isinstance(item, Command):
            found.extend(_screen_command(item, text))
        elif isinstance(item, Comment) and _LONE_RETURN.search(item.text):
            why = "a carriage return ends this comment in Tcl, and Nuke runs what follows it"
            found.append(make_finding("command", why, text, item.offset, excerpt=item.text))
    return tuple(found)


class _Once:
    """A set that is made when it is first asked for."""

    def __init__(self, make: Callable[[], FrozenSet[str]]) -> None:
        self._make = make
        self._made: Optional[FrozenSet[str]] = None

    def __contains__(self, name: str) -> bool:
        if self._made is None:
            self._made = self._make()
        return name in self._made


@dataclass(frozen=True)
class _Seen:
    """A node, its user knobs, whether it is a clone of something unseen, and the names of the script's buttons."""

    placed: Placed
    own: Dict[str, UserKnob]
    foreign: bool
    buttons: _Once


def _code_knobs(script: Script) -> FrozenSet[str]:
    names: Set[str] = set()
    for node in script.nodes():
        own: Dict[str, UserKnob] = {}
        _declare(node, own)
        names.update(name for name, knob in own.items() if knob.holds_code)
    return frozenset(names)


def _declare(node: Node, own: Dict[str, UserKnob]) -> None:
    """Adds the node's user knobs to `own`. Declared twice, one counts as that which holds code."""
    for knob in node.knobs:
        if knob.name != "addUserKnob":
            continue
        try:
            declared = parse_user_knob(knob.word)
        except NkSyntaxError:
            continue
        if declared.name and not (declared.name in own and own[declared.name].holds_code):
            own[declared.name] = declared


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
    if any(_LONE_RETURN.search(gap + " ") for gap in item.gaps):
        why = "a carriage return ends this line in Tcl, and Nuke runs what follows it"
        yield make_finding("command", why, text, item.offset, excerpt=whole)
    elif item.name not in DECLARATIONS:
        why = f"{item.name[:40]} is a command and no node, and Nuke runs it"
        yield make_finding("command", why, text, item.offset, excerpt=whole)


def _screen_node(seen: _Seen, text: NkText) -> Iterator[Finding]:
    placed = seen.placed
    name = placed.node.class_name
    if name[:1].islower() and "." not in name and name not in node_classes():
        why = f"{name[:40]} looks like a command of Tcl and not like a class of nodes"
        yield make_finding("command", why, text, placed.node.offset, node=placed.path, excerpt=name)
    for knob in placed.node.knobs:
        kind_why = _screen_knob(seen, knob)
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


def _screen_knob(seen: _Seen, knob: Knob) -> Optional[Tuple[FindingKind, str]]:
    if knob.name_word or not knob.name.isidentifier() or ";" in knob.lead:
        odd = _screen_name(knob.name_word or knob.name, knob.lead)
        if odd is not None:
            return odd
    if knob.name == "addUserKnob":
        return _screen_user_knob(knob)
    value = knob.value
    if not value.strip():
        return None
    if _names_callback(knob.name):
        return "callback", f"{knob.name} is a callback: Nuke runs its text as Python"
    if knob.name == "file" and seen.placed.class_name in _SCRIPT_CLASSES:
        return "file", f"a {seen.placed.class_name} loads another script, and what that one holds would run"
    if knob.name in _KERNELS:
        return "kernel", f"{knob.name} is code that Nuke compiles and runs"
    return _screen_code(seen, knob, value) or _screen_value(knob, value) or _screen_unknown(seen, knob, value)


def _screen_name(raw_name: str, lead: str) -> Optional[Tuple[FindingKind, str]]:
    named = runs_on_load(raw_name)
    if named:
        return "tcl", named
    if _ODD_NAME.search(raw_name):
        return "callback", "the name of this knob is hidden behind an escape, and may be that of a callback"
    if ";" in lead or raw_name.startswith("#"):
        return "command", "Nuke may take this for other knobs than it seems to be; write one knob a line"
    return None


def _names_callback(name: str) -> bool:
    if "." in name:
        return any(map(_names_callback, name.split(".")))
    return name in CALLBACKS or bool(_CALLBACK.match(name))


def _screen_code(seen: _Seen, knob: Knob, value: str) -> Optional[Tuple[FindingKind, str]]:
    """Whether the knob's type makes its text code."""
    declared = seen.own.get(knob.name)
    if declared is not None and declared.id == _LINK and declared.text.rpartition(".")[2] in seen.buttons:
        return "code_knob", f"{knob.name} sets {declared.text}, and Nuke runs that one's text when it is pressed"
    if declared is not None and declared.id not in TYPES and not _NUMBERS.match(value):
        return "code_knob", f"the knob type {declared.id} is not known, and its text may be code"
    known = knob_data(seen.placed.class_name, knob.name)
    type_name = declared.class_name if declared else known.type if known else ""
    if _CODE_TYPES.match(type_name) and not (type_name == "Pulldown_Knob" and value.strip().isdigit()):
        return "code_knob", f"{knob.name} is a {type_name}: Nuke runs its text when it is pressed"
    return None


def _screen_unknown(seen: _Seen, knob: Knob, value: str) -> Optional[Tuple[FindingKind, str]]:
    """Whether a knob of which nothing is known may be a button with code."""
    declared = seen.own.get(knob.name)
    if knob_data(seen.placed.class_name, knob.name) or (declared is not None and declared.id != _LINK):
        return None
    if seen.foreign and not _NUMBERS.match(value):
        return "code_knob", f"{knob.name} belongs to a node that is not in this text, and may be a button"
    if _LIKE_PYTHON.search(value):
        return "code_knob", f"{knob.name} is not known and its text looks like Python; it may be a button"
    return None


def _screen_value(knob: Knob, value: str) -> Optional[Tuple[FindingKind, str]]:
    why = runs_on_load(knob.word)
    if why:
        return "tcl", why
    # In quotes a list is a list all the same.
    spoken = expressions(knob.word if knob.braced else "{" + value + "}") if "{" in value else ()
    if not spoken and _EXPRESSION_KNOBS.match(knob.name):
        spoken = (value,)
    # An expression in a list is unquoted once more, so that an escaped bracket there is a live one.
    why = hidden_bracket(knob.word) or runs_later(value) or next(filter(None, map(runs_later, spoken)), None)
    if why:
        return ("expression" if spoken and knob.braced else "tcl"), why
    if any(_PYTHON_CALL.search(one) for one in spoken):
        return "expression", "the expression calls Python"
    if spoken and _CODED.search(knob.word):
        return "expression", "a part of the expression is hidden as a character code"
    return None


def _screen_user_knob(knob: Knob) -> Optional[Tuple[FindingKind, str]]:
    try:
        declared = parse_user_knob(knob.word)
    except NkSyntaxError as error:
        return "code_knob", f"this user knob cannot be read: {error.why}"
    why = runs_on_load(knob.word) or hidden_bracket(knob.word) or runs_later(knob.value)
    if why:
        return "tcl", why
    if declared.id in CODE_IDS and (declared.text or declared.items or declared.id == 52):
        return "code_knob", f"a {declared.class_name} holds code that Nuke runs"
    if declared.id not in TYPES and declared.text:
        return "code_knob", f"the knob type {declared.id} is not known, and its text may be code"
    if _names_callback(declared.name):
        return "callback", f"{declared.name} is the name of a callback"
    if _ODD_NAME.search(declared.name):
        return "callback", "the name of this knob is hidden behind an escape, and may be that of a callback"
    if declared.id == _LINK and _names_callback(declared.text):
        return "callback", f"{declared.name} sets {declared.text}, a callback whose text Nuke runs as Python"
    return None

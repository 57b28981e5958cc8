"""Turns .nk text into values and values into .nk text; `write(parse(text)) == text` for every text that parses.

Pure. A body is scanned once for its closing brace and once for its entries, each by one regular expression, so that ten
megabytes take a second or two. Nothing recurses: text nested ten thousand deep is an error, not a crash.
"""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Iterator, List, Optional, Tuple

from .errors import NkSyntaxError, NkText
from .lexer import BLANK, COMMENT, end_of_braces, end_of_word, words
from .model import KNOB_LEAD, Command, Comment, Item, Knob, Node, Push, Script, Set
from .quoting import decode, encode

# Classes whose body is followed by their children and `end_group`.
GROUPS = frozenset({"Group", "LiveGroup", "Gizmo", "VariableGroup"})
# Words that look like a node, `word {…}`, and are commands of Tcl or of Nuke's Tcl.
COMMANDS = frozenset(
    """
    version define_window_layout_xml add_layer add_format add_view_layer push set clone end_group stack python
    pyfile after append apply array break catch cd close concat continue encoding eof error eval exec exit expr
    file fileevent flush for foreach format gets glob global history if incr info interp join lappend lindex
    linsert list llength load lrange lreplace lsearch lset lsort namespace open package pid proc puts pwd read
    regexp regsub rename return scan seek socket source split string subst switch tell time trace unknown unset
    update uplevel upvar variable vwait while knob knobs value setkey message script_open script_clear script_save
    addUserKnob
    """.split()  # noqa: SIM905  (a list of ninety quoted words reads worse)
)
MAX_DEPTH = 256
_LARGE = 1_000_000
_ENTRY = re.compile(
    r"([ \t\r\n\f\v;]*)([A-Za-z_][A-Za-z0-9_.]*)([ \t]+)"
    r"([^ \t\r\n\f\v;\"{}\[\]$\\][^ \t\r\n\f\v;\[\\]*"
    r'|"[^"\\]*(?:\\.[^"\\]*)*"'
    r"|\{[^{}\\]*(?:\{[^{}\\]*\}[^{}\\]*)*\})(?=[ \t\r\n\f\v;]|\Z)",
    re.DOTALL,
)
_HEAD = re.compile(r"([A-Za-z_][A-Za-z0-9_.:+-]*)([ \t]+)(?=\{)")
_LINE_END = re.compile(r"[ \t\r\f\v]*(?:[\n;]|\Z)")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.:+-]*\Z")
# What a clone names: a variable of the script, or the key that Nuke gives a node on the clipboard.
_KEY = re.compile(r"\$?[A-Za-z0-9_|.:+-]+\Z")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\Z")
# The two commands that a script is full of, as Nuke writes them.
_USUAL = re.compile(r"(?:set ([A-Za-z_][A-Za-z0-9_]*) \[stack 0\]|push (?:\$([A-Za-z_][A-Za-z0-9_]*)|0))(?=\n|\Z)")
_STACK = re.compile(r"\[stack ([0-9]{1,6})\]\Z")


def parse(text: str) -> Script:
    """The script that `text` says; raises NkSyntaxError with line and column."""
    if len(text) < _LARGE:
        return _Reader(text).script()
    with _no_collections():
        return _Reader(text).script()


def parse_bytes(data: bytes) -> Script:
    """The script in a file's bytes; what is not UTF-8 comes back unchanged from `write_bytes`."""
    return parse(data.decode("utf-8", "surrogateescape"))


def parse_knobs(text: str) -> Tuple[Knob, ...]:
    """The entries of a body that stands alone, as Node.writeKnobs gives it."""
    return _Reader(text).entries(0, len(text))[0]


@contextmanager
def _no_collections() -> Iterator[None]:
    """Halves the time of a large script: the collector would look again and again at values that hold no cycle."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@dataclass
class _Open:
    """A group whose `end_group` has not come yet."""

    node: Node
    items: List[Item]


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.end = len(text)

    def fail(self, offset: int, why: str) -> NkSyntaxError:
        return NkSyntaxError.at(NkText(self.text), offset, why)

    def script(self) -> Script:
        text, end = self.text, self.end
        outer = _Open(Node(""), [])
        opened: List[_Open] = [outer]
        at = 1 if text.startswith("\ufeff") else 0
        lead_from = 0
        while True:
            blank = BLANK.match(text, at, end)
            at = blank.end() if blank else at
            lead = text[lead_from:at]
            if at >= end:
                break
            item, stop = self.item(at, lead)
            if isinstance(item, Command) and item.words == ("end_group",):
                if len(opened) == 1:
                    raise self.fail(at, "end_group without a group")
                group = opened.pop()
                opened[-1].items.append(replace(group.node, children=tuple(group.items), close=lead))
            elif isinstance(item, Node) and item.class_name in GROUPS:
                if len(opened) > MAX_DEPTH:
                    raise self.fail(at, f"groups are nested more than {MAX_DEPTH} deep")
                opened.append(_Open(item, []))
            else:
                opened[-1].items.append(item)
            at = lead_from = stop
        if len(opened) > 1:
            node = opened[-1].node
            raise self.fail(node.offset, f"this {node.class_name} has no end_group")
        return Script(tuple(outer.items), tail=lead)

    def item(self, at: int, lead: str) -> Tuple[Item, int]:
        """The item that begins at `at`, and the offset after it."""
        text, end = self.text, self.end
        if text[at] == "#":
            comment = COMMENT.match(text, at, end)
            stop = comment.end() if comment else end
            return Comment(text[at:stop], lead, at), stop
        if text[at] == "}":
            raise self.fail(at, "this closing brace closes nothing; a brace in a text is written \\}")
        head = _HEAD.match(text, at, end)
        if head is not None and head.group(1) not in COMMANDS:
            brace = head.end()
            stop = end_of_braces(text, brace, end)
            if _LINE_END.match(text, stop, end):
                body = self.body(head.group(1), brace + 1, stop - 1)
                if body is not None:
                    gap = head.group(2)
                    return Node(head.group(1), body[0], lead=lead, gaps=(gap,), tail=body[1], offset=at), stop
        usual = _USUAL.match(text, at, end)
        if usual is not None:
            variable, stop = usual.group(1), usual.end()
            if variable is not None:
                return Set(variable, 0, lead, (), at), stop
            return Push(usual.group(2), lead, (), at), stop
        raw, starts, stop = words(text, at, end)
        ends = [start + len(word) for word, start in zip(raw, starts)]
        gaps = tuple(text[ends[number]:starts[number + 1]] for number in range(len(raw) - 1))
        special = self.special(raw, starts, lead, gaps)
        return special or Command(raw, lead, gaps, at), stop

    def special(
        self, raw: Tuple[str, ...], starts: Tuple[int, ...], lead: str, gaps: Tuple[str, ...]
    ) -> Optional[Item]:
        """A push, a set, a clone or a node, where the words are exactly that."""
        at, first = starts[0], raw[0]
        if first == "push" and len(raw) == 2:
            variable = _VARIABLE.match(raw[1])
            if variable or raw[1] == "0":
                return Push(variable.group(1) if variable else None, lead, gaps, at)
        if first == "set" and len(raw) == 3:
            depth = _STACK.match(raw[2])
            if depth and str(int(depth.group(1))) == depth.group(1) and _VARIABLE.match("$" + raw[1]):
                return Set(raw[1], int(depth.group(1)), lead, gaps, at)
        if first == "clone" and len(raw) in (3, 4) and raw[-1].startswith("{") and _KEY.match(raw[1]):
            class_name = raw[2] if len(raw) == 4 else ""
            if not class_name or _CLASS.match(class_name):
                knobs, tail = self.entries(starts[-1] + 1, starts[-1] + len(raw[-1]) - 1)
                return Node(class_name, knobs, None, raw[1], lead=lead, gaps=gaps, tail=tail, offset=at)
        if len(raw) == 2 and raw[1].startswith("{") and first not in COMMANDS and _CLASS.match(first):
            body = self.body(first, starts[1] + 1, starts[1] + len(raw[1]) - 1)
            if body is not None:
                return Node(first, body[0], lead=lead, gaps=gaps, tail=body[1], offset=at)
        return None

    def body(self, class_name: str, at: int, end: int) -> Optional[Tuple[Tuple[Knob, ...], str]]:
        """A node's entries; None where a word in lower case, and so perhaps a command, has none of them."""
        try:
            return self.entries(at, end)
        except NkSyntaxError:
            if class_name[0].islower() and "." not in class_name:
                return None
            raise

    def entries(self, at: int, end: int) -> Tuple[Tuple[Knob, ...], str]:
        """The entries of the body between two offsets, and the white space after the last."""
        text = self.text
        match, new = _ENTRY.match, object.__new__
        found: List[Knob] = []
        add = found.append
        while True:
            entry = match(text, at, end)
            if entry is not None:
                lead, name, gap, word = entry.groups()
                # What Knob(...) does, at a third of the time; a large script has half a million of them.
                knob = new(Knob)
                fields = knob.__dict__
                fields["name"] = name
                fields["word"] = word
                fields["lead"] = lead if lead != KNOB_LEAD else KNOB_LEAD
                fields["offset"] = entry.start(2)
                if gap != " ":
                    fields["gap"] = gap
                add(knob)
                at = entry.end()
                continue
            blank = BLANK.match(text, at, end)
            begin = blank.end() if blank else at
            if begin >= end:
                return tuple(found), text[at:end]
            knob, at = self.odd_entry(text[at:begin], begin, end)
            add(knob)

    def odd_entry(self, lead: str, at: int, end: int) -> Tuple[Knob, int]:
        """An entry that the one regular expression does not cover: quoted names, deep braces, brackets, escapes."""
        raw, starts = self.two_words(at, end)
        name = decode(raw[0])
        gap = self.text[at + len(raw[0]):starts[1]]
        name_word = raw[0] if raw[0] != encode(name) else ""
        return Knob(name, raw[1], lead, gap, name_word, at), starts[1] + len(raw[1])

    def two_words(self, at: int, end: int) -> Tuple[Tuple[str, str], Tuple[int, int]]:
        text = self.text
        stop = end_of_word(text, at, end)
        if stop == at:
            raise self.fail(at, "a backslash ends the body")
        name = text[at:stop]
        begin = stop
        while begin < end and (text[begin] in " \t\r\f\v" or text.startswith(("\\\n", "\\\r\n"), begin)):
            begin += 1 if text[begin] != "\\" else (2 if text[begin + 1] == "\n" else 3)
        if begin >= end or text[begin] in "\n;":
            raise self.fail(at, f"the knob {name[:40]} has no value")
        stop = end_of_word(text, begin, end)
        if stop == begin:
            raise self.fail(begin, "a backslash ends the body")
        return (name, text[begin:stop]), (at, begin)

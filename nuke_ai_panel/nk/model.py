"""A script as frozen values, with every space it was written with. Pure.

Each value keeps the raw words and the white space before them, so that what nobody touched is written byte for byte as
it was read; `dataclasses.replace` of a part touches that part alone. Two values are equal when they say the same,
however they are laid out. `offset` is where a value began in the text it was parsed from, -1 for a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterator, Optional, Tuple, Union

from .quoting import decode, encode

KNOB_LEAD = "\n "


@dataclass(frozen=True)
class Knob:
    """One entry of a node's body. `word` is the value as written: `10`, `"to box"`, `{{curve x1 0}}`."""

    name: str
    word: str
    lead: str = field(default=KNOB_LEAD, compare=False, repr=False)
    gap: str = field(default=" ", compare=False, repr=False)
    # The raw name where it is not what encode() writes.
    name_word: str = field(default="", compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)

    @property
    def value(self) -> str:
        """The value without its quotes, braces and escapes."""
        return decode(self.word)

    @property
    def braced(self) -> bool:
        """Whether the value is a list: a vector, curves, an expression, big data."""
        return self.word.startswith("{")


@dataclass(frozen=True)
class Node:
    """A node, or a clone of one. `children` is None unless the node is a group.

    A clone has `clone_of`: `$C1a2` for one that stands in the same script, Nuke's own key otherwise, where
    `class_name` is there too.
    """

    class_name: str
    knobs: Tuple[Knob, ...] = ()
    children: Optional[Tuple[Item, ...]] = None
    clone_of: Optional[str] = None
    lead: str = field(default="\n", compare=False, repr=False)
    # Before the body's brace; for a clone also before its key and its class.
    gaps: Tuple[str, ...] = field(default=(), compare=False, repr=False)
    tail: str = field(default="\n", compare=False, repr=False)
    # Before `end_group`.
    close: str = field(default="\n", compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)

    def knob(self, name: str) -> Optional[Knob]:
        """The last entry of that name, as Nuke lets the last one win; None if it is not written."""
        return next((one for one in reversed(self.knobs) if one.name == name), None)

    def value(self, name: str, default: str = "") -> str:
        """The decoded value of a knob, or `default` where it is not written."""
        knob = self.knob(name)
        return default if knob is None else knob.value

    @property
    def name(self) -> str:
        """The node's name as written, empty if it has none."""
        return self.value("name")

    def with_knob(self, name: str, value: str) -> Node:
        """The node with a knob set to a text; every other entry stays as it is."""
        return self.with_word(name, encode(value))

    def with_word(self, name: str, word: str) -> Node:
        """The node with a knob set to a raw word, such as `{{curve x1 0}}`."""
        for number in reversed(range(len(self.knobs))):
            if self.knobs[number].name == name:
                knob = replace(self.knobs[number], word=word, offset=-1)
                return replace(self, knobs=(*self.knobs[:number], knob, *self.knobs[number + 1:]))
        lead = self.knobs[-1].lead if self.knobs else KNOB_LEAD
        return replace(self, knobs=(*self.knobs, Knob(name, word, lead=lead)))

    def without_knob(self, name: str) -> Node:
        """The node with every entry of that name taken out."""
        return replace(self, knobs=tuple(one for one in self.knobs if one.name != name))


@dataclass(frozen=True)
class Push:
    """`push $N1a2`, or `push 0` where `variable` is None."""

    variable: Optional[str]
    lead: str = field(default="\n", compare=False, repr=False)
    gaps: Tuple[str, ...] = field(default=(), compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True)
class Set:
    """`set N1a2 [stack 0]`: remembers what lies `depth` under the top of the stack."""

    variable: str
    depth: int = 0
    lead: str = field(default="\n", compare=False, repr=False)
    gaps: Tuple[str, ...] = field(default=(), compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True)
class Comment:
    """A comment with its `#`, without its line end."""

    text: str
    lead: str = field(default="\n", compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)


@dataclass(frozen=True)
class Command:
    """Any other command, as raw words: `version`, `add_layer`, `define_window_layout_xml`, or Tcl."""

    words: Tuple[str, ...]
    lead: str = field(default="\n", compare=False, repr=False)
    gaps: Tuple[str, ...] = field(default=(), compare=False, repr=False)
    offset: int = field(default=-1, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The decoded first word."""
        return decode(self.words[0])


Item = Union[Node, Push, Set, Comment, Command]


@dataclass(frozen=True)
class Script:
    """A whole .nk text. `tail` is the white space after the last item."""

    items: Tuple[Item, ...] = ()
    tail: str = field(default="\n", compare=False, repr=False)

    def nodes(self) -> Iterator[Node]:
        """Every node, those in groups after their group."""
        return (item for item in self.walk() if isinstance(item, Node))

    def walk(self) -> Iterator[Item]:
        """Every item, those in groups after their group."""
        waiting = [iter(self.items)]
        while waiting:
            item = next(waiting[-1], None)
            if item is None:
                waiting.pop()
                continue
            yield item
            if isinstance(item, Node) and item.children is not None:
                waiting.append(iter(item.children))

    @property
    def version(self) -> str:
        """What the `version` line says, such as `15.0 v4`; empty without one."""
        for item in self.items:
            if isinstance(item, Command) and item.name == "version":
                return " ".join(decode(word) for word in item.words[1:])
        return ""

"""The `addUserKnob` line as a value: which knob, of which type, and whether it carries code. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import List, Tuple

from .errors import NkSyntaxError
from .lexer import split
from .model import KNOB_LEAD, Knob, Node
from .quoting import decode, encode

# Nuke's KnobType numbers.
TYPES = {
    1: "String_Knob", 2: "File_Knob", 3: "Int_Knob", 4: "Enumeration_Knob", 5: "Bitmask_Knob", 6: "Boolean_Knob",
    7: "Double_Knob", 8: "Double_Knob", 10: "ChannelMask_Knob", 11: "Channel_Knob", 12: "XY_Knob", 13: "XYZ_Knob",
    14: "WH_Knob", 15: "BBox_Knob", 16: "Scale_Knob", 17: "Format_Knob", 18: "Color_Knob", 19: "AColor_Knob",
    20: "Tab_Knob", 22: "PyScript_Knob", 26: "Text_Knob", 30: "UV_Knob", 32: "Script_Knob", 36: "EyeDropper_Knob",
    40: "ColorChip_Knob", 41: "Link_Knob", 43: "Multiline_Eval_String_Knob", 52: "PyCustom_Knob",
    68: "Pulldown_Knob",
}
# Those whose text, or whose items' text, is code.
CODE_IDS = frozenset({22, 32, 52, 68})
# Without a leading zero: such a number would be another one in C.
_ID = re.compile(r"(?:0|[1-9][0-9]{0,5})\Z")
_FLAG = re.compile(r"[+-][A-Z][A-Z_]*\Z")


@dataclass(frozen=True)
class UserKnob:
    """One user knob. `options` are the pairs that are not named here, verbatim: `n`, colours, whatever Nuke adds."""

    id: int
    name: str
    label: str = ""
    tooltip: str = ""
    text: str = ""
    range: Tuple[str, ...] = ()
    items: Tuple[str, ...] = ()
    options: Tuple[Tuple[str, str], ...] = ()
    flags: Tuple[str, ...] = ()

    @property
    def class_name(self) -> str:
        """Nuke's name of the knob's class, empty for a type that is not known."""
        return TYPES.get(self.id, "")

    @property
    def holds_code(self) -> bool:
        """Whether Nuke runs what the knob says, when it is built, opened or pressed."""
        return self.id in CODE_IDS


def parse_user_knob(word: str) -> UserKnob:
    """The user knob in an `addUserKnob` value; raises NkSyntaxError."""
    parts = split(word[1:-1]) if word.startswith("{") else split(decode(word))
    if not parts or not _ID.match(decode(parts[0])):
        raise NkSyntaxError("addUserKnob must begin with the number of a knob type", 1, 1)
    known = UserKnob(int(decode(parts[0])), decode(parts[1]) if len(parts) > 1 else "")
    options: List[Tuple[str, str]] = []
    flags: List[str] = []
    at = 2
    while at < len(parts):
        key = parts[at]
        if _FLAG.match(key):
            flags.append(key)
            at += 1
            continue
        values = parts[at + 1:at + (3 if key == "R" else 2)]
        if len(values) < (2 if key == "R" else 1):
            raise NkSyntaxError(f"the option {key[:20]} of addUserKnob has no value", 1, 1)
        at += 1 + len(values)
        if key == "l":
            known = replace(known, label=decode(values[0]))
        elif key == "t":
            known = replace(known, tooltip=decode(values[0]))
        elif key == "T":
            known = replace(known, text=decode(values[0]))
        elif key == "R":
            known = replace(known, range=tuple(decode(value) for value in values))
        elif key == "M":
            known = replace(known, items=_items(values[0]))
        else:
            options.append((key, values[0]))
    return replace(known, options=tuple(options), flags=tuple(flags))


def _items(word: str) -> Tuple[str, ...]:
    inside = word[1:-1] if word.startswith("{") else decode(word)
    return tuple(decode(part) for part in split(inside))


def write_user_knob(knob: UserKnob) -> str:
    """The value word of the `addUserKnob` entry."""
    parts = [str(knob.id), *([encode(knob.name)] if knob.name else [])]
    for key, text in (("l", knob.label), ("t", knob.tooltip), ("T", knob.text)):
        if text:
            parts += (key, encode(text))
    if knob.range:
        parts += ("R", *map(encode, knob.range))
    if knob.items:
        parts += ("M", "{" + " ".join(map(encode, knob.items)) + "}")
    for key, word in knob.options:
        parts += (key, word)
    return "{" + " ".join((*parts, *knob.flags)) + "}"


def user_knob_entry(knob: UserKnob) -> Knob:
    """The entry to put into a node's body, before the entry that sets the knob."""
    return Knob("addUserKnob", write_user_knob(knob), lead=KNOB_LEAD)


def user_knobs(node: Node) -> Tuple[UserKnob, ...]:
    """The node's user knobs in their order; an entry that says none is passed over."""
    found: List[UserKnob] = []
    for knob in node.knobs:
        if knob.name == "addUserKnob":
            try:
                found.append(parse_user_knob(knob.word))
            except NkSyntaxError:
                continue
    return tuple(found)

"""What a knob's value is: plain text, numbers, expressions, curves. Pure; the value itself is kept verbatim.

    size 10                                 one number
    color {1 0.5 0.2 1}                     four numbers
    size {{Blur1.size*2}}                   an expression
    center {{input.width/2} 540}            an expression and a number
    translate {{curve x1 0 x50 100} {curve}} two curves, the second one constant at the default
    time {{floor(frame/2) x1 2}}            an expression with keys
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Literal, Optional, Tuple

from .errors import NkSyntaxError
from .lexer import split
from .quoting import decode

FieldKind = Literal["text", "number", "expression", "curve"]
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_KEY_X = re.compile(r"x([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\Z")
_SHAPES = {"K": "constant", "L": "linear", "C": "catmull-rom", "H": "horizontal", "R": "cubic"}


@dataclass(frozen=True)
class Key:
    """One key of a curve."""

    x: float
    y: float


@dataclass(frozen=True)
class Field:
    """One component of a value. `raw` is verbatim, `text` without quotes and braces.

    `keys` are a curve's keys, or those after an expression. `plain` is False where the curve holds marks whose meaning
    is not documented (slopes, tangents); then the keys are still right, their interpolation is unknown.
    """

    kind: FieldKind
    raw: str
    text: str
    keys: Tuple[Key, ...] = ()
    plain: bool = True


def fields(word: str) -> Tuple[Field, ...]:
    """The components of a raw value word."""
    if not word.startswith("{"):
        text = decode(word)
        return (Field("number" if _NUMBER.match(text) else "text", word, text),)
    try:
        return tuple(_field(part) for part in split(word[1:-1]))
    except NkSyntaxError:
        # A list in braces need not hold words: a kernel, a layout, a piece of Tcl.
        return (Field("text", word, word[1:-1]),)


def is_animated(word: str) -> bool:
    """Whether a component of the value has keys."""
    return any(one.keys for one in fields(word)) if "{" in word[1:] else False


def expressions(word: str) -> Tuple[str, ...]:
    """The expressions in a value, decoded, without their keys."""
    return tuple(one.text for one in fields(word) if one.kind == "expression") if "{" in word[1:] else ()


def curve(keys: Tuple[Key, ...], shape: str = "") -> str:
    """The raw component for keys; `shape` is `K`, `L` or empty for Nuke's own smooth one."""
    marks = "".join(f" x{number(key.x)}{' ' + shape if shape else ''} {number(key.y)}" for key in keys)
    return "{curve" + marks + "}"


def number(value: float) -> str:
    """A number with up to ten significant digits, as Nuke writes it."""
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.10g}"


def _field(raw: str) -> Field:
    if not raw.startswith("{"):
        text = decode(raw)
        return Field("number" if _NUMBER.match(text) else "text", raw, text)
    try:
        parts = split(raw[1:-1])
    except NkSyntaxError:
        return Field("expression", raw, raw[1:-1])
    if not parts:
        return Field("text", raw, "")
    keys, plain, used = _keys(parts[1:])
    if parts[0] == "curve":
        return Field("curve", raw, raw[1:-1], keys, plain)
    rest = parts if used is None else parts[: used + 1]
    return Field("expression", raw, " ".join(decode(part) for part in rest), keys if used is not None else (), plain)


def _keys(parts: Tuple[str, ...]) -> Tuple[Tuple[Key, ...], bool, Optional[int]]:
    """The keys in a curve's words, whether every mark is a documented one, and at which word the keys begin."""
    found: List[Key] = []
    begin: Optional[int] = None
    x, plain, given = 1.0, True, False
    for at, part in enumerate(parts):
        place = _KEY_X.match(part)
        if place:
            x, given = float(place.group(1)), True
            begin = at if begin is None else begin
        elif _NUMBER.match(part):
            if not given and begin is None:
                begin = at
            found.append(Key(x, float(part)))
            x += 1
        elif part not in _SHAPES:
            plain = False
    return tuple(found), plain, begin

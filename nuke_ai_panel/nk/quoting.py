"""What a raw word means, and how a text is written as a word. Pure; the escapes are those that Nuke itself writes.

`decode(encode(text)) == text` for every text. Nuke writes a text bare where it can, in quotes otherwise; it escapes
`\\n \\t \\" \\[ \\{ \\} \\$ \\\\` and never `]`.
"""

from __future__ import annotations

import re

# Half of a pair, which no file can hold; the others of their kind stand for bytes that are no UTF-8.
_HALVES = "\ud800-\udc7f\udd00-\udfff"
_PLAIN = re.compile(rf"(?!#)[^\s;'\"\[\]{{}}$\\\x00-\x1f{_HALVES}]+\Z")
_ESCAPED = re.compile(rf'["\[{{}}$\\\n\t\r{_HALVES}]')
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BACKSLASH = re.compile(
    r"\\(?:(?P<line>\r?\n)[ \t]*|x(?P<x>[0-9a-fA-F]{1,2})|u(?P<u>[0-9a-fA-F]{1,4})|(?P<o>[0-7]{1,3})|(?P<any>.)|\Z)",
    re.DOTALL,
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def decode(word: str) -> str:
    """The text that a raw word stands for; nothing in brackets is run."""
    if word.startswith("{"):
        return word[1:-1]
    inner = word[1:-1] if word.startswith('"') else word
    return _BACKSLASH.sub(_meaning, inner) if "\\" in inner else inner


def _meaning(found: re.Match[str]) -> str:
    if found["line"] is not None:
        return " "
    for group, base in (("x", 16), ("u", 16), ("o", 8)):
        if found[group] is not None:
            return chr(int(found[group], base))
    letter = found["any"]
    return _LETTERS.get(letter, letter) if letter is not None else "\\"


def encode(text: str) -> str:
    """The word that stands for `text`."""
    if _PLAIN.match(text):
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    mark = found.group()
    return _ESCAPES.get(mark) or (f"\\u{ord(mark):04x}" if mark >= "\ud800" else "\\" + mark)

"""Finds where a word of .nk text ends. Pure; knows Tcl's words and nothing of nodes.

A script is made of commands, a command of words. A word is `{braced}` (braces nest, a backslash hides the next
character, quotes mean nothing), `"quoted"` (a backslash hides the next character) or bare (ends at white space or `;`,
`[…]` nests). A closing brace or quote must be the word's last character. White space is Tcl's: not all that Unicode
calls so.
"""

from __future__ import annotations

import re
from typing import List, Tuple

from .errors import NkSyntaxError, NkText

SPACE = " \t\r\f\v"
BREAK = "\n;"
# Between two entries of a body, where a line end is white space like any other.
BLANK = re.compile(r"[ \t\r\n\f\v;]*(?:\\\r?\n[ \t\r\n\f\v;]*)*")
# Between two words of one command: a backslash before the line end continues it.
GAP = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)*")
COMMENT = re.compile(r"#[^\n]*")
_BRACES = re.compile(r"[{}]|\\.", re.DOTALL)
_BRACKETS = re.compile(r"[\[\]]|\\.", re.DOTALL)
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BARE = re.compile(r"(?:[^ \t\r\n\f\v;\\\[]+|\\(?!\r?\n)(?:.|\Z))+", re.DOTALL)
_ENDS = frozenset(SPACE + BREAK)


def end_of_word(text: str, at: int, end: int) -> int:
    """The offset after the word that starts at `at`; raises NkSyntaxError where it does not end before `end`."""
    first = text[at]
    if first == "{":
        stop = end_of_braces(text, at, end)
    elif first == '"':
        quoted = _QUOTED.match(text, at, end)
        if quoted is None:
            raise NkSyntaxError.at(NkText(text), at, "this quote is never closed")
        stop = quoted.end()
    else:
        return _end_of_bare(text, at, end)
    if stop < end and text[stop] not in _ENDS and not text.startswith(("\\\n", "\\\r\n"), stop):
        what = "closing brace" if first == "{" else "closing quote"
        raise NkSyntaxError.at(NkText(text), stop, f"there must be a space after the {what}")
    return stop


def end_of_braces(text: str, at: int, end: int) -> int:
    """The offset after the brace that closes the one at `at`."""
    depth = 0
    for found in _BRACES.finditer(text, at, end):
        mark = found.group()
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            if not depth:
                return found.end()
    raise NkSyntaxError.at(NkText(text), at, "this brace is never closed")


def end_of_brackets(text: str, at: int, end: int) -> int:
    """The offset after the bracket that closes the one at `at`."""
    depth = 0
    for found in _BRACKETS.finditer(text, at, end):
        mark = found.group()
        if mark == "[":
            depth += 1
        elif mark == "]":
            depth -= 1
            if not depth:
                return found.end()
    raise NkSyntaxError.at(NkText(text), at, "this bracket is never closed")


def _end_of_bare(text: str, at: int, end: int) -> int:
    while at < end:
        plain = _BARE.match(text, at, end)
        if plain is not None:
            at = plain.end()
        if at >= end or text[at] != "[":
            # What stopped the word is white space, a `;`, or a backslash before a line end.
            return at
        at = end_of_brackets(text, at, end)
    return at


def words(text: str, at: int, end: int) -> Tuple[Tuple[str, ...], Tuple[int, ...], int]:
    """The raw words of the command at `at`, where each begins, and the offset after the last of them."""
    found: List[str] = []
    starts: List[int] = []
    stop = at
    while True:
        gap = GAP.match(text, stop, end)
        begin = gap.end() if gap else stop
        if begin >= end or text[begin] in BREAK:
            return tuple(found), tuple(starts), stop
        stop = end_of_word(text, begin, end)
        if stop == begin:  # a lone backslash before the end of the text
            raise NkSyntaxError.at(NkText(text), begin, "a backslash ends the text")
        found.append(text[begin:stop])
        starts.append(begin)


def split(text: str) -> Tuple[str, ...]:
    """The raw words of a list, such as the inside of a braced value; line ends are white space."""
    found: List[str] = []
    at, end = 0, len(text)
    while True:
        blank = BLANK.match(text, at, end)
        at = blank.end() if blank else at
        if at >= end:
            return tuple(found)
        stop = end_of_word(text, at, end)
        if stop == at:
            raise NkSyntaxError.at(NkText(text), at, "a backslash ends the text")
        found.append(text[at:stop])
        at = stop

"""Joins the continuation of a cut answer to what was there: nothing twice, no code block opened inside its own. Pure.

Models often begin by repeating the last words, or by opening the code block again. The first characters are held back
for as long as they could be such a repetition, and not a moment longer.
"""

from __future__ import annotations

import re

from ..utils.fences import open_fence
from .answer import CleanText

# A shorter match is more likely the language than a repetition.
_SHORTEST = 8
_LONGEST = 240
_FENCE = re.compile(r"[ ]*(`{3,}(?![^\n]*`)|~{3,})([^\n]*)")


class JoinedText(CleanText):
    """Text that goes on after `before`; `add` returns only what is really new."""

    def __init__(self, before: str) -> None:
        super().__init__(before)
        self._before = before
        self._held = ""
        self._is_joined = not before

    def add(self, piece: str) -> str:
        """Takes a piece and returns what is new and whole; may be empty while a repetition is possible."""
        if self._is_joined:
            return super().add(piece)
        self._held += piece
        return "" if may_repeat(self._before, self._held) else self._join()

    def end(self) -> str:
        """What is left when nothing more comes."""
        joined = "" if self._is_joined else self._join()
        return joined + super().end()

    def clear(self, text: str) -> None:
        """Forgets everything but `text`, to which the next piece is joined."""
        super().clear(text)
        self._before, self._held, self._is_joined = text, "", not text

    def __bool__(self) -> bool:
        return super().__bool__() or bool(self._held)

    def _join(self) -> str:
        self._is_joined = True
        rest = without_repetition(self._before, self._held)
        self._held = ""
        return super().add(rest) if rest else ""


def may_repeat(before: str, held: str) -> bool:
    """Whether more text could still show that `held` repeats the end of `before`."""
    if len(held) >= _LONGEST:
        return False
    body = held.lstrip()
    if not body:
        return True
    if body[0] in "`~" and "\n" not in body and (len(body) < 3 or _FENCE.match(body) is not None):
        return True
    body = _without_fence(before, held).lstrip()
    return body[:_SHORTEST] in before[-_LONGEST:] and (len(body) < _SHORTEST or body in before[-_LONGEST:])


def without_repetition(before: str, held: str) -> str:
    """`held` without what `before` already ends with; a code block of its own begins on a line of its own."""
    body = _without_fence(before, held)
    said = body.lstrip()
    for size in range(min(len(said), len(before), _LONGEST), _SHORTEST - 1, -1):
        if before.endswith(said[:size]):
            return said[size:]
    mark = _FENCE.match(body)
    if mark is not None and not before.endswith("\n") and ("\n" in body or mark.group(2)):
        return f"\n{body}"
    return body


def _without_fence(before: str, held: str) -> str:
    """`held` without a first line that opens the code block again which `before` is inside of.

    A bare fence at the beginning of a line closes the block; it stays.
    """
    mark = _FENCE.match(held.lstrip("\n"))
    fence = open_fence(before)
    if mark is None or fence is None or "\n" not in held.lstrip("\n") or mark.group(1)[0] != fence.mark[0]:
        return held
    is_closing = not mark.group(2).strip() and (held.startswith("\n") or before.endswith("\n"))
    return held if is_closing else held.lstrip("\n").partition("\n")[2]

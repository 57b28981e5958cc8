"""Joins the continuation of a cut answer to what was there: nothing twice, no code block opened inside its own. Pure.

Models often begin by repeating the last words, or by opening the code block again. The first characters are held back
for as long as they could be such a repetition, and not a moment longer.
"""

from __future__ import annotations

from .answer import CleanText

# A shorter match is more likely the language than a repetition.
_SHORTEST = 8
_LONGEST = 240
_FENCE = "```"


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


def is_in_fence(text: str) -> bool:
    """Whether `text` ends inside a code block."""
    return sum(1 for line in text.splitlines() if line.lstrip().startswith(_FENCE)) % 2 == 1


def may_repeat(before: str, held: str) -> bool:
    """Whether more text could still show that `held` repeats the end of `before`."""
    if len(held) >= _LONGEST:
        return False
    if _FENCE.startswith(held) or (held.startswith(_FENCE) and "\n" not in held):
        return is_in_fence(before)
    body = _without_fence(before, held)
    return body[:_SHORTEST] in before[-_LONGEST:] and (len(body) < _SHORTEST or _repeats_so_far(before, body))


def without_repetition(before: str, held: str) -> str:
    """`held` without what `before` already ends with."""
    body = _without_fence(before, held)
    for size in range(min(len(body), len(before), _LONGEST), _SHORTEST - 1, -1):
        if before.endswith(body[:size]):
            return body[size:]
    return body


def _without_fence(before: str, held: str) -> str:
    if held.startswith(_FENCE) and "\n" in held and is_in_fence(before):
        return held.partition("\n")[2]
    return held


def _repeats_so_far(before: str, body: str) -> bool:
    return body in before[-_LONGEST:]

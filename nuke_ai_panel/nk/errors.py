"""The one error of .nk text, and how an offset becomes a line and a column."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import List, Tuple

from ..errors import NukeAIError
from ..words import tr


class NkText:
    """A text whose offsets can be told as line and column, both counted from 1."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _starts(self) -> List[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def place(self, offset: int) -> Tuple[int, int]:
        """Line and column of `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class NkSyntaxError(NukeAIError):
    """The text is no .nk text. `line` and `column` count from 1 and say where; `why` says what is wrong there."""

    kind = "nk_syntax"

    def __init__(self, why: str, line: int, column: int) -> None:
        super().__init__(
            f"line {line}, column {column}: {why}",
            user_text=tr("The node text is not right at line {line}, column {column}: {why}.", line=line, column=column,
            why=why),
            next_step=tr("Correct that place, or copy the nodes again."),
        )
        self.why = why
        self.line = line
        self.column = column

    @classmethod
    def at(cls, text: NkText, offset: int, why: str) -> NkSyntaxError:
        """The error for `offset` of `text`."""
        return cls(why, *text.place(offset))

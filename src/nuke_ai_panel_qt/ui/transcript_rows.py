"""The rows of a transcript as data: items, the text that has arrived, and how tall a row probably is. No widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, Iterator, List, Optional

from nuke_ai_panel.messages import clean_text

from ..qt import QtGui
from .message_body import WHOLE_CHARACTERS
from .message_view import NARROW_PX, ViewState
from .theme import Theme
from .values import MessageItem

# What stands around the words of a row, in steps of the grid.
_CHROME = {"user": 12, "assistant": 15, "notice": 4}
_ERROR_CHROME = 30


class Row:
    """An item, what was opened in it, and what the estimate of its height needs."""

    __slots__ = ("characters", "chrome", "item", "lines", "state")

    def __init__(self, item: MessageItem) -> None:
        self.state = ViewState()
        self.item = item
        self.measure()

    def measure(self) -> None:
        """Counts what the estimate needs."""
        self.characters = min(len(self.item.text), WHOLE_CHARACTERS)
        self.lines = self.item.text.count("\n", 0, WHOLE_CHARACTERS)
        self.chrome = _CHROME[self.item.role] + (_ERROR_CHROME if self.item.error is not None else 0)


def estimates(rows: Iterable[Row], width: int, theme: Theme) -> List[int]:
    """The probable height of each row at `width`; called for every row at every step of a resize, so it is one loop."""
    column = min(width - theme.space(6 if width < NARROW_PX else 8), theme.measure_px)
    character_px = QtGui.QFontMetricsF(theme.body).averageCharWidth()
    per_character = theme.line_px / max(8.0, column / character_px)
    per_line, unit = theme.line_px * 0.6, theme.unit
    return [int(row.characters * per_character + row.lines * per_line) + row.chrome * unit for row in rows]


class Rows:
    """The rows in their order, found by id."""

    def __init__(self) -> None:
        self._rows: List[Row] = []
        self._index: Dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def find(self, item_id: str) -> Optional[int]:
        """The row of an id."""
        return self._index.get(item_id)

    def reset(self, items: Iterable[MessageItem]) -> None:
        """Replaces every row; what was opened in an item that stays, stays open."""
        states = {row.item.id: row.state for row in self._rows}
        self._rows = [Row(item) for item in items]
        for row in self._rows:
            row.state = states.get(row.item.id, row.state)
        self._index = {row.item.id: index for index, row in enumerate(self._rows)}

    def append(self, item: MessageItem) -> int:
        """Adds a row at the end and answers its index."""
        self._index[item.id] = len(self._rows)
        self._rows.append(Row(item))
        return len(self._rows) - 1

    def prepend(self, items: Iterable[MessageItem]) -> List[Row]:
        """Adds rows at the beginning and answers them."""
        added = [Row(item) for item in items]
        self._rows[:0] = added
        self._index = {row.item.id: index for index, row in enumerate(self._rows)}
        return added

    def truncate(self, count: int) -> None:
        """Keeps the first `count` rows."""
        for row in self._rows[count:]:
            self._index.pop(row.item.id, None)
        del self._rows[count:]

    def grow(self, index: int, *, text: str = "", thinking: str = "") -> MessageItem:
        """Adds what arrived to a row's item."""
        row = self._rows[index]
        row.item = replace(row.item, text=row.item.text + text, thinking=row.item.thinking + thinking)
        row.characters += len(text)
        row.lines += text.count("\n")
        return row.item

    def items(self) -> List[MessageItem]:
        """Every item with all of its text; a surrogate pair that arrived in halves is whole."""
        return [replace(row.item, text=clean_text(row.item.text)) for row in self._rows]

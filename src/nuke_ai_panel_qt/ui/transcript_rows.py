"""The rows of a transcript as data: items, the text that has arrived, and how tall a row probably is. No widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, Iterator, List, Optional

from nuke_ai_panel.messages import clean_text

from .message_view import NARROW_PX, ViewState
from .theme import Theme
from .values import MessageItem

# A row that was never laid out counts as no taller than this; a long message folds what is beyond.
MAX_ESTIMATED_LINES = 4_000


class Row:
    """An item, what was opened in it, and a token count's worth of memory about its size."""

    __slots__ = ("characters", "item", "lines", "state")

    def __init__(self, item: MessageItem) -> None:
        self.state = ViewState()
        self.item = item
        self.measure()

    def measure(self) -> None:
        """Counts what the estimate needs."""
        self.characters = len(self.item.text)
        self.lines = self.item.text.count("\n")

    def estimate(self, width: int, theme: Theme, character_px: float) -> int:
        """The probable height at `width`."""
        column = min(width - theme.space(6 if width < NARROW_PX else 8), theme.measure_px)
        per_line = max(8.0, column / character_px)
        lines = min(MAX_ESTIMATED_LINES, max(1.0, self.characters / per_line + self.lines * 0.6))
        chrome = {"user": 10, "assistant": 13}.get(self.item.role, 4)
        if self.item.error is not None:
            chrome += 30
        return int(lines * theme.line_px) + theme.space(chrome)


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

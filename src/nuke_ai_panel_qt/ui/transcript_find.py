"""Find in a conversation: over the data, so that what no widget shows is found as well. Pure."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple


class Hit(NamedTuple):
    """The `nth` occurrence (from 0) within row `row`."""

    row: int
    nth: int


class Finder:
    """The hits of one query and which of them is current."""

    def __init__(self) -> None:
        self.query = ""
        self._hits: List[Hit] = []
        self._current = -1

    def search(self, query: str, texts: Sequence[str], *, start_row: int = 0) -> int:
        """Finds `query` in every row, ignoring case; the first hit at or after `start_row` becomes current."""
        self.query, self._hits, self._current = query, [], -1
        needle = query.casefold()
        if not needle:
            return 0
        for row, text in enumerate(texts):
            self._hits += [Hit(row, nth) for nth in range(text.casefold().count(needle))]
        if self._hits:
            self._current = next((index for index, hit in enumerate(self._hits) if hit.row >= start_row), 0)
        return len(self._hits)

    def step(self, by: int) -> Optional[Hit]:
        """Moves to the next or the previous hit, around the ends."""
        if not self._hits:
            return None
        self._current = (self._current + by) % len(self._hits)
        return self._hits[self._current]

    def current(self) -> Optional[Hit]:
        """The hit that stands out."""
        return self._hits[self._current] if self._hits else None

    def choose(self, hit: Hit) -> None:
        """Makes a given hit current, if it is one."""
        if hit in self._hits:
            self._current = self._hits.index(hit)

    def position(self) -> Tuple[int, int]:
        """(which one from 1, how many); (0, 0) without hits."""
        return (self._current + 1, len(self._hits)) if self._hits else (0, 0)

    def nth_in(self, row: int) -> int:
        """The current hit's number within `row`, -1 when it is elsewhere."""
        hit = self.current()
        return hit.nth if hit is not None and hit.row == row else -1

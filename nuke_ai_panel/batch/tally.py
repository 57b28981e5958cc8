"""Counts what a run has done, and says how fast it goes. Loop thread."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Callable, Deque, List, Optional, Tuple

from ..messages import Usage
from .lane import Lane
from .spending import Purse
from .values import Progress

_RATE_OVER_S = 20.0


class Tally:
    """The numbers of one session of a run."""

    def __init__(self, lanes: List[Lane], purse: Purse, total: Optional[int]) -> None:
        self._lanes, self._purse, self.total = lanes, purse, total
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self.done = self.failed = self.sent = self.again = 0
        self.count_skipped: Callable[[], int] = int
        self._input = self._output = 0
        self._recent: Deque[Tuple[float, int]] = deque()

    @property
    def finished(self) -> int:
        """Rows that have their end."""
        return self.done + self.failed

    @property
    def left(self) -> Optional[int]:
        """Rows that have none, None while nobody knows."""
        return None if self.total is None else max(0, self.total - self.count_skipped() - self.finished)

    def used(self, usage: Optional[Usage]) -> None:
        """An answer's tokens."""
        if usage is not None:
            self._input += usage.input or 0
            self._output += usage.output or 0

    def end(self, *, failed: bool = False) -> None:
        """A row has its end."""
        self.done += not failed
        self.failed += failed
        now = self._loop.time()
        if not self._recent or now - self._recent[-1][0] > 1.0:
            self._recent.append((now, self.finished - 1))

    def progress(self, state: str) -> Progress:
        """How far it is."""
        now = self._loop.time()
        while self._recent and self._recent[0][0] < now - _RATE_OVER_S:
            self._recent.popleft()
        since, before = self._recent[0] if self._recent else (self.began, 0)
        rate, left = (self.finished - before) / max(0.1, now - since), self.left
        return Progress(
            self.done, self.failed, self.count_skipped(), self.total, rate,
            left / rate if left is not None and rate else None, self._input, self._output, self._purse.spent,
            self.again, now - self.began, state, tuple(one.state(now) for one in self._lanes),
        )

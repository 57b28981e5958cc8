"""How many requests one server gets at once: fixed, found by refusals, or found by what more of them bring. Pure.

A hosted service says when it is too much; a local one queues in silence, so there the only sign is that more at once
bring no more answers a second.
"""

from __future__ import annotations

from typing import Optional, Protocol

FIRST = 8
# Of what more requests at once could bring, they must bring a quarter, else it is only a longer queue.
_SHARE = 0.25
# After so many rounds at one size, a larger one is tried again.
_PATIENCE_ROUNDS = 40


class Window(Protocol):
    """How many may run at once."""

    @property
    def at_once(self) -> int:
        """The size now."""
        ...

    def answered(self, now: float) -> None:
        """A request went well."""
        ...

    def refused(self, now: float, started_at: float) -> None:
        """A request that left at `started_at` was refused, because it was too much."""
        ...


class FixedWindow:
    """As many as the server has slots."""

    def __init__(self, slots: int) -> None:
        self.at_once = slots

    def answered(self, now: float) -> None:
        """Nothing is learnt."""

    def refused(self, now: float, started_at: float) -> None:
        """Nothing is learnt."""


class HostedWindow:
    """Begins small, one more for each window of answers, half after a refusal, once for a round trip."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(min(FIRST, most))
        self._cut_at = float("-inf")

    @property
    def at_once(self) -> int:
        """The size now."""
        return max(1, int(self._size))

    def answered(self, now: float) -> None:
        """A request went well."""
        # Until the first refusal the size doubles with each window of answers.
        step = 1.0 if self._cut_at == float("-inf") else 1.0 / self._size
        self._size = min(float(self._most), self._size + step)

    def refused(self, now: float, started_at: float) -> None:
        """Half as many, unless it left before the last cut."""
        if started_at >= self._cut_at:
            self._size = max(1.0, self._size / 2)
            self._cut_at = now


class LocalWindow:
    """Doubles while that brings more answers a second; goes back when it does not, and tries again much later.

    Settles at one more than was found to be of use.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 1
        self._best: Optional[float] = None
        self._best_size = 1
        self._started: Optional[float] = None
        self._count = 0
        self._rounds = 0
        self._is_trying = True
        self._is_last_try = False

    @property
    def at_once(self) -> int:
        """The size now."""
        return self._size

    def answered(self, now: float) -> None:
        """Counts; at the end of a round, decides."""
        if self._started is None:
            self._started = now  # the first answer also brought the model into memory
            return
        self._count += 1
        # The first window of a round still began with the size before.
        if self._count == self._size and self._is_trying:
            self._started = now
        if self._count >= self._round() and now > self._started:
            counted = self._count - (self._size if self._is_trying else 0)
            self._decide(counted / (now - self._started))
            self._started, self._count = now, 0

    def refused(self, now: float, started_at: float) -> None:
        """Even this was too much."""
        self._size = self._best_size = max(1, self._size // 2)
        self._is_trying, self._rounds, self._best = False, 0, None
        self._started, self._count = now, 0

    def _round(self) -> int:
        return 5 * self._size if self._is_trying else max(8, 2 * self._size)

    def _decide(self, rate: float) -> None:
        if not self._is_trying:
            self._rounds += 1
            self._best = rate if self._best is None else 0.7 * self._best + 0.3 * rate
            if self._rounds >= _PATIENCE_ROUNDS and self._best_size < self._most:
                self._is_trying, self._rounds = True, 0
                self._size = min(self._most, self._best_size + max(2, self._best_size // 2))
            return
        more = self._size / self._best_size - 1.0
        if self._best is None or rate > self._best * (1.0 + _SHARE * more):
            self._best, self._best_size = rate, self._size
            if self._size < self._most and not self._is_last_try:
                self._size = min(self._most, 2 * self._size)
                return
        elif self._size == 2 * self._best_size and self._best_size > 1 and not self._is_last_try:
            # Twice as many were too many; half as many more may still do.
            self._size, self._is_last_try = self._best_size * 3 // 2, True
            return
        # One more than it can do at once: so nothing of it waits while an answer and the next request travel.
        self._size = min(self._most, self._best_size + 1)
        self._is_trying, self._is_last_try, self._rounds = False, False, 0

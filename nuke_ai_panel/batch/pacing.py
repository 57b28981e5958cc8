"""How many requests and tokens a minute one server gets: what was said, or what refusals taught. Pure.

A service that counts by the minute refuses in bursts, whatever the number of requests at once. So between two bursts
of refusals the rate that was really let through is measured, and from then on requests leave at that rate. It grows
until the server refuses, goes back a little, and stays below that for a while.
"""

from __future__ import annotations

from typing import Optional

_MINUTE_S = 60.0
# Fewer answers than this say nothing about a rate; over a round as long as this they say exactly what it is.
_TELLING, _LONG_S = 8, 20.0
# After a refusal the rate goes back so far; below that it grows fast (a share a second), near it slowly.
_BACK, _FAST, _SLOW = 0.92, 0.1, 0.002
# So long without a refusal, the server may allow more than it did.
_QUIET_S = 60.0


class Bucket:
    """So many a minute, with a small stock for bursts."""

    def __init__(self, per_minute: float, *, stock_s: float = 0.1) -> None:
        self._rate = per_minute / _MINUTE_S
        self._most = max(1.0, self._rate * stock_s)
        self._level = self._most
        self._at: Optional[float] = None

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; more than the stock waits for a full one."""
        self._fill(now)
        short = min(amount, self._most) - self._level
        return max(0.0, short / self._rate)

    def take(self, amount: float, now: float) -> None:
        """Takes; what was too little is owed."""
        self._fill(now)
        self._level -= amount

    def give_back(self, amount: float) -> None:
        """Returns what was not needed."""
        self._level = min(self._most, self._level + amount)

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now


class LearntRate:
    """The rate that a server lets through, once it has refused: found by going up to where it refuses."""

    def __init__(self) -> None:
        self._rate: Optional[float] = None
        # The best that was ever measured, and the rate at which the last refusal came.
        self._measured = 0.0
        self._ceiling: Optional[float] = None
        self._began: Optional[float] = None
        self._count = 0
        self._refused_at: Optional[float] = None
        self._next = float("-inf")
        self._grown_at = 0.0

    @property
    def per_second(self) -> Optional[float]:
        """The rate now, None while nothing is known."""
        return self._rate

    def wait_s(self, now: float) -> float:
        """Seconds until the next request may leave."""
        return max(0.0, self._next - now) if self._rate is not None else 0.0

    def took(self, now: float) -> None:
        """A request left."""
        if self._began is None:
            self._began = now
        if self._rate is not None:
            self._grow(now)
            self._next = max(now - 0.5 / self._rate, self._next) + 1.0 / self._rate

    def answered(self, now: float, started_at: float) -> None:
        """A request was let through."""
        if self._refused_at is not None and started_at > self._refused_at:
            # The first one after the pause: what came through in the whole round is what the server allows at least.
            round_s = started_at - (started_at if self._began is None else self._began)
            if self._count >= _TELLING and round_s > 0:
                self._measured = max(self._measured, self._count / round_s)
            if self._rate is not None:
                self._ceiling = self._rate
                self._rate = max(_BACK * self._rate, 0.5 * self._measured)
            elif self._measured:
                self._rate = self._measured
                self._ceiling = self._measured if round_s >= _LONG_S else None
            if self._rate is not None:
                self._began, self._count = started_at, 0
            self._refused_at, self._grown_at = None, now
        self._count += 1

    def refused(self, now: float) -> None:
        """A request was refused; a burst of refusals is one."""
        self._refused_at = now

    def _grow(self, now: float) -> None:
        assert self._rate is not None and self._began is not None
        quiet_s, step_s = now - self._began, min(1.0, now - self._grown_at)
        self._grown_at = now
        if self._ceiling is None or self._rate < _BACK * self._ceiling:
            share = _FAST
        else:
            share = _SLOW * 2.0 ** min(8.0, max(0.0, quiet_s - _QUIET_S) / 10.0)
        self._rate *= 1.0 + step_s * share

"""How many requests and tokens a minute one server gets: what we or it said, or what refusals taught. Pure.

A service that counts by the minute refuses in bursts, whatever the number of requests at once. So between two bursts
of refusals the rate that was really let through is measured, and from then on requests leave at that rate. It grows
until the server refuses, goes back a little, and stays below that for a while.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Deque, Optional, Tuple

from ..events import Allowance, Quota

_MINUTE_S = 60.0
# Fewer answers than this say nothing about a rate; over a round as long as this they say exactly what it is.
_TELLING, _LONG_S = 8, 20.0
# After a refusal the rate goes back so far; below that it grows fast (a share a second), near it slowly.
_BACK, _FAST, _SLOW = 0.92, 0.1, 0.002
# So long without a refusal, the server may allow more than it did.
_QUIET_S = 60.0
# Under this share of what is allowed fewer at once are asked; so many requests are remembered to count what is left.
_SCARCE, _REMEMBERED = 0.1, 4096
# What is used up and takes longer than this to be whole again comes back all at once, as a day's quota does.
_LONGEST_STEADY_S = 3600.0


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


class ToldLimits:
    """What the heads of answers say is left: requests and tokens that come back steadily until all are there again."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._requests: Optional[_Left] = None
        self._tokens: Optional[_Left] = None
        self._taken: Deque[Tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._count = self._heard = 0
        self._is_scarce = False
        self._holds_until = float("-inf")
        # Until the next request is allowed: of what was said last, for a request as large as the last one.
        self.next_s = 0.0

    def wait_s(self, tokens: int, now: float) -> float:
        """Seconds until a request of that size is allowed; what was said holds for as long as a lane may wait."""
        waits = [left.wait_s(amount, now) for left, amount in (
            (self._requests, 1.0), (self._tokens, float(tokens))) if left is not None]
        return max(0.0, min(self._holds_until - now, max(waits, default=0.0)))

    def took(self, tokens: int) -> int:
        """A request leaves; its number."""
        self._count += 1
        self._taken.append((self._count, tokens))
        if self._requests is not None:
            self._requests.level -= 1.0
        if self._tokens is not None:
            self._tokens.level -= tokens
        return self._count

    def hear(self, allowance: Allowance, number: int, now: float, said_at: float) -> bool:
        """Takes what the head of an answer said; True when from now on under a tenth is left."""
        if number < self._heard:
            return False
        self._heard = number
        self._holds_until = now + self._longest_s
        # What left after it is not in its numbers.
        later = [size for one, size in self._taken if one > number]
        self._requests = _left(allowance.requests, len(later), now, said_at)
        self._tokens = _left(allowance.tokens, sum(later), now, said_at)
        last = self._taken[-1][1] if self._taken else 0
        self.next_s = max(_until_s(allowance.requests, 1.0), _until_s(allowance.tokens, float(last)))
        was_scarce, self._is_scarce = self._is_scarce, any(
            one is not None and one.remaining < _SCARCE * one.limit for one in (allowance.requests, allowance.tokens))
        return self._is_scarce and not was_scarce


def _until_s(quota: Optional[Quota], amount: float) -> float:
    """Seconds until there is `amount` again, by what the service says; 0 where nobody knows when."""
    if quota is None or quota.reset_s is None or quota.remaining >= min(amount, quota.limit):
        return 0.0
    if quota.reset_s > _LONGEST_STEADY_S:
        return quota.reset_s
    return quota.reset_s * (min(amount, quota.limit) - quota.remaining) / (quota.limit - quota.remaining)


@dataclass
class _Left:
    """What is left of one limit, and how fast it comes back."""

    level: float
    most: float
    per_s: float
    at: float

    def wait_s(self, amount: float, now: float) -> float:
        self.level = min(self.most, self.level + max(0.0, now - self.at) * self.per_s)
        self.at = now
        return max(0.0, (min(amount, self.most) - self.level) / self.per_s) if self.per_s else 0.0


def _left(quota: Optional[Quota], taken: float, now: float, said_at: float) -> Optional[_Left]:
    if quota is None or quota.remaining >= quota.limit:
        return None
    per_s = (quota.limit - quota.remaining) / max(0.05, quota.reset_s if quota.reset_s is not None else _MINUTE_S)
    level = quota.remaining - taken + (now - said_at) * per_s
    return _Left(min(quota.limit, level), quota.limit, per_s, now)


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

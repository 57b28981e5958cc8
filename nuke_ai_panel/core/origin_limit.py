"""Shares one server among all who ask it: slows everybody down when it asks for that, and recovers slowly.

Loop thread. One limit for each origin, whatever provider, panel or batch asks: scheme, host and port are what a server
counts by. After a "slow down" the number of requests at once is halved, once for all that were under way, and nobody
starts before the pause that the server named is over; each round of answers then allows one more. What waits keeps its
place, may be stopped at any moment, and whoever was refused goes before whoever is new.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Callable, Deque, Dict, Optional
from weakref import WeakKeyDictionary

from ..errors import ProviderError

MOST_AT_ONCE = 64
LONGEST_PAUSE_S = 60.0
# What a server says when it is asked too much.
SLOW_DOWN_KINDS = frozenset({"rate_limit", "overloaded"})

# Told of the seconds until the pause ends; 0 when the wait is for another request's end.
OnWait = Callable[[float], None]


class OriginLimit:
    """How many requests may run at one origin, and who is next."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._limit = float(most)
        self._running = 0
        self._queue: Deque[asyncio.Future[None]] = deque()
        self._paused_until = self._cut_at = float("-inf")
        self._timer: Optional[asyncio.TimerHandle] = None

    @property
    def at_once(self) -> int:
        """How many requests may run now."""
        return max(1, int(self._limit))

    def allow(self, most: int) -> None:
        """From now on up to `most` may run: whoever asks for many at once was told that the server takes them."""
        if most > self._most:
            self._limit += most - self._most
            self._most = most

    async def take(self, on_wait: OnWait, *, is_again: bool = False) -> float:
        """Waits for a place, and returns the moment when it was given; give it back in any case.

        `on_wait` is called before a wait. `is_again` is for a request that was refused: it goes before the new ones.
        """
        loop = asyncio.get_running_loop()
        if not self._queue and self._has_room(loop.time()):
            self._running += 1
            return loop.time()
        on_wait(max(0.0, self._paused_until - loop.time()))
        turn: asyncio.Future[None] = loop.create_future()
        (self._queue.appendleft if is_again else self._queue.append)(turn)
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            elif turn in self._queue:
                self._queue.remove(turn)
            raise
        return loop.time()

    def give_back(self) -> None:
        """The request has ended."""
        self._running -= 1
        self._let_in()

    def answered(self) -> None:
        """A request went well: a whole round of those allows one more at once."""
        self._limit = min(float(self._most), self._limit + 1.0 / self._limit)

    def refused(self, error: ProviderError, *, started_at: float, pause_s: Optional[float]) -> None:
        """A running request ended in `error`; if that asks for patience, everybody at this origin has it."""
        if error.kind not in SLOW_DOWN_KINDS:
            return
        now = asyncio.get_running_loop().time()
        if started_at >= self._cut_at:
            self._limit = max(1.0, min(self._limit, float(self._running)) / 2)
            self._cut_at = now
        if pause_s is not None and pause_s <= LONGEST_PAUSE_S:
            self._paused_until = max(self._paused_until, now + pause_s)

    def _has_room(self, now: float) -> bool:
        return self._running < self.at_once and now >= self._paused_until

    def _let_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._queue and self._has_room(loop.time()):
            turn = self._queue.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)
        if self._queue and loop.time() < self._paused_until:
            self._timer = loop.call_at(self._paused_until, self._let_in)


_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, Dict[str, OriginLimit]] = WeakKeyDictionary()


def limit_of(origin: str) -> OriginLimit:
    """The one limit of `origin` on the running loop."""
    return _limits.setdefault(asyncio.get_running_loop(), {}).setdefault(origin, OriginLimit())

"""Lets so many turns run at once and queues the rest, first come first served. Loop thread only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Callable, Deque

MOST_AT_ONCE = 64


class Slots:
    """Room for `count` running turns."""

    def __init__(self, count: int = MOST_AT_ONCE) -> None:
        self._free = count
        self._queue: Deque[asyncio.Future[None]] = deque()

    async def take(self, on_wait: Callable[[], None]) -> bool:
        """True once there is room; `on_wait` is called first if there is none yet. Give it back afterwards."""
        if self._free:
            self._free -= 1
            return True
        on_wait()
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise
        return True

    def give_back(self) -> None:
        """Lets the next one in."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done() and not turn.get_loop().is_closed():
                turn.set_result(None)
                return
        self._free += 1

"""Lets so many turns run at once and queues the rest, first come first served. Loop thread only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Callable, Deque, Mapping

from ..messages import ConversationKind

MOST_BY_HAND = 16
MOST_IN_BATCH = 64


class Slots:
    """Room for `count` running turns."""

    def __init__(self, count: int = MOST_BY_HAND) -> None:
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


def slots_by_kind() -> Mapping[ConversationKind, Slots]:
    """What people ask by hand has room of its own: a script or a batch never makes a panel wait."""
    in_batch = Slots(MOST_IN_BATCH)
    return {"chat": Slots(MOST_BY_HAND), "api": in_batch, "batch": in_batch}

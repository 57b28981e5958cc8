"""Knows every client that holds sockets: for a fork, which must not touch them, and for a reload, which keeps them.

A child gets a copy of every session. Closing one, or letting it be collected, would take the parent's sockets out of
the event queue that both processes share. So right after a fork the child's clients forget their sessions, and what
they forgot is kept until the child ends.

Before a reload of our code the clients give up their sessions whole, with the connections in them, to those that the
next generation makes; see `utils.survivors`.
"""

from __future__ import annotations

from typing import List, Protocol
from weakref import WeakSet

from ..utils.survivors import call_after_fork


class Forkable(Protocol):
    """What holds a parent's sockets."""

    def leave_behind(self) -> object:
        """Forgets them without touching them and returns them."""
        ...

    async def hand_over(self) -> None:
        """Leaves them to the next generation."""
        ...


_clients: WeakSet[Forkable] = WeakSet()
_left_behind: List[object] = []


def survive_fork(client: Forkable) -> None:
    """From now on a forked child's copy of `client` starts afresh. `client` is not kept alive."""
    _clients.add(client)
    call_after_fork(_after_fork)


async def hand_over_sessions() -> None:
    """Has every client of this process leave its session to the next generation. Loop thread."""
    for client in tuple(_clients):
        await client.hand_over()


def _after_fork() -> None:
    _left_behind.extend(client.leave_behind() for client in tuple(_clients))

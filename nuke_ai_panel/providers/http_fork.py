"""Keeps a forked child away from its parent's sockets.

A child gets a copy of every session. Closing one, or letting it be collected, would take the parent's sockets out of
the event queue that both processes share. So right after a fork the child's clients forget their sessions, and what
they forgot is kept until the child ends.
"""

from __future__ import annotations

import os
from typing import List, Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What holds a parent's sockets."""

    def leave_behind(self) -> object:
        """Forgets them without touching them and returns them."""
        ...


_clients: WeakSet[Forkable] = WeakSet()
_left_behind: List[object] = []
_armed: List[bool] = []


def survive_fork(client: Forkable) -> None:
    """From now on a forked child's copy of `client` starts afresh. `client` is not kept alive."""
    _clients.add(client)
    if not _armed and hasattr(os, "register_at_fork"):
        _armed.append(True)
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    _left_behind.extend(client.leave_behind() for client in tuple(_clients))

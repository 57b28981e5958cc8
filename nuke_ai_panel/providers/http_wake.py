"""Notices that the machine slept, and finds out which connections did not survive it. Lives on the loop thread.

A connection whose other end went away during a sleep looks open and stays silent, so a stream on it would wait for its
whole deadline, and a request sent into it too. The wall clock goes on while a machine sleeps and the steady one does
not (on Windows it does, and then a timer is late): a gap between them is taken as a sleep. Nothing is ended on
suspicion, because somebody may just have set the clock: the system is asked to probe what is open, and ends what does
not answer within seconds.
"""

from __future__ import annotations

import socket
import time
from typing import Callable, Dict, Optional, Tuple

LOOK_EVERY_S = 5.0
SLEPT_S = 10.0
# seconds idle, seconds between probes, number of probes; named where the platform has them
PATIENT_PROBES: Dict[str, int] = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
HASTY_PROBES: Dict[str, int] = {"TCP_KEEPIDLE": 1, "TCP_KEEPALIVE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}


class SleepWatch:
    """Compares the clocks between two looks."""

    def __init__(
        self, *, wall: Optional[Callable[[], float]] = None, steady: Optional[Callable[[], float]] = None
    ) -> None:
        self._wall = wall or (lambda: time.time())
        self._steady = steady or (lambda: time.monotonic())
        self._seen = (self._wall(), self._steady())

    def slept(self, *, due_in_s: Optional[float] = None) -> bool:
        """Whether the machine slept since the last look; `due_in_s` is when this look was to be, if it was planned."""
        wall, steady = self._wall(), self._steady()
        wall_before, steady_before = self._seen
        self._seen = (wall, steady)
        passed = steady - steady_before
        is_late = due_in_s is not None and passed - due_in_s > SLEPT_S
        return is_late or (wall - wall_before) - passed > SLEPT_S


def probe(connected: Optional[socket.socket], times: Dict[str, int]) -> None:
    """Has the system ask the other end whether it is still there; a platform without an option keeps its own times."""
    if connected is None:
        return
    try:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in times.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:  # the socket is closing, or the platform has no such option
        pass


class NetworkWatch:
    """Notices that this machine is in another network than before, or in one again. Sends nothing."""

    def __init__(self) -> None:
        self._seen = _own_addresses()

    def is_other(self) -> bool:
        """Whether anything changed since the last look."""
        now = _own_addresses()
        before, self._seen = self._seen, now
        return now != before


def _own_addresses() -> Tuple[str, ...]:
    """The addresses that this machine would speak to the world from; the places asked about are nobody's."""
    found = []
    for family, nobody in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((nobody, 9))  # only looks up the way
                found.append(str(asking.getsockname()[0]))
        except OSError:
            found.append("")
    return tuple(found)

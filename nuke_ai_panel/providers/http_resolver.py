"""Looks names up for the HttpClient: apart from all other work, with a deadline, and never twice at once. Loop thread.

Each name has one daemon thread at a time, so a name server that hangs holds up neither the store nor the host's exit,
and asking again does not pile up threads. A name that is not known is looked up once more after a second; what still
fails is remembered for ten, so that a burst of requests does not become a burst of lookups.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Dict, List, Set, Tuple

from aiohttp.abc import AbstractResolver

from .threads import in_daemon_thread

LOOKUP_S = 5.0
RETRY_AFTER_S = 1.0
FAILURE_KEPT_S = 10.0

_Name = Tuple[str, int]


class NameServerSilentError(socket.gaierror):
    """No answer from the name server, neither yes nor no."""


class OwnResolver(AbstractResolver):
    """One for each connector. `stop` ends what waits."""

    def __init__(self) -> None:
        self._waiting: Set[asyncio.Task[Any]] = set()
        self._lookups: Dict[_Name, asyncio.Task[Any]] = {}
        self._failures: Dict[_Name, Tuple[float, socket.gaierror]] = {}

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> List[Any]:
        """aiohttp's records (TypedDicts since 3.10) of every address of `host`. Raises OSError."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            found = await self._addresses((host, int(family)))
        finally:
            self._waiting.discard(task)
        return [_record(host, kind, proto, address, port) for kind, _, proto, _, address in found]

    def stop(self) -> None:
        """Cancels what waits; a thread that hangs ends by itself."""
        for task in (*self._waiting, *self._lookups.values()):
            task.cancel()

    async def close(self) -> None:
        """Ends the lookups that nobody waits for any more."""
        self.stop()

    async def _addresses(self, name: _Name) -> List[Any]:
        loop = asyncio.get_running_loop()
        known = self._failures.get(name)
        if known is not None and loop.time() < known[0]:
            raise type(known[1])(*known[1].args)
        gives_up_at = loop.time() + LOOKUP_S
        try:
            try:
                found = await self._lookup(name, gives_up_at)
            except NameServerSilentError:
                raise
            except socket.gaierror:
                await asyncio.sleep(RETRY_AFTER_S)
                found = await self._lookup(name, gives_up_at)
        except socket.gaierror as exc:
            self._failures[name] = (loop.time() + FAILURE_KEPT_S, exc)
            raise
        self._failures.pop(name, None)
        return found

    async def _lookup(self, name: _Name, gives_up_at: float) -> List[Any]:
        """What the system says of `name`; a lookup that runs already is joined."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.ensure_future(in_daemon_thread(lambda: _look_up(*name)))
            lookup.add_done_callback(lambda done: self._ended(name, done))
        await asyncio.wait({lookup}, timeout=max(0.0, gives_up_at - asyncio.get_running_loop().time()))
        if not lookup.done():
            raise NameServerSilentError(
                getattr(socket, "EAI_AGAIN", -3), f"the name server did not answer within {LOOKUP_S:g} s"
            )
        found: List[Any] = lookup.result()
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return found

    def _ended(self, name: _Name, lookup: asyncio.Task[Any]) -> None:
        if self._lookups.get(name) is lookup:
            del self._lookups[name]
        if not lookup.cancelled():
            lookup.exception()  # whoever waited has been told; nobody may be left to


def _look_up(host: str, family: int) -> List[Any]:
    return socket.getaddrinfo(
        host, None, type=socket.SOCK_STREAM, family=family, flags=getattr(socket, "AI_ADDRCONFIG", 0)
    )


def _record(host: str, kind: int, proto: int, address: Any, port: int) -> Dict[str, Any]:  # the tuples vary by family
    literal = address[0]
    if kind == socket.AF_INET6 and len(address) > 3 and address[3]:
        literal = f"{literal}%{address[3]}"
    return {
        "hostname": host, "host": literal, "port": port, "family": kind, "proto": proto,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }

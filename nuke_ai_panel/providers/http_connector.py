"""The sockets under an HttpClient: pooled connections that know whether they are new. Lives on the loop thread.

`Trip` follows one request: over which connection it went, and whether that had served before. aiohttp tells neither,
and both are needed: a request that dies unanswered on an old connection is sent again, and a stop must drop a socket
whose upload nobody reads (closing it politely would wait for the upload).
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
from contextvars import ContextVar
from typing import Any, Callable, Dict, List, Optional, Set
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage

from .threads import in_daemon_thread

KEEPALIVE_S = 15.0
MAX_INTERIM_ANSWERS = 8
# seconds idle, seconds between probes, number of probes; named where the platform has them
_PROBES = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class Trip:
    """One request's way over the wire, through every attempt at it."""

    __slots__ = ("expired", "reused", "transport")

    def __init__(self) -> None:
        self.expired = False
        self.start()

    def start(self) -> None:
        """A new attempt: no connection yet."""
        self.reused = False
        self.transport: Optional[asyncio.BaseTransport] = None

    def expire(self) -> None:
        """The deadline has passed: the socket is dropped now, or as soon as there is one."""
        self.expired = True
        self.abort()

    def abort(self) -> None:
        """Drops the socket now, with whatever is still unsent."""
        abort(self.transport)


def abort(transport: Optional[asyncio.BaseTransport]) -> None:
    """Closes `transport` at once instead of after its last byte."""
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


TRIP: ContextVar[Optional[Trip]] = ContextVar("nuke_ai_panel_trip", default=None)


class CountingResponses(ResponseHandler):
    """A connection on which a server cannot say "100 Continue" for ever, and that may be dropped at any moment."""

    interim = 0

    async def read(self) -> Any:  # aiohttp's own pair of message and payload; its name differs between versions
        """The next head of an answer."""
        answer = await super().read()
        if 100 <= answer[0].code < 200:
            self.interim += 1
            if self.interim > MAX_INTERIM_ANSWERS:
                raise BadHttpMessage(f"more than {MAX_INTERIM_ANSWERS} interim answers")
        else:
            self.interim = 0
        return answer

    def connection_lost(self, exc: Optional[BaseException]) -> None:
        """As in aiohttp; and an upload that we stopped does not log that its connection was lost."""
        stopped_upload = getattr(self, "_drain_waiter", None)
        super().connection_lost(exc)
        if stopped_upload is not None and stopped_upload.done() and not stopped_upload.cancelled():
            stopped_upload.exception()


class Connector(aiohttp.TCPConnector):
    """A pool without a limit, whose connections are probed and marked as they are handed out."""

    def __init__(self) -> None:
        self._lookups = DaemonResolver()
        super().__init__(limit=0, keepalive_timeout=KEEPALIVE_S, resolver=self._lookups, ttl_dns_cache=10)
        factory: Callable[[], ResponseHandler] = functools.partial(CountingResponses, loop=asyncio.get_running_loop())
        self._factory = factory  # type: ignore[assignment]  # aiohttp types it as a partial of its own class
        self._served: WeakSet[ResponseHandler] = WeakSet()
        self._born_in = os.getpid()

    def __del__(self, *args: Any) -> None:  # aiohttp passes modules here so that they outlive the interpreter's end
        if getattr(self, "_born_in", 0) == os.getpid():
            super().__del__(*args)

    def drop_everything(self) -> None:
        """Closes every socket without a farewell, which over TLS would outlast the loop, and every wait for a name."""
        self._lookups.stop()  # aiohttp shields them from the request that asked
        for protocol in tuple(self._served):
            abort(protocol.transport)

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # types that differ between aiohttp versions
        """A pooled connection, or a new one."""
        connection = await super().connect(req, traces, timeout)
        protocol, trip = connection.protocol, TRIP.get()
        if protocol is not None:
            reused = protocol in self._served
            if not reused:
                self._served.add(protocol)
                _probe_when_idle(connection.transport)
            if trip is not None:
                trip.reused, trip.transport = reused, connection.transport
                if trip.expired:
                    connection.close()
                    raise asyncio.TimeoutError
        return connection


class DaemonResolver(AbstractResolver):
    """Looks names up on daemon threads: a name server that hangs holds up neither other work nor the host's exit."""

    def __init__(self) -> None:
        self._waiting: Set[asyncio.Task[Any]] = set()

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> List[Any]:
        """aiohttp's records (TypedDicts since 3.10) of every address of `host`. Raises OSError."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            found = await in_daemon_thread(
                lambda: socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, family=family, flags=getattr(socket, "AI_ADDRCONFIG", 0)
                )
            )
        finally:
            self._waiting.discard(task)
        return [_record(host, kind, proto, address) for kind, _, proto, _, address in found]

    def stop(self) -> None:
        """Cancels what waits."""
        for task in tuple(self._waiting):
            task.cancel()

    async def close(self) -> None:
        """Nothing is held."""


def _record(host: str, kind: int, proto: int, address: Any) -> Dict[str, Any]:  # getaddrinfo's tuples vary by family
    literal, port = address[0], address[1]
    if kind == socket.AF_INET6 and len(address) > 3 and address[3]:
        literal = f"{literal}%{address[3]}"
    return {
        "hostname": host, "host": literal, "port": port, "family": kind, "proto": proto,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }


def _probe_when_idle(transport: Optional[asyncio.BaseTransport]) -> None:
    connected = transport.get_extra_info("socket") if transport is not None else None
    if connected is None:
        return
    try:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES:
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:  # a platform without this option keeps its own probing times
        pass

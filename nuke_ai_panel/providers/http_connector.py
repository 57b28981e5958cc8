"""The sockets under an HttpClient: pooled connections that know whether they are new. Lives on the loop thread.

`Trip` follows one request: over which connection it went, and whether that had served before. aiohttp tells neither,
and both are needed: a request that dies unanswered on an old connection is sent again, and a stop must drop a socket
whose upload nobody reads (closing it politely would wait for the upload).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
import time
import weakref
from contextvars import Context, ContextVar
from typing import Any, Callable, Iterable, Optional
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage

from .http_resolver import OwnResolver
from .http_wake import HASTY_PROBES, LOOK_EVERY_S, PATIENT_PROBES, SleepWatch, probe

log = logging.getLogger(__name__)

KEEPALIVE_S = 15.0
MAX_INTERIM_ANSWERS = 8
# An idle connection that had been closed says so within a round trip; later, the server may have begun to work.
STALE_S = 2.0


class Trip:
    """One request's way over the wire, through every attempt at it."""

    __slots__ = ("began_at", "expired", "is_again", "reused", "transport")

    def __init__(self) -> None:
        self.expired = self.is_again = False
        self.start()

    def start(self) -> None:
        """A new attempt: no connection yet."""
        self.reused = False
        self.began_at = time.monotonic()
        self.transport: Optional[asyncio.BaseTransport] = None

    def expire(self) -> None:
        """The deadline has passed: the socket is dropped now, or as soon as there is one."""
        self.expired = True
        self.abort()

    @property
    def was_stale(self) -> bool:
        """Whether an attempt that failed without an answer failed because its old connection had been closed."""
        return self.reused and not self.expired and time.monotonic() - self.began_at < STALE_S

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
    """A pool without a limit, whose connections are marked as they are handed out and probed after a sleep."""

    def __init__(self) -> None:
        self._names = OwnResolver()
        super().__init__(limit=0, keepalive_timeout=KEEPALIVE_S, resolver=self._names, ttl_dns_cache=10)
        self._settle(())

    @classmethod
    def take_over(cls, connector: aiohttp.TCPConnector, pooled: Iterable[ResponseHandler]) -> None:
        """Makes one of ours of a plain connector that an earlier generation of this code left; see `step_down`."""
        connector.__class__ = cls
        assert isinstance(connector, Connector)
        connector._names = connector._resolver = OwnResolver()
        connector._settle(pooled)

    def _settle(self, pooled: Iterable[ResponseHandler]) -> None:
        factory: Callable[[], ResponseHandler] = functools.partial(CountingResponses, loop=asyncio.get_running_loop())
        self._factory = factory  # type: ignore[assignment]  # aiohttp types it as a partial of its own class
        self._served: WeakSet[ResponseHandler] = WeakSet(pooled)
        for protocol in tuple(self._served):
            protocol.__class__ = CountingResponses
        # Connections that may be dead: they finish what they do and are not used again.
        self._distrusted: WeakSet[ResponseHandler] = WeakSet()
        self._sleeps = SleepWatch()
        self._look: Optional[asyncio.TimerHandle] = None
        self._born_in = os.getpid()

    def step_down(self) -> None:
        """Turns into a plain connector with plain connections, for the next generation of this code to take over."""
        self._names.stop()
        if self._look is not None:
            self._look.cancel()
        for protocol in tuple(self._served):
            protocol.__dict__.pop("interim", None)
            protocol.__class__ = ResponseHandler
        plain: Callable[[], ResponseHandler] = functools.partial(ResponseHandler, loop=asyncio.get_running_loop())
        self._factory = plain  # type: ignore[assignment]  # aiohttp types it as a partial of its own class
        self._resolver = aiohttp.ThreadedResolver()
        for name in ("_names", "_served", "_distrusted", "_sleeps", "_look", "_born_in"):
            delattr(self, name)
        self.__class__ = aiohttp.TCPConnector  # type: ignore[assignment]  # its own base
        # A timer of the pool was set by some request and holds what that request knew.
        Context().run(self._cleanup)

    async def _create_connection(self, *args: Any) -> Any:  # aiohttp's own arguments, which differ between versions
        """As in aiohttp, but apart from the request: a connection lives longer, and would hold what that knew."""
        making = Context().run(asyncio.ensure_future, super()._create_connection(*args))
        try:
            return await making
        except asyncio.CancelledError:
            making.cancel()
            making.add_done_callback(_close_orphan)  # a connection that was made in the moment of the stop
            raise

    def __del__(self, *args: Any) -> None:  # aiohttp passes modules here so that they outlive the interpreter's end
        if getattr(self, "_born_in", 0) == os.getpid():
            super().__del__(*args)

    def drop_everything(self) -> None:
        """Closes every socket without a farewell, which over TLS would outlast the loop, and every wait for a name."""
        self._names.stop()  # aiohttp shields them from the request that asked
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for protocol in tuple(self._served):
            abort(protocol.transport)

    def distrust_old(self) -> None:
        """From now on requests go over new connections; what runs on the old ones goes on."""
        self._distrusted = WeakSet(self._served)

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # types that differ between aiohttp versions
        """A pooled connection, or a new one."""
        if self._sleeps.slept():
            self._woke()
        connection = await super().connect(req, traces, timeout)
        while connection.protocol in self._distrusted:
            connection.close()
            connection = await super().connect(req, traces, timeout)
        protocol, trip = connection.protocol, TRIP.get()
        if protocol is not None:
            reused = protocol in self._served
            if not reused:
                self._served.add(protocol)
                probe(_socket_of(protocol), PATIENT_PROBES)
                self._keep_looking()
            if trip is not None:
                trip.reused, trip.transport = reused, connection.transport
                if trip.expired:
                    connection.close()
                    raise asyncio.TimeoutError
        return connection

    def _keep_looking(self) -> None:
        """Looks at the clocks now and then for as long as anything is open; keeps no connector alive."""
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, _look_again, weakref.ref(self))

    def look(self) -> None:
        """One look at the clocks, as planned."""
        self._look = None
        if self._sleeps.slept(due_in_s=LOOK_EVERY_S):
            self._woke()
        if any(protocol.is_connected() for protocol in tuple(self._served)):
            self._keep_looking()

    def _woke(self) -> None:
        log.info("the machine seems to have slept; open connections are probed")
        self.distrust_old()
        for protocol in tuple(self._served):
            probe(_socket_of(protocol), HASTY_PROBES)


def _close_orphan(making: asyncio.Future[ResponseHandler]) -> None:
    if not making.cancelled() and making.exception() is None:
        abort(making.result().transport)


def _look_again(connector: weakref.ref[Connector]) -> None:
    found = connector()
    if found is not None:
        found.look()


def _socket_of(protocol: ResponseHandler) -> Optional[socket.socket]:
    connected: Optional[socket.socket] = None
    if protocol.transport is not None:
        connected = protocol.transport.get_extra_info("socket")
    return connected

"""A raw HTTP/1.1 server on a thread and a loop of its own; what it answers is up to a `Behaviour`.

Nothing here knows aiohttp: what a test asserts about the client is seen from the other end of the socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Set, Type, TypeVar

Self = TypeVar("Self", bound="Server")


@dataclass(frozen=True)
class Request:
    """One request as it arrived. `connection` counts TCP connections from 1, `at` is `time.monotonic()`."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at: float

    def json(self) -> Any:  # whatever the client sent
        """The body as JSON."""
        return json.loads(self.body)


class ClientLeftError(Exception):
    """The client closed its connection."""


class Connection(asyncio.Protocol):
    """One TCP connection from a client. `served` counts the requests that it had before this one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.served = 0
        self.number = 0
        self.gone = asyncio.Event()
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.number = self.server.joined(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._arrived.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.gone.set()
        self._arrived.set()
        self._writable.set()
        self.server.parted(self)

    async def send(self, data: bytes) -> None:
        """Writes and waits for room. Raises ClientLeftError when the client is not there any more."""
        if self.gone.is_set() or self.transport.is_closing():
            raise ClientLeftError
        self.transport.write(data)
        await self._writable.wait()
        if self.gone.is_set():
            raise ClientLeftError

    async def pause(self, seconds: float) -> None:
        """Waits. Raises ClientLeftError as soon as the client leaves."""
        if seconds <= 0:
            await asyncio.sleep(0)
        else:
            try:
                await asyncio.wait_for(self.gone.wait(), seconds)
            except asyncio.TimeoutError:
                return
        if self.gone.is_set():
            raise ClientLeftError

    def reset(self) -> None:
        """Ends the connection with RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def finish(self) -> None:
        """Ends the connection with FIN once everything is sent."""
        self.transport.close()

    async def _serve(self) -> None:
        try:
            while not self.transport.is_closing():
                request = await self._request()
                self.server.arrived(request)
                try:
                    await self.server.behaviour_for(request)(self, request)
                except ClientLeftError:
                    self.server.left(self)
                    raise
                self.served += 1
        except ClientLeftError:
            pass
        finally:
            self.transport.close()

    async def _request(self) -> Request:
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        head, _, _ = bytes(self._buffer).partition(b"\r\n\r\n")
        del self._buffer[: len(head) + 4]
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.server.heads.append((method, path, headers))
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length and not self.server.ignores_bodies:
            await self._more()
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return Request(method, path, headers, body, self.number, time.monotonic())

    async def _more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()
        if self.gone.is_set():
            raise ClientLeftError


Behaviour = Callable[[Connection, Request], Awaitable[None]]


class Server:
    """Listens on a free loopback port between `start` and `stop`; a context manager. Its records may be read anywhere.

    `requests` are complete ones, `heads` all that began, `connections` the TCP connections accepted so far,
    `disconnects` the moments (`time.monotonic()`) when a client left in the middle of an answer.
    """

    ignores_bodies = False

    def __init__(self, *, host: str = "127.0.0.1", tls: Optional[ssl.SSLContext] = None) -> None:
        self.host = host
        self.port = 0
        self.requests: List[Request] = []
        self.heads: List[tuple[str, str, Dict[str, str]]] = []
        self.connections = 0
        self.disconnects: List[float] = []
        self._tls = tls
        self._open: Set[Connection] = set()
        self._changed = threading.Condition()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None

    @property
    def url(self) -> str:
        """scheme://host:port of the running server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def behaviour_for(self, request: Request) -> Behaviour:
        """What answers `request`."""
        raise NotImplementedError

    def __enter__(self: Self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], exc: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listens; returns when connections are accepted."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="fake-server", daemon=True)
        self._thread.start()
        assert ready.wait(10), "the fake server did not start"

    def stop(self) -> None:
        """Drops every connection and ends the thread. Idempotent."""
        if self._thread is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._thread = None

    def call(self, function: Callable[[], None]) -> None:
        """Runs `function` on the server's loop, soon."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function)

    def drop_connections(self) -> None:
        """Closes every open connection, idle ones too, with FIN."""
        def drop() -> None:
            for connection in tuple(self._open):
                connection.transport.abort()

        self.call(drop)

    def open_connections(self) -> int:
        """How many TCP connections are open now."""
        return len(self._open)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Returns once `condition` holds; an AssertionError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, "the fake server waited in vain"
                self._changed.wait(min(left, 0.02))

    def wait_for_requests(self, count: int = 1, timeout_s: float = 5.0) -> None:
        """Returns once `count` requests arrived."""
        self.wait_until(lambda: len(self.requests) >= count, timeout_s)

    def wait_for_disconnect(self, count: int = 1, timeout_s: float = 5.0) -> float:
        """The moment (`time.monotonic()`) when the `count`-th client left in the middle of an answer."""
        self.wait_until(lambda: len(self.disconnects) >= count, timeout_s)
        return self.disconnects[count - 1]

    # ------------------------------------------------------------ called by connections, on the server's thread

    def joined(self, connection: Connection) -> int:
        """Counts a new connection."""
        with self._changed:
            self._open.add(connection)
            self.connections += 1
            self._changed.notify_all()
            return self.connections

    def parted(self, connection: Connection) -> None:
        """Forgets a closed connection."""
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def arrived(self, request: Request) -> None:
        """Records a whole request."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def left(self, connection: Connection) -> None:
        """Records that a client left in the middle of an answer."""
        with self._changed:
            self.disconnects.append(time.monotonic())
            self._changed.notify_all()

    def _run(self, ready: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        loop.set_exception_handler(_report)
        listening = loop.run_until_complete(
            loop.create_server(lambda: Connection(self), self.host, self.port, ssl=self._tls, backlog=1024)
        )
        self.port = listening.sockets[0].getsockname()[1]
        ready.set()
        try:
            loop.run_forever()
        finally:
            # Deaf first, closed last: asyncio cannot make a transport for what it has accepted from a server that is
            # closed, and forgets its socket then, which the collector finds in some later test.
            if isinstance(loop, asyncio.SelectorEventLoop):
                for sock in listening.sockets:
                    loop.remove_reader(sock.fileno())
            loop.run_until_complete(self._tidy())
            listening.close()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    async def _tidy(self) -> None:
        """Ends every connection, also those that asyncio has accepted and not made yet: each takes a few turns."""
        quiet = 0
        for turn in range(1000):
            for connection in tuple(self._open):
                connection.transport.abort()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                # Cancelled before its first step it would forget its socket; later it waits for a TLS handshake.
                if turn >= 10 or "_accept_connection" not in repr(task.get_coro()):
                    task.cancel()
            quiet = 0 if tasks or self._open else quiet + 1
            if quiet > 3:
                break
            await asyncio.sleep(0.001 if turn > 20 else 0)
        await asyncio.sleep(0.01 if self._tls else 0)


def _report(loop: asyncio.AbstractEventLoop, context: Dict[str, Any]) -> None:  # asyncio's own dictionary
    """A client that breaks the TLS handshake off is what a test wants; everything else is reported as ever."""
    if context.get("message") != "Error on transport creation for incoming connection":
        loop.default_exception_handler(context)

"""A server that answers with faults on command: stall, drop, drip, redirect, and what else the network does.

    with FaultServer(sse(TOKENS), drop(b"data: {}\\n\\n")) as server:   # the first answer, then the others
        ...                                                           # ask server.url
    assert server.connections == 1

A `Behaviour` answers one request; the functions here make them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import ssl
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Sequence

from .model_server import FakeModelServer
from .server import Behaviour, ClientLeftError, Connection, Request, Server

__all__ = ["Behaviour", "ClientLeftError", "Connection", "FakeModelServer", "FaultServer", "Request", "Server"]

FOREVER_S = 3600.0
EVENT_STREAM = "text/event-stream"


class FaultServer(Server):
    """Answers the first request with the first behaviour and so on; the last one stays. `routes` go by path first."""

    def __init__(
        self, *behaviours: Behaviour, routes: Optional[Mapping[str, Behaviour]] = None, host: str = "127.0.0.1",
        tls: Optional[ssl.SSLContext] = None, ignores_bodies: bool = False,
    ) -> None:
        super().__init__(host=host, tls=tls)
        self.behaviours = list(behaviours)
        self.routes: Dict[str, Behaviour] = dict(routes or {})
        self.ignores_bodies = ignores_bodies

    def behaviour_for(self, request: Request) -> Behaviour:
        """The route of this path, else the next in line."""
        if request.path in self.routes:
            return self.routes[request.path]
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


def head(status: int = 200, headers: Optional[Mapping[str, str]] = None, reason: str = "X") -> bytes:
    """A status line and headers, as bytes."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """`data` as one HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(payload: Any) -> bytes:  # any JSON
    """One server-sent event."""
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------- whole answers


def answer(status: int = 200, body: bytes = b"", headers: Optional[Mapping[str, str]] = None) -> Behaviour:
    """A plain answer with a Content-Length."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(head(status, {**(headers or {}), "Content-Length": str(len(body))}) + body)

    return behave


def json_answer(payload: Any, status: int = 200, headers: Optional[Mapping[str, str]] = None) -> Behaviour:  # any JSON
    """A JSON answer."""
    return answer(status, json.dumps(payload).encode(), {"Content-Type": "application/json", **(headers or {})})


def stream(
    pieces: Iterable[bytes], *, headers: Optional[Mapping[str, str]] = None, pause_s: float = 0.0,
    before_s: float = 0.0, end: str = "eof", framing: str = "chunked",
) -> Behaviour:
    """A body piece by piece. `end` is eof, reset, fin (no terminator) or stall; `framing` chunked or close."""
    pieces = list(pieces)

    async def behave(connection: Connection, request: Request) -> None:
        fields = {name.lower(): value for name, value in {"Content-Type": EVENT_STREAM, **(headers or {})}.items()}
        fields.update({"transfer-encoding": "chunked"} if framing == "chunked" else {"connection": "close"})
        await connection.pause(before_s)
        await connection.send(head(200, fields))
        for piece in pieces:
            await connection.send(chunk(piece) if framing == "chunked" else piece)
            await connection.pause(pause_s)
        await _end(connection, end, framing)

    return behave


async def _end(connection: Connection, end: str, framing: str) -> None:
    if end == "reset":
        await connection.pause(0.05)  # what was sent arrives before the RST
        connection.reset()
    elif end == "fin":
        connection.finish()
    elif end == "stall":
        await connection.pause(FOREVER_S)
    elif framing == "chunked":
        await connection.send(b"0\r\n\r\n")
    else:
        connection.finish()


def sse(payloads: Sequence[Any], **options: Any) -> Behaviour:  # any JSON; the options of stream()
    """Events and [DONE]."""
    return stream([*(event(payload) for payload in payloads), b"data: [DONE]\n\n"], **options)


def replay(
    *, status: int, headers: Mapping[str, str], body: bytes, end: str, chunking: str = "whole", seed: int = 0
) -> Behaviour:
    """A recorded case: `chunking` is whole, bytes or random, `end` eof, reset, idle_timeout or cancel."""
    fields = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    if status != 200:
        return answer(status, body, fields)
    ends = {"idle_timeout": "stall", "cancel": "stall"}
    return stream(list(cut(body, chunking, seed)), headers=fields, end=ends.get(end, end))


def cut(body: bytes, chunking: str, seed: int = 0) -> Iterator[bytes]:
    """`body` in pieces: whole, bytes or random."""
    rng, at = random.Random(seed), 0
    sizes = {"whole": (max(len(body), 1),), "bytes": (1,), "random": (1, 2, 7, 31, 97, 512)}[chunking]
    while at < len(body):
        size = rng.choice(sizes)
        yield body[at:at + size]
        at += size


# ---------------------------------------------------------------- faults


def raw(data: bytes, *, then: str = "fin") -> Behaviour:
    """These bytes and nothing of HTTP added; `then` fin, reset or stall."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(data)
        await _end(connection, then, "raw")

    return behave


def no_headers() -> Behaviour:
    """Accepts the request and says nothing."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.pause(FOREVER_S)

    return behave


def stall(*pieces: bytes) -> Behaviour:
    """Some of a stream, then silence."""
    return stream(pieces, end="stall")


def drop(*pieces: bytes) -> Behaviour:
    """Some of a stream, then RST."""
    return stream(pieces, end="reset")


def cut_short(*pieces: bytes) -> Behaviour:
    """Some of a chunked stream, then FIN without its terminator."""
    return stream(pieces, end="fin")


def drip(body: bytes, interval_s: float, size: int = 1) -> Behaviour:
    """A body in tiny pieces, `interval_s` apart."""
    return stream([body[at:at + size] for at in range(0, len(body), size)], pause_s=interval_s)


def keepalives(interval_s: float, comment: bytes = b": keep-alive\n\n") -> Behaviour:
    """Comments for ever and never an event."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(head(200, {"Content-Type": EVENT_STREAM, "Transfer-Encoding": "chunked"}))
        while True:
            await connection.send(chunk(comment))
            await connection.pause(interval_s)

    return behave


def redirect(status: int, location: str) -> Behaviour:
    """Points elsewhere."""
    return answer(status, b"", {"Location": location})


def rate_limited(retry_after: str = "1") -> Behaviour:
    """HTTP 429."""
    payload = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    return json_answer(payload, 429, {"Retry-After": retry_after})


def infinite(piece: bytes = b"data: " + b"x" * 65536 + b"\n\n") -> Behaviour:
    """The same piece as fast as the client takes it, for ever."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(head(200, {"Content-Type": EVENT_STREAM, "Transfer-Encoding": "chunked"}))
        while True:
            await connection.send(chunk(piece))
            await asyncio.sleep(0)

    return behave


def huge_line(size: int) -> Behaviour:
    """One event of `size` bytes without a line break."""
    return stream([b"data: "] + [b"x" * 65536] * (size // 65536) + [b"\n\n"])


def gzip_bomb(size: int, *, content_type: str = EVENT_STREAM) -> Behaviour:
    """`size` zeros, compressed although nobody asked."""
    return answer(200, gzip.compress(b"\0" * size, 9), {"Content-Type": content_type, "Content-Encoding": "gzip"})


def interim_answers(count: int, then: Behaviour) -> Behaviour:
    """`count` times 100 Continue before the answer."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * count)
        await then(connection, request)

    return behave


def once_per_connection(then: Behaviour, *, reset: bool = False) -> Behaviour:
    """Serves one request a connection; the next finds it closed without a byte, as after an idle timeout."""
    async def behave(connection: Connection, request: Request) -> None:
        if connection.served:
            connection.reset() if reset else connection.finish()
            return
        await then(connection, request)

    return behave


def early(status: int, body: bytes) -> Behaviour:
    """Answers without reading the body (give the server `ignores_bodies`), then closes politely."""
    async def behave(connection: Connection, request: Request) -> None:
        await connection.send(head(status, {"Content-Length": str(len(body)), "Connection": "close"}) + body)
        await connection.pause(0.2)

    return behave

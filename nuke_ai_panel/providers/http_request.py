"""One request as aiohttp is asked for it. Plain values; used on the loop thread."""

from __future__ import annotations

import ssl
from typing import Any, AsyncIterator, Dict, NamedTuple, Optional

from .gate import FREE, Passage
from .payload import slices

SLICED_BODY_BYTES = 1 << 18


class HttpRequest(NamedTuple):
    """Everything that is decided before a socket is opened."""

    method: str
    url: str
    headers: Dict[str, str]
    data: Optional[bytes]
    proxy: Optional[str]
    tls: Optional[ssl.SSLContext]
    connect_timeout_s: float
    passage: Passage = FREE

    def options(self) -> Dict[str, Any]:  # keyword arguments of aiohttp's request, of many types
        """What aiohttp's request takes besides method and URL."""
        found: Dict[str, Any] = {"headers": self.headers}
        if self.data is not None:
            large = len(self.data) > SLICED_BODY_BYTES
            found["data"] = Upload(self.data) if large else self.data
            if large:
                found["headers"] = {**self.headers, "Content-Length": str(len(self.data))}
        if self.proxy is not None:
            found["proxy"] = self.proxy
        if self.tls is not None:
            found["ssl"] = self.tls
        return found


class Upload:
    """A large body in pieces: a stop, or a server that has seen enough, ends it between two of them."""

    def __init__(self, data: bytes) -> None:
        self._slices = slices(data)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._slices:
            return piece
        raise StopAsyncIteration

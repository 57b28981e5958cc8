"""One request as aiohttp is asked for it. Plain values; used on the loop thread."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Dict, Mapping, NamedTuple, Optional

from .gate import FREE, Passage
from .payload import slices

SLICED_BODY_BYTES = 1 << 18


# What the slowest line that anybody works with carries (56 kbit/s): an upload is given that time on top.
SLOWEST_BYTES_PER_S = 7000.0


@dataclass(frozen=True)
class HttpOptions:
    """How a provider is reached. `proxy` is a URL, "none", or None for the system's; all clocks are in seconds.

    `first_byte_timeout_s` is for the head of an answer; None is a minute for a service and `first_event_timeout_s` for
    a server in the house, which may load a model first.
    """

    proxy: Optional[str] = None
    ca_bundle: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    connect_timeout_s: float = 10.0
    first_byte_timeout_s: Optional[float] = None
    first_event_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    progress_timeout_s: float = 300.0
    headers: Mapping[str, str] = field(default_factory=dict)
    allows_plain_http: bool = False


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

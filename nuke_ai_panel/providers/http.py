"""The door to aiohttp: one session per provider, own clocks, no redirects, errors of ours. Lives on the loop thread.

An `HttpClient` may be made anywhere; everything else is awaited on the background loop. Its session is made there at
first use and closed by `close()` alone. It stays with its loop and its process: a forked child never touches the
parent's, and a client that was closed opens again only on a fresh loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import ssl
import sys
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import (
    Awaitable,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

import aiohttp

from ..errors import ProviderError
from ..messages import Json
from .classify import classify_error
from .gate import Sender, outgoing_for, permit, told_of_failure
from .http_connector import TRIP, Connector, Trip
from .http_errors import (
    FOREIGN_ERRORS,
    Route,
    broken_answer,
    cancelled,
    connection_gone,
    not_a_url,
    proxy_refused,
    redirected,
    timed_out,
    translate,
)
from .http_fork import survive_fork
from .http_request import SLICED_BODY_BYTES, HttpRequest
from .http_stream import Clocks, StreamResponse
from .payload import clean_headers, encode_json, inflate, is_large, parse_json, redirect_target
from .proxies import proxy_for, proxy_secrets
from .redact import redact
from .threads import in_daemon_thread
from .tls import tls_context
from .urls import is_loopback_url

log = logging.getLogger(__name__)

T = TypeVar("T")
JSON_LIMIT_BYTES = STREAM_LIMIT_BYTES = 64 << 20
ERROR_LIMIT_BYTES = 1 << 20
HEADER_LIMIT_BYTES = 32768
PROXY_CACHE_S = 60.0
STALE_RETRIES = 8
USER_AGENT = "nuke-ai-panel"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class HttpOptions:
    """How a provider is reached. `proxy` is a URL, "none", or None for the system's; all clocks are in seconds."""

    proxy: Optional[str] = None
    ca_bundle: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    connect_timeout_s: float = 10.0
    first_event_timeout_s: float = 120.0
    idle_timeout_s: float = 120.0
    progress_timeout_s: float = 300.0
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpClient:
    """One provider's way out. `secrets` are masked in every error text; `row` and `kind` are its settings'."""

    def __init__(
        self, provider: str, options: HttpOptions, *, secrets: Sequence[str] = (), row: str = "", kind: str = ""
    ) -> None:
        self._provider, self._sender = provider, Sender(provider, row, kind)
        self._options = options
        self._secrets = (*(secret for secret in secrets if secret), *proxy_secrets(options.proxy))
        self._session: Optional[aiohttp.ClientSession] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._closed_on: Optional[asyncio.AbstractEventLoop] = None
        self._tls: Optional[asyncio.Future[ssl.SSLContext]] = None
        self._proxies: Dict[str, Tuple[float, Optional[str]]] = {}
        self._trips: Set[Trip] = set()
        self._streams: Set[StreamResponse] = set()
        survive_fork(self)

    async def get_json(self, url: str, *, headers: Mapping[str, str] = NO_HEADERS, timeout_s: float = 15.0) -> Json:
        """The JSON at `url`. Raises ProviderError, also for every status but 2xx."""
        return await self._json("GET", url, None, headers, timeout_s)

    async def post_json(
        self, url: str, body: Json, *, headers: Mapping[str, str] = NO_HEADERS, timeout_s: float = 15.0
    ) -> Json:
        """The JSON that answers `body`. Raises ProviderError, also for every status but 2xx."""
        return await self._json("POST", url, body, headers, timeout_s)

    async def post_stream(self, url: str, body: Json, *, headers: Mapping[str, str] = NO_HEADERS) -> StreamResponse:
        """The answer to `body` from its head on, whatever its status; the caller reads and closes it."""
        return await self._stream("POST", url, body, headers, STREAM_LIMIT_BYTES)

    async def get_stream(
        self, url: str, *, headers: Mapping[str, str] = NO_HEADERS, limit_bytes: int = STREAM_LIMIT_BYTES
    ) -> StreamResponse:
        """What is at `url`, from its head on, for downloads; call `event_seen()` per chunk to keep its clocks going."""
        return await self._stream("GET", url, None, headers, limit_bytes)

    def redacted(self, error: ProviderError) -> ProviderError:
        """`error` with this client's secrets masked in its texts."""
        error.message = redact(error.message, self._secrets)
        error.user_text = redact(error.user_text, self._secrets)
        error.next_step = redact(error.next_step, self._secrets)
        error.args = (error.message,)
        return error

    async def close(self) -> None:
        """Ends what runs (as cancelled), closes the session and gives its sockets a turn of the loop. Idempotent."""
        if self._session is not None:
            self._assert_own_loop()
        session, self._session = self._session, None
        self._closed_on = asyncio.get_running_loop()
        for stream in tuple(self._streams):
            stream.fail(self.redacted(cancelled(stream.route)))
        for trip in tuple(self._trips):
            trip.abort()
        if self._tls is not None:
            self._tls.cancel()
            self._tls = None
        if session is None:
            return
        if isinstance(session.connector, Connector):
            session.connector.drop_everything()
        await session.close()
        await asyncio.sleep(0)

    # ------------------------------------------------------------ one request

    async def _json(self, method: str, url: str, body: Json, headers: Mapping[str, str], timeout_s: float) -> Json:
        route, request = await self._prepare(method, url, body, headers, compressed=True, timeout_s=timeout_s)
        with told_of_failure(request.passage):
            status, answer, data = await self._watched(lambda trip: self._fetch(route, request, trip), route, timeout_s)
        request.passage.ended("answered", status=status, received_bytes=len(data))
        content_type = answer.get("content-type", "").partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            raise self.redacted(classify_error(status, data, answer, provider=self._provider))
        try:
            if len(data) > SLICED_BODY_BYTES:
                return await in_daemon_thread(lambda: parse_json(data, content_type))
            return parse_json(data, content_type)
        except ProviderError as exc:
            raise self.redacted(broken_answer(route, exc.message, status=status)) from exc

    async def _fetch(self, route: Route, request: HttpRequest, trip: Trip) -> Tuple[int, Mapping[str, str], bytes]:
        response = await self._send(route, request, trip)
        try:
            answer = {name.lower(): value for name, value in response.headers.items()}
            limit = JSON_LIMIT_BYTES if response.status < 300 else ERROR_LIMIT_BYTES
            data = await _read_all(response, route, limit)
            encoding = answer.get("content-encoding", "")
            if encoding:
                data = await in_daemon_thread(lambda: inflate(data, encoding, limit))
            return response.status, answer, data
        finally:
            response.close()

    async def _stream(
        self, method: str, url: str, body: Json, headers: Mapping[str, str], limit_bytes: int
    ) -> StreamResponse:
        options = self._options
        started = asyncio.get_running_loop().time()
        route, request = await self._prepare(
            method, url, body, headers, compressed=False, timeout_s=options.first_event_timeout_s
        )
        waiting_s = options.first_event_timeout_s
        with told_of_failure(request.passage):
            response = await self._watched(lambda trip: self._send(route, request, trip), route, waiting_s)
        stream = StreamResponse(
            response, route=route, started=started, limit_bytes=limit_bytes,
            clocks=Clocks(options.first_event_timeout_s, options.idle_timeout_s, options.progress_timeout_s),
            redact=self.redacted, on_end=self._streams.discard, passage=request.passage,
        )
        self._streams.add(stream)
        encoding = stream.headers.get("content-encoding", "identity").strip().lower()
        if 200 <= stream.status < 300 and encoding not in ("", "identity"):
            stream.close()
            why = f"the stream is compressed ({encoding[:40]})"
            raise self.redacted(broken_answer(route, why, status=stream.status))
        return stream

    async def _prepare(
        self, method: str, url: str, body: Json, headers: Mapping[str, str], *, compressed: bool, timeout_s: float
    ) -> Tuple[Route, HttpRequest]:
        """Everything that can fail before a socket is opened."""
        connect_s = min(self._options.connect_timeout_s, timeout_s)
        route = Route(self._provider, url, None, connect_s)
        if url[:7].lower() != "http://" and url[:8].lower() != "https://":
            raise self.redacted(not_a_url(route))
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate" if compressed else "identity"}
        if method == "POST":
            own["Content-Type"] = "application/json"
        sent = clean_headers(own, self._options.headers, headers, provider=self._provider)
        if not compressed:
            sent["Accept-Encoding"] = "identity"
        try:
            proxy = await self._proxy(url)
            data = None
            if method == "POST":
                data = await in_daemon_thread(lambda: encode_json(body)) if is_large(body) else encode_json(body)
            secure = url[:6].lower() == "https:" or (proxy or "")[:6].lower() == "https:"
            context = await self._tls_context() if secure else None
        except ProviderError as exc:
            exc.provider = self._provider
            raise self.redacted(exc) from exc.__cause__
        # The last thing before a socket: what may not leave is refused here, and what may is written down first.
        passage = await permit(outgoing_for(self._sender, method, url, body, size_bytes=len(data or b"")))
        return route._replace(proxy=proxy), HttpRequest(method, url, sent, data, proxy, context, connect_s, passage)

    async def _send(self, route: Route, request: HttpRequest, trip: Trip) -> aiohttp.ClientResponse:
        """The head of the answer. A request that dies unanswered on an old connection is sent again at once."""
        for _ in range(STALE_RETRIES):
            trip.start()
            arrived = False
            try:
                response = await self._live_session().request(
                    request.method, request.url, allow_redirects=False, **request.options(),
                    timeout=aiohttp.ClientTimeout(total=None, connect=request.connect_timeout_s),
                )
                arrived = True
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as exc:
                if not trip.reused or trip.expired or self._is_closed() or not _nothing_arrived(exc):
                    raise
                log.debug("an idle connection to %s was gone; sending again", route.address)
                continue
            finally:
                if not arrived:
                    trip.abort()
            if response.status == 407 and request.proxy is not None:
                response.close()
                raise proxy_refused(route, response.status)
            if 300 <= response.status < 400:
                location = response.headers.get("Location", "")
                response.close()
                raise redirected(route, response.status, redirect_target(request.url, location))
            return response
        raise aiohttp.ServerDisconnectedError

    async def _watched(self, work: Callable[[Trip], Awaitable[T]], route: Route, timeout_s: float) -> T:
        """The result of `work`, within `timeout_s`, or an error of ours.

        The deadline drops the socket instead of cancelling: so every CancelledError that comes out is somebody else's.
        """
        trip = Trip()
        token = TRIP.set(trip)
        self._trips.add(trip)
        timer = asyncio.get_running_loop().call_later(timeout_s, trip.expire)
        try:
            result = await work(trip)
            if trip.expired:  # a body without a length ends "well" when its socket is dropped
                raise asyncio.TimeoutError
            return result
        except asyncio.CancelledError:
            if _was_cancelled():
                raise
            raise self.redacted(cancelled(route) if self._is_closed() else connection_gone(route)) from None
        except ProviderError as exc:
            raise self.redacted(exc) from exc.__cause__
        except FOREIGN_ERRORS as exc:
            if self._is_closed():
                raise self.redacted(cancelled(route)) from exc
            if trip.expired:
                raise self.redacted(timed_out(route, "no answer came", timeout_s)) from exc
            raise self.redacted(translate(exc, route)) from exc
        except (RuntimeError, AttributeError) as exc:  # what aiohttp says when its session goes away underneath
            if not self._is_closed():
                raise
            raise self.redacted(cancelled(route)) from exc
        finally:
            timer.cancel()
            self._trips.discard(trip)
            TRIP.reset(token)

    # ------------------------------------------------------------ the session and what it needs

    def _live_session(self) -> aiohttp.ClientSession:
        """The one session, made at first use. Raises ProviderError(cancelled) once it was closed on this loop."""
        loop = asyncio.get_running_loop()
        if self._session is not None:
            self._assert_own_loop()
        if self._session is None:
            if self._closed_on is loop:
                raise ProviderError("cancelled", "the provider was closed", provider=self._provider)
            self._loop, self._closed_on = loop, None
            limits = {"max_line_size": HEADER_LIMIT_BYTES, "max_field_size": HEADER_LIMIT_BYTES}
            known = inspect.signature(aiohttp.ClientSession).parameters
            self._session = aiohttp.ClientSession(
                connector=Connector(), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
                **{name: value for name, value in limits.items() if name in known},  # type: ignore[arg-type]  # since 3.9
            )
        return self._session

    def _assert_own_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._loop is None or not self._loop.is_closed():
            raise RuntimeError(f"the HttpClient of {self._provider} belongs to another event loop; use it on that one")
        log.warning("the HttpClient of %s was not closed before its loop; it opens a new session", self._provider)
        self.leave_behind()

    def leave_behind(self) -> Tuple[object, ...]:
        """Forgets the session without touching its sockets, and returns what must not be collected yet."""
        connector = self._session.connector if self._session is not None else None
        left = (self._session, connector, self._loop, self._tls, tuple(self._trips), tuple(self._streams))
        if self._session is not None:
            self._session.detach()
        self._session = self._loop = self._tls = self._closed_on = None
        self._trips, self._streams = set(), set()
        return left

    def _is_closed(self) -> bool:
        return self._closed_on is asyncio.get_running_loop()

    async def _proxy(self, url: str) -> Optional[str]:
        """Asked for every request, so it is remembered: the system's answer for a minute, ours for good."""
        now = time.monotonic()
        known = self._proxies.get(url)
        if known is None or now > known[0]:
            setting = self._options.proxy
            if setting or is_loopback_url(url):
                known = (math.inf, proxy_for(url, setting))
            else:
                known = (now + PROXY_CACHE_S, await in_daemon_thread(lambda: proxy_for(url, None)))
                self._secrets = (*self._secrets, *(s for s in proxy_secrets(known[1]) if s not in self._secrets))
            if len(self._proxies) > 64:
                self._proxies.clear()
            self._proxies[url] = known
        return known[1]

    async def _tls_context(self) -> ssl.SSLContext:
        """Built once, off the loop; a request that is stopped meanwhile does not stop the others' wait."""
        if self._tls is None:
            options = self._options
            self._tls = asyncio.ensure_future(in_daemon_thread(lambda: tls_context(
                ca_bundle=options.ca_bundle, client_cert=options.client_cert, client_key=options.client_key
            )))
        building = self._tls
        try:
            return await asyncio.shield(building)
        except ProviderError:
            if self._tls is building:  # a corrected file is read at the next try
                self._tls = None
            raise
        except asyncio.CancelledError:
            if building.cancelled() and not _was_cancelled():  # close() did that
                raise ProviderError("cancelled", "the provider was closed", provider=self._provider) from None
            raise


async def _read_all(response: aiohttp.ClientResponse, route: Route, limit: int) -> bytes:
    parts: List[bytes] = []
    size = 0
    while True:
        chunk = await response.content.readany()
        if not chunk:
            return b"".join(parts)
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            if response.status >= 300:  # an error's first MiB says enough
                return b"".join(parts)[:limit]
            raise broken_answer(route, f"the answer is larger than {limit >> 20} MiB", status=response.status)


def _nothing_arrived(exc: Exception) -> bool:
    """True unless aiohttp names the piece of an answer that it had when the connection broke."""
    return not isinstance(exc, aiohttp.ServerDisconnectedError) or isinstance(exc.message, str)


def _was_cancelled() -> bool:
    """True when somebody cancelled the current task. Before 3.11 nobody can tell; then it is believed."""
    task = asyncio.current_task()
    return sys.version_info < (3, 11) or task is None or task.cancelling() > 0

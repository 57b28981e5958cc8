"""The door to aiohttp: one session per provider, own clocks, no redirects, errors of ours. Lives on the loop thread.

An `HttpClient` may be made anywhere; everything else is awaited on the background loop. Its session is made there at
first use and closed by `close()` alone. It stays with its loop and its process: a forked child never touches the
parent's, and a client that was closed opens again only on a fresh loop.
"""

from __future__ import annotations

import asyncio
import logging
from types import MappingProxyType
from typing import (
    Awaitable,
    Callable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

import aiohttp

from ..errors import ProviderError, clean_cause, hide_in_errors
from ..messages import Json
from .classify import classify_error
from .gate import Sender, outgoing_for, permit, told_of_failure
from .http_connector import TRIP, Trip
from .http_errors import (
    FOREIGN_ERRORS,
    Route,
    broken_answer,
    cancelled,
    connection_gone,
    never_left,
    not_a_url,
    proxy_refused,
    redirected,
    timed_out,
    translate,
)
from .http_fork import survive_fork
from .http_request import SLICED_BODY_BYTES, SLOWEST_BYTES_PER_S, HttpOptions, HttpRequest
from .http_session import Session, was_cancelled
from .http_stream import Clocks, StreamResponse
from .key_guard import carries_key, guard_key, origin_for_key
from .payload import clean_headers, encode_json, inflate, is_large, parse_json, redirect_target
from .redact import redact
from .threads import in_daemon_thread
from .trace import TracedPassage, traced
from .urls import is_private_url

__all__ = ["HttpClient", "HttpOptions"]

log = logging.getLogger(__name__)

T = TypeVar("T")
JSON_LIMIT_BYTES = STREAM_LIMIT_BYTES = 64 << 20
ERROR_LIMIT_BYTES = 1 << 20
FIRST_BYTE_S = 60.0
LAST_BYTES_S = 0.3
USER_AGENT = "nuke-ai-panel"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class HttpClient:
    """One provider's way out. `secrets` are masked in every error text; `row` and `kind` are its settings'.

    A key goes to one origin: `key_origin`, or without one that of the first request which carries a key.
    """

    def __init__(
        self, provider: str, options: HttpOptions, *, secrets: Sequence[str] = (), row: str = "", kind: str = "",
        key_origin: Optional[str] = None,
    ) -> None:
        self._provider, self._sender = provider, Sender(provider, row, kind)
        self._options = options
        self._keys = tuple(secret for secret in secrets if secret)
        for key in self._keys:
            hide_in_errors(key)
        self._key_origin = origin_for_key(key_origin) if key_origin else None
        self._session = Session(provider, options, owner=(row, kind) if row else ())
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
        secrets = (*self._keys, *self._session.proxy_secrets)
        error.message = redact(error.message, secrets)
        error.user_text = redact(error.user_text, secrets)
        error.next_step = redact(error.next_step, secrets)
        error.args = (error.message,)
        return error

    async def close(self) -> None:
        """Ends what runs (as cancelled), closes the session and gives its sockets a turn of the loop. Idempotent."""
        session = self._session.shut()
        for stream in tuple(self._streams):
            stream.fail(self.redacted(cancelled(stream.route)))
        for trip in tuple(self._trips):
            trip.abort()
        await self._session.finish(session)

    async def hand_over(self) -> None:
        """Leaves the session to the next generation of our code, and ends what still runs like `close`.

        A finished answer whose last bytes are being read gets a moment for that: its connection is worth keeping.
        What a loop has that was given up stays with it.
        """
        if self._session.is_elsewhere:
            return
        deadline = asyncio.get_running_loop().time() + LAST_BYTES_S
        while self._streams and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - streams tell nobody
            await asyncio.sleep(0.005)
        for stream in tuple(self._streams):
            stream.fail(self.redacted(cancelled(stream.route)))
        for trip in tuple(self._trips):
            trip.abort()
        await self._session.hand_over()

    def leave_behind(self) -> Tuple[object, ...]:
        """Forgets the session without touching its sockets, and returns what must not be collected yet."""
        left = (*self._session.leave_behind(), tuple(self._trips), tuple(self._streams))
        self._trips, self._streams = set(), set()
        return left

    # ------------------------------------------------------------ one request

    async def _json(self, method: str, url: str, body: Json, headers: Mapping[str, str], timeout_s: float) -> Json:
        route, request = await self._prepare(method, url, body, headers, compressed=True, timeout_s=timeout_s)
        with told_of_failure(request.passage):
            status, answer, data = await self._watched(lambda trip: self._fetch(route, request, trip), route, timeout_s)
        if isinstance(request.passage, TracedPassage):
            request.passage.head(status, answer)
            request.passage.received(data)
        request.passage.ended("answered", status=status, received_bytes=len(data))
        content_type = answer.get("content-type", "").partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            raise self.redacted(classify_error(status, data, answer, provider=self._provider))
        try:
            if len(data) > SLICED_BODY_BYTES:
                return await in_daemon_thread(lambda: parse_json(data, content_type))
            return parse_json(data, content_type)
        except ProviderError as exc:
            raise self.redacted(broken_answer(route, exc.message, status=status)) from clean_cause(exc)

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
        route, request = await self._prepare(
            method, url, body, headers, compressed=False, timeout_s=options.first_event_timeout_s
        )
        with told_of_failure(request.passage):
            response = await self._watched(
                lambda trip: self._send(route, request, trip), route, self._first_byte_s(request)
            )
        started = asyncio.get_running_loop().time()
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

    def _first_byte_s(self, request: HttpRequest) -> float:
        """How long the head of an answer may take, once the request is up."""
        options = self._options
        usual_s = options.first_event_timeout_s if is_private_url(request.url) else FIRST_BYTE_S
        waiting_s = options.first_byte_timeout_s or min(usual_s, options.first_event_timeout_s)
        return waiting_s + len(request.data or b"") / SLOWEST_BYTES_PER_S

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
            self._guard_key(url, sent)
            proxy = await self._session.proxy(url)
            data = None
            if method == "POST":
                data = await in_daemon_thread(lambda: encode_json(body)) if is_large(body) else encode_json(body)
            secure = url[:6].lower() == "https:" or (proxy or "")[:6].lower() == "https:"
            context = await self._session.tls() if secure else None
        except ProviderError as exc:
            exc.provider = self._provider
            raise self.redacted(exc) from exc.__cause__
        # The last thing before a socket: what may not leave is refused here, and what may is written down first.
        passage = await permit(outgoing_for(
            self._sender, method, url, body, size_bytes=len(data or b""), proxy=proxy
        ))
        secrets = (*self._keys, *self._session.proxy_secrets)
        passage = traced(passage, method, url, headers=sent, data=data, secrets=secrets)
        return route._replace(proxy=proxy), HttpRequest(method, url, sent, data, proxy, context, connect_s, passage)

    def _guard_key(self, url: str, headers: Mapping[str, str]) -> None:
        """Lets a key go to the place that it is for, and nowhere in the clear."""
        if not carries_key(url, headers, self._keys):
            return
        guard_key(
            url, home=self._key_origin, allows_plain_http=self._options.allows_plain_http, provider=self._provider
        )
        self._key_origin = self._key_origin or origin_for_key(url)

    async def _send(self, route: Route, request: HttpRequest, trip: Trip) -> aiohttp.ClientResponse:
        """The head of the answer. A request that dies unanswered on an old connection is sent again at once."""
        for is_last in (False, True):
            trip.start()
            arrived = False
            try:
                response = await self._session.live().request(
                    request.method, request.url, allow_redirects=False, **request.options(),
                    timeout=aiohttp.ClientTimeout(total=None, connect=request.connect_timeout_s),
                )
                arrived = True
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as exc:
                if is_last or not trip.was_stale or self._session.is_closed or not _nothing_arrived(exc):
                    raise
                self._session.distrust_old()
                trip.is_again = True
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
            if was_cancelled():
                raise
            raise self.redacted(cancelled(route) if self._session.is_closed else connection_gone(route)) from None
        except ProviderError as exc:
            raise self.redacted(exc) from exc.__cause__
        except FOREIGN_ERRORS as exc:
            if self._session.is_closed:
                raise self.redacted(cancelled(route)) from exc
            if trip.expired:
                raise self.redacted(timed_out(route, "no answer came", round(timeout_s, 1))) from exc
            error = translate(exc, route)
            error.is_unsent = never_left(exc) and not trip.is_again
            raise self.redacted(error) from clean_cause(exc)
        except (RuntimeError, AttributeError) as exc:  # what aiohttp says when its session goes away underneath
            if not self._session.is_closed:
                raise
            raise self.redacted(cancelled(route)) from exc
        finally:
            timer.cancel()
            self._trips.discard(trip)
            TRIP.reset(token)


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

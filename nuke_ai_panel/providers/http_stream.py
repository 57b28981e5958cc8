"""A streamed answer with our own clocks. Lives on the loop thread; one task reads it.

One timer for the whole answer, re-armed only when it goes off: an event costs one reading of the clock and no timer.
The clocks count complete *events*, as the decoder reports them, so a server that drips bytes or sends nothing but
keep-alives is noticed. A server that sends many small pieces a second is read in gulps: a few milliseconds later no
reader can tell the difference, and Nuke's processor has a fraction of the wake-ups.
"""

from __future__ import annotations

import asyncio
from typing import AsyncIterator, Callable, Dict, NamedTuple, Optional

import aiohttp

from ..errors import ProviderError, clean_cause
from .gate import FREE, Passage
from .http_connector import abort
from .http_errors import FOREIGN_ERRORS, Route, broken_answer, cancelled, timed_out, translate
from .payload import inflate, request_id
from .trace import TracedPassage

ERROR_BODY_S = 15.0
# Pieces smaller than SMALL_BYTES that came within HURRIED_S are followed by a pause in which more can gather.
SMALL_BYTES = 4096
HURRIED_S = 0.004
GATHER_S = 0.008


class Clocks(NamedTuple):
    """Seconds to the first event, between two events, and between two events with keep-alives in between."""

    first_event_s: float
    idle_s: float
    progress_s: float


class StreamResponse:
    """The head of an answer, and its body as chunks. Whoever gets one closes it."""

    def __init__(
        self, response: aiohttp.ClientResponse, *, route: Route, clocks: Clocks, started: float, limit_bytes: int,
        redact: Callable[[ProviderError], ProviderError], on_end: Callable[[StreamResponse], None],
        passage: Passage = FREE,
    ) -> None:
        self.status: int = response.status
        self.headers: Dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.content_type: str = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.request_id: Optional[str] = request_id(self.headers)
        self._response = response
        self._content = response.content
        self._readany = response.content.readany
        connection = response.connection
        self._transport = connection.transport if connection is not None else None
        self.route = route
        self._clocks, self._redact, self._on_end = clocks, redact, on_end
        self._left = self._limit = limit_bytes
        self._passage = passage
        self._trace = passage if isinstance(passage, TracedPassage) else None
        if self._trace is not None:
            self._trace.head(self.status, self.headers)
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._event_at = self._alive_at = started
        self._any_event = self._waiting = self._is_hurried = False
        self._give_up_at: Optional[float] = None
        self._ended = False
        self._failure: Optional[ProviderError] = None
        self._timer: Optional[asyncio.TimerHandle] = self._loop.call_at(self._deadline(), self._tick)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises ProviderError (network, timeout, protocol, cancelled)."""
        return self

    def __aiter__(self) -> StreamResponse:
        return self

    async def __anext__(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if self._ended:
            raise StopAsyncIteration
        try:
            if self._is_hurried:
                await self._gather()
            self._waiting = True
            asked_at = self._time()
            chunk = await self._readany()
            self._is_hurried = (
                self._give_up_at is None and len(chunk) < SMALL_BYTES and self._time() - asked_at < HURRIED_S
            )
        except asyncio.CancelledError:
            self.close()
            raise
        except ProviderError:  # ours, put there by the timer or by fail()
            self._end(drop=True)
            raise
        except FOREIGN_ERRORS as exc:
            chunk = self._broke(exc)
        self._waiting = False
        if not chunk:
            self._end(drop=False)
            raise StopAsyncIteration
        self._left -= len(chunk)
        if self._trace is not None:
            self._trace.received(chunk)
        if self._left < 0:
            self._failure = self._redact(broken_answer(self.route, "the answer is longer than any answer can be"))
            self._end(drop=True)
            raise self._failure
        return chunk

    def event_seen(self) -> None:
        """The decoder saw at least one complete event: the clock between events starts again."""
        self._event_at = self._alive_at = self._time()
        if not self._any_event:
            self._any_event = True
            self._rearm()  # the timer is set for the first event, and the next may be due much sooner

    def work_seen(self) -> None:
        """The server works on the answer and has not begun to give it: the clock of the first event goes on.

        For events without content: a model may think for minutes between naming itself and its first word.
        """
        self._event_at = self._alive_at = self._time()

    def keepalive_seen(self) -> None:
        """The server lives but says nothing: only the progress clock runs on."""
        self._alive_at = self._time()

    def allow_silence(self, seconds: float) -> None:
        """Has the clock between two events run that long at least: for work that is known to be silent."""
        self._clocks = self._clocks._replace(idle_s=max(self._clocks.idle_s, seconds))

    async def read_body(self, limit: int = 1 << 20) -> bytes:
        """The body, decompressed, at most `limit` bytes: the rest is not read. An error's body may be cut short."""
        if self.status != 200:
            self._give_up_in(ERROR_BODY_S)
        parts, size = [], 0
        try:
            async for chunk in self:
                self.event_seen()
                parts.append(chunk)
                size += len(chunk)
                if size >= limit:
                    self.close()
                    break
        except ProviderError as exc:
            if self.status == 200 or exc.kind == "cancelled":
                raise
        body = b"".join(parts)[:limit]
        try:
            return inflate(body, self.headers.get("content-encoding", ""), limit)
        except ProviderError as exc:
            if self.status == 200:
                raise broken_answer(self.route, exc.message) from exc
            return b""

    async def drain(self, timeout_s: float = 1.0) -> bool:
        """Reads what is left after the last event, so that the connection is used again; True if it could be."""
        self._give_up_in(timeout_s)
        try:
            async for _ in self:
                pass
        except ProviderError:
            return False
        return True

    def redacted(self, error: ProviderError) -> ProviderError:
        """`error` with the client's secrets masked: a server may echo the key that it rejects."""
        return self._redact(error)

    def close(self) -> None:
        """Ends the stream: the socket is closed at once unless the answer had ended. Idempotent."""
        if self._ended:
            return
        self._failure = cancelled(self.route)
        self._end(drop=True)

    def fail(self, error: ProviderError) -> None:
        """Makes whoever reads get `error`, and closes the socket."""
        if self._ended:
            return
        self._failure = error
        if self._content.exception() is None:
            self._content.set_exception(error)
        self._end(drop=True)

    async def _gather(self) -> None:
        """Leaves the socket alone for a moment: one read then fetches what would have taken many."""
        transport = self._transport
        if not isinstance(transport, asyncio.ReadTransport) or transport.is_closing():
            return
        transport.pause_reading()
        try:
            await asyncio.sleep(GATHER_S)
        finally:
            if not transport.is_closing():
                transport.resume_reading()

    def _broke(self, exc: BaseException) -> bytes:
        """What had arrived before the connection broke; the error itself is raised by the read after that."""
        failure = self._failure or self._redact(translate(exc, self.route))
        if failure is not self._failure:
            failure.__cause__ = clean_cause(exc)
        self._failure = failure
        # aiohttp raises before it hands out what it has; only its own read without the check gives that back
        rest = getattr(self._content, "_read_nowait", None)
        tail: bytes = rest(-1) if rest is not None and not self._ended else b""
        self._end(drop=True)
        if not tail:
            raise failure
        return tail

    def _end(self, *, drop: bool) -> None:
        if self._ended:
            return
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if drop:
            abort(self._transport)
            self._response.close()
        self._transport = None
        outcome = "answered" if self._failure is None else self._failure.kind
        self._passage.ended(outcome, status=self.status, received_bytes=self._limit - self._left)
        self._on_end(self)

    def _give_up_in(self, seconds: float) -> None:
        """A deadline for the whole rest, on top of the clocks."""
        if self._ended or self._timer is None:
            return
        self._give_up_at = self._time() + seconds
        self._is_hurried = False  # what is left is little, and somebody waits for its end
        self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline(), self._tick)

    def _deadline(self) -> float:
        limit = self._clocks.idle_s if self._any_event else self._clocks.first_event_s
        quiet = self._alive_at + limit
        stuck = self._event_at + max(self._clocks.progress_s, limit)
        deadline = min(quiet, stuck)
        return deadline if self._give_up_at is None else min(deadline, self._give_up_at)

    def _tick(self) -> None:
        now = self._time()
        if not self._waiting:  # the reader is busy: that silence is ours, not the server's
            self._event_at = self._alive_at = now
        deadline = self._deadline()
        if now < deadline:
            self._timer = self._loop.call_at(deadline, self._tick)
            return
        limit = self._clocks.idle_s if self._any_event else self._clocks.first_event_s
        if self._give_up_at is not None and now >= self._give_up_at:
            waiting_for, limit = "no end of the answer came", now - self._event_at
        elif now < self._alive_at + limit:
            waiting_for, limit = "nothing but keep-alives came", max(self._clocks.progress_s, limit)
        else:
            waiting_for = "nothing more came" if self._any_event else "no answer came"
        self.fail(self._redact(timed_out(self.route, waiting_for, round(limit, 3))))

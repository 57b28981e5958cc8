"""Reads one answer: response → bytes → frames → events. Lives on the loop thread, in the task that iterates.

Invariants for every provider: exactly one `Finish` or a ProviderError; a stream that ends without its protocol's
terminator is never a success; closing the iterator closes the socket; after a good end the rest is read for at most a
second, so that a conversation needs one TCP connection.
"""

from __future__ import annotations

import time
from typing import AsyncGenerator, List, Optional, Protocol, Sequence, Tuple

from ..errors import ProviderError, provider_error
from ..events import Keepalive, StreamEvent, StreamWarning, TextDelta, ThinkingDelta
from ..messages import ToolCall
from ..words import tr
from .classify import classify_error
from .error_facts import plain_text
from .http_stream import StreamResponse
from .rate_limits import read_allowance
from .wire import Frame, FrameTooLarge, NdjsonParser, Parser, SniffingParser, SseParser

DRAIN_S = 1.0
# The code of the error that a page for people is, where an answer was asked for.
WEB_PAGE = "web_page"
_SHOWN_BYTES = 4096
_SHOWN_CHARACTERS = 200
# What ends the wait for the first words of an answer.
_CONTENT = frozenset({TextDelta, ThinkingDelta, ToolCall})


class Decoder(Protocol):
    """Frames in, events out, until `done`; then `error` says whether the answer failed."""

    done: bool
    error: Optional[ProviderError]

    def feed(self, frames: Sequence[Frame]) -> List[StreamEvent]:
        """The events in `frames`."""
        ...

    def finish(self) -> List[StreamEvent]:
        """The events of a clean end without terminator."""
        ...


def sse_parser(response: StreamResponse) -> Parser:
    """The parser for an answer that should be server-sent events; what says so is believed, the rest is sniffed."""
    return SseParser() if response.content_type == "text/event-stream" else SniffingParser()


def ndjson_parser(response: StreamResponse) -> Parser:
    """The parser for an answer that should be JSON lines; a whole JSON body is one line of them."""
    return NdjsonParser()


async def check_head(response: StreamResponse, *, provider: str, model: str) -> None:
    """Raises the ProviderError that the head of an answer already is; the response is closed then."""
    is_page = response.content_type in ("text/html", "application/xhtml+xml")
    if 200 <= response.status < 300 and not is_page:
        return
    if response.status >= 300:
        error, _ = await read_refusal(response, provider=provider, model=model)
        raise error
    try:
        body = await response.read_body(_SHOWN_BYTES)
    finally:
        response.close()
    shown = " ".join(plain_text(body.decode("utf-8", "replace")).split())[:_SHOWN_CHARACTERS]
    raise response.redacted(provider_error(
        "protocol", f"a web page came instead of an answer: {shown}", provider=provider, model=model,
        request_id=response.request_id, code=WEB_PAGE,
        user_text=tr("{provider} answered with a web page.", provider=provider),
        next_step=tr("Check the base URL; a proxy or a sign-in page may stand in between."),
    ))


async def read_refusal(response: StreamResponse, *, provider: str, model: str) -> Tuple[ProviderError, bytes]:
    """The error that an answer of another status than 200 is, without secrets, and its body. Closes the response."""
    try:
        body = await response.read_body()
    finally:
        response.close()
    error = classify_error(response.status, body, response.headers, provider=provider, model=model)
    return response.redacted(error), body


async def read_events(
    response: StreamResponse, parser: Parser, decoder: Decoder, *, provider: str, losses: Sequence[str] = ()
) -> AsyncGenerator[StreamEvent, None]:
    """The events of an answer whose head is fine. Raises ProviderError; the response is closed in every case.

    `losses` are the user's parameters that the request left out.
    """
    broken: Optional[ProviderError] = None
    has_begun = False
    try:
        allowance = read_allowance(response.headers, time.time())
        if allowance is not None:
            yield allowance
        for name in losses:
            yield StreamWarning(f"parameter_dropped:{name}")
        try:
            async for chunk in response.chunks():
                frames = parser.feed(chunk)
                if not frames:
                    continue
                events = decoder.feed(frames)
                if events and all(type(event) is Keepalive for event in events):
                    response.keepalive_seen()
                elif has_begun or any(type(event) in _CONTENT for event in events):
                    has_begun = True
                    response.event_seen()
                else:
                    response.work_seen()
                for event in events:
                    yield event
                if decoder.done:
                    break
        except ProviderError as exc:
            broken = exc
        except FrameTooLarge as exc:
            raise provider_error("protocol", str(exc), provider=provider) from exc
        if not decoder.done:
            for event in decoder.feed(parser.finish() if broken is None else parser.salvage()):
                yield event
        if broken is None or decoder.done:
            for event in decoder.finish():
                yield event
            broken = decoder.error
        if broken is not None:
            raise response.redacted(broken)
    finally:
        if decoder.done and decoder.error is None:
            await response.drain(DRAIN_S)
        response.close()

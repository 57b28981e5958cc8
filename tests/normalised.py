"""A stream's events and error in the shape of `tests/data/streams/index.json`, and how the two are compared."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Dict, Iterable, Iterator, List, Optional, Tuple

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import (
    Finish,
    Keepalive,
    Restarted,
    StreamEvent,
    StreamStarted,
    StreamWarning,
    TextDelta,
    ThinkingDelta,
    ThinkingOpaque,
    UsageReport,
)
from nuke_ai_panel.messages import Json, ToolCall

from .streams import Case, text_matches

if TYPE_CHECKING:  # these open the door to aiohttp, which decoders do without
    from nuke_ai_panel.providers.reading import Decoder
    from nuke_ai_panel.providers.wire import Parser

USAGE_FIELDS = ("input", "output", "total", "reasoning", "cache_read", "cache_write")


def drained(
    parser: Parser, decoder: Decoder, chunks: Iterable[bytes]
) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    """What `decoder` makes of a body that arrives in `chunks` and ends cleanly."""
    events: List[StreamEvent] = []
    for chunk in chunks:
        events += decoder.feed(parser.feed(chunk))
        if decoder.done:
            break
    if not decoder.done:
        events += decoder.feed(parser.finish())
    events += decoder.finish()
    return events, decoder.error


def normalised(events: Iterable[StreamEvent], error: Optional[ProviderError]) -> Dict[str, Json]:
    """What came of a stream. Asserts what holds for every stream: one end, nothing after it, no empty deltas."""
    got: Dict[str, Json] = {
        "text": "", "reasoning": "", "tool_calls": [], "finish": None, "raw_finish": None, "usage": None,
        "error": None, "warnings": [], "response_id": None, "model": None, "keepalives": 0, "opaque": 0,
    }
    for event in events:
        assert got["finish"] is None, f"{event!r} after the end"
        if isinstance(event, TextDelta):
            assert event.text
            got["text"] += event.text
        elif isinstance(event, ThinkingDelta):
            assert event.text
            got["reasoning"] += event.text
        elif isinstance(event, ToolCall):
            got["tool_calls"].append(
                {"id": event.id, "name": event.name, "arguments": event.arguments, "raw_arguments": event.raw_arguments}
            )
        elif isinstance(event, StreamStarted):
            got["response_id"], got["model"] = event.response_id, event.model
        elif isinstance(event, UsageReport):
            counters = {name: getattr(event.usage, name) for name in USAGE_FIELDS}
            got["usage"] = {name: value for name, value in counters.items() if value is not None}
        elif isinstance(event, StreamWarning):
            got["warnings"].append(event.code)
        elif isinstance(event, Keepalive):
            got["keepalives"] += event.source == "comment"  # the index counts no pings
        elif isinstance(event, Restarted):
            got.update(text="", reasoning="", tool_calls=[], usage=None, opaque=0)
        elif isinstance(event, ThinkingOpaque):
            got["opaque"] += 1
        elif isinstance(event, Finish):
            got["finish"], got["raw_finish"] = event.reason, event.raw_reason
    if error is not None:
        assert got["finish"] is None, "an error after the end"
        got["raw_finish"] = error.raw_finish
        got["error"] = {
            "kind": error.kind, "status": error.status, "message": error.message, "code": error.code,
            "type": error.type, "retry_after": error.retry_after_s, "retryable": error.retryable,
        }
    assert (got["finish"] is None) != (error is None), "neither end nor error"
    return got


def differences(got: Dict[str, Json], case: Case, *, ignore: Tuple[str, ...] = ()) -> List[str]:
    """Where `got` is not what `case` expects; `ignore` names fields of the error."""
    expect = case.expect
    found = []
    got = {**got, "warnings": sorted(got["warnings"])}
    expect = {**expect, "warnings": sorted(expect["warnings"])}
    for name in ("tool_calls", "finish", "raw_finish", "usage", "warnings", "response_id", "model"):
        if got[name] != expect[name]:
            found.append(f"{name}: {got[name]!r} is not {expect[name]!r}")
    if got["keepalives"] != expect.get("keepalives", 0):
        found.append(f"keepalives: {got['keepalives']}")
    if "opaque_reasoning_items" in expect and got["opaque"] != expect["opaque_reasoning_items"]:
        found.append(f"opaque items: {got['opaque']}")
    for name in ("text", "reasoning"):
        if not text_matches(got[name], expect[name]):
            found.append(f"{name}: {got[name][:80]!r}")
    return found + _error_differences(got["error"], expect["error"], ignore)


def _error_differences(got: Json, expected: Json, ignore: Tuple[str, ...]) -> List[str]:
    if got is None or expected is None:
        return [] if got == expected else [f"error: {got!r} is not {expected!r}"]
    code = expected["code"]
    wanted = {**expected, "code": None if code is None else str(code)}
    return [f"error.{name}: {got[name]!r} is not {wanted[name]!r}" for name in wanted
            if name not in ignore and got[name] != wanted[name]]


def cuttings(body: bytes, *, seed: int = 7, random_cuts: int = 2) -> Iterator[List[bytes]]:
    """`body` whole, byte by byte (long bodies in small pieces), and cut at random."""
    yield [body]
    step = 1 if len(body) < 5000 else 4099
    yield [body[at:at + step] for at in range(0, len(body), step)]
    rng = random.Random(seed)
    sizes = (1, 2, 7, 31, 97, 512) if len(body) < 5000 else (97, 512, 4096, 65536)
    for _ in range(random_cuts):
        pieces, at = [], 0
        while at < len(body):
            size = rng.choice(sizes)
            pieces.append(body[at:at + size])
            at += size
        yield pieces

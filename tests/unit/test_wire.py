"""Framing: any bytes, however cut, become the same frames."""

from __future__ import annotations

import random
import time
import tracemalloc
from typing import Callable, Iterable, List

import pytest

from nuke_ai_panel.providers import wire
from nuke_ai_panel.providers.wire import (
    COMMENT,
    ERROR_FIELD,
    STRAY_LINES,
    WHOLE_BODY,
    BodyParser,
    Frame,
    FrameTooLarge,
    NamedFrame,
    NdjsonParser,
    Parser,
    SniffingParser,
    SseParser,
    parse_json,
)

from ..streams import Case, load_cases

STRAY = NamedFrame(STRAY_LINES, b"{\n}")
SSE = [
    (b"data: a\n\n", [b"a"]),
    (b"data:a\n\n", [b"a"]),
    (b"data:  a\n\n", [b" a"]),
    (b"data: a\r\n\r\n", [b"a"]),
    (b"data: a\r\r", [b"a"]),
    (b"data: a\r\n\rdata: b\n\r\n", [b"a", b"b"]),
    (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    (b"\xef\xbb\xbf\n\ndata: a\n\n", [b"a"]),
    (b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data: a\ndata: b\n\n", [b"a\nb"]),
    (b"data\n\n", [b""]),
    (b"data: a", [b"a"]),
    (b"data: a\n", [b"a"]),
    (b": ping\ndata: a\n\n", [COMMENT, b"a"]),
    (b"data: a\n: ping\ndata: b\n\n", [COMMENT, b"a\nb"]),
    (b":\n\n:\n\n", [COMMENT, COMMENT]),
    (b"event: error\ndata: a\n\n", [NamedFrame("error", b"a")]),
    (b"event:done\ndata: a\n\ndata: b\n\n", [NamedFrame("done", b"a"), b"b"]),
    (b"event: lost\n\ndata: b\n\n", [b"b"]),
    (b"id: 1\nretry: 3\ndata: a\n\n", [b"a"]),
    (b"error: a\n\n", [NamedFrame(ERROR_FIELD, b"a")]),
    (b"{\n}\n", [STRAY]),
    (b"data: a\n\n{\n}", [b"a", STRAY]),
    ("data: \u2028\u2029\u0085 \U0001f9d1\n\n".encode(), ["\u2028\u2029\u0085 \U0001f9d1".encode()]),
    (b"data: \x00\x0b\x0c\x1c\n\n", [b"\x00\x0b\x0c\x1c"]),
    (b"", []),
]
NDJSON = [
    (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    (b'{"a":1}\r\n\r\n \n{"b":2}', [b'{"a":1}', b'{"b":2}']),
    (b'\xef\xbb\xbf{"a":1}\n', [b'{"a":1}']),
    (b'{"a":"\\r"}', [b'{"a":"\\r"}']),
    (b"", []),
    (b"\n\n", []),
]


def cuttings(body: bytes) -> Iterable[List[bytes]]:
    """`body` whole, byte by byte, and cut at random places."""
    yield [body]
    yield [body[i : i + 1] for i in range(len(body))]
    rng = random.Random(3)
    for _ in range(4):
        places = sorted(rng.sample(range(len(body) + 1), min(len(body), 6)))
        yield [body[a:b] for a, b in zip([0, *places], [*places, len(body)])]


def frames_of(parser: Parser, chunks: Iterable[bytes]) -> List[Frame]:
    found: List[Frame] = []
    for chunk in chunks:
        found.extend(parser.feed(chunk))
    return found + parser.finish()


@pytest.mark.parametrize(("body", "expected"), SSE, ids=lambda value: repr(value)[:40])
def test_events_are_framed_however_they_are_cut(body: bytes, expected: List[Frame]) -> None:
    for chunks in cuttings(body):
        assert frames_of(SseParser(), chunks) == expected


@pytest.mark.parametrize(("body", "expected"), NDJSON, ids=lambda value: repr(value)[:40])
def test_lines_are_framed_however_they_are_cut(body: bytes, expected: List[Frame]) -> None:
    for chunks in cuttings(body):
        assert frames_of(NdjsonParser(), chunks) == expected


SMALL = [case for case in load_cases() if len(case.body) < 5000]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.id)
def test_recorded_body_is_framed_however_it_is_cut(case: Case) -> None:
    make: Callable[[], Parser] = NdjsonParser if case.api == "ollama" else SniffingParser
    whole = frames_of(make(), [case.body])

    for chunks in cuttings(case.body):
        assert frames_of(make(), chunks) == whole


@pytest.mark.parametrize("body", [b'{"a":1}', b' \n {"a":1}', b'\xef\xbb\xbf{"a":1}', b"[1]"])
def test_sniffing_tells_a_whole_body_from_events(body: bytes) -> None:
    for chunks in cuttings(body):
        (frame,) = frames_of(SniffingParser(), chunks)
        assert isinstance(frame, NamedFrame)
        assert frame.name == WHOLE_BODY
        assert parse_json(frame.data) in ({"a": 1}, [1])


@pytest.mark.parametrize("body", [b"data: a\n\n", b"\n\ndata: a\n\n", b"\xef\xbb\xbfdata: a\n\n"])
def test_sniffing_tells_events_from_a_whole_body(body: bytes) -> None:
    for chunks in cuttings(body):
        assert frames_of(SniffingParser(), chunks) == [b"a"]


def test_sniffing_nothing_is_no_frame() -> None:
    assert frames_of(SniffingParser(), []) == []
    assert frames_of(SniffingParser(), [b" \n"]) == []


@pytest.mark.parametrize("make", [SseParser, SniffingParser])
def test_broken_connection_saves_only_what_is_whole(make: Callable[[], Parser]) -> None:
    def saved(body: bytes) -> List[Frame]:
        parser = make()
        return [*parser.feed(body), *parser.salvage()]

    assert saved(b"data: [DONE]") == [b"[DONE]"]
    assert saved(b'data: {"a":1}') == [b'{"a":1}']
    assert saved(b'data: {"a":') == []
    assert saved(b'data: {"a":1}\n\ndata: {"b') == [b'{"a":1}']


def test_broken_connection_saves_a_whole_last_line() -> None:
    whole, cut = NdjsonParser(), NdjsonParser()
    whole.feed(b'{"a":1}')
    cut.feed(b'{"a":')

    assert whole.salvage() == [b'{"a":1}']
    assert cut.salvage() == []


@pytest.mark.parametrize("make", [SseParser, NdjsonParser])
@pytest.mark.parametrize("prefix", [b"data: ", b": ", b"junk"])
def test_endless_line_is_refused(make: Callable[[], Parser], prefix: bytes) -> None:
    parser = make()
    parser.feed(prefix)

    with pytest.raises(FrameTooLarge):
        for _ in range(wire.MAX_EVENT_BYTES // 65536 + 2):
            parser.feed(b"x" * 65536)


def test_event_of_many_lines_is_refused() -> None:
    parser = SseParser()

    with pytest.raises(FrameTooLarge):
        for _ in range(wire.MAX_EVENT_BYTES // 65536 + 2):
            parser.feed(b"data: " + b"x" * 65536 + b"\n")


@pytest.mark.parametrize("make", [SseParser, NdjsonParser, BodyParser])
def test_endless_answer_is_refused(make: Callable[[], Parser]) -> None:
    parser = make()
    chunk = b"data: x\n\n" * 100_000

    with pytest.raises(FrameTooLarge):
        for _ in range(wire.MAX_ANSWER_BYTES // len(chunk) + 2):
            parser.feed(chunk)


@pytest.mark.parametrize("make", [SseParser, NdjsonParser])
def test_long_event_in_tiny_pieces_costs_linear_time(make: Callable[[], Parser]) -> None:
    parser, piece = make(), b"x" * 16
    parser.feed(b"data: ")
    started = time.perf_counter()

    for _ in range(60_000):
        parser.feed(piece)

    assert time.perf_counter() - started < 2.0
    assert len(parser.finish()) == 1


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' {"a":1} ', {"a": 1}),
        (b'{"a":1e400}', {"a": float("inf")}),
        (b'{"a":"\\ud83d"}', {"a": "\ud83d"}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[" * 150 + b"]" * 150, None),
        (b'{"a":"' + b"[" * 5000 + b'"}', {"a": "[" * 5000}),
        (b"[" + b"{}," * 500 + b"{}]", [{}] * 501),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_odd_json_is_read(payload: bytes, value: object) -> None:
    assert value is None or parse_json(payload) == value
    assert parse_json(payload) is not None


def test_nan_is_read() -> None:
    assert parse_json(b'{"a":NaN}')["a"] != 0


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"a":1}x', b"[" * 100_000, b"[" * 300 + b"]" * 300, b'{"a":' * 300 + b"1" + b"}" * 300, b"nope"],
    ids=lambda value: repr(value)[:30],
)
def test_bad_or_bottomless_json_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(payload)


@pytest.mark.parametrize(
    "text", ["x" * (1 << 20), '\\n\\"[{' * (1 << 15), "[" * (1 << 18)], ids=["plain", "code", "brackets"]
)
def test_long_strings_full_of_brackets_cost_little_memory(text: str) -> None:
    payload = b'{"a":[' + b"[]," * 200 + b'"' + text.encode() + b'"]}'
    tracemalloc.start()
    value = parse_json(payload)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(value["a"]) == 201
    assert most < 8 * len(payload)


@pytest.mark.parametrize("payload", [
    b'{"a":' * 250 + b"1" + b"}" * 250, b'["' + b"]" * 300 + b'",' + b"[" * 250 + b"]" * 250 + b"]",
    b'["\\\\",' + b"[" * 250 + b"]" * 250 + b"]", b'["\\"",' + b"[" * 250 + b"]" * 250 + b"]",
], ids=["objects", "after a string of brackets", "after a backslash", "after a quote"])
def test_depth_is_counted_outside_strings_only(payload: bytes) -> None:
    with pytest.raises(ValueError, match="deep"):
        parse_json(payload)
    assert parse_json(b'["' + b"[" * 300 + b'","\\"' + b"{" * 300 + b'"]') == ["[" * 300, '"' + "{" * 300]

"""What Gemini says, chunk by chunk, becomes events: calls in pieces, signatures in their places, ends that are none."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence

import pytest

from nuke_ai_panel.events import Finish, StreamEvent, StreamWarning, TextDelta, ThinkingOpaque, UsageReport
from nuke_ai_panel.messages import Json, ToolCall, Usage
from nuke_ai_panel.providers.google_decoder import GoogleDecoder
from nuke_ai_panel.providers.wire import SniffingParser, SseParser

from ..normalised import cuttings, normalised


def chunk(*parts: Json, finish: Optional[str] = None, **more: Json) -> Dict[str, Json]:
    candidate: Dict[str, Json] = {"content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **more}


def body_of(chunks: Sequence[Json]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def decode(*chunks: Json) -> List[StreamEvent]:
    decoder = GoogleDecoder("Gemini", model="m")
    events = decoder.feed(SseParser().feed(body_of(chunks)))
    events += decoder.finish()
    if decoder.error is not None:
        raise decoder.error
    return events


def read(body: bytes, *, sniffs: bool = False) -> Dict[str, Json]:
    """The same normalised result however the body is cut."""
    results = []
    for pieces in cuttings(body):
        parser, decoder = SniffingParser() if sniffs else SseParser(), GoogleDecoder("Gemini", model="m")
        events: List[StreamEvent] = []
        for piece in pieces:
            events += [] if decoder.done else decoder.feed(parser.feed(piece))
        if not decoder.done:
            events += decoder.feed(parser.finish())
        events += decoder.finish()
        results.append(normalised(events, decoder.error))
    assert all(one == results[0] for one in results)
    return results[0]


def calls_in(events: Sequence[StreamEvent]) -> List[Any]:  # names and arguments
    return [(event.name, event.arguments) for event in events if isinstance(event, ToolCall)]


def part(**call: Json) -> Dict[str, Json]:
    return {"functionCall": call}


def at(path: str, **value: Json) -> Dict[str, Json]:
    return {"jsonPath": path, **value}


def test_text_that_rides_with_the_finish_is_complete_at_the_end_of_the_body() -> None:
    got = read(body_of([
        chunk({"text": "Cześć, "}, responseId="r", modelVersion="gemini-x"),
        chunk({"text": "świecie 🎬"}, finish="STOP", usageMetadata={
            "promptTokenCount": 7, "candidatesTokenCount": 3, "cachedContentTokenCount": 5, "totalTokenCount": 10}),
    ]))

    assert (got["text"], got["finish"], got["error"], got["warnings"]) == ("Cześć, świecie 🎬", "stop", None, [])
    assert got["usage"] == {"input": 7, "output": 3, "total": 10, "cache_read": 5}
    assert (got["response_id"], got["model"]) == ("r", "gemini-x")


def test_empty_finish_before_the_text_is_not_the_end() -> None:
    got = read(body_of([chunk({"text": ""}, finish="STOP"), chunk({"text": "late"}), chunk(finish="STOP")]))

    assert (got["text"], got["finish"], got["warnings"]) == ("late", "stop", ["content_after_finish"])


def test_pretty_printed_error_between_the_events_is_the_error() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    got = read(body_of([chunk({"text": "Hel"})]) + json.dumps(error, indent=2).encode())

    assert (got["text"], got["finish"], got["error"]["kind"]) == ("Hel", None, "overloaded")
    assert (got["error"]["status"], got["error"]["retryable"]) == (503, True)


@pytest.mark.parametrize("wrapped", [False, True])
def test_error_as_an_event_ends_the_answer(wrapped: bool) -> None:
    error: Json = {"error": {"code": 500, "message": "Internal error", "status": "INTERNAL"}}
    got = read(body_of([chunk({"text": "Hel"}), [error] if wrapped else error, chunk({"text": "lo"}, finish="STOP")]))

    assert (got["text"], got["error"]["kind"]) == ("Hel", "server_error")


def test_list_of_chunks_that_came_for_want_of_events_is_read_as_one_answer() -> None:
    chunks = [chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")]
    got = read(json.dumps(chunks, indent=1).encode(), sniffs=True)

    assert (got["text"], got["finish"], got["warnings"]) == ("ab", "stop", ["not_streamed"])


def test_list_of_chunks_that_is_cut_short_is_no_success() -> None:
    whole = json.dumps([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")]).encode()

    for end in range(len(whole) - 1):
        assert read(whole[:end], sniffs=True)["finish"] is None


def test_page_that_is_no_answer_is_a_protocol_error() -> None:
    assert read(b'{"hello": 1}', sniffs=True)["error"]["kind"] == "protocol"
    assert read(b"nonsense\n\n")["error"]["kind"] == "protocol"


def test_done_mark_of_a_proxy_is_tolerated_and_is_not_the_end() -> None:
    got = read(body_of([chunk({"text": "a"}, finish="STOP")]) + b"data: [DONE]\n\n")
    cut = read(body_of([chunk({"text": "a"})]) + b"data: [DONE]\n\n")

    assert (got["finish"], got["warnings"]) == ("stop", [])
    assert cut["error"]["kind"] == "truncated"


@pytest.mark.parametrize(("word", "reason"), [
    ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
    ("BLOCKLIST", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"),
    ("LANGUAGE", "content_filter"), ("IMAGE_SAFETY", "content_filter"), ("OTHER", "other"), ("NEVER_SEEN", "other"),
])
def test_finish_reasons_are_ours(word: str, reason: str) -> None:
    assert decode(chunk({"text": "x"}, finish=word))[-1] == Finish(reason, word)  # type: ignore[arg-type]  # a reason


@pytest.mark.parametrize("word", [
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
])
def test_output_that_the_server_threw_away_is_an_error_and_its_calls_are_gone(word: str) -> None:
    got = read(body_of([chunk(part(name="f", args={})), chunk(finish=word)]))

    assert (got["tool_calls"], got["finish"], got["raw_finish"]) == ([], None, word)
    assert (got["error"]["kind"], got["error"]["code"], got["error"]["retryable"]) == ("server_error", word, True)


def test_usage_without_counters_takes_nothing_back() -> None:
    events = decode(
        chunk({"text": "x"}, usageMetadata={
            "promptTokenCount": 4, "toolUsePromptTokenCount": 6, "totalTokenCount": 10}),
        chunk(finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}),
    )

    assert UsageReport(Usage(input=10, output=0, total=10)) in events


def test_second_candidate_and_parts_that_are_no_text_are_left_out_aloud() -> None:
    events = decode(
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}}]},
        chunk({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"text": "said"}, finish="STOP"),
    )

    assert [event.text for event in events if isinstance(event, TextDelta)] == ["said"]
    assert [event.code for event in events if isinstance(event, StreamWarning)] == [
        "extra_choice_ignored", "part_ignored"]


# ---------------------------------------------------------------- calls


def test_calls_side_by_side_keep_their_ids_and_order() -> None:
    events = decode(
        chunk(part(id="x1", name="a", args={"n": 1}), part(id="x2", name="b")), chunk(part(name="c", args={})),
        chunk(finish="STOP"),
    )

    assert [(one.id, one.name, one.arguments) for one in events if isinstance(one, ToolCall)] == [
        ("x1", "a", {"n": 1}), ("x2", "b", {}), ("call_2", "c", {})]
    assert events[-1] == Finish("tool_calls", "STOP")


def test_call_in_pieces_is_put_together_along_its_paths() -> None:
    events = decode(
        chunk(part(name="cook", willContinue=True)),
        chunk(part(willContinue=True, partialArgs=[
            at("$.name", stringValue="Pie", willContinue=True),
            at("$.parts[0].what", stringValue="ap", willContinue=True),
        ])),
        chunk(part(willContinue=True, partialArgs=[
            at("$.parts[0].what", stringValue="ples"), at("$.name", stringValue="rogi"),
            at("$.parts[0].grams", numberValue=200), at("$.parts[1]['the kind']", nullValue="NULL_VALUE"),
            at("$.hot", boolValue=True), at("$.share", numberValue=0.5),
        ])),
        chunk(part()), chunk(part(name="serve", args={"to": "all"})), chunk(finish="STOP"),
    )

    assert calls_in(events) == [
        ("cook", {"name": "Pierogi", "hot": True, "share": 0.5,
                  "parts": [{"what": "apples", "grams": 200}, {"the kind": None}]}),
        ("serve", {"to": "all"}),
    ]


@pytest.mark.parametrize("pieces", [
    [at("$.a[99999999]", numberValue=1)], [at("$.a", numberValue=1), at("$.a.b", numberValue=1)],
    [at("a.b", stringValue="x")], [at("$" + ".a" * 100, stringValue="x")], [at("$", stringValue="x")],
    [at("$[0]", stringValue="x")], [at("$.a..b", stringValue="x")],
])
def test_pieces_that_do_not_fit_make_a_call_that_nobody_runs(pieces: List[Json]) -> None:
    events = decode(chunk(part(name="f", willContinue=True)), chunk(part(partialArgs=pieces)), chunk(finish="STOP"))

    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert call.arguments is None and call.raw_arguments


@pytest.mark.parametrize("finish", ["STOP", "MAX_TOKENS"])
def test_call_whose_pieces_stopped_coming_is_never_run(finish: str) -> None:
    events = decode(
        chunk(part(name="f", willContinue=True)),
        chunk(part(willContinue=True, partialArgs=[at("$.a", stringValue="x")])), chunk(finish=finish),
    )

    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert call.arguments is None


def test_call_before_a_cut_is_not_handed_on() -> None:
    got = read(body_of([chunk(part(name="f", args={"a": 1}))]))

    assert (got["tool_calls"], got["error"]["kind"]) == ([], "truncated")


# ---------------------------------------------------------------- signatures


def test_each_signature_is_kept_with_its_place() -> None:
    events = decode(
        chunk({"text": "plan", "thought": True, "thoughtSignature": "A"}), chunk({"text": "Hel"}),
        chunk({"text": "lo", "thoughtSignature": "B"}), chunk({**part(name="f", args={}), "thoughtSignature": "C"}),
        chunk(part(name="g", args={})), chunk({"text": "", "thoughtSignature": "D"}, finish="STOP"),
    )

    assert [event.payload for event in events if isinstance(event, ThinkingOpaque)] == [
        {"google": {"place": "thought", "start": 0, "end": 4, "calls": 0}, "thoughtSignature": "A"},
        {"google": {"place": "text", "start": 3, "end": 5, "calls": 0}, "thoughtSignature": "B"},
        {"google": {"place": "call", "start": 5, "end": 5, "calls": 0}, "thoughtSignature": "C"},
        {"google": {"place": "text", "start": 5, "end": 5, "calls": 2}, "thoughtSignature": "D"},
    ]

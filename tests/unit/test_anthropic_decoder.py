"""Anthropic's events: every recorded answer, and what its servers and proxies send besides."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, Keepalive, Restarted, StreamEvent, StreamWarning, TextDelta, ThinkingOpaque
from nuke_ai_panel.messages import Json, Message
from nuke_ai_panel.providers.anthropic_decoder import AnthropicDecoder
from nuke_ai_panel.providers.anthropic_dialect import AnthropicOptions, encode
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.classify import classify_error
from nuke_ai_panel.providers.wire import SniffingParser

from ..normalised import cuttings, differences, drained, normalised
from ..streams import Case, load_cases

CASES = load_cases(frozenset({"anthropic"}))
START = {"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None,
    "usage": {"input_tokens": 25, "output_tokens": 1}}}
STOP = {"type": "message_stop"}


def start(index: int, **block: Any) -> Dict[str, Any]:  # the fields of a block
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **delta: Any) -> Dict[str, Any]:  # the fields of a delta
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> Dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str, usage: Optional[Dict[str, Any]] = None, **more: Any) -> Dict[str, Any]:  # further fields
    return {"type": "message_delta", "delta": {"stop_reason": reason, **more}, "usage": usage or {"output_tokens": 5}}


def text(index: int, *pieces: str) -> List[Dict[str, Any]]:
    return [start(index, type="text", text=""), *(delta(index, type="text_delta", text=one) for one in pieces),
            stop(index)]


def sse(events: Sequence[Dict[str, Any]], *, names: bool = True) -> bytes:
    heads = [f"event: {one['type']}\n" if names and "type" in one else "" for one in events]
    return "".join(f"{head}data: {json.dumps(one)}\n\n" for head, one in zip(heads, events)).encode()


def decode(body: bytes, chunks: Optional[List[bytes]] = None) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    decoder = AnthropicDecoder("Anthropic", model="claude-x", request_id="req_head")
    return drained(SniffingParser(), decoder, [body] if chunks is None else chunks)


def result(*events: Dict[str, Any], names: bool = True) -> Dict[str, Json]:
    return normalised(*decode(sse(events, names=names)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_answer_becomes_the_recorded_result(case: Case) -> None:
    if case.status != 200:
        error = classify_error(case.status, case.body, case.headers, provider="Anthropic")
        assert differences(normalised([], error), case) == []
        return
    for chunks in cuttings(case.body):
        assert differences(normalised(*decode(case.body, chunks)), case) == []


def test_answer_without_event_lines_is_told_by_its_data() -> None:
    got = result(START, *text(0, "Hi"), end("end_turn"), STOP, names=False)

    assert (got["text"], got["finish"], got["error"]) == ("Hi", "stop", None)


def test_overload_in_the_middle_keeps_what_was_said() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_7"}
    events, failure = decode(sse([START, *text(0, "Half"), error]))

    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Half"]
    assert failure is not None
    assert (failure.kind, failure.retryable, failure.request_id) == ("overloaded", True, "req_7")


@pytest.mark.parametrize(("kind", "ours"), [
    ("overloaded_error", "overloaded"), ("api_error", "server_error"), ("rate_limit_error", "rate_limit"),
    ("timeout_error", "timeout"), ("authentication_error", "auth"), ("permission_error", "permission"),
    ("billing_error", "credits"), ("not_found_error", "model_not_found"), ("invalid_request_error", "bad_request"),
    ("request_too_large", "bad_request"), ("error_of_tomorrow", "server_error"),
])
def test_error_as_the_first_event_has_its_kind(kind: str, ours: str) -> None:
    got = result({"type": "error", "error": {"type": kind, "message": "no"}})

    assert (got["error"]["kind"], got["error"]["type"], got["error"]["message"]) == (ours, kind, "no")


def test_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    usage = {"output_tokens": 120, "output_tokens_details": {"thinking_tokens": 67}}

    got = result(START, *text(0), end("refusal", usage, stop_details=details), STOP)

    assert (got["text"], got["finish"], got["raw_finish"]) == ("", "content_filter", "refusal")
    assert got["warnings"] == ["refusal:Not this."]
    assert got["usage"] == {"input": 25, "output": 120, "total": 145, "reasoning": 67}


@pytest.mark.parametrize(("word", "ours"), [
    ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("pause_turn", "pause"),
    ("model_context_window_exceeded", "length"), ("tool_use", "tool_calls"), ("word_of_tomorrow", "other"),
])
def test_stop_reasons_mean_what_they_say(word: str, ours: str) -> None:
    assert result(START, *text(0, "x"), end(word), STOP)["finish"] == ours


def test_last_value_of_each_counter_wins_and_input_holds_the_cache() -> None:
    first = {"input_tokens": 43, "output_tokens": 1, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 0}
    opening = {**START, "message": {**START["message"], "usage": first}}  # type: ignore[dict-item]  # a mapping

    got = result(opening, *text(0, "pong"), end("end_turn", {"input_tokens": 61, "output_tokens": 2}), STOP)

    assert got["usage"] == {"input": 68, "output": 2, "total": 70, "cache_read": 7, "cache_write": 0}


def test_pings_show_life_and_nothing_else() -> None:
    events, _ = decode(sse([START, {"type": "ping"}, *text(0, "x"), {"type": "ping"}, end("end_turn"), STOP]))

    assert [event for event in events if isinstance(event, Keepalive)] == [Keepalive("ping")] * 2


def test_parallel_calls_with_mixed_fragments_stay_apart() -> None:
    got = result(
        START, start(0, type="tool_use", id="toolu_1", name="look", input={}),
        start(1, type="tool_use", id="toolu_2", name="move", input={}),
        delta(1, type="input_json_delta", partial_json='{"x":'), delta(0, type="input_json_delta", partial_json=""),
        delta(1, type="input_json_delta", partial_json="1}"), stop(1), stop(0), end("tool_use"), STOP,
    )

    assert [(call["id"], call["name"], call["arguments"]) for call in got["tool_calls"]] == [
        ("toolu_1", "look", {}), ("toolu_2", "move", {"x": 1})]


def test_arguments_that_come_with_the_start_count_when_nothing_streams() -> None:
    got = result(START, start(0, type="tool_use", id="t", name="look", input={"at": [1, 2]}),
                 delta(0, type="input_json_delta", partial_json=""), stop(0), end("tool_use"), STOP)

    assert got["tool_calls"][0]["arguments"] == {"at": [1, 2]}


def test_call_of_a_stream_that_breaks_off_is_never_told() -> None:
    got = result(START, start(0, type="tool_use", id="t", name="look", input={}),
                 delta(0, type="input_json_delta", partial_json="{}"), stop(0))

    assert (got["tool_calls"], got["error"]["kind"]) == ([], "truncated")


def test_thoughts_are_kept_whole_with_their_place_and_go_back_as_they_were() -> None:
    blocks = [
        {"type": "thinking", "thinking": "First.", "signature": "c2ln"}, {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
        {"type": "redacted_thinking", "data": "ZA"},
        {"type": "thinking", "thinking": "", "signature": "aGlkZGVu"},
        {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
    ]
    body = json.dumps({**START["message"], "content": blocks, "stop_reason": "tool_use"}).encode()
    events, error = decode(body)
    got = normalised(events, error)
    opaque = tuple(event.payload for event in events if isinstance(event, ThinkingOpaque))

    calls = tuple(event for event in events if type(event).__name__ == "ToolCall")
    answer = Message("a", "c", None, "assistant", got["text"], reasoning_opaque=opaque, tool_calls=calls,  # type: ignore[arg-type]  # calls
                     provider="anthropic", model="claude-x")
    path = (Message("q", "c", None, "user", "?"), answer, Message("r", "c", "a", "tool", "", tool_call_id="t1"))
    sent = encode(ChatRequest("claude-x", path), AnthropicOptions(cache_ttl=None), provider="anthropic")

    assert got["warnings"] == ["not_streamed"] and len(opaque) == 3
    assert sent["messages"][1]["content"] == blocks


def test_thought_without_signature_is_shown_and_not_kept() -> None:
    got = result(START, start(0, type="thinking", thinking="", signature=""),
                 delta(0, type="thinking_delta", thinking="Hm."), stop(0), *text(1, "Yes."), end("end_turn"), STOP)

    assert (got["reasoning"], got["text"], got["opaque"]) == ("Hm.", "Yes.", 0)


def test_answer_that_starts_again_forgets_the_first() -> None:
    again = {**START, "message": {**START["message"], "id": "msg_2"}}  # type: ignore[dict-item]  # a mapping
    events, error = decode(sse([
        START, *text(0, "Wrong"), end("end_turn"), again, *text(0, "Right"), end("end_turn"), STOP]))

    assert sum(isinstance(event, Restarted) for event in events) == 1
    assert normalised(events, error)["text"] == "Right"


def test_blocks_and_deltas_of_tomorrow_are_ignored_and_named() -> None:
    events, _ = decode(sse([
        START, start(0, type="hologram", data="x"), delta(0, type="text_delta", text="inside"), stop(0),
        start(1, type="web_search_tool_result", content=[]), stop(1), *text(2, "ok"), end("end_turn"), STOP]))

    assert [event.text for event in events if isinstance(event, TextDelta)] == ["ok"]
    codes = [event.code for event in events if isinstance(event, StreamWarning)]
    assert codes == ["unknown_block", "server_block_ignored"]


def test_whole_body_that_is_an_error_is_one() -> None:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}'

    got = normalised(*decode(body))

    assert got["error"]["kind"] == "context_too_long"


def test_stream_that_says_nothing_is_no_answer() -> None:
    assert result({"type": "ping"}, STOP)["error"]["kind"] == "protocol"
    assert result({"type": "ping"})["error"]["kind"] == "truncated"


def test_done_mark_of_a_proxy_ends_a_finished_answer() -> None:
    body = sse([START, *text(0, "x"), end("end_turn")]) + b"data: [DONE]\n\n"

    events, error = decode(body)

    assert events[-1] == Finish("stop", "end_turn") and error is None


@pytest.mark.parametrize("event", [
    {"type": "content_block_start"}, {"type": "content_block_start", "index": [1], "content_block": 5},
    {"type": "content_block_delta", "index": {}, "delta": {"type": "text_delta", "text": 5}},
    {"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_stop", "index": None}, {"type": "message_start", "message": "x"},
    {"type": "message_delta", "delta": None, "usage": [1]}, {"type": 7}, {}, {"type": "ping", "x": "\ud800"},
])
def test_senseless_event_never_breaks_the_answer(event: Dict[str, Any]) -> None:
    got = result(START, event, *text(0, "ok"), end("end_turn"), STOP)

    assert got["text"] == "ok" and got["finish"] in ("stop", "tool_calls")

"""What servers of the OpenAI family do beyond the recorded answers, one small body for each habit."""

from __future__ import annotations

import json
from typing import Dict, List, Optional

import pytest

from nuke_ai_panel.events import Progress, StreamStarted, TextDelta, ThinkingDelta, ThinkingOpaque, UsageReport
from nuke_ai_panel.messages import Json, Usage
from nuke_ai_panel.providers import wire
from nuke_ai_panel.providers.openai_decoder import OpenAIDecoder
from nuke_ai_panel.providers.wire import SniffingParser, SseParser

from ..normalised import normalised
from .test_openai_dialect import decode

DONE = b"data: [DONE]\n\n"


def chunk(delta: Optional[Dict[str, Json]] = None, finish: Optional[str] = None, **more: Json) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return event({"id": "c", "model": "m", "choices": [choice], **more})


def event(payload: Json) -> bytes:
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def result(*parts: bytes, think_tags: bool = False) -> Dict[str, Json]:
    """The normalised result, the same for the whole body and byte by byte."""
    body = b"".join(parts)
    whole = normalised(*decode([body], think_tags=think_tags))
    assert normalised(*decode([body[i : i + 1] for i in range(len(body))], think_tags=think_tags)) == whole
    return whole


def call(index: Optional[int], call_id: Optional[str], name: Optional[str], arguments: Json) -> Dict[str, Json]:
    row: Dict[str, Json] = {"function": {"name": name, "arguments": arguments}}
    if index is not None:
        row["index"] = index
    if call_id is not None:
        row["id"] = call_id
    return {"tool_calls": [row]}


def calls_of(*deltas: Dict[str, Json], finish: str = "tool_calls") -> List[Json]:
    got = result(*(chunk(delta) for delta in deltas), chunk(finish=finish), DONE)
    return [(one["id"], one["name"], one["arguments"]) for one in got["tool_calls"]]


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("pause_turn", "pause"),
        ("abort", "other"),
    ],
)
def test_finish_words_are_translated(word: str, reason: str) -> None:
    got = result(chunk({"content": "x"}), chunk(finish=word), DONE)

    assert (got["finish"], got["raw_finish"]) == (reason, word)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("error", "server_error"),
        ("insufficient_system_resource", "overloaded"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "server_error"),
        ("MALFORMED_FUNCTION_CALL", "server_error"),
        ("UNEXPECTED_TOOL_CALL", "server_error"),
    ],
)
def test_some_finish_words_are_errors(word: str, kind: str) -> None:
    got = result(chunk({"content": "x"}), chunk(finish=word), DONE)

    assert (got["text"], got["error"]["kind"], got["error"]["retryable"]) == ("x", kind, True)
    assert got["raw_finish"] == word


def test_done_alone_is_no_answer() -> None:
    assert result(DONE)["error"]["kind"] == "protocol"
    assert result(b": ping\n\n", DONE)["error"]["kind"] == "protocol"


def test_nothing_at_all_is_a_truncated_answer() -> None:
    assert result(b"")["error"]["kind"] == "truncated"


def test_empty_answer_that_stopped_is_a_success() -> None:
    got = result(chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), DONE)

    assert (got["text"], got["finish"]) == ("", "stop")


def test_swallowed_error_is_a_truncated_answer() -> None:
    got = result(chunk({"content": "x"}), chunk({"role": "assistant", "content": ""}, finish=""))

    assert got["error"]["kind"] == "truncated"


def test_later_finish_wins_over_an_early_empty_one() -> None:
    got = result(chunk(finish="stop"), chunk({"content": "x"}), chunk(finish="length"), DONE)

    assert (got["text"], got["finish"], got["warnings"]) == ("x", "length", ["content_after_finish"])


# ---------------------------------------------------------------- errors inside a stream


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("text", "server_error"),
        ({"message": "x", "code": 429}, "rate_limit"),
        ({"message": "x", "code": "429"}, "rate_limit"),
        ({"message": "maximum context length is 8", "code": 400}, "context_too_long"),
        (["x"], "server_error"),
        ({"message": "x", "code": 502, "metadata": {"error_type": "provider_unavailable"}}, "overloaded"),
    ],
)
def test_error_in_a_chunk_ends_the_answer(error: Json, kind: str) -> None:
    got = result(chunk({"content": "Hel"}), event({"error": error}), DONE, chunk({"content": "more"}))

    assert (got["text"], got["error"]["kind"], got["raw_finish"]) == ("Hel", kind, "error")


def test_text_beside_an_error_is_kept() -> None:
    body = event(
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "error"}], "error": {"message": "x", "code": 500}}
    )

    got = result(chunk({"content": "Hel"}), body)

    assert (got["text"], got["error"]["kind"]) == ("Hello", "server_error")


def test_error_of_one_choice_is_found() -> None:
    error = {"code": 504, "message": "timed out", "metadata": {"error_type": "timeout"}}

    got = result(
        chunk({"content": "a"}), event({"choices": [{"delta": {}, "finish_reason": "error", "error": error}]}), DONE
    )

    assert (got["text"], got["error"]["kind"], got["raw_finish"]) == ("a", "timeout", "error")


def test_error_of_old_vllm_and_of_a_list_are_found() -> None:
    assert result(event({"object": "error", "message": "x", "code": 400}))["error"]["kind"] == "bad_request"
    assert (
        result(event([{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}]))["error"]["kind"]
        == "overloaded"
    )
    assert (
        result(event({"x_groq": {"error": "over capacity: overloaded"}, "choices": []}))["error"]["kind"]
        == "overloaded"
    )


def test_named_error_event_needs_no_json() -> None:
    got = result(chunk({"content": "He"}), b"event: error\ndata: boom\n\n")

    assert (got["text"], got["error"]["message"], got["raw_finish"]) == ("He", "boom", "error")


def test_pretty_printed_error_between_events_is_found() -> None:
    lines = json.dumps({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}, indent=2).encode()

    got = result(chunk({"content": "He"}), lines, b"\n")

    assert (got["text"], got["error"]["kind"], got["raw_finish"]) == ("He", "overloaded", None)


def test_page_instead_of_events_is_no_answer() -> None:
    got = result(b"<html>\n<body>sign in</body></html>")

    assert got["error"]["kind"] == "protocol"
    assert "<html>" in got["error"]["message"]


def test_ten_unreadable_events_end_the_answer() -> None:
    got = result(chunk({"content": "x"}), b"data: {\n\n" * 30, DONE)

    assert (got["text"], got["error"]["kind"], got["warnings"]) == ("x", "protocol", ["bad_json_event"])


@pytest.mark.parametrize(
    "odd",
    [
        b"null",
        b"7",
        b'"x"',
        b"[]",
        b"[1]",
        b'{"choices":7}',
        b'{"choices":[7,null,[]]}',
        b'{"choices":[{"delta":[]}]}',
        b'{"choices":[{"delta":{"content":7}}]}',
        b'{"choices":[{"delta":{"tool_calls":7}}]}',
        b'{"choices":[{"delta":{"tool_calls":[7]}}]}',
        b'{"choices":[{"index":"a","delta":{"content":"no"}}]}',
        b'{"usage":7}',
        b'{"id":7,"model":[],"provider":{}}',
        b'{"usage":{"prompt_tokens":"x"}}',
    ],
)
def test_odd_chunks_do_no_harm(odd: bytes) -> None:
    got = result(
        chunk({"content": "a"}), b"data: " + odd + b"\n\n", chunk({"content": "b"}), chunk(finish="stop"), DONE
    )

    assert (got["text"], got["finish"], got["response_id"], got["model"]) == ("ab", "stop", "c", "m")


# ---------------------------------------------------------------- whole bodies


def whole(body: bytes) -> Dict[str, Json]:
    return normalised(*decode([body], parser=SniffingParser()))


def test_whole_body_has_tools_reasoning_and_finish() -> None:
    message = {
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
    }

    got = whole(
        json.dumps({"id": "i", "choices": [{"message": message, "finish_reason": "tool_calls"}]}, indent=1).encode()
    )

    assert (got["reasoning"], got["finish"], got["warnings"]) == ("hm", "tool_calls", ["not_streamed"])
    assert got["tool_calls"] == [{"id": "a", "name": "f", "arguments": {"x": 1}, "raw_arguments": None}]


def test_whole_body_that_is_an_error_or_nothing() -> None:
    assert whole(b'{"error":{"message":"x","code":429}}')["error"]["kind"] == "rate_limit"
    assert whole(b'[{"error":{"message":"x","code":429}}]')["error"]["kind"] == "rate_limit"
    assert whole(b'{"id":"a"}')["error"]["kind"] == "protocol"
    assert whole(b'{"id":')["error"]["kind"] == "protocol"


def test_whole_body_in_an_event_stream_is_read() -> None:
    got = result(b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}\n')

    assert (got["text"], got["warnings"]) == ("x", ["not_streamed"])


# ---------------------------------------------------------------- tool calls


def test_parallel_calls_are_told_apart_by_index() -> None:
    assert calls_of(
        call(0, "a", "f", ""),
        call(1, "b", "g", ""),
        call(0, None, None, '{"x":'),
        call(1, None, None, '{"y":'),
        call(0, None, None, "1}"),
        call(1, None, None, "2}"),
    ) == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]


def test_calls_without_index_are_told_apart_by_id_or_by_whole_arguments() -> None:
    assert calls_of(call(None, "a", "f", '{"x":1}'), call(None, "b", "g", "{}")) == [
        ("a", "f", {"x": 1}),
        ("b", "g", {}),
    ]
    assert calls_of(call(None, None, "f", '{"x":1}'), call(None, None, "g", "{}")) == [
        ("call_0", "f", {"x": 1}),
        ("call_1", "g", {}),
    ]
    assert calls_of(call(None, None, "f", '{"x":'), call(None, None, "f", "1}")) == [("call_0", "f", {"x": 1})]
    assert calls_of(call(None, "a", "f", ""), call(None, "b", "g", ""), call(None, "a", None, '{"x":1}')) == [
        ("a", "f", {"x": 1}),
        ("b", "g", {}),
    ]


def test_fragments_after_a_reused_index_join_the_newer_call() -> None:
    assert calls_of(call(0, "a", "f", "{}"), call(0, "b", "g", '{"y":'), call(0, None, None, "2}")) == [
        ("a", "f", {}),
        ("b", "g", {"y": 2}),
    ]


def test_word_null_is_no_id_and_equal_ids_are_told_apart() -> None:
    assert calls_of(call(0, "null", "f", "{}")) == [("call_0", "f", {})]
    assert [one[0] for one in calls_of(call(0, "a", "f", "{}"), call(1, "a", "g", "{}"))] == ["a", "call_1"]
    assert [one[0] for one in calls_of(call(0, "call_1", "f", "{}"), call(1, None, "g", "{}"))] == ["call_1", "call_1_"]


@pytest.mark.parametrize(
    "arguments", ['{"a":', "[1]", "7", "null", '"x"', "{}{}", '{"a":NaN}', '{"a":1e999}', "[" * 5000]
)
def test_arguments_that_are_no_object_are_never_valid(arguments: str) -> None:
    got = result(chunk(call(0, "a", "f", arguments)), chunk(finish="tool_calls"), DONE)

    assert got["tool_calls"] == [{"id": "a", "name": "f", "arguments": None, "raw_arguments": arguments}]
    assert "tool_args_invalid_json" in got["warnings"]


def test_call_without_a_name_is_never_valid() -> None:
    assert calls_of(call(0, "a", None, "{}")) == [("a", "", None)]


def test_old_function_call_is_a_tool_call() -> None:
    assert calls_of(
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
        finish="function_call",
    ) == [("call_0", "f", {"x": 1})]


# ---------------------------------------------------------------- reasoning


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_parted_from_text(field: str) -> None:
    got = result(
        chunk({field: "hm "}), chunk({field: "ok", "content": ""}), chunk({"content": "42"}), chunk(finish="stop"), DONE
    )

    assert (got["reasoning"], got["text"]) == ("hm ok", "42")


@pytest.mark.parametrize(
    ("text", "reasoning", "said"),
    [
        ("<think>plan</think>\n\nanswer", "plan", "answer"),
        ("\n <think>\nplan</think>answer", "plan", "answer"),
        ("<think></think>answer", "", "answer"),
        ("<think>never closed", "never closed", ""),
        ("<think>a < b </thin", "a < b </thin", ""),
        ("no <think>tag</think>", "", "no <think>tag</think>"),
        ("<thin", "", "<thin"),
        ("  spaces first", "", "  spaces first"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ],
)
def test_think_tags_part_an_answer_only_at_its_start(text: str, reasoning: str, said: str) -> None:
    for size in (1, 2, 3, 100):
        pieces = [chunk({"content": text[at : at + size]}) for at in range(0, len(text), size)]
        got = result(*pieces, chunk(finish="stop"), DONE, think_tags=True)
        assert (got["reasoning"], got["text"]) == (reasoning, said)


def test_reasoning_details_are_shown_and_kept_whole_for_replay() -> None:
    deltas: List[List[Json]] = [
        [{"type": "reasoning.text", "text": "a", "index": 0, "signature": None}],
        [{"type": "reasoning.text", "text": "b", "index": 0}],
        [{"type": "reasoning.text", "signature": "S", "index": 0}],
        [
            {"type": "reasoning.encrypted", "data": "D", "index": 1},
            {"type": "reasoning.summary", "summary": "s", "index": 2},
        ],
        [{"type": "reasoning.encrypted", "data": "E", "index": 1}],
    ]
    events, _ = decode([*(chunk({"reasoning_details": row}) for row in deltas), chunk(finish="stop"), DONE])

    thoughts = "".join(one.text for one in events if isinstance(one, ThinkingDelta))
    (opaque,) = [one for one in events if isinstance(one, ThinkingOpaque)]
    assert thoughts == "abs"
    assert opaque.payload == {
        "reasoning_details": [
            {"type": "reasoning.text", "text": "ab", "index": 0, "signature": "S"},
            {"type": "reasoning.encrypted", "data": "D", "index": 1},
            {"type": "reasoning.summary", "summary": "s", "index": 2},
            {"type": "reasoning.encrypted", "data": "E", "index": 1},
        ]
    }


def test_details_without_index_are_not_touched() -> None:
    row = {"type": "reasoning.text", "text": "a"}
    events, _ = decode([chunk({"reasoning_details": [row, row]}), chunk(finish="stop"), DONE])

    assert [one.payload for one in events if isinstance(one, ThinkingOpaque)] == [{"reasoning_details": [row, row]}]


# ---------------------------------------------------------------- facts beside the text


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4, 7)),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "total_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 2},
                "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 5},
                "cost": 0.25,
            },
            Usage(3, 4, 9, 2, 1, 5, 0.25),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 2}, Usage(3, 4, 7, cache_read=2)),
        ({"prompt_tokens": 3.0, "completion_tokens": True, "total_tokens": -1, "cost": "x"}, Usage(3)),
    ],
)
def test_counters_are_read_from_every_dialect(usage: Json, expected: Usage) -> None:
    plain, _ = decode([chunk({"content": "x"}), chunk(finish="stop", usage=usage), DONE])
    groq, _ = decode([chunk({"content": "x"}), chunk(finish="stop", x_groq={"usage": usage}), DONE])

    assert [one.usage for one in plain if isinstance(one, UsageReport)] == [expected]
    assert [one.usage for one in groq if isinstance(one, UsageReport)] == [expected]


def test_upstream_and_empty_identity() -> None:
    first = event({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
    last = event({"id": "b", "choices": [{"index": 0, "finish_reason": "stop", "content_filter_results": {}}]})
    events, error = decode([first, chunk({"content": "x"}, provider="Up"), last, DONE])

    assert error is None
    assert [one for one in events if isinstance(one, StreamStarted)] == [StreamStarted("c", "m", "Up", None)]


def test_prompt_progress_is_reported() -> None:
    events, _ = decode([chunk(prompt_progress={"total": 9, "processed": 3}), chunk(finish="stop"), DONE])

    assert Progress("prompt", 3, 9) in events


def test_text_of_one_network_chunk_is_one_event() -> None:
    events, _ = decode([b"".join(chunk({"content": word}) for word in "abcdef"), chunk(finish="stop") + DONE])

    assert [one for one in events if isinstance(one, TextDelta)] == [TextDelta("abcdef")]


def test_legacy_text_and_part_lists_are_read() -> None:
    old = event({"choices": [{"index": 0, "text": "a", "finish_reason": None}]})
    parts = chunk(
        {"content": [{"type": "text", "text": "b"}, "c", {"type": "image"}, {"type": "thinking", "thinking": "t"}]}
    )

    got = result(old, parts, chunk(finish="stop"), DONE)

    assert (got["text"], got["reasoning"]) == ("abc", "t")


# ---------------------------------------------------------------- the fast path


def test_frames_of_one_shape_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: List[bytes] = []
    real = wire.parse_json

    def counting(data: bytes) -> Json:
        parsed.append(data)
        return real(data)

    monkeypatch.setattr("nuke_ai_panel.providers.openai_decoder.parse_json", counting)
    words = [f"word{n} " for n in range(100)]

    events, _ = decode([*(chunk({"content": word}) for word in words), chunk(finish="stop"), DONE])

    assert "".join(one.text for one in events if isinstance(one, TextDelta)) == "".join(words)
    assert len(parsed) < 5


@pytest.mark.parametrize(
    "content", ['a"b', "a\\b", "a\nb", "\u2028", "\x7f", "zażółć 日本語 🧑‍🚀", '","role":"x', "\ud83d", "", " "]
)
def test_any_text_survives_the_fast_path(content: str) -> None:
    words = ["one", content, "two", content, content, '"content":"', "three"]
    for ascii_only in (True, False):
        parts = [
            b"data: "
            + json.dumps(
                {"id": "c", "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]},
                ensure_ascii=ascii_only,
                separators=(",", ":"),
            ).encode("utf-8", "surrogatepass" if ascii_only else "replace")
            + b"\n\n"
            for word in words
        ]
        events, error = decode([*parts, chunk(finish="stop"), DONE])

        said = "".join(one.text for one in events if isinstance(one, TextDelta))
        expected = "".join(words) if ascii_only else "".join(words).encode("utf-8", "replace").decode()
        assert (said, error) == (expected, None)


def test_frame_that_only_looks_like_the_template_is_parsed() -> None:
    plain = chunk({"content": "a"})
    rogue = chunk({"content": 'x"},"finish_reason":null}],"y":[{"z":{"q":"'})
    short = plain.replace(b'"content":"a"', b'"content":""')

    got = result(plain, chunk({"content": "b"}), rogue, short, chunk({"content": "c"}), chunk(finish="stop"), DONE)

    assert got["text"] == "ab" + 'x"},"finish_reason":null}],"y":[{"z":{"q":"' + "c"


def test_decoder_ignores_what_comes_after_its_end() -> None:
    decoder = OpenAIDecoder("p")
    parser = SseParser()
    decoder.feed(parser.feed(chunk({"content": "x"}) + chunk(finish="stop") + DONE + chunk({"content": "y"})))

    assert decoder.done
    assert decoder.finish() == []

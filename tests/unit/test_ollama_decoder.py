"""Every recorded answer of Ollama, however it is cut, becomes the recorded result."""

from __future__ import annotations

from typing import Iterable, List, Optional, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, Progress, StreamEvent, StreamStarted
from nuke_ai_panel.providers.ollama_decoder import OllamaDecoder
from nuke_ai_panel.providers.wire import NdjsonParser

from ..normalised import cuttings, differences, normalised
from ..streams import Case, load_cases

CASES = [case for case in load_cases(frozenset({"ollama"})) if case.status == 200]


def decode(chunks: Iterable[bytes], *, is_broken: bool = False) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    """What the decoder makes of a body; a broken one ends with the error that the door would raise."""
    parser, decoder = NdjsonParser(), OllamaDecoder("p")
    events: List[StreamEvent] = []
    for chunk in chunks:
        events += decoder.feed(parser.feed(chunk))
        if decoder.done:
            return events, decoder.error
    events += decoder.feed(parser.salvage() if is_broken else parser.finish())
    if is_broken and not decoder.done:
        return events, ProviderError("network", "connection lost mid-stream")
    events += decoder.finish()
    return events, decoder.error


def lines(*rows: str) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    return decode(["\n".join(rows).encode() + b"\n"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_answer_however_it_is_cut(case: Case) -> None:
    is_broken = case.end != "eof"
    for chunks in cuttings(case.body):
        got = normalised(*decode(chunks, is_broken=is_broken))
        assert differences(got, case, ignore=("kind", "message") if is_broken else ()) == []


def test_finish_reason_without_done_is_a_success_with_a_warning() -> None:
    got = normalised(*lines('{"model":"m","message":{"content":"x"}}', '{"done_reason":"stop","done":false}'))

    assert (got["text"], got["finish"], got["warnings"]) == ("x", "stop", ["no_done_sentinel"])


def test_answer_that_only_loaded_the_model() -> None:
    got = normalised(*lines('{"model":"m","message":{"content":""},"done":true,"done_reason":"load"}'))

    assert (got["text"], got["finish"], got["raw_finish"]) == ("", "load", "load")


def test_pull_reports_each_step_and_ends_with_success() -> None:
    events, error = lines(
        '{"status":"pulling manifest"}',
        '{"status":"pulling 8eeb52dfb3bb","digest":"sha256:8e","total":100}',
        '{"status":"pulling 1f1f1f1f1f1f","digest":"sha256:1f","total":7,"completed":7}',
        '{"status":"pulling 8eeb52dfb3bb","digest":"sha256:8e","total":100,"completed":60}',
        '{"status":"verifying sha256 digest"}',
        '{"status":"success"}',
    )

    assert error is None
    assert events[0] == Progress("pulling", None, None, "pulling manifest")
    assert events[3] == Progress("pulling", 60, 100, "pulling 8eeb52dfb3bb")
    assert events[-1] == Finish("stop", "success")


def test_cloud_model_names_the_host_that_answers() -> None:
    events, _ = lines('{"model":"m","remote_host":"https://ollama.com","message":{"content":"x"},"done":true}')

    assert events[0] == StreamStarted(None, "m", "https://ollama.com", None)


def test_cut_answer_holds_no_tool_call() -> None:
    got = normalised(*lines('{"message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}'))

    assert got["tool_calls"] == []
    assert got["error"]["kind"] == "truncated"


def test_arguments_as_text_are_read_and_nonsense_is_not_run() -> None:
    row = '{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":%s}}]},"done":true}'

    assert normalised(*lines(row % '"{\\"a\\": 1}"'))["tool_calls"][0]["arguments"] == {"a": 1}
    assert normalised(*lines(row % '"{\\"a"'))["tool_calls"][0]["arguments"] is None


def test_garbage_lines_are_skipped_and_too_many_end_the_answer() -> None:
    few = normalised(*lines("{", "[1]", '{"message":{"content":"x"},"done":true}'))
    many = normalised(*lines(*["{"] * 50))

    assert (few["text"], few["warnings"]) == ("x", ["bad_json_event"])
    assert many["error"]["kind"] == "protocol"


def test_tags_of_an_old_server_are_parted_from_the_answer() -> None:
    decoder = OllamaDecoder("p", think_tags=True)
    rows = [b'{"message":{"content":"<th"}}', b'{"message":{"content":"ink>hm</think>\\n42"}}', b'{"done":true}']

    got = normalised([event for line in rows for event in decoder.feed([line])], decoder.error)

    assert (got["reasoning"], got["text"]) == ("hm", "42")

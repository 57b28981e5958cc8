"""What is shown is what is sent: trims, attachments, unanswered calls, windows. Pure functions only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuke_ai_panel.core.prompt import Prompt, build_request, choose_window, dropped_by_server, sendable
from nuke_ai_panel.core.tokens import TokenRatios, estimate
from nuke_ai_panel.messages import Attachment, Message, Role, Status, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters

CALL = ToolCall("call_1", "read_node", {"name": "Blur1"}, '{"name": "Blur1"}')


def said(role: Role, text: str, status: Status = "complete", **more: object) -> Message:
    return Message(f"{role}{text[:8]}", "c", None, role, text, status, **more)  # type: ignore[arg-type]  # fields


def texts(prompt: Prompt) -> list[str]:
    return [message.text for message in prompt.request.messages]


def test_nothing_is_dropped_without_a_window() -> None:
    path = [said("user", "q" * 9000), said("assistant", "a" * 9000), said("user", "last")]
    prompt = build_request("m", path, system="be brief")
    assert (texts(prompt), prompt.request.system) == ([message.text for message in path], "be brief")


def test_oldest_turns_are_dropped_whole_and_the_newest_stays() -> None:
    path = [said("user", "1" * 4000), said("assistant", "2" * 4000), said("user", "3" * 4000),
            said("assistant", "4" * 4000), said("user", "5")]
    prompt = build_request("m", path, system="s", window_tokens=4096)
    assert [text[0] for text in texts(prompt)] == ["3", "4", "5"]
    assert (prompt.dropped_messages, prompt.kept_messages, prompt.window_tokens) == (2, 3, 4096)


def test_the_newest_question_is_sent_even_if_it_does_not_fit() -> None:
    prompt = build_request("m", [said("user", "old"), said("assistant", "a"), said("user", "x" * 90000)],
                           window_tokens=4096)
    assert len(texts(prompt)) == 1 and texts(prompt)[0].startswith("x")


def test_a_learnt_ratio_trims_earlier() -> None:
    path = [said("user", "1" * 4000), said("assistant", "2" * 4000), said("user", "3")]
    assert build_request("m", path, window_tokens=4096).dropped_messages == 0
    assert build_request("m", path, window_tokens=4096, ratio=2.0).dropped_messages == 2


@given(st.lists(st.sampled_from(["user", "assistant", "call", "tool"]), max_size=24), st.integers(50, 3000))
def test_a_tool_result_is_never_sent_without_its_call(kinds: list[str], window: int) -> None:
    made = {
        "user": lambda n: said("user", f"{n}" * 100), "assistant": lambda n: said("assistant", f"{n}" * 100),
        "call": lambda n: said("assistant", "", tool_calls=(CALL,)),
        "tool": lambda n: said("tool", "result", tool_call_id="call_1"),
    }
    sent = build_request("m", [made[kind](n) for n, kind in enumerate(kinds)], window_tokens=window).request.messages
    for number, message in enumerate(sent):
        earlier = {call.id for one in sent[:number] for call in one.tool_calls}
        assert message.role != "tool" or message.tool_call_id in earlier


@pytest.mark.parametrize(("answer", "is_sent"), [
    (said("assistant", "", "failed"), False), (said("assistant", "", "stopped"), False), (said("assistant", ""), False),
    (said("assistant", "half", "stopped"), True), (said("assistant", "half", "interrupted"), True),
    (said("assistant", "half", "failed"), True), (said("assistant", "", reasoning="hm"), False),
])
def test_what_is_shown_of_an_answer_is_sent(answer: Message, is_sent: bool) -> None:
    sent = sendable([said("user", "q"), answer, said("user", "again")])
    assert (answer in sent) is is_sent


def test_a_question_without_an_answer_is_joined_with_the_next() -> None:
    sent = sendable([said("user", "first"), said("assistant", "", "failed"), said("user", "second")])
    assert [(one.role, one.text) for one in sent] == [("user", "first\n\nsecond")]


def test_a_call_without_its_result_is_left_out() -> None:
    sent = sendable([said("user", "q"), said("assistant", "I look.", tool_calls=(CALL,)), said("user", "and?")])
    assert [(one.text, one.tool_calls) for one in sent] == [("q", ()), ("I look.", ()), ("and?", ())]


def test_attachments_are_written_out_once_in_labelled_fences() -> None:
    file = Attachment("1", "file", "grade.py", "a = 1\n```\nb")
    image = Attachment("2", "image", "plate.png", media_type="image/png", data_base64="AAAA")
    question = sendable([said("user", "Why?", attachments=(file, image))])[0]
    assert question.text == "Attached file “grade.py”:\n````\na = 1\n```\nb\n````\n\nWhy?"
    assert question.attachments == (image,)


def test_only_what_was_set_is_asked_for() -> None:
    prompt = build_request("m", [said("user", "q")], parameters=Parameters(temperature=0.2))
    assert prompt.request == ChatRequest("m", (said("user", "q"),), parameters=Parameters(temperature=0.2))


@pytest.mark.parametrize(("needed", "limit", "sticky", "window"), [
    (100, None, None, 4096), (4000, None, None, 8192), (9000, None, None, 16384), (9000, 8192, None, 8192),
    (100, 2048, None, 2048), (100, None, 16384, 16384), (20000, None, 16384, 32768), (20000, 16384, 16384, 16384),
])
def test_windows_grow_in_steps_and_never_shrink(needed: int, limit: int, sticky: int, window: int) -> None:
    assert choose_window(needed, limit, sticky) == window


@pytest.mark.parametrize(("estimated", "reported", "dropped"), [
    (1000, 500, 500), (1000, 900, 0), (1000, 1500, 0), (1000, None, 0), (1000, 0, 0), (100, 20, 0), (8000, 4000, 4000),
])
def test_a_count_far_below_the_estimate_means_a_cut(estimated: int, reported: int, dropped: int) -> None:
    assert dropped_by_server(Prompt(ChatRequest("m", ()), estimated, estimated), reported) == dropped


def test_code_counts_more_than_prose() -> None:
    assert estimate("x" * 400) == 101
    assert estimate("```" + "x" * 300 + "```") == 101
    assert estimate("日本語" * 100) > 200


def test_ratios_are_learnt_for_each_model() -> None:
    ratios = TokenRatios()
    ratios.learn("p", "m", estimated=100, reported=150)
    ratios.learn("p", "m", estimated=100, reported=130)
    ratios.learn("p", "small", estimated=10, reported=40)
    assert (ratios.ratio("p", "m"), ratios.ratio("p", "small"), ratios.ratio("q", "m")) == (1.4, 1.0, 1.0)

"""Streaming: the text at the end is the raw text, and what was not touched was not rebuilt."""

from __future__ import annotations

from typing import Any, List

import pytest

from nuke_ai_panel_qt.ui.values import MessageItem

from .test_markdown import EVERYTHING
from .transcript_kit import expect_text, let_draw, live, open_transcript, seen_text, settle, talk


def whole(bot: Any, text: str) -> str:
    transcript = open_transcript(bot, [MessageItem("w", "assistant", text=text)], (420, 3000))
    return seen_text(transcript, "w")


@pytest.mark.parametrize("size", [1, 3, 17, 400])
def test_the_text_at_the_end_is_the_raw_text(qtbot: Any, size: int) -> None:
    expected = whole(qtbot, EVERYTHING)
    transcript = open_transcript(qtbot, talk(3), (420, 3000))
    transcript.append_item(live())

    for at in range(0, len(EVERYTHING), size):
        transcript.append_text("live", EVERYTHING[at : at + size])
    transcript.replace_item(MessageItem("live", "assistant", text=EVERYTHING))
    settle()

    assert transcript.text_of("live") == EVERYTHING
    assert seen_text(transcript, "live") == expected


def test_a_surrogate_pair_in_two_halves_becomes_one_character(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())

    transcript.append_text("live", "ok \ud83d")
    let_draw(qtbot, transcript, "live")
    half = seen_text(transcript, "live")
    transcript.append_text("live", "\ude00 done")

    assert half.strip() == "ok"
    expect_text(qtbot, transcript, "live", "ok 😀 done")
    assert transcript.text_of("live") == "ok 😀 done"


def test_a_half_that_never_comes_is_replaced_at_the_end(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())
    transcript.append_text("live", "cut \ud83d")

    transcript.replace_item(MessageItem("live", "assistant", text=transcript.text_of("live"), status="stopped"))

    assert transcript.text_of("live") == "cut \ufffd"
    assert seen_text(transcript, "live") == "cut \ufffd"


def test_finished_blocks_are_not_touched_by_later_text(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, size=(420, 2000))
    transcript.append_item(live())
    transcript.append_text("live", "A paragraph of some words.\n\n" * 150)
    view = transcript.view_of("live")
    assert view is not None
    first = view.body.parts()[0]
    changes: List[int] = []
    first.document().contentsChange.connect(lambda *_: changes.append(1))  # type: ignore[union-attr]  # prose only

    for _ in range(30):
        transcript.append_text("live", "and more of them. ")

    assert view.body.parts()[0] is first
    assert changes == []


def test_text_arrives_in_a_message_that_is_out_of_sight(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(60))
    transcript.append_item(live())
    transcript.scroll_to_start()
    settle()

    transcript.append_text("live", "**unseen** words")
    transcript.jump_to_latest()
    settle()

    expect_text(qtbot, transcript, "live", "unseen words")


def test_a_repeated_attempt_starts_from_nothing(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live(text="half an answ"))

    transcript.reset_text("live")
    transcript.append_text("live", "a whole answer")

    assert transcript.text_of("live") == "a whole answer"
    expect_text(qtbot, transcript, "live", "a whole answer")


def test_two_answers_that_stream_at_once_keep_apart(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live("one"))
    transcript.append_item(live("two"))

    for number in range(50):
        transcript.append_text("one", f"a{number} ")
        transcript.append_text("two", f"b{number} ")

    expect_text(qtbot, transcript, "one", " ".join(f"a{n}" for n in range(50)))
    expect_text(qtbot, transcript, "two", " ".join(f"b{n}" for n in range(50)))


def test_an_answer_that_grows_huge_folds_and_keeps_all_of_its_text(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())
    piece = "A sentence of a very long answer. " * 300

    for _ in range(30):
        transcript.append_text("live", piece)
    transcript.replace_item(MessageItem("live", "assistant", text=transcript.text_of("live")))
    settle()

    assert transcript.text_of("live") == piece * 30
    view = transcript.view_of("live")
    assert view is not None
    assert view.height() < 10_000


def test_thinking_streams_only_while_it_is_open_and_stays_out_of_the_answer(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())

    transcript.append_thinking("live", "Let me see. ")
    transcript.append_thinking("live", "The edge is soft.")
    transcript.append_text("live", "Lower the gain.")

    (item,) = transcript.items()
    assert item.thinking == "Let me see. The edge is soft."
    expect_text(qtbot, transcript, "live", "Lower the gain.")
    assert transcript.text_of("live") == "Lower the gain."


def test_unknown_ids_are_ignored(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(1))

    transcript.append_text("nobody", "x")
    transcript.append_thinking("nobody", "x")
    transcript.reset_text("nobody")
    transcript.replace_item(MessageItem("nobody", "assistant"))
    transcript.truncate_after("nobody")

    assert [item.id for item in transcript.items()] == ["q0", "a0"]
    assert transcript.text_of("nobody") == ""

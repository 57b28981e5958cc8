"""What is being read stays where it is: resizing, fonts, heights that turn out differently, other conversations."""

from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.theme import light_palette
from nuke_ai_panel_qt.ui.transcript import Transcript
from nuke_ai_panel_qt.ui.values import MessageItem

from .transcript_kit import live, open_transcript, settle, talk, top_line, turn_wheel


@pytest.fixture
def reading(qtbot: Any) -> Transcript:
    """A long conversation, scrolled into its middle."""
    transcript = open_transcript(qtbot, talk(200))
    transcript.scroll_to("a90")
    transcript.scroll_by(40)
    settle()
    return transcript


def test_the_message_at_the_top_stays_there_through_twenty_steps_of_a_dock_drag(reading: Transcript) -> None:
    message, _ = top_line(reading)

    for step in range(20):
        reading.resize(420 + step * 15, 600)
        settle()
        assert top_line(reading)[0] == message

    reading.resize(420, 600)
    settle()
    assert top_line(reading)[0] == message


def test_the_same_words_stay_at_the_top_of_a_long_message(qtbot: Any) -> None:
    words = "\n\n".join(f"Paragraph {number} " + "says something of the edge of the hair. " * 4 for number in range(80))
    transcript = open_transcript(qtbot, [MessageItem("q", "user", text="?"), MessageItem("a", "assistant", text=words)])
    transcript.scroll_to_start()
    transcript.scroll_by(3_000)
    before = words_at_top(transcript)

    transcript.resize(900, 600)
    settle()

    assert before == words_at_top(transcript)
    transcript.resize(420, 600)
    settle()
    assert before == words_at_top(transcript)


def words_at_top(transcript: Transcript) -> str:
    """The paragraph that stands at the top of the screen."""
    view = transcript.view_of("a")
    assert view is not None
    y = -view.y() - view.body.y()
    part = next(part for part in view.body.parts() if part.y() + part.height() > y)
    block = part.document().findBlock(part.position_at(max(0, y - part.y())))  # type: ignore[union-attr]  # prose only
    return str(block.text()[:14])


def test_the_place_survives_a_font_scale_and_back(reading: Transcript) -> None:
    message, _ = top_line(reading)

    reading.set_font_scale(1.6)
    settle()
    larger = top_line(reading)[0]
    reading.set_font_scale(1.0)
    settle()

    assert larger == message
    assert top_line(reading)[0] == message


def test_the_place_survives_another_palette(reading: Transcript) -> None:
    before = top_line(reading)

    reading.setPalette(light_palette())
    settle()

    assert top_line(reading) == before
    assert not reading.theme().is_dark


def test_text_that_grows_below_moves_nothing(reading: Transcript) -> None:
    reading.append_item(live())
    before = top_line(reading)

    for _ in range(20):
        reading.append_text("live", "More and more text of an answer far below. " * 3)
        settle()

    assert top_line(reading) == before


def test_scrolling_through_unmeasured_messages_moves_by_what_was_asked(reading: Transcript) -> None:
    for _ in range(30):
        message, above = top_line(reading)
        reading.scroll_by(-100)
        settle()
        view = reading.view_of(message)
        assert view is not None
        assert -view.y() == above - 100


def test_the_wheel_moves_unmeasured_messages_evenly(reading: Transcript) -> None:
    steps = set()
    for _ in range(30):
        message, above = top_line(reading)
        turn_wheel(reading, 1)
        view = reading.view_of(message)
        assert view is not None
        steps.add(above + view.y())

    assert len(steps) == 1


def test_the_anchor_is_a_value_that_brings_another_transcript_there(reading: Transcript, qtbot: Any) -> None:
    other = open_transcript(qtbot, talk(200))

    other.restore_anchor(reading.anchor())
    settle()

    assert top_line(other) == top_line(reading)


def test_the_anchor_at_the_end_means_the_end(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(30))

    transcript.scroll_to_start()
    transcript.restore_anchor(None)

    assert transcript.is_following()
    assert transcript.verticalScrollBar().value() == transcript.verticalScrollBar().maximum()


def test_the_same_conversation_on_another_branch_keeps_the_place(reading: Transcript) -> None:
    before = top_line(reading)

    reading.set_items([*talk(150), MessageItem("other", "assistant", text="Another ending.")])
    settle()

    assert top_line(reading) == before


def test_another_conversation_opens_at_its_end(reading: Transcript) -> None:
    reading.set_items([MessageItem(f"x{item.id}", item.role, text=item.text) for item in talk(50)])
    settle()

    assert reading.is_following()
    assert reading.verticalScrollBar().value() == reading.verticalScrollBar().maximum() > 0


@pytest.mark.parametrize("width", [160, 280, 420, 720, 1400])
def test_no_message_is_wider_than_the_pane_and_a_wide_pane_centres_the_measure(qtbot: Any, width: int) -> None:
    transcript = open_transcript(qtbot, talk(3), (width, 600))
    view = transcript.view_of("a2")
    assert view is not None

    left, right = view.body.x(), view.width() - view.body.geometry().right() - 1

    assert 0 < left <= transcript.viewport().width() // 2
    assert view.body.width() <= transcript.theme().measure_px
    assert abs(left - right) <= 1
    assert transcript.horizontalScrollBarPolicy() == QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff

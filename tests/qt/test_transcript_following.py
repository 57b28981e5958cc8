"""New text keeps the end in view until the artist scrolls away, and again when the artist comes back."""

from __future__ import annotations

import time
from typing import Any, Callable, Optional

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.transcript import Transcript

from .transcript_kit import PROSE, at_end, live, open_transcript, prose_of, settle, talk, turn_wheel

Qt = QtCore.Qt


@pytest.fixture
def streaming(qtbot: Any) -> Transcript:
    transcript = open_transcript(qtbot, talk(20))
    transcript.append_item(live(text="The beginning. "))
    settle()
    return transcript


def stream(transcript: Transcript, batches: int = 20) -> None:
    for _ in range(batches):
        transcript.append_text("live", PROSE + "\n\n")
        settle()


def test_new_text_keeps_the_end_in_view(streaming: Transcript) -> None:
    stream(streaming)

    assert at_end(streaming)
    assert streaming.is_following()


def test_one_wheel_notch_up_moves_the_view_and_it_stays(streaming: Transcript) -> None:
    stream(streaming)
    end = streaming.verticalScrollBar().value()

    turn_wheel(streaming, 1)
    moved_to = streaming.verticalScrollBar().value()
    stream(streaming)

    assert moved_to < end
    assert streaming.verticalScrollBar().value() == moved_to
    assert not streaming.is_following()


def test_a_touch_of_the_wheel_within_the_last_pixels_releases_too(streaming: Transcript) -> None:
    stream(streaming)

    turn_wheel(streaming, 0.1)
    moved_to = streaming.verticalScrollBar().value()
    stream(streaming, 3)

    assert streaming.verticalScrollBar().value() == moved_to


@pytest.mark.parametrize("key", [Qt.Key.Key_PageUp, Qt.Key.Key_Up, Qt.Key.Key_Home])
def test_an_upward_key_releases(streaming: Transcript, qtbot: Any, key: Qt.Key) -> None:
    stream(streaming)

    qtbot.keyClick(streaming, key)
    moved_to = streaming.verticalScrollBar().value()
    stream(streaming, 3)

    assert streaming.verticalScrollBar().value() == moved_to
    assert not streaming.is_following()


def test_dragging_the_scrollbar_up_releases(streaming: Transcript) -> None:
    stream(streaming)
    bar = streaming.verticalScrollBar()
    end = bar.value()

    bar.setSliderDown(True)
    bar.setSliderPosition(end - 300)
    settle()
    moved_to = bar.value()
    stream(streaming, 3)

    assert moved_to < end - 200
    assert bar.value() == moved_to
    assert not streaming.is_following()


def line_of_text(prose: Any, streaming: Transcript) -> int:
    """Where in `prose` a visible line is long enough to drag over; waits until what streamed is laid out."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        found = line_in_sight(prose, streaming)
        if found is not None:
            return found
        settle()
    raise AssertionError("no line of text is in sight")


def line_in_sight(prose: Any, streaming: Transcript) -> Optional[int]:
    """Such a line, as far as it is drawn; between two paragraphs there is none."""
    top = prose.mapFrom(streaming.viewport(), QtCore.QPoint(0, 100)).y()
    for y in range(top, top + 300, 4):
        start, end = (prose.cursorForPosition(QtCore.QPoint(x, y)) for x in (4, 180))
        line = prose.cursorRect(start)
        if end.position() - start.position() > 5 and line.top() <= y <= line.bottom():
            return y
    return None


def test_selecting_text_releases_and_the_selection_survives(streaming: Transcript, qtbot: Any) -> None:
    stream(streaming)
    prose = prose_of(streaming, "live")
    before = streaming.verticalScrollBar().value()
    visible = line_of_text(prose, streaming)

    qtbot.mousePress(prose.viewport(), Qt.MouseButton.LeftButton, pos=QtCore.QPoint(4, visible))
    move = QtGui.QMouseEvent(
        QtCore.QEvent.Type.MouseMove, QtCore.QPointF(180, visible),
        QtCore.QPointF(prose.viewport().mapToGlobal(QtCore.QPoint(180, visible))),
        Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QtWidgets.QApplication.sendEvent(prose.viewport(), move)
    qtbot.mouseRelease(prose.viewport(), Qt.MouseButton.LeftButton, pos=QtCore.QPoint(180, visible))
    selected = prose.textCursor().selectedText()
    stream(streaming)

    assert len(selected) > 5
    assert prose.textCursor().selectedText() == selected
    assert streaming.verticalScrollBar().value() == before


@pytest.mark.parametrize(
    "come_back",
    [
        lambda transcript, bot: bot.keyClick(transcript, Qt.Key.Key_End),
        lambda transcript, bot: turn_wheel(transcript, -40),
        lambda transcript, bot: bot.mouseClick(transcript.latest_button(), Qt.MouseButton.LeftButton),
        lambda transcript, bot: transcript.follow(),
    ],
    ids=["End", "wheel to the end", "the pill", "sending"],
)
def test_reaching_the_end_follows_again(
    streaming: Transcript, qtbot: Any, come_back: Callable[[Transcript, Any], None]
) -> None:
    stream(streaming, 3)
    turn_wheel(streaming, 5)

    come_back(streaming, qtbot)
    stream(streaming, 3)

    assert streaming.is_following()
    assert at_end(streaming)


def test_a_programmatic_scroll_is_not_taken_for_the_artists(streaming: Transcript) -> None:
    stream(streaming, 3)

    streaming.verticalScrollBar().setValue(0)
    was = streaming.is_following()
    stream(streaming, 1)

    assert was
    assert at_end(streaming)


def test_the_pill_shows_only_away_from_the_end_and_tells_of_new_text(streaming: Transcript) -> None:
    pill = streaming.latest_button()
    stream(streaming, 3)
    at_the_end = pill.isVisible()

    turn_wheel(streaming, 10)
    away = pill.text()
    stream(streaming, 1)

    assert not at_the_end
    assert pill.isVisible()
    assert (away, pill.text()) == ("latest", "new text")


def test_a_short_conversation_keeps_following_whatever_the_wheel_does(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(1))

    turn_wheel(transcript, 3)
    transcript.append_item(live())
    stream(transcript)

    assert at_end(transcript)


def test_a_new_message_does_not_pull_back_an_artist_who_scrolled_away(streaming: Transcript) -> None:
    turn_wheel(streaming, 10)
    reading = streaming.verticalScrollBar().value()

    streaming.append_item(live("tool", "Output of a tool. " * 50))
    settle()

    assert streaming.verticalScrollBar().value() == reading

"""Find searches the data: what no widget shows is found as well."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from nuke_ai_panel_qt.ui.values import MessageItem

from .transcript_kit import open_transcript, prose_of, settle, talk

Qt = QtCore.Qt


def test_a_word_in_message_three_of_two_thousand_is_found_and_scrolled_to(qtbot: Any) -> None:
    items = talk(1000)
    items[3] = MessageItem("needle", "assistant", text="Only here stands the Haystack's needle.")
    transcript = open_transcript(qtbot, items)

    count = transcript.find("needle")
    settle()

    view = transcript.view_of("needle")
    assert count == 1
    assert view is not None and -10 < view.y() < transcript.viewport().height()
    assert len(prose_of(transcript, "needle").extraSelections()) == 1
    assert transcript.find_position() == (1, 1)
    assert not transcript.is_following()


def test_next_and_previous_go_around(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(30))
    transcript.scroll_to_start()

    hits = transcript.find("question 1")
    positions = [transcript.find_position()[0]]
    for _ in range(hits):
        qtbot.keyClick(transcript, Qt.Key.Key_F3)
        positions.append(transcript.find_position()[0])
    qtbot.keyClick(transcript, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)

    assert hits == 11
    assert positions == [*range(1, 12), 1]
    assert transcript.find_position() == (11, 11)


def test_the_current_hit_of_a_long_message_comes_into_view(qtbot: Any) -> None:
    text = "\n\n".join(f"Paragraph {number} of many words about keying hair. " * 3 for number in range(200))
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text=text)])

    transcript.find("paragraph 150")
    settle()

    view = transcript.view_of("a")
    assert view is not None
    part = next(part for part in view.body.parts() if part.find_all("paragraph 150"))
    y = view.y() + view.body.y() + part.y() + part.y_of(part.find_all("paragraph 150")[0])
    assert 0 <= y < transcript.viewport().height()


def test_hits_in_code_are_marked(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="```python\nfoo = bar\nbar()\n```")])

    assert transcript.find("BAR") == 2
    view = transcript.view_of("a")
    assert view is not None
    (code,) = view.body.parts()
    assert isinstance(code, CodeBlock)
    assert len(code.text_widget().extraSelections()) == 2


def test_an_empty_query_clears_every_mark(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(3))
    transcript.find("answer")

    assert transcript.find("") == 0
    assert transcript.find_position() == (0, 0)
    assert not any(prose_of(transcript, f"a{n}").extraSelections() for n in range(3))


def test_a_search_without_hits_moves_nothing(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(30))
    before = transcript.verticalScrollBar().value()

    assert transcript.find("nowhere at all") == 0
    assert transcript.verticalScrollBar().value() == before
    assert transcript.is_following()


def test_a_hit_can_be_opened_from_outside(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(50))
    transcript.find("question")

    transcript.scroll_to("q10", hit=0)
    settle()

    assert transcript.find_position()[0] == 11
    view = transcript.view_of("q10")
    assert view is not None and view.y() >= -1

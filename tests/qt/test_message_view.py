"""A message shows its state and its facts, and every button does what it says."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.controls import Button
from nuke_ai_panel_qt.ui.message_parts import ErrorPanel, StateLine
from nuke_ai_panel_qt.ui.message_words import state_lines, thinking_line
from nuke_ai_panel_qt.ui.transcript import Transcript
from nuke_ai_panel_qt.ui.values import Chip, ErrorCard, MessageItem

from .transcript_kit import expect_text, live, open_transcript, seen_text, settle

Qt = QtCore.Qt
CARD = ErrorCard("Ollama did not answer.", "Start it.", "Ollama · HTTP 503", "the details", ("retry", "copy_details"))


def button(transcript: Transcript, item_id: str, name: str) -> Button:
    view = transcript.view_of(item_id)
    assert view is not None
    return next(found for found in view.findChildren(Button) if found.objectName() == name and not found.isHidden())


def click(bot: Any, transcript: Transcript, item_id: str, name: str) -> Tuple[str, str, object]:
    with bot.waitSignal(transcript.action) as said:
        bot.mouseClick(button(transcript, item_id, name), Qt.MouseButton.LeftButton)
    return tuple(said.args)


def lines(transcript: Transcript, item_id: str) -> List[str]:
    view = transcript.view_of(item_id)
    assert view is not None
    return [line.words() for line in view.findChildren(StateLine) if not line.isHidden()]


@pytest.mark.parametrize("name", ["regenerate", "branch_prev", "branch_next"])
def test_actions_of_an_answer_name_themselves_and_their_message(qtbot: Any, name: str) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="x", branch=(2, 3))])

    assert click(qtbot, transcript, "a", name)[:2] == (name, "a")


def test_copy_puts_the_markdown_on_the_clipboard_without_the_thinking(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="**bold** `x`", thinking="thoughts")])

    click(qtbot, transcript, "a", "copy")

    assert QtWidgets.QApplication.clipboard().text() == "**bold** `x`"


def test_a_question_can_be_edited_and_its_versions_switched(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("q", "user", text="why?", branch=(1, 2))])

    assert click(qtbot, transcript, "q", "edit")[:2] == ("edit", "q")
    assert click(qtbot, transcript, "q", "branch_next")[:2] == ("branch_next", "q")
    assert not button(transcript, "q", "branch_prev").isEnabled()


def test_the_menu_deletes_and_shows_the_exact_source(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="# *Head*\n\ntext")])
    view = transcript.view_of("a")
    assert view is not None
    qtbot.mouseClick(button(transcript, "a", "more"), Qt.MouseButton.LeftButton)
    menu = view.findChildren(QtWidgets.QMenu)[0]
    entries = {entry.data(): entry for entry in menu.actions()}

    with qtbot.waitSignal(transcript.action) as said:
        entries["delete"].trigger()
    entries["source"].trigger()
    settle()
    menu.close()

    assert said.args[:2] == ["delete", "a"]
    assert seen_text(transcript, "a") == "# *Head*\n\ntext"


def test_a_chip_opens_with_the_exact_text_that_was_sent(qtbot: Any) -> None:
    chip = Chip("1", "node", "Keylight1", 84, detail="Keylight { }")
    transcript = open_transcript(qtbot, [MessageItem("q", "user", text="?", chips=(chip,))])

    assert click(qtbot, transcript, "q", "0") == ("open_chip", "q", chip)


def test_an_error_card_says_what_happened_and_what_to_do(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="half", status="failed", error=CARD)])
    view = transcript.view_of("a")
    assert view is not None
    (panel,) = view.findChildren(ErrorPanel)

    assert seen_text(transcript, "a") == "half"
    assert panel.words() == "Ollama did not answer.\nStart it.\nOllama · HTTP 503"
    assert click(qtbot, transcript, "a", "retry")[:2] == ("retry", "a")
    assert click(qtbot, transcript, "a", "copy_details") == ("copy_details", "a", "the details")
    assert QtWidgets.QApplication.clipboard().text() == "the details"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (MessageItem("a", "assistant", status="streaming"), ["Waiting for the first words…"]),
        (MessageItem("a", "assistant", status="streaming", wait="Loading x… 12 s"), ["Loading x… 12 s"]),
        (MessageItem("a", "assistant", status="streaming", text="words"), []),
        (MessageItem("a", "assistant", status="stopped", text="words"), ["Stopped"]),
        (MessageItem("a", "assistant", status="interrupted"), ["Interrupted before it was complete"]),
        (MessageItem("a", "assistant", text="words", truncated=True), ["Cut off at the length limit"]),
        (MessageItem("a", "assistant", text="words", notices=("A word of warning.",)), ["A word of warning."]),
        (MessageItem("a", "notice", text="Twelve messages were left out."), ["Twelve messages were left out."]),
        (MessageItem("a", "assistant", text="words"), []),
    ],
)
def test_every_state_has_its_line(qtbot: Any, item: MessageItem, expected: List[str]) -> None:
    transcript = open_transcript(qtbot, [item])

    assert lines(transcript, "a") == expected
    assert [line.text for line in state_lines(item, busy=False)] == expected


def test_a_stopped_answer_offers_to_continue(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="words", status="stopped")])

    assert click(qtbot, transcript, "a", "continue")[:2] == ("continue", "a")


def test_the_wait_gives_way_to_the_first_words(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [live()])

    transcript.append_text("live", "Here")

    expect_text(qtbot, transcript, "live", "Here")
    assert lines(transcript, "live") == []


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (MessageItem("a", "assistant", thinking="x", thinking_s=12.3, text="y"), "Thought for 12 s"),
        (MessageItem("a", "assistant", thinking="x", thinking_s=0.2, text="y"), "Thought for 1 s"),
        (MessageItem("a", "assistant", thinking="x", thinking_s=75, text="y"), "Thought for 1 min 15 s"),
        (MessageItem("a", "assistant", thinking="x", status="streaming"), "Thinking…"),
    ],
)
def test_thinking_folds_behind_its_seconds(item: MessageItem, line: str) -> None:
    assert thinking_line(item) == line


def test_thinking_unfolds_by_a_click_without_moving_away(qtbot: Any) -> None:
    transcript = open_transcript(
        qtbot, [MessageItem("a", "assistant", thinking="Let me see. " * 30, thinking_s=3, text="Lower the gain.")]
    )
    view = transcript.view_of("a")
    assert view is not None
    folded, fold = view.height(), view.focusable()[0]
    y = fold.mapTo(transcript, QtCore.QPoint(0, 0)).y()

    qtbot.mouseClick(fold, Qt.MouseButton.LeftButton)
    settle()

    assert view.height() > folded
    assert fold.mapTo(transcript, QtCore.QPoint(0, 0)).y() == y


def test_while_a_turn_runs_nothing_can_be_changed_but_everything_copied(qtbot: Any) -> None:
    items = [MessageItem("q", "user", text="?"), MessageItem("a", "assistant", text="x", branch=(2, 3))]
    transcript = open_transcript(qtbot, items)

    transcript.busy(True)
    during = [button(transcript, "a", name).isEnabled() for name in ("regenerate", "copy", "branch_prev")]
    editing = button(transcript, "q", "edit").isEnabled()
    transcript.busy(False)

    assert (during, editing) == ([False, True, False], False)
    assert button(transcript, "a", "branch_prev").isEnabled()


def test_a_running_answer_has_no_actions_yet(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [live(text="so far")])
    view = transcript.view_of("live")
    assert view is not None

    assert view.focusable() == []


def test_screen_readers_hear_who_when_and_what(qtbot: Any) -> None:
    items = [
        MessageItem("q", "user", text="why?", time="14:32"),
        MessageItem("a", "assistant", text="because", label="qwen · Ollama", time="14:33"),
    ]
    transcript = open_transcript(qtbot, items)
    names = [view.accessibleName() for view in (transcript.view_of("q"), transcript.view_of("a")) if view]

    assert names == ["You, 14:32, why?", "qwen · Ollama, 14:33, because"]


def test_every_action_has_a_name_for_screen_readers(qtbot: Any) -> None:
    transcript = open_transcript(
        qtbot,
        [
            MessageItem("q", "user", text="?", chips=(Chip("1", "node", "Blur1"),)),
            MessageItem("a", "assistant", text="```\nx\n```", branch=(1, 2), error=CARD, status="failed"),
        ],
    )

    assert all(stop.accessibleName() for stop in transcript.tab_stops())
    assert len(transcript.tab_stops()) >= 10


def test_facts_stand_in_the_footer_and_their_detail_in_its_tooltip(qtbot: Any) -> None:
    transcript = open_transcript(
        qtbot,
        [MessageItem("a", "assistant", text="x", label="qwen", facts="412 tok", facts_detail="First token 0.4 s")],
    )
    view = transcript.view_of("a")
    assert view is not None
    tips = [widget.toolTip() for widget in view.findChildren(QtWidgets.QWidget)]

    assert "First token 0.4 s" in tips

"""Nothing leaks, nothing outlives its widget, and what an artist holds is never taken away."""

from __future__ import annotations

import ast
import gc
from pathlib import Path
from typing import Any

import nuke_ai_panel_qt.ui.transcript as transcript_module
from nuke_ai_panel_qt.qt import QtCore, QtWidgets, is_valid
from nuke_ai_panel_qt.ui.message_view import MessageView
from nuke_ai_panel_qt.ui.transcript import Transcript
from nuke_ai_panel_qt.ui.values import MessageItem

from .test_markdown import EVERYTHING
from .transcript_kit import live, open_transcript, prose_of, settle, talk

Qt = QtCore.Qt
OURS = ("transcript*.py", "message_*.py", "code_block.py", "text_view.py", "highlight.py", "thin_bar.py")


def drop_deleted() -> None:
    settle()
    QtCore.QCoreApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    settle()


def test_a_hundred_conversations_leave_no_objects_behind(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    rich = [MessageItem(f"r{n}", "assistant", text=EVERYTHING, thinking="x", notices=("n",)) for n in range(6)]

    def show_many(times: int) -> int:
        for number in range(times):
            transcript.set_items(rich if number % 2 else talk(30))
            settle()
        drop_deleted()
        return len(transcript.findChildren(QtCore.QObject))

    before = show_many(10)
    after = show_many(100)

    assert after <= before * 1.1


def test_only_what_is_in_sight_has_widgets(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(1000))

    for _ in range(50):
        transcript.scroll_by(-2000)
        settle()
    drop_deleted()

    assert len(transcript.findChildren(MessageView)) < 40


def test_views_are_reused(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(100))
    transcript.scroll_to_start()
    settle()
    before = set(map(id, transcript.findChildren(MessageView)))

    transcript.set_items(talk(80))
    transcript.scroll_to_start()
    settle()

    assert len(set(map(id, transcript.findChildren(MessageView))) - before) <= 2


def test_a_view_in_use_is_never_destroyed(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(100))
    transcript.append_item(live(text="streaming"))
    prose = prose_of(transcript, "a99")
    prose.selectAll()
    streaming = transcript.view_of("live")

    transcript.scroll_to_start()
    settle()
    transcript._arrange()

    assert transcript.view_of("live") is streaming
    assert is_valid(prose)
    assert prose.textCursor().selectedText().startswith("Answer 99")


def test_a_focused_view_keeps_its_focus_out_of_sight(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(100))
    prose = prose_of(transcript, "a99")
    prose.setFocus()
    settle()

    transcript.scroll_to_start()
    settle()
    qtbot.wait(120)

    assert QtWidgets.QApplication.focusWidget() is prose


def test_destroying_a_streaming_transcript_raises_nothing(qtbot: Any) -> None:
    for _ in range(30):
        transcript = Transcript()
        transcript.resize(420, 600)
        transcript.show()
        transcript.set_items(talk(5))
        transcript.append_item(live())
        transcript.append_text("live", "```python\n" + "x = 1\n" * 3000 + "```\n")
        transcript.append_text("live", "| a | b |\n|--|--|\n" + "| 1 | 2 |\n" * 60)
        transcript.deleteLater()
        drop_deleted()
        del transcript
    gc.collect()
    settle()

    assert not [w for w in QtWidgets.QApplication.topLevelWidgets() if isinstance(w, Transcript)]


def test_two_transcripts_show_the_same_conversation(qtbot: Any) -> None:
    first = open_transcript(qtbot, talk(3), closed_by_bot=False)
    second = open_transcript(qtbot, talk(3))
    for transcript in (first, second):
        transcript.append_item(live())
        transcript.append_text("live", "same")

    first.deleteLater()
    drop_deleted()
    second.append_text("live", " words")

    assert second.text_of("live") == "same words"


def test_no_slot_is_a_lambda() -> None:
    folder = Path(transcript_module.__file__).parent
    lambdas = []
    for pattern in OURS:
        for path in folder.glob(pattern):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("connect", "singleShot"):
                    lambdas += [path.name for arg in node.args if isinstance(arg, ast.Lambda)]

    assert lambdas == []

"""Paragraphs are read from the side that their first letter says, code always from the left, in the composer too."""

from __future__ import annotations

from typing import Any, List, Tuple

from nuke_ai_panel_qt.qt import QtCore, QtGui
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt
RIGHT = Qt.LayoutDirection.RightToLeft
ARABIC = "المفتاح ناعم جدا"
ANSWER = (
    f"{ARABIC} `Blur1` ثم ارفع الكسب.\n\nIn English again.\n\n- {ARABIC}\n\n"
    f"```python\n# {ARABIC}\nx = 1\n```\n\n| {ARABIC} | two |\n|---|---|\n| one | {ARABIC} |\n"
)


def paragraphs(part: Any) -> List[Tuple[str, bool]]:  # a text view
    found, block = [], part.document().begin()
    while block.isValid():
        found.append((block.text(), block.textDirection() == RIGHT))
        block = block.next()
    return [one for one in found if one[0].strip()]


def test_answer_is_read_paragraph_by_paragraph_and_code_from_the_left(
    desk: Desk, model_server: FakeModelServer
) -> None:
    model_server.words = list(ANSWER)
    item = desk.ask_and_wait("how?")
    parts = desk.panel.transcript._views[item.id].body.parts()
    prose = [each for part in parts if not isinstance(part, CodeBlock) for each in paragraphs(part)]
    assert {text[:3]: rtl for text, rtl in prose} == {ARABIC[:3]: True, "In ": False, "two": False, "one": False}
    code = next(part for part in parts if isinstance(part, CodeBlock)).text_widget()
    assert not any(rtl for _, rtl in paragraphs(code))


def test_question_with_both_is_read_line_by_line(desk: Desk, model_server: FakeModelServer) -> None:
    text = f"{ARABIC}\n123\nand in English\n{ARABIC} Blur1"
    desk.manager.draft.put(text)
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    assert model_server.chats[-1].json()["messages"][-1]["content"] == text
    shown = paragraphs(desk.panel.transcript._views[desk.items()[0].id].body.parts()[0])
    assert [rtl for _, rtl in shown] == [True, False, True]
    assert [one for one, _ in shown][1] == "and in English"


def test_composer_begins_at_the_right_for_arabic_and_goes_back(desk: Desk) -> None:
    prompt = desk.panel.composer.prompt
    desk.panel.composer.set_text(f"{ARABIC}\nBlur1")
    desk.pause(20)
    first = QtGui.QTextCursor(prompt.document().firstBlock())
    assert prompt.cursorRect(first).x() > prompt.viewport().width() * 0.9
    assert [rtl for _, rtl in paragraphs(prompt)] == [True, False]
    desk.panel.composer.set_text("Blur1")
    desk.pause(20)
    assert prompt.cursorRect(QtGui.QTextCursor(prompt.document().firstBlock())).x() < 10

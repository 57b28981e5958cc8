"""Code is shown as it is, copied exactly, and its actions wait for the closing fence."""

from __future__ import annotations

from typing import Any, List

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.code_block import COLLAPSE_LINES, CodeBlock
from nuke_ai_panel_qt.ui.highlight import spans_of
from nuke_ai_panel_qt.ui.markdown import Code
from nuke_ai_panel_qt.ui.theme import contrast, theme_of
from nuke_ai_panel_qt.ui.values import MessageItem

from .transcript_kit import code_of, let_draw, live, open_transcript, settle

Qt = QtCore.Qt

PLAIN = "k = nuke.toNode('Blur1')\n\n\tif k:\n        k['size'].setValue(3)   "
NESTED = "for n in nuke.allNodes():\n    print(n.name())"
FOUR = "```python\nx = 1\n```\nstill inside"
THREE_BLOCKS = (
    f"First:\n\n```python\n{PLAIN}\n```\n\n1. in a list\n\n   ```py\n"
    + "".join(f"   {line}\n" for line in NESTED.split("\n"))
    + f"   ```\n\n2. after\n\n````markdown\n{FOUR}\n````\n"
)


def clipboard() -> bytes:
    return QtWidgets.QApplication.clipboard().text().encode("utf-8")


def blocks(bot: Any, text: str) -> List[CodeBlock]:
    transcript = open_transcript(bot, [MessageItem("a", "assistant", text=text)], (420, 2000))
    return code_of(transcript, "a")


def test_three_blocks_copy_byte_for_byte(qtbot: Any) -> None:
    copied = []
    for block in blocks(qtbot, THREE_BLOCKS):
        qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)
        copied.append(clipboard())

    assert copied == [PLAIN.encode(), NESTED.encode(), FOUR.encode()]


def test_copy_takes_the_data_where_the_screen_shows_escapes_and_folds(qtbot: Any) -> None:
    text = "print('\u202eevil\u200b')  # \x1b[2J\n" + "A" * 30_000
    (block,) = blocks(qtbot, f"```python\n{text}\n```")

    qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)

    assert clipboard() == text.encode()
    assert "\\u202e" in block.words() and "\\u200b" in block.words() and "\\x1b" in block.words()


def test_windows_line_ends_copy_as_lf(qtbot: Any) -> None:
    (block,) = blocks(qtbot, "```\r\na = 1\r\nb = 2\r\n```\r\n")

    qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)

    assert clipboard() == b"a = 1\nb = 2"


def test_copy_says_that_it_copied_and_reports_the_code(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="```\nx = 1\n```")])
    (block,) = code_of(transcript, "a")

    with qtbot.waitSignal(transcript.action) as said:
        qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)

    assert said.args == ["copy_code", "a", "x = 1"]
    assert block.copy_button().text() == "Copied"
    qtbot.waitUntil(lambda: block.copy_button().text() == "Copy", timeout=4000)


def test_copy_waits_for_the_closing_fence(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())

    transcript.append_text("live", "```python\nx = 1\n")
    let_draw(qtbot, transcript, "live")
    while_open = code_of(transcript, "live")[0].copy_button().isEnabled()
    transcript.append_text("live", "``")
    let_draw(qtbot, transcript, "live")
    with_half_a_fence = code_of(transcript, "live")[0]
    shown = with_half_a_fence.words()
    transcript.append_text("live", "`\nafter")
    let_draw(qtbot, transcript, "live")

    assert not while_open
    assert shown == "x = 1"
    assert code_of(transcript, "live")[0].copy_button().isEnabled()


def test_a_block_that_an_ended_answer_left_open_can_be_copied(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, [MessageItem("a", "assistant", text="```py\nx = 1\ny =", status="stopped")])
    (block,) = code_of(transcript, "a")

    qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)

    assert clipboard() == b"x = 1\ny ="


def test_a_long_block_folds_and_unfolds_and_still_copies_whole(qtbot: Any) -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(COLLAPSE_LINES * 3))
    (block,) = blocks(qtbot, f"```python\n{code}\n```")
    folded = block.height()

    qtbot.mouseClick(block.copy_button(), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(block.focusable()[1], Qt.MouseButton.LeftButton)
    settle()

    assert clipboard() == code.encode()
    assert block.words() == code
    assert block.height() > 2 * folded


def test_a_block_watched_arriving_does_not_fold_under_the_eye(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())
    transcript.append_text("live", "```python\n")

    for number in range(COLLAPSE_LINES + 20):
        transcript.append_text("live", f"line_{number} = {number}\n")
    transcript.append_text("live", "```\n")
    text = transcript.text_of("live")
    transcript.replace_item(MessageItem("live", "assistant", text=text))
    settle()

    assert code_of(transcript, "live")[0].words().count("\n") == COLLAPSE_LINES + 19


def test_keywords_are_coloured_at_the_closing_fence_and_the_colours_are_readable(qtbot: Any) -> None:
    transcript = open_transcript(qtbot)
    transcript.append_item(live())
    transcript.append_text("live", "```python\nimport nuke\n")
    let_draw(qtbot, transcript, "live")
    block = code_of(transcript, "live")[0]
    line = block.text_widget().document().firstBlock()
    layout = line.layout()
    before = len(layout.formats())

    transcript.append_text("live", "```\n")
    let_draw(qtbot, transcript, "live")
    line = block.text_widget().document().firstBlock()
    layout = line.layout()
    after = len(layout.formats())

    theme = transcript.theme()
    assert (before, after > 0) == (0, True)
    assert all(contrast(color, theme.code_ground) >= 4.5 for color in theme.syntax.values())


def test_offsets_count_as_qt_counts() -> None:
    spans = [span for _line, span in spans_of("'\U0001f600' if x", "python")]

    assert (0, 4, "string") in spans or [span for span in spans if span[2] == "string"][-1][:2] == (3, 1)
    assert (5, 2, "keyword") in spans


@pytest.mark.parametrize("language", ["", "nosuchlanguage", "text", "nk", "blinkscript", "C++", "{.python}"])
def test_any_language_tag_is_shown(qtbot: Any, language: str) -> None:
    (block,) = blocks(qtbot, f"```{language}\nBlur {{ size 3 }}\n```")

    assert block.words() == "Blur { size 3 }"


def test_code_never_wraps_and_reserves_its_scrollbar(qtbot: Any) -> None:
    short, long = blocks(qtbot, "```\nx\n```\n\n```\n" + "x = 1; " * 100 + "\n```")

    assert short.height() == long.height()
    assert long.text_widget().horizontalScrollBar().maximum() > 0


def test_code_stays_left_to_right_in_a_right_to_left_answer(qtbot: Any) -> None:
    (block,) = blocks(qtbot, "שלום:\n\n```python\n# הערה\nx = 1\n```")

    assert block.text_widget().layoutDirection() == Qt.LayoutDirection.LeftToRight
    option = block.text_widget().document().defaultTextOption()
    assert option.textDirection() == Qt.LayoutDirection.LeftToRight


def test_a_card_that_is_used_again_shows_all_its_lines_at_once(qtbot: Any) -> None:
    (block,) = blocks(qtbot, f"```python\n{THREE_BLOCKS.splitlines()[3]}\nb = 2\nc = 3\nd = 4\n```")
    code, size = Code(block.code(), "python"), block.size()
    needed = block.text_widget().height()

    block.reset()
    block.resize(size.width() - 10, size.height())  # drawn anew while it was empty
    block.resize(size)
    block.set_code(code, theme_of(block))

    assert block.size() == size
    assert block.text_widget().height() == needed

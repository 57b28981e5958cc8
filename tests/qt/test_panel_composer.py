"""The composer's rules: what sends, what does not, what a paste becomes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.composer import Composer
from nuke_ai_panel_qt.ui.shortcuts import Shortcuts
from nuke_ai_panel_qt.ui.values import Chip
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, flag

Qt = QtCore.Qt
NO = Qt.KeyboardModifier.NoModifier
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Heard:
    def __init__(self, composer: Composer) -> None:
        self.sent: list[str] = []
        self.pasted: list[str] = []
        composer.submitted.connect(self.sent.append)
        composer.long_paste.connect(self.pasted.append)


@pytest.fixture
def composer(qtbot: Any) -> Composer:
    made = Composer(Shortcuts())
    qtbot.addWidget(made)
    made.resize(420, 200)
    made.set_room(760, 420)
    made.show()
    made.prompt.setFocus()
    return made


@pytest.mark.parametrize(
    ("key", "modifiers", "enter_sends", "sent", "text"),
    [
        (Qt.Key.Key_Return, NO, True, ["hi"], "hi"),
        (Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier, True, ["hi"], "hi"),
        (Qt.Key.Key_Return, CONTROL, True, ["hi"], "hi"),
        (Qt.Key.Key_Return, SHIFT, True, [], "hi\n"),
        (Qt.Key.Key_Return, NO, False, [], "hi\n"),
        (Qt.Key.Key_Return, CONTROL, False, ["hi"], "hi"),
    ],
)
def test_enter(
    key: Any, modifiers: Any, enter_sends: bool, sent: list[str], text: str, composer: Composer, qtbot: Any
) -> None:
    heard = Heard(composer)
    composer.prompt.set_enter_sends(enter_sends)
    composer.set_text("hi")
    qtbot.keyClick(composer.prompt, key, modifiers)
    assert (heard.sent, composer.text()) == (sent, text)


def test_return_while_composing_commits_and_sends_nothing(composer: Composer, qtbot: Any) -> None:
    heard = Heard(composer)
    QtCore.QCoreApplication.sendEvent(composer.prompt, QtGui.QInputMethodEvent("にほん", []))
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Return)
    assert (heard.sent, composer.text()) == ([], "にほん")
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Return)
    assert heard.sent == ["にほん"]


def test_a_held_enter_sends_once(composer: Composer) -> None:
    heard = Heard(composer)
    composer.set_text("hi")
    for is_repeat in (False, True, True):
        press = QtGui.QKeyEvent(QtCore.QEvent.Type.KeyPress, flag(Qt.Key.Key_Return), NO, "\r", is_repeat)
        QtCore.QCoreApplication.sendEvent(composer.prompt, press)
    assert heard.sent == ["hi"]


def test_nothing_is_sent_without_text_or_attachment(composer: Composer, qtbot: Any) -> None:
    heard = Heard(composer)
    composer.set_text("  \n ")
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Return)
    assert heard.sent == [] and not composer.send.isEnabled()
    composer.set_chips((Chip("1", "file", "shot.nk"),))
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Return)
    assert len(heard.sent) == 1


def test_a_double_click_on_send_sends_once_and_does_not_stop(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold()
    desk.type("hello")
    button = desk.panel.composer.send
    desk.bot.mouseClick(button, Qt.MouseButton.LeftButton)
    desk.bot.mouseDClick(button, Qt.MouseButton.LeftButton)
    desk.until(lambda: model_server.chats)
    desk.pause(100)
    assert desk.panel.composer.is_running() and len(model_server.chats) == 1
    model_server.release()
    desk.until(desk.is_idle)


def test_it_grows_to_two_fifths_of_the_panel_then_scrolls(composer: Composer) -> None:
    one = composer.prompt.height()
    composer.set_text("a\nb\nc")
    assert one * 2 < composer.prompt.height() < one * 4
    composer.set_text("line\n" * 100)
    assert composer.prompt.height() == int(760 * 0.4)
    composer.set_text("")
    assert composer.prompt.height() == one


@pytest.mark.parametrize("text", ["x" * 5001, "line\n" * 121])
def test_a_long_paste_is_announced_not_inserted(text: str, composer: Composer) -> None:
    heard = Heard(composer)
    paste(composer, text)
    assert (heard.pasted, composer.text()) == ([text], "")


def test_a_short_paste_is_plain_text_with_unix_newlines(composer: Composer) -> None:
    mime = QtCore.QMimeData()
    mime.setHtml("<b>bold</b>")
    mime.setText("bold\r\nnext")
    composer.prompt.insertFromMimeData(mime)
    assert composer.text() == "bold\nnext"


def test_control_shift_v_inserts_however_long(composer: Composer, qtbot: Any) -> None:
    heard = Heard(composer)
    QtWidgets.QApplication.clipboard().setText("word " * 2000)
    qtbot.keyClick(composer.prompt, Qt.Key.Key_V, CONTROL | SHIFT)
    assert heard.pasted == [] and len(composer.text()) == 10_000


def test_a_megabyte_is_pasted_within_a_tenth_of_a_second(desk: Desk) -> None:
    text = "0123456789abcde\n" * 65_536
    started = time.perf_counter()
    paste(desk.panel.composer, text)
    assert time.perf_counter() - started < 0.2  # twice the budget
    chip = desk.panel.composer.chips.buttons()[0]
    assert chip.chip.label == "paste.txt"
    desk.click(chip)
    assert desk.panel.overlay.content() is desk.panel.text_sheet
    desk.click(desk.button("Remove"))
    assert desk.panel.composer.chips.buttons() == ()


def test_a_pasted_chip_can_become_text(desk: Desk) -> None:
    paste(desk.panel.composer, "line\n" * 150)
    desk.click(desk.panel.composer.chips.buttons()[0])
    desk.click(desk.button("Insert as text"))
    assert desk.panel.composer.text() == "line\n" * 150
    assert desk.panel.composer.chips.buttons() == ()


def test_up_recalls_and_down_brings_the_unsent_text_back(desk: Desk) -> None:
    for text in ("first", "second"):
        desk.ask_and_wait(text)
    desk.type("pending")
    composer = desk.panel.composer
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        desk.press(key, on=composer.prompt)
        seen.append(composer.text())
    assert seen == ["second", "first", "second", "pending"]


def test_up_inside_several_lines_moves_the_caret(composer: Composer, qtbot: Any) -> None:
    composer.prompt.set_history(("sent",))
    composer.set_text("one\ntwo")
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Up)
    assert composer.text() == "one\ntwo"
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Up)
    assert composer.text() == "sent"


def test_a_blocked_composer_keeps_its_text_and_says_why(composer: Composer, qtbot: Any) -> None:
    heard = Heard(composer)
    composer.set_blocked("Choose a model first.")
    composer.set_text("kept")
    qtbot.keyClick(composer.prompt, Qt.Key.Key_Return)
    assert (heard.sent, composer.text(), composer.hint.text()) == ([], "kept", "Choose a model first.")
    assert composer.hint.isVisible()


def test_a_dropped_file_travels_with_the_question(desk: Desk, model_server: FakeModelServer, tmp_path: Path) -> None:
    script = tmp_path / "shot.nk"
    script.write_text("Blur {\n size 12\n}\n", encoding="utf-8")
    mime = QtCore.QMimeData()
    mime.setUrls([QtCore.QUrl.fromLocalFile(str(script))])
    desk.panel.composer.prompt.insertFromMimeData(mime)
    desk.until(lambda: desk.panel.composer.chips.buttons())
    desk.ask_and_wait("what is this?")
    assert "size 12" in model_server.chats[-1].json()["messages"][-1]["content"]
    chip = desk.items()[0].chips[0]
    assert (chip.label, chip.detail) == ("shot.nk", "Blur {\n size 12\n}\n")
    assert desk.panel.composer.chips.buttons() == ()


def test_a_binary_file_is_refused_with_a_sentence(desk: Desk, tmp_path: Path) -> None:
    image = tmp_path / "plate.exr"
    image.write_bytes(b"\x76\x2f\x31\x01\0\0")
    desk.manager.draft.attach_files([str(image)])
    desk.until(lambda: desk.panel.composer.hint.isVisible())
    assert "plate.exr cannot be attached" in desk.panel.composer.hint.text()


def paste(composer: Composer, text: str) -> None:
    mime = QtCore.QMimeData()
    mime.setText(text)
    composer.prompt.insertFromMimeData(mime)

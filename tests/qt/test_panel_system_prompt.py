"""The system prompt of a conversation: default, preset, own words; a change later parts the transcript."""

from __future__ import annotations

import json
from typing import Iterator, List

import pytest

from nuke_ai_panel.settings import home_dir
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.system_sheet import SystemSheet
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides

Qt = QtCore.Qt
CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def talking(qtbot: object, model_server: FakeModelServer) -> Iterator[Desk]:
    made = Desk(qtbot, server_overrides(model_server, system="You are the studio's default."))
    yield made
    close_desk(made)


def opened(desk: Desk) -> SystemSheet:
    desk.press(Qt.Key.Key_I, CONTROL_SHIFT)
    desk.until(lambda: desk.manager.system.sheet is not None and desk.manager.session.craft.prompts.shelf.presets)
    sheet = desk.manager.system.sheet
    assert sheet is not None and desk.panel.overlay.content() is sheet
    return sheet


def sent(server: FakeModelServer) -> List[str]:
    return [f"{one['role']}: {one['content']}" for one in server.chats[-1].json()["messages"]]


def test_preset_before_the_first_question_goes_with_it(talking: Desk, model_server: FakeModelServer) -> None:
    sheet = opened(talking)
    assert sheet.text.toPlainText() == "You are the studio's default."
    sheet.preset.choose("teacher")
    assert "teach compositing" in sheet.text.toPlainText()
    talking.click(sheet.use)
    talking.ask_and_wait("hello")
    assert sent(model_server)[0].startswith("system: You teach compositing")
    assert [item.role for item in talking.items()] == ["user", "assistant"]


def test_change_in_the_middle_parts_the_transcript_and_counts_from_the_next_question(
    talking: Desk, model_server: FakeModelServer
) -> None:
    talking.ask_and_wait("one")
    assert sent(model_server)[0] == "system: You are the studio's default."
    sheet = opened(talking)
    sheet.text.setPlainText("Answer in French.")
    talking.click(sheet.use)
    talking.until(lambda: [item.role for item in talking.items()] == ["user", "assistant", "notice"])
    assert "Answer in French." in talking.items()[-1].text and talking.items()[-1].is_divider
    talking.ask_and_wait("two")
    assert [item.role for item in talking.items()] == ["user", "assistant", "notice", "user", "assistant"]
    assert sent(model_server) == [
        "system: Answer in French.", "user: one", "assistant: Hello, artist.", "user: two"
    ]
    # Again from the disk, and what was sent is what the inspector shows.
    shown = talking.manager.shown.id
    talking.manager.new_conversation()
    talking.manager.open_conversation(shown)
    talking.until(lambda: len(talking.items()) == 5)
    talking.manager.actions.run("sent", talking.items()[-1].id, None)
    view = talking.panel.text_sheet.view.toPlainText()
    assert json.loads(view) == json.loads(model_server.chats[-1].body)


def test_editing_a_question_above_the_change_still_asks_with_the_prompt_of_then(
    talking: Desk, model_server: FakeModelServer
) -> None:
    talking.ask_and_wait("one")
    talking.manager.system.use("Answer in French.")
    talking.until(lambda: len(talking.items()) == 3)
    talking.manager.actions.run("edit", talking.items()[0].id, None)
    talking.panel.composer.set_text("")
    talking.ask("other")
    talking.until(lambda: [item.text for item in talking.items()][:1] == ["other"] and talking.is_idle())
    assert sent(model_server) == ["system: You are the studio's default.", "user: other"]


def test_two_changes_in_a_row_leave_one_mark_and_changing_back_leaves_none(talking: Desk) -> None:
    talking.ask_and_wait("one")
    talking.manager.system.use("Answer in French.")
    talking.until(lambda: len(talking.items()) == 3)
    talking.manager.system.use("Answer in Basque.")
    talking.until(lambda: "Basque" in talking.items()[-1].text)
    assert len(talking.items()) == 3
    talking.manager.system.use("You are the studio's default.")
    talking.until(lambda: len(talking.items()) == 2)


def test_prompt_cannot_be_changed_under_a_running_answer_but_be_looked_at(
    talking: Desk, model_server: FakeModelServer
) -> None:
    model_server.hold(1)
    talking.ask("one")
    talking.until(lambda: talking.panel.composer.is_running())
    sheet = opened(talking)
    assert not sheet.use.isEnabled() and "being written" in sheet.facts.text()
    assert sheet.text.toPlainText() == "You are the studio's default."
    model_server.release()
    talking.until(talking.is_idle)


def test_own_words_become_a_preset_file_which_an_edit_outside_changes_too(talking: Desk) -> None:
    sheet = opened(talking)
    sheet.text.setPlainText("You know our show.")
    talking.click(sheet.save)
    talking.bot.keyClicks(sheet.name, "Our show")
    talking.click(sheet.keep)
    path = home_dir() / "presets" / "our-show.md"
    talking.until(path.exists)
    talking.until(lambda: sheet.preset.value() == "our-show" and sheet.delete.isVisible())
    path.write_text("---\ntitle: Our show\n---\nYou know the second season.\n", encoding="utf-8")
    talking.panel.close_overlay()
    sheet = opened(talking)
    talking.until(lambda: talking.session.craft.prompts.shelf.preset_of("You know the second season.") is not None)
    sheet.preset.choose("our-show")
    assert sheet.text.toPlainText() == "You know the second season."
    talking.click(sheet.delete)
    talking.until(lambda: not path.exists())

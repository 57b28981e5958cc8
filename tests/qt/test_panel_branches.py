"""Regenerate and Edit make branches; what is shown is what is sent."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import pytest

from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt


class Counting:
    """Answers with the number of the request."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, body: Mapping[str, Any]) -> Sequence[str]:
        self.count += 1
        return [f"answer {self.count}"]


@pytest.fixture(autouse=True)
def counting(model_server: FakeModelServer) -> None:
    model_server.words = Counting()


def test_regenerate_keeps_both_answers_each_with_its_model(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("hello")
    desk.manager.models.choose_model(type(desk.manager.models.choice())("openai", "fake-model-2"))
    desk.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: desk.texts() == ["hello", "answer 2"] and desk.is_idle())
    desk.until(lambda: desk.answer().branch == (2, 2))
    assert desk.answer().label == "fake-model-2 · OpenAI"
    desk.click(desk.button("Previous version"))
    desk.until(lambda: desk.texts() == ["hello", "answer 1"])
    assert desk.answer().label == "fake-model · OpenAI"
    assert desk.answer().branch == (1, 2)


def test_editing_a_question_starts_a_branch_and_the_old_one_comes_back_whole(
    desk: Desk, model_server: FakeModelServer
) -> None:
    for number in range(5):
        desk.ask_and_wait(f"question {number}")
    before = desk.texts()
    desk.manager.actions.run("edit", desk.items()[2].id, None)
    assert desk.panel.composer.text() == "question 1"
    desk.panel.composer.set_text("")
    desk.ask("changed")
    desk.until(lambda: desk.texts() == ["question 0", "answer 1", "changed", "answer 6"] and desk.is_idle())
    sent = [one["content"] for one in model_server.chats[-1].json()["messages"]]
    assert sent == ["question 0", "answer 1", "changed"]
    desk.until(lambda: desk.items()[2].branch == (2, 2))
    desk.manager.actions.run("branch_prev", desk.items()[2].id, None)
    desk.until(lambda: desk.texts() == before)


def test_editing_the_first_question_works_too(desk: Desk) -> None:
    desk.ask_and_wait("first")
    desk.manager.actions.run("edit", desk.items()[0].id, None)
    desk.panel.composer.set_text("")
    desk.ask("other")
    desk.until(lambda: desk.texts() == ["other", "answer 2"] and desk.is_idle())


def test_escape_leaves_an_edit_and_puts_the_draft_back(desk: Desk) -> None:
    desk.ask_and_wait("first")
    desk.type("half a thought")
    desk.manager.actions.run("edit", desk.items()[0].id, None)
    assert desk.panel.composer.editing.isVisible()
    desk.press(Qt.Key.Key_Escape)
    assert desk.panel.composer.text() == "half a thought"
    assert not desk.panel.composer.editing.isVisible()


def test_the_shown_branch_is_sent_and_shown_after_a_restart(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("hello")
    desk.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    desk.manager.actions.run("branch_prev", desk.answer().id, None)
    desk.until(lambda: desk.answer().text == "answer 1")
    desk.ask_and_wait("and then")
    sent = [one["content"] for one in model_server.chats[-1].json()["messages"]]
    assert sent == ["hello", "answer 1", "and then"]
    shown = desk.texts()
    desk.close_panel()
    desk.open_panel()
    desk.until(lambda: desk.texts() == shown)


def test_arrows_rest_while_an_answer_runs(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("hello")
    desk.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    model_server.hold()
    desk.ask("next")
    desk.until(lambda: len(desk.items()) == 4)
    desk.until(lambda: not desk.items()[1].branch_enabled)
    model_server.release()
    desk.until(lambda: desk.is_idle() and desk.items()[1].branch_enabled)


def test_deleting_a_message_can_be_undone(desk: Desk) -> None:
    desk.ask_and_wait("first")
    desk.ask_and_wait("second")
    shown = desk.texts()
    desk.manager.actions.run("delete", desk.items()[2].id, None)
    desk.until(lambda: desk.texts() == shown[:2])
    desk.click(desk.panel.toast.action)
    desk.until(lambda: desk.texts() == shown)


def test_copy_takes_the_answers_source(desk: Desk, model_server: FakeModelServer) -> None:
    from nuke_ai_panel_qt.qt import QtGui

    model_server.words = ["Use **this**:\n\n", "````python\nprint('```')\n````\n", "Done."]
    desk.ask_and_wait("code please")
    desk.press(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert QtGui.QGuiApplication.clipboard().text() == desk.answer().text
    desk.press(Qt.Key.Key_X, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert QtGui.QGuiApplication.clipboard().text() == "print('```')\n"

"""Chatting through the panel: what is typed reaches a model, what comes back is shown and stored."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt


def test_twenty_messages_use_one_connection_and_are_all_stored(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = lambda body: ["Answer ", "to ", str(body["messages"][-1]["content"])]
    for number in range(20):
        item = desk.ask_and_wait(f"question {number}")
        assert item.text == f"Answer to question {number}"
    stored = desk.session.app.store.path(desk.manager.shown.id).result(5)
    assert [one.text for one in stored] == desk.texts()
    assert [one.status for one in stored] == ["complete"] * 40
    assert model_server.connections == 1
    assert len(model_server.chats[-1].json()["messages"]) == 39


def test_send_becomes_stop_in_the_same_click(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.delay_s = 5
    desk.ask("hello")
    assert desk.panel.composer.is_running()
    assert desk.panel.composer.text() == ""
    desk.click(desk.panel.composer.send)
    desk.until(desk.is_idle, 300 + 200)


def test_stop_in_mid_answer_keeps_what_arrived_and_the_draft(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["```python\n", "a = 1\n", "b = 2\n", "```"]
    model_server.hold(after=2)
    desk.ask("write code")
    desk.until(lambda: desk.texts()[-1:] == ["```python\na = 1\n"])
    desk.type("my next question")
    desk.press(Qt.Key.Key_Escape)
    desk.until(desk.is_idle)
    assert desk.answer().status == "stopped"
    assert desk.answer().text == "```python\na = 1\n"
    assert desk.panel.composer.text() == "my next question"
    desk.until(lambda: model_server.disconnects)
    model_server.release()
    desk.pause(100)
    assert desk.answer().text == "```python\na = 1\n"


def test_stop_while_a_retry_waits(desk: Desk, model_server: FakeModelServer) -> None:
    desk.session.app.providers.reload(desk.session.app.settings)
    model_server.fail(503, {"error": {"message": "busy"}}, {"Retry-After": "30"}, times=5)
    desk.ask("hello")
    desk.until(lambda: model_server.chats)
    desk.click(desk.panel.composer.send)
    desk.until(desk.is_idle)
    assert desk.answer().status in ("stopped", "failed")


def test_two_conversations_stream_at_once_and_never_mix(desk: Desk, model_server: FakeModelServer) -> None:
    def words(body: Mapping[str, Any]) -> Sequence[str]:
        name = str(body["messages"][-1]["content"])
        return [f"{name}{number} " for number in range(60)]

    model_server.words = words
    model_server.tokens_per_s = 200
    desk.ask("apple")
    first = desk.manager.shown.id
    desk.click(desk.panel.header.new)
    desk.ask("pear")
    second = desk.manager.shown.id
    assert len(desk.session.running_ids()) == 2
    for _ in range(3):
        desk.manager.open_conversation(first)
        desk.pause(60)
        assert "pear" not in "".join(desk.texts())
        desk.manager.open_conversation(second)
        desk.pause(60)
        assert "apple" not in "".join(desk.texts())
    desk.until(desk.is_idle)
    assert desk.texts() == ["pear", "".join(f"pear{number} " for number in range(60))]
    desk.manager.open_conversation(first)
    desk.until(lambda: len(desk.items()) == 2)
    assert desk.texts() == ["apple", "".join(f"apple{number} " for number in range(60))]


def test_an_answer_goes_on_while_its_panel_is_closed(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["one ", "two ", "three ", "four"]
    model_server.hold(after=2)
    desk.ask("count")
    desk.until(lambda: desk.texts()[-1:] == ["one two "])
    desk.close_panel()
    desk.pause(50)
    desk.open_panel()
    desk.until(lambda: desk.texts() == ["count", "one two "])
    assert desk.panel.composer.is_running()
    model_server.release()
    desk.until(desk.is_idle)
    assert desk.texts() == ["count", "one two three four"]


def test_two_panels_on_one_app_show_the_same_stream(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["one ", "two ", "three"]
    model_server.hold(after=1)
    desk.ask("count")
    desk.until(lambda: desk.texts()[-1:] == ["one "])
    first = desk.panel
    desk.open_panel()
    desk.until(lambda: desk.texts() == ["count", "one "])
    model_server.release()
    desk.until(desk.is_idle)
    assert desk.texts() == ["count", "one two three"]
    assert [item.text for item in first.transcript.items()] == ["count", "one two three"]


def test_quitting_in_mid_answer_keeps_question_and_part(desk: Desk, model_server: FakeModelServer, qtbot: Any) -> None:
    model_server.words = ["kept ", "lost"]
    model_server.hold(after=1)
    desk.ask("hello")
    desk.until(lambda: desk.texts()[-1:] == ["kept "])
    desk.session.close()
    again = Desk(qtbot)
    again.until(lambda: again.texts() == ["hello", "kept "])
    assert again.answer().status == "interrupted"
    again.widget.close()
    again.session.close()


def test_enter_during_a_run_queues_and_a_stop_keeps_the_queue(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold()
    desk.ask("first")
    for text in ("second", "third"):
        desk.type(text)
        desk.press(Qt.Key.Key_Return)
    assert [row.question.text for row in desk.panel.composer.queue_rows()] == ["second", "third"]
    desk.click(desk.panel.composer.queue_rows()[0].remove)
    desk.click(desk.panel.composer.send)
    desk.until(desk.is_idle)
    assert [row.question.text for row in desk.panel.composer.queue_rows()] == ["third"]
    model_server.release()
    desk.click(desk.panel.composer.queue_rows()[0].send)
    desk.until(lambda: desk.texts()[-2:] == ["third", "Hello, artist."])
    assert desk.panel.composer.queue_rows() == ()


def test_a_queued_question_follows_a_complete_answer(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold()
    desk.ask("first")
    desk.type("second")
    desk.press(Qt.Key.Key_Return)
    model_server.release()
    desk.until(lambda: len(desk.items()) == 4)
    desk.until(desk.is_idle)
    assert desk.texts() == ["first", "Hello, artist.", "second", "Hello, artist."]


def test_thinking_is_shown_apart_from_the_answer(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.thinking = ["let ", "me see"]
    item = desk.ask_and_wait("hello")
    assert (item.thinking, item.text) == ("let me see", "Hello, artist.")


def test_a_waiting_answer_says_so(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.first_token_delay_s = 5
    desk.ask("hello")
    desk.until(lambda: desk.items() and desk.items()[-1].wait)
    assert desk.items()[-1].wait.endswith("…")
    desk.click(desk.panel.composer.send)
    desk.until(desk.is_idle)


def test_a_cut_answer_offers_to_continue_and_joins(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["The first ", "half"]
    model_server.finish_reason = "length"
    assert desk.ask_and_wait("talk").truncated
    model_server.words = [" and the second."]
    model_server.finish_reason = "stop"
    desk.click(desk.button("Continue"))
    desk.until(lambda: desk.panel.composer.is_running())
    desk.until(desk.is_idle)
    assert desk.texts() == ["talk", "The first half and the second."]


def test_two_panels_keep_their_own_conversation(desk: Desk, model_server: FakeModelServer) -> None:
    desk.ask_and_wait("in the first")
    desk.open_panel()
    desk.click(desk.panel.header.new)
    desk.ask_and_wait("in the second")
    first = desk.widgets[0].panel
    assert first is not None
    assert [item.text for item in first.transcript.items()] == ["in the first", "Hello, artist."]

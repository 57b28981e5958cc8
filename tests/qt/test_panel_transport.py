"""What the transport has to say shows in the panel: who answered instead and why, what is waited for, how to go on."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.app import ModelChoice, TurnRequest
from tests.fakes.fault_server import closed_port
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides


def test_answer_of_a_stand_in_carries_its_name_and_a_notice(qtbot: Any, model_server: FakeModelServer) -> None:
    model_server.words = ["From ", "the ", "second."]
    desk = Desk(qtbot, {
        **server_overrides(model_server), "providers.openai.base_url": f"http://127.0.0.1:{closed_port()}/v1",
        "providers.second.kind": "openai", "providers.second.title": "Second",
        "providers.second.base_url": model_server.base_url, "fallback": ["second/fake-model-2"],
    })
    item = desk.ask_and_wait("hello")
    assert (item.status, item.text) == ("complete", "From the second.")
    assert item.label == "fake-model-2 · Second"
    assert len(item.notices) == 1 and "fake-model-2 of Second was asked instead" in item.notices[0]
    assert "Nothing answers at 127.0.0.1" in item.notices[0] and "?." not in item.notices[0]
    close_desk(desk)


def test_answer_that_broke_off_can_be_continued(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["The first ", "half ", "and the rest"]
    model_server.drop_after = 2
    item = desk.ask_and_wait("hello")
    assert (item.status, item.text) == ("failed", "The first half ")
    model_server.drop_after = None
    model_server.words = ["and the rest"]
    desk.click(desk.button("Continue"))
    desk.until(lambda: desk.answer().status == "complete")
    assert desk.answer().text == "The first half and the rest"


def test_question_that_waits_for_a_servers_pause_says_so(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(429, headers={"Retry-After": "30"})
    app = desk.session.app
    other = app.start_turn(TurnRequest("q", choice=ModelChoice("openai", "fake-model"), retries=2), lambda event: None)
    model_server.wait_until(lambda: bool(model_server.chats))
    desk.ask("hello")
    desk.until(lambda: len(desk.items()) == 2 and "asks for a pause" in desk.answer().wait)
    assert desk.answer().wait.startswith("OpenAI asks for a pause: ")
    other.stop()
    desk.click(desk.button("Stop"))
    desk.until(lambda: desk.answer().status == "stopped")

"""Every failure shows its own sentence where it happened, with a Retry that does not ask twice."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

import pytest

from nuke_ai_panel_qt.qt import QtGui
from tests.fakes.fault_server import closed_port
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, server_overrides

FAILURES: Dict[int, Tuple[Mapping[str, Any], str]] = {
    401: ({"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, "rejected the key"),
    403: ({"error": {"message": "Forbidden"}}, "does not allow"),
    404: ({"error": {"message": "no such model", "code": "model_not_found"}}, "does not have the model"),
    429: ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "slow down"),
    500: ({"error": {"message": "oops"}}, "error of its own"),
}


@pytest.mark.parametrize("status", sorted(FAILURES))
def test_an_http_error_has_its_own_sentence_and_a_working_retry(
    status: int, desk: Desk, model_server: FakeModelServer
) -> None:
    body, sentence = FAILURES[status]
    model_server.fail(status, body)
    item = desk.ask_and_wait("hello")
    assert item.error is not None and item.status == "failed"
    assert sentence in item.error.sentence
    assert f"HTTP {status}" in item.error.facts and "fake-model" in item.error.facts
    desk.click(desk.button("Retry"))
    desk.until(lambda: desk.answer().status == "complete")
    assert desk.texts() == ["hello", "Hello, artist."]
    assert len([one for one in model_server.chats[-1].json()["messages"] if one["role"] == "user"]) == 1


def test_two_retries_do_not_duplicate_the_question(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(500, times=3)
    desk.ask_and_wait("hello")
    for _ in range(2):
        before = desk.answer().id
        desk.click(desk.button("Retry"))
        desk.until(lambda before=before: desk.answer().id != before and desk.is_idle())
    assert [item.role for item in desk.items()] == ["user", "assistant"]
    desk.until(lambda: desk.answer().branch == (3, 3))


def test_a_refused_connection_says_so_and_the_chip_tells_the_truth(qtbot: Any, model_server: FakeModelServer) -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    refused = Desk(
        qtbot, server_overrides(model_server, **{"providers.openai.base_url": url, "wait_for_server_s": 0})
    )
    item = refused.ask_and_wait("hello")
    assert item.error is not None
    assert "Nothing answers at 127.0.0.1" in item.error.sentence
    refused.until(lambda: refused.panel.composer.status.value().state == "unreachable")
    assert "unreachable" in refused.panel.composer.status.text()
    close_desk(refused)


def test_a_drop_in_mid_answer_keeps_the_part_above_the_card(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["The first ", "half ", "and the rest"]
    model_server.drop_after = 2
    item = desk.ask_and_wait("hello")
    assert item.text == "The first half "
    assert item.error is not None and item.status == "failed"
    model_server.drop_after = None
    desk.click(desk.button("Retry"))
    desk.until(lambda: desk.answer().status == "complete")
    assert desk.answer().text == "The first half and the rest"


def test_error_cards_are_not_sent_to_the_model(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(500)
    desk.ask_and_wait("first")
    desk.ask_and_wait("second")
    sent = model_server.chats[-1].json()["messages"]
    assert all("error" not in str(one["content"]).lower() for one in sent)
    assert [one["role"] for one in sent] == ["user"]


def test_copy_details_puts_the_facts_on_the_clipboard(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(500, {"error": {"message": "the disk is full"}})
    desk.ask_and_wait("hello")
    desk.click(desk.button("Copy details"))
    assert "the disk is full" in QtGui.QGuiApplication.clipboard().text()


def test_switch_model_opens_the_picker(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(404, FAILURES[404][0])
    desk.ask_and_wait("hello")
    desk.click(desk.button("Switch model"))
    assert desk.panel.overlay.content() is desk.panel.picker


def test_provider_settings_open_at_the_provider_that_failed(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(401, FAILURES[401][0])
    desk.ask_and_wait("hello")
    desk.click(desk.button("Open settings"))
    dialog = desk.manager.settings.dialog
    assert dialog is not None and dialog.isVisible()
    assert dialog.list.current() == "provider:openai" and dialog.provider.name == "openai"


def test_a_reopened_conversation_still_shows_its_error(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.fail(500)
    shown = desk.ask_and_wait("hello")
    conversation = desk.manager.shown.id
    desk.click(desk.panel.header.new)
    desk.manager.open_conversation(conversation)
    desk.until(lambda: len(desk.items()) == 2)
    assert desk.items()[-1] == shown

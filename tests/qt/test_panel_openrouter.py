"""What the panel shows of OpenRouter: who answered, what it cost, what is left, and which vendors are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel_qt.core import message_actions
from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.openrouter_server import FakeOpenRouter

from .panel_kit import Desk, close_desk

Qt = QtCore.Qt


@pytest.fixture
def router() -> Iterator[FakeOpenRouter]:
    """A running OpenRouter."""
    with FakeOpenRouter() as server:
        yield server


@pytest.fixture
def desk(qtbot: Any, router: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:  # untyped bot
    """A panel whose answers come from `router`."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-panel-test-0123456789")
    made = Desk(qtbot, {
        "default_provider": "openrouter", "default_model": "acme/smart", "providers.openrouter.base_url":
        f"{router.url}/v1", "providers.openrouter.retries": 0, "providers.ollama.enabled": False,
        "providers.openai.enabled": False, "providers.local.enabled": False,
    })
    yield made
    close_desk(made)


def test_the_footer_names_the_vendor_that_answered_and_what_was_paid(desk: Desk, router: FakeOpenRouter) -> None:
    item = desk.ask_and_wait("hello")
    assert item.label == "acme/smart · OpenRouter via DeepInfra"
    assert item.facts.startswith("4 tok") and item.facts.endswith("$0.0042")
    for line in ("Cost: $0.0042", "Answered by: DeepInfra", "Model: acme/smart-2026"):
        assert line in item.facts_detail
    assert router.chats[-1].json()["provider"] == {"allow_fallbacks": False}


def test_the_vendor_and_the_cost_are_stored(desk: Desk) -> None:
    shown, conversation = desk.ask_and_wait("hello"), desk.manager.shown.id
    desk.click(desk.panel.header.new)
    desk.manager.open_conversation(conversation)
    desk.until(lambda: len(desk.items()) == 2)
    assert desk.items()[-1] == shown
    assert desk.manager.shown.path[-1].upstream == "DeepInfra"


def test_a_free_answer_is_free_and_one_of_unknown_cost_a_dash(desk: Desk, router: FakeOpenRouter) -> None:
    router.cost = 0.0
    assert desk.ask_and_wait("one").facts.endswith("free")
    router.cost = None
    item = desk.ask_and_wait("two")
    assert "$" not in item.facts and "free" not in item.facts
    assert "Cost: –" in item.facts_detail


def test_an_empty_account_says_which_limit_and_opens_the_page(
    desk: Desk, router: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(message_actions, "_open_link", opened.append)
    router.fail(402, {"error": {"code": 402, "message": "x", "metadata": {"limit_source": "openrouter_key_limit"}}})
    item = desk.ask_and_wait("hello")
    assert item.error is not None
    assert "spending limit" in item.error.sentence and item.error.actions[0] == "add_credit"
    desk.click(desk.button("Add credit"))
    assert opened == ["https://openrouter.ai/settings/credits"]


def test_an_error_in_mid_answer_keeps_the_words_and_names_the_vendor(desk: Desk, router: FakeOpenRouter) -> None:
    router.stream_error = {"code": 502, "message": "Provider returned error", "metadata": {
        "provider_name": "DeepInfra", "error_type": "provider_unavailable"}}
    item = desk.ask_and_wait("hello")
    assert item.text == "Hello" and item.error is not None
    assert "DeepInfra" in item.error.sentence
    desk.click(desk.button("Retry"))
    desk.until(lambda: desk.answer().status == "complete")


def test_the_picker_shows_prices_modalities_and_routes(desk: Desk, router: FakeOpenRouter) -> None:
    desk.session.refresh_models(force=True)
    desk.until(lambda: any(section.models for section in desk.session.models.sections))
    entries = {one.id: one for section in desk.session.models.sections for one in section.models}
    assert [entries[name].price for name in ("acme/smart", "acme/gift:free", "openrouter/auto")] == [
        "$2.5 / $10", "free", "–"]
    assert entries["acme/smart"].badges == ("200k window", "vision", "pdf", "tools", "reasoning")
    assert "takes file, image, text" in entries["acme/smart"].detail

    desk.manager.models.open_picker()
    desk.panel.picker.query.setText("acme/smart")
    desk.press(Qt.Key.Key_Menu, on=desk.panel.picker.query)
    desk.panel.picker.menu.choose("route:nitro")
    assert desk.ask_and_wait("hello").label.startswith("acme/smart:nitro")
    assert router.chats[-1].json()["model"] == "acme/smart:nitro"


def test_what_is_left_to_spend_is_shown_with_the_provider(desk: Desk) -> None:
    desk.session.app.providers.check("openrouter")
    desk.until(lambda: desk.session.app.providers.status("openrouter").state == "connected")
    desk.manager.models.open_provider("openrouter")
    card = desk.panel.provider_card
    desk.click(card.test)
    desk.until(lambda: "Credit: $12.34 left of $50.00." in card.result.text())
    assert "This key: $12.50 left of its limit of $20.00" in card.result.text()


def test_a_picture_and_a_document_travel_with_the_question(desk: Desk, router: FakeOpenRouter, tmp_path: Path) -> None:
    picture, document = tmp_path / "plate.png", tmp_path / "brief.pdf"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 50)
    document.write_bytes(b"%PDF-1.7 " + b"0" * 50)
    desk.manager.draft.attach_files([str(picture)])
    desk.until(lambda: len(desk.manager.draft.attachments) == 1)
    desk.manager.draft.attach_files([str(document)])
    desk.until(lambda: len(desk.manager.draft.attachments) == 2)
    assert [one.kind for one in desk.manager.draft.attachments] == ["image", "file"]
    desk.ask_and_wait("what is this?")
    parts = router.chats[-1].json()["messages"][0]["content"]
    assert [one["type"] for one in parts] == ["text", "image_url", "file"]
    assert parts[2]["file"]["filename"] == "brief.pdf"
    assert [chip.label for chip in desk.items()[-2].chips] == ["plate.png", "brief.pdf"]

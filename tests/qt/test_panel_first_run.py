"""From a fresh profile to a first answer: each of the three ways is one click and says what leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel.providers.model_files import CATALOGUE, models_dir
from nuke_ai_panel.settings import load_settings
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from tests.fakes.fault_server import closed_port
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk

Qt = QtCore.Qt


@pytest.fixture
def fresh(qtbot: Any, model_server: FakeModelServer) -> Iterator[Desk]:
    """A panel that was never used, beside a running Ollama."""
    made = Desk(qtbot, {"providers.ollama.base_url": model_server.url, "providers.ollama.retries": 0})
    yield made
    close_desk(made)


def card(desk: Desk, name: str) -> Any:
    return desk.panel.start.cards()[name]


def test_a_running_ollama_is_found_and_answers_after_one_click(fresh: Desk, model_server: FakeModelServer) -> None:
    assert fresh.panel.showing_start()
    fresh.until(lambda: card(fresh, "ollama").choice.button == "Use Ollama")
    assert "with 2 models" in card(fresh, "ollama").choice.sentence
    assert card(fresh, "ollama").choice.leaves == "Leaves this machine: nothing."
    fresh.click(card(fresh, "ollama").button)
    item = fresh.ask_and_wait("hello")
    assert (item.text, item.label) == ("Hello, artist.", "fake-model · Ollama")


def test_without_ollama_the_card_says_so_and_looks_again(qtbot: Any) -> None:
    desk = Desk(qtbot, {"providers.ollama.base_url": f"http://127.0.0.1:{closed_port()}"})
    desk.until(lambda: card(desk, "ollama").choice.note)
    assert card(desk, "ollama").choice.button == "Look again"
    close_desk(desk)


def test_nothing_is_sent_before_a_model_is_chosen(fresh: Desk, model_server: FakeModelServer) -> None:
    fresh.type("hello")
    fresh.press(Qt.Key.Key_Return)
    assert fresh.panel.composer.text() == "hello"
    assert "Choose a model" in fresh.panel.composer.hint.text()
    assert model_server.chats == []


def test_adding_a_key_stores_it_tests_it_and_offers_its_models(
    fresh: Desk, model_server: FakeModelServer, home: Path
) -> None:
    fresh.click(card(fresh, "openrouter").button)
    form = fresh.panel.provider_card
    form.provider.choose("openai")
    form.base_url.setText(model_server.base_url)
    form.key.setText("sk-secret-123")
    form.place.choose("memory")
    fresh.click(form.save)
    fresh.until(lambda: fresh.panel.overlay.content() is fresh.panel.picker)
    settings = load_settings()
    assert settings.providers["openai"].base_url == model_server.base_url
    assert fresh.session.app.keys.find(settings.providers["openai"]).reveal() == "sk-secret-123"  # type: ignore[union-attr]  # it is there
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith(".partial")]
    assert files and all(b"sk-secret-123" not in path.read_bytes() for path in files)
    asked = [one for one in model_server.requests if one.path == "/v1/models"]
    assert asked[-1].headers["authorization"] == "Bearer sk-secret-123"
    fresh.panel.picker.query.setText("openai fake-model-2")
    fresh.press(Qt.Key.Key_Return, on=fresh.panel.picker.query)
    assert fresh.ask_and_wait("hello").label == "fake-model-2 · OpenAI"


def test_a_key_is_masked_and_never_shown_again(fresh: Desk, model_server: FakeModelServer) -> None:
    fresh.manager.models.open_provider("openrouter")
    form = fresh.panel.provider_card
    assert form.key.echoMode() == QtWidgets.QLineEdit.EchoMode.Password
    form.key.setText("sk-or-secret")
    form.place.choose("memory")
    form.base_url.setText(model_server.base_url)
    fresh.click(form.test)
    fresh.until(lambda: "Connected" in form.result.text() or form.result.text().startswith("OpenRouter"))
    assert form.key.text() == ""
    fresh.panel.close_overlay()
    fresh.manager.models.open_provider("openrouter")
    fresh.until(lambda: "A key is known" in form.key_note.text())
    assert form.key.text() == ""


def test_a_wrong_address_is_said_by_the_test_button(fresh: Desk) -> None:
    fresh.manager.models.open_provider("openai")
    form = fresh.panel.provider_card
    port = closed_port()
    form.base_url.setText(f"http://127.0.0.1:{port}/v1")
    fresh.click(form.test)
    fresh.until(lambda: f"Nothing answers at 127.0.0.1:{port}" in form.result.text())


def test_an_address_that_something_else_decides_says_what_does(fresh: Desk, model_server: FakeModelServer) -> None:
    fresh.manager.models.open_provider("ollama")
    form = fresh.panel.provider_card
    form.base_url.setText("http://127.0.0.1:1")
    fresh.click(form.test)
    said = f"Saved, but arguments decides this address: {model_server.url}"
    fresh.until(lambda: form.result.text() == said)


def test_a_tiny_model_that_is_here_already_is_one_click(fresh: Desk, home: Path) -> None:
    folder = models_dir(home)
    folder.mkdir(parents=True)
    entry = CATALOGUE["smollm2"]
    with open(folder / entry.file_name, "wb") as file:
        file.truncate(entry.size_bytes)
    fresh.manager.first_steps.show()
    assert card(fresh, "local").choice.button == "Use it"
    fresh.click(card(fresh, "local").button)
    choice = fresh.manager.models.choice()
    assert choice is not None and (choice.provider, choice.model) == ("local", "smollm2")


def test_the_tiny_model_says_what_it_is(fresh: Desk) -> None:
    choice = card(fresh, "local").choice
    assert "tiny" in choice.sentence and "Ollama or a key" in choice.sentence
    assert "93 MB" in choice.leaves or not choice.is_enabled


def test_a_failed_download_is_said_on_the_card(fresh: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    if not card(fresh, "local").choice.is_enabled:
        pytest.skip("the built-in model cannot run on this Python")
    fresh.click(card(fresh, "local").button)
    assert card(fresh, "local").choice.button == "Cancel"
    fresh.until(lambda: card(fresh, "local").choice.note)
    assert card(fresh, "local").choice.button.startswith("Fetch")


def test_an_empty_conversation_suggests_questions(fresh: Desk) -> None:
    fresh.until(lambda: card(fresh, "ollama").choice.button == "Use Ollama")
    fresh.click(card(fresh, "ollama").button)
    suggestions = fresh.panel.start.suggestions()
    assert len(suggestions) == 4
    fresh.click(suggestions[1])
    assert fresh.panel.composer.text() == suggestions[1].text()


def test_a_provider_that_was_off_is_turned_on_by_its_key(fresh: Desk, model_server: FakeModelServer) -> None:
    fresh.manager.models.open_provider("groq")
    form = fresh.panel.provider_card
    form.base_url.setText(model_server.base_url)
    form.key.setText("sk-groq-secret")
    form.place.choose("memory")
    fresh.click(form.save)
    fresh.until(lambda: fresh.panel.overlay.content() is fresh.panel.picker)
    assert load_settings().providers["groq"].enabled and "groq" in fresh.session.app.providers.names()

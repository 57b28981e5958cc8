"""The one function that every sentence goes through: catalogues, plurals, the pseudo-language, a translator's slips."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Dict, Iterator

import pytest

from nuke_ai_panel import words
from nuke_ai_panel.app import App
from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.words import choose, later, tr


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    choose("")


def catalogue(folder: Path, language: str, entries: Dict[str, str]) -> Path:
    """A compiled catalogue as gettext's tools write one."""
    entries = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n > 1;\n", **entries}
    pairs = sorted((key.encode(), value.encode()) for key, value in entries.items())
    count, texts, keys, values = len(pairs), b"", [], []
    start = 28 + 16 * count
    for one, table in [(key, keys) for key, _ in pairs] + [(value, values) for _, value in pairs]:
        table.append((len(one), start + len(texts)))
        texts += one + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    path = folder / language / "LC_MESSAGES" / "nuke_ai_panel.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(head + b"".join(struct.pack("<2I", *one) for one in keys + values) + texts)
    return path


def test_without_a_catalogue_the_english_stands() -> None:
    choose("")

    assert tr("Copy") == "Copy"
    assert tr("Use “{model}”", model="a{b}") == "Use “a{b}”"
    assert [tr("{count} chat", "{count} chats", count=n) for n in (0, 1, 2)] == ["0 chats", "1 chat", "2 chats"]
    assert tr("") == ""


def test_a_catalogue_gives_words_and_its_own_plurals(tmp_path: Path) -> None:
    catalogue(tmp_path, "fr", {
        "Copy": "Copier", "Use “{model}”": "Choisir « {model} »",
        "{count} chat\0{count} chats": "{count} discussion\0{count} discussions",
    })
    choose("fr", [tmp_path])

    assert tr("Copy") == "Copier"
    assert tr("Use “{model}”", model="m") == "Choisir « m »"
    assert [tr("{count} chat", "{count} chats", count=n) for n in (0, 1, 2)] == [
        "0 discussion", "1 discussion", "2 discussions"]  # none is singular in French
    assert tr("Paste") == "Paste"  # what is not translated stays English


def test_a_country_falls_back_on_its_language_and_the_first_folder_goes_first(tmp_path: Path) -> None:
    studio, own = tmp_path / "studio", tmp_path / "own"
    catalogue(studio, "de", {"Copy": "Kopieren"})
    catalogue(own, "de_AT", {"Copy": "Abschreiben", "Paste": "Einfügen"})
    choose("de-AT", [studio, own])

    assert (tr("Copy"), tr("Paste")) == ("Kopieren", "Einfügen")


def test_the_environment_names_a_studios_catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(tmp_path, "de", {"Copy": "Kopieren"})
    monkeypatch.setenv("NUKE_AI_PANEL_LOCALES", str(tmp_path))
    monkeypatch.setenv("NUKE_AI_PANEL_LOCALE", "de")
    monkeypatch.setattr(words, "_catalogue", None)

    assert tr("Copy") == "Kopieren"  # before any settings were read


@pytest.mark.parametrize("slip", ["Choisir {modele}", "Choisir {model", "Choisir {0}", "Choisir {model.secret.x}"])
def test_a_translators_slip_shows_the_english(tmp_path: Path, slip: str) -> None:
    catalogue(tmp_path, "fr", {"Use {model}": slip})
    choose("fr", [tmp_path])

    assert tr("Use {model}", model="m") == "Use m"


@pytest.mark.parametrize("language", ["../../etc", "zz", "x" * 300, "de\0", "/", "C", "."])
def test_a_language_that_is_none_is_english(tmp_path: Path, language: str) -> None:
    choose(language, [tmp_path])

    assert tr("Copy") == "Copy"


def test_a_broken_catalogue_is_english(tmp_path: Path) -> None:
    catalogue(tmp_path, "fr", {"Copy": "Copier"}).write_bytes(b"\xde\x12\x04\x95" + b"\xff" * 40)
    choose("fr", [tmp_path])

    assert tr("Copy") == "Copy"


def test_the_pseudo_language_brackets_and_grows_but_keeps_fields_and_addresses() -> None:
    choose("pseudo")
    text = "No Ollama answers at {host}. Get it at https://ollama.com/download; then look again."

    said = tr(text, host="example.org")

    assert said.startswith("[") and said.endswith("]")
    assert "example.org" in said and "https://ollama.com/download" in said
    assert len(said) >= 1.4 * len("No Ollama answers at . Get it at ; then look again.") + len("example.org")
    assert tr(later("Copy")) != "Copy"


def test_an_app_speaks_the_language_of_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    catalogue(home / "locale", "de", {"{provider} is busy.": "{provider} ist beschäftigt."})
    (home / "settings.toml").write_text('[panel]\nlanguage = "de"\n', encoding="utf-8")
    app = App.open(env={"NUKE_AI_PANEL_HOME": str(home)})
    try:
        assert provider_error("overloaded", "503", provider="Ollama").user_text == "Ollama ist beschäftigt."
    finally:
        app.close()
    other = App.open(env={"NUKE_AI_PANEL_HOME": str(home), "NUKE_AI_PANEL_LOCALE": "pseudo"})
    try:
        assert tr("Copy").startswith("[")  # the environment goes before the file
    finally:
        other.close()

"""An edit of a settings file counts within two seconds; a broken one changes nothing and is said."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Iterator, List, Optional

import pytest

from nuke_ai_panel import app as app_module
from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.utils.event_loop_manager import run_coroutine
from nuke_ai_panel.utils.file_watch import FileWatch
from tests.fakes.model_server import FakeModelServer

from .turn_kit import OVERRIDES, Chat

FAKE = ModelChoice("openai", "fake-model")
WITHIN_S = 4.0  # twice what is promised


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks more often than in service; one test keeps the real pace."""
    monkeypatch.setattr(app_module, "SETTINGS_LOOK_S", 0.1)


@pytest.fixture
def heard() -> List[Optional[SettingsError]]:
    return []


@pytest.fixture
def watched(home: Path, heard: List[Optional[SettingsError]], model_server: FakeModelServer) -> Iterator[App]:
    opened = App.open(overrides={**OVERRIDES, "providers.openai.base_url": model_server.base_url})
    opened.watch_settings(heard.append)
    yield opened
    opened.close()


def wait_for(condition: object) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():  # type: ignore[operator]  # a function
        assert time.monotonic() < end, "it was not taken in time"
        time.sleep(0.02)


def write(path: Path, text: str) -> None:
    """Saves as editors do: a new file in the place of the old."""
    half = path.with_name(path.name + "~")
    half.write_text(text, encoding="utf-8")
    os.replace(half, path)


def test_valid_edit_counts_without_a_restart(
    watched: App, home: Path, heard: List[Optional[SettingsError]]
) -> None:
    write(home / "settings.toml", 'system = "Answer in French."\n')
    wait_for(lambda: watched.settings.system == "Answer in French.")
    wait_for(lambda: heard == [None])
    assert watched.settings_problem() is None


@pytest.mark.parametrize("text, place", [
    ("system = \n", "line 1"),
    ('system = "fine"\nmax_tool_rounds = "many"\n', "max_tool_rounds"),
    ("\n\nsistem = 1\n", "line 3"),
    ('[panel]\nfont_scale = 99\n', "font_scale"),
    ("\x00\x01", "settings.toml"),
])
def test_broken_edit_keeps_the_last_good_values_and_says_where(
    watched: App, home: Path, heard: List[Optional[SettingsError]], text: str, place: str
) -> None:
    write(home / "settings.toml", 'system = "Good."\n')
    wait_for(lambda: watched.settings.system == "Good.")
    write(home / "settings.toml", text)
    wait_for(lambda: len(heard) == 2)
    problem = watched.settings_problem()
    assert problem is not None
    assert "settings.toml" in f"{problem.message} {problem.user_text}"
    assert place in f"{problem.message} {problem.user_text} {problem.next_step}"
    assert watched.settings.system == "Good."
    write(home / "settings.toml", 'system = "Mended."\n')
    wait_for(lambda: watched.settings.system == "Mended.")
    assert watched.settings_problem() is None


def test_default_provider_that_there_is_not_keeps_the_last_good_one(
    home: Path, heard: List[Optional[SettingsError]]
) -> None:
    write(home / "settings.toml", 'default_provider = "ollama"\n')
    opened = App.open()
    opened.watch_settings(heard.append)
    try:
        write(home / "settings.toml", '# mine\ndefault_provider = "opnai"\n')
        wait_for(lambda: len(heard) == 1)
        problem = opened.settings_problem()
        assert problem is not None
        assert "line 2" in problem.user_text and "default_provider" in problem.user_text
        assert problem.next_step == "Did you mean openai?"
        assert opened.settings.default_provider == "ollama"
    finally:
        opened.close()


def test_deleted_file_is_back_to_defaults(watched: App, home: Path) -> None:
    write(home / "settings.toml", 'system = "Good."\n')
    wait_for(lambda: watched.settings.system == "Good.")
    (home / "settings.toml").unlink()
    wait_for(lambda: watched.settings.system is None)


def test_studio_file_is_followed_too_within_two_seconds(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: List[Optional[SettingsError]]
) -> None:
    monkeypatch.setattr(app_module, "SETTINGS_LOOK_S", 1.0)
    studio = tmp_path / "studio.toml"
    studio.write_text('system = "House rules."\n', encoding="utf-8")
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG", str(studio))
    opened = App.open()
    opened.watch_settings(heard.append)
    assert opened.settings.system == "House rules."
    write(studio, 'system = "Other rules."\n')
    wait_for(lambda: opened.settings.system == "Other rules.")
    opened.close()


def test_only_the_provider_whose_settings_changed_connects_anew(
    watched: App, home: Path, model_server: FakeModelServer
) -> None:
    chat = Chat(watched)
    assert chat.ask("one", choice=FAKE).text == "Hello, artist."
    write(home / "settings.toml", "[providers.ollama]\nidle_timeout_s = 77\n")
    wait_for(lambda: watched.settings.provider("ollama").idle_timeout_s == 77)
    assert watched.providers.status(FAKE.provider).state == "connected"
    chat.ask("two", choice=FAKE)
    assert model_server.connections == 1
    write(home / "settings.toml", f"[providers.{FAKE.provider}]\nidle_timeout_s = 78\n")
    wait_for(lambda: watched.settings.provider(FAKE.provider).idle_timeout_s == 78)
    run_coroutine(_pause(), 2)  # the old session is closed on the loop
    chat.ask("three", choice=FAKE)
    assert model_server.connections == 2


async def _pause() -> None:
    return None


def test_watch_ends_with_its_app(home: Path) -> None:
    opened = App.open()
    opened.watch_settings()
    opened.close()
    opened.close()
    assert opened._watch is None


def test_file_watch_sees_what_comes_goes_and_changes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1", encoding="utf-8")
    watch = FileWatch(lambda: (one, two), lambda _: None)
    assert watch.look() == [one]
    assert watch.look() == []
    two.write_text("2", encoding="utf-8")
    assert watch.look() == [two]
    one.write_text("10", encoding="utf-8")
    assert watch.look() == [one]
    two.unlink()
    assert watch.look() == [two]

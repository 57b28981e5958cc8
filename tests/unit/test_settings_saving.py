"""Saving settings: several at once, beside other sessions, and never a file that cannot be read again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.settings import load_settings, save_setting, save_settings, saving, settings_path

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from nuke_ai_panel.settings import save_setting
for number in range(20):
    save_setting(f"providers.openai.headers.X-{sys.argv[1]}-{number}", f"{number}")
"""


def test_two_sessions_that_save_at_the_same_time_lose_nothing(home: Path) -> None:
    settings_path(home).write_text("# mine\n[panel]\nfont_scale = 1.5  # large\n", encoding="utf-8")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name], cwd=ROOT) for name in ("A", "B", "C")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]

    headers = load_settings().providers["openai"].headers

    assert set(headers) == {f"X-{name}-{number}" for name in "ABC" for number in range(20)}
    assert "# mine\n" in settings_path(home).read_text("utf-8")
    assert "1.5  # large" in settings_path(home).read_text("utf-8")


def test_a_row_is_added_whole_and_taken_out_whole(home: Path) -> None:
    save_settings({
        "providers.studio.kind": "openai", "providers.studio.base_url": "http://llm.lan/v1",
        "providers.studio.headers": {"X-Show": "duck"},
    })
    row = load_settings().providers["studio"]
    assert (row.kind, row.base_url, dict(row.headers)) == ("openai", "http://llm.lan/v1", {"X-Show": "duck"})

    save_settings({"providers.studio": None})

    assert "studio" not in load_settings().providers


def test_a_change_that_would_break_the_file_is_refused_unwritten(home: Path) -> None:
    save_settings({"providers.studio.kind": "openai", "providers.studio.title": "Studio"})
    before = settings_path(home).read_bytes()

    with pytest.raises(SettingsError, match="does not say which kind"):
        save_settings({"providers.studio.kind": None})
    with pytest.raises(SettingsError, match="font_scale"):
        save_settings({"panel.enter_sends": False, "panel.font_scale": 40})

    assert settings_path(home).read_bytes() == before


def test_a_file_that_is_wrong_elsewhere_can_still_be_changed(home: Path) -> None:
    settings_path(home).write_text("[panel]\nfont_scale = 40\n", encoding="utf-8")

    save_setting("panel.font_scale", 1.2)

    assert load_settings().panel.font_scale == 1.2


def test_a_session_that_keeps_the_lock_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "LOCK_TIMEOUT_S", 0.2)
    path = settings_path(home)

    with filelock.FileLock(str(home / ".settings.toml.lock")), pytest.raises(SettingsError) as caught:
        save_setting("panel.font_scale", 1.2)

    assert "is being written by another session" in caught.value.user_text
    assert "Try again" in caught.value.next_step and not path.exists()


def test_keys_of_ones_own_are_merged_command_by_command(home: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    studio = tmp_path / "studio.toml"
    studio.write_text('[panel.shortcuts]\nnew = ["Ctrl+T"]\nfind = "Ctrl+G"\n', encoding="utf-8")
    monkeypatch.setenv("NUKE_AI_PANEL_CONFIG", str(studio))
    save_setting("panel.shortcuts.find", ["Ctrl+J", "Ctrl++"])
    save_setting("panel.shortcuts.help", [])

    settings = load_settings()

    assert settings.panel.shortcuts == {"new": ("Ctrl+T",), "find": ("Ctrl+J", "Ctrl++"), "help": ()}
    assert settings.sources["panel.shortcuts.new"] == f"{studio}, line 2"


@pytest.mark.parametrize("keys", ["Strg+X", "Ctrl+", "", "Ctrl+ X", 5])
def test_what_is_no_key_is_refused(home: Path, keys: object) -> None:
    with pytest.raises(SettingsError, match=r"panel\.shortcuts"):
        save_setting("panel.shortcuts.new", [keys])

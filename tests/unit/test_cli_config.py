"""`config` in a process of its own: settings and keys from a terminal or a script."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.settings import load_settings
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes.model_server import FakeModelServer

from .cli_kit import PROGRAM, Cli, is_clean

if os.name == "posix":
    import pty

TEXT = "sk-" + "q7w8e9r0" * 4


@pytest.fixture
def cli(home: Path) -> Cli:
    return Cli(home)


def test_set_get_and_unset_keep_what_is_written_around_them(cli: Cli, home: Path) -> None:
    (home / "settings.toml").write_text("# the studio's wishes\n[panel]  # mine\nenter_sends = false\n", "utf-8")

    assert cli.run("config", "set", "panel.font_scale", "1.25").stdout == "panel.font_scale = 1.25\n"
    assert cli.run("config", "get", "panel.font_scale").stdout == "1.25\n"
    assert cli.run("config", "unset", "panel.enter_sends").stdout == "panel.enter_sends = true\n"

    text = (home / "settings.toml").read_text("utf-8")
    assert text == "# the studio's wishes\n[panel]  # mine\nfont_scale = 1.25\n"


@pytest.mark.parametrize(("name", "text", "value"), [
    ("panel.enter_sends", "off", False), ("max_tool_rounds", "3", 3), ("panel.shortcuts.new", "Ctrl+T", ["Ctrl+T"]),
    ("parameters.stop", '["END", "STOP"]', ["END", "STOP"]), ("providers.openai.headers", '{"X-A": "b"}', {"X-A": "b"}),
    ("providers.ollama.options.keep_alive", "-1", -1), ("providers.ollama.options.keep_alive", "5m", "5m"),
    ("providers.openai.headers.X-Show.Name", "duck", "duck"),
    ("providers.openai.options.extra_body", '{"top_k": 40}', {"top_k": 40}),
    ("system", "Answer briefly.", "Answer briefly."), ("parameters.temperature", "0.2", 0.2),
])
def test_every_kind_of_value_comes_back_as_it_was_meant(cli: Cli, name: str, text: str, value: object) -> None:
    assert json.loads(cli.run("config", "set", "--json", name, text).stdout)["value"] == value

    found = json.loads(cli.run("config", "get", "--json", name).stdout)

    assert found["value"] == value and "settings.toml, line" in found["source"]


@pytest.mark.parametrize(("arguments", "code", "sentence"), [
    (("set", "panel.font_scal", "2"), 3, "Did you mean panel.font_scale?"),
    (("set", "panel.font_scale", "large"), 3, "panel.font_scale must be a number."),
    (("set", "panel.font_scale", "9"), 3, "must be 3 or less, not 9"),
    (("set", "providers.openai.base_url", "ftp://x"), 3, "must be a URL that begins with http://"),
    (("set", "providers.studio.title", "S"), 3, "does not say which kind of provider it is"),
    (("set", "providers.openai.api_key", TEXT), 3, "keys are never kept in settings"),
    (("set", "providers.openai.title", TEXT), 3, "keys are never kept in settings"),
    (("set", "providers.openai.headers.Authorization", f"Bearer {TEXT}"), 3, "keys are never kept in settings"),
    (("set", "panel.font_scale", TEXT), 3, "must be a number"),
    (("get", "providers.opnai"), 3, "Did you mean openai?"), (("get", "colour"), 3, "is not a setting"),
    (("unset", "panel.font_scale"), 2, "is not in"), (("set", "panel.font_scale"), 2, "required: VALUE"),
    (("key", "where", "nobody"), 3, "There is no provider called 'nobody'"),
    (("key", "set", "openai", TEXT), 2, "A key is never given as an argument"),
    (("key", "set", "local"), 2, "needs no key"),
])
def test_what_cannot_be_is_said_in_a_sentence_that_repeats_no_key(
    cli: Cli, home: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = cli.run("config", *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr and TEXT not in done.stderr and is_clean(done.stderr)
    assert not (home / "settings.toml").exists()


def test_list_shows_what_was_set_and_where(cli: Cli, home: Path, tmp_path: Path) -> None:
    studio = tmp_path / "studio.toml"
    studio.write_text('system = "Be brief."\n', "utf-8")
    cli.run("config", "set", "panel.font_scale", "1.5")
    env = {"NUKE_AI_PANEL_CONFIG": str(studio), "OLLAMA_HOST": "gpu-box"}

    lines = cli.run("config", "list", env=env).stdout.splitlines()

    assert lines == [
        f'system = "Be brief."  ({studio}, line 1)',
        f"panel.font_scale = 1.5  ({home / 'settings.toml'}, line 2)",
        'providers.ollama.base_url = "gpu-box"  (OLLAMA_HOST)',
    ]
    assert "max_tool_rounds = 8  (default)" in cli.run("config", "list", "--all").stdout
    saved = cli.run("config", "set", "providers.ollama.base_url", "http://other", env=env)
    assert "OLLAMA_HOST decides" in saved.stderr and saved.returncode == 0


def test_a_wrong_value_in_the_file_can_be_mended_from_the_terminal(cli: Cli, home: Path) -> None:
    (home / "settings.toml").write_text("[panel]\nfont_scale = 40\n", "utf-8")
    assert cli.run("config", "get", "panel.font_scale").returncode == 3

    assert cli.run("config", "set", "panel.font_scale", "1.5").returncode == 0
    assert load_settings().panel.font_scale == 1.5


def test_path_names_the_file_and_what_else_is_read(cli: Cli, home: Path) -> None:
    assert cli.run("config", "path").stdout == f"{home / 'settings.toml'}\n"
    found = json.loads(cli.run("config", "path", "--json").stdout)
    assert found == {"settings": str(home / "settings.toml"), "home": str(home), "keys": str(home / "keys.toml"),
                     "studio": []}


def test_a_provider_of_ones_own_comes_and_goes(cli: Cli) -> None:
    assert cli.run("config", "set", "providers.studio.kind", "openai").returncode == 0
    assert cli.run("config", "set", "providers.studio.base_url", "http://llm.lan/v1").returncode == 0
    assert 'providers.studio.base_url = "http://llm.lan/v1"' in cli.run("config", "get", "providers.studio").stdout
    assert json.loads(cli.run("config", "unset", "--json", "providers.studio").stdout)["removed"] is True
    assert "no provider called 'studio'" in cli.run("config", "get", "providers.studio").stderr


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_a_key_is_piped_in_found_and_forgotten_and_never_shown(cli: Cli, home: Path) -> None:
    kept = cli.run("config", "key", "set", "--in-file", "openrouter", stdin=f"{TEXT}\n".encode())
    assert kept.stdout == f"Kept. The key of OpenRouter comes from the private file {home / 'keys.toml'}.\n"
    assert (home / "keys.toml").stat().st_mode & 0o777 == 0o600

    where = json.loads(cli.run("config", "key", "where", "openrouter", "--json").stdout)
    assert (where["source"], where["provider"]) == ("file", "openrouter")
    named = cli.run("config", "key", "where", "openrouter", env={"OPENROUTER_API_KEY": TEXT}).stdout
    assert named == "The key of OpenRouter comes from OPENROUTER_API_KEY in the environment.\n"

    assert cli.run("config", "key", "forget", "openrouter").returncode == 0
    gone = cli.run("config", "key", "where", "openrouter")
    assert gone.returncode == 3 and "There is no system key store here." in gone.stderr
    assert TEXT not in kept.stdout + kept.stderr + gone.stderr + (home / "keys.toml").read_text("utf-8")


def test_without_a_key_store_nothing_is_written_unasked(cli: Cli, home: Path) -> None:
    done = cli.run("config", "key", "set", "openrouter", stdin=TEXT.encode())

    assert (done.returncode, done.stdout) == (3, "")
    assert "Set OPENROUTER_API_KEY, or keep the key in a private file." in done.stderr
    assert not (home / "keys.toml").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_at_a_terminal_the_key_is_asked_for_and_not_echoed(cli: Cli, home: Path) -> None:
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [*PROGRAM, "config", "key", "set", "--in-file", "openrouter"], stdin=slave, stdout=slave, stderr=slave,
        env=cli.env(), start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while b"not shown" not in seen:
        seen += os.read(master, 1024)
    time.sleep(0.2)  # getpass turns the echo off before it prints, but flushes what was typed before
    os.write(master, f"{TEXT}\n".encode())
    while b"Kept." not in seen:
        seen += os.read(master, 1024)
    assert child.wait(20) == 0
    os.close(master)

    assert TEXT.encode() not in seen
    assert TEXT in (home / "keys.toml").read_text("utf-8")


def test_a_running_session_takes_the_key_that_another_process_stored(cli: Cli, model_server: FakeModelServer) -> None:
    for text in ("base_url", "key_env"):
        value = model_server.base_url if text == "base_url" else "NO_SUCH_VARIABLE"
        cli.run("config", "set", f"providers.openai.{text}", value)
    cli.run("config", "key", "set", "--in-file", "openai", stdin=b"sk-the-old-one")
    app = App.open()
    try:
        choice = ModelChoice("openai", "fake-model")
        first = app.start_turn(TurnRequest("one", choice), lambda event: None).result(20)
        cli.run("config", "key", "set", "--in-file", "openai", stdin=b"sk-the-new-one")
        model_server.fail(401)
        second = app.start_turn(TurnRequest("two", choice), lambda event: None).result(20)
    finally:
        app.close()
        shutdown_event_loop()

    assert (first.error, second.error) == (None, None)
    sent = [request.headers["authorization"] for request in model_server.chats]
    assert sent == ["Bearer sk-the-old-one", "Bearer sk-the-old-one", "Bearer sk-the-new-one"]




def editor(folder: Path, script: str) -> str:
    """An editor that runs a script on the file it is given as `path`."""
    program = folder / "editor.py"
    program.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{script}\n", "utf-8")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(program))}"


def test_an_edited_file_is_taken_when_it_can_be_read(cli: Cli, home: Path, tmp_path: Path) -> None:
    (home / "settings.toml").write_text("# mine\n", "utf-8")
    env = {"EDITOR": editor(tmp_path, "path.write_text(path.read_text() + 'max_tool_rounds = 3\\n')")}

    done = cli.run("config", "edit", env=env)

    assert (done.returncode, done.stdout) == (0, f"Saved {home / 'settings.toml'}.\n")
    assert (home / "settings.toml").read_text("utf-8") == "# mine\nmax_tool_rounds = 3\n"
    assert cli.run("config", "edit", env={"EDITOR": editor(tmp_path, "")}).stderr == "Nothing was changed.\n"


@pytest.mark.parametrize(("script", "sentence"), [
    ("path.write_text('max_tool_rounds = 300\\n')", "line 1: max_tool_rounds must be 100 or less"),
    ("path.write_text('[panel\\n')", "line 1: not valid TOML"),
])
def test_a_broken_edit_changes_nothing_and_is_kept(
    cli: Cli, home: Path, tmp_path: Path, script: str, sentence: str
) -> None:
    (home / "settings.toml").write_text("# mine\n", "utf-8")

    done = cli.run("config", "edit", env={"EDITOR": editor(tmp_path, script), "TMPDIR": str(tmp_path)})

    assert done.returncode == 3 and sentence in done.stderr and "what you wrote is in" in done.stderr
    assert (home / "settings.toml").read_text("utf-8") == "# mine\n"
    assert len(list(tmp_path.glob("nuke-ai-panel-settings-*.toml"))) == 1

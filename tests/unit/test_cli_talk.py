"""`chat`, `models` and `history` through the real program."""

from __future__ import annotations

import json
import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.settings import history_path

from ..fakes.model_server import FakeModelServer
from .cli_kit import Cli, is_clean, wait_until

posix = pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")


@pytest.fixture
def cli(home: Path, model_server: FakeModelServer) -> Cli:
    return Cli(home, model_server.base_url)


def say_count(body: Dict[str, Any]) -> List[str]:
    """Answers with the number of messages that were sent and with the last one."""
    return [f"{len(body['messages'])}:{body['messages'][-1]['content']}"]


# ---------------------------------------------------------------- chat


def test_chat_from_a_pipe_is_one_conversation_until_new(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.words = say_count

    done = cli.run("chat", *cli.talk, stdin=b"one\n\ntwo\\\nlines\n/new\nthree\n//slash\n/quit\nnever\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["1:one", "3:two", "lines", "A new conversation.", "1:three", "3:/slash"]
    assert [one["title"] for one in cli.conversations()] == ["three", "one"]


def test_chat_switches_models_and_explains_what_it_does_not_know(cli: Cli, model_server: FakeModelServer) -> None:
    done = cli.run("chat", *cli.talk, stdin=b"/model fake-model-2\nhi\n/model nobody x\n/nonsense\n/help\n")

    assert done.returncode == 0
    assert model_server.chats[0].json()["model"] == "fake-model-2"
    assert "fake-model-2" in done.stdout and "/model PROVIDER ID" in done.stdout
    assert "There is no provider called 'nobody'." in done.stderr
    assert "There is no command /nonsense." in done.stderr


def test_chat_from_a_pipe_reports_the_last_answer_as_exit_code(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.fail(503, times=1)

    failed = cli.run("chat", *cli.talk, stdin=b"hi")
    mended = cli.run("chat", *cli.talk, stdin=b"hi")

    assert (failed.returncode, mended.returncode) == (4, 0)


def test_chat_refuses_bytes_that_are_not_text(cli: Cli) -> None:
    done = cli.run("chat", *cli.talk, stdin=b"caf\xe9\n")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not UTF-8" in done.stderr


class Terminal:
    """A command on a pseudo-terminal: what is typed, and all that was shown."""

    def __init__(self, cli: Cli, *arguments: str, **env: str) -> None:
        import pty

        self.master, slave = pty.openpty()
        self.running = cli.start(
            *arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=cli.env(TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1", **env),
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def sees(self, text: str) -> bool:
        try:
            self.shown += os.read(self.master, 65536).decode("utf-8", "replace")
        except OSError:
            pass
        return text in self.shown

    def is_prompting(self, times: int = 1) -> bool:
        """Whether prompt_toolkit has begun to read so often: it then turns on bracketed paste."""
        self.sees("")
        return self.shown.count("\x1b[?2004h") >= times

    def end(self) -> int:
        wait_until(lambda: self.sees("\0") or self.running.poll() is not None)
        return self.running.wait(10)

    def close(self) -> None:
        self.running.kill()
        self.running.wait(10)
        os.close(self.master)


@pytest.fixture
def terminal(cli: Cli, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts commands on terminals, and ends what is left of them."""
    started: List[Terminal] = []

    def start(*arguments: str, **env: str) -> Terminal:
        started.append(Terminal(cli, *arguments, **env))
        return started[-1]

    yield start
    for one in started:
        one.close()


@posix
def test_chat_at_a_terminal_stops_at_the_first_interrupt_and_leaves_at_the_second(
    cli: Cli, model_server: FakeModelServer, home: Path, terminal: Callable[..., Terminal]
) -> None:
    model_server.words = ["word "] * 6
    model_server.hold(after=2)
    chat = terminal("chat", *cli.talk)
    wait_until(chat.is_prompting)

    chat.type("tell me\x1b\rmore\r")
    wait_until(lambda: chat.sees("word word "))
    os.kill(chat.running.pid, signal.SIGINT)
    wait_until(lambda: chat.sees("Stopped; what arrived is kept."))
    wait_until(lambda: chat.is_prompting(2))
    chat.type("\x03")

    assert chat.end() == 130
    assert is_clean(chat.shown)
    question, answer = cli.messages()
    assert (question["text"], answer["text"], answer["status"]) == ("tell me\nmore", "word word ", "stopped")
    assert "tell me" in (home / "chat_history").read_text()
    assert (home / "chat_history").stat().st_mode & 0o077 == 0


@posix
def test_an_interrupt_at_the_prompt_leaves_only_when_repeated(cli: Cli, terminal: Callable[..., Terminal]) -> None:
    chat = terminal("chat", *cli.talk)
    wait_until(chat.is_prompting)

    chat.type("\x03")
    wait_until(lambda: chat.is_prompting(2))
    assert chat.running.poll() is None
    chat.type("\x04")

    assert chat.end() == 0
    assert "Ctrl-C again leaves" in chat.shown


@posix
def test_chat_at_a_terminal_works_without_prompt_toolkit(
    cli: Cli, tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    (tmp_path / "prompt_toolkit.py").write_text("raise ImportError('not here')\n")
    path = os.pathsep.join([str(tmp_path), cli.env()["PYTHONPATH"]])
    chat = terminal("chat", *cli.talk, PYTHONPATH=path)
    wait_until(lambda: chat.sees("> "))

    chat.type("hi\n")
    wait_until(lambda: chat.sees("Hello, artist."))
    chat.type("/quit\n")

    assert chat.end() == 0
    assert is_clean(chat.shown)


# ---------------------------------------------------------------- models


def test_models_of_one_provider_are_listed(cli: Cli) -> None:
    where = ["--provider", "openai", "--base-url", cli.talk[3]]

    plain = cli.run("models", *where)
    found = json.loads(cli.run("models", "list", "--json", *where).stdout)

    assert (plain.returncode, plain.stderr) == (0, "")
    assert [line.split()[:2] for line in plain.stdout.splitlines()] == [
        ["openai", "fake-model"], ["openai", "fake-model-2"]]
    assert [(one["provider"], one["id"]) for one in found["models"]] == [
        ("openai", "fake-model"), ("openai", "fake-model-2")]
    assert found["errors"] == []


def test_a_provider_that_fails_hides_none_of_the_others(cli: Cli, model_server: FakeModelServer) -> None:
    env = {"OLLAMA_HOST": "http://127.0.0.1:9", "OPENAI_BASE_URL": cli.talk[3]}

    done = cli.run("models", env=env)

    assert done.returncode == 0
    assert "fake-model" in done.stdout
    assert "Ollama: " in done.stderr
    assert "OpenRouter: OpenRouter needs an API key." in done.stderr


def test_models_of_a_provider_that_fails_is_an_error(cli: Cli) -> None:
    dead = cli.run("models", "--json", "--provider", "ollama", "--base-url", "http://127.0.0.1:9")
    keyless = cli.run("models", "--provider", "openrouter")

    assert (dead.returncode, json.loads(dead.stdout)["errors"][0]["kind"]) == (4, "network")
    assert (keyless.returncode, keyless.stdout) == (3, "")


def test_pulling_an_unknown_model_names_the_ones_there_are(cli: Cli) -> None:
    done = cli.run("models", "pull", "gpt-9")

    assert done.returncode == 1
    assert "smollm2" in done.stderr and done.stderr.count("\n") == 1


# ---------------------------------------------------------------- history


def test_history_lists_the_newest_first_and_shows_by_the_beginning_of_an_id(cli: Cli) -> None:
    cli.ask("first question")
    cli.ask("second question")

    rows = cli.conversations()
    shown = cli.run("history", "show", rows[1]["id"], "--json")
    plain = cli.run("history", "list")

    assert [(one["title"], one["kind"], one["message_count"]) for one in rows] == [
        ("second question", "chat", 2), ("first question", "chat", 2)]
    assert [(one["role"], one["text"], one["status"]) for one in json.loads(shown.stdout)["messages"]] == [
        ("user", "first question", "complete"), ("assistant", "Hello, artist.", "complete")]
    assert [line.split()[0] for line in plain.stdout.splitlines()] == [one["id"] for one in rows]
    assert cli.run("history", "show", rows[0]["id"][:-2]).stdout.startswith("second question  (chat, ")


def test_history_refuses_an_id_that_is_unknown_or_not_enough(cli: Cli) -> None:
    cli.ask("first")
    cli.ask("second")

    unknown, short = cli.run("history", "show", "ffffffff"), cli.run("history", "show", "0")

    assert (unknown.returncode, short.returncode) == (2, 2)
    assert "There is no conversation 'ffffffff'." in unknown.stderr
    assert "2 conversations have an id that begins with '0'." in short.stderr


def test_history_is_empty_before_the_first_question(cli: Cli) -> None:
    listed, told = cli.run("history", "list", "--json"), cli.run("history", "list")

    assert (listed.stdout, listed.stderr, listed.returncode) == ("[]\n", "", 0)
    assert (told.stdout, told.returncode) == ("", 0)


def test_a_history_that_is_not_ours_is_a_sentence_and_stays(cli: Cli, home: Path) -> None:
    history_path(home).write_text("not a database, but long enough to be looked at" * 40)

    done = cli.run("history", "list")

    assert done.returncode == 1
    assert is_clean(done.stderr)
    assert history_path(home).read_text().startswith("not a database")


def test_the_app_keeps_its_history_where_the_command_looks(home: Path) -> None:
    app = App.open()

    assert app.store.file == history_path(home)
    app.close()


def test_history_starts_quickly_and_loads_no_network(cli: Cli) -> None:
    script = (
        "import sys; from nuke_ai_panel.cli import main; main(['history', 'list', '--json']); "
        "print([one for one in ('aiohttp', 'tomlkit', 'keyring', 'prompt_toolkit') if one in sys.modules])"
    )
    started = time.monotonic()

    done = cli.start_python(script)

    assert done.stdout.splitlines() == ["[]", "[]"]
    assert time.monotonic() - started < 5


# ---------------------------------------------------------------- the rest


def test_help_and_version_are_on_stdout(cli: Cli) -> None:
    shown, version, bare = cli.run("--help"), cli.run("--version"), cli.run()

    assert shown.returncode == version.returncode == 0
    assert all(command in shown.stdout for command in ("ask", "chat", "models", "history", "exit codes"))
    assert version.stdout.startswith("nuke-ai-panel ")
    assert (bare.returncode, bare.stdout) == (2, "")


def test_what_is_logged_goes_to_a_file_not_to_the_reader(cli: Cli, home: Path) -> None:
    script = (
        "import logging; from nuke_ai_panel.cli import main; main(['history', 'list']); "
        "logging.getLogger('nuke_ai_panel.x').warning('a detail')"
    )

    done = cli.start_python(script)

    assert "a detail" not in done.stderr
    assert "WARNING nuke_ai_panel.x: a detail" in (home / "logs" / "nuke-ai-panel.log").read_text()


@posix
@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the built-in model cannot run on this Python")
def test_the_first_use_of_the_built_in_model_asks_first(home: Path, terminal: Callable[..., Terminal]) -> None:
    asked = terminal("ask", "hi")
    wait_until(lambda: asked.sees("Download it now (93 MB)? [Y/n] "))

    asked.type("n\n")

    assert asked.end() == 4
    assert "nuke-ai-panel models pull smollm2" in asked.shown
    assert not (home / "models").exists()


def test_without_a_terminal_nobody_is_asked(cli: Cli) -> None:
    done = cli.run("ask", "hi", stdin=b"y\n")

    assert done.returncode == 4
    assert "Download it now" not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1

"""`ask` as a script sees it: its output, its exit codes, and one sentence for every mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest

from ..fakes.model_server import FakeModelServer
from .cli_kit import Cli, is_clean, read_to_end

FIELDS = ["text", "reasoning", "tool_calls", "finish", "raw_finish", "usage", "error", "warnings", "response_id",
          "model", "keepalives", "provider", "conversation_id", "upstream"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def cli(home: Path, model_server: FakeModelServer) -> Cli:
    return Cli(home, model_server.base_url)


def test_the_answer_is_on_stdout_and_nothing_on_stderr(cli: Cli) -> None:
    done = cli.ask("hi")

    assert (done.stdout, done.stderr, done.returncode) == ("Hello, artist.\n", "", 0)


def test_options_reach_the_server_and_absent_ones_do_not(cli: Cli, model_server: FakeModelServer) -> None:
    cli.ask("hi")
    cli.ask("--system", "Be brief.", "--temperature", "0.5", "--max-tokens", "7", "hi")

    plain, full = [request.json() for request in model_server.chats]
    assert {"temperature", "max_tokens", "max_completion_tokens"}.isdisjoint(plain)
    assert full["temperature"] == 0.5
    assert 7 in (full.get("max_tokens"), full.get("max_completion_tokens"))
    assert full["messages"][0]["content"] == "Be brief."


def test_json_is_one_object_with_every_field(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.thinking = ("hm",)

    done = cli.ask("--json", "hi")

    found = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert list(found) == FIELDS
    assert found["conversation_id"]
    assert {name: found[name] for name in FIELDS if name != "conversation_id"} == {
        "text": "Hello, artist.", "reasoning": "hm", "tool_calls": [], "finish": "stop", "raw_finish": "stop",
        "usage": {"input": found["usage"]["input"], "output": 4, "total": found["usage"]["total"]}, "error": None,
        "warnings": [], "response_id": "chatcmpl-fake", "model": "fake-model", "keepalives": 0, "provider": "openai",
        "upstream": None,
    }


def test_json_keeps_half_a_character_and_text_does_not(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.words = ("a\ud83d", "\ude80b\ud83d", "c")

    assert cli.ask_json("hi")["text"] == "a🚀b\ud83dc"
    assert cli.ask("hi").stdout == "a🚀b\ufffdc\n"


def test_a_long_enough_answer_is_complete_and_says_why_it_ends(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.finish_reason = "length"

    done = cli.ask("hi")

    assert done.returncode == 0
    assert "--max-tokens" in done.stderr


def test_stdin_and_files_become_the_question(cli: Cli, model_server: FakeModelServer, tmp_path: Path) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.txt"
    first.write_bytes(b"\xef\xbb\xbfalpha = 1\r\n")
    second.write_text("zwölf", encoding="utf-16")

    done = cli.ask("--file", str(first), "--file", str(second), "-", stdin="Grüße 🚀".encode())

    sent = json.dumps(model_server.chats[0].json()["messages"], ensure_ascii=False)
    assert done.returncode == 0
    assert all(part in sent for part in ("Grüße 🚀", "a.py", "alpha = 1", "b.txt", "zwölf"))
    assert [one["name"] for one in cli.messages()[0]["attachments"]] == ["a.py", "b.txt"]


def test_picture_and_pdf_travel_as_they_are(cli: Cli, model_server: FakeModelServer, tmp_path: Path) -> None:
    picture, brief = tmp_path / "plate.png", tmp_path / "brief.pdf"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2 << 20))
    brief.write_bytes(b"%PDF-1.4 \xff\xfe")

    done = cli.ask("--file", str(picture), "what is it?")
    refused = cli.ask("--file", str(brief), "what does it say?")

    content = model_server.chats[0].json()["messages"][-1]["content"]
    assert done.returncode == 0 and content[0] == {"type": "text", "text": "what is it?"}
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert refused.returncode != 0 and "cannot read PDF files, so brief.pdf was not sent" in refused.stderr


BAD_INPUT: Dict[str, Tuple[List[str], bytes, int, str]] = {
    "no prompt": ([], b"", 2, "PROMPT"),
    "empty prompt": (["  "], b"", 2, "The prompt is empty. Type a question"),
    "empty stdin": (["-"], b"", 2, "The prompt is empty."),
    "stdin in Latin-1": (["-"], "Grüße".encode("latin-1"), 2, "Standard input is not UTF-8 text."),
    "binary stdin": (["-"], b"\0\1", 2, "Standard input is not UTF-8 text."),
    "endless stdin": (["-"], b"x" * (5 << 20), 2, "Standard input holds more than 4 MB."),
    "no such file": (["--file", "/no/such", "hi"], b"", 2, "/no/such cannot be read: No such file"),
    "a folder": (["--file", "/", "hi"], b"", 2, "/ cannot be read: Is a directory"),
    "a program": (["--file", sys.executable, "hi"], b"", 2, "is not a text file. Only UTF-8 text"),
    "a large file": (["--file", "/dev/zero", "hi"], b"", 2, "/dev/zero is larger than 1 MB"),
    "not a number": (["--temperature", "warm", "hi"], b"", 2, "'warm' is not a number"),
    "out of range": (["--timeout", "0", "hi"], b"", 2, "0 is not between 0.05 and 7200"),
    "not whole": (["--retries", "1.5", "hi"], b"", 2, "'1.5' is not a whole number"),
    "unknown option": (["--modle", "x", "hi"], b"", 2, "unrecognized arguments: --modle"),
    "unknown provider": (["--provider", "olama", "hi"], b"", 3, "provider called 'olama'. Did you mean ollama?"),
    "bad address": (["--base-url", "ftp://x", "hi"], b"", 3, "must be a URL that begins with http"),
    "no key": (["--base-url", "https://api.example.com/v1", "hi"], b"", 3, "OpenAI needs an API key."),
}


@pytest.mark.skipif(os.name != "posix", reason="the paths are POSIX's")
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_and_an_exit_code(cli: Cli, name: str) -> None:
    arguments, stdin, code, sentence = BAD_INPUT[name]

    done = cli.ask(*arguments, stdin=stdin)

    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert is_clean(done.stderr)


@posix
def test_an_argument_that_is_not_text_is_refused(cli: Cli) -> None:
    done = cli.run("ask", *cli.talk, os.fsdecode(b"caf\xe9"))

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "The prompt is not UTF-8 text." in done.stderr


def test_a_wrong_settings_file_is_named_with_its_line(cli: Cli, home: Path) -> None:
    (home / "settings.toml").write_text("[panel]\nfont_scale = 'big'\n")

    done = cli.ask("hi")

    assert done.returncode == 3
    assert done.stderr.startswith(f"{home / 'settings.toml'}, line 2: panel.font_scale must be a number, not text")


def test_a_provider_error_is_four_with_its_facts(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.fail(503, {"error": {"message": "too many people"}}, {"Retry-After": "7"}, times=2)

    plain, found = cli.ask("hi"), cli.ask_json("hi")

    assert (plain.returncode, plain.stdout) == (4, "")
    assert "HTTP 503: too many people" in plain.stderr
    assert found["error"] == {
        "kind": "overloaded", "message": "too many people", "status": 503, "retry_after_s": 7.0, "partial": False,
    }
    assert found["finish"] is None


def test_errors_before_the_turn_are_json_too(cli: Cli) -> None:
    done = cli.run("ask", "--json", "--provider", "nobody", "--model", "m", "hi")

    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert list(found) == FIELDS
    assert (found["error"]["kind"], found["text"], found["conversation_id"]) == ("settings", "", None)


def test_a_cut_answer_is_printed_stored_and_five(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.words = ("one ", "two ", "three")
    model_server.drop_after = 2

    done, found = cli.ask("hi"), cli.ask_json("hi")

    assert (done.returncode, done.stdout) == (5, "one two \n")
    assert (found["text"], found["error"]["partial"], found["finish"]) == ("one two ", True, None)
    assert cli.messages()[1]["text"] == "one two "
    assert cli.messages()[1]["status"] == "failed"


def test_retries_are_tried_and_noted(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.fail(503, None, {"Retry-After": "0"}, times=1)

    done = cli.ask("--retries", "1", "hi")

    assert (done.returncode, done.stdout) == (0, "Hello, artist.\n")
    assert "Trying again in" in done.stderr


def test_a_silent_server_ends_at_the_timeout(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.hold(after=0)

    done = cli.ask("--json", "--timeout", "0.4", "hi")

    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["kind"] == "timeout"


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_arrived(cli: Cli, model_server: FakeModelServer, number: signal.Signals) -> None:
    model_server.words = ["word "] * 8
    model_server.hold(after=3)
    running = cli.start("ask", *cli.talk, "hi")
    assert running.stdout is not None
    head = running.stdout.read(15)

    running.send_signal(number)
    rest, errors = running.communicate(timeout=20)

    assert (head, rest, running.returncode) == (b"word word word ", b"\n", 130)
    assert is_clean(errors.decode())
    assert [one["status"] for one in cli.messages()] == ["complete", "stopped"]
    assert cli.messages()[1]["text"] == "word word word "


# Ctrl-C so many seconds after Python itself is up.
EARLY = """
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
from nuke_ai_panel.cli import main
signal.setitimer(signal.ITIMER_REAL, float(sys.argv.pop(1)))
sys.exit(main())
"""


@posix
@pytest.mark.parametrize("delay_s", [0.001, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3])
def test_an_interrupt_at_any_moment_is_quiet(cli: Cli, model_server: FakeModelServer, delay_s: float) -> None:
    model_server.hold(after=0)

    done = subprocess.run(
        [sys.executable, "-c", EARLY, str(delay_s), "ask", *cli.talk, "hi"], env=cli.env(), capture_output=True,
        timeout=30, check=False,
    )

    assert done.returncode == 130
    assert done.stderr.decode() in ("", "Stopped; what arrived is kept.\n")


@posix
def test_a_reader_that_leaves_stops_the_answer_quietly(cli: Cli, model_server: FakeModelServer) -> None:
    model_server.words = ["word "] * 2000
    model_server.tokens_per_s = 200.0
    with cli.start("ask", *cli.talk, "hi") as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.read(10)

        running.stdout.close()
        errors = running.stderr.read().decode()

    assert (running.returncode, errors) == (5, "")
    assert cli.messages()[1]["status"] == "stopped"


@posix
def test_a_full_disk_behind_stdout_is_a_sentence(cli: Cli) -> None:
    with open("/dev/full", "wb") as full:
        running = cli.start("ask", *cli.talk, "hi", stdout=full)
        _, errors = running.communicate(timeout=20)

    assert running.returncode == 5
    assert errors.decode() == "The answer cannot be written: No space left on device.\n"


@posix
def test_closed_standard_streams_do_no_harm(cli: Cli) -> None:
    command = " ".join(["exec", sys.executable, "-m", "nuke_ai_panel", "ask", *cli.talk, "hi", "<&- >&- 2>&-"])

    done = subprocess.run(["sh", "-c", command], env=cli.env(), timeout=30, check=False)

    assert done.returncode == 0
    assert cli.messages()[1]["text"] == "Hello, artist."


@posix
def test_an_answer_cannot_steer_a_terminal_but_a_file_gets_it_whole(
    cli: Cli, model_server: FakeModelServer, read_terminal: Callable[[List[str]], str]
) -> None:
    attack = "\x1b]52;c;ZXZpbA==\x07\x1b[31mred\x9b2J\u202egnp.exe\b\b\rx"
    model_server.words = (attack,)

    shown = read_terminal(["ask", *cli.talk, "hi"])

    assert cli.ask("hi").stdout == attack + "\n"
    assert not any(char in shown.replace("\r\n", "\n") for char in "\x07\x08\x9b\u202e")
    assert "\x1b]52" not in shown and "\x1b[31m" not in shown
    assert "␛[31mred" in shown and "<U+202E>" in shown


@pytest.fixture
def read_terminal(cli: Cli) -> Callable[[List[str]], str]:
    """Runs a command with a terminal as its output and returns what the terminal got."""

    def read(arguments: List[str]) -> str:
        import pty

        master, slave = pty.openpty()
        running = cli.start(*arguments, stdout=slave, stderr=slave)
        os.close(slave)
        shown = read_to_end(master)
        running.wait(20)
        return shown

    return read

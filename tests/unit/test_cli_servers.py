"""`models pull`, `ps`, `load`, `unload`, `start`, `credits`, `show` through the real program, against real servers."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakes.fault_server import closed_port
from tests.fakes.ollama_server import FakeOllama
from tests.fakes.openrouter_server import FakeOpenRouter

from .cli_kit import ROOT, Cli, is_clean, wait_until

posix = pytest.mark.skipif(os.name != "posix", reason="signals and scripts of POSIX")


@pytest.fixture
def cli(home: Path) -> Cli:
    """The program with a home of its own."""
    return Cli(home)


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A running Ollama."""
    with FakeOllama() as server:
        yield server


def test_a_model_is_pulled_and_answers(cli: Cli, ollama: FakeOllama) -> None:
    env = {"OLLAMA_HOST": ollama.url}

    done = cli.run("models", "pull", "gemma3:1b", env=env)
    answer = cli.run("ask", "--provider", "ollama", "--model", "gemma3:1b", "--think", "off", "hi", env=env)

    assert (done.returncode, done.stdout) == (0, "gemma3:1b is ready on Ollama.\n")
    assert "Downloading" in done.stderr and is_clean(done.stderr)
    assert (answer.returncode, answer.stdout) == (0, "Hello, artist.\n")
    assert ollama.chats[-1].json()["think"] is False


@posix
def test_an_interrupted_pull_says_so_and_the_next_goes_on(cli: Cli, ollama: FakeOllama) -> None:
    ollama.library["big"] = (100_000,)
    ollama.step_s = 0.01
    process = cli.start("models", "pull", "--provider", "ollama", "big", env=cli.env(OLLAMA_HOST=ollama.url))
    wait_until(lambda: sum(ollama.pulled.values()) > 3000)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    ollama.wait_for_disconnect()

    assert process.returncode == 130 and "goes on from here" in said and is_clean(said)
    kept = sum(ollama.pulled.values())
    assert 3000 < kept < 100_000
    ollama.bytes_per_step = 100_000
    assert cli.run("models", "pull", "big", env={"OLLAMA_HOST": ollama.url}).returncode == 0


def test_a_provider_that_is_named_fetches_also_what_is_built_in(cli: Cli, ollama: FakeOllama) -> None:
    ollama.library["smollm2"] = (10,)
    done = cli.run("models", "pull", "--provider", "ollama", "smollm2", env={"OLLAMA_HOST": ollama.url})
    assert (done.returncode, len(ollama.pulls)) == (0, 1)


def test_a_model_that_nobody_has_is_said(cli: Cli, ollama: FakeOllama) -> None:
    done = cli.run("models", "pull", "--provider", "ollama", "gpt-9", env={"OLLAMA_HOST": ollama.url})
    assert done.returncode == 4 and "There is no model called gpt-9 to pull." in done.stderr


def test_memory_is_listed_filled_and_emptied(cli: Cli, ollama: FakeOllama) -> None:
    env = {"OLLAMA_HOST": ollama.url}

    assert "no model is in memory" in cli.run("models", "ps", env=env).stdout
    assert cli.run("models", "load", "qwen3:4b", "--keep-alive", "-1", env=env).stdout == "qwen3:4b is in memory.\n"
    assert ollama.chats[-1].json()["keep_alive"] == -1
    shown = cli.run("models", "ps", env=env).stdout
    listed = json.loads(cli.run("models", "ps", "--json", env=env).stdout)
    assert "qwen3:4b" in shown and "all on the GPU" in shown and "window of 4,096 tokens" in shown
    assert [(one["provider"], one["id"]) for one in listed["models"]] == [("ollama", "qwen3:4b")]
    assert cli.run("models", "unload", "llama3.2:1b", env=env).stdout == "llama3.2:1b is not in memory.\n"
    assert cli.run("models", "unload", env=env).stdout == "qwen3:4b is out of memory.\n"
    assert ollama.memory == {}


def test_a_model_is_shown_with_all_that_is_known(cli: Cli, ollama: FakeOllama) -> None:
    done = cli.run("models", "show", "--provider", "ollama", "qwen3:4b", env={"OLLAMA_HOST": ollama.url})
    said = json.loads(cli.run(
        "models", "show", "--json", "--provider", "ollama", "qwen3:4b", env={"OLLAMA_HOST": ollama.url}).stdout)
    assert "32,768 tokens" in done.stdout and "reasoning, tools" in done.stdout and "free" in done.stdout
    assert (said["context_tokens"], said["capabilities"]) == (32768, ["reasoning", "tools"])


def test_a_missing_model_and_a_dead_server_name_their_command(cli: Cli, ollama: FakeOllama) -> None:
    asked = ["ask", "--retries", "0", "--provider", "ollama", "--model", "absent:1b", "hi"]
    missing = cli.run(*asked, env={"OLLAMA_HOST": ollama.url})
    dead = cli.run(*asked, env={"OLLAMA_HOST": f"127.0.0.1:{closed_port()}"})
    assert missing.returncode == 4 and "nuke-ai-panel models pull absent:1b" in missing.stderr
    assert dead.returncode == 4 and "nuke-ai-panel models start" in dead.stderr


def test_a_cut_prompt_is_told_and_the_window_can_be_given(cli: Cli, ollama: FakeOllama) -> None:
    ollama.counts_only = 0.5
    asked = ["ask", "--provider", "ollama", "--model", "qwen3:4b"]
    cut = cli.run(*asked, "word " * 1000, env={"OLLAMA_HOST": ollama.url})
    cli.run(*asked, "--context", "16384", "hi", env={"OLLAMA_HOST": ollama.url})
    assert "dropped about" in cut.stderr and "--context" in cut.stderr
    assert ollama.chats[-1].json()["options"]["num_ctx"] == 16384


def test_a_chat_thinks_and_reads_as_it_is_told(cli: Cli, ollama: FakeOllama) -> None:
    typed = b"one\n/think high\n/context\ntwo\n"
    done = cli.run("chat", "--provider", "ollama", "--model", "qwen3:4b", stdin=typed, env={"OLLAMA_HOST": ollama.url})
    first, second = (one.json() for one in ollama.chats)
    assert "Thinking: high." in done.stdout and "8,192 tokens from now on" in done.stdout
    assert ("think" in first, second["think"]) == (False, "high")
    assert (first["options"]["num_ctx"], second["options"]["num_ctx"]) == (4096, 8192)


@posix
def test_a_server_is_started_once_and_outlives_the_command(cli: Cli, tmp_path: Path) -> None:
    started, program = tmp_path / "started", tmp_path / "ollama"
    program.write_text(
        f"#!/bin/sh\necho $$ >>{started}\ncd {ROOT}\nexec {sys.executable} -m tests.fakes.ollama_server \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env = {"OLLAMA_HOST": f"127.0.0.1:{closed_port()}", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    try:
        first = cli.run("models", "start", env=env)
        again = cli.run("models", "start", env=env)
        assert (first.returncode, again.returncode) == (0, 0)
        assert "with 2 models" in first.stdout
        assert len(started.read_text().split()) == 1
        for line in started.read_text().split():
            os.kill(int(line), signal.SIGKILL)
        mended = cli.run("doctor", "--fix", env=env).stdout.splitlines()
        place = mended.index("Ollama: it is not running. Starting it …")
        assert "Ollama: connected" in mended[place:]
    finally:
        for line in started.read_text().split()[1:]:
            os.kill(int(line), signal.SIGKILL)


def test_without_the_program_it_says_where_to_get_it(cli: Cli) -> None:
    env = {"OLLAMA_HOST": f"127.0.0.1:{closed_port()}", "PATH": "/nowhere", "HOME": "/nowhere"}
    done = cli.run("models", "start", env=env)
    if Path("/usr/local/bin/ollama").exists() or Path("/usr/bin/ollama").exists():
        pytest.skip("a real Ollama is installed here")
    assert done.returncode == 4 and "https://ollama.com/download" in done.stderr


def test_what_is_left_to_spend_is_said(cli: Cli) -> None:
    with FakeOpenRouter() as router:
        env = {"OPENROUTER_BASE_URL": f"{router.url}/v1", "OPENROUTER_API_KEY": "sk-or-cli-test-0123456789"}
        done = cli.run("models", "credits", env=env)
        said = json.loads(cli.run("models", "credits", "--json", env=env).stdout)
        listed = cli.run("models", "--provider", "openrouter", env=env).stdout
        asked = json.loads(cli.run(
            "ask", "--json", "--provider", "openrouter", "--model", "acme/smart", "hi", env=env).stdout)
    assert "Credit: $12.34 left of $50.00." in done.stdout and done.returncode == 0
    assert (said["limit_left_usd"], said["free_requests"]) == (12.5, [3, 1000])
    assert "$2.5 / $10" in listed and "free" in listed and "–" in listed
    assert (asked["upstream"], asked["usage"]["cost_usd"]) == ("DeepInfra", 0.0042)


def test_a_provider_that_keeps_no_models_says_so(cli: Cli) -> None:
    done = cli.run("models", "pull", "--provider", "openai", "gpt-9")
    assert done.returncode == 2 and "no models to pull" in done.stderr

"""System prompts and presets in the terminal, through the real program."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from ..fakes.model_server import FakeModelServer
from .cli_kit import Cli


@pytest.fixture
def cli(home: Path, model_server: FakeModelServer) -> Cli:
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "pirate.md").write_text("---\ntitle: Pirate\nmodel: openai/fake-model-2\n---\nArr.\n", "utf-8")
    (home / "prompts").mkdir()
    (home / "prompts" / "hello.md").write_text("Say hello.", "utf-8")
    return Cli(home, model_server.base_url)


def sent(server: FakeModelServer, number: int = -1) -> List[str]:
    return [f"{one['role']}: {one['content']}" for one in server.chats[number].json()["messages"]]


def test_preset_brings_its_words_and_what_is_said_beside_it_is_stronger(
    cli: Cli, model_server: FakeModelServer
) -> None:
    assert cli.ask("hi", "--preset", "PIRATE").returncode == 0
    assert sent(model_server) == ["system: Arr.", "user: hi"]
    assert cli.ask("hi", "--preset", "pirate", "--system", "Quiet.").returncode == 0
    assert sent(model_server)[0] == "system: Quiet."
    unknown = cli.ask("hi", "--preset", "parrot")
    assert unknown.returncode == 2 and "no preset called parrot" in unknown.stderr and "pirate" in unknown.stderr


def test_system_prompt_changes_in_the_middle_of_a_chat(cli: Cli, model_server: FakeModelServer) -> None:
    done = cli.run("chat", *cli.talk, stdin=(
        b"/preset pirate\none\n/system Quiet now.\n/system\ntwo\n/prompt hello\n/prompt error\n/preset parrot\n/quit\n"
    ))
    assert done.returncode == 0
    assert sent(model_server, 0) == ["system: Arr.", "user: one"]
    assert sent(model_server, 1)[0] == "system: Quiet now." and len(sent(model_server, 1)) == 4
    assert sent(model_server, 2)[-1] == "user: Say hello." and len(model_server.chats) == 3
    assert "Quiet now." in done.stdout and "{{error}}" in done.stdout
    assert "There is no preset called parrot." in done.stderr

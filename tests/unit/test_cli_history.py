"""`history search`, `export`, `import`, `stats`, `backup`, `restore` and `check`, each as a process of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel.messages import Message, Usage
from nuke_ai_panel.settings import history_path
from nuke_ai_panel.store import Store, new_id

from .cli_kit import Cli

WAIT_S = 20.0


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[tuple[Cli, str]]:
    """The program on a history with one conversation, and its id."""
    store = Store(history_path(tmp_path))
    made = store.create_conversation(title="Despill", provider="ollama", model="llama3", tags=["roto"]).result(WAIT_S)
    question = Message(new_id(), made.id, None, "user", "How do I despill the plate?", created_at=1.7e9)
    answer = Message(
        new_id(), made.id, question.id, "assistant", "With a Keylight:\n```python\nx = 1\n```", provider="ollama",
        model="llama3", usage=Usage(10, 20, 30, cost_usd=0.5), created_at=1.7e9 + 5,
    )
    for message in (question, answer):
        store.add_message(message).result(WAIT_S)
    store.close(WAIT_S)
    yield Cli(tmp_path), made.id


def json_of(cli: Cli, *arguments: str) -> Any:  # whatever the command prints
    done = cli.run("history", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def test_search_finds_words_phrases_and_filters(chat: tuple[Cli, str]) -> None:
    cli, conversation = chat
    assert [hit["conversation_id"] for hit in json_of(cli, "search", "despill")["hits"]] == [conversation]
    assert len(json_of(cli, "search", "the plate")["hits"]) == 1
    assert json_of(cli, "search", "plate the")["hits"] == []
    assert len(json_of(cli, "search", "key*", "--has-code", "--tag", "roto", "--model", "llama3")["hits"]) == 1
    assert json_of(cli, "search", "despill", "--since", "7d")["hits"] == []
    plain = cli.run("history", "search", "nowhere")
    assert plain.returncode == 0 and "Nothing was found" in plain.stderr


def test_export_and_import_bring_a_conversation_to_another_home(chat: tuple[Cli, str], tmp_path: Path) -> None:
    cli, conversation = chat
    file = tmp_path / "chat.json"
    told = json_of(cli, "export", conversation[:12], "--output", str(file))
    assert (told["format"], told["conversations"]) == ("json", 1)
    (tmp_path / "other").mkdir()
    there = Cli(tmp_path / "other")
    assert json_of(there, "import", str(file))["messages"] == 2
    assert json_of(there, "show", conversation)["messages"] == json_of(cli, "show", conversation)["messages"]
    assert json_of(there, "import", str(file))["skipped_conversations"] == 1
    assert "## Assistant" in cli.run("history", "export", conversation, "--format", "markdown").stdout
    page = tmp_path / "chat.html"
    assert cli.run("history", "export", conversation, "--output", str(page)).returncode == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("arguments", [
    ("export",), ("export", "--all", "x"), ("export", "nobody"), ("import", "/nowhere.json"),
    ("restore", "--confirm", "x"), ("list", "--since", "yesterday"), ("search",),
])
def test_what_cannot_be_done_is_a_sentence_with_a_next_step(chat: tuple[Cli, str], arguments: tuple[str, ...]) -> None:
    done = chat[0].run("history", *arguments)
    assert done.returncode == 2 and done.stderr.strip() and "Traceback" not in done.stderr


def test_stats_count_tokens_and_cost(chat: tuple[Cli, str]) -> None:
    found = json_of(chat[0], "stats")
    assert (found["total"]["messages"], found["total"]["output_tokens"], found["total"]["cost_usd"]) == (2, 20, 0.5)
    assert [one["name"] for one in found["by_model"]] == ["llama3"]
    assert "$0.5000" in chat[0].run("history", "stats").stdout


def test_a_backup_is_restored_and_confirmed(chat: tuple[Cli, str], tmp_path: Path) -> None:
    cli, conversation = chat
    made = json_of(cli, "backup")
    os.unlink(history_path(tmp_path))
    told = cli.run("history", "list")
    assert told.returncode == 0 and told.stdout == ""
    assert json_of(cli, "restore", made["name"])["name"] == made["name"]
    assert [one["id"] for one in json_of(cli, "list")] == [conversation]
    assert json_of(cli, "check")["backups_paused"] is True
    assert cli.run("history", "restore", "--confirm").returncode == 0
    found = json_of(cli, "check")
    assert found["is_sound"] and not found["backups_paused"] and found["messages"] == 2
    assert made["name"] in [one["name"] for one in json_of(cli, "backup", "--list")]


def test_check_mends_a_damaged_history_and_says_so(chat: tuple[Cli, str], tmp_path: Path) -> None:
    cli, conversation = chat
    with history_path(tmp_path).open("r+b") as file:
        file.write(b"\0" * 100)
    done = cli.run("history", "check")
    assert done.returncode == 0 and "has been mended" in done.stderr and done.stdout.endswith("sound\n")
    assert [one["id"] for one in json_of(cli, "list")] == [conversation]

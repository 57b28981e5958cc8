"""A conversation with the real embedded model, through the real panel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Iterator, List, Set, Tuple

import pytest

from tests.contract.local_model import install_model, model_file

from .panel_kit import Desk, close_desk

QUESTIONS = (
    "Say hello.", "What is a matte?", "Name a colour.", "What does a merge do?", "Count to three.",
)


def children_of_this_process() -> Set[str]:
    """Found by asking every process for its parent: the lists under /proc/self/task vanish with their threads."""
    own = str(os.getpid())
    return {entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and parent_of(entry) == own}


def parent_of(entry: Path) -> str:
    """The parent of the process behind a folder of /proc; empty when it ended meanwhile."""
    try:
        stat = (entry / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[1]


def established(pids: Set[str]) -> Set[Tuple[str, str]]:
    """The established TCP connections of the processes, as (own, other) addresses."""
    inodes = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(entry.readlink())
            except FileNotFoundError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows: List[List[str]] = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {(row[1], row[2]) for row in rows if row[3] == "01" and row[9] in inodes}


def connections_to(server_pids: Set[str]) -> Set[Tuple[str, str]]:
    """The connections that the servers have with this process, as (server, client) addresses."""
    ours = established({"self"})
    return {(server, client) for server, client in established(server_pids) if (client, server) in ours}


@pytest.fixture
def desk(qtbot: Any, home: Path) -> Iterator[Desk]:
    """A panel on the embedded model, with short answers."""
    install_model(home, model_file())
    made = Desk(qtbot, {
        "default_provider": "local", "default_model": "smollm2", "parameters.max_tokens": 12,
        "providers.ollama.enabled": False, "providers.openrouter.enabled": False, "providers.openai.enabled": False,
    })
    yield made
    close_desk(made)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts connections in /proc")
def test_twenty_messages_are_answered_stored_and_shown_over_one_connection(desk: Desk) -> None:
    seen: Set[Tuple[str, str]] = set()
    for number in range(20):
        item = desk.ask_and_wait(QUESTIONS[number % len(QUESTIONS)])
        assert (item.status, item.error) == ("complete", None)
        assert item.text.strip()
        seen |= connections_to(children_of_this_process())
    stored = desk.session.app.store.path(desk.manager.shown.id).result(5)
    assert [one.text for one in stored] == desk.texts()
    assert [one.status for one in stored] == ["complete"] * 40
    assert {one.model for one in stored if one.role == "assistant"} == {"smollm2"}
    assert len(seen) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for children in /proc")
def test_closing_the_panel_leaves_no_child_process(qtbot: Any, home: Path) -> None:
    install_model(home, model_file())
    before = children_of_this_process()
    desk = Desk(qtbot, {"default_provider": "local", "default_model": "smollm2", "parameters.max_tokens": 400})
    desk.ask("Write a long story about a compositor.")
    desk.until(lambda: desk.items() and len(desk.answer().text) > 10)
    assert children_of_this_process() - before
    conversation_id = desk.manager.shown.id
    text = desk.answer().text
    close_desk(desk)
    assert children_of_this_process() - before == set()
    again = Desk(qtbot, {})
    stored = again.session.app.store.path(conversation_id).result(5)
    close_desk(again)
    assert stored[-1].status in ("stopped", "interrupted")
    assert stored[-1].text.startswith(text)

"""Kills processes that write chats and stream answers, at random moments, and looks for what they were promised.

Each journal on its own, and both at once: sessions whose SQLite wants a write-ahead log beside those that must not.
26 rounds, more than 200 kills in all; NUKE_AI_PANEL_CAMPAIGN=50 makes 250 of them, and NUKE_AI_PANEL_SEED replays them.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from nuke_ai_panel.store import Store
from tests.unit.store_kit import WAIT_S, other_process

ROUNDS = max(26, 5 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1")))
SEED = int(os.environ.get("NUKE_AI_PANEL_SEED", "20260101"))

# Tells its parent about a message only after the store acknowledged it: the id and how much of it.
WRITER = """
import os, random, sys
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, database, new_id

database.is_wal_safe = lambda version: sys.argv[3] == "wal"
store = Store(Path(sys.argv[1]), busy_timeout_s=60)
rng = random.Random(int(sys.argv[2]))

def tell(*words):
    os.write(1, (" ".join(words) + "\\n").encode())

while True:
    c = new_id()
    tell("start", c)
    store.create_conversation(id=c).result(60)
    parent = None
    for turn in range(rng.randrange(1, 4)):
        question = Message(new_id(), c, parent, "user", f"question {turn} " * rng.randrange(1, 200), created_at=1.0)
        answer = Message(new_id(), c, question.id, "assistant", "", "streaming", created_at=1.0)
        store.add_message(question)
        store.add_message(answer).result(60)
        tell("stored", question.id, str(len(question.text)))
        tell("stored", answer.id, "0")
        for flush in range(rng.randrange(1, 20)):
            text = "word " * rng.randrange(flush * 10, flush * 10 + 10)
            status = "streaming" if rng.random() < 0.95 else "complete"
            newer = Message(answer.id, c, question.id, "assistant", text, status, created_at=1.0)
            store.update_message(newer).result(60)
            tell("stored", answer.id, str(len(text)))
        parent = answer.id
"""


@pytest.mark.parametrize("journals", [("truncate",), ("wal",), ("truncate", "wal")], ids="-".join)
def test_nothing_acknowledged_is_lost_when_processes_are_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], journals: Tuple[str, ...]
) -> None:
    path = tmp_path / "history.db"
    rng = random.Random(SEED)
    promised: Dict[str, int] = {}
    kills = marked = 0
    for round_number in range(ROUNDS):
        writers = [
            other_process(WRITER, str(path), str(rng.randrange(1 << 30)), rng.choice(journals))
            for _ in range(rng.randrange(1, 4))
        ]
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("start"), process.communicate()
        for process in writers:
            time.sleep(rng.uniform(0.0, 0.3))
            kills += 1
            take_promises(process, promised)
        lost = [*lost_promises(path, promised)]
        assert lost == [], f"round {round_number} of seed {SEED}"
        marked = interrupted_after_a_look(path)
    with capsys.disabled():
        print(
            f"\n{' and '.join(journals)}: {kills} kills, {len(promised)} messages acknowledged, 0 lost,"
            f" {marked} answers marked interrupted"
        )
    assert len(promised) > kills


# The real client: an App whose turns stream, each in a conversation of its own; it tells what its events promised.
CLIENT = """
import os, sys, threading
from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.events import AnswerStored, TextAdded, TurnStarted
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider

def tell(*words):
    os.write(1, (" ".join(words) + "\\n").encode())

def steps(request):
    for number in range(40):
        yield f"word{number} " * 20
        yield 0.01

ScriptedProvider.scripts["say"] = steps
app = App.open(overrides={"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "say"})
tell("start", "-")

def chat():
    conversation = None
    while True:
        heard = {"length": 0}
        over = threading.Event()

        def sink(event):
            if isinstance(event, TurnStarted):
                heard["conversation"], heard["answer"] = event.conversation_id, event.answer.id
                tell("stored", event.question.id, str(len(event.question.text)))
                tell("stored", event.answer.id, "0")
            elif isinstance(event, TextAdded):
                heard["length"] += len(event.text)
                tell("heard", heard["answer"], str(heard["length"]))
            elif isinstance(event, AnswerStored):
                tell("stored", event.answer.id, str(len(event.answer.text)))
                over.set()

        app.start_turn(TurnRequest("a question " * 30, conversation_id=conversation), sink)
        over.wait(60)
        conversation = heard["conversation"]

threads = [threading.Thread(target=chat, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_real_clients_that_are_killed_while_answers_stream_lose_nothing_they_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUKE_AI_PANEL_HOME", str(tmp_path))
    path = tmp_path / "history.db"
    rng = random.Random(SEED)
    promised: Dict[str, int] = {}
    kills = 0
    for round_number in range(ROUNDS):
        clients = [other_process(CLIENT) for _ in range(rng.randrange(1, 5))]
        for process in clients:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("start"), process.communicate()
        time.sleep(rng.uniform(0.2, 1.5))
        for process in clients:
            kills += 1
            take_promises(process, promised)
        assert [*lost_promises(path, promised)] == [], f"round {round_number} of seed {SEED}"
        marked = interrupted_after_a_look(path)
    with capsys.disabled():
        print(
            f"\nreal clients: {kills} kills, {len(promised)} messages acknowledged, 0 lost, 0 damaged,"
            f" {marked} answers marked interrupted"
        )
    assert promised


def take_promises(process: subprocess.Popen[str], promised: Dict[str, int]) -> None:
    """Kills the process and notes what it had been told; a line that was cut was not a promise."""
    process.kill()
    out, err = process.communicate(timeout=WAIT_S)
    assert err == ""
    for line in out.split("\n")[:-1]:
        word, *rest = line.split(" ")
        if word == "stored":
            promised[rest[0]] = int(rest[1])


def lost_promises(path: Path, promised: Dict[str, int]) -> List[Tuple[str, int]]:
    """Every promise that the file does not keep. An unacknowledged newer state of the same message is fine."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = dict(connection.execute("SELECT id, length(text) FROM messages"))
    return [(key, length) for key, length in promised.items() if found.get(key, -1) < length]


def interrupted_after_a_look(path: Path) -> int:
    """How many answers a new process calls interrupted; none may go on streaming."""
    store = Store(path)
    shown = store.conversations(limit=10_000).result(WAIT_S)
    statuses = [message.status for c in shown[:5] for message in store.path(c.id).result(WAIT_S)]
    store.close(WAIT_S)
    assert "streaming" not in statuses
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM messages WHERE status = 'streaming'").fetchone() == (0,)
        return int(connection.execute("SELECT count(*) FROM messages WHERE status = 'interrupted'").fetchone()[0])

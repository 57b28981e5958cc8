"""Several processes on one history: they see each other, and an answer whose process is gone was interrupted."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Iterator

import pytest

from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
from nuke_ai_panel.store.writers import Writers

from .store_kit import WAIT_S, new_conversation, other_process, said, talk

STREAMS = """
import sys
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
store = Store(Path(sys.argv[1]))
c = store.create_conversation(title="theirs").result(20).id
question = Message(new_id(), c, None, "user", "question", created_at=1.0)
store.add_message(question)
answer = Message(new_id(), c, question.id, "assistant", "", "streaming", created_at=1.0)
store.add_message(answer).result(20)
store.update_message(Message(answer.id, c, question.id, "assistant", "so far", "streaming", created_at=1.0)).result(20)
print(c, flush=True)
for line in sys.stdin:
    text = line.strip()
    store.update_message(Message(answer.id, c, question.id, "assistant", text, "complete", created_at=1.0)).result(20)
    print("stored", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def other(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = other_process(STREAMS, str(path))
    yield process
    process.kill()
    process.communicate()


def conversation_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def lock_files(path: Path) -> int:
    return len(list((path.parent / "writers").glob("*.lock")))


def test_an_answer_that_streams_in_another_process_is_left_alone(path: Path, other: subprocess.Popen[str]) -> None:
    conversation_id = conversation_of(other)
    store = Store(path)
    assert [c.id for c in store.conversations().result(WAIT_S)] == [conversation_id]
    shown = store.path(conversation_id).result(WAIT_S)
    assert [(m.text, m.status) for m in shown] == [("question", "complete"), ("so far", "streaming")]
    store.close(WAIT_S)


def test_each_process_sees_the_others_new_messages_at_its_next_read(
    path: Path, other: subprocess.Popen[str]
) -> None:
    conversation_id = conversation_of(other)
    store = Store(path)
    before = store.path(conversation_id).result(WAIT_S)
    talk(store, conversation_id, "from here", after=before[-1])
    assert other.stdin is not None and other.stdout is not None
    other.stdin.write("the whole answer\n")
    other.stdin.flush()
    assert other.stdout.readline() == "stored\n"
    after = store.path(conversation_id).result(WAIT_S)
    assert [(m.text, m.status) for m in after] == [
        ("question", "complete"), ("the whole answer", "complete"), ("from here", "complete")
    ]
    store.close(WAIT_S)


@pytest.mark.parametrize("first_look", ["conversations", "path", "message"])
def test_a_killed_process_leaves_its_answer_interrupted_at_the_first_look(
    path: Path, other: subprocess.Popen[str], first_look: str
) -> None:
    conversation_id = conversation_of(other)
    already_open = Store(path)
    streaming = already_open.path(conversation_id).result(WAIT_S)[-1]
    assert streaming.status == "streaming"
    other.kill()
    other.wait()
    for store in (already_open, Store(path)):
        if first_look == "conversations":
            store.conversations().result(WAIT_S)
        if first_look == "message":
            found = store.message(streaming.id).result(WAIT_S)
            assert found is not None and found.status == "interrupted"
        shown = store.path(conversation_id).result(WAIT_S)
        assert [(m.text, m.status) for m in shown] == [("question", "complete"), ("so far", "interrupted")]
        store.close(WAIT_S)
    assert lock_files(path) == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT status, writer FROM messages WHERE text = 'so far'").fetchall() == [
            ("interrupted", None)
        ]


def test_an_answer_whose_process_is_gone_reads_as_interrupted_even_where_nothing_can_be_written(
    path: Path, other: subprocess.Popen[str]
) -> None:
    conversation_id = conversation_of(other)
    other.kill()
    other.wait()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")  # a newer version's: read-only
    store = Store(path)
    assert store.path(conversation_id).result(WAIT_S)[-1].status == "interrupted"
    store.close(WAIT_S)


def test_closing_a_store_marks_its_own_running_answers_and_leaves_no_lock_file(path: Path) -> None:
    store = Store(path)
    conversation_id = new_conversation(store)
    store.add_message(said(conversation_id, "half", role="assistant", status="streaming")).result(WAIT_S)
    assert lock_files(path) == 1
    store.close(WAIT_S)
    assert lock_files(path) == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT status FROM messages").fetchall() == [("interrupted",)]


def test_two_stores_in_one_process_know_each_other_as_alive(path: Path) -> None:
    one, two = Store(path), Store(path)
    conversation_id = new_conversation(one)
    message = said(conversation_id, "running", role="assistant", status="streaming")
    one.add_message(message).result(WAIT_S)
    assert two.path(conversation_id).result(WAIT_S)[0].status == "streaming"
    assert one.path(conversation_id).result(WAIT_S)[0].status == "streaming"
    one.close(WAIT_S)
    assert two.path(conversation_id).result(WAIT_S)[0].status == "interrupted"
    two.close(WAIT_S)


def test_an_answer_that_ends_after_it_was_called_interrupted_is_complete(path: Path) -> None:
    store = Store(path)
    conversation_id = new_conversation(store)
    message = said(conversation_id, "half", role="assistant", status="streaming")
    store.add_message(message).result(WAIT_S)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET status = 'interrupted', writer = NULL")
    final = Message(**{**vars(message), "text": "whole", "status": "complete"})
    store.update_message(final).result(WAIT_S)
    assert store.path(conversation_id).result(WAIT_S) == [final]
    store.close(WAIT_S)


def test_reading_and_plain_writing_take_no_writer_lock(path: Path) -> None:
    store = Store(path)
    talk(store, new_conversation(store), "q", "a")
    store.conversations().result(WAIT_S)
    assert not (path.parent / "writers").exists()
    store.close(WAIT_S)


def test_a_writer_name_from_the_file_never_leads_out_of_its_folder(path: Path) -> None:
    outside = path.parent / "precious.lock"
    outside.write_text("keep me")
    store = Store(path)
    conversation_id = new_conversation(store)
    store.add_message(said(conversation_id, "half", role="assistant", status="streaming")).result(WAIT_S)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET writer = '../precious'")
    assert store.path(conversation_id).result(WAIT_S)[0].status == "interrupted"
    assert outside.read_text() == "keep me"
    store.close(WAIT_S)


def test_lock_files_left_over_for_a_day_are_swept_and_fresh_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "writers"
    folder.mkdir()
    old, fresh = folder / f"{new_id()}.lock", folder / f"{new_id()}.lock"
    old.touch()
    fresh.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    writers = Writers(folder)
    own = writers.own()
    os.utime(folder / f"{own}.lock", (time.time() - 100_000,) * 2)
    other = Writers(folder)
    other.forget(set())
    assert sorted(folder.iterdir()) == sorted([fresh, folder / f"{own}.lock"])
    assert other.is_dead(old.stem) and not other.is_dead(own)
    writers.close()
    assert Writers(folder).is_dead(own)


WRITES = """
import sys
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
store = Store(Path(sys.argv[1]), busy_timeout_s=30)
for n in range(150):
    store.add_message(Message(new_id(), sys.argv[2], None, "user", f"{sys.argv[3]}.{n}", created_at=1.0)).result(30)
store.close(30)
"""


def test_two_processes_write_at_once_without_an_error(path: Path) -> None:
    store = Store(path)
    conversation_id = new_conversation(store)
    processes = [other_process(WRITES, str(path), conversation_id, name) for name in ("a", "b")]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (out, err, process.returncode) == ("", "", 0)
    found = store.conversation(conversation_id).result(WAIT_S)
    assert found is not None and found.message_count == 300
    store.close(WAIT_S)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        said_there = {text for (text,) in connection.execute("SELECT text FROM messages")}
    assert said_there == {f"{name}.{number}" for name in "ab" for number in range(150)}

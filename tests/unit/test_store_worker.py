"""The store's thread: one commit for all who wait, durable when acknowledged, alive after every error."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import Future, wait
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from filelock import FileLock

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Draft
from nuke_ai_panel.store import Store, open_history, worker

from .store_kit import WAIT_S, new_conversation, other_process, said, talk, texts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db", busy_timeout_s=0.1)
    yield store
    store.close(WAIT_S)


class Gate:
    """Holds the store's thread inside one job until it opens, and sees the SQL that runs after."""

    def __init__(self, store: Store) -> None:
        self.sql: List[str] = []
        self._open = threading.Event()
        self._is_held = threading.Event()
        self._job = store._worker.submit(self._hold, writes=False)
        self._is_held.wait(WAIT_S)

    def _hold(self, db: Any) -> None:
        self._is_held.set()
        self._open.wait(WAIT_S)
        db.connection.set_trace_callback(self.sql.append)

    def open(self) -> None:
        self._open.set()
        self._job.result(WAIT_S)

    def count(self, beginning: str) -> int:
        # A statement is traced again for each trigger that looks at it: text that is the same is one statement.
        same = [line for number, line in enumerate(self.sql) if number and line == self.sql[number - 1]]
        return sum(line.strip().startswith(beginning) for line in self.sql) - sum(
            line.strip().startswith(beginning) for line in same
        )


def stored_texts(store: Store) -> List[str]:
    """What another reader finds in the file."""
    with closing(sqlite3.connect(store.file)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM messages ORDER BY seq")]


def test_writes_that_wait_together_share_one_commit(store: Store) -> None:
    conversation_id = new_conversation(store)
    gate = Gate(store)
    futures = [store.add_message(said(conversation_id, str(number))) for number in range(200)]
    gate.open()
    wait(futures, WAIT_S)
    assert (gate.count("BEGIN IMMEDIATE"), gate.count("COMMIT")) == (1, 1)
    assert stored_texts(store) == [str(number) for number in range(200)]


def test_the_newest_update_of_a_message_stands_for_those_that_wait(store: Store) -> None:
    conversation_id = new_conversation(store)
    answer = said(conversation_id, "", role="assistant", status="streaming")
    store.add_message(answer).result(WAIT_S)
    gate = Gate(store)
    futures = [store.update_message(said_more(answer, "word " * number)) for number in range(1, 51)]
    gate.open()
    wait(futures, WAIT_S)
    assert gate.count("INSERT INTO messages") == 1
    assert stored_texts(store) == ["word " * 50]


def said_more(message: Any, text: str) -> Any:
    return type(message)(**{**vars(message), "text": text})


def test_a_draft_typed_quickly_is_written_once(store: Store) -> None:
    store.open().result(WAIT_S)
    gate = Gate(store)
    futures = [store.save_draft(Draft("c", "x" * number)) for number in range(1, 30)]
    gate.open()
    wait(futures, WAIT_S)
    assert gate.count("INSERT OR REPLACE INTO drafts") == 1


def test_nothing_is_acknowledged_before_it_is_on_the_disk(store: Store) -> None:
    conversation_id = new_conversation(store)
    seen: List[List[str]] = []
    future = store.add_message(said(conversation_id, "there"))
    future.add_done_callback(lambda done: seen.append(stored_texts(store)))
    future.result(WAIT_S)
    store.close(WAIT_S)
    assert seen in ([["there"]], [])  # [] when it was done before the callback was added: then it ran here
    assert stored_texts(store) == ["there"]


def test_a_read_sees_what_was_queued_before_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    gate = Gate(store)
    store.add_message(said(conversation_id, "q"))
    read = store.path(conversation_id)
    gate.open()
    assert texts(read.result(WAIT_S)) == ["q"]


def test_one_bad_write_spoils_no_other_in_its_group(store: Store) -> None:
    conversation_id = new_conversation(store)
    gate = Gate(store)
    good = [store.add_message(said(conversation_id, "one"))]
    bad = store.add_message(said("no such conversation", "two"))
    good.append(store.add_message(said(conversation_id, "three")))
    gate.open()
    wait(good, WAIT_S)
    assert isinstance(bad.exception(WAIT_S), StoreError)
    assert [future.exception() for future in good] == [None, None]
    assert stored_texts(store) == ["one", "three"]


def test_a_bug_reaches_its_caller_as_itself_and_the_thread_lives(store: Store) -> None:
    def broken(db: object) -> None:
        raise ZeroDivisionError("a bug")

    for writes in (True, False):
        with pytest.raises(ZeroDivisionError):
            store._worker.submit(broken, writes=writes).result(WAIT_S)
    assert new_conversation(store)


def test_a_write_cannot_be_cancelled_by_whoever_waits_for_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    gate = Gate(store)
    future = store.add_message(said(conversation_id, "kept"))
    assert not future.cancel()
    gate.open()
    future.result(WAIT_S)
    assert stored_texts(store) == ["kept"]


def test_a_full_disk_is_said_and_the_messages_follow_when_there_is_room(store: Store) -> None:
    conversation_id = new_conversation(store)
    set_page_limit(store, "1")
    messages = [said(conversation_id, "x" * 100_000)]
    messages.append(said(conversation_id, "y" * 100_000, after=messages[0], role="assistant"))
    for message in messages:
        with pytest.raises(StoreError) as caught:
            store.add_message(message).result(WAIT_S)
        assert caught.value.code == "disk_full" and str(store.file) in caught.value.user_text
    assert store.trouble is not None and store.trouble.code == "disk_full"
    assert store.path(conversation_id).result(WAIT_S) == []
    set_page_limit(store, "1000000")
    store.save_draft(Draft("c", "later")).result(WAIT_S)
    assert store.trouble is None
    assert store.path(conversation_id).result(WAIT_S) == messages


def set_page_limit(store: Store, pages: str) -> None:
    store._worker.submit(
        lambda db: db.connection.execute(f"PRAGMA max_page_count = {pages}").fetchone(), writes=False
    ).result(WAIT_S)


def test_what_the_disk_refused_is_tried_again_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_history, "RETRY_S", 0.05)
    conversation_id = new_conversation(store)
    set_page_limit(store, "1")
    message = said(conversation_id, "x" * 100_000)
    assert isinstance(store.add_message(message).exception(WAIT_S), StoreError)
    set_page_limit(store, "1000000")
    for _ in range(200):
        if store.trouble is None:
            break
        threading.Event().wait(0.02)
    assert store.path(conversation_id).result(WAIT_S) == [message]


def test_what_the_disk_refused_is_tried_once_more_at_the_end(store: Store) -> None:
    conversation_id = new_conversation(store)
    set_page_limit(store, "1")
    assert isinstance(store.add_message(said(conversation_id, "x" * 100_000)).exception(WAIT_S), StoreError)
    set_page_limit(store, "1000000")
    store.close(WAIT_S)
    assert stored_texts(store) == ["x" * 100_000]


@pytest.mark.parametrize("hold", ["database", "lock file"])
def test_a_busy_history_is_said_and_written_when_it_is_free(store: Store, hold: str) -> None:
    conversation_id = new_conversation(store)
    message = said(conversation_id, "patience")
    with closing(sqlite3.connect(store.file, isolation_level=None)) as other:
        lock = FileLock(f"{store.file}.lock")
        if hold == "database":
            other.execute("BEGIN IMMEDIATE")
        else:
            lock.acquire()
        with pytest.raises(StoreError) as caught:
            store.add_message(message).result(WAIT_S)
        lock.release()
    assert caught.value.code == "locked" and caught.value.next_step
    other_conversation = new_conversation(store)
    assert store.path(conversation_id).result(WAIT_S) == [message]
    assert store.path(other_conversation).result(WAIT_S) == []


def test_reading_goes_on_while_another_session_writes(store: Store) -> None:
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "q", "a")
    with closing(sqlite3.connect(store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert texts(store.path(conversation_id).result(WAIT_S)) == ["q", "a"]


def test_closing_writes_what_is_queued(store: Store) -> None:
    conversation_id = new_conversation(store)
    gate = Gate(store)
    futures = [store.add_message(said(conversation_id, str(number))) for number in range(700)]
    threading.Timer(0.05, gate.open).start()
    store.close(WAIT_S)
    assert all(future.done() and future.exception() is None for future in futures)
    assert len(stored_texts(store)) == 700


def test_closing_again_and_from_many_threads_is_harmless(store: Store) -> None:
    new_conversation(store)
    threads = [threading.Thread(target=store.close, args=(WAIT_S,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    store.close()
    assert worker.THREAD_NAME not in [thread.name for thread in threading.enumerate()]


def test_closing_from_the_store_thread_does_not_wait_for_itself(store: Store) -> None:
    closed: Future[None] = Future()

    def close(done: object) -> None:
        store.close(WAIT_S)
        closed.set_result(None)

    gate = Gate(store)
    store.conversations().add_done_callback(close)
    gate.open()
    closed.result(WAIT_S)


def test_closing_does_not_wait_longer_than_told(store: Store) -> None:
    new_conversation(store)
    gate = Gate(store)
    store.close(0.01)
    assert worker.THREAD_NAME in [thread.name for thread in threading.enumerate()]
    gate.open()
    store.close(WAIT_S)


def test_a_closed_store_says_so_in_the_future(store: Store) -> None:
    store.close()
    for future in (store.conversations(), store.create_conversation(), store.open()):
        error = future.exception(WAIT_S)
        assert isinstance(error, StoreError) and error.code == "closed"


def test_a_store_that_is_never_used_starts_no_thread_and_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    assert worker.THREAD_NAME not in [thread.name for thread in threading.enumerate()]
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_many_threads_may_ask_at_once(store: Store) -> None:
    conversation_id = new_conversation(store)

    def write(name: int) -> None:
        for number in range(20):
            store.add_message(said(conversation_id, f"{name}.{number}")).result(WAIT_S)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(set(stored_texts(store))) == 160
    assert [thread.name for thread in threading.enumerate()].count(worker.THREAD_NAME) == 1


EXITS = """
import os, sys
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
store = Store(Path(sys.argv[1]))
conversation = store.create_conversation(title="t").result()
store.add_message(Message(new_id(), conversation.id, None, "user", "said", created_at=1.0)).result()
if sys.argv[2] == "_exit":
    os._exit(0)
"""


@pytest.mark.parametrize("way", ["_exit", "plain"])
def test_a_process_that_ends_without_closing_loses_nothing_acknowledged(tmp_path: Path, way: str) -> None:
    path = tmp_path / "history.db"
    process = other_process(EXITS, str(path), way)
    assert (process.communicate(timeout=WAIT_S), process.returncode) == (("", ""), 0)
    store = Store(path)
    assert stored_texts(store) == ["said"]
    assert store.open().result(WAIT_S) is None
    store.close(WAIT_S)


FORKS = """
import gc, os, sqlite3, sys, warnings
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: exactly what is tried here
store = Store(Path(sys.argv[1]))
c = store.create_conversation(title="t").result().id
def say(text, status="complete"):
    message = Message(new_id(), c, None, "user", text, status, 1.0)
    store.add_message(message).result(20)
    return message.id
answering = say("answering", "streaming")
queued = [store.add_message(Message(new_id(), c, None, "user", f"queued {n}", created_at=1.0)) for n in range(50)]
child = os.fork()
if child == 0:
    gc.collect()
    store.create_conversation(id=c).result(20)
    say("child")
    assert store.trouble.code == "forked", store.trouble
    assert Store(Path(sys.argv[1])).open().exception(20).code == "forked"
    store.close()
    store = None
    gc.collect()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
for future in queued:
    future.result(20)
say("parent")
other = Store(Path(sys.argv[1]))
print(other.message(answering).result(20).status)
other.close()
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_chats_in_memory_and_leaves_the_file_to_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    process = other_process(FORKS, str(path))
    out, err = process.communicate(timeout=WAIT_S)
    assert (out.strip(), err, process.returncode) == ("streaming", "", 0)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = [text for (text,) in connection.execute("SELECT text FROM messages")]
    assert sorted(found) == sorted(["answering", "parent", *(f"queued {n}" for n in range(50))])

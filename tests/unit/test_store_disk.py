"""Full, failing, busy, read-only, missing disks: the chat goes on, the cause is named, all is written in the end."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, database, filesystems, open_history

from .store_kit import REPO, WAIT_S, new_conversation, other_process, said, talk, texts

# Writes until it has said so often that a message was acknowledged; tells each, and each trouble.
TALKER = """
import sys, time
from pathlib import Path
from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id, open_history

open_history.RETRY_S = 0.05
store = Store(Path(sys.argv[1]))
conversation = new_id()
store.create_conversation(id=conversation, title="t").result(60)
print("begun", flush=True)
troubles = 0
for number in range(int(sys.argv[2])):
    message = Message(new_id(), conversation, None, "user", f"message {number} " * 50, created_at=1.0)
    try:
        store.add_message(message).result(60)
        print("stored", number, flush=True)
    except StoreError as error:
        troubles += 1
        assert error.user_text and error.next_step, error
        print("refused", number, error.code, flush=True)
deadline = time.monotonic() + 20
while store.trouble is not None and time.monotonic() < deadline:
    time.sleep(0.05)
print("trouble now", store.trouble.code if store.trouble else None, flush=True)
store.close(60)
"""


def has_strace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


needs_strace = pytest.mark.skipif(not has_strace(), reason="strace cannot trace here")
needs_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may mount or change users")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored(path: Path) -> List[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [text for (text,) in connection.execute("SELECT text FROM messages ORDER BY seq")]


# ------------------------------------------------------------ full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
def test_on_a_full_disk_chats_wait_in_memory_and_are_written_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_history, "RETRY_S", 0.1)
    store = Store(small_disk / "history.db")
    conversation_id = new_conversation(store)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 8192))
    messages = [said(conversation_id, f"{number} " * 20_000) for number in range(3)]
    for message in messages:
        with pytest.raises(StoreError) as caught:
            store.add_message(message).result(WAIT_S)
        assert caught.value.code == "disk_full" and caught.value.next_step
    assert store.trouble is not None and store.trouble.code == "disk_full"
    ballast.unlink()
    until(lambda: store.trouble is None)
    store.close(WAIT_S)
    assert stored(small_disk / "history.db") == [message.text for message in messages]


@needs_root
def test_a_full_disk_at_the_start_is_told_and_the_chats_follow(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_history, "RETRY_S", 0.1)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096))
    store = Store(small_disk / "history.db")
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "q", "a")
    assert store.trouble is not None and store.trouble.code == "disk_full"
    assert texts(store.path(conversation_id).result(WAIT_S)) == ["q", "a"]
    ballast.unlink()
    until(lambda: store.trouble is None)
    assert texts(store.path(conversation_id).result(WAIT_S)) == ["q", "a"]
    store.close(WAIT_S)
    assert stored(small_disk / "history.db") == ["q", "a"]


# ------------------------------------------------------------ failing


@needs_strace
@pytest.mark.parametrize("fault", [
    "pwrite64:error=EIO:when=40..44", "pwrite64:error=EDQUOT:when=40..44", "fsync:error=EIO:when=9",
    "fdatasync:error=EIO:when=9", "pwrite64:error=ENOSPC:when=30..36", "pwrite64:error=EROFS:when=40..44",
])
def test_a_write_or_a_flush_that_fails_loses_nothing(path: Path, fault: str) -> None:
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={fault}", sys.executable, "-c", TALKER]
    done = subprocess.run(
        [*command, str(path), "12"], env={**os.environ, "PYTHONPATH": str(REPO)}, capture_output=True, text=True,
        timeout=120,
    )
    assert "trouble now None" in done.stdout, (done.stdout, done.stderr)
    kept = stored(path)
    assert sorted(kept) == sorted(f"message {number} " * 50 for number in range(12))


# ------------------------------------------------------------ busy


def test_after_half_a_minute_of_waiting_the_history_is_read_only_and_then_takes_everything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_history, "RETRY_S", 0.2)
    monkeypatch.setattr(open_history, "READ_ONLY_AFTER_S", 0.6)
    store = Store(path, busy_timeout_s=0.2)
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, "before")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        messages.append(said(conversation_id, "first", after=messages[0]))
        error = store.add_message(messages[1]).exception(WAIT_S)
        assert isinstance(error, StoreError) and error.code == "locked" and "busy" in error.user_text
        assert texts(store.path(conversation_id).result(WAIT_S)) == ["before"]
        until(lambda: store.trouble is not None and "read-only" in store.trouble.user_text)
        messages.append(said(conversation_id, "second", after=messages[1]))
        begun = time.monotonic()
        error = store.add_message(messages[2]).exception(WAIT_S)
        assert isinstance(error, StoreError) and "read-only" in error.user_text
        assert time.monotonic() - begun < 2.0
    until(lambda: store.trouble is None)
    assert store.path(conversation_id).result(WAIT_S) == messages
    store.close(WAIT_S)


def test_every_write_begins_immediately(path: Path) -> None:
    store = Store(path)
    store.open().result(WAIT_S)
    seen: List[str] = []
    store._worker.submit(lambda db: db.connection.set_trace_callback(seen.append), writes=False).result(WAIT_S)
    conversation_id = new_conversation(store)
    message = talk(store, conversation_id, "q", "a")[0]
    store.delete_message(message.id).result(WAIT_S)
    store.restore_message(message.id).result(WAIT_S)
    store.change_conversations([conversation_id], pinned=True).result(WAIT_S)
    store.close(WAIT_S)
    assert {line for line in seen if line.startswith("BEGIN")} == {"BEGIN IMMEDIATE"}


# ------------------------------------------------------------ no access


def test_a_folder_that_returns_gets_what_was_said_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_history, "RETRY_S", 0.1)
    (tmp_path / "home").write_text("in the way")
    store = Store(tmp_path / "home" / "history.db")
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, "q", "a")
    store.update_conversation(conversation_id, title="renamed").result(WAIT_S)
    assert store.trouble is not None and store.trouble.code == "unopenable" and store.trouble.next_step
    (tmp_path / "home").unlink()
    until(lambda: store.trouble is None)
    more = talk(store, conversation_id, "more", after=messages[-1])
    store.close(WAIT_S)
    again = Store(tmp_path / "home" / "history.db")
    assert again.path(conversation_id).result(WAIT_S) == messages + more
    found = again.conversation(conversation_id).result(WAIT_S)
    assert found is not None and found.title == "renamed"
    again.close(WAIT_S)


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_home_without_write_access_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", TALKER.replace("+ 20", "+ 1"),
         str(tmp_path / "x/history.db"), "2"],
        env={**os.environ, "PYTHONPATH": str(REPO), "HOME": "/nonexistent"}, capture_output=True, text=True, timeout=60,
        check=False,
    )
    if "begun" not in done.stdout and "nuke_ai_panel" not in done.stderr:
        pytest.skip("another user cannot run this Python")
    assert "begun" in done.stdout and "stored 1" in done.stdout, (done.stdout, done.stderr)
    assert "trouble now unopenable" in done.stdout
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["x" * 300, "deep/" * 900 + "h", "nul\0byte"])
def test_a_path_that_cannot_be_leaves_the_chat_in_memory(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name / "history.db")
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "q")
    assert texts(store.path(conversation_id).result(WAIT_S)) == ["q"]
    assert store.trouble is not None and store.trouble.user_text and store.trouble.next_step
    store.close(WAIT_S)


# ------------------------------------------------------------ network


def test_on_a_network_disk_one_session_writes_and_the_others_read_until_it_ends(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "is_network_path", lambda path: True)
    monkeypatch.setattr(open_history, "RETRY_S", 0.1)
    first = Store(path)
    conversation_id = new_conversation(first)
    messages = talk(first, conversation_id, "q")
    second = Store(path)
    assert second.path(conversation_id).result(WAIT_S) == messages
    assert second.trouble is not None and second.trouble.code == "other_session" and second.trouble.next_step
    late = said(conversation_id, "late", after=messages[0])
    assert isinstance(second.add_message(late).exception(WAIT_S), StoreError)
    assert not path.with_name("history.db-wal").exists()
    first.close(WAIT_S)
    until(lambda: second.trouble is None)
    assert second.path(conversation_id).result(WAIT_S) == [*messages, late]
    second.close(WAIT_S)


def test_locks_that_hang_leave_the_chat_in_memory_and_say_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "is_network_path", lambda path: True)
    monkeypatch.setattr(filesystems, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(database, "locks_work", lambda folder: filesystems.locks_work(folder, timeout_s=0.3))
    store = Store(path)
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "q")
    assert store.trouble is not None and store.trouble.code == "no_locks"
    store.close(WAIT_S)


def test_locks_of_a_local_disk_work_by_both_ways_of_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filesystems.locks_work(tmp_path)
    monkeypatch.setattr(sys, "executable", "/opt/Nuke/Nuke16.0")
    assert filesystems.locks_work(tmp_path)
    assert list(tmp_path.glob(".lock-probe*")) == []


@needs_strace
def test_a_lock_daemon_that_does_not_answer_is_found_in_its_own_process(tmp_path: Path) -> None:
    code = ("import sys; from pathlib import Path; from nuke_ai_panel.store.filesystems import locks_work;"
            "print(locks_work(Path(sys.argv[1]), timeout_s=0.3))")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=fcntl:delay_enter=350000:when=1+", sys.executable,
         "-I", "-c", f"import sys; sys.path.insert(0, {str(REPO)!r}); {code}", str(tmp_path)],
        capture_output=True, text=True, timeout=120,
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(("folder", "service"), [
    ("/home/me/Dropbox/x", "Dropbox"), ("/home/me/OneDrive - Studio/x", "OneDrive"), ("/home/me/x", None),
    ("/Users/me/Library/Mobile Documents/x", "iCloud Drive"), ("/home/me/dropboxes/x", None),
])
def test_folders_that_are_copied_to_a_cloud_are_known(folder: str, service: str) -> None:
    assert filesystems.sync_service_of(Path(folder)) == service


def test_a_history_in_a_synced_folder_is_told_once_and_used(tmp_path: Path) -> None:
    store = Store(tmp_path / "Dropbox" / "history.db")
    talk(store, new_conversation(store), "q")
    assert store.trouble is None and store.notice is not None and store.notice.code == "sync_folder"
    store.close(WAIT_S)


# ------------------------------------------------------------ other sessions


def test_another_sessions_messages_are_told_within_a_second(path: Path) -> None:
    here = Store(path)
    conversation_id = new_conversation(here)
    told: List[str] = []
    heard = threading.Event()

    def listen(change: object) -> None:
        told.extend(getattr(change, "conversation_ids", ()))
        heard.set()

    leave = here.changes(listen)
    here.conversations().result(WAIT_S)
    time.sleep(0.5)
    process = other_process(
        "import sys\nfrom pathlib import Path\nfrom nuke_ai_panel.messages import Message\n"
        "from nuke_ai_panel.store import Store, new_id\ns = Store(Path(sys.argv[1]))\ns.open().result(60)\n"
        "sys.stdin.readline()\n"
        "s.add_message(Message(new_id(), sys.argv[2], None, 'user', 'hello', created_at=1.0)).result(60)\n"
        "print('written', flush=True)\ns.close(60)\n", str(path), conversation_id,
    )
    heard.clear()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline().strip() == "written"
    begun = time.monotonic()
    until(lambda: conversation_id in told)
    assert time.monotonic() - begun < 2.0  # promised: one second
    process.communicate(timeout=WAIT_S)
    leave()
    assert texts(here.path(conversation_id).result(WAIT_S)) == ["hello"]
    here.close(WAIT_S)


def test_own_writes_are_no_news_and_a_listener_that_left_hears_nothing(path: Path) -> None:
    store = Store(path)
    heard: List[object] = []
    leave = store.changes(heard.append)
    talk(store, new_conversation(store), "q", "a")
    time.sleep(0.8)
    assert heard == []
    leave()
    other = Store(path)
    new_conversation(other)
    time.sleep(0.5)
    other.close(WAIT_S)
    store.close(WAIT_S)
    assert heard == []


def test_a_message_of_fifty_megabytes_is_kept_and_the_list_stays_quick(path: Path) -> None:
    store = Store(path)
    conversation_id = new_conversation(store)
    long = Message("long", conversation_id, None, "user", "x" * (50 << 20), created_at=1.0)
    store.add_message(long).result(60)
    begun = time.monotonic()
    listed = store.conversations().result(WAIT_S)
    assert time.monotonic() - begun < 0.4 and len(listed[0].snippet) <= 160
    found = store.message("long").result(WAIT_S)
    assert found is not None and len(found.text) == 50 << 20
    store.close(WAIT_S)

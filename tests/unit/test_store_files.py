"""Which journal the file gets, whose file it is, and what happens when it cannot be opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Callable, List, Tuple

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.store import Store, backups, database, migrations
from nuke_ai_panel.store.database import is_wal_safe, open_database, set_journal
from nuke_ai_panel.store.filesystems import is_network_type, mount_type

from .store_kit import WAIT_S, new_conversation, said, talk, texts

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//nas/jobs /mnt/my\\040jobs cifs rw 0 0
broken
"""


@pytest.mark.parametrize(("version", "safe"), [
    ((3, 7, 0), False), ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 44, 9), True),
    ((3, 45, 0), False), ((3, 45, 3), False), ((3, 50, 4), False), ((3, 50, 6), False), ((3, 50, 7), True),
    ((3, 51, 0), False), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), True), ((4, 0, 0), True),
])
def test_a_write_ahead_log_is_used_only_where_sqlite_is_mended(version: Tuple[int, int, int], safe: bool) -> None:
    assert is_wal_safe(version) is safe


@pytest.mark.parametrize(("version", "network", "journal"), [
    ((3, 40, 1), False, "truncate"), ((3, 51, 3), False, "wal"), ((3, 51, 3), True, "truncate"),
])
def test_the_file_gets_the_journal_of_its_version_and_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: Tuple[int, int, int], network: bool, journal: str
) -> None:
    monkeypatch.setattr(database, "sqlite_version", lambda: version)
    monkeypatch.setattr(database, "is_network_path", lambda path: network)
    opened = open_database(tmp_path / "history.db")
    connection = opened.connection
    assert (opened.journal, connection.execute("PRAGMA journal_mode").fetchone()[0]) == (journal, journal)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA mmap_size").fetchone() in ((0,), None)
    opened.close()


def test_an_existing_history_changes_its_journal_both_ways_and_keeps_its_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    said_so_far: List[str] = []
    conversation_id = ""
    for version, journal in (((3, 40, 1), "truncate"), ((3, 51, 3), "wal"), ((3, 40, 1), "truncate")):
        monkeypatch.setattr(database, "sqlite_version", lambda version=version: version)
        store = Store(path)
        conversation_id = conversation_id or new_conversation(store)
        so_far = store.path(conversation_id).result(WAIT_S)
        assert texts(so_far) == said_so_far
        talk(store, conversation_id, journal, after=so_far[-1] if so_far else None)
        said_so_far.append(journal)
        store.close(WAIT_S)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == ("wal" if journal == "wal" else "delete")


def test_a_log_that_another_session_has_open_stays_and_both_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    monkeypatch.setattr(database, "sqlite_version", lambda: (3, 51, 3))
    mended = Store(path)
    conversation_id = new_conversation(mended)
    monkeypatch.setattr(database, "sqlite_version", lambda: (3, 40, 1))
    affected = Store(path)
    messages = talk(affected, conversation_id, "from the affected one")
    talk(mended, conversation_id, "from the mended one", after=messages[0])
    assert len(affected.path(conversation_id).result(WAIT_S)) == 2
    assert (mended.trouble, affected.trouble) == (None, None)
    mended.close(WAIT_S)
    affected.close(WAIT_S)


def test_switching_while_locked_leaves_the_journal_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as one:
        assert set_journal(one, wal=True) == "wal"
        one.execute("CREATE TABLE t (x)")
        one.execute("BEGIN")
        one.execute("SELECT * FROM t").fetchall()
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as two:
            assert set_journal(two, wal=False) == "wal"


@pytest.mark.parametrize(("path", "found"), [
    ("/etc/x", "ext4"), ("/home/me/history.db", "nfs4"), ("/home/local/history.db", "ext4"), ("/homeless/x", "ext4"),
    ("/mnt/my jobs/history.db", "cifs"), ("/home", "nfs4"),
])
def test_the_longest_mount_point_decides(path: str, found: str) -> None:
    assert mount_type(MOUNTS, path) == found


@pytest.mark.parametrize(("name", "network"), [
    ("nfs", True), ("cifs", True), ("fuse.sshfs", True), ("lustre", True), ("ext4", False), ("overlay", False),
    ("tmpfs", False), (None, False),
])
def test_network_file_systems_are_known_by_name(name: str, network: bool) -> None:
    assert is_network_type(name) is network


def test_the_file_is_private_and_says_whose_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "new folder" / "history.db")
    store.open().result(WAIT_S)
    store.close(WAIT_S)
    assert os.stat(store.file).st_mode & 0o077 == 0
    with closing(sqlite3.connect(store.file)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations.STEPS),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["100% #1?.db", "früher 𝄞.db", "it's.db", "a&mode=ro.db", "a b/c d.db"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)
    conversation_id = new_conversation(store)
    store.close(WAIT_S)
    assert (tmp_path / name).exists()
    again = Store(tmp_path / name)
    assert again.conversation(conversation_id).result(WAIT_S) is not None
    again.close(WAIT_S)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_text_file(path: Path) -> None:
    path.write_text("Dear diary, this is not a database but it is precious.\n" * 50)


def another_programs_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 77")
        connection.execute("CREATE TABLE precious (x)")


def a_nameless_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (x)")


def a_destroyed_header(path: Path) -> None:
    make_history(path)
    data = bytearray(path.read_bytes())
    data[:100] = b"\0" * 100
    path.write_bytes(bytes(data))


def a_destroyed_schema(path: Path) -> None:
    make_history(path)
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xaa" * 3996
    path.write_bytes(bytes(data))


def make_history(path: Path) -> None:
    store = Store(path)
    talk(store, new_conversation(store), "q", "a")
    store.close(WAIT_S)


@pytest.mark.parametrize("make", [a_folder, a_text_file, another_programs_database, a_nameless_database])
def test_what_is_not_our_history_is_left_alone_and_said_and_the_chat_goes_on(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "history.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    store = Store(path)
    with pytest.raises(StoreError) as caught:
        store.open().result(WAIT_S)
    assert str(path) in caught.value.user_text and caught.value.code in ("foreign", "corrupt")
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "still", "talking")
    assert texts(store.path(conversation_id).result(WAIT_S)) == ["still", "talking"]
    assert store.trouble is not None and store.trouble.code == caught.value.code
    store.close(WAIT_S)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_damaged_page_costs_its_messages_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = Store(path)
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, *(f"{number} " * 10_000 for number in range(8)))
    store.close(WAIT_S)
    damage_overflow_of(path, "3 " * 10_000)
    again = Store(path)
    path_found = again.path(conversation_id).result(WAIT_S)
    assert [m.id for m in path_found] == [m.id for m in messages]
    unreadable = [m for m in path_found if m.error is not None]
    assert all(m.error is not None and m.error.code == "unreadable" for m in unreadable)
    assert len(unreadable) == 1 and path_found.index(unreadable[0]) == 3
    again.close(WAIT_S)


def damage_overflow_of(path: Path, text: str) -> None:
    """Makes the chain of pages that holds `text` point beyond the file."""
    data = bytearray(path.read_bytes())
    page_size = int.from_bytes(data[16:18], "big")
    inside = data.index(text[: page_size - 100].encode()) + 1000
    page = inside // page_size * page_size
    data[page : page + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(bytes(data))


def test_an_empty_file_becomes_a_history(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.touch()
    store = Store(path)
    store.open().result(WAIT_S)
    store.close(WAIT_S)
    assert path.stat().st_size > 0


def test_a_folder_that_cannot_be_made_leaves_the_chat_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "history.db")
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "hello")
    assert len(store.conversations().result(WAIT_S)) == 1
    assert store.trouble is not None and store.trouble.next_step
    store.close(WAIT_S)


def test_a_history_from_a_newer_version_can_be_read_but_not_written(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = Store(path)
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, "q", "a")
    store.close(WAIT_S)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.execute("ALTER TABLE messages ADD COLUMN mood TEXT")
    before = path.read_bytes()
    old = Store(path)
    assert old.path(conversation_id).result(WAIT_S) == messages
    assert old.trouble is not None and old.trouble.code == "newer"
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            old.add_message(said(conversation_id, "more")).result(WAIT_S)
        assert caught.value.code == "newer"
    old.close(WAIT_S)
    assert path.read_bytes() == before


def test_a_file_without_write_access_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    store = Store(path)
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, "q")
    store.close(WAIT_S)
    # root may write anywhere, so the connection itself is opened without that right
    connect = database._connect
    monkeypatch.setattr(database, "_connect", lambda uri, timeout: connect(uri.replace("mode=rw", "mode=ro"), timeout))
    store = Store(path)
    assert store.path(conversation_id).result(WAIT_S) == messages
    with pytest.raises(StoreError) as caught:
        store.create_conversation().result(WAIT_S)
    assert caught.value.code == "read_only"
    assert store.trouble is not None and store.trouble.code == "read_only"
    store.close(WAIT_S)


TWO_MORE: Tuple[migrations.Step, ...] = (
    ("ALTER TABLE conversations ADD COLUMN mood INTEGER NOT NULL DEFAULT 0",),
    ("CREATE TABLE moods (name TEXT)", "INSERT INTO moods VALUES ('first')"),
)


def test_a_history_is_copied_aside_and_raised_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    make_history(path)
    steps = migrations.STEPS + TWO_MORE
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations.migrate(connection, path, steps)
        migrations.migrate(connection, path, steps)
        assert connection.execute("SELECT count(*) FROM moods").fetchone() == (1,)
        assert connection.execute("SELECT mood FROM conversations").fetchall() == [(0,)]
        assert migrations.schema_version(connection) == len(steps)
    made = backups.listed(path)
    assert [one.why for one in made] == [f"before-schema-{len(steps)}"]
    with closing(sqlite3.connect(made[0].path)) as copy:
        assert migrations.schema_version(copy) == len(migrations.STEPS)
        assert copy.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    assert not list(tmp_path.rglob("*.partial*"))


def test_a_step_that_fails_leaves_the_history_as_it_was_and_can_run_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    make_history(path)
    broken = (TWO_MORE[0], ("CREATE TABLE moods (name TEXT)", "INSERT INTO nowhere VALUES (1)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrations.migrate(connection, path, migrations.STEPS + broken)
        assert migrations.schema_version(connection) == len(migrations.STEPS) + 1
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'moods'").fetchone() == (0,)
        migrations.migrate(connection, path, migrations.STEPS + TWO_MORE)
        assert connection.execute("SELECT count(*) FROM moods").fetchone() == (1,)


def test_a_copy_that_is_damaged_never_counts(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    make_history(path)
    partial = backups.partial_file(path)
    data = bytearray(path.read_bytes())
    page_size = int.from_bytes(data[16:18], "big")
    data[3 * page_size : 4 * page_size] = b"\xaa" * page_size
    partial.write_bytes(bytes(data))
    with pytest.raises((StoreError, sqlite3.DatabaseError)):
        backups.accept(partial, path, "auto")
    assert backups.listed(path) == [] and not list(tmp_path.rglob("*.partial*"))

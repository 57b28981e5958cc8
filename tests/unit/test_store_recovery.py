"""Damaged, foreign, deleted, replaced and older histories; backups, and having one back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Callable, List

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Attachment, Message
from nuke_ai_panel.store import Store, backups, migrations, upkeep

from .store_kit import REPO, WAIT_S, new_conversation, other_process, said, talk, texts

SCHEMAS = sorted((REPO / "tests" / "data" / "schemas").glob("history-*.db"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def fill(path: Path, conversations: int = 12) -> List[str]:
    """A history with some pages; the ids of its conversations, the newest first."""
    store = Store(path)
    ids = []
    for number in range(conversations):
        ids.append(new_conversation(store, f"Chat {number}"))
        talk(store, ids[-1], *(f"{number} says {turn} " * 40 for turn in range(6)))
    store.change_conversations(ids[:2], pinned=True, add_tags=["kept"]).result(WAIT_S)
    store.close(WAIT_S)
    return ids[::-1]


def overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def middle_page(path: Path) -> None:
    overwrite(path, 6 * 4096, b"\xaa" * 4096)


def header(path: Path) -> None:
    overwrite(path, 0, b"\0" * 100)


def schema_page(path: Path) -> None:
    overwrite(path, 100, b"\xaa" * 3996)


def owner(path: Path) -> None:
    overwrite(path, 68, b"\0\0\0\1")


def schema_number(path: Path) -> None:
    overwrite(path, 60, b"\0\0\0\1")


def tail(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


@pytest.mark.parametrize("damage", [middle_page, header, schema_page, owner, schema_number, tail])
def test_a_damaged_history_is_mended_and_says_what_was_saved(path: Path, damage: Callable[[Path], None]) -> None:
    ids = fill(path)
    damage(path)
    damaged = path.read_bytes()
    store = Store(path)
    listed = store.conversations().result(WAIT_S)
    notice = store.notice
    assert notice is not None and notice.code == "salvaged" and "damaged" in notice.user_text
    assert store.trouble is None and len(listed) >= 5
    kept = list((path.parent / "quarantine").glob("history-damaged-*.db"))
    assert len(kept) == 1 and kept[0].read_bytes() == damaged and str(kept[0]) in notice.next_step
    talk(store, listed[0].id, "and it goes on")
    assert store.check().result(WAIT_S).is_sound
    store.close(WAIT_S)
    assert {one.id for one in listed} & set(ids)


def test_what_the_damage_took_comes_from_the_newest_good_backup(path: Path) -> None:
    ids = fill(path)
    store = Store(path)
    store.back_up().result(WAIT_S)
    after = talk(store, ids[0], "said after the backup " * 100)
    store.close(WAIT_S)
    tail(path)
    again = Store(path)
    listed = again.conversations(limit=50).result(WAIT_S)
    assert {one.id for one in listed} == set(ids)
    assert [one.message_count for one in listed if one.id != ids[0]] == [6] * 11
    assert again.notice is not None and "backup" in again.notice.user_text
    assert [one.tags for one in listed if one.id in ids[-2:]] == [("kept",), ("kept",)]
    again.close(WAIT_S)
    assert len(after) == 1


def test_damage_that_shows_while_it_is_open_is_mended_without_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(path, 60)
    store = Store(path)
    store.conversation(ids[0]).result(WAIT_S)
    store._worker.submit(lambda db: db.connection.execute("PRAGMA cache_size = 0").fetchall(), writes=False).result(5)
    size = path.stat().st_size
    for page in range(size // 4096 // 2, size // 4096 - 2):
        overwrite(path, page * 4096, b"\xaa" * 4096)
    for one in ids:
        store.path(one).result(WAIT_S)
    added = said(ids[0], "new")
    store.add_message(added).result(WAIT_S)
    assert store.notice is not None and store.notice.code == "salvaged"
    assert store.check().result(WAIT_S).is_sound
    store.close(WAIT_S)


def test_an_emptied_history_comes_back_from_its_backup(path: Path) -> None:
    ids = fill(path, 3)
    store = Store(path)
    store.back_up().result(WAIT_S)
    store.close(WAIT_S)
    path.write_bytes(b"")
    again = Store(path)
    assert [one.id for one in again.conversations().result(WAIT_S)] == ids
    assert again.notice is not None and again.notice.code == "salvaged"
    again.close(WAIT_S)


def test_a_history_that_is_gone_at_the_start_is_told_when_there_are_backups(path: Path) -> None:
    ids = fill(path, 2)
    store = Store(path)
    store.back_up().result(WAIT_S)
    store.close(WAIT_S)
    path.unlink()
    again = Store(path)
    assert again.conversations().result(WAIT_S) == []
    assert again.notice is not None and again.notice.code == "missing" and "restore" in again.notice.next_step
    again.restore_backup().result(WAIT_S)
    assert [one.id for one in again.conversations().result(WAIT_S)] == ids
    again.close(WAIT_S)


@pytest.mark.parametrize("page_size", [1024, 4096])
@pytest.mark.parametrize("side", ["history.db-wal", "history.db-journal"])
def test_a_log_of_another_database_is_not_played_into_the_history(
    path: Path, tmp_path: Path, side: str, page_size: int
) -> None:
    ids = fill(path, 4)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA application_id = 77")
        connection.execute(f"PRAGMA journal_mode = {'wal' if side.endswith('wal') else 'persist'}")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (?)", [("z" * 900,)] * 200)
        if side.endswith("journal"):
            connection.execute("PRAGMA cache_spill = ON")
        connection.execute("COMMIT")
        leftover = other.with_name(f"other.db{side[len('history.db'):]}")
        shutil.copy(leftover, tmp_path / side)
    store = Store(path)
    listed = store.conversations().result(WAIT_S)
    assert [one.id for one in listed] == ids and [one.message_count for one in listed] == [6] * 4
    assert store.check().result(WAIT_S).is_sound
    store.close(WAIT_S)


# ------------------------------------------------------------ moved


def test_a_history_that_is_deleted_while_open_is_put_back_whole(path: Path) -> None:
    ids = fill(path, 3)
    store = Store(path)
    store.conversations().result(WAIT_S)
    path.unlink()
    message = talk(store, ids[0], "said after it was deleted")[0]
    assert store.notice is not None and store.notice.code == "deleted"
    store.close(WAIT_S)
    again = Store(path)
    assert [one.id for one in again.conversations().result(WAIT_S)] == [ids[0], *ids[1:]]
    assert again.message(message.id).result(WAIT_S) == message
    again.close(WAIT_S)


def test_a_folder_that_is_deleted_while_open_is_put_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "home" / "history.db"
    ids = fill(path, 3)
    store = Store(path)
    store.conversations().result(WAIT_S)
    shutil.rmtree(path.parent)
    talk(store, ids[0], "on")
    assert len(store.conversations().result(WAIT_S)) == 3
    store.close(WAIT_S)
    assert path.exists()


def test_a_history_that_is_replaced_while_open_is_followed_and_gets_this_sessions_chats(
    path: Path, tmp_path: Path
) -> None:
    fill(path, 2)
    (tmp_path / "elsewhere").mkdir()
    theirs = fill(tmp_path / "elsewhere" / "history.db", 1)
    store = Store(path)
    mine = new_conversation(store, "mine")
    before = talk(store, mine, "before")
    os.replace(tmp_path / "elsewhere" / "history.db", path)
    after = talk(store, mine, "after", after=before[0])
    assert store.path(mine).result(WAIT_S) == before + after
    assert {one.id for one in store.conversations().result(WAIT_S)} == {mine, theirs[0]}
    assert store.notice is not None and store.notice.code == "replaced" and "quarantine" in store.notice.next_step
    assert list((path.parent / "quarantine").glob("history-replaced-*.db"))
    store.close(WAIT_S)


# ------------------------------------------------------------ backups


def test_a_backup_is_made_in_use_checked_and_rotated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "FIRST_BACKUP_S", 0.05)
    monkeypatch.setattr(backups, "EVERY_S", 0.2)
    store = Store(path)
    conversation_id = new_conversation(store)
    deadline = time.monotonic() + WAIT_S
    while len(store.backups()) < 3:
        assert time.monotonic() < deadline
        talk(store, conversation_id, "more")
        time.sleep(0.05)
    store.close(WAIT_S)
    for one in store.backups():
        backups.verify(Path(one.path))
        assert one.why == "auto"


def test_an_idle_history_is_not_copied_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "FIRST_BACKUP_S", 0.05)
    monkeypatch.setattr(backups, "EVERY_S", 0.1)
    store = Store(path)
    new_conversation(store)
    time.sleep(1.0)
    assert len(store.backups()) <= 1
    store.close(WAIT_S)


def test_a_backup_that_fails_is_told_and_the_last_good_one_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(path)
    new_conversation(store)
    good = store.back_up().result(WAIT_S)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError):
        store.back_up().result(WAIT_S)
    monkeypatch.undo()
    assert [one.name for one in store.backups()] == [good.name]
    assert not list(backups.folder_of(path).glob("*.partial*"))
    store.close(WAIT_S)


def test_a_restore_brings_back_the_tree_pauses_backups_and_can_be_taken_back(path: Path) -> None:
    store = Store(path)
    other = Store(path)
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "q", "a")
    chosen = store.back_up().result(WAIT_S)
    new = talk(store, conversation_id, "later", after=old[-1])
    assert len(other.path(conversation_id).result(WAIT_S)) == 3
    store.restore_backup(chosen.name).result(WAIT_S)
    assert store.path(conversation_id).result(WAIT_S) == old
    assert other.path(conversation_id).result(WAIT_S) == old
    assert store.check().result(WAIT_S).backups_paused
    store.restore_backup().result(WAIT_S)  # the newest is what was there before
    assert store.path(conversation_id).result(WAIT_S) == old + new
    store.confirm_restore()
    assert not store.check().result(WAIT_S).backups_paused
    store.close(WAIT_S)
    other.close(WAIT_S)


def test_rotation_keeps_the_newest_some_days_some_weeks_and_what_was_asked_for(path: Path) -> None:
    folder = backups.folder_of(path)
    folder.mkdir(parents=True)
    now = time.time()
    for number in range(200):
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now - number * 6 * 3600))
        why = "manual" if number == 150 else "auto"
        (folder / f"history-{stamp}000Z-{why}.db").write_bytes(b"x")
    backups.rotate(path)
    left = backups.listed(path)
    assert 10 <= len(left) <= 20 and "manual" in {one.why for one in left}
    assert now - left[0].created_at < 60 and now - left[-1].created_at > 20 * 86_400
    backups.rotate(path, most_bytes=1)
    assert len(backups.listed(path)) == 2


def test_copying_the_file_alone_is_not_how_a_backup_is_made(path: Path) -> None:
    store = Store(path)
    talk(store, new_conversation(store), "q")
    copy = store.back_up().result(WAIT_S)
    with closing(sqlite3.connect(copy.path)) as connection:
        assert connection.execute("SELECT text FROM messages").fetchall() == [("q",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close(WAIT_S)


# ------------------------------------------------------------ older schemas


@pytest.mark.parametrize("fixture", SCHEMAS, ids=lambda file: file.stem)
def test_a_history_of_every_past_version_opens_whole(path: Path, fixture: Path) -> None:
    shutil.copy(fixture, path)
    store = Store(path)
    chats = store.conversations(kinds=("chat", "batch"), include_deleted=True).result(WAIT_S)
    assert [one.title for one in chats] == ["In the bin", "Forty shots", "How to grade a plate"]
    assert chats[0].deleted_until is not None and chats[2].system == "Be short."
    shown = store.path(chats[2].id).result(WAIT_S)
    assert [one.role for one in shown] == ["user", "assistant", "user", "assistant"]
    assert shown[0].attachments[0].text == "line\n" * 40 and shown[0].attachments[1].data_base64 == "iVBORw0KGgo="
    assert shown[1].usage is not None and shown[1].usage.cost_usd == 0.001 and shown[3].error is not None
    assert store.branches(chats[2].id).result(WAIT_S)[shown[1].id] == (1, 2)
    draft = store.draft(chats[2].id).result(WAIT_S)
    assert draft is not None and (draft.text, draft.caret) == ("to be cont", 4)
    assert [hit.message_id for hit in store.search("früher").result(WAIT_S).hits] == [shown[2].id]
    assert [one.why for one in store.backups()] == [f"before-schema-{len(migrations.STEPS)}"]
    store.close(WAIT_S)


@pytest.mark.parametrize("fixture", SCHEMAS, ids=lambda file: file.stem)
def test_an_older_history_that_may_only_be_read_is_read(
    path: Path, fixture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuke_ai_panel.store import database

    shutil.copy(fixture, path)
    connect = database._connect
    monkeypatch.setattr(
        database, "_connect", lambda uri, timeout: connect(uri.replace("mode=rw", "mode=ro") + "&immutable=1", timeout)
    )
    store = Store(path)
    chats = store.conversations(kinds=("chat", "batch")).result(WAIT_S)
    assert len(chats) == 2 and len(store.path(chats[1].id).result(WAIT_S)) == 4
    assert store.trouble is not None and store.trouble.code == "read_only"
    store.close(WAIT_S)


MIGRATOR = """
import os, sqlite3, sys
from pathlib import Path
from nuke_ai_panel.store import Store, migrations

wanted, left = sys.argv[2], int(sys.argv[3])

class Killing(sqlite3.Connection):
    def execute(self, sql, *rest):
        global left
        if self.in_transaction and sql.split()[0] in ("ALTER", "CREATE", "INSERT", "UPDATE", "PRAGMA", "COMMIT"):
            left -= 1
            if left == 0:
                os._exit(9)
        return super().execute(sql, *rest)

connect = sqlite3.connect
sqlite3.connect = lambda *a, **k: connect(*a, **{**k, "factory": Killing})
store = Store(Path(sys.argv[1]))
store.open().result(60)
store.close(60)
"""


def test_a_kill_at_any_statement_of_a_migration_loses_nothing(path: Path) -> None:
    steps = 1 + sum(len(step) + 3 for step in migrations.STEPS[1:])
    for at in range(1, steps, 6):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        shutil.copy(SCHEMAS[0], path)
        process = other_process(MIGRATOR, str(path), "", str(at))
        process.communicate(timeout=60)
        store = Store(path)
        chats = store.conversations(kinds=("chat", "batch")).result(WAIT_S)
        assert len(chats) == 2 and len(store.path(chats[1].id).result(WAIT_S)) == 4, at
        assert store.check().result(WAIT_S).schema == len(migrations.STEPS)
        store.close(WAIT_S)


# ------------------------------------------------------------ what a chat holds


def test_an_attachment_that_many_messages_carry_is_stored_once(path: Path) -> None:
    store = Store(path)
    conversation_id = new_conversation(store)
    paste = Attachment("a", "paste", "Pasted", "words " * 1000)
    image = Attachment("b", "image", "frame.png", "", "image/png", "iVBORw0KGgo=")
    odd = Attachment("c", "image", "odd.png", "", "image/png", "not base64!")
    messages: List[Message] = []
    for number in range(5):
        messages.append(replace(said(conversation_id, str(number)), attachments=(paste, image, odd)))
        store.add_message(messages[-1], select=False).result(WAIT_S)
    assert [store.message(one.id).result(WAIT_S) for one in messages] == messages
    store.close(WAIT_S)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM blobs").fetchone() == (3,)


def test_what_leaves_the_bin_for_good_leaves_the_file(path: Path) -> None:
    store = Store(path)
    keep, lose = new_conversation(store, "keep"), new_conversation(store, "lose")
    talk(store, keep, "stays")
    secret = replace(said(lose, "verysecretword"), attachments=(Attachment("a", "paste", "P", "secretattachment"),))
    store.add_message(secret).result(WAIT_S)
    store.build_index().result(WAIT_S)
    undo = store.change_conversations([keep, lose], deleted=True).result(WAIT_S)
    assert store.conversations().result(WAIT_S) == [] and store.undo(undo).result(WAIT_S) == 2
    store.delete_conversation(lose).result(WAIT_S)
    assert store.empty_bin().result(WAIT_S) == 1
    assert store.search("verysecretword").result(WAIT_S).hits == ()
    assert texts(store.path(keep).result(WAIT_S)) == ["stays"]
    store.close(WAIT_S)
    raw = path.read_bytes()
    assert b"verysecretword" not in raw and b"secretattachment" not in raw


def test_a_temporary_chat_is_never_written(path: Path) -> None:
    store = Store(path)
    store.open().result(WAIT_S)
    store.keep_in_memory("secret-chat")
    store.create_conversation(id="secret-chat").result(WAIT_S)
    said_there = talk(store, "secret-chat", "nobodyknows", "nobodyever")
    assert store.path("secret-chat").result(WAIT_S) == said_there
    assert store.message(said_there[0].id).result(WAIT_S) == said_there[0]
    assert store.conversations(kinds=()).result(WAIT_S) == [] and store.search("nobodyknows").result(WAIT_S).hits == ()
    store.close(WAIT_S)
    for file in path.parent.rglob("*"):
        assert not file.is_file() or b"nobody" not in file.read_bytes()

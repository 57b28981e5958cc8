"""Builds a sound history out of a damaged one: what SQLite reads, what the raw pages hold, what a backup remembers.

The damaged file is copied aside first and never changed. The new file takes its place at once or not at all. Wants
every connection of this process to the file closed, and the write lock held. Store thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import StoreError
from ..messages import ErrorInfo
from ..words import tr
from . import backups
from .migrations import APPLICATION_ID, migrate
from .raw_pages import RawRow, Value, log_rows, page_size_of, table_rows
from .rows import encode_flat
from .titles import title_from
from .unindexed import note_all
from .values import Salvage

log = logging.getLogger(__name__)

# A word that stands in the schema of every history of ours, and in no other file.
_SIGNATURE = b"messages_raise_conversation"
_SIDE_FILES = ("-journal", "-wal", "-shm")
_TABLES = ("conversations", "messages", "tags", "blobs", "drafts")
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_KINDS = frozenset({"chat", "api", "batch"})
Columns = Mapping[str, Sequence[Tuple[str, Value]]]
Record = Dict[str, Value]

# How many columns the first schema had: a row that was never rewritten has no more.
_FEWEST = {"messages": 28, "conversations": 12, "blobs": 2, "drafts": 5}
_STAND_INS: Record = {"status": "interrupted", "role": "assistant", "kind": "chat"}



def _cut() -> ErrorInfo:
    return ErrorInfo(
        kind="store", message="the end of this message was on a damaged page", code="unreadable",
        user_text=tr("The end of this message could not be read from the chat history."),
        next_step=tr("The damaged file is kept in the folder quarantine."),
    )


def is_ours(path: Path) -> bool:
    """Whether the bytes at `path` were a history of ours. Raises OSError."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        head = file.read(100)
        if head[68:72] == APPLICATION_ID.to_bytes(4, "big"):
            return True
        tail = head
        while True:
            block = file.read(1 << 20)
            if _SIGNATURE in tail + block:
                return True
            if not block:
                return False
            tail = block[-len(_SIGNATURE) :]


def salvage(path: Path) -> Salvage:
    """Mends the history at `path` and says what was saved. Raises StoreError, sqlite3.Error, OSError."""
    quarantine = _set_aside(path)
    new = path.with_name(f"{path.name}.mended-{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with contextlib.closing(sqlite3.connect(str(new), isolation_level=None)) as connection:
            report = _fill(connection, path, quarantine)
        backups.verify(new)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        for ending in _SIDE_FILES:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        os.replace(new, path)
    finally:
        for ending in ("", *_SIDE_FILES):
            new.with_name(new.name + ending).unlink(missing_ok=True)
    log.info("damaged chat history mended: %s", report)
    return report


def copy_conversations(source: sqlite3.Connection, connection: sqlite3.Connection, ids: Sequence[str]) -> int:
    """Adds what `connection` does not have of these conversations; how many messages. Wants a transaction."""
    sink = _Sink(connection, _columns(connection))
    source.text_factory = lambda data: data.decode("utf-8", "replace")
    for one in ids:
        for table, column in (("conversations", "id"), ("messages", "conversation_id"), ("tags", "conversation_id"),
                              ("drafts", "conversation_id")):
            cursor = source.execute(f"SELECT * FROM {table} WHERE {column} = ?", (one,))
            names = [item[0] for item in cursor.description]
            for row in cursor:
                sink.put(table, dict(zip(names, row)))
        for name, data in source.execute(
            "SELECT b.hash, b.data FROM blobs b JOIN blob_uses u ON u.hash = b.hash JOIN messages m ON m.id = u.owner"
            " WHERE m.conversation_id = ?", (one,)
        ):
            sink.put("blobs", {"hash": name, "data": data})
    _note_blob_uses(connection)
    return sink.messages


def notice_of(report: Salvage) -> ErrorInfo:
    """What the artist reads about it."""
    parts = [tr("{read:,} were read", read=report.read)]
    if report.recovered:
        parts.append(tr("{recovered:,} recovered from damaged pages", recovered=report.recovered))
    if report.from_backup:
        parts.append(tr("{from_backup:,} taken from the backup {backup}", from_backup=report.from_backup,
            backup=report.backup))
    lost = tr(" At least {lost:,} could not be saved.", lost=report.lost) if report.lost else ""
    return ErrorInfo(
        kind="store", code="salvaged", message=str(report),
        user_text=tr("The chat history was damaged and has been mended: {messages:,} messages in {conversations:,} "
                     "conversations are there ({names}).{lost}", messages=report.messages,
                     conversations=report.conversations, names=', '.join(parts), lost=lost),
        next_step=tr("The damaged file is kept as {quarantine}.", quarantine=report.quarantine),
    )


def _set_aside(path: Path) -> Path:
    folder = path.parent / "quarantine"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    target = folder / f"history-damaged-{stamp}-{time.monotonic_ns() % 1_000_000:06d}.db"
    for ending in ("", *_SIDE_FILES):
        source = path.with_name(path.name + ending)
        if source.is_file():
            shutil.copyfile(source, target.with_name(target.name + ending))
            os.chmod(target.with_name(target.name + ending), 0o600)
    return target


def _fill(connection: sqlite3.Connection, path: Path, quarantine: Path) -> Salvage:
    connection.execute("PRAGMA synchronous = OFF")  # flushed as a whole, before it takes the old one's place
    migrate(connection, None)
    columns = _columns(connection)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    connection.execute("BEGIN")
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    sink = _Sink(connection, columns)
    known = _read_with_sqlite(quarantine, sink)
    read = sink.messages
    _read_raw(quarantine, sink)
    recovered = sink.messages - read
    backup = _read_backup(path, sink)
    from_backup = sink.messages - read - recovered
    _adopt_orphans(connection)
    note_all(connection)
    _note_blob_uses(connection)
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute("COMMIT")
    known |= {
        one for (one,) in connection.execute("SELECT DISTINCT parent_id FROM messages WHERE parent_id IS NOT NULL")
    }
    there = {one for (one,) in connection.execute("SELECT id FROM messages")}
    conversations = int(connection.execute("SELECT count(*) FROM conversations").fetchone()[0])
    return Salvage(
        str(quarantine), conversations, len(there), read, recovered, from_backup, len(known - there), backup
    )


class _Sink:
    """Takes rows from anywhere; the first to bring an id wins."""

    def __init__(self, connection: sqlite3.Connection, columns: Columns) -> None:
        self.columns = columns
        self.messages = 0
        self._connection = connection

    def put(self, table: str, record: Record) -> None:
        names, values = [], []
        for name, default in self.columns[table]:
            value = record.get(name)
            names.append(name)
            values.append(default if value is None else value)
        if "seq" in names and self._is_taken(table, record.get("seq")):
            values[names.index("seq")] = None
        marks = ", ".join("?" * len(names))
        try:
            cursor = self._connection.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})", values
            )
        except (sqlite3.Error, OverflowError, ValueError):
            log.info("a row of %s could not be kept", table, exc_info=True)
            return
        if table == "messages":
            self.messages += max(cursor.rowcount, 0)

    def _is_taken(self, table: str, seq: Value) -> bool:
        if not isinstance(seq, int):
            return True
        row = self._connection.execute(f"SELECT 1 FROM {table} WHERE seq = ?", (seq,)).fetchone()
        return row is not None


def _columns(connection: sqlite3.Connection) -> Columns:
    """Each table's columns and what stands in for a value that is missing though it must be there."""
    found: Dict[str, List[Tuple[str, Value]]] = {}
    for table in _TABLES:
        found[table] = []
        for _, name, kind, must, _, _ in connection.execute(f"PRAGMA table_info({table})"):
            default: Value = None
            if must:
                default = "" if kind == "TEXT" else (b"" if kind == "BLOB" else 0)
            found[table].append((name, _STAND_INS.get(name, default) if must else default))
    return found


def _read_with_sqlite(quarantine: Path, sink: _Sink) -> Set[str]:
    """Reads each table from both ends up to its damage; the ids of all messages that an index knows of."""
    known: Set[str] = set()
    work = quarantine.with_name(f"{quarantine.name}.work")
    try:
        for ending in ("", "-journal", "-wal"):
            if quarantine.with_name(quarantine.name + ending).is_file():
                shutil.copyfile(quarantine.with_name(quarantine.name + ending), work.with_name(work.name + ending))
        with contextlib.closing(sqlite3.connect(str(work), isolation_level=None)) as old:
            old.text_factory = lambda data: data.decode("utf-8", "replace")
            for table in _TABLES:
                for order in ("ASC", "DESC"):
                    if _read_table(old, table, order, sink):
                        break
            with contextlib.suppress(sqlite3.Error):
                ids = old.execute("SELECT id FROM messages INDEXED BY sqlite_autoindex_messages_1")
                known |= {str(one) for (one,) in ids}
    except sqlite3.Error:
        log.info("SQLite cannot read the damaged file; its pages are read instead", exc_info=True)
    finally:
        for ending in ("", *_SIDE_FILES):
            work.with_name(work.name + ending).unlink(missing_ok=True)
    return known


def _read_table(old: sqlite3.Connection, table: str, order: str, sink: _Sink) -> bool:
    key = "seq" if table in ("conversations", "messages") else ("conversation_id, name" if table == "tags" else "rowid")
    try:
        cursor = old.execute(f"SELECT * FROM {table} ORDER BY {', '.join(f'{one} {order}' for one in key.split(', '))}")
        names = [one[0] for one in cursor.description]
        for row in cursor:
            record = dict(zip(names, row))
            if _is_plausible(table, record):
                sink.put(table, record)
    except (sqlite3.Error, UnicodeError):
        return False
    return True


def _read_raw(quarantine: Path, sink: _Sink) -> None:
    data = quarantine.read_bytes()
    side = quarantine.with_name(f"{quarantine.name}-wal")
    best: Dict[str, Record] = {}
    rows: List[Iterator[RawRow]] = [table_rows(data, page_size_of(data))]
    if side.is_file():
        rows.insert(0, log_rows(side.read_bytes(), data))
    for source in rows:
        for row in source:
            for table in ("messages", "conversations", "blobs", "drafts"):
                record = _record_of(table, row, sink.columns)
                if record is None:
                    continue
                if table != "messages":
                    sink.put(table, record)
                    break
                earlier = best.get(str(record["id"]))
                if earlier is None or len(str(record["text"])) > len(str(earlier["text"])):
                    best[str(record["id"])] = record
                break
    for record in best.values():
        sink.put("messages", record)


def _record_of(table: str, row: RawRow, columns: Columns) -> Optional[Record]:
    names = [name for name, _ in columns[table]]
    values = row.values
    if row.is_cut and table != "messages":
        return None
    if not _FEWEST[table] <= len(values) <= len(names):
        return None
    record: Record = dict(zip(names, values))
    if table in ("messages", "conversations"):
        record["seq"] = row.rowid
    if not _is_plausible(table, record):
        return None
    if row.is_cut:
        record["error"] = record.get("error") or encode_flat(_cut())
        record["text"] = record.get("text") or ""
    return record


def _is_plausible(table: str, record: Record) -> bool:
    get = record.get
    if table == "messages":
        return (_is_id(get("id")) and _is_id(get("conversation_id")) and get("role") in _ROLES
                and isinstance(get("text") or "", str) and isinstance(get("status"), str))
    if table == "conversations":
        return _is_id(get("id")) and get("kind") in _KINDS and isinstance(get("title"), str)
    if table == "blobs":
        name = get("hash")
        return isinstance(name, str) and len(name) == 64 and isinstance(get("data"), bytes)
    if table == "drafts":
        return _is_id(get("conversation_id")) and isinstance(get("text"), str) and isinstance(get("updated_at"), float)
    return _is_id(get("conversation_id")) and isinstance(get("name"), str)


def _is_id(value: Value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and "\ufffd" not in value


def _read_backup(path: Path, sink: _Sink) -> Optional[str]:
    for backup in backups.listed(path):
        try:
            backups.verify(Path(backup.path))
        except (sqlite3.Error, StoreError, OSError):
            continue
        with contextlib.closing(sqlite3.connect(backup.path, isolation_level=None)) as old:
            for table in _TABLES:
                _read_table(old, table, "ASC", sink)
        return backup.name
    return None


def _adopt_orphans(connection: sqlite3.Connection) -> None:
    """Messages whose conversation is lost get one again, named by their first words."""
    rows = connection.execute(
        "SELECT conversation_id, min(seq), min(created_at), max(created_at) FROM messages"
        " WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id ORDER BY max(seq)"
    ).fetchall()
    for conversation_id, first, begun, ended in rows:
        text = connection.execute("SELECT text FROM messages WHERE seq = ?", (first,)).fetchone()[0]
        connection.execute(
            "INSERT INTO conversations (id, kind, title, created_at, updated_at, activity) VALUES (?, 'chat', ?, ?, ?,"
            " (SELECT coalesce(max(activity), 0) + 1 FROM conversations))",
            (conversation_id, title_from(str(text)) or tr("Recovered conversation"), begun, ended),
        )


def _note_blob_uses(connection: sqlite3.Connection) -> None:
    there = [name for (name,) in connection.execute("SELECT hash FROM blobs")]
    if not there:
        return
    for owner, table in (("id", "messages"), ("'draft:' || conversation_id", "drafts")):
        for name, column in connection.execute(
            f"SELECT {owner}, attachments FROM {table} WHERE attachments IS NOT NULL"
        ).fetchall():
            connection.executemany(
                "INSERT OR IGNORE INTO blob_uses VALUES (?, ?)", [(name, one) for one in there if one in str(column)]
            )

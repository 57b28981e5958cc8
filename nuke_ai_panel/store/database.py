"""Opens the history file and says how: on disk, read-only, or in memory with the reason. Store thread only.

The journal depends on the SQLite at hand. Versions before 3.51.3 (3.50.7, 3.44.6 in their lines) can corrupt a
write-ahead log that two sessions write and checkpoint at once, so they get a rollback journal; so does a network
file system, which has no shared memory. Sessions with different versions may share one file: a fixed one may turn on
the log while an affected one is connected. Therefore every write on a local disk happens under a lock file, and
with it no commit ever races a checkpoint. Memory mapping stays off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Iterator, Literal, Optional, Set, Tuple
from urllib.parse import quote

from filelock import FileLock, Timeout

from ..errors import StoreError
from .errors import translated
from .filesystems import is_network_path
from .migrations import APPLICATION_ID, STEPS, migrate, schema_version
from .writers import Writers

log = logging.getLogger(__name__)

Mode = Literal["disk", "read-only", "memory"]
Version = Tuple[int, int, int]

BUSY_TIMEOUT_S = 5.0
_LOCK_POLL_S = 0.005
_MAGIC = b"SQLite format 3\0"
_parents_files: Set[str] = set()
_MEMORY_NOTE = "The chat goes on unsaved."


def is_wal_safe(version: Version) -> bool:
    """Whether this SQLite may use a write-ahead log with several sessions (the WAL-reset bug is fixed in it)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def sqlite_version() -> Version:
    """The version of the SQLite that this Python runs."""
    major, minor, patch = (int(part) for part in sqlite3.sqlite_version.split(".")[:3])
    return major, minor, patch


class Database:
    """An open history. Built and used on the store thread only; nothing else may hold it, so that a fork never can."""

    def __init__(
        self, connection: sqlite3.Connection, mode: Mode, *, path: Path, journal: str = "memory",
        trouble: Optional[StoreError] = None, write_lock: Optional[FileLock] = None,
    ) -> None:
        self.connection = connection
        self.mode = mode
        self.path = path
        self.journal = journal
        self.trouble = trouble
        self.writers = Writers(None if mode == "memory" else path.parent / "writers")
        self._write_lock = write_lock

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction. Raises sqlite3.Error, or StoreError when another session holds the lock too long."""
        connection = self.connection
        with locked(self._write_lock, self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the file; the last session to close one with a write-ahead log folds it in."""
        try:
            with locked(self._write_lock, self.path):
                self.connection.close()
        except StoreError:
            self.connection.close()
        self.writers.close()


def open_database(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The history at `path`, made if there is none. What cannot be opened is left alone and memory stands in for it."""
    try:
        if os.path.realpath(path) in _parents_files:
            raise StoreError(
                "this process was forked", code="forked",
                user_text="This process is a copy of one that has the chat history open; its chats are not saved.",
                next_step="Start a new process instead of forking, and its chats are kept.",
            )
        return _open_file(path, busy_timeout_s)
    except (sqlite3.Error, OSError, StoreError) as exc:
        error = translated(exc, path)
    assert isinstance(error, StoreError)
    log.info("chat history %s: %s; this session's chats stay in memory", path, error)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    return Database(connection, "memory", path=path, trouble=error)


def leave_to_parent(path: Path) -> None:
    """Notes, in a forked child, that its parent has `path` open: SQLite's own record of the locks is wrong here."""
    _parents_files.add(os.path.realpath(path))


@contextlib.contextmanager
def locked(lock: Optional[FileLock], path: Path) -> Iterator[None]:
    """Holds the lock file, if there is one. Raises StoreError when another session keeps it too long."""
    if lock is None:
        yield
        return
    try:
        lock.acquire(poll_interval=_LOCK_POLL_S)
    except Timeout as exc:
        raise translated(sqlite3.OperationalError("database is locked"), path) from exc
    try:
        yield
    finally:
        lock.release()


def _open_file(path: Path, busy_timeout_s: float) -> Database:
    is_new = _prepare(path)
    connection = _connect(_uri(path, "rw"), busy_timeout_s)
    try:
        newer = _inspect(connection, path)
        if newer is not None:
            connection.close()
            return _open_read_only(path, busy_timeout_s, newer)
        is_local = not is_network_path(path)
        lock = FileLock(f"{path}.lock", timeout=busy_timeout_s) if is_local else None
        database = Database(connection, "disk", path=path, write_lock=lock)
        try:
            with locked(lock, path):
                database.journal = set_journal(connection, wal=is_local and is_wal_safe(sqlite_version()))
                migrate(connection, path)
                connection.execute("BEGIN IMMEDIATE")  # a file without write access says so here, not at the first chat
                connection.execute("ROLLBACK")
        except (sqlite3.OperationalError, OSError) as exc:
            error = translated(exc, path)
            connection.close()
            if is_new or not isinstance(error, StoreError) or error.code not in ("read_only", "unopenable"):
                raise
            return _open_read_only(path, busy_timeout_s, error)
    except BaseException:
        connection.close()
        raise
    return database


def _prepare(path: Path) -> bool:
    """Makes the folder and a private empty file if there is none; True then. Raises StoreError, OSError."""
    if path.is_dir():
        raise StoreError(
            f"{path} is a folder", code="foreign", user_text=f"The chat history {path} is a folder, not a file.",
            next_step="Move the folder away, or set NUKE_AI_PANEL_HOME to another place.",
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
        if head and head != _MAGIC:
            raise translated(sqlite3.DatabaseError("file is not a database"), path) from None
        return not head
    return True


def _inspect(connection: sqlite3.Connection, path: Path) -> Optional[StoreError]:
    """None for ours or an empty one; an error value when it is newer than we are. Raises StoreError when not ours."""
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = schema_version(connection)
    if owner == APPLICATION_ID and version <= len(STEPS):
        return None
    if owner == APPLICATION_ID:
        return StoreError(
            f"schema {version}, this version knows {len(STEPS)}", code="newer",
            user_text=f"The chat history {path} was written by a newer version of Nuke AI Panel.",
            next_step="It can be read; update Nuke AI Panel to go on writing it. New chats stay unsaved.",
        )
    if owner == 0 and version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return None
    raise StoreError(
        f"application id {owner:#x}", code="foreign",
        user_text=f"{path} is another program's database, not a chat history.",
        next_step=f"Move that file away, or set NUKE_AI_PANEL_HOME to another place. {_MEMORY_NOTE}",
    )


def _open_read_only(path: Path, busy_timeout_s: float, trouble: StoreError) -> Database:
    log.info("chat history %s is open for reading only: %s", path, trouble)
    connection = _connect(_uri(path, "ro"), busy_timeout_s)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # A write-ahead log in a folder without write access cannot be shared, only ignored.
        connection.close()
        connection = _connect(_uri(path, "ro") + "&immutable=1", busy_timeout_s)
    return Database(connection, "read-only", path=path, journal="none", trouble=trouble)


def set_journal(connection: sqlite3.Connection, *, wal: bool) -> str:
    """Turns the write-ahead log on or off and answers with the journal in use: "wal" or "truncate".

    A log that another session has open cannot be turned off; it stays, and the lock file keeps it safe.
    """
    current = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
    wanted = "wal" if wal else "truncate"
    if current != wanted:
        try:
            current = str(connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0])
            if current not in ("wal", "truncate"):
                current = str(connection.execute("PRAGMA journal_mode = truncate").fetchone()[0])
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc):
                raise
            log.info("journal stays %s: another session is connected", current)
    connection.execute("PRAGMA synchronous = FULL")
    return current


def _connect(uri: str, busy_timeout_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None)
    for pragma in ("foreign_keys = ON", "temp_store = MEMORY", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def _uri(path: Path, mode: str) -> str:
    # quote() works on bytes, so that a name that is no valid UTF-8 opens too; a UNC path keeps its two slashes.
    name = os.path.abspath(path).replace(os.sep, "/")
    return f"file://{'' if name.startswith('/') else '/'}{quote(os.fsencode(name))}?mode={mode}"

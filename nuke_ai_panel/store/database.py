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
from typing import Any, Dict, FrozenSet, Iterator, List, Literal, Optional, Sequence, Set, Tuple
from urllib.parse import quote

from filelock import FileLock, Timeout

from ..errors import StoreError
from ..words import later, tr
from .errors import translated
from .filesystems import is_network_path, locks_work
from .leftovers import has_leftovers
from .migrations import APPLICATION_ID, STEPS, migrate, schema_version
from .writers import Writers

log = logging.getLogger(__name__)

Mode = Literal["disk", "read-only", "memory"]
Version = Tuple[int, int, int]

BUSY_TIMEOUT_S = 5.0
_LOCK_POLL_S = 0.005
# A file up to this size is checked whole each time it is opened; a larger one soon after, by its next backup.
_CHECKED_BYTES = 8 << 20
# The same where a session was killed and its journal had to be rolled back.
_CHECKED_LEFTOVER_BYTES = 64 << 20
_parents_files: Set[str] = set()
_MEMORY_NOTE = later("The chat goes on unsaved.")


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
        session_lock: Optional[FileLock] = None, busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.busy_timeout_s = busy_timeout_s
        self.connection = connection
        self.mode = mode
        self.path = path
        self.journal = journal
        self.trouble = trouble
        self.writers = Writers(None if mode == "memory" else path.parent / "writers")
        self.is_damaged = False
        self.wants_reopening = False
        self.patience_s: Optional[float] = None
        self.identity = None if mode == "memory" else identity_of(path)
        self._write_lock = write_lock
        self._session_lock = session_lock
        self._columns: Dict[str, FrozenSet[str]] = {}

    def rows(self, sql: str, values: Sequence[object] = ()) -> List[Any]:  # Any: each column has its own type
        """What a query finds. Bytes that are no UTF-8, as damage leaves them, are read all the same."""
        connection = self.connection
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as exc:
            if "decode" not in str(exc):
                raise
        connection.text_factory = lambda data: data.decode("utf-8", "replace")  # slower, so only now
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.text_factory = str

    def columns(self, table: str) -> FrozenSet[str]:
        """The columns of a table; empty when there is no such table, as in a file of an older schema."""
        if table not in self._columns:
            self._columns[table] = frozenset(str(row[1]) for row in self.rows(f"PRAGMA table_info({table})"))
        return self._columns[table]

    def be_patient(self, timeout_s: Optional[float]) -> None:
        """How long to wait for another session from now on; None for as long as at the start."""
        if timeout_s == self.patience_s:
            return
        self.patience_s = timeout_s
        wait_s = self.busy_timeout_s if timeout_s is None else timeout_s
        self.connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}").close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction. Raises sqlite3.Error, or StoreError when another session holds the lock too long."""
        connection = self.connection
        with locked(self._write_lock, self.path, timeout_s=self.patience_s):
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
        self.release()

    def abandon(self) -> None:
        """Closes a connection that is not to be trusted any more; what of ours streams goes on streaming."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()
        self.release()

    def release(self) -> None:
        """Lets another session have a history on a network disk."""
        if self._session_lock is not None:
            self._session_lock.release()
            self._session_lock = None


def open_database(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
    """The history at `path`, made if there is none. What cannot be opened is left alone and memory stands in for it."""
    try:
        if os.path.realpath(path) in _parents_files:
            raise StoreError(
                "this process was forked", code="forked",
                user_text=tr("This process is a copy of one that has the chat history open; its chats are not saved."),
                next_step=tr("Start a new process instead of forking, and its chats are kept."),
            )
        return _open_file(path, busy_timeout_s)
    except (sqlite3.Error, OSError, StoreError) as exc:
        error = translated(exc, path)
    except ValueError as exc:  # a name that no file can have
        error = translated(OSError(str(exc)), path)
    assert isinstance(error, StoreError)
    log.info("chat history %s: %s; this session's chats stay in memory", path, error)
    return open_in_memory(path, trouble=error)


def open_in_memory(path: Path, *, trouble: Optional[StoreError] = None) -> Database:
    """An empty history that is never written."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    return Database(connection, "memory", path=path, trouble=trouble)


def leave_to_parent(path: Path) -> None:
    """Notes, in a forked child, that its parent has `path` open: SQLite's own record of the locks is wrong here."""
    _parents_files.add(os.path.realpath(path))


@contextlib.contextmanager
def locked(lock: Optional[FileLock], path: Path, *, timeout_s: Optional[float] = None) -> Iterator[None]:
    """Holds the lock file, if there is one. Raises StoreError when another session keeps it too long."""
    if lock is None:
        yield
        return
    try:
        lock.acquire(timeout=timeout_s, poll_interval=_LOCK_POLL_S)
    except Timeout as exc:
        raise translated(sqlite3.OperationalError("database is locked"), path) from exc
    try:
        yield
    finally:
        lock.release()


def write_lock(path: Path, timeout_s: float) -> FileLock:
    """The lock file under which every session on this machine writes."""
    return FileLock(f"{path}.lock", timeout=timeout_s)


def identity_of(path: Path) -> Optional[Tuple[int, int]]:
    """Which file stands at `path` now; None when there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a name with a NUL in it is no name
        return None
    return found.st_dev, found.st_ino


def _open_file(path: Path, busy_timeout_s: float) -> Database:
    is_new = _prepare(path)
    is_local = not is_network_path(path)
    session = None if is_local else _session_lock(path)
    connection: Optional[sqlite3.Connection] = None
    try:
        if session is not None and not _is_taken(session):
            return _open_read_only(path, busy_timeout_s, _other_session(path))
        leftovers = has_leftovers(path)
        connection = connect(path, busy_timeout_s=busy_timeout_s)
        newer = _inspect(connection, path)
        if newer is not None:
            connection.close()
            return _open_read_only(path, busy_timeout_s, newer)
        lock = write_lock(path, busy_timeout_s) if is_local else None
        database = Database(
            connection, "disk", path=path, write_lock=lock, session_lock=session, busy_timeout_s=busy_timeout_s
        )
        try:
            with locked(lock, path):
                database.journal = set_journal(connection, wal=is_local and is_wal_safe(sqlite_version()))
                migrate(connection, path)
                connection.execute("BEGIN IMMEDIATE")  # a file without write access says so here, not at the first chat
                connection.execute("ROLLBACK")
                size = path.stat().st_size
                has_lost_all = not is_new and connection.execute(
                    "SELECT NOT EXISTS (SELECT 1 FROM conversations) AND EXISTS (SELECT 1 FROM messages)"
                ).fetchone()[0]
                if has_lost_all:
                    raise sqlite3.DatabaseError("database disk image is malformed: messages without conversations")
                if not is_new and size <= (_CHECKED_LEFTOVER_BYTES if leftovers else _CHECKED_BYTES):
                    check(connection)
        except (sqlite3.OperationalError, OSError) as exc:
            error = translated(exc, path)
            connection.close()
            if is_new or not isinstance(error, StoreError) or error.code not in ("read_only", "unopenable"):
                raise
            return _open_read_only(path, busy_timeout_s, error)
    except BaseException:
        if connection is not None:
            connection.close()
        if session is not None:
            session.release()
        raise
    return database


def check(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError when the pages, or the tables and their indexes, do not fit together."""
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {verdict}")


def _prepare(path: Path) -> bool:
    """Makes the folder and a private empty file if there is none; True then. Raises StoreError, OSError.

    It never opens a file that exists: closing it again would give back SQLite's own locks on it in this process.
    """
    if path.is_dir():
        raise StoreError(
            f"{path} is a folder", code="foreign", user_text=tr("The chat history {path} is a folder, not a file.",
            path=path),
            next_step=tr("Move the folder away, or set NUKE_AI_PANEL_HOME to another place."),
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return path.stat().st_size == 0
    return True


def _session_lock(path: Path) -> FileLock:
    """The lock of the one session that may write a history on a network disk."""
    return FileLock(f"{path}.session", timeout=0)


def _is_taken(lock: FileLock) -> bool:
    if not locks_work(Path(lock.lock_file).parent):
        raise StoreError(
            "file locks do not work here", code="no_locks",
            user_text=tr("The chat history lies on a network disk whose locks do not answer."),
            next_step=tr("Set NUKE_AI_PANEL_HOME to a folder on a local disk. Until then chats are unsaved."),
        )
    try:
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):
        return False
    return True


def _other_session(path: Path) -> StoreError:
    return StoreError(
        f"another session holds {path}", code="other_session",
        user_text=tr("The chat history lies on a network disk, and another session is writing it."),
        next_step=tr("It can be read here. Close the other one, or set NUKE_AI_PANEL_HOME to a folder on a local "
                     "disk."),
    )


def _inspect(connection: sqlite3.Connection, path: Path) -> Optional[StoreError]:
    """None for ours or an empty one; an error value when it is newer than we are. Raises StoreError when not ours."""
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = schema_version(connection)
    if owner == APPLICATION_ID and version < 0:
        raise translated(sqlite3.DatabaseError("malformed schema number"), path)
    if owner == APPLICATION_ID and version <= len(STEPS):
        return None
    if owner == APPLICATION_ID:
        return StoreError(
            f"schema {version}, this version knows {len(STEPS)}", code="newer",
            user_text=tr("The chat history {path} was written by a newer version of Nuke AI Panel.", path=path),
            next_step=tr("It can be read; update Nuke AI Panel to go on writing it. New chats stay unsaved."),
        )
    if owner == 0 and version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return None
    if connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'messages_raise_conversation'"
    ).fetchone():
        raise translated(sqlite3.DatabaseError("malformed header of a history of ours"), path)
    raise StoreError(
        f"application id {owner:#x}", code="foreign",
        user_text=tr("{path} is another program's database, not a chat history.", path=path),
        next_step=tr("Move that file away, or set NUKE_AI_PANEL_HOME to another place. {note}",
                     note=tr(_MEMORY_NOTE)),
    )


def _open_read_only(path: Path, busy_timeout_s: float, trouble: StoreError) -> Database:
    log.info("chat history %s is open for reading only: %s", path, trouble)
    connection = connect_to_read(path, busy_timeout_s=busy_timeout_s)
    return Database(connection, "read-only", path=path, journal="none", trouble=trouble)


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection that may write. Raises sqlite3.Error."""
    return _connect(_uri(path, "rw"), busy_timeout_s)


def connect_to_read(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection that only reads. Raises sqlite3.Error."""
    connection = _connect(_uri(path, "ro"), busy_timeout_s)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # A write-ahead log in a folder without write access cannot be shared, only ignored.
        connection.close()
        connection = _connect(_uri(path, "ro") + "&immutable=1", busy_timeout_s)
    return connection


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

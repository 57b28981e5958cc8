"""The history as the store thread holds it open: in which mode, what is owed to the disk, when to try again.

What a full, busy, failing or missing disk refused is told to its caller at once, kept, and tried again with the next
write, every ten seconds and at the end. A history that could not be opened is stood in for by memory, and what was
said there is written once it opens. A damaged one is mended on the spot; one that was deleted or replaced under our
feet is put back or followed. Nobody has to start the program again for any of it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Callable, List, Optional

from ..errors import StoreError
from . import backups, many, notices
from .board import Board
from .database import Database, identity_of, locked, open_database, open_in_memory, write_lock
from .errors import locked_for_long
from .filesystems import sync_service_of
from .jobs import Job, Outcome, again, code_of, kept_copy, mark_lost, merged, run_group
from .moved_file import bring_along, put_back
from .salvage import is_ours, notice_of, salvage
from .upkeep import Upkeep
from .values import StoreChange
from .writers import Writers

log = logging.getLogger(__name__)

RETRY_S = 10.0
POLL_S = 0.3
READ_ONLY_AFTER_S = 30.0
_TROUBLED_PATIENCE_S = 0.25
_MOST_MENDINGS = 3
_DAY_S = 86_400.0
_PASSING = frozenset({
    "locked", "disk_full", "io", "read_only", "unopenable", "other_session", "no_locks", "corrupt", "database",
})
_CALLERS_FAULT = frozenset({"unknown_message", "unknown_conversation", "duplicate"})


class OpenHistory:
    """Made and used on the store thread; nothing else may hold it, so that a fork never can."""

    def __init__(self, path: Path, *, busy_timeout_s: float, board: Board, guard: threading.RLock) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._board = board
        self._guard = guard
        self._database: Optional[Database] = None
        self._temporary: Optional[Database] = None
        self._owed: List[Job] = []
        self._unsaved: List[Job] = []
        self._retry_at = 0.0
        self._locked_since: Optional[float] = None
        self._mendings = 0
        self._first_seq = 0
        self._seen_version = -1
        self._seen_activity = 0
        self._poll_at = 0.0
        self._has_written = False
        self._purge_at = 0.0
        self._upkeep = Upkeep(path, board)

    def wait_s(self) -> Optional[float]:
        """How long the thread may sleep when nobody asks for anything; None for as long as it likes."""
        now = time.monotonic()
        waits: List[float] = []
        if self._owed or self._is_waiting_for_the_disk():
            waits.append(self._retry_at - now)
        if self._board.has_listeners and self._database is not None:
            waits.append(self._poll_at - now)
        if self._has_written and self._upkeep.due_at is not None:
            waits.append(self._upkeep.due_at - now)
        return max(0.0, min(waits)) if waits else None

    def run(self, group: List[Job], *, is_last: bool = False) -> None:
        """Runs jobs and resolves them; with those that are owed, when one writes or the time has come."""
        self._run_temporary([job for job in group if job.is_temporary])
        group = [job for job in group if not job.is_temporary]
        is_due = is_last or (
            bool(self._owed or self._is_waiting_for_the_disk()) and time.monotonic() >= self._retry_at
        )
        if is_due or (any(job.writes for job in group) and not self._is_locked_for_long()):
            group, self._owed = self._owed + group, []
        if not group and not (is_due and self._database is not None):
            return
        database = self._ready(is_due)
        group = merged(group)
        outcomes = self._outcomes(database, group, is_due=is_due)
        self._settle(group, outcomes)
        for job, outcome in zip(group, outcomes):
            job.resolve(outcome)

    def tend(self, serve_waiting: Callable[[], None]) -> None:
        """What is done between jobs: news of other sessions, backups, the bin. `serve_waiting` runs what is queued."""
        database, now = self._database, time.monotonic()
        if database is None:
            return
        if database.is_damaged or self._upkeep.copy_is_damaged.is_set():
            self._upkeep.copy_is_damaged.clear()
            self._mend_open()
        if self._board.has_listeners and now >= self._poll_at:
            self._poll_at = now + POLL_S
            self._look_for_news()
        if self._has_written and database.mode == "disk" and self._upkeep.is_due():
            self._has_written = not self._upkeep.back_up(database.connection, serve_waiting)
        if self._has_written and now >= self._purge_at:
            self._purge_at = now + _DAY_S
            self.run([Job(lambda db: many.purge(db, now=time.time()), writes=True)])

    def close(self) -> None:
        """Closes the file; whatever of ours still streams has lost its writer."""
        database = self._database
        if self._temporary is not None:
            self._temporary.close()
        if database is None:
            return
        own = database.writers.own_or_none
        if own is not None and database.mode == "disk":
            try:
                with database.writing():
                    database.writers.mark_interrupted(database.connection, {own})
            except (sqlite3.Error, StoreError):
                log.info("running answers could not be marked interrupted", exc_info=True)
        database.close()
        self._database = None

    # ------------------------------------------------------------ opening

    def _ready(self, is_due: bool) -> Database:
        database = self._database
        if database is None:
            return self._open(None)
        if database.wants_reopening:
            database.abandon()
            return self._open(database.writers)
        if database.mode != "disk":
            if is_due and self._is_waiting_for_the_disk():
                return self._open_again(database)
        elif identity_of(self._path) != database.identity:
            return self._follow(database)
        return database

    def _open(self, writers: Optional[Writers]) -> Database:
        is_missing = identity_of(self._path) is None
        if self._is_emptied():
            self._mend()
        database = open_database(self._path, busy_timeout_s=self._busy_timeout_s)
        if database.mode == "memory" and code_of(database.trouble) == "corrupt" and self._mend():
            database.abandon()
            database = open_database(self._path, busy_timeout_s=self._busy_timeout_s)
        if writers is not None and database.mode != "memory":
            database.writers = writers
        self._take(database)
        if is_missing and database.mode == "disk" and backups.listed(self._path):
            self._board.set_notice(notices.missing(self._path))
        service = sync_service_of(self._path)
        if service is not None and database.mode == "disk":
            self._board.set_notice(notices.in_sync_folder(self._path, service))
        return database

    def _open_again(self, old: Database) -> Database:
        """Looks whether the disk has returned; memory stays until it has."""
        if code_of(old.trouble) == "corrupt":
            self._mend()
        database = open_database(self._path, busy_timeout_s=min(self._busy_timeout_s, _TROUBLED_PATIENCE_S))
        self._retry_at = time.monotonic() + RETRY_S
        if database.mode != "disk":
            database.abandon()
            return old
        old.abandon()
        database.busy_timeout_s = self._busy_timeout_s
        database.patience_s = _TROUBLED_PATIENCE_S
        database.be_patient(None)
        self._take(database)
        return database

    def _take(self, database: Database) -> None:
        self._database = database
        self._board.mode = database.mode
        self._board.set_trouble(None if database.trouble is None else database.trouble.info())
        self._retry_at = time.monotonic() + RETRY_S
        if database.mode != "disk":
            return
        self._first_seq = int(database.connection.execute("SELECT coalesce(max(seq), 0) FROM messages").fetchone()[0])
        self._seen_version = -1
        self._upkeep.begin()
        if self._unsaved:
            replayed, self._unsaved = self._unsaved, []
            outcomes = run_group(database, replayed)
            self._owed = [job for job, (_, error) in zip(replayed, outcomes) if code_of(error) in _PASSING] + self._owed
            log.info("the chat history takes chats again: %d changes written", len(replayed))

    def _follow(self, old: Database) -> Database:
        """The file at our path is not the one we have open: nothing of ours may go on into nowhere."""
        is_gone = identity_of(self._path) is None
        since_seq = self._first_seq
        notice = None
        try:
            if is_gone:
                notice = put_back(old, self._path)
        except (sqlite3.Error, OSError, StoreError):
            log.info("the deleted chat history could not be put back", exc_info=True)
        old.writers.keep()
        if is_gone:
            old.abandon()
            database = self._open(old.writers)
        else:
            database = self._open(old.writers)
            try:
                notice = bring_along(old, database, since_seq=since_seq)
            except (sqlite3.Error, OSError, StoreError):
                log.info("the newest chats could not be brought into the new history", exc_info=True)
            old.abandon()
        if notice is not None:
            self._board.set_notice(notice)
        return database

    # ------------------------------------------------------------ running

    def _outcomes(self, database: Database, group: List[Job], *, is_due: bool) -> List[Outcome]:
        if self._is_locked_for_long() and not is_due:
            refused = locked_for_long(self._path)
            reads = [job for job in group if not job.writes]
            answers = iter(run_group(database, reads))
            return [(None, again(refused)) if job.writes else next(answers) for job in group]
        if not all(job.writes for job in group):
            mark_lost(database)
        outcomes = run_group(database, group)
        if database.mode != "disk":
            return outcomes
        codes = {code_of(error) for _, error in outcomes}
        if "corrupt" in codes and self._mend_open():
            return self._repeat(group, outcomes, "corrupt")
        if "io" in codes:
            # A flush that failed once may have dropped what it was to write: nothing of this connection is trusted.
            database.writers.keep()
            database.abandon()
            self._open(database.writers)
        elif identity_of(self._path) != database.identity:
            self._follow(database)
        return outcomes

    def _repeat(self, group: List[Job], outcomes: List[Outcome], code: str) -> List[Outcome]:
        assert self._database is not None
        failed = [job for job, (_, error) in zip(group, outcomes) if code_of(error) == code]
        answers = iter(run_group(self._database, failed))
        return [next(answers) if code_of(error) == code else (result, error) for result, error in outcomes]

    def _settle(self, group: List[Job], outcomes: List[Outcome]) -> None:
        database = self._database
        assert database is not None
        done = [job for job, (_, error) in zip(group, outcomes) if job.writes and error is None]
        if database.mode == "memory" and code_of(database.trouble) in _PASSING:
            self._unsaved = merged(self._unsaved + [kept_copy(job) for job in done])
        refused = [job for job, (_, error) in zip(group, outcomes) if job.is_kept and code_of(error) in _PASSING]
        if refused:
            self._owed += [kept_copy(job) for job in refused]
            self._retry_at = min(max(self._retry_at, time.monotonic()), time.monotonic() + RETRY_S)
            if self._retry_at <= time.monotonic():
                self._retry_at = time.monotonic() + RETRY_S
        if database.mode != "disk":
            return
        self._has_written = self._has_written or bool(done)
        judged = [error for job, (_, error) in zip(group, outcomes) if job.writes and
                  code_of(error) not in _CALLERS_FAULT]
        if not judged:
            return
        failures = [error for error in judged if isinstance(error, StoreError)]
        self._note_locks("locked" in {code_of(error) for error in failures}, database)
        last = failures[-1] if failures else None
        if last is not None and self._is_locked_for_long():
            last = locked_for_long(self._path)
        self._board.set_trouble(None if last is None else last.info())

    def _note_locks(self, is_locked: bool, database: Database) -> None:
        if not is_locked:
            self._locked_since = None
            database.be_patient(None)
            return
        if self._locked_since is None:
            self._locked_since = time.monotonic() - self._busy_timeout_s
        database.be_patient(min(self._busy_timeout_s, _TROUBLED_PATIENCE_S))  # readers queue behind this thread

    def _is_locked_for_long(self) -> bool:
        return self._locked_since is not None and time.monotonic() - self._locked_since >= READ_ONLY_AFTER_S

    def _is_waiting_for_the_disk(self) -> bool:
        database = self._database
        return database is not None and database.mode != "disk" and code_of(database.trouble) in _PASSING

    def _run_temporary(self, group: List[Job]) -> None:
        if not group:
            return
        if self._temporary is None:
            self._temporary = open_in_memory(self._path)
        for job, outcome in zip(group, run_group(self._temporary, group)):
            job.resolve(outcome)

    # ------------------------------------------------------------ mending

    def _is_emptied(self) -> bool:
        try:
            return self._path.stat().st_size == 0 and bool(backups.listed(self._path))
        except (OSError, ValueError):
            return False

    def _mend_open(self) -> bool:
        database = self._database
        assert database is not None
        if database.mode != "disk":
            return False
        database.is_damaged = False
        database.writers.keep()
        database.abandon()
        is_mended = self._mend()
        self._open(database.writers)
        return is_mended

    def _mend(self) -> bool:
        """Builds a sound file from a damaged one; False when that is not possible, and nothing was changed."""
        damaged = identity_of(self._path)
        if self._mendings >= _MOST_MENDINGS or damaged is None:
            return False
        self._mendings += 1
        try:
            with self._guard, locked(write_lock(self._path, self._busy_timeout_s), self._path):
                if identity_of(self._path) != damaged:
                    return True  # another session was faster
                if not is_ours(self._path) and not self._is_emptied():
                    return False
                report = salvage(self._path)
        except (sqlite3.Error, OSError, StoreError):
            log.info("the damaged chat history could not be mended", exc_info=True)
            return False
        self._board.set_notice(notice_of(report))
        return True

    # ------------------------------------------------------------ between jobs

    def _look_for_news(self) -> None:
        database = self._database
        if database is None or database.mode == "memory":
            return
        if database.mode == "disk" and identity_of(self._path) != database.identity:
            database = self._follow(database)
        try:
            version = int(database.connection.execute("PRAGMA data_version").fetchone()[0])
            if version == self._seen_version:
                return
            rows = database.connection.execute(
                "SELECT id, activity FROM conversations WHERE activity > ? ORDER BY activity DESC LIMIT 500",
                (self._seen_activity,),
            ).fetchall()
        except sqlite3.Error:
            return  # busy: asked again soon
        is_first, self._seen_version = self._seen_version == -1, version
        self._seen_activity = max([self._seen_activity, *(activity for _, activity in rows)])
        if not is_first:
            self._board.tell(StoreChange(tuple(name for name, _ in rows), trouble=self._board.trouble))

"""The one thread `nuke-ai-store`: runs jobs in order, those that wait together in one transaction.

A future resolves after the commit, so what is acknowledged is on the disk. Under load the jobs that gather during one
commit share the next one, which is what makes sixty-four running answers cost about as many commits as one.
The database lives in the thread's own frame and nowhere else: a forked child has the frame's memory but not the
thread, so it can neither use nor finalise its parent's connection; its own jobs run on a thread and in memory of its
own, because SQLite's notes about who holds which lock were copied too and are wrong there.
What a full, busy or failing disk refused is told to its caller at once and tried again with the next write, every ten
seconds and at the end: the disk may return.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import weakref
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Callable, Dict, Hashable, List, Optional, Tuple, TypeVar

from ..errors import StoreError
from ..messages import ErrorInfo
from .database import Database, leave_to_parent, open_database
from .errors import translated

log = logging.getLogger(__name__)

T = TypeVar("T")
Outcome = Tuple[Any, Optional[BaseException]]  # Any: each job has its own result

THREAD_NAME = "nuke-ai-store"
_GROUP_LIMIT = 512
_RETRY_S = 10.0
_PASSING = frozenset({"locked", "disk_full", "io", "read_only", "unopenable"})
_CALLERS_FAULT = frozenset({"unknown_message", "unknown_conversation", "duplicate"})


class Job:
    """One thing to do with the database. Jobs with the same `key` may be merged: the newest stands for all.

    `is_kept` says that the job may run later, when the disk could not take it now.
    """

    __slots__ = ("futures", "is_kept", "key", "run", "writes")

    def __init__(
        self, run: Callable[[Database], object], *, writes: bool, key: Optional[Hashable], is_kept: bool
    ) -> None:
        self.run = run
        self.writes = writes
        self.key = key
        self.is_kept = is_kept
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it: a stopped turn still stores
        self.futures: List[Future[Any]] = [future]

    def resolve(self, outcome: Outcome) -> None:
        """Tells everyone who waits, once."""
        result, error = outcome
        waiting, self.futures = self.futures, []
        for future in waiting:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Worker:
    """Takes jobs from any thread; starts its thread at the first one and needs no atexit."""

    _lock: threading.RLock
    _jobs: SimpleQueue[Optional[Job]]
    _thread: Optional[threading.Thread]

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._trouble: Optional[ErrorInfo] = None
        self._is_closed = False
        self._begin()
        _watch_forks(self)

    @property
    def trouble(self) -> Optional[ErrorInfo]:
        """Why history is not being saved right now; None when it is."""
        return self._trouble

    def submit(
        self, run: Callable[[Database], T], *, writes: bool, key: Optional[Hashable] = None, is_kept: bool = False
    ) -> Future[T]:
        """Queues a job; returns at once."""
        job = Job(run, writes=writes, key=key, is_kept=is_kept)
        future = job.futures[0]
        with self._lock:
            error = self._refusal()
            if error is None:
                self._jobs.put(job)
        if error is not None:
            job.resolve((None, error))
        return future

    def close(self, timeout_s: float) -> None:
        """Refuses new jobs and waits for those that are queued, at most so long. Idempotent, from any thread."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _refusal(self) -> Optional[StoreError]:
        if self._is_closed:
            return StoreError("the store is closed", code="closed", user_text="The chat history is closed.")
        if self._thread is None:
            thread = threading.Thread(target=self._serve, args=(self._jobs,), name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as exc:  # the interpreter is going down
                return StoreError(str(exc), code="closed", user_text="The chat history is closed.")
            self._thread = thread
        return None

    def begin_in_child(self) -> None:
        """Starts again after a fork; a file that the parent has open stays the parent's."""
        if self._thread is not None:
            leave_to_parent(self._path)
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._jobs = SimpleQueue()
        self._thread = None

    def _serve(self, jobs: SimpleQueue[Optional[Job]]) -> None:
        database: Optional[Database] = None
        owed: List[Job] = []
        is_open = True
        while is_open:
            group, is_open = _gather(jobs, timeout_s=_RETRY_S if owed else None)
            if not group or not is_open or any(job.writes for job in group):
                group, owed = owed + group, []
            if not group:
                continue
            if database is None:
                database = open_database(self._path, busy_timeout_s=self._busy_timeout_s)
                self._trouble = _info(database.trouble)
            group = merged(group)
            outcomes = run_group(database, group)
            if database.mode == "disk":
                owed += [job for job, (_, error) in zip(group, outcomes) if job.is_kept and _code(error) in _PASSING]
                self._note_trouble(group, outcomes)
            for job, outcome in zip(group, outcomes):
                job.resolve(outcome)
        if database is not None:
            _leave(database)

    def _note_trouble(self, group: List[Job], outcomes: List[Outcome]) -> None:
        written = [error for job, (_, error) in zip(group, outcomes) if job.writes]
        judged = [error for error in written if _code(error) not in _CALLERS_FAULT]
        failures = [error for error in judged if isinstance(error, StoreError)]
        if judged:
            self._trouble = _info(failures[-1] if failures else None)


def merged(jobs: List[Job]) -> List[Job]:
    """The same jobs in order, those with one key once: at the place of the first, with what the last has to say."""
    group: List[Job] = []
    by_key: Dict[Hashable, Job] = {}
    for job in jobs:
        earlier = by_key.get(job.key) if job.key is not None else None
        if earlier is not None:
            earlier.run = job.run
            earlier.futures += job.futures
            continue
        group.append(job)
        if job.key is not None:
            by_key[job.key] = job
    return group


def run_group(database: Database, group: List[Job]) -> List[Outcome]:
    """Runs jobs in order, all writes in one transaction; when that fails, each on its own."""
    if not all(job.writes for job in group):
        _mark_interrupted(database)
    if not any(job.writes for job in group):
        return [_attempt(database, job) for job in group]
    if database.mode == "read-only":
        return [(None, _again(database.trouble)) if job.writes else _attempt(database, job) for job in group]
    try:
        with database.writing():
            return [(job.run(database), None) for job in group]
    except Exception as exc:  # noqa: BLE001  # reaches each future below
        error = translated(exc, database.path)
        if len(group) == 1 or _code(error) == "locked":
            return [(None, error) if job.writes else _attempt(database, job) for job in group]
    return [_attempt(database, job) for job in group]


def _attempt(database: Database, job: Job) -> Outcome:
    try:
        if not job.writes:
            return job.run(database), None
        with database.writing():
            return job.run(database), None
    except Exception as exc:  # noqa: BLE001  # handed to whoever asked
        return None, translated(exc, database.path)


def _gather(jobs: SimpleQueue[Optional[Job]], *, timeout_s: Optional[float]) -> Tuple[List[Job], bool]:
    """Waits for a job and takes all that are queued behind it; False with them when the last was the end."""
    group: List[Job] = []
    try:
        job = jobs.get(timeout=timeout_s)
        while job is not None:
            group.append(job)
            if len(group) >= _GROUP_LIMIT:
                return group, True
            job = jobs.get_nowait()
    except Empty:
        return group, True
    return group, False


def _mark_interrupted(database: Database) -> None:
    """Before anyone reads: what streams for a process that is gone was interrupted."""
    if database.mode != "disk":
        return  # in memory there is no other process; read-only rows are marked as they are read
    writers = database.writers
    try:
        lost = writers.lost_streams(database.connection)
        if lost:
            with database.writing() as connection:
                writers.mark_interrupted(connection, lost)
            writers.forget(lost)
    except (sqlite3.Error, StoreError, OSError):
        log.info("interrupted answers could not be marked", exc_info=True)  # they still read as interrupted


def _leave(database: Database) -> None:
    """Closes; whatever of ours still streams has lost its writer."""
    own = database.writers.own_or_none
    if own is not None and database.mode == "disk":
        try:
            with database.writing() as connection:
                database.writers.mark_interrupted(connection, {own})
        except (sqlite3.Error, StoreError):
            log.info("running answers could not be marked interrupted", exc_info=True)
    database.close()


def _code(error: Optional[BaseException]) -> str:
    return error.code if isinstance(error, StoreError) else ""


def _again(error: Optional[StoreError]) -> Optional[StoreError]:
    # One exception object must not be raised by many: each raise would lengthen its traceback.
    if error is None:
        return None
    return StoreError(error.message, code=error.code, user_text=error.user_text, next_step=error.next_step)


def _info(error: Optional[StoreError]) -> Optional[ErrorInfo]:
    return None if error is None else error.info()


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()
_fork_is_watched = threading.Event()


def _watch_forks(worker: Worker) -> None:
    _workers.add(worker)
    if not _fork_is_watched.is_set() and hasattr(os, "register_at_fork"):
        _fork_is_watched.set()
        os.register_at_fork(after_in_child=_begin_again_in_child)


def _begin_again_in_child() -> None:
    for worker in list(_workers):
        worker.begin_in_child()

"""What the store thread is asked to do, and how a group of it is run in one transaction. Store thread."""

from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import Future
from typing import Any, Callable, Dict, Hashable, List, Optional, Tuple

from ..errors import StoreError
from .database import Database
from .errors import translated

log = logging.getLogger(__name__)

Outcome = Tuple[Any, Optional[BaseException]]  # Any: each job has its own result


class Job:
    """One thing to do with the database. Jobs with the same `key` may be merged: the newest stands for all.

    `is_kept` says that the job may run later, when the disk could not take it now; `is_temporary` that it belongs to a
    conversation which is never written.
    """

    __slots__ = ("futures", "is_kept", "is_temporary", "key", "run", "writes")

    def __init__(
        self, run: Callable[[Database], object], *, writes: bool, key: Optional[Hashable] = None, is_kept: bool = False,
        is_temporary: bool = False,
    ) -> None:
        self.run = run
        self.writes = writes
        self.key = key
        self.is_kept = is_kept
        self.is_temporary = is_temporary
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


def kept_copy(job: Job) -> Job:
    """The same write for later, with nobody waiting."""
    kept = Job(job.run, writes=True, key=job.key, is_kept=True)
    kept.futures = []
    return kept


def mark_lost(database: Database) -> None:
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
    if not any(job.writes for job in group):
        return [attempt(database, job) for job in group]
    if database.mode == "read-only":
        return [(None, again(database.trouble)) if job.writes else attempt(database, job) for job in group]
    try:
        with database.writing():
            return [(job.run(database), None) for job in group]
    except Exception as exc:  # noqa: BLE001  # reaches each future below
        error = translated(exc, database.path)
        if len(group) == 1 or code_of(error) in ("locked", "io", "disk_full"):
            return [(None, error) if job.writes else attempt(database, job) for job in group]
    return [attempt(database, job) for job in group]


def attempt(database: Database, job: Job) -> Outcome:
    """One job on its own."""
    try:
        if not job.writes:
            return job.run(database), None
        with database.writing():
            return job.run(database), None
    except Exception as exc:  # noqa: BLE001  # handed to whoever asked
        return None, translated(exc, database.path)


def code_of(error: Optional[BaseException]) -> str:
    """A StoreError's code; "" for anything else."""
    return error.code if isinstance(error, StoreError) else ""


def again(error: Optional[StoreError]) -> Optional[StoreError]:
    """The same error as a new object: one that is raised by many would lengthen its traceback each time."""
    if error is None:
        return None
    return StoreError(error.message, code=error.code, user_text=error.user_text, next_step=error.next_step)

"""Reads rows, makes requests of them and hands them to the loop; decides what is done already. Own thread.

Never more than a bounded number of requests wait for the loop, whatever the size of the input. An iterator that a
script gave is read on this thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Deque, Dict, List, Optional

from ..errors import NukeAIError
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import BatchError
from .remembered import Remembered
from .reporting import page_path
from .requests import JobMaker
from .rows import Source
from .run_folder import Past, is_same, mark
from .templates import MissingValueError
from .values import DEFECT, Job, Reject, Row

_GROUP = 32
_LONGEST_ID = 512


@dataclass(frozen=True)
class Selection:
    """Which rows of the input: the first so many, a part by number (from 0), each so many times."""

    limit: Optional[int] = None
    first: int = 0
    last: Optional[int] = None
    repeat: int = 1

    @property
    def is_all(self) -> bool:
        """Whether no row of the input is left out."""
        return self.limit is None and self.first == 0 and self.last is None


@dataclass
class Census:
    """What a pass over the input found. `changed` rows have an answer to a former text."""

    rows: int = 0
    rejects: int = 0
    skipped: int = 0
    skipped_errors: int = 0
    changed: int = 0
    retried: int = 0
    jobs: int = 0


@dataclass
class Sorter:
    """Makes jobs of rows, and tells the new ones from those that are done. One pass; one thread at a time.

    A row that lacks what the template names goes to `lacking` where that is given, else it is rejected as others are.
    """

    maker: JobMaker
    past: Past
    retried_kinds: Optional[Callable[[str], bool]] = None
    selection: Selection = field(default_factory=Selection)
    census: Census = field(default_factory=Census)
    rejected: Callable[[Reject], None] = lambda one: None
    remembered: Optional[Remembered] = None
    order: Optional[CompactMap] = None
    pages: Optional[Dict[int, str]] = None
    lacking: Optional[Callable[[Row, MissingValueError], None]] = None
    duplicates: int = 0
    _number: int = 0
    _found: int = 0

    def jobs_of(self, found: object) -> List[Job]:
        """The jobs to do for one thing from the input; none for what is done, is no row, or is not selected."""
        if isinstance(found, Reject):
            self._reject(found)
            return []
        assert isinstance(found, Row)
        selected = self.selection
        number, self._number = self._number, self._number + 1
        if number < selected.first or (selected.last is not None and number > selected.last):
            return []
        if self.is_complete:
            return []
        self._found += 1
        try:
            job = self.maker.job(found)
            if job.page is not None:
                page_path(Path("pages"), job.page)
        except NukeAIError as error:
            if self.lacking is not None and isinstance(error, MissingValueError):
                self.lacking(found, error)
            else:
                self._reject(_reject_of(found, error.user_text, error.next_step))
            return []
        if not job.custom_id or len(job.custom_id) > _LONGEST_ID:
            self._reject(_reject_of(found, tr("the row's id is too long") if job.custom_id else tr(
                "the row's id is empty"), tr("Give every row an id of at most {most} letters.", most=_LONGEST_ID)))
            return []
        line = _line_number(found.place)
        if selected.repeat == 1:
            return self._sorted(job, line)
        return [one for count in range(1, selected.repeat + 1)
                for one in self._sorted(replace(job, custom_id=f"{job.custom_id}#{count}"), line)]

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is wanted from the input."""
        limit, last = self.selection.limit, self.selection.last
        return (limit is not None and self._found >= limit) or (last is not None and self._number > last + 1)

    def _sorted(self, job: Job, line: int) -> List[Job]:
        census, number = self.census, number_of(job.custom_id)
        known = self.past.answered.get(number)
        if known is not None and known & 1:
            self.duplicates += 1
            self._reject(Reject(line, tr("the id {id} was there before", id=job.custom_id),
                                next_step=tr("Give every row an id of its own.")))
            return []
        census.rows += 1
        if self.order is not None:
            self.order.put(number, census.rows)
        if self.pages is not None and job.page is not None:
            self.pages[number] = job.page
        is_done, is_known = is_same(known, job.key), known is not None
        self.past.answered.put(number, mark(job.key, is_seen=True))
        if is_done:
            census.skipped += 1
            return []
        if is_same(self.past.failed.get(number), job.key):
            if self.retried_kinds is None or not self.retried_kinds(job.custom_id):
                census.skipped_errors += 1
                return []
            census.retried += 1
        census.changed += is_known
        census.jobs += 1
        return [self.remembered.with_answer(job) if self.remembered is not None else job]

    def _reject(self, reject: Reject) -> None:
        self.census.rejects += 1
        self.rejected(reject)


class Feed:
    """The thread, and the jobs it made. `take` is for the loop; `close` ends the thread.

    The loop takes jobs as soon as they are made, and is woken only when it found none. Room is given back in groups:
    each time that the thread wakes for a single row, the loop would wait for the interpreter.
    """

    def __init__(self, source: Source, sorter: Sorter, *, most: int, wake: Callable[[], None]) -> None:
        self._source = source
        self._sorter = sorter
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._jobs: Deque[Job] = deque()
        self._is_hungry = True
        self._taken = 0
        self._group = min(_GROUP, max(1, most // 2))
        self._room = threading.Semaphore(most)
        self._is_closed = False
        self.is_exhausted = False
        self.error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._read, name="nuke-ai-batch-rows", daemon=True)
        self._thread.start()

    def take(self) -> Optional[Job]:
        """The next job, None while there is none."""
        if not self.has_job():
            return None
        self._taken += 1
        if self._taken >= self._group:
            self._room.release(self._taken)
            self._taken = 0
        return self._jobs.popleft()

    def has_job(self) -> bool:
        """Whether `take` would give one; if not, the run is woken by the next."""
        if not self._jobs:
            self._is_hungry = True
        return bool(self._jobs)

    def close(self) -> None:
        """Ends the reading. Waits for the row that is being read, but not for an iterator that hangs."""
        self._is_closed = True
        self._room.release()
        self._thread.join(2.0)

    def _read(self) -> None:
        try:
            for found in self._source.read():
                for job in self._sorter.jobs_of(found):
                    self._room.acquire()
                    if self._is_closed:
                        return
                    self._jobs.append(job)
                    if self._is_hungry:
                        self._tell()
                if self._is_closed or self._sorter.is_complete:
                    break
        except BaseException as exc:  # noqa: BLE001  # the end of a thread: it is raised where the jobs are taken
            self.error = exc if isinstance(exc, NukeAIError) else _unreadable(exc)
        self.is_exhausted = True
        self._tell()

    def _tell(self) -> None:
        self._is_hungry = False
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop has ended
            self._is_closed = True


def _unreadable(exc: BaseException) -> BatchError:
    """What is said when a script's own iterator fails, or a file breaks off."""
    error = BatchError(
        tr("The rows cannot be read on: {name}: {reason}.", name=type(exc).__name__, reason=str(exc).rstrip(".")),
        next_step=tr("Mend it, then run again: it goes on."),
    )
    error.code, error.__cause__ = DEFECT, exc
    return error


def _reject_of(row: Row, reason: str, next_step: str) -> Reject:
    line, reason = _line_number(row.place), reason.rstrip(".")
    return Reject(line, reason if line else f"{reason} ({row.place})", next_step=next_step)


def _line_number(place: str) -> int:
    word = place.rpartition(" ")[2]
    return int(word) if word.isdigit() else 0

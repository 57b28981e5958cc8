"""The one thread `nuke-ai-store`: takes jobs in order and hands those that wait together to the open history.

A future resolves after the commit, so what is acknowledged is on the disk. Under load the jobs that gather during one
commit share the next one, which is what makes sixty-four running answers cost about as many commits as one.
The database lives in the thread's own frame and nowhere else: a forked child has the frame's memory but not the
thread, so it can neither use nor finalise its parent's connection; its own jobs run on a thread and in memory of its
own, because SQLite's notes about who holds which lock were copied too and are wrong there.
How a group of jobs is written, and what happens when it cannot be, is `open_history`'s business.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Callable, Hashable, List, Optional, Tuple, TypeVar

from ..errors import StoreError
from ..utils.survivors import call_after_fork
from ..words import tr
from .board import Board
from .database import Database, leave_to_parent
from .jobs import Job
from .open_history import OpenHistory

log = logging.getLogger(__name__)

T = TypeVar("T")

THREAD_NAME = "nuke-ai-store"
GROUP_LIMIT = 512


class Worker:
    """Takes jobs from any thread; starts its thread at the first one and needs no atexit."""

    _lock: threading.RLock
    _jobs: SimpleQueue[Optional[Job]]
    _thread: Optional[threading.Thread]

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._is_closed = False
        self.board = Board()
        self.on_fork: Callable[[], None] = lambda: None
        self.guard = threading.RLock()
        self._begin()
        _watch_forks(self)

    def submit(
        self, run: Callable[[Database], T], *, writes: bool, key: Optional[Hashable] = None, is_kept: bool = False,
        is_temporary: bool = False,
    ) -> Future[T]:
        """Queues a job; returns at once."""
        job = Job(run, writes=writes, key=key, is_kept=is_kept, is_temporary=is_temporary)
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
            return StoreError("the store is closed", code="closed", user_text=tr("The chat history is closed."))
        if self._thread is None:
            thread = threading.Thread(target=self._serve, args=(self._jobs,), name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as exc:  # the interpreter is going down
                return StoreError(str(exc), code="closed", user_text=tr("The chat history is closed."))
            self._thread = thread
        return None

    def begin_in_child(self) -> None:
        """Starts again after a fork; a file that the parent has open stays the parent's."""
        if self._thread is not None:
            leave_to_parent(self._path)
        self._begin()
        self.on_fork()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self.guard = threading.RLock()
        self._jobs = SimpleQueue()
        self._thread = None

    def _serve(self, jobs: SimpleQueue[Optional[Job]]) -> None:
        history = OpenHistory(self._path, busy_timeout_s=self._busy_timeout_s, board=self.board, guard=self.guard)

        def serve_waiting() -> None:
            waiting: List[Job] = []
            with contextlib.suppress(Empty):
                while len(waiting) < GROUP_LIMIT:
                    job = jobs.get_nowait()
                    if job is None:
                        jobs.put(None)  # the end comes after this
                        break
                    waiting.append(job)
            if waiting:
                history.run(waiting)

        is_open = True
        while is_open:
            group, is_open = _gather(jobs, timeout_s=history.wait_s())
            try:
                history.run(group, is_last=not is_open)
                if is_open:
                    history.tend(serve_waiting)
            except Exception as exc:  # the end of a group: a bug reaches its callers, and the thread lives
                log.exception("the store failed in an unexpected way")
                for job in group:
                    job.resolve((None, exc))
        history.close()


def _gather(jobs: SimpleQueue[Optional[Job]], *, timeout_s: Optional[float]) -> Tuple[List[Job], bool]:
    """Waits for a job and takes all that are queued behind it; False with them when the last was the end."""
    group: List[Job] = []
    try:
        job = jobs.get(timeout=timeout_s)
        while job is not None:
            group.append(job)
            if len(group) >= GROUP_LIMIT:
                return group, True
            job = jobs.get_nowait()
    except Empty:
        return group, True
    return group, False


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _watch_forks(worker: Worker) -> None:
    _workers.add(worker)
    call_after_fork(_begin_again_in_child)


def _begin_again_in_child() -> None:
    for worker in list(_workers):
        worker.begin_in_child()

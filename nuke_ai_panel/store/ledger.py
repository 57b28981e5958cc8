"""The ledger of what left the machine, as its callers see it: jobs for the thread `nuke-ai-ledger`, answers as futures.

Any thread may call; nothing blocks but `close`. The thread starts at the first job and works them off one by one, so
that a budget is looked at and charged in one step. A forked child starts a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Callable, ContextManager, List, NamedTuple, Optional, TypeVar

from ..errors import StoreError
from .ledger_file import LedgerFile, trouble

T = TypeVar("T")
Job = Callable[[], None]

THREAD_NAME = "nuke-ai-ledger"
_MOST_AT_ONCE = 64
# What nobody waits for may wait that long for company: a turn at the files costs more than a line.
_LINGER_S = 0.05


class _Queued(NamedTuple):
    """A job, and whether somebody waits for it."""

    job: Job
    is_awaited: bool


class Ledger:
    """One user's ledger. Its folder may be moved by `at`, because a studio may say where it belongs."""

    def __init__(self, folder: Path) -> None:
        self._file = LedgerFile(folder)
        self._thread: Optional[threading.Thread] = None
        self._is_closed = False
        self._begin()

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._file.folder

    def at(self, folder: Path) -> LedgerFile:
        """The files in `folder`, from now on the ledger's. Inside a job only."""
        if folder != self._file.folder:
            self._file = LedgerFile(folder)
        return self._file

    def submit(self, work: Callable[[LedgerFile], T], *, is_awaited: bool = True) -> Future[T]:
        """Queues `work`, which may block and is called with the files; the future has what it returns or raises.

        Work that nobody awaits is done with the next that somebody does, or a moment later.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def job() -> None:
            try:
                result = work(self._file)
            except Exception as exc:  # noqa: BLE001  # handed to whoever asked
                future.set_exception(exc)
            else:
                future.set_result(result)

        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._is_closed or not self._is_running():
                future.set_exception(trouble(self.folder, RuntimeError("it is closed")))
            else:
                self._jobs.put(_Queued(job, is_awaited))
        return future

    def close(self, timeout_s: float = 1.0) -> None:
        """Works off what is queued, waiting at most so long, and ends the thread. Idempotent, from any thread."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
        if thread is not None and self._pid == os.getpid() and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _turn(self) -> ContextManager[None]:
        return self._file.turn()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Optional[_Queued]] = SimpleQueue()
        self._thread = None
        self._file = LedgerFile(self._file.folder)

    def _is_running(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=_serve, args=(self._jobs, self._turn), name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is going down
                return False
            self._thread = thread
        return True


def _serve(jobs: SimpleQueue[Optional[_Queued]], take_turn: Callable[[], ContextManager[None]]) -> None:
    """Works off jobs; those that wait together share one turn at the files."""
    while True:
        group = _gathered(jobs)
        with contextlib.ExitStack() as turn:
            if len(group) > 1:
                with contextlib.suppress(StoreError):  # then each job finds out by itself, and says it
                    turn.enter_context(take_turn())
            for queued in group:
                if queued is None:
                    return
                queued.job()


def _gathered(jobs: SimpleQueue[Optional[_Queued]]) -> List[Optional[_Queued]]:
    """The next jobs, in their order; None is the end."""
    group = [jobs.get()]
    until = time.monotonic() + _LINGER_S
    while len(group) < _MOST_AT_ONCE and group[-1] is not None:
        is_urgent = any(one is not None and one.is_awaited for one in group)
        try:
            group.append(jobs.get_nowait() if is_urgent else jobs.get(timeout=max(0.0, until - time.monotonic())))
        except Empty:
            break
    return group

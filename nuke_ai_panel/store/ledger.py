"""The ledger of what left the machine, as its callers see it: jobs for the thread `nuke-ai-ledger`, answers as futures.

Any thread may call; nothing blocks but `close`. The thread starts at the first job and works them off one by one, so
that a budget is looked at and charged in one step. A forked child starts a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Callable, ContextManager, Optional, TypeVar

from ..errors import StoreError
from .ledger_file import LedgerFile, trouble

T = TypeVar("T")
Job = Callable[[], None]

THREAD_NAME = "nuke-ai-ledger"
_MOST_AT_ONCE = 64


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

    def submit(self, work: Callable[[LedgerFile], T]) -> Future[T]:
        """Queues `work`, which may block and is called with the files; the future has what it returns or raises."""
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
                self._jobs.put(job)
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
        self._jobs: SimpleQueue[Optional[Job]] = SimpleQueue()
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


def _serve(jobs: SimpleQueue[Optional[Job]], take_turn: Callable[[], ContextManager[None]]) -> None:
    """Works off jobs; those that wait together share one turn at the files."""
    while True:
        group = [jobs.get()]
        while not jobs.empty() and len(group) < _MOST_AT_ONCE:
            group.append(jobs.get())
        with contextlib.ExitStack() as turn:
            if len(group) > 1:
                with contextlib.suppress(StoreError):  # then each job finds out by itself, and says it
                    turn.enter_context(take_turn())
            for job in group:
                if job is None:
                    return
                job()



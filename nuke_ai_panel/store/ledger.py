"""The ledger of what left the machine, as its callers see it: jobs for the thread `nuke-ai-ledger`, answers as futures.

Any thread may call; nothing blocks but `close`. The thread starts at the first job and works them off one by one, so
that a budget is looked at and charged in one step. A forked child starts a thread of its own.

While many requests leave, the thread keeps its turn at the files for some milliseconds, writes once for all that came
together and wakes the loop once: each call into the system costs a wait for the interpreter's lock, which the loop
holds most of the time.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar, Union

from ..errors import StoreError
from .ledger_file import LedgerFile, trouble

T = TypeVar("T")

THREAD_NAME = "nuke-ai-ledger"
_MOST_AT_ONCE = 64
# What nobody waits for may wait that long for company: a turn at the files costs more than a line.
_LINGER_S = 0.05
# So long a turn is kept, and so long it waits for the next job; other sessions want theirs, too.
_TURN_S = 0.01
_LULL_S = 0.003


class _Queued(NamedTuple):
    """A job, its future, and whether somebody waits for it. A future of a loop is told there."""

    work: Callable[[LedgerFile], Any]  # Any: what the future of the same job has
    future: Union[Future[Any], asyncio.Future[Any]]
    is_awaited: bool

    def run(self, file: LedgerFile) -> Tuple[Any, Optional[Exception]]:  # Any: as above
        """What the job brings, or what it raises."""
        try:
            return self.work(file), None
        except Exception as exc:  # noqa: BLE001  # handed to whoever asked
            return None, exc


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
        self._put(_Queued(work, future, is_awaited))
        return future

    def ask(self, work: Callable[[LedgerFile], T]) -> asyncio.Future[T]:
        """As `submit`, for the loop that this is called on."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Queued(work, future, True))
        return future

    def _put(self, queued: _Queued) -> None:
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._is_closed or not self._is_running():
                queued.future.set_exception(trouble(self.folder, RuntimeError("it is closed")))
            else:
                self._jobs.put(queued)

    def close(self, timeout_s: float = 1.0) -> None:
        """Works off what is queued, waiting at most so long, and ends the thread. Idempotent, from any thread."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
        if thread is not None and self._pid == os.getpid() and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Optional[_Queued]] = SimpleQueue()
        self._thread = None
        self._file = LedgerFile(self._file.folder)

    def _is_running(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(
                target=_serve, args=(self._jobs, lambda: self._file), name=THREAD_NAME, daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is going down
                return False
            self._thread = thread
        return True


def _serve(jobs: SimpleQueue[Optional[_Queued]], the_file: Callable[[], LedgerFile]) -> None:
    """Works off jobs; those that wait together share one turn at the files, and are answered when they are written."""
    is_open = True
    while is_open:
        group, is_open = _gathered(jobs)
        if len(group) > 1:
            try:
                with the_file().turn() as write:
                    until = time.monotonic() + _TURN_S
                    while group:
                        results = [queued.run(the_file()) for queued in group]
                        write()
                        _answer(group, results)
                        group = []
                        if is_open and time.monotonic() < until:
                            group, is_open = _gathered(jobs, _LULL_S)
            except StoreError:  # nothing of the group was written: each finds out by itself, and says it
                pass
        _answer(group, [queued.run(the_file()) for queued in group])


def _answer(group: List[_Queued], results: List[Tuple[Any, Optional[Exception]]]) -> None:  # Any: what each job brings
    of_loops: Dict[asyncio.AbstractEventLoop, List[Callable[[], None]]] = {}
    for queued, (result, error) in zip(group, results):
        future = queued.future
        if isinstance(future, Future):
            _settle(future, result, error)
        else:
            of_loops.setdefault(future.get_loop(), []).append(partial(_settle, future, result, error))
    for loop, calls in of_loops.items():
        try:
            loop.call_soon_threadsafe(_call_all, calls)
        except RuntimeError:  # the loop has ended, and nobody waits any more
            pass


def _settle(
    future: Union[Future[Any], asyncio.Future[Any]], result: Any, error: Optional[Exception]  # Any: what a job brings
) -> None:
    if future.done():  # whoever asked has gone
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _call_all(calls: List[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _gathered(
    jobs: SimpleQueue[Optional[_Queued]], wait_s: Optional[float] = None
) -> Tuple[List[_Queued], bool]:
    """The next jobs, in their order, and whether more may follow. None at all when none came within `wait_s`."""
    group: List[_Queued] = []
    is_urgent = False
    try:
        queued = jobs.get(timeout=wait_s)
    except Empty:
        return group, True
    until = time.monotonic() + _LINGER_S
    while queued is not None:
        group.append(queued)
        is_urgent = is_urgent or queued.is_awaited
        if len(group) == _MOST_AT_ONCE:
            return group, True
        try:
            lull_s = until - time.monotonic() if wait_s is None else 0.0
            queued = jobs.get_nowait() if is_urgent else jobs.get(timeout=max(0.0, lull_s))
        except Empty:
            return group, True
    return group, False

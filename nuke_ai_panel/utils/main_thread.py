"""How other threads get something done on the main thread: they submit, it serves. The host brings its own.

`MainThread` is the contract. `PumpedMainThread` is for programs without an event loop of their own (the command line,
a blocking `ask()`, batch): whoever waits there serves meanwhile, so that a tool that needs the main thread cannot
deadlock with the one who waits for the tool. Values and errors come back through the future, never printed.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, Callable, Optional, Protocol, Tuple, TypeVar

T = TypeVar("T")
# Any: the queue holds calls of every result type, each with its own future.
_Work = Tuple[Callable[[], Any], "Future[Any]"]


class MainThread(Protocol):
    """Runs calls on the main thread."""

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queues `call` and returns at once. Any thread. Cancelling the future before it runs takes it back."""
        ...


class PumpedMainThread:
    """Runs submitted calls on the thread that made it, while that thread is in `serve`."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Optional[_Work]] = queue.SimpleQueue()
        self._thread_id = threading.get_ident()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queues `call` and returns at once. Any thread."""
        future: Future[T] = Future()
        self._work.put((call, future))
        return future

    def is_current(self) -> bool:
        """Whether the caller is the thread that serves."""
        return threading.get_ident() == self._thread_id

    def serve(self, until: Future[T], timeout_s: Optional[float] = None) -> bool:
        """Runs what is submitted until `until` is done; False if the time is up first. Its own thread only."""
        if not self.is_current():
            raise RuntimeError("only the thread that made a PumpedMainThread can serve it")
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        until.add_done_callback(lambda _: self._work.put(None))
        while not until.done():
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                work = self._work.get(timeout=left)
            except queue.Empty:
                return False
            if work is not None:
                _run(*work)
        return True


def _run(call: Callable[[], T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as exc:
        future.set_exception(exc)
        if not isinstance(exc, Exception):
            raise
        return
    future.set_result(result)

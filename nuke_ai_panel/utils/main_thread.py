"""How other threads get something done on the main thread: they submit, it serves. The host brings its own.

`MainThread` is the contract. `PumpedMainThread` is for programs without an event loop of their own (the command line,
a blocking `ask()`, batch): whoever waits there serves meanwhile, so that a tool that needs the main thread cannot
deadlock with the one who waits for the tool. `HostedMainThread` is the process's own main thread inside a host whose
event loop serves it too. Values and errors come back through the future, never printed.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, Callable, Optional, Protocol, Tuple, TypeVar

from .host_offers import MAIN_LOOP, offered

T = TypeVar("T")
# On some systems a signal is only seen between two waits: Ctrl-C must not have to wait for an answer.
SIGNAL_LOOK_S = 0.25
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
            left = SIGNAL_LOOK_S if deadline is None else min(SIGNAL_LOOK_S, deadline - time.monotonic())
            try:
                work = self._work.get(timeout=max(0.0, left))
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                continue
            if work is not None:
                _run(*work)
        return True


class WaitEndedError(Exception):
    """The host ended a wait before what was waited for: `reason` is "escape" or "quit"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the wait was ended: {reason}")
        self.reason = reason


class HostLoop(Protocol):
    """A host's own event loop, on the main thread."""

    def wake(self) -> None:
        """Has the main thread's work served soon, from the loop. Any thread; never blocks, never raises."""
        ...

    def wait(self, until: Future[Any], timeout_s: Optional[float]) -> bool:
        """Runs the loop until `until` is done; False if the time is up first. Raises WaitEndedError. Main thread."""
        ...


class HostedMainThread(PumpedMainThread):
    """Python's main thread, whose work its host's event loop serves too; where none runs, only who waits does.

    While it waits in a host with an event loop, that loop goes on: windows stay alive, and the host's own work for
    the main thread is done.
    """

    def is_current(self) -> bool:
        """Whether the caller is the main thread."""
        return threading.current_thread() is threading.main_thread()

    def is_hosted(self) -> bool:
        """Whether an event loop serves it without anybody waiting."""
        return self._host() is not None

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Queues `call` and returns at once. Any thread."""
        future = super().submit(call)
        host = self._host()
        if host is not None:
            host.wake()
        return future

    def serve_now(self) -> None:
        """Runs what waits, and returns. Its own thread only."""
        while True:
            try:
                work = self._work.get_nowait()
            except queue.Empty:
                return
            if work is not None:
                _run(*work)

    def serve(self, until: Future[Any], timeout_s: Optional[float] = None) -> bool:
        """Runs what is submitted, and the host's event loop where there is one, until `until` is done.

        False if the time is up first. Raises WaitEndedError where the host ends the wait. Its own thread only.
        """
        host = self._host() if self.is_current() else None
        if host is None:
            return super().serve(until, timeout_s)
        self.serve_now()
        return until.done() or host.wait(until, timeout_s)

    def _host(self) -> Optional[HostLoop]:
        found: Optional[HostLoop] = offered(MAIN_LOOP)
        return found


_main = HostedMainThread()


def the_main_thread() -> HostedMainThread:
    """The one main thread of the process."""
    return _main


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

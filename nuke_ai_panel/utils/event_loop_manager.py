"""Owns the one background event loop that every turn and every provider session lives on.

The loop runs on the daemon thread `nuke-ai-loop`, from the first use to `shutdown_event_loop`; the next use starts a
fresh one. Any thread may call anything here, except that the loop's own thread can neither block on itself nor shut
itself down. The thread's target is `loop.run_forever` itself and its executor is the standard one, so that a reload of
our code leaves no frame and no class of ours behind in them.

Nothing here depends on `atexit`: the call registered there is a courtesy to a program that forgot to shut down.
A forked child never touches its parent's loop (even closing it would deafen the parent, with whom it shares an epoll
object); it starts its own at first use.

asyncio is imported at first use, behind `loop_life`: it alone costs more than the library's whole import budget.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, Dict, Mapping, Optional, Tuple, TypeVar, cast

from .loop_watch import LoopWatch
from .survivors import keep, look, take

if TYPE_CHECKING:
    import asyncio

    from .loop_life import RunningLoop

log = logging.getLogger(__name__)

T = TypeVar("T")
Closer = Callable[[], Awaitable[None]]
Leave = Callable[[], Optional[Closer]]
Again = Callable[[], None]
_Coro = Coroutine[Any, Any, T]  # Any: what a coroutine yields to its loop is nobody else's business

# A waiting caller looks this often whether the loop's thread still lives.
_ALIVE_CHECK_S = 1.0
# Under this name the loop survives a reload: (process id, loop, thread, executor, workers).
LOOP = "event loop"
# Under this name sessions do: a list of (whose, session, …), each with a coroutine `close`.
SESSIONS = "sessions"
# Child processes: a list of (whose, process, …).
CHILDREN = "local children"


@dataclass
class _Process:
    """What belongs to one process. A child made by fork finds nothing under its own id, and starts empty."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    running: Optional[RunningLoop] = None
    # The module that started `running` ends it too, also while a reload has another one under its name.
    life: Any = None  # Any: a module
    watch: Optional[LoopWatch] = None
    closers: Dict[str, Closer] = field(default_factory=dict)
    leavers: Dict[str, Tuple[Leave, Optional[Again]]] = field(default_factory=dict)
    is_exit_registered: bool = False


class EventLoopManager:
    """The one owner of the background loop; constructing it again gives the same object."""

    _instance: Optional[EventLoopManager] = None
    _instance_lock = threading.Lock()
    _processes: Dict[int, _Process]

    def __new__(cls) -> EventLoopManager:
        if cls._instance is None:
            with cls._instance_lock:
                if cls._instance is None:
                    manager = super().__new__(cls)
                    manager._processes = {}
                    cls._instance = manager
        return cls._instance

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        """The running background loop; starts it if need be."""
        process = self._process()
        if process.running is not None and _is_current(process.running):
            return process.running.loop
        with process.lock:
            return _started(process).loop

    def create_task(self, coro: _Coro[T]) -> Future[T]:
        """Starts `coro` on the loop and returns at once. Cancelling the future cancels the task.

        An exception that nobody reads from the future is logged.
        """
        process = self._process()
        # The loop's thread does not take the lock: it must get through while another thread shuts the loop down.
        if process.running is not None and _is_current(process.running):
            return _submitted(process, process.running, coro)
        with process.lock:
            return _submitted(process, _started(process), coro)

    def run_coroutine(self, coro: _Coro[T], timeout: Optional[float] = None) -> T:
        """Runs `coro` on the loop and waits for its result.

        Raises the coroutine's own exception; TimeoutError after `timeout` seconds, with the coroutine cancelled;
        concurrent.futures.CancelledError when the loop is shut down meanwhile; RuntimeError on the loop's own thread,
        where waiting could never end (the coroutine stays the caller's to close).
        """
        if self.is_loop_thread():
            raise RuntimeError("run_coroutine was called on the event loop's own thread: await the coroutine instead")
        deadline = None if timeout is None else time.monotonic() + timeout
        future = self.create_task(coro)
        try:
            while True:
                left = _ALIVE_CHECK_S if deadline is None else min(_ALIVE_CHECK_S, deadline - time.monotonic())
                try:
                    return future.result(max(0.0, left))
                except FutureTimeoutError:
                    if future.done():  # the coroutine raised a TimeoutError of its own, or has just ended
                        return future.result()
                    if left <= 0 and future.cancel():
                        break
                    self._replace_if_dead()
        except BaseException:
            future.cancel()
            raise
        raise TimeoutError(f"the coroutine did not finish within {timeout:g} s and was cancelled")

    def is_loop_thread(self) -> bool:
        """Whether the caller runs on the loop's own thread."""
        running = self._process().running
        return running is not None and _is_current(running)

    def on_shutdown(self, name: str, close: Closer) -> None:
        """Has `close` awaited on the loop, once, at the start of the next shutdown. The same name replaces."""
        self._process().closers[name] = close

    def forget(self, name: str) -> None:
        """Takes back `on_shutdown`. An unknown name is fine: the shutdown may have been quicker."""
        self._process().closers.pop(name, None)

    def when_given_up(self, name: str, leave: Leave, again: Optional[Again] = None) -> None:
        """Has `leave` called, on any thread, when a loop is replaced because something blocks it, then `again`.

        `leave` forgets what lives on that loop, and may return what closes it there should the loop come free;
        `again` may use the next one. Both hold for every loop until `forget_given_up`. The same name replaces.
        """
        self._process().leavers[name] = (leave, again)

    def forget_given_up(self, name: str) -> None:
        """Takes back `when_given_up`. An unknown name is fine."""
        self._process().leavers.pop(name, None)

    def _give_up(self, running: RunningLoop) -> None:
        """Replaces a blocked loop: its next user gets a fresh one, and whoever waits for the old one is freed."""
        process = self._process()
        with process.lock:
            if process.running is not running:
                return  # it was shut down or handed over meanwhile
            closers: Dict[str, Closer] = {}
            leavers = list(process.leavers.items())
            for name, (leave, _) in leavers:
                try:
                    closer = leave()
                except Exception:
                    log.exception("%s could not be taken from a blocked event loop", name)
                    continue
                if closer is not None:
                    closers[name] = closer
            process.closers.clear()
            life, process.running, process.watch = process.life, None, None
        life.leave_loop(running, closers)
        for name, (_, again) in leavers:
            try:
                if again is not None and name in process.leavers:
                    again()
            except Exception:
                log.exception("%s could not go on after a blocked event loop", name)

    def end_at_exit(self) -> None:
        """Has Python's exit shut the loop down, after whatever is registered there from now on. Idempotent."""
        process = self._process()
        if not process.is_exit_registered:
            process.is_exit_registered = True
            atexit.register(_shutdown_at_exit)

    def shutdown(self) -> None:
        """Closes what was registered, cancels and awaits what runs, ends loop and threads, within 2 s. Idempotent.

        Who uses the loop meanwhile waits, and gets a fresh one. RuntimeError on the loop's own thread.
        """
        process = self._process()
        if process.running is not None and _is_current(process.running):
            raise RuntimeError("the event loop cannot be shut down from its own thread")
        with process.lock:
            if process.running is not None:
                _end(process, process.running)

    def hand_over(self, releasers: Mapping[str, Closer]) -> None:
        """Leaves the loop and its thread, running and empty, to the next generation of this code; see `survivors`.

        `releasers` are awaited on the loop first, then what was registered with `on_shutdown`; what still runs
        afterwards is cancelled. RuntimeError on the loop's own thread. With no loop there is nothing to leave.
        """
        process = self._process()
        if process.running is not None and _is_current(process.running):
            raise RuntimeError("the event loop cannot be handed over from its own thread")
        with process.lock:
            _end_if_dead(process)
            running = process.running
            if running is not None:
                closers = {**releasers, **process.closers}
                process.closers.clear()
                _end_watch(process)
                process.life.empty_loop(running, closers)
                process.running = None
                keep(LOOP, (os.getpid(), running.loop, running.thread, running.executor, running.workers))
            if process.is_exit_registered:
                process.is_exit_registered = False
                atexit.unregister(_shutdown_at_exit)

    def _process(self) -> _Process:
        process = self._processes.get(os.getpid())
        # setdefault is atomic: threads that race here agree on one object.
        return process if process is not None else self._processes.setdefault(os.getpid(), _Process())

    def _replace_if_dead(self) -> None:
        process = self._process()
        with process.lock:
            _end_if_dead(process)


def get_event_loop_manager() -> EventLoopManager:
    """The one EventLoopManager."""
    return EventLoopManager()


def run_coroutine(coro: _Coro[T], timeout: Optional[float] = None) -> T:
    """Runs `coro` on the background loop and waits; see EventLoopManager.run_coroutine."""
    return EventLoopManager().run_coroutine(coro, timeout)


def create_task(coro: _Coro[T]) -> Future[T]:
    """Starts `coro` on the background loop and returns its future at once; see EventLoopManager.create_task."""
    return EventLoopManager().create_task(coro)


def get_event_loop() -> asyncio.AbstractEventLoop:
    """The running background loop; starts it if need be."""
    return EventLoopManager().get_event_loop()


def shutdown_event_loop() -> None:
    """Ends the background loop and all that lives on it; the next use starts a fresh one. Idempotent."""
    EventLoopManager().shutdown()


def _is_current(running: RunningLoop) -> bool:
    return running.thread.ident == threading.get_ident() and running.thread.is_alive()


def _started(process: _Process) -> RunningLoop:
    """The live loop of `process`, whose lock the caller holds."""
    _end_if_dead(process)
    if process.running is None:
        from . import loop_life  # asyncio's door: see the module's docstring

        process.life = loop_life
        born_in, *parts = take(LOOP, (0,))
        if born_in == os.getpid() and parts[1].is_alive():
            process.running = loop_life.RunningLoop(*parts)
        else:
            process.running = loop_life.start_loop()
        running = process.running
        process.watch = LoopWatch(running.loop, running.thread, lambda: EventLoopManager()._give_up(running))
        process.watch.start()
        EventLoopManager().end_at_exit()
    return process.running


def _submitted(process: _Process, running: RunningLoop, coro: _Coro[T]) -> Future[T]:
    return cast("Future[T]", process.life.submit(running, coro))


def _end_if_dead(process: _Process) -> None:
    if process.running is not None and not process.running.thread.is_alive():
        log.error("something stopped the event loop; what ran on it is cancelled")
        _end(process, process.running)


def _end(process: _Process, running: RunningLoop) -> None:
    closers = dict(process.closers)
    if look(SESSIONS) or look(CHILDREN):
        closers[SESSIONS] = _close_unclaimed
    process.closers.clear()
    _end_watch(process)
    try:
        # `running` stays in place until it has ended, so that closers and tasks may use this module as ever.
        process.life.end_loop(running, closers)
    finally:
        process.running = None
        process.closers.clear()


def _end_watch(process: _Process) -> None:
    watch, process.watch = process.watch, None
    if watch is not None:
        watch.end()


async def _close_unclaimed() -> None:
    """Closes the sessions and ends the children that survived a reload and that nobody has asked for since."""
    for _, process, *_ in take(CHILDREN, ()):
        process.kill()
        process.wait(1.0)
        process.stdin.close()
    for _, session, *_ in take(SESSIONS, ()):
        await session.close()


def _shutdown_at_exit() -> None:
    try:
        shutdown_event_loop()
    except Exception:
        log.debug("the event loop did not shut down at exit", exc_info=True)

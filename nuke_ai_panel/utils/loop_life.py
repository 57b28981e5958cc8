"""Starts a background event loop on its own thread, and ends it completely. Used by `EventLoopManager` only.

Apart from the manager because it imports asyncio, which costs more than the library's whole import budget.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import logging
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import thread as pool_module
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Coroutine, Dict, Iterable, List, Mapping, Optional, Set, cast

from .loop_future import LoopFuture, abandon, begin
from .loop_watch import stack_of

log = logging.getLogger(__name__)

Closer = Callable[[], Awaitable[None]]

THREAD_NAME = "nuke-ai-loop"
WORKER_NAME = "nuke-ai-worker"
_WORKERS = 6

# The shutdown's 2 s, in order. Each stage ends as soon as it has nothing to wait for.
_CLOSERS_S = 0.7
_TASKS_S = 0.6
_GENERATORS_S = 0.2
_SHUTDOWN_S = 1.9
# How often a task that swallows its cancellation is cancelled again.
_CANCEL_AGAIN_S = 0.1


@dataclass
class RunningLoop:
    """A started loop. `unfinished` maps each future to its coroutine until that has a task, then to None."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    executor: ThreadPoolExecutor
    workers: List[threading.Thread] = field(default_factory=list)
    unfinished: Dict[LoopFuture, Optional[Coroutine[Any, Any, Any]]] = field(default_factory=dict)


_left_behind: List[RunningLoop] = []


def start_loop() -> RunningLoop:
    """A loop that runs on its own daemon thread, with all its workers started."""
    # Named explicitly: the process-wide policy belongs to the host, and subprocesses on Windows need the Proactor.
    loop: asyncio.AbstractEventLoop
    if sys.platform == "win32":
        loop = asyncio.ProactorEventLoop()
    else:
        loop = asyncio.SelectorEventLoop()
    executor = ThreadPoolExecutor(_WORKERS, WORKER_NAME)
    loop.set_default_executor(executor)
    thread = threading.Thread(target=loop.run_forever, name=THREAD_NAME, daemon=True)
    running = RunningLoop(loop, thread, executor)
    loop.call_soon(_start_workers, running)
    try:
        thread.start()
    except RuntimeError:
        loop.close()
        raise
    return running


def submit(running: RunningLoop, coro: Coroutine[Any, Any, Any]) -> LoopFuture:
    """Starts `coro` on the loop from any thread; Any: its types do not matter here."""
    if not hasattr(coro, "send"):
        raise TypeError(f"a coroutine is needed, not {type(coro).__name__}")
    future = LoopFuture(getattr(coro, "__qualname__", type(coro).__name__))
    running.unfinished[future] = coro
    future.add_done_callback(functools.partial(_forget, running))
    running.loop.call_soon_threadsafe(_begin, running, coro, future)
    return future


def end_loop(running: RunningLoop, closers: Mapping[str, Closer]) -> None:
    """Closes, cancels and awaits everything on the loop, then ends loop and threads, within 2 s. Not on its thread."""
    deadline = time.monotonic() + _SHUTDOWN_S
    loop = running.loop
    if not loop.is_closed():
        if not running.thread.is_alive():
            # Something stopped the loop under us. What waits on it can still be ended in order.
            running.thread = threading.Thread(target=loop.run_forever, name=THREAD_NAME, daemon=True)
            running.thread.start()
        drained = LoopFuture("the event loop's shutdown")
        drained.add_done_callback(lambda _: loop.stop())
        loop.call_soon_threadsafe(begin, loop, _drain(closers, generators=loop.shutdown_asyncgens), drained)
        running.thread.join(_SHUTDOWN_S)
    running.executor.shutdown(wait=False)
    if running.thread.is_alive():
        log.error("the event loop is blocked and its thread is left behind; it is here:\n%s", stack_of(running.thread))
        _left_behind.append(running)
    else:
        loop.close()
    _close_left_behind()
    for future, coro in list(running.unfinished.items()):
        abandon(coro, future)
    for worker in running.workers:
        if worker is not threading.current_thread():
            worker.join(max(0.0, deadline - time.monotonic()))


def leave_loop(running: RunningLoop, closers: Mapping[str, Closer]) -> None:
    """Gives a blocked loop up without waiting for it: whoever waits for something on it is freed at once.

    Should it come free one day, it closes, cancels and ends as it would have in order.
    """
    loop = running.loop
    drained = LoopFuture("the end of a blocked event loop")
    drained.add_done_callback(lambda _: loop.stop())
    loop.call_soon_threadsafe(begin, loop, _drain(closers, generators=loop.shutdown_asyncgens), drained)
    running.executor.shutdown(wait=False)
    _left_behind.append(running)
    for future, coro in list(running.unfinished.items()):
        abandon(coro, future)


def empty_loop(running: RunningLoop, closers: Mapping[str, Closer]) -> None:
    """Closes, cancels and awaits everything on the loop as `end_loop` does, but leaves it running, with nothing of
    ours on it. Not on its thread.
    """
    drained = LoopFuture("the event loop's change of hands")
    running.loop.call_soon_threadsafe(begin, running.loop, _drain(closers, generators=_close_generators), drained)
    try:
        drained.result(_SHUTDOWN_S)
    except FutureTimeoutError:
        log.error("the event loop is blocked and cannot be handed over; it is here:\n%s", stack_of(running.thread))
        raise
    for future, coro in list(running.unfinished.items()):
        abandon(coro, future)


def _close_left_behind() -> None:
    """Closes the loops that were blocked at their shutdown and have come free since."""
    for running in list(_left_behind):
        if not running.thread.is_alive():
            _left_behind.remove(running)
            running.loop.close()


def _begin(running: RunningLoop, coro: Coroutine[Any, Any, Any], future: LoopFuture) -> None:
    if future in running.unfinished:
        running.unfinished[future] = None
    begin(running.loop, coro, future)


def _forget(running: RunningLoop, future: Future[Any]) -> None:
    running.unfinished.pop(cast(LoopFuture, future), None)


def _start_workers(running: RunningLoop) -> None:
    """Starts every worker now, because no thread can be started once the interpreter exits.

    On the loop's thread, so that they are daemons as it is: a name lookup that hangs must not hold up the exit.
    """
    everyone = threading.Barrier(_WORKERS + 1)
    for _ in range(_WORKERS):
        # Each worker waits for the last one: as long as none is idle, the executor starts another.
        running.executor.submit(_join_in, everyone, running.workers)
    everyone.wait(10)
    for worker in running.workers:
        # The interpreter waits at its exit for every executor thread listed here, daemon or not.
        getattr(pool_module, "_threads_queues", {}).pop(worker, None)


def _join_in(everyone: threading.Barrier, workers: List[threading.Thread]) -> None:
    workers.append(threading.current_thread())
    everyone.wait(10)


async def _drain(closers: Mapping[str, Closer], *, generators: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    closing = {loop.create_task(_close(name, close)): name for name, close in closers.items()}
    if closing:
        _, late = await asyncio.wait(closing, timeout=_CLOSERS_S)
        for task in late:
            log.error("closing %s took longer than %g s", closing[task], _CLOSERS_S)
    others = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    stubborn = await _cancel(others, _TASKS_S)
    for task in stubborn:
        log.error("a task swallowed its cancellation and is dropped: %r", task)
        # It has been reported here; asyncio would say it again when the task is collected.
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch, absent from its stubs
    await asyncio.wait([asyncio.ensure_future(generators())], timeout=_GENERATORS_S)


async def _close_generators() -> None:
    """Closes the async generators that are left. The loop's own way forbids it new ones, and it is to live on."""
    left = tuple(getattr(asyncio.get_running_loop(), "_asyncgens", ()))
    await asyncio.gather(*(one.aclose() for one in left), return_exceptions=True)
    _drop_cancelled_timers(asyncio.get_running_loop())


def _drop_cancelled_timers(loop: asyncio.AbstractEventLoop) -> None:
    """Takes cancelled timers out of the loop's heap, as it does itself once they are many.

    Each keeps the context in which it was set until the moment it was set for, and with that whatever a request knew.
    """
    timers: List[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
    left = [timer for timer in timers if not timer.cancelled()]
    for timer in timers:
        if timer.cancelled():
            timer._scheduled = False  # type: ignore[attr-defined]  # as the loop marks what it has dropped
    timers[:] = left
    heapq.heapify(timers)
    loop._timer_cancelled_count = 0  # type: ignore[attr-defined]  # the loop's own count of them


async def _close(name: str, close: Closer) -> None:
    try:
        await close()
    except Exception:
        log.exception("closing %s failed", name)


async def _cancel(tasks: Iterable[asyncio.Task[Any]], budget_s: float) -> Set[asyncio.Task[Any]]:
    """Cancels `tasks` until they end or the time is up; returns those that did not end."""
    pending = set(tasks)
    deadline = time.monotonic() + budget_s
    while pending and time.monotonic() < deadline:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
    return pending

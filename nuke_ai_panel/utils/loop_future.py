"""The future that a task on the background loop hands to other threads. Made by `EventLoopManager` only.

An exception that nobody reads would vanish: a concurrent future keeps it silently. This one knows whether it was read:
dropped unread, it logs its exception at once; held unread, a moment after the task ended.
"""

from __future__ import annotations

import functools
import logging
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Coroutine, Optional

from ..errors import NukeAIError

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

# Who means to read an exception does it sooner than this; afterwards the log tells.
_UNREAD_GRACE_S = 1.0


class LoopFuture(Future):  # type: ignore[type-arg]  # a base class cannot be `Future[Any]` at run time on 3.9 stubs
    """A concurrent future: `cancel` from any thread cancels the task, and an exception is read or logged."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._is_read = False
        self._claims = [True]

    def claim(self) -> bool:
        """True for the first caller, who then sets the outcome; False for later ones, and when it was cancelled."""
        try:
            self._claims.pop()  # atomic: a blocked loop may come free while another thread gives it up
        except IndexError:
            return False
        return self.set_running_or_notify_cancel()

    def result(self, timeout: Optional[float] = None) -> Any:  # Any: whatever the coroutine returns
        """What the coroutine returned, or its exception raised here."""
        try:
            return super().result(timeout)
        finally:
            self._is_read = self._is_read or self.done()

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """What the coroutine raised, or None."""
        try:
            return super().exception(timeout)
        finally:
            self._is_read = self._is_read or self.done()

    def report_unread(self) -> None:
        """Logs the exception, once, if nobody has read it."""
        if self._is_read or not self.done() or self.cancelled():
            return
        self._is_read = True
        error = super().exception()
        if error is not None:
            log.error("%s failed and nobody read its result", self._name, exc_info=error)

    def __del__(self) -> None:
        self.report_unread()


def begin(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], future: LoopFuture) -> None:
    """Starts `coro` as the task behind `future`. Loop thread. Any: the coroutine's own types do not matter here."""
    if future.cancelled():
        coro.close()
        future.claim()
        return
    task = loop.create_task(coro)
    task.add_done_callback(functools.partial(_finish, loop, future))
    future.add_done_callback(functools.partial(_stop_if_cancelled, loop, task))


def abandon(coro: Optional[Coroutine[Any, Any, Any]], future: LoopFuture) -> None:
    """Ends a future whose loop is gone, so that nobody waits for it for ever. `coro` is None once it has a task."""
    if coro is not None:
        coro.close()
    if future.cancel():
        future.claim()


def _stop_if_cancelled(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], future: Future[Any]) -> None:
    if future.cancelled() and not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)


def _finish(loop: asyncio.AbstractEventLoop, future: LoopFuture, task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        future.cancel()
        future.claim()
        return
    error = task.exception()
    if not future.claim():
        # An error of ours is the stop itself, like that of a request whose session closed.
        if error is not None and not isinstance(error, NukeAIError):
            log.error("%s failed while it was being cancelled", future._name, exc_info=error)
    elif error is None:
        future.set_result(task.result())
    else:
        future.set_exception(error)
        loop.call_later(_UNREAD_GRACE_S, _report, weakref.ref(future))


def _report(reference: weakref.ref[LoopFuture]) -> None:
    future = reference()
    if future is not None:
        future.report_unread()

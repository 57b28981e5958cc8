"""The bar of a download, and waiting for what runs on the loop. Main thread; `show` is called on the loop's."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

from ..events import Progress
from .console import Console
from .interrupts import on_interrupt

_POLL_S = 0.1
_BAR_WIDTH = 30
_LINE_EVERY_S = 5.0
_STEPS = {
    "finding": "Looking for the model", "downloading": "Downloading", "checking": "Checking",
    "unpacking": "Unpacking", "waiting": "Waiting for another download to end", "resuming": "Going on after a break",
    "done": "Done",
}
_T = TypeVar("_T")


class Bar:
    """Progress on standard error. `show` is called on the loop thread and only keeps what it is told."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._told_at = 0.0

    def show(self, progress: Progress) -> None:
        """Draws the bar, or prints a line when a step begins and every few seconds after."""
        step = _STEPS.get(progress.detail, progress.detail or "Working")
        text = step if not progress.total else f"{step} {_amount(progress.done or 0, progress.total)}"
        if self._console.shows_wait:
            self._console.wait(f"{_bar(progress)}{text}")
            return
        now = time.monotonic()
        if step != self._step or now - self._told_at >= _LINE_EVERY_S:
            self._step, self._told_at = step, now
            self._console.note(text)

    def end(self) -> None:
        """Takes the bar away."""
        self._console.clear_wait()


def waited(future: Future[_T]) -> _T:
    """The future's result; Ctrl-C cancels it."""
    with on_interrupt(future.cancel):
        while True:
            try:
                return future.result(_POLL_S)
            except FutureTimeoutError:
                # On Python 3.11 a coroutine's own TimeoutError is this very class.
                if future.done():
                    raise


def _amount(done: int, total: int) -> str:
    return f"{100 * done // total:3d} %  {done / 1e6:.1f} of {total / 1e6:.1f} MB"


def _bar(progress: Progress) -> str:
    if not progress.total:
        return ""
    filled = _BAR_WIDTH * (progress.done or 0) // progress.total
    fill, empty = ("█", "░") if (sys.stderr.encoding or "").lower().startswith("utf") else ("#", ".")
    return f"{fill * filled}{empty * (_BAR_WIDTH - filled)} "

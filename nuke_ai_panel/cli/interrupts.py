"""Ctrl-C without an exception in the wrong place: the first one calls back, the second one raises. Main thread."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType
from typing import Callable, Iterator, List, Optional


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[List[int]]:
    """Calls `stop` at the first Ctrl-C (or termination) inside the block; yields the list of signals that came."""
    came: List[int] = []

    def answer(number: int, frame: Optional[FrameType]) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, answer) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """For the last moments of the process, whose code would print a traceback."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

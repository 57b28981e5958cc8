"""Watches that the background loop gets its turn, on a daemon thread that lives as long as the loop is ours.

A beat is put on the loop every half second. While one is overdue by `LAG_S`, the log gets the stack of what holds the
loop up; after `BLOCKED_S` the loop is given up. Lateness is counted in ticks of this thread, not by the clock: a
machine that sleeps, or a host that holds the interpreter for a minute, stops both and is no fault of the loop's.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

THREAD_NAME = "nuke-ai-watchdog"
TICK_S = 0.5
LAG_S = 2.0
BLOCKED_S = 10.0
_END_S = 0.5


class LoopWatch:
    """Watches `loop`, which runs on `thread`, from `start` to `end`; `give_up` is called on its own thread, once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, thread: threading.Thread, give_up: Callable[[], None]
    ) -> None:
        self._loop, self._loop_thread, self._give_up = loop, thread, give_up
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Begins. Where no thread can be started any more, nothing is watched."""
        self._thread = threading.Thread(target=self._watch, args=(os.getpid(),), name=THREAD_NAME, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is going down
            self._thread = None

    def end(self) -> None:
        """Ends, and waits for the thread unless this is it. Idempotent."""
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(_END_S)

    def _watch(self, born_in: int) -> None:
        beat: Optional[threading.Event] = None
        late_s, is_told = 0.0, False
        while not self._end.wait(TICK_S) and born_in == os.getpid():
            if beat is None or beat.is_set():
                if is_told:
                    log.warning("the event loop goes on after about %.1f s", late_s)
                beat, late_s, is_told = threading.Event(), 0.0, False
                try:
                    self._loop.call_soon_threadsafe(beat.set)
                except RuntimeError:  # closed: nothing is left to watch
                    return
                continue
            late_s += TICK_S
            if late_s >= LAG_S and not is_told and self._loop_thread.is_alive():
                is_told = True
                log.warning("the event loop has been held up for %.1f s; it is here:\n%s", late_s,
                            stack_of(self._loop_thread))
            if late_s >= BLOCKED_S:
                log.error("the event loop was held up for %.0f s and is replaced; it is here:\n%s", late_s,
                          stack_of(self._loop_thread))
                self._give_up()
                return


def stack_of(thread: threading.Thread) -> str:
    """Where `thread` is right now, as a traceback's text."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(no longer running)"

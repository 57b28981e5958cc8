"""In developers' mode: says in the log what of ours held the main thread up, with its stack.

A timer beats on the main thread; a daemon thread looks whether it did. A stall counts when a frame of our packages is
on the main thread's stack: what Nuke does by itself is no business of this log.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Optional

from ..qt import QtClass, QtCore

log = logging.getLogger(__name__)

THREAD_NAME = "nuke-ai-stall-watch"
BEAT_MS = 50
STALL_S = 0.2
_LOOK_S = 0.05
_END_S = 1.0
_OURS = ("nuke_ai_panel.", "nuke_ai_panel_qt.")
# Below these nothing is ours: the frame that runs the window's event loop is on the stack for ever.
_RUNS_THE_LOOP = "nuke_ai_panel_qt.standalone"


class StallWatch(QtCore.QObject, metaclass=QtClass):
    """Watches from `start` to `stop`. Made on the main thread."""

    def __init__(self) -> None:
        super().__init__()
        self._beat_at = 0.0
        self._main = threading.get_ident()
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begins. Idempotent."""
        if self._thread is None:
            self._beat()
            self._end = threading.Event()
            self._timer.start()
            self._thread = threading.Thread(target=self._watch, args=(self._end,), name=THREAD_NAME, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends. Idempotent."""
        self._timer.stop()
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_END_S)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    def _watch(self, end: threading.Event) -> None:
        told_at = 0.0
        looked_at = time.monotonic()
        while not end.wait(_LOOK_S):
            beat_at, now = self._beat_at, time.monotonic()
            # Whoever is late to look was held up too, by the machine or by whoever held the interpreter.
            is_late, looked_at = now - looked_at > STALL_S, now
            if beat_at == told_at or is_late or now - beat_at < STALL_S + BEAT_MS / 1000:
                continue
            frame = sys._current_frames().get(self._main)
            if frame is None or not is_ours(frame):
                continue
            told_at = beat_at
            log.warning(
                "the main thread has been held up for %.0f ms; it is here:\n%s", (now - beat_at) * 1000,
                "".join(traceback.format_stack(frame)),
            )


def is_ours(frame: Optional[FrameType]) -> bool:
    """Whether a function of our packages is on the stack that ends in `frame`."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(_OURS) and name != _RUNS_THE_LOOP:
            return True
        frame = frame.f_back
    return False

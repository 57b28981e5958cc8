"""Notices that files changed, by looking at them now and then, on one daemon thread. No dependency, no system limits.

Looking costs one `stat` a file. A file counts as changed when its size, its time or its identity did, also when it
came or went. What is called is called on the watching thread and must not take long; an error in it is logged.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Tuple

log = logging.getLogger(__name__)

THREAD_NAME = "nuke-ai-watch"

Files = Callable[[], Iterable[Path]]
_Mark = Optional[Tuple[int, int, int]]


def mark_of(path: Path) -> _Mark:
    """What changes when a file does; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class FileWatch:
    """Looks at `files()` every `every_s` seconds from `start` to `stop`, and calls `changed` with those that changed.

    `files` is asked anew each time. A process that was forked watches nothing.
    """

    def __init__(self, files: Files, changed: Callable[[List[Path]], None], *, every_s: float = 1.0) -> None:
        self._files, self._changed, self._every_s = files, changed, every_s
        self._marks: Dict[Path, _Mark] = {}
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begins; what is there now counts as known. Idempotent."""
        with self._lock:
            if self._thread is not None:
                return
            self._marks = self._look()
            self._end = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(self._end, os.getpid()), name=THREAD_NAME, daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Ends, and waits for a look that is under way unless that is where it was called. Idempotent."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._end.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def look(self) -> List[Path]:
        """One look now: what changed since the last one."""
        before, self._marks = self._marks, self._look()
        return sorted(
            path for path in {*before, *self._marks} if before.get(path) != self._marks.get(path)
        )

    def _watch(self, end: threading.Event, born_in: int) -> None:
        while not end.wait(self._every_s) and born_in == os.getpid():
            try:
                changed = self.look()
                if changed and not end.is_set():
                    self._changed(changed)
            except Exception:
                log.exception("a changed file could not be taken into account")

    def _look(self) -> Dict[Path, _Mark]:
        return {path: mark_of(path) for path in self._files()}

"""Notices that the code on disk is no longer the code in service: an update was installed, or a file was changed.

A daemon thread looks once a minute, from `start` to `stop`: at the installed version, and at the newest of our source
files. What is there at its start counts as in service, so that a reload, which starts it anew, answers it.
"""

from __future__ import annotations

import importlib.metadata
import logging
import threading
from typing import Callable, FrozenSet, Optional, Tuple

from nuke_ai_panel.code_watch import source_files
from nuke_ai_panel.reload import source_folders
from nuke_ai_panel.utils.file_watch import mark_of

log = logging.getLogger(__name__)

THREAD_NAME = "nuke-ai-update-watch"
DISTRIBUTION = "nuke-ai-panel"
LOOK_EVERY_S = 60.0
SETTLE_S = 1.0
_END_S = 1.0

Code = Tuple[str, FrozenSet[object]]


class UpdateWatch:
    """`changed` is called on the watching thread, once for every new state of the disk that is not in service."""

    def __init__(self, changed: Callable[[], None], *, every_s: Optional[float] = None) -> None:
        self._changed = changed
        self._every_s = LOOK_EVERY_S if every_s is None else every_s
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Begins. Idempotent."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name=THREAD_NAME, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends. Idempotent."""
        self._end.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_END_S)

    def _watch(self) -> None:
        in_service = told = code_on_disk(self._end)
        while not self._end.wait(self._every_s):
            found = code_on_disk(self._end)
            if found not in (in_service, told):
                found = self._settled(found)
            if self._end.is_set():
                return
            if found not in (in_service, told):
                self._changed()
            told = found

    def _settled(self, found: Code) -> Code:
        # An installer, or an editor, is perhaps in the middle of it.
        while not self._end.wait(min(SETTLE_S, self._every_s)):
            before, found = found, code_on_disk(self._end)
            if found == before:
                break
        return found


def code_on_disk(end: threading.Event) -> Code:
    """The installed version, and what tells every source file from a later one of the same name."""
    try:
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # not installed, only on the path
        version = ""
    marks = set()
    for path in source_files(source_folders()):
        if end.is_set():
            break
        marks.add((str(path), mark_of(path)))
    return version, frozenset(marks)

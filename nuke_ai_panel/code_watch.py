"""Developers' mode: reloads our code soon after it was saved. One daemon thread, which does nothing but watch.

Where `watchfiles` is installed it tells of a save at once; else the files are looked at every ten seconds. Only source
files count: no `__pycache__`, no editor's temporary files. One save is taken up when nothing was saved for a moment.
While saves follow each other within a second, for whatever does not compile (it may be half written), and right after
a reload, a whole quiet second has to pass: an editor that saves on every key costs one reload when the hand rests.
The next generation's watch knows what this one took up, so that a save in the middle of a reload is not missed.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, Optional, Set, Tuple

from .reload import Part, register, request_reload, source_folders, unregister
from .utils.file_watch import FileWatch, mark_of

log = logging.getLogger(__name__)

PART = "code watch"
THREAD_NAME = "nuke-ai-code-watch"
SETTLE_S = 0.12
# What follows within this belongs to the same save: an editor empties a file, then writes it.
ONE_SAVE_S = 0.07
QUIET_S = 1.0
LOOK_EVERY_S = 10.0
TICK_S = 0.05


# A file that is gone has no mark.
Marks = Dict[Path, Optional[Tuple[int, int, int]]]


class Saves:
    """Decides when saves are over and a reload is due. Pure; times are seconds of a steady clock."""

    def __init__(self, last_reload: float = float("-inf")) -> None:
        self._saved: Set[Path] = set()
        self._last_save, self._last_reload = float("-inf"), last_reload
        self._is_hurried = False

    @property
    def pending(self) -> FrozenSet[Path]:
        """What was saved and no reload has taken up."""
        return frozenset(self._saved)

    def saw(self, files: Iterable[Path], now: float) -> None:
        """These files were saved just now."""
        files = {path for path in files if is_source(path)}
        if files:
            if now - self._last_save >= ONE_SAVE_S:
                self._is_hurried = now - max(self._last_save, self._last_reload) < QUIET_S
            self._saved |= files
            self._last_save = now

    def due(self, now: float, *, compiles: Callable[[Path], bool]) -> bool:
        """Whether to reload now; if so, what was saved is taken up."""
        quiet_s = now - self._last_save
        if not self._saved or quiet_s < SETTLE_S:
            return False
        if quiet_s < QUIET_S and (self._is_hurried or not all(compiles(path) for path in self._saved)):
            return False
        self._saved.clear()
        self._last_reload = now
        return True


class CodeWatch:
    """Watches from `start` to `stop`; a reload starts the next generation's. `request` asks for the reload."""

    def __init__(self, request: Callable[[], None] = request_reload) -> None:
        self._request = request
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None
        # Every source file as it was when a reload was last asked for. The watching thread's while it runs.
        self._taken: Optional[Marks] = None

    @property
    def is_running(self) -> bool:
        """Whether it watches."""
        return self._thread is not None

    def start(self, taken: Optional[Marks] = None) -> None:
        """Begins to watch. What is no longer as in `taken` counts as saved just now. Idempotent without it."""
        if taken is not None:
            self._end_thread()
        if self._thread is None:
            self._taken = taken
            self._end = threading.Event()
            self._thread = threading.Thread(target=self._watch, args=(self._end,), name=THREAD_NAME, daemon=True)
            self._thread.start()
            register(Part(PART, self._freeze, f"{__name__}:thaw"))

    def stop(self) -> None:
        """Ends. Idempotent."""
        unregister(PART)
        self._end_thread()

    def _freeze(self) -> Optional[Marks]:
        was_running = self.is_running
        self._end_thread()
        return (self._taken or {}) if was_running else None

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        self._end.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(2.0)

    def _watch(self, end: threading.Event) -> None:
        before, taken = self._taken, None
        saves = Saves(float("-inf") if before is None else time.monotonic())
        for changed in changes(end, lambda: bool(saves.pending)):
            if taken is None:  # only now is every later save told of
                taken = self._taken = before or marks()
                changed |= {path for path, mark in (before or {}).items() if mark_of(path) != mark}
            now = time.monotonic()
            saves.saw(changed, now)
            saved = saves.pending
            if saves.due(now, compiles=compiles) and not end.is_set():
                taken.update({path: mark_of(path) for path in saved})
                self._request()
            if end.is_set():
                return


the_watch = CodeWatch()


def thaw(taken: Optional[Marks]) -> None:
    """After a reload: goes on watching."""
    if taken is not None:
        the_watch.start(taken)


def marks() -> Marks:
    """Every source file of today, and what tells it from itself after a save."""
    return {path: mark_of(path) for path in source_files(source_folders())}


def changes(end: threading.Event, is_pending: Callable[[], bool]) -> Iterator[Set[Path]]:
    """What changed since the last time, again and again until `end`; mostly nothing. Often while `is_pending`."""
    if importlib.util.find_spec("watchfiles") is not None:
        # Any: a package that only developers have
        watchfiles: Any = importlib.import_module("watchfiles")
        for found in watchfiles.watch(
            *source_folders(), debounce=int(TICK_S * 1000), step=20, rust_timeout=int(TICK_S * 1000),
            yield_on_timeout=True, stop_event=end, raise_interrupt=False, watch_filter=None,
        ):
            yield {Path(path) for _, path in found}
        return
    watch = FileWatch(lambda: source_files(source_folders()), lambda _: None)
    watch.look()
    yield set()
    while not end.wait(TICK_S if is_pending() else LOOK_EVERY_S):
        yield set(watch.look())


def source_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Every source file of the folders."""
    for folder in folders:
        yield from (path for path in folder.rglob("*.py") if is_source(path))


def is_source(path: Path) -> bool:
    """Whether a saved file is code of ours, and no copy, lock or half of an editor's or of Python's."""
    return path.suffix == ".py" and not path.name.startswith((".", "#", "~")) and "__pycache__" not in path.parts


def compiles(path: Path) -> bool:
    """Whether a file could be taken into service; one that is gone is no hindrance."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except FileNotFoundError:
        return True
    except (SyntaxError, ValueError, OSError):
        return False
    return True

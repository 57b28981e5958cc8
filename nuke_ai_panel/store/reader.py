"""The thread `nuke-ai-reader`: searches, statistics and the index, beside the store's own thread.

Long readings have a thread of their own so that no answer waits to be stored behind them. It opens the history for
each task anew, reads in short slices, and holds the guard meanwhile: whoever mends the file waits for it. A task's
future can be cancelled at any moment, also while it runs. The thread starts at the first task.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Callable, List, Optional, Tuple, TypeVar

from ..errors import StoreError
from ..words import tr
from .database import Database, connect, connect_to_read
from .errors import translated
from .search import NO_FULL_TEXT, NO_INDEX, ODD_CHARACTERS, by_index, by_reading
from .search_index import Document, SearchIndex, has_full_text, index_path, mark_indexed, remove, waiting
from .search_words import Query, parse
from .statistics import statistics
from .unindexed import note_all
from .values import HistoryFilter, SearchPage, Statistics
from .worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

THREAD_NAME = "nuke-ai-reader"
FRESH_EVERY_S = 5.0
_BATCH = 500
_CATCH_UP_S = 0.1
_BETWEEN_BATCHES_S = 0.02
_BUSY_TIMEOUT_S = 2.0


class Task:
    """One reading. It is stopped when nobody wants its answer any more."""

    def __init__(self, run: Callable[[Task], object]) -> None:
        self.run = run
        self.future: Future[object] = Future()  # stays pending until it is done, so that cancelling always works

    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.cancelled()

    def resolve(self, result: object, error: Optional[BaseException]) -> None:
        """Answers, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Reader:
    """Takes tasks from any thread."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._worker = worker
        self._lock = threading.Lock()
        self._tasks: SimpleQueue[Optional[Task]] = SimpleQueue()
        self._thread: Optional[threading.Thread] = None
        self._is_closed = False
        self._is_fresh = False
        self._index: Optional[SearchIndex] = None
        self._has_full_text: Optional[bool] = None
        self._left = 0

    # ------------------------------------------------------------ any thread

    def search(
        self, text: str, wanted: HistoryFilter, *, limit: int, cursor: Optional[int], as_typed: bool, time_s: float
    ) -> Future[SearchPage]:
        """One page of hits; the future may be cancelled."""
        query = parse(text, as_typed=as_typed)

        def run(task: Task) -> SearchPage:
            until = time.monotonic() + time_s

            def by_hand(history: Callable[[], sqlite3.Connection], note: str) -> SearchPage:
                return by_reading(
                    history, query, wanted, limit=limit, before=cursor, until=until, is_stopped=task.is_stopped,
                    note=note,
                )

            if query.is_empty:
                return SearchPage(())
            if self._worker.board.mode == "memory":
                return self._worker.submit(lambda db: by_hand(lambda: db.connection, ""), writes=False).result()
            with self._history() as history:
                index = self._ready_index(history, time.monotonic() + _CATCH_UP_S) if not query.literal else None
                if index is None or not query.terms:
                    why = NO_INDEX if self.has_full_text() else NO_FULL_TEXT
                    return by_hand(lambda: history.connection, tr(ODD_CHARACTERS if query.literal else why))
                page = by_index(
                    history.connection, index, query, wanted, limit=limit, before=cursor, until=until,
                    is_stopped=task.is_stopped,
                )
            if self._left:
                note = tr("The search index is being built; {left:,} older messages are not in it yet.",
                    left=self._left)
                page = SearchPage(page.hits, page.cursor, is_complete=False, note=note)
            return page

        return self._submit(run)

    def latest(self, wanted: HistoryFilter, *, limit: int, cursor: Optional[int], time_s: float) -> Future[SearchPage]:
        """The newest messages as hits without highlights; the future may be cancelled."""

        def run(task: Task) -> SearchPage:
            until = time.monotonic() + time_s

            def read(history: Callable[[], sqlite3.Connection]) -> SearchPage:
                page = by_reading(
                    history, Query(), wanted, limit=limit, before=cursor, until=until, is_stopped=task.is_stopped,
                    note="",
                )
                return replace(page, is_slow=False)

            if self._worker.board.mode == "memory":
                return self._worker.submit(lambda db: read(lambda: db.connection), writes=False).result()
            with self._history() as history:
                return read(lambda: history.connection)

        return self._submit(run)

    def statistics(self, wanted: HistoryFilter) -> Future[Statistics]:
        """Sums over the history; the future may be cancelled."""

        def run(task: Task) -> Statistics:
            if self._worker.board.mode == "memory":
                return self._worker.submit(
                    lambda db: statistics(lambda: db.connection, wanted, is_stopped=task.is_stopped), writes=False
                ).result()
            with self._history() as history:
                return statistics(lambda: history.connection, wanted, is_stopped=task.is_stopped)

        return self._submit(run)

    def keep_fresh(self) -> None:
        """From now on the index is kept up to date in the background."""
        self._is_fresh = True
        self._submit(lambda task: None)

    def build_index(self) -> Future[bool]:
        """Brings the index up to date; False where there is no full-text search."""

        def run(task: Task) -> bool:
            if self._worker.board.mode == "memory":
                return False
            with self._history() as history:
                return self._ready_index(history, None) is not None

        return self._submit(run)

    def has_full_text(self) -> bool:
        """Whether the host's SQLite has full-text search."""
        if self._has_full_text is None:
            self._has_full_text = has_full_text()
        return self._has_full_text

    def close(self, timeout_s: float) -> None:
        """Ends the thread, waiting at most so long. Idempotent, from any thread."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self._tasks.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def begin_in_child(self) -> None:
        """Starts again after a fork."""
        self._lock = threading.Lock()
        self._tasks = SimpleQueue()
        self._thread = self._index = None

    # ------------------------------------------------------------ the reader's thread

    def _submit(self, run: Callable[[Task], T]) -> Future[T]:
        task = Task(run)
        with self._lock:
            if self._is_closed:
                task.resolve(None, StoreError("closed", code="closed", user_text=tr("The chat history is closed.")))
            else:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._serve, args=(self._tasks,), name=THREAD_NAME, daemon=True
                    )
                    self._thread.start()
                self._tasks.put(task)
        return task.future  # type: ignore[return-value]  # what `run` answers

    def _serve(self, tasks: SimpleQueue[Optional[Task]]) -> None:
        while True:
            try:
                task = tasks.get(timeout=self._pause_s())
            except Empty:
                self._tend()
                continue
            if task is None or self._is_closed:
                break
            if task.is_stopped():
                continue
            try:
                result, error = task.run(task), None
            except Exception as exc:  # noqa: BLE001  # handed to whoever asked
                result, error = None, translated(exc, self._path)
            task.resolve(result, error)
        _refuse_rest(tasks, task)
        self._close_index()

    def _pause_s(self) -> Optional[float]:
        if self._left:
            return _BETWEEN_BATCHES_S
        return FRESH_EVERY_S if self._is_fresh else None

    def _tend(self) -> None:
        """Indexes a little of what is new, when nobody asks for anything."""
        if self._worker.board.mode in ("", "memory"):
            return
        try:
            with self._history() as history:
                self._ready_index(history, time.monotonic())
        except (sqlite3.Error, StoreError, OSError):
            self._left = 0
            log.info("the search index was not brought up to date", exc_info=True)

    def _history(self) -> _Opened:
        return _Opened(self._path, self._worker)

    def _ready_index(self, history: _Opened, until: Optional[float]) -> Optional[SearchIndex]:
        """The index after some catching up, at least one batch; None where there is no full-text search."""
        if not self.has_full_text() or not history.has_generation or self._worker.board.mode != "disk":
            return None
        for _ in range(2):
            try:
                index = self._open_index(history)
                self._catch_up(history, index, until)
                return index
            except StoreError:
                log.info("the history does not take what the index has seen", exc_info=True)
                return None
            except sqlite3.DatabaseError:
                log.info("the search index cannot be used and is built anew", exc_info=True)
                self._close_index()
                remove(self._path)
        return None

    def _open_index(self, history: _Opened) -> SearchIndex:
        if self._index is not None and history.generation == self._generation and index_path(self._path).exists():
            return self._index
        self._close_index()
        index = SearchIndex(index_path(self._path), history.generation)
        self._index, self._generation = index, history.generation
        if index.is_new:
            self._tell(mark_all_of)
        return index

    _generation = ""

    def _catch_up(self, history: _Opened, index: SearchIndex, until: Optional[float]) -> None:
        while True:
            documents = waiting(history.connection, limit=_BATCH)
            if documents:
                index.take(documents)
                self._tell(partial(_mark_indexed, documents))
            self._left = 0
            if len(documents) < _BATCH or self._is_closed:
                return
            if until is not None and time.monotonic() >= until:
                row = history.connection.execute("SELECT count(*) FROM unindexed").fetchone()
                self._left = int(row[0])
                return

    def _tell(self, run: Callable[[Database], None]) -> None:
        """Writes through the store's thread, which alone does so."""
        self._worker.submit(run, writes=True).result(_BUSY_TIMEOUT_S * 5)

    def _close_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None


class _Opened:
    """The history, open for one task, with the guard held."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._worker = worker
        self.generation = ""
        self.has_generation = False

    def __enter__(self) -> _Opened:
        self._worker.submit(lambda db: None, writes=False).result()  # opens, makes or mends the file first
        self._worker.guard.acquire()
        try:
            self.connection = _connect(self._path)
            self.has_generation, self.generation = _generation(self.connection)
        except BaseException:
            self._worker.guard.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.connection.close()
        finally:
            self._worker.guard.release()


def _mark_indexed(documents: List[Document], database: Database) -> None:
    mark_indexed(database.connection, documents)


def mark_all_of(database: Database) -> None:
    """Everything is to be indexed again."""
    note_all(database.connection)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = connect(path, busy_timeout_s=_BUSY_TIMEOUT_S)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return connect_to_read(path, busy_timeout_s=_BUSY_TIMEOUT_S)
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _generation(connection: sqlite3.Connection) -> Tuple[bool, str]:
    try:
        row = connection.execute("SELECT value FROM facts WHERE name = 'generation'").fetchone()
    except sqlite3.OperationalError:
        return False, ""  # an older schema that may only be read
    return True, str(row[0]) if row is not None else ""


def _refuse_rest(tasks: SimpleQueue[Optional[Task]], first: Optional[Task]) -> None:
    rest: List[Optional[Task]] = [first]
    try:
        while True:
            rest.append(tasks.get_nowait())
    except Empty:
        pass
    for task in rest:
        if task is not None:
            task.resolve(None, StoreError("closed", code="closed", user_text=tr("The chat history is closed.")))

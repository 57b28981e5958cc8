"""Carries events and finished futures from any thread to the main thread. `post` is safe everywhere; handlers run here.

The only sender is one QObject that lives on the main thread as long as the bridge does: a panel may die at any moment,
and a signal of a dead sender raises in the thread that emits it. However many events arrive, at most one wake-up is
queued. Neighbouring text of a turn is joined while it waits, and of several waits only the last is kept, so that the
queue stays short by construction even when the main thread is blocked for minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Callable, Dict, Generic, List, Optional, TypeVar

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.events import TextAdded, ThinkingAdded, TurnEvent, WaitChanged

from ..qt import QtClass, QtCore, Signal, is_valid

log = logging.getLogger(__name__)

DRAIN_INTERVAL_MS = 40
HIDDEN_INTERVAL_MS = 100

T = TypeVar("T")


class _Entry:
    """One queued thing: an event (whose text may still grow) or a call."""

    __slots__ = ("call", "event", "pieces")

    def __init__(self, event: Optional[TurnEvent], call: Optional[Callable[[], None]]) -> None:
        self.event = event
        self.call = call
        self.pieces: Optional[List[str]] = None

    def joined(self) -> TurnEvent:
        event = self.event
        assert event is not None
        if self.pieces is None:
            return event
        text = "".join(self.pieces)
        return TextAdded(event.turn_id, text) if type(event) is TextAdded else ThinkingAdded(event.turn_id, text)


class _Wakeup(QtCore.QObject, metaclass=QtClass):
    """Lives on the main thread and outlives every panel; `woken` is the bridge's only signal."""

    woken = Signal()

    def __init__(self, drain: Callable[[], None]) -> None:
        super().__init__()
        self._drain = drain
        self.timer = QtCore.QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.run)
        self.wait_ms: Callable[[], int] = lambda: 0
        self.woken.connect(self.schedule, QtCore.Qt.ConnectionType.QueuedConnection)

    def schedule(self) -> None:
        self.timer.start(self.wait_ms())

    def run(self) -> None:
        self._drain()


class EventBridge:
    """Made on the main thread. `on_event` gets every turn event, in order within its turn, on the main thread."""

    def __init__(self, on_event: Callable[[TurnEvent], None]) -> None:
        self._on_event = on_event
        self._lock = threading.Lock()
        self._queue: List[_Entry] = []
        self._last: Dict[str, _Entry] = {}
        self._pending = False
        self._closed = False
        self._interval_s = DRAIN_INTERVAL_MS / 1000.0
        self._drained_at = 0.0
        self.wakeups = 0
        self._wakeup = _Wakeup(self._drain)
        self._wakeup.wait_ms = self._wait_ms

    def post(self, event: TurnEvent) -> None:
        """Queues a turn's event. Any thread; never blocks, never raises."""
        turn_id = event.turn_id
        kind = type(event)
        with self._lock:
            if self._closed:
                return
            last = self._last.get(turn_id)
            if last is not None and type(last.event) is kind:
                if kind is TextAdded or kind is ThinkingAdded:
                    if last.pieces is None:
                        last.pieces = [last.event.text]  # type: ignore[union-attr]  # the kind was compared above
                    last.pieces.append(event.text)  # type: ignore[union-attr]
                    return
                if kind is WaitChanged:
                    last.event = event
                    return
            entry = _Entry(event, None)
            self._last[turn_id] = entry
            self._queue.append(entry)
            wake = not self._pending
            self._pending = True
        if wake:
            self._wake()

    def call(self, function: Callable[[], None]) -> None:
        """Queues a call for the main thread. Any thread; never blocks, never raises."""
        with self._lock:
            if self._closed:
                return
            self._queue.append(_Entry(None, function))
            wake = not self._pending
            self._pending = True
        if wake:
            self._wake()

    def when_done(
        self, future: Future[T], callback: Callable[[Future[T]], None], *, owner: Optional[QtCore.QObject] = None
    ) -> None:
        """Calls `callback(future)` on the main thread once the future is done; the main thread never waits for it.

        With `owner`, only if that object is still there by then: panels come and go while a future is on its way.
        """

        def deliver(finished: Future[T]) -> None:
            if owner is None or is_valid(owner):
                callback(finished)
            else:
                _read_unshown(finished)

        def done(finished: Future[T]) -> None:
            if self._closed:
                _read_unshown(finished)
            else:
                outcome(finished)  # read here: the bridge may close before it is delivered
                self.call(lambda: deliver(finished))

        future.add_done_callback(done)

    def set_hidden(self, hidden: bool) -> None:
        """Drains less often while nobody looks."""
        self._interval_s = (HIDDEN_INTERVAL_MS if hidden else DRAIN_INTERVAL_MS) / 1000.0

    def flush(self) -> None:
        """Drains now. Main thread only."""
        self._drain()

    def waiting(self) -> int:
        """How many things wait to be drained."""
        return len(self._queue)

    def close(self) -> None:
        """Drops what waits and ignores what still comes. Main thread; idempotent."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._last.clear()
            wakeup = self._wakeup
        if is_valid(wakeup):
            wakeup.timer.stop()
            # Here and now, by its own thread: collected later, it would be destroyed on whichever thread collects.
            wakeup.deleteLater()

    def _wake(self) -> None:
        self.wakeups += 1
        with self._lock:  # it cannot be deleted while it emits
            if self._closed:
                return
            try:
                self._wakeup.woken.emit()
            except RuntimeError:  # the interpreter or the application is going down: nobody is left to tell
                log.debug("the event bridge was woken after its end")

    def _wait_ms(self) -> int:
        return max(0, int((self._drained_at + self._interval_s - time.monotonic()) * 1000))

    def _drain(self) -> None:
        with self._lock:
            entries, self._queue = self._queue, []
            self._last.clear()
            self._pending = False
        self._drained_at = time.monotonic()
        for entry in entries:
            try:
                if entry.call is not None:
                    entry.call()
                else:
                    self._on_event(entry.joined())
            except Exception:  # the slot boundary: one bad handler must not end the drain
                log.exception("an event could not be shown")


def _read_unshown(future: Future[T]) -> None:
    """Takes note of a result that nobody is left to see: an error of ours is none then, any other is a bug."""
    error = outcome(future).error
    if error is not None and not isinstance(error, (NukeAIError, CancelledError)):
        log.error("something failed after its panel was gone", exc_info=error)


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of a done future: a value, or an error."""

    value: Optional[T] = None
    error: Optional[BaseException] = None


def outcome(future: Future[T]) -> Outcome[T]:
    """A done future's outcome, without raising."""
    if future.cancelled():
        return Outcome(error=CancelledError())
    error = future.exception()
    return Outcome(error=error) if error is not None else Outcome(future.result())

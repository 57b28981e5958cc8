"""Qt's event loop, as the library's main thread uses it: work from other threads is served from it, and whoever waits
for an answer on the main thread runs it meanwhile. Offered by name, see `nuke_ai_panel.utils.host_offers`.

`wake` on any thread, the rest on the main thread. Only Qt's own classes live in Qt; a reload of the code takes the
timer away, and the next generation makes its own when it needs one.

A wait is a nested loop: windows, timers, the panel and Nuke's own queue go on. Esc ends the innermost wait. What a
piece of work raises that is not an error (Ctrl-C) is raised in that wait, because Qt would only print it.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from concurrent.futures import Future
from typing import Any, Iterator, List, Optional

from nuke_ai_panel.reload import Part, register
from nuke_ai_panel.utils.host_offers import MAIN_LOOP, offer
from nuke_ai_panel.utils.main_thread import WaitEndedError, the_main_thread

from ..qt import QtCore, QtGui, QtWidgets, exec_loop, is_valid

log = logging.getLogger(__name__)

PART = "main loop"
# How often a waiting loop looks at the clock and at Ctrl-C.
LOOK_EVERY_MS = 50
# What our waits end a loop with; an application that quits ends all loops with its own code.
_LOOK_AGAIN = 0x6E616950


class _Wait:
    """One wait on the main thread: its loop and why it ends."""

    def __init__(self, until: Future[Any], timeout_s: Optional[float]) -> None:
        self.until = until
        self.deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self.is_escaped = False
        self.raised: Optional[BaseException] = None
        self.loop = QtCore.QEventLoop()

    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def look(self) -> None:
        """Ends the loop if there is a reason to."""
        if self.until.done() or self.is_escaped or self.raised is not None or self.is_late():
            self.loop.exit(_LOOK_AGAIN)

    def escape(self) -> None:
        """A human does not want to wait."""
        self.is_escaped = True
        self.loop.exit(_LOOK_AGAIN)


class QtMainLoop:
    """The HostLoop of a Qt application."""

    def __init__(self, application: QtCore.QCoreApplication) -> None:
        self._lock = threading.Lock()
        self._is_asked_for = False
        self._waits: List[_Wait] = []
        # In the main thread whichever thread makes it; direct, because a connection's other end lives on the maker's.
        self._timer = QtCore.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        timeout: Any = self._timer.timeout  # the bindings' stubs know no second argument
        timeout.connect(self._serve, QtCore.Qt.ConnectionType.DirectConnection)
        self._timer.moveToThread(application.thread())

    def is_alive(self) -> bool:
        """Whether Qt still has its part of it."""
        return is_valid(self._timer)

    def wake(self) -> None:
        """Has the main thread's work served soon. Any thread; never blocks, never raises."""
        with self._lock:
            if self._is_asked_for or not is_valid(self._timer):
                return
            self._is_asked_for = True
            try:
                QtCore.QMetaObject.invokeMethod(
                    self._timer, "start", QtCore.Qt.ConnectionType.QueuedConnection  # type: ignore[call-overload]
                )
            except RuntimeError:  # the application is going down: nobody is left to serve
                log.debug("the main loop was woken after its end")

    def wait(self, until: Future[Any], timeout_s: Optional[float]) -> bool:
        """Runs Qt's loop until `until` is done; False if the time is up first. Main thread.

        Raises WaitEndedError for Esc and when the application quits, KeyboardInterrupt for Ctrl-C.
        """
        wait = _Wait(until, timeout_s)
        until.add_done_callback(lambda _: self.wake())
        self._waits.append(wait)
        look = QtCore.QTimer()
        look.timeout.connect(wait.look)
        look.start(LOOK_EVERY_MS)
        try:
            with _interrupts_of(wait), _escape_of(wait):
                while not until.done() and not wait.is_late():
                    code = exec_loop(wait.loop)
                    if wait.raised is not None:
                        raise wait.raised
                    if until.done():
                        break
                    if wait.is_escaped:
                        raise WaitEndedError("escape")
                    if code != _LOOK_AGAIN:
                        raise WaitEndedError("quit")
            return until.done()
        finally:
            look.stop()
            self._waits.remove(wait)

    def escape(self) -> None:
        """Ends the innermost wait, if there is one. Main thread."""
        if self._waits:
            self._waits[-1].escape()

    def close(self) -> None:
        """Takes its part out of Qt. Main thread."""
        with self._lock:
            if is_valid(self._timer):
                self._timer.stop()
                self._timer.timeout.disconnect()
                self._timer.deleteLater()

    def _serve(self) -> None:
        with self._lock:
            self._is_asked_for = False
        try:
            the_main_thread().serve_now()
        except BaseException as error:  # Qt would print it, and nobody would be stopped
            if not self._waits:
                log.error("work for the main thread was ended", exc_info=error)
            else:
                self._waits[-1].raised = error
            self.wake()  # there may be more
        for wait in self._waits:
            wait.look()


_loops: List[QtMainLoop] = []
_lock = threading.Lock()


def offer_main_loop() -> None:
    """From now on the library waits with Qt's loop. Any thread."""
    offer(MAIN_LOOP, f"{__name__}:host_loop")


def host_loop() -> Optional[QtMainLoop]:
    """The main thread's loop, None while no application is there. Any thread."""
    application = QtCore.QCoreApplication.instance()
    if application is None:
        return None
    with _lock:
        if not _loops or not _loops[0].is_alive():
            _loops[:] = [QtMainLoop(application)]
            register(Part(PART, freeze, f"{__name__}:thaw"))
        return _loops[0]


def stop_script() -> None:
    """Ends the question that a script waits for on the main thread, if there is one: Esc where the panel takes keys."""
    for loop in tuple(_loops):
        loop.escape()


def freeze() -> None:
    """Before a reload: what waits for the main thread is done, and nothing of ours stays in Qt."""
    main = the_main_thread()
    if main.is_current():
        main.serve_now()
    with _lock:
        while _loops:
            _loops.pop().close()


def thaw(state: None) -> None:
    """The loop is made anew when it is needed."""


@contextlib.contextmanager
def _interrupts_of(wait: _Wait) -> Iterator[None]:
    """Ctrl-C ends the wait. Qt's loop would print what Python raises in it and go on."""
    kept = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: object) -> None:
        wait.raised = KeyboardInterrupt()
        wait.loop.exit(_LOOK_AGAIN)

    if kept is not signal.default_int_handler and getattr(kept, "__qualname__", "") != interrupt.__qualname__:
        yield  # the host has its own idea of it
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)


@contextlib.contextmanager
def _escape_of(wait: _Wait) -> Iterator[None]:
    """Esc, in any window of the application, ends the wait."""
    window = _some_window()
    if window is None:
        yield
        return
    shortcut = QtGui.QShortcut(QtGui.QKeySequence(QtCore.Qt.Key.Key_Escape), window)
    shortcut.setContext(QtCore.Qt.ShortcutContext.ApplicationShortcut)
    shortcut.activated.connect(wait.escape)
    # Where a window has an Esc of its own, Qt tells both that it cannot decide.
    shortcut.activatedAmbiguously.connect(wait.escape)
    try:
        yield
    finally:
        if is_valid(shortcut):
            shortcut.setEnabled(False)
            shortcut.deleteLater()


def _some_window() -> Optional[QtWidgets.QWidget]:
    application = QtCore.QCoreApplication.instance()
    if not isinstance(application, QtWidgets.QApplication):
        return None
    shown = [one for one in application.topLevelWidgets() if one.isVisible()]
    return application.activeModalWidget() or application.activeWindow() or (shown[0] if shown else None)

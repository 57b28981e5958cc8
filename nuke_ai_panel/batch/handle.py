"""What a front end holds of a running batch: pause it, cancel it, wait for its end. Any thread."""

from __future__ import annotations

import time
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from typing import Optional

from ..utils.event_loop_manager import create_task, get_event_loop_manager
from ..utils.main_thread import MainThread, PumpedMainThread
from .reporting import Report
from .session import Session
from .values import INTERRUPTED, Progress

_LOOK_S = 0.25


class Handle:
    """One running batch. All commands return at once, except `result`."""

    def __init__(self, session: Session, main_thread: MainThread) -> None:
        self._session = session
        self._main_thread = main_thread
        self.folder = session.folder.path
        self.finished: Future[Report] = create_task(session.run())

    def pause(self) -> None:
        """Sends nothing more until `resume`; what is under way ends."""
        self._session.pause(paused=True)

    def resume(self) -> None:
        """Goes on after `pause`."""
        self._session.pause(paused=False)

    def cancel(self, code: int = INTERRUPTED) -> None:
        """Starts nothing more; what is under way has ten seconds to end. `run` on the same directory goes on."""
        self._session.cancel(code)

    def drop(self) -> None:
        """Ends at once; what was under way is asked again when the run goes on."""
        self._session.drop()

    def done(self) -> bool:
        """Whether it has ended."""
        return self.finished.done()

    def status(self) -> Progress:
        """How far it is."""
        return self._session.progress()

    def result(self, timeout_s: Optional[float] = None) -> Report:
        """Waits for the report; the main thread serves its work meanwhile. Raises BatchError for what never began.

        Raises TimeoutError, and RuntimeError on the loop's own thread.
        """
        if get_event_loop_manager().is_loop_thread():
            raise RuntimeError("a batch cannot be waited for on the event loop's own thread")
        main_thread, left_s = self._main_thread, timeout_s
        if isinstance(main_thread, PumpedMainThread) and main_thread.is_current():
            main_thread.serve(until=self.finished, timeout_s=timeout_s)
            left_s = 0.0
        # In steps, so that Ctrl-C gets through on every system.
        deadline = None if left_s is None else time.monotonic() + left_s
        while not self.finished.done():
            step_s = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
            if step_s <= 0:
                raise TimeoutError(f"the batch did not end within {timeout_s:g} s")
            wait_for_futures([self.finished], step_s)
        return self.finished.result()

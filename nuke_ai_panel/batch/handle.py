"""What a front end holds of a running batch: pause it, cancel it, wait for its end. Any thread."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Optional

from ..scripting.waiting import wait_for
from ..utils.event_loop_manager import create_task
from ..utils.main_thread import MainThread
from .reporting import Report
from .session import Session
from .values import INTERRUPTED, Progress


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
        """Waits for the report; on the main thread its work is done, and a host's event loop goes on, meanwhile.

        Raises BatchError for what never began, TimeoutError, WaitEndedError when a human or the host ends the wait, and
        RuntimeError on the loop's own thread.
        """
        if not wait_for(self.finished, self._main_thread, timeout_s):
            raise TimeoutError(f"the batch did not end within {timeout_s:g} s")
        return self.finished.result()

"""What a front end holds of a running turn: stop it, answer its questions, wait for its end. Any thread."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Callable, Optional

from ..errors import NukeAIError
from ..messages import Message
from ..utils.event_loop_manager import get_event_loop_manager
from ..utils.main_thread import MainThread, PumpedMainThread
from .approval import Approval
from .turn import Turn


class TurnHandle:
    """One running turn. All commands return at once, except `result`."""

    def __init__(self, turn: Turn, main_thread: Optional[MainThread]) -> None:
        self._turn = turn
        self._main_thread = main_thread
        self.turn_id = turn.turn_id
        self.conversation_id = turn.conversation_id

    def stop(self) -> None:
        """Ends the turn within 200 ms, in whatever phase it is; what arrived is kept."""
        self._turn.stop()

    def interrupt(self) -> None:
        """As `stop`, but kept as interrupted: the product ends the turn, not a human."""
        self._turn.stop("interrupted")

    def answer(self, call_id: str, approval: Approval) -> None:
        """A human's click on the tool call that ApprovalAsked named."""
        self._turn.approve(call_id, approval)

    def done(self) -> bool:
        """Whether the terminal event was sent."""
        return self._turn.finished.done()

    def when_done(self, call: Callable[[], None]) -> None:
        """Has `call` called once the turn has ended, on any thread; at once if it has."""
        self._turn.finished.add_done_callback(lambda _: call())

    def snapshot(self) -> Message:
        """The answer as it stands, or its final state."""
        return self._turn.snapshot()

    def error(self) -> Optional[NukeAIError]:
        """What the turn failed with; None while it runs and when it did not fail."""
        return self._turn.error if self.done() else None

    def result(self, timeout_s: Optional[float] = None) -> Message:
        """Waits for the final answer, whatever its status; the main thread serves tools meanwhile.

        Raises TimeoutError, and RuntimeError on the loop's own thread. Never call it on Qt's main thread.
        """
        if get_event_loop_manager().is_loop_thread():
            raise RuntimeError("a turn cannot be waited for on the event loop's own thread")
        finished, main_thread, left_s = self._turn.finished, self._main_thread, timeout_s
        if isinstance(main_thread, PumpedMainThread) and main_thread.is_current():
            main_thread.serve(until=finished, timeout_s=timeout_s)
            left_s = 0.0
        try:
            return finished.result(left_s)
        except FutureTimeoutError as exc:
            raise TimeoutError(f"the turn did not end within {timeout_s:g} s") from exc

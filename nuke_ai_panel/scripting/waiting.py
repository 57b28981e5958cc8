"""Waits for something of the background loop without standing in anybody's way. Any thread but the loop's own.

On the main thread the host's event loop goes on meanwhile where there is one, and work for the main thread is done in
any case; so whoever is called from there may ask again. How deep such waits may stand on each other is bounded, for the
outer ones cannot go on before the inner ones have ended.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Any, List, Optional

from ..errors import NukeAIError
from ..reload import holding
from ..utils.event_loop_manager import get_event_loop_manager
from ..utils.main_thread import MainThread, PumpedMainThread, the_main_thread
from ..words import tr

DEEPEST = 8
# Waits that stand on the main thread; only that thread touches it.
_standing: List[None] = []


def refuse_on_loop(name: str) -> None:
    """Raises RuntimeError on the background loop's own thread, where a wait could never end."""
    if get_event_loop_manager().is_loop_thread():
        raise RuntimeError(f"{name}() was called on the event loop's own thread, where it would wait for ever")


def refuse_too_deep() -> None:
    """Raises NukeAIError where too many waits stand on each other already."""
    if the_main_thread().is_current() and len(_standing) >= DEEPEST:
        raise NukeAIError(
            f"{DEEPEST} questions on the main thread wait for each other",
            user_text=tr("{most} questions already wait for each other on Nuke's main thread.", most=DEEPEST),
            next_step=tr("Wait for an answer before the next one is asked, or use start(), which does not wait."),
        )


def wait_for(until: Future[Any], serving: MainThread, timeout_s: Optional[float] = None) -> bool:
    """Whether `until` was done in time. `serving` is the main thread of the turn that is waited for.

    Raises WaitEndedError when a human or the host ends the wait, RuntimeError on the loop's own thread.
    """
    refuse_on_loop("result")
    main = the_main_thread()
    with holding():
        if main.is_current():
            _standing.append(None)
            try:
                return main.serve(until, timeout_s)
            finally:
                _standing.pop()
        if isinstance(serving, PumpedMainThread) and serving.is_current():
            return serving.serve(until, timeout_s)
        return bool(wait([until], timeout_s).done)

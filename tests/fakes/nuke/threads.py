"""Nuke's queue to its main thread: first in, first out, served when the test pumps it. An exception in a call is
printed; who waits for a result then gets None, as in Nuke."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Tuple

from .guard import DeadlockError

if TYPE_CHECKING:
    from .host import Host

Job = Tuple[Callable[..., Any], Tuple[Any, ...], Dict[str, Any], "Result"]


class Result:
    """Where a waiting thread finds what the main thread made."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.value: Any = None


class MainQueue:
    """The calls that wait for the main thread."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.jobs: Deque[Job] = deque()
        self.closed = False

    def executeInMainThread(self, call: Any, args: Any = (), kwargs: Any = {}) -> None:  # noqa: B006
        self._put(call, args, kwargs)

    def executeInMainThreadWithResult(self, call: Any, args: Any = (), kwargs: Any = {}) -> Any:  # noqa: B006
        if threading.current_thread() is self.host.main_thread:
            raise DeadlockError("executeInMainThreadWithResult on the main thread freezes Nuke")
        result = self._put(call, args, kwargs)
        # Nuke waits for ever. A test that forgot to pump learns it here.
        if not result.ready.wait(self.host.result_patience_s):
            raise DeadlockError("nobody pumped the main thread: Nuke would wait for ever")
        return result.value

    def _put(self, call: Any, args: Any, kwargs: Any) -> Result:
        result = Result()
        self.jobs.append((call, args if isinstance(args, tuple) else (args,), kwargs, result))
        return result

    def pump(self, most: int = 1_000_000) -> int:
        """Runs what waits, at most `most` calls, and says how many ran."""
        if self.host.faults.queue_latency > 0:
            self.host.faults.queue_latency -= 1
            return 0
        done = 0
        while self.jobs and done < most and not self.closed:
            call, args, kwargs, result = self.jobs.popleft()
            done += 1
            try:
                result.value = call(*args, **kwargs)
            except Exception:  # noqa: BLE001  (Nuke prints it and goes on)
                self.host.say(traceback.format_exc())
            finally:
                result.ready.set()
        return done

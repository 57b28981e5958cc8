"""The batch that runs in this process, held by the session: panels come and go, it goes on. Main thread.

Events come on the loop's thread, some thousands a second at worst; they are gathered there and brought over at most
ten times a second. When the session ends, also for a reload of our code, what is under way is dropped: the run's
directory knows what is done, and the run goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Tuple

from nuke_ai_panel.batch.handle import Handle
from nuke_ai_panel.batch.past_runs import Ended
from nuke_ai_panel.batch.planning import Plan
from nuke_ai_panel.batch.reporting import Report
from nuke_ai_panel.batch.session import Session
from nuke_ai_panel.batch.values import (
    BatchEvent,
    BudgetReached,
    LanePaused,
    LaneStopped,
    Options,
    Progress,
    RowDone,
    RowFailed,
)
from nuke_ai_panel.messages import Json
from nuke_ai_panel.words import tr

from .batch_nodes import RunNodes, script_of
from .event_bridge import EventBridge, outcome

log = logging.getLogger(__name__)

BRING_EVERY_S = 0.1
END_S = 1.5
MOST_ROWS = 10_000


class BoardRun:
    """One run: what is known of it. `rows` are its ends in order, as many as are shown."""

    def __init__(self, folder: Path, title: str, plan: Plan, command: Mapping[str, Json]) -> None:
        self.folder, self.title, self.plan, self.command = folder, title, plan, command
        self.script = script_of(command)
        self.handle: Optional[Handle] = None
        self.progress = Progress(state="starting", total=plan.rows)
        self.rows: List[Ended] = []
        self.notes: List[str] = []
        self.capped: Optional[BudgetReached] = None
        self.report: Optional[Report] = None
        self.error: Optional[BaseException] = None
        self.is_paused = self.is_draining = False
        self.done = self.failed = 0

    def heard(self, progress: Progress) -> None:
        """How far it is; rows that came in since it was said count too."""
        self.progress = replace(
            progress, done=max(progress.done, self.done), failed=max(progress.failed, self.failed))

    def take(self, event: BatchEvent) -> Optional[Ended]:
        """What an event says; the row that has its end with it, if one has."""
        if isinstance(event, RowDone):
            self.done += 1
            return Ended(event.custom_id, event.text, attempts=event.attempts, cost_usd=event.cost_usd,
                         dedup_of=event.dedup_of, finish=event.finish)
        if isinstance(event, RowFailed):
            self.failed += 1
            return Ended(event.custom_id, "", event.message, event.kind, event.attempts)
        if isinstance(event, Progress):
            self.heard(event)
        elif isinstance(event, LanePaused) and event.seconds >= 1:
            self.notes.append(tr("{lane} rests for {seconds} s: {reason}", lane=event.lane,
                                 seconds=f"{event.seconds:.0f}", reason=event.reason))
        elif isinstance(event, LaneStopped):
            self.notes.append(tr("{lane} is not asked any more: {reason}", lane=event.lane, reason=event.reason))
        elif isinstance(event, BudgetReached):
            self.capped = event
        return None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.report is None and self.error is None


class BatchBoard:
    """At most one batch at a time. `listeners` are called on the main thread when something about it is new."""

    def __init__(self, bridge: EventBridge) -> None:
        self._bridge = bridge
        self._lock = threading.Lock()
        self._waiting: List[BatchEvent] = []
        self._is_coming = False
        self._brought_at = 0.0
        self._is_closed = False
        self.run: Optional[BoardRun] = None
        self.nodes = RunNodes()
        self.listeners: List[Callable[[Tuple[Ended, ...]], None]] = []

    def is_busy(self) -> bool:
        """Whether a batch is running."""
        return self.run is not None and self.run.is_running

    def start(
        self, plan: Plan, options: Options, *, folder: Path, title: str, command: Mapping[str, Json],
        known: Tuple[Ended, ...] = (),
    ) -> BoardRun:
        """Starts a plan; `known` are the rows that ended before, for a run that goes on."""
        assert not self.is_busy(), "one batch at a time"
        run = self.run = BoardRun(folder, title, plan, command)
        run.rows = list(known)
        with self._lock:
            self._waiting.clear()
        session = Session(plan, folder, options, self._heard, command=command)
        run.handle = Handle(session, plan.app.main_thread)
        self._bridge.when_done(run.handle.finished, lambda future: self._ended(run, future))
        self._tell(())
        return run

    def pause(self) -> None:
        """Sends nothing more for now."""
        self._command(lambda run, handle: handle.pause(), is_paused=True)

    def resume(self) -> None:
        """Sends again."""
        self._command(lambda run, handle: handle.resume(), is_paused=False)

    def cancel(self) -> None:
        """Starts nothing more; what is under way may end."""
        run = self.run
        if run is not None and run.handle is not None and run.is_running:
            run.is_draining = True
            run.handle.cancel()
            self._tell(())

    def drop(self) -> None:
        """Ends at once."""
        run = self.run
        if run is not None and run.handle is not None and run.is_running:
            run.is_draining = True
            run.handle.drop()
            self._tell(())

    def close(self) -> None:
        """The session goes: the run ends at once, so that its directory is free for whoever goes on. Waits briefly."""
        self._is_closed = True
        self.listeners.clear()
        run = self.run
        if run is None or run.handle is None or run.handle.done():
            return
        run.handle.drop()
        try:
            run.handle.finished.result(END_S)
        except (FutureTimeoutError, CancelledError):
            log.warning("the batch in %s did not end in time", run.folder)
        except Exception:
            log.exception("the batch in %s ended badly", run.folder)

    # ------------------------------------------------------------ inside

    def _command(self, give: Callable[[BoardRun, Handle], None], *, is_paused: bool) -> None:
        run = self.run
        if run is not None and run.handle is not None and run.is_running:
            run.is_paused = is_paused
            give(run, run.handle)
            self._tell(())

    def _heard(self, event: BatchEvent) -> None:
        """Any event, on the loop's thread."""
        with self._lock:
            self._waiting.append(event)
            now = time.monotonic()
            if self._is_coming or now - self._brought_at < BRING_EVERY_S:
                return  # the next event brings it along; there is one at least twice a second
            self._is_coming, self._brought_at = True, now
        self._bridge.call(self._bring)

    def _bring(self) -> None:
        with self._lock:
            events, self._waiting = self._waiting, []
            self._is_coming = False
        run = self.run
        if run is None or self._is_closed:
            return
        fresh = [one for one in map(run.take, events) if one is not None]
        run.heard(run.progress)
        fresh = fresh[: max(0, MOST_ROWS - len(run.rows))]
        run.rows += fresh
        self._tell(tuple(fresh))

    def _ended(self, run: BoardRun, future: Future[Report]) -> None:
        if run is not self.run:
            return
        result = outcome(future)
        self._bring()
        run.report, run.error = result.value, result.error
        self._tell(())

    def _tell(self, fresh: Tuple[Ended, ...]) -> None:
        for listener in tuple(self.listeners):
            listener(fresh)

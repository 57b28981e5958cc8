"""How far a batch is, for a terminal, a log, another program or a farm. Main thread; events come from the loop's."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import asdict
from typing import Optional

from ..batch.figures import clock, short
from ..batch.values import BatchEvent, LanePaused, LaneStopped, Progress, RowFailed
from .console import Console

log = logging.getLogger(__name__)

_LINE_EVERY_S = 10.0
_BAR, _SHORTEST_BAR = 24, 5


class BatchView:
    """Told of events on any thread; `show` prints what there is to say, on the main thread."""

    def __init__(self, console: Console, how: str) -> None:
        if how == "auto":
            is_farm = any(name.startswith("OPENJD_") for name in os.environ)
            how = "openjd" if is_farm else "bar"
        if how == "bar" and not console.shows_wait:
            how = "plain"
        self._console = console
        self._how = how
        self._latest: Optional[Progress] = None
        self._notes: list[str] = []
        self._said_at = time.monotonic()

    def heard(self, event: BatchEvent) -> None:
        """Remembers an event; never blocks."""
        if isinstance(event, Progress):
            self._latest = event
        elif isinstance(event, RowFailed):
            log.info("row %s failed: %s: %s", event.custom_id, event.kind, event.message)
        elif isinstance(event, LanePaused) and event.seconds >= 1:
            log.info("%s rests for %.1f s: %s", event.lane, event.seconds, event.reason)
            self._notes.append(f"{event.lane} rests for {event.seconds:.0f} s: {event.reason}")
        elif isinstance(event, LaneStopped):
            log.info("%s is not asked any more: %s", event.lane, event.reason)
            self._notes.append(f"{event.lane} is not asked any more: {event.reason}")

    def show(self, *, is_last: bool = False) -> None:
        """Prints, as often as the form of it wants."""
        latest = self._latest
        if is_last and latest is not None:
            log.info("%s", line(latest))
        notes, self._notes = self._notes, []
        if self._how == "none" or latest is None:
            return
        if self._how in ("bar", "plain"):
            for note in notes[:5]:
                self._console.note(note)
        if self._how == "bar":
            if is_last:
                self._console.clear_wait()
            else:
                self._console.wait(bar(latest, self._console.columns))
            return
        if not is_last and time.monotonic() - self._said_at < (1.0 if self._how == "json" else _LINE_EVERY_S):
            return
        self._said_at = time.monotonic()
        if self._how == "json":
            self._console.raw(json.dumps(asdict(latest)) + "\n")
        elif self._how == "openjd":
            self._console.raw(f"openjd_progress: {share(latest) * 100:.1f}\nopenjd_status: {line(latest)}\n")
        else:
            self._console.note(line(latest))


def share(progress: Progress) -> float:
    """How much is done, from 0 to 1; 0 while nobody knows."""
    if not progress.total:
        return 0.0
    return min(1.0, (progress.done + progress.failed + progress.skipped) / progress.total)


def line(progress: Progress) -> str:
    """One sentence."""
    total = "" if progress.total is None else f" of {progress.total:,}"
    parts = [f"{progress.done + progress.skipped:,}{total} rows", f"{progress.rate:.1f}/s"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.eta_s is not None and progress.state == "running":
        parts.append(f"{clock(progress.eta_s)} left")
    if progress.input_tokens or progress.output_tokens:
        parts.append(f"{short(progress.input_tokens)} in, {short(progress.output_tokens)} out")
    if progress.cost_usd:
        parts.append(f"${progress.cost_usd:,.4f}")
    lanes = " ".join(f"{one.running}/{one.window}" + (" resting" if one.paused_s > 0 else "") for one in progress.lanes)
    return ", ".join([*parts, f"at once {lanes}"]) + ("" if progress.state == "running" else f" ({progress.state})")


def bar(progress: Progress, columns: int) -> str:
    """One line for a terminal: all that is said, and a bar as long as there is room for."""
    said = line(progress)
    room = min(_BAR, columns - len(said) - len("[] "))
    if not progress.total or room < _SHORTEST_BAR:
        return said
    full = round(share(progress) * room)
    return f"[{'#' * full}{'.' * (room - full)}] {said}"

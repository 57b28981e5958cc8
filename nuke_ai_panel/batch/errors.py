"""What ends a batch before its last row: each error knows its exit code."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Optional

from ..core.retry import spoken
from ..errors import NukeAIError, PolicyError
from ..words import tr
from .values import CAPPED, DEFECT, INVALID, LOCKED, REFUSED, Reject

_DAY_S = 86400.0


class BatchError(NukeAIError):
    """A batch cannot go on; `code` is the exit code."""

    kind = "batch"
    code = REFUSED


class InvalidBatchError(BatchError):
    """The input, the template, the price or the schema is wrong. Nothing was sent."""

    code = INVALID


class LockedRunError(BatchError):
    """Another process writes to the run directory."""

    code = LOCKED


class CappedError(BatchError):
    """A cap of money or time is reached."""

    code = CAPPED


class DiskError(BatchError):
    """A file of the run cannot be read or written."""

    code = DEFECT


class RefusedError(BatchError):
    """The provider refuses for good: the key, the credit, the model; or too many rows failed."""

    code = REFUSED


def no_row(title: str, first: Optional[Reject]) -> BatchError:
    """The input has no row that can be asked; `first` is one that is none."""
    why = tr("The first: {words}", words=replace(first, next_step="").words) if first else ""
    return InvalidBatchError(
        "there is no row", user_text=f"{tr('{title} holds no row that can be used.', title=title)} {why}".strip(),
        next_step=(first.next_step or tr("Mend the rows.")) if first else tr("Check the input."),
    )


def time_is_up(seconds: float) -> BatchError:
    """The run was told to stop after so long."""
    return CappedError(
        "the time is up", user_text=tr("Stopped after {time}, as it was told.", time=spoken(seconds)),
        next_step=tr("Go on with this run: what is answered stays."),
    )


def budget_is_used_up(spent: float, cap: float, held: float) -> BatchError:
    """The next request could cost more than is left; all in US dollars."""
    return CappedError(
        "the budget is used up",
        user_text=tr("Stopped at the budget: {spent} of {cap} is spent, and the next request could cost {held}.",
                     spent=_dollars(spent), cap=_dollars(cap), held=_dollars(held)),
        next_step=tr("Raise the budget and go on with this run: what is answered stays."),
    )


def told_to_wait(name: str, seconds: float) -> BatchError:
    """A server asks for a longer pause than the run may make."""
    until = time.strftime("%H:%M" if seconds < _DAY_S / 2 else "%d %b %H:%M", time.localtime(time.time() + seconds))
    return CappedError(
        f"{name} asks to wait {spoken(seconds)}",
        user_text=tr("{name} asks to wait {time}, until {until}.", name=name, time=spoken(seconds), until=until),
        next_step=tr("Go on with this run then, or allow longer waits (--max-wait)."),
    )


def _dollars(value: float) -> str:
    return f"${value:.4f}" if value >= 0.001 or value == 0 else f"${value:.2g}"


def too_many_failed(failed: int, limit: str) -> BatchError:
    """More rows failed than --max-failures lets."""
    return RefusedError(
        f"{failed} rows failed, more than {limit}",
        user_text=tr("Stopped: {failed} rows failed, more than the {limit} that may.",
                     failed=failed, limit=limit),
        next_step=tr("Read the report, mend the cause, then go on with this run."),
    )


def refusal_of(error: NukeAIError) -> BatchError:
    """The error that stops a lane for good, with its exit code."""
    is_budget = isinstance(error, PolicyError) and error.rule.startswith("budget")
    make = CappedError if is_budget else RefusedError
    return make(error.message, user_text=error.user_text, next_step=error.next_step)

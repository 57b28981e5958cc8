"""What ends a batch before its last row: each error knows its exit code."""

from __future__ import annotations

import time

from ..core.retry import spoken
from ..errors import NukeAIError, PolicyError
from ..words import tr
from .values import CAPPED, INVALID, LOCKED, REFUSED


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


class RefusedError(BatchError):
    """The provider refuses for good: the key, the credit, the model; or too many rows failed."""

    code = REFUSED


def time_is_up(seconds: float) -> BatchError:
    """The run was told to stop after so long."""
    return CappedError(
        "the time is up", user_text=tr("Stopped after {time}, as it was told.", time=spoken(seconds)),
        next_step=tr("Run the same command again: it goes on where it stopped."),
    )


def budget_is_used_up(spent: float, cap: float, held: float) -> BatchError:
    """The next request could cost more than is left; all in US dollars."""
    return CappedError(
        "the budget is used up",
        user_text=tr("Stopped at the budget: ${spent:.4f} of ${cap:.4f} is spent, and the next request could cost "
                     "${held:.4f}.", spent=spent, cap=cap, held=held),
        next_step=tr("Run the same command with a higher --budget: it goes on where it stopped."),
    )


def told_to_wait(name: str, seconds: float) -> BatchError:
    """A server asks for a longer pause than the run may make."""
    until = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    return CappedError(
        f"{name} asks to wait {spoken(seconds)}",
        user_text=tr("{name} asks to wait {time}, until {until}.", name=name, time=spoken(seconds), until=until),
        next_step=tr("Run the same command again then, or raise --max-wait."),
    )


def too_many_failed(failed: int, limit: str) -> BatchError:
    """More rows failed than --max-failures lets."""
    return RefusedError(
        f"{failed} rows failed, more than {limit}",
        user_text=tr("Stopped: {failed} rows failed, more than --max-failures {limit} allows.",
                     failed=failed, limit=limit),
        next_step=tr("Read report.md, mend the cause, then run the same command again."),
    )


def refusal_of(error: NukeAIError) -> BatchError:
    """The error that stops a lane for good, with its exit code."""
    is_budget = isinstance(error, PolicyError) and error.rule.startswith("budget")
    make = CappedError if is_budget else RefusedError
    return make(error.message, user_text=error.user_text, next_step=error.next_step)

"""Decides whether a failed request is tried again, and after how long. Pure: the turn does the waiting.

Only a request of which nothing was shown is ever repeated. Waiting honours the server's Retry-After as long as all
waits of the turn stay within the budget; a longer wait is the human's decision, so the error says how long it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Optional

from ..errors import ProviderError
from ..words import tr

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0


INTERACTIVE_S = 60.0
BACKGROUND_S = 120.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how many seconds of waiting altogether."""

    retries: int = 2
    budget_s: float = INTERACTIVE_S


def next_delay(
    policy: RetryPolicy, error: ProviderError, *, attempt: int, waited_s: float, random: Callable[[], float]
) -> Optional[float]:
    """Seconds to wait before the next try, None to give up. `attempt` counts the failures so far, from 1."""
    if not error.retryable or attempt > policy.retries:
        return None
    asked = asked_delay(error)
    delay = asked if asked is not None else random() * min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (attempt - 1))
    return delay if waited_s + delay <= policy.budget_s else None


def asked_delay(error: ProviderError) -> Optional[float]:
    """The server's own Retry-After if it is usable."""
    asked = error.retry_after_s
    if asked is None or not math.isfinite(asked) or asked < 0:
        return None
    return asked


def name_wait(error: ProviderError) -> None:
    """Has the error's sentence say how long the server asks to wait, if it does."""
    asked = asked_delay(error)
    if asked is not None and asked >= 1:
        error.user_text = tr("{rstrip}: it asks to wait {spoken}.", rstrip=error.user_text.rstrip('.'),
            spoken=spoken(asked))
        error.next_step = tr("Try again in {spoken}, or choose another model.", spoken=spoken(asked))


def spoken(seconds: float) -> str:
    """A duration for people: 45 s, 3 minutes, 2 hours, 4 days."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return f"{math.ceil(seconds / size)} {unit}s"
    return f"{max(1, math.ceil(seconds))} s"

"""One server as a batch sees it: how many requests it gets now, and when the next may leave. Loop thread."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Optional

from ..app import ModelChoice
from ..errors import NukeAIError, PolicyError, ProviderError, SettingsError
from ..events import Allowance
from ..providers.reading import WEB_PAGE
from ..words import tr
from .pacing import Bucket, LearntRate, ToldLimits
from .values import LaneState
from .windows import Window

UNREACHED_KINDS = frozenset({"network", "timeout"})
FATAL_KINDS = frozenset({"auth", "permission", "model_not_found", "tls"})
SLOW_DOWN_KINDS = frozenset({"rate_limit", "overloaded"})
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
# A server that cannot be reached is asked again this often at least.
LONGEST_ABSENCE_S = 10.0
# A server that refuses the first request after its own pause is left alone a little longer than it says.
_PATIENCE = 1.5


@dataclass(frozen=True)
class Pause:
    """A lane rests for so long; `is_too_long` when nobody wants to wait for that."""

    seconds: float
    reason: str
    is_too_long: bool = False


class Lane:
    """Room for requests at one server. `running` is how many are under way."""

    def __init__(
        self, name: str, choice: ModelChoice, window: Window, *, rpm: Optional[float] = None,
        tpm: Optional[float] = None, max_wait_s: float = 120.0, is_near: bool = False,
    ) -> None:
        self.name = name
        self.choice = choice
        self.window = window
        self.is_near = is_near
        self.running = 0
        self.most_running = 0
        self.successes = 0
        self.stopped: Optional[NukeAIError] = None
        self._requests = Bucket(rpm) if rpm else None
        self._tokens = Bucket(tpm, stock_s=5.0) if tpm else None
        self._rate = LearntRate()
        self._told = ToldLimits(max_wait_s)
        self._max_wait_s = max_wait_s
        self._paused_until = float("-inf")
        self._probing_since: Optional[float] = None
        self._in_a_row = 0
        self._absences = 0
        self._absent_at = float("-inf")
        self._absent_since: Optional[float] = None

    def wait_s(self, tokens: int, now: float) -> Optional[float]:
        """Seconds until a request of that size may leave; None while too many are under way or the lane is stopped."""
        at_once = 1 if self._probing_since is not None else self.window.at_once
        if self.stopped is not None or self.running >= at_once:
            return None
        wait_s = max(self._paused_until - now, self._rate.wait_s(now), self._told.wait_s(tokens, now))
        if self._requests is not None:
            wait_s = max(wait_s, self._requests.wait_s(1.0, now))
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(float(tokens), now))
        return max(0.0, wait_s)

    def begin(self, tokens: int, now: float) -> int:
        """A request leaves; its number."""
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._rate.took(now)
        if self._requests is not None:
            self._requests.take(1.0, now)
        if self._tokens is not None:
            self._tokens.take(float(tokens), now)
        return self._told.took(tokens)

    def end(self) -> None:
        """It is over, and what it brought is written."""
        self.running -= 1

    def answered(self, now: float, started_at: float, *, estimated: int, used: Optional[int]) -> None:
        """A request went well."""
        self.successes += 1
        self._in_a_row = self._absences = 0
        self._absent_since = None
        if self._probing_since is not None and started_at >= self._probing_since:
            self._probing_since = None
        self.window.answered(now)
        self._rate.answered(now, started_at)
        if self._tokens is not None and used is not None:
            self._tokens.give_back(float(estimated - used))

    def told(self, allowance: Allowance, number: int, now: float, *, said_at: float) -> Optional[Pause]:
        """The head of the answer to request `number` said what is left; little is a reason to go slower at once.

        A pause when nothing is left for longer than anybody waits.
        """
        if self._told.hear(allowance, number, now, said_at):
            self.window.refused(now, now)
        until_s = self._told.next_s
        return Pause(until_s, tr("Nothing is left."), is_too_long=True) if until_s > self._max_wait_s else None

    def failed(self, error: ProviderError, now: float, started_at: float) -> Optional[Pause]:
        """A request failed; how long everybody waits for that, None for not at all."""
        if error.kind not in UNREACHED_KINDS:
            self._absences, self._absent_since = 0, None  # who says no is there
        if error.kind in SLOW_DOWN_KINDS:
            return self._refused(error, now, started_at)
        if error.kind == "network" and started_at >= self._absent_at:
            self._absent_at = now
            self._absent_since = now if self._absent_since is None else self._absent_since
            self._absences += 1
            seconds = min(LONGEST_ABSENCE_S, FIRST_DELAY_S * 2.0 ** min(10, self._absences - 1))
            pause = self._pause(seconds * random.uniform(0.5, 1.0), tr("It cannot be reached."), now)
            self._probing_since = now + pause.seconds
            return pause
        return None

    def is_gone(self, now: float, most_attempts: int) -> bool:
        """Whether it was tried often enough and never answered, or has not been there for as long as one may wait."""
        if self._absent_since is None:
            return False
        return (not self.successes and self._absences >= most_attempts) or now - self._absent_since > self._max_wait_s

    def stop(self, error: NukeAIError) -> None:
        """Asks this server no more."""
        self.stopped = self.stopped or error

    def state(self, now: float) -> LaneState:
        """What a progress line shows."""
        return LaneState(self.name, self.running, self.window.at_once, max(0.0, self._paused_until - now),
                         self.stopped is not None, self._absent_since is not None)

    def _refused(self, error: ProviderError, now: float, started_at: float) -> Optional[Pause]:
        self.window.refused(now, started_at)
        self._rate.refused(now)
        asked = error.retry_after_s
        if asked is not None and asked > self._max_wait_s:
            return Pause(asked, error.user_text, is_too_long=True)
        if started_at < (self._probing_since or float("-inf")):
            # It left before the pause: it says nothing new but the time.
            return self._pause(asked, error.user_text, now) if asked else None
        self._in_a_row += 1
        own = random.uniform(0.5, 1.0) * min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(10, self._in_a_row - 1))
        if not asked:  # nothing, or "at once", which says the same
            seconds = own
        elif self._in_a_row == 1:
            seconds = asked
        else:
            seconds = max(asked * _PATIENCE, own if asked < FIRST_DELAY_S else 0.0)
        pause = self._pause(seconds, error.user_text, now)
        self._probing_since = now + seconds
        return pause

    def _pause(self, seconds: float, reason: str, now: float) -> Pause:
        self._paused_until = max(self._paused_until, now + seconds)
        return Pause(seconds, reason)


def is_fatal(error: NukeAIError, *, is_proven: bool) -> bool:
    """Whether the server would say the same to every row; one that `is_proven` has answered some."""
    if isinstance(error, (PolicyError, SettingsError)):
        return True
    if not isinstance(error, ProviderError):
        return False
    is_elsewhere = error.code == WEB_PAGE or (error.kind == "bad_request" and error.status == 404)
    return error.kind in FATAL_KINDS or (error.kind == "credits" and error.retry_after_s is None) or (
        is_elsewhere and not is_proven)


def backoff_s(attempts: int) -> float:
    """How long a row waits before its next attempt: full jitter."""
    return random.random() * min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(10, attempts - 1))

"""Adds up what happened with one provider to the state that is shown. Pure but for its clock; whoever owns it locks it.

Facts come in, one at a time: a request was opened, its server was heard, it failed, it ended. The state follows:

unknown       nothing was tried yet, or what was tried never left this machine
connecting    a request is under way to a server that has not been heard since it was last known to be there
connected     the last exchange succeeded
degraded      the server answers, but slowly, or refuses or loses some of what it is asked (see `_is_owed`)
unreachable   the last request never got there, or the answer broke off, and no stream is flowing
needs key     there is no key, or it was rejected

A stream that flows outweighs everything else: as long as one does, a provider is connected or degraded.
"""

from __future__ import annotations

import time
from typing import Callable, List, Optional

from ..messages import ErrorInfo
from ..words import tr
from .provider_status import State

# An exchange without tokens that takes longer is slow.
SLOW_S = 2.0
# For so long a failure is held against a server that answers …
LATELY_S = 60.0
# … unless it has answered so many requests since.
AMENDS = 3
# A server that went away so often lately comes and goes; once or twice is a restart, and forgiven when it is back.
OFTEN = 3
# A server that accepts connections may be too busy for so many probes in a row before it counts as gone.
PATIENCE = 3

# After these nobody can say that the server is there …
LOST_KINDS = frozenset({"network", "tls", "timeout", "protocol"})
KEY_KINDS = frozenset({"auth", "missing_key"})
# … these it said itself, and they are its own fault …
FAULT_KINDS = frozenset({"rate_limit", "overloaded", "server_error", "truncated"})
# … these say something about the question, if the server said them, and otherwise nothing.
SAID_KINDS = frozenset({
    "permission", "credits", "model_not_found", "context_too_long", "content_filter", "bad_request",
    "unsupported_feature",
})
# … and these statuses are of somebody on the way: a page to sign in at, a proxy, another address.
ON_THE_WAY = frozenset({301, 302, 303, 307, 308, 407, 511})


class Health:
    """One provider's. `state`, `since`, `latency_s` and `error` are what is shown."""

    def __init__(self, wall: Callable[[], float] = lambda: time.time()) -> None:
        self.state: State = "unknown"
        self.since = 0.0
        self.latency_s: Optional[float] = None
        self.error: Optional[ErrorInfo] = None
        self.heard_at = 0.0
        self._wall = wall
        self._found: State = "unknown"  # what the last facts say, without what is under way
        self._opening = 0
        self._flowing = 0
        self._owed = 0
        self._fault: Optional[ErrorInfo] = None  # what it is owed for
        self._failed_at = self._lost_at = float("-inf")
        self._losses: List[float] = []
        self._timeouts = 0

    @property
    def is_flowing(self) -> bool:
        """Whether a stream is under way that has been heard."""
        return self._flowing > 0

    def restore(self, state: State, since: float, latency_s: Optional[float], error: Optional[ErrorInfo]) -> None:
        """Goes on where another one ended."""
        self._found, self.latency_s, self.error = state, latency_s, error
        self._show()
        self.since = since

    def forget(self) -> None:
        """Nothing is known any more but what flows right now."""
        self._found, self.latency_s, self.error = "unknown", None, None
        self._owed = self._timeouts = 0
        self._failed_at = float("-inf")
        self._losses = []
        self._show()

    # ------------------------------------------------------------ facts

    def opened(self) -> None:
        """A request is under way."""
        self._opening += 1
        self._show()

    def heard(self, latency_s: Optional[float] = None) -> None:
        """An exchange succeeded; `latency_s` when it was one without tokens."""
        now = self._wall()
        self.heard_at = now
        self._timeouts = 0
        if latency_s is not None:
            self.latency_s = latency_s
        self._owed = max(0, self._owed - 1)
        if latency_s is not None and latency_s >= SLOW_S:
            self._found, self.error = "degraded", _slow(latency_s)
        elif self._is_owed(now):
            self._found, self.error = "degraded", self._fault
        else:
            self._found, self.error, self._owed = "connected", None, 0
        self._show()

    def flows(self) -> None:
        """The opened request has become a stream."""
        self._opening -= 1
        self._flowing += 1
        self.heard()

    def closed(self, *, was_flowing: bool, is_whole: bool = False, spoke_at: float = 0.0) -> None:
        """The request has ended; `is_whole` when its answer had come to its end, `spoke_at` when its last piece "
            "came."""
        if was_flowing:
            self._flowing -= 1
            if (is_whole or spoke_at > self._lost_at) and self._found == "unreachable":
                self.heard()
        else:
            self._opening -= 1
        self._show()

    def failed(self, error: ErrorInfo, *, is_probe: bool = False, is_unsent: bool = False) -> None:
        """A request ended in `error`; `is_unsent` when no connection came about."""
        now = self._wall()
        if error.kind in KEY_KINDS:
            self._found = "needs key"
        elif error.kind in LOST_KINDS or error.status in ON_THE_WAY:
            self._lose(error, now, is_probe=is_probe, is_unsent=is_unsent)
        elif error.kind in FAULT_KINDS:
            self._found, self._owed, self._failed_at, self._fault = "degraded", AMENDS, now, error
        elif error.kind in SAID_KINDS and error.status is not None:
            # The server is there and reads what it is sent; that it ever does what it is asked is not said by that.
            self.heard_at = now
            if self._found not in ("connected", "degraded"):
                self._found = "degraded"
            elif is_probe:
                return
        elif error.kind not in ("settings", "internal"):
            return  # a stop, a limit of our own: nothing was found out
        self.error = error
        self._show()

    def settle(self) -> None:
        """Lets a failure rest that was long enough ago, if the server has answered since."""
        was_held = self._found == "degraded" and self._owed > 0 and self._owed < AMENDS
        if was_held and not self._is_owed(self._wall()):
            self._found, self.error, self._owed = "connected", None, 0
            self._show()

    # ------------------------------------------------------------ how

    def _lose(self, error: ErrorInfo, now: float, *, is_probe: bool, is_unsent: bool) -> None:
        if is_probe and error.kind == "timeout" and not is_unsent and self._found in ("connected", "degraded"):
            self._timeouts += 1
            if self._timeouts < PATIENCE:  # it accepts connections: busy, as far as anybody knows
                self._found = "degraded"
                return
        if self._found in ("connected", "degraded"):
            self._losses = [*(at for at in self._losses if now - at < LATELY_S), now]
            if len(self._losses) >= OFTEN:  # it comes and goes
                self._owed, self._failed_at, self._fault = AMENDS, now, error
        self._found, self._lost_at = "unreachable", now

    def _is_owed(self, now: float) -> bool:
        """Whether a failure of the last minute is not yet made up for by answers."""
        return self._owed > 0 and now - self._failed_at < LATELY_S

    def _show(self) -> None:
        state = self._found
        if self._flowing and state not in ("connected", "degraded"):
            state = "degraded" if self.error is not None else "connected"
        elif self._opening and state in ("unknown", "unreachable", "needs key"):
            state = "connecting"
        if state != self.state:
            self.state, self.since = state, self._wall()


def _slow(latency_s: float) -> ErrorInfo:
    return ErrorInfo(
        "slow", f"an exchange without tokens took {latency_s:.1f} s",
        user_text=tr("It answers slowly ({latency_s:.1f} s).", latency_s=latency_s),
        next_step=tr("Wait, or choose another model."),
    )

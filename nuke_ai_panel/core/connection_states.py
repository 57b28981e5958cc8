"""Every provider's true state, and who is told when one changes. Any thread.

A `Contact` is one request's share in its provider's state, from its opening to its end; one that belongs to an address
which is no longer the provider's says nothing about the new one. Whoever listens is called on the thread where the
fact was found, mostly the loop's.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..errors import NukeAIError, PolicyError
from ..messages import ErrorInfo
from ..settings import ProviderSettings, Settings
from ..utils.survivors import keep, look
from .connection_health import Health
from .provider_status import ProviderStatus

log = logging.getLogger(__name__)

# Under this name the states survive a reload: {name: (state, since, latency_s, error as a dict or None, address)}.
STATES = "provider states"

Listener = Callable[[ProviderStatus], None]


class ConnectionStates:
    """Made with the settings; `refused` says why the policy forbids a provider, None when it does not."""

    def __init__(self, settings: Settings, refused: Callable[[str], Optional[PolicyError]]) -> None:
        self._settings = settings
        self._refused = refused
        self._lock = threading.RLock()
        self._healths: Dict[str, Health] = {}
        self._told: Dict[str, ProviderStatus] = {}
        self._listeners: List[Listener] = []
        for name, kept in look(STATES, {}).items():
            self._restore(name, *kept)

    # ------------------------------------------------------------ asking

    def status(self, name: str) -> ProviderStatus:
        """What is known about the provider right now. Raises SettingsError for an unknown name."""
        refused = self._refused(name)
        label = self._settings.provider(name).label
        if refused is not None:
            known = self._told.get(name)
            since = known.since if known is not None and known.state == "forbidden by policy" else 0.0
            return ProviderStatus(name, label, "forbidden by policy", since, error=refused.info())
        with self._lock:
            health = self._healths.get(name)
            if health is None:
                return ProviderStatus(name, label)
            health.settle()
            return ProviderStatus(name, label, health.state, health.since, health.latency_s, health.error)

    def is_flowing(self, name: str) -> bool:
        """Whether a stream of the provider is under way that has been heard."""
        health = self._healths.get(name)
        return health is not None and health.is_flowing

    def heard_at(self, name: str) -> float:
        """When the provider's server was last heard (UTC seconds), 0 for never."""
        health = self._healths.get(name)
        return health.heard_at if health is not None else 0.0

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Calls `callback` at every change of a status, on any thread; returns what ends that."""
        with self._lock:
            self._listeners = [*self._listeners, callback]

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = [one for one in self._listeners if one is not callback]

        return unsubscribe

    # ------------------------------------------------------------ telling

    def open(self, name: str, *, is_probe: bool = False) -> Contact:
        """A request to the provider begins. A probe of a server that is known to be away is not worth a word."""
        with self._lock:
            health = self._healths.setdefault(name, Health())
            is_quiet = is_probe and health.state not in ("unknown", "connecting")
            if not is_quiet:
                health.opened()
        self.publish(name)
        return Contact(self, name, health, is_probe=is_probe, is_counted=not is_quiet)

    def take(self, settings: Settings) -> None:
        """New settings: a row that changed begins anew, with what flows from its old address left out."""
        with self._lock:
            old, self._settings = self._settings, settings
            for name, row in old.providers.items():
                new = settings.providers.get(name)
                if new is None or _address(new) != _address(row):
                    self._healths.pop(name, None)
                    self._told.pop(name, None)

    def forget(self, name: str) -> None:
        """The provider is built anew at its next use: nothing is known any more."""
        with self._lock:
            health = self._healths.get(name)
            if health is not None:
                health.forget()
        self.publish(name)

    def publish(self, name: str) -> None:
        """Tells the listeners if the provider's status is another one than they were told last."""
        with self._lock:
            if name not in self._settings.providers:
                return
            status = self.status(name)
            if status.state == "forbidden by policy" and name in self._healths:
                self._healths[name].forget()  # what was true before says nothing about the day when it is allowed again
            told = self._told.get(name) or ProviderStatus(name, status.title)
            # A probe's latency differs each time, and is read by whoever looks; it is not worth waking everybody for.
            if _but_latency(status) == _but_latency(told):
                return
            self._told[name] = status
            listeners = self._listeners
        for listener in listeners:
            try:
                listener(status)
            except Exception:
                log.exception("a listener to provider states failed")

    def abandon(self) -> None:
        """The loop is replaced: what was under way on it is not any more, and says nothing."""
        with self._lock:
            kept = self._all_kept()
            self._healths = {}
            for name, known in kept.items():
                self._restore(name, *known)
        for name in kept:
            self.publish(name)

    # ------------------------------------------------------------ through a reload

    def hand_over(self) -> None:
        """Leaves what is known to the next generation of this code; what was under way is not."""
        with self._lock:
            kept = self._all_kept()
        keep(STATES, {**look(STATES, {}), **kept})

    def _all_kept(self) -> Dict[str, Any]:  # Any: the plain values that STATES describes
        rows = self._settings.providers
        return {name: self._kept(name, health) for name, health in self._healths.items() if name in rows}

    def _kept(self, name: str, health: Health) -> Any:  # Any: the plain values that STATES describes
        state = "unknown" if health.state == "connecting" else health.state
        error = asdict(health.error) if health.error is not None else None
        return state, health.since, health.latency_s, error, _address(self._settings.providers[name])

    def _restore(self, name: str, state: Any, since: Any, latency_s: Any, error: Any = None, address: Any = "") -> None:
        # Any: plain values that may be of an earlier generation's making
        row = self._settings.providers.get(name)
        known = ("connected", "degraded", "unreachable", "needs key")
        if row is None or state not in known or address not in ("", _address(row)):
            return
        try:
            info = ErrorInfo(**error) if error else None
        except TypeError:  # another generation's fields
            info = None
        if info is None and state != "connected":
            return
        health = self._healths[name] = Health()
        health.restore(state, since, latency_s, info)
        self._told[name] = self.status(name)


class Contact:
    """One request, from its opening to `close`; every method but `close` may be called more than once."""

    def __init__(
        self, states: ConnectionStates, name: str, health: Health, *, is_probe: bool, is_counted: bool
    ) -> None:
        self._states = states
        self._name = name
        self._health = health
        self._is_probe = is_probe
        self._is_counted = is_counted
        self._is_flowing = False
        self._is_closed = False

    def flows(self) -> None:
        """The server was heard, and its answer goes on."""
        with self._states._lock:
            if not self._is_flowing:
                self._is_flowing = True
                self._health.flows()
        self._states.publish(self._name)

    def answered(self, latency_s: float) -> None:
        """The server answered a request that costs no tokens."""
        with self._states._lock:
            self._health.heard(latency_s)
        self._states.publish(self._name)

    def failed(self, error: NukeAIError, *, is_probe: Optional[bool] = None) -> None:
        """The request ended in `error`. A model or a budget that the policy refuses says nothing about the provider."""
        if error.kind != "policy":
            with self._states._lock:
                self._health.failed(
                    error.info(), is_probe=self._is_probe if is_probe is None else is_probe,
                    is_unsent=getattr(error, "is_unsent", False),
                )
        # the rest is told by `close`: between the two nothing is awaited

    def close(self, *, is_whole: bool = False, spoke_at: float = 0.0) -> None:
        """The request has ended, whichever way. Idempotent."""
        with self._states._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._is_counted or self._is_flowing:
                self._health.closed(was_flowing=self._is_flowing, is_whole=is_whole, spoke_at=spoke_at)
        self._states.publish(self._name)


def _but_latency(status: ProviderStatus) -> Tuple[object, ...]:
    return status.title, status.state, status.since, status.error


def _address(row: ProviderSettings) -> str:
    return f"{row.kind} {row.base_url or ''}"

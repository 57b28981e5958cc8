"""What the product knows about its providers: each one's true state, and the models it offers. Frozen values.

A state comes from real traffic only: an answered request makes a provider connected, a failed connection unreachable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Mapping, Optional, Tuple

from ..messages import ErrorInfo
from ..providers.base import ModelInfo

State = Literal["unknown", "connecting", "connected", "unreachable", "needs key"]

# Errors after which nobody can say that the server is there. All others came from it.
UNREACHABLE_KINDS = frozenset({"network", "tls", "timeout", "protocol"})
KEY_KINDS = frozenset({"auth", "missing_key"})


@dataclass(frozen=True)
class ProviderStatus:
    """One provider as a status chip shows it. `since` is UTC seconds; `latency_s` that of the last list of models."""

    name: str
    title: str
    state: State = "unknown"
    since: float = 0.0
    latency_s: Optional[float] = None
    error: Optional[ErrorInfo] = None


@dataclass(frozen=True)
class ModelCatalogue:
    """Models of one or all providers. `fetched_at` (UTC seconds) and `errors` are per provider's name."""

    models: Tuple[ModelInfo, ...] = ()
    fetched_at: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, ErrorInfo] = field(default_factory=dict)


def state_after(error: ErrorInfo, before: State) -> State:
    """The state of a provider whose request ended in `error`."""
    if error.kind in KEY_KINDS:
        return "needs key"
    if error.kind in UNREACHABLE_KINDS:
        return "unreachable"
    return before if error.kind in ("settings", "internal") else "connected"

"""What the product knows about its providers: each one's true state, and the models it offers. Frozen values.

A state comes from real traffic only: an answered request makes a provider connected, a failed connection unreachable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Mapping, Optional, Tuple

from ..errors import SettingsError
from ..keys import KEYLESS_KINDS
from ..messages import ErrorInfo
from ..providers.base import ModelInfo
from ..providers.urls import is_private_url, normalise_base_url
from ..settings import ProviderSettings, is_loopback_url
from ..settings.presets import FORWARDING

State = Literal["unknown", "connecting", "connected", "unreachable", "needs key", "forbidden"]

# Errors after which nobody can say that the server is there. All others came from it.
UNREACHABLE_KINDS = frozenset({"network", "tls", "timeout", "protocol"})
KEY_KINDS = frozenset({"auth", "missing_key"})
# Rules that forbid a provider as a whole.
PROVIDER_RULES = ("providers.", "origins.", "local_only", "policy")


class Trust(Enum):
    """How far a prompt travels: not at all, within the house's network, or out of it."""

    MACHINE = "machine"
    HOUSE = "house"
    OUTSIDE = "outside"


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
    if error.kind == "policy":  # a model or a budget that is refused says nothing about its provider
        return "forbidden" if (error.code or "").startswith(PROVIDER_RULES) else before
    if error.kind in UNREACHABLE_KINDS:
        return "unreachable"
    return before if error.kind in ("settings", "internal") else "connected"


def trust_of(row: ProviderSettings) -> Trust:
    """How far a prompt travels that is sent to the provider of this row; what is not known is outside."""
    if row.kind in KEYLESS_KINDS:
        return Trust.MACHINE
    if not row.base_url or row.options.get("vendor", row.name) in FORWARDING:
        return Trust.OUTSIDE
    if is_loopback_url(row.base_url):
        return Trust.MACHINE
    try:
        return Trust.HOUSE if is_private_url(normalise_base_url(row.base_url)) else Trust.OUTSIDE
    except SettingsError:
        return Trust.OUTSIDE

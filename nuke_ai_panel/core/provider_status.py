"""What the product knows about its providers: each one's true state, and the models it offers. Frozen values."""

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

State = Literal[
    "unknown", "connecting", "connected", "degraded", "unreachable", "needs key", "forbidden by policy"
]


# How far away a provider's server is.
Distance = Literal["machine", "house", "outside"]


class Trust(Enum):
    """How far a prompt travels: not at all, within the house's network, or out of it."""

    MACHINE = "machine"
    HOUSE = "house"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class ProviderStatus:
    """One provider as a status chip shows it. What the states mean: connection_health.py and docs/status.md.

    `since` is UTC seconds; `latency_s` that of the last short exchange (a list of models, a probe). `error` is the last
    thing that went wrong and what to do about it. `next_try_at` (UTC seconds) is when the panel looks again by itself,
    None when it does not; `waiting` counts the questions that wait for the server.
    """

    name: str
    title: str
    state: State = "unknown"
    since: float = 0.0
    latency_s: Optional[float] = None
    error: Optional[ErrorInfo] = None
    next_try_at: Optional[float] = None
    waiting: int = 0


@dataclass(frozen=True)
class ModelCatalogue:
    """Models of one or all providers. `fetched_at` (UTC seconds) and `errors` are per provider's name."""

    models: Tuple[ModelInfo, ...] = ()
    fetched_at: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, ErrorInfo] = field(default_factory=dict)


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


def distance_of(row: ProviderSettings) -> Optional[Distance]:
    """How far away the server of this row is; None for a row without one, or that is turned off."""
    if not row.enabled or row.kind in KEYLESS_KINDS:
        return None
    distances: Mapping[Trust, Distance] = {Trust.MACHINE: "machine", Trust.HOUSE: "house", Trust.OUTSIDE: "outside"}
    return distances[trust_of(row)]

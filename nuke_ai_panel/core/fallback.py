"""Decides who is asked instead when the chosen model cannot answer. Pure; the turn does the asking.

Nobody is, unless the settings or the request name them. A stand-in is asked only before the first word, only when the
chosen one is not available (a refused key or a refused question would be refused for a reason), and only if the prompt
then goes to a place of the same trust: what was meant for this machine stays here, what was meant for the house stays
in the house.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from ..errors import NukeAIError, ProviderError
from ..settings import ProviderSettings, Settings
from ..words import later, tr
from .place import resolve_choice
from .provider_status import Trust, trust_of
from .request import ModelChoice, TurnRequest

UNAVAILABLE_KINDS = frozenset({
    "network", "timeout", "overloaded", "server_error", "rate_limit", "truncated", "model_not_found", "credits",
})
_PLACES = {Trust.MACHINE: later("on this machine"), Trust.HOUSE: later("in the house"), Trust.OUTSIDE: later("outside")}


def stand_ins(settings: Settings, request: TurnRequest) -> Tuple[ModelChoice, ...]:
    """Who may be asked instead, in order. Raises SettingsError for a name that means nobody."""
    if request.continue_of is not None:
        return ()  # half an answer is not finished by somebody else
    if request.fallback is not None:
        return request.fallback
    return named_choices(settings, settings.fallback)


def choice_named(settings: Settings, name: str) -> ModelChoice:
    """The provider and model that `provider/model`, or a provider alone, means. Raises SettingsError."""
    provider, _, model = name.strip().partition("/")
    return resolve_choice(settings, ModelChoice(provider.strip(), model.strip()))


def is_unavailable(error: NukeAIError) -> bool:
    """Whether somebody else might answer where this failed."""
    return isinstance(error, ProviderError) and error.kind in UNAVAILABLE_KINDS


def objection(chosen: ProviderSettings, other: ProviderSettings) -> Optional[str]:
    """Why `other` may not stand in for `chosen`, as a sentence; None when it may."""
    meant, goes = trust_of(chosen), trust_of(other)
    if meant is goes:
        return None
    return (
        tr("{label} was not asked instead: it runs {places}, and the question was meant for a model {places2}.",
        label=other.label, places=tr(_PLACES[goes]), places2=tr(_PLACES[meant]))
    )


def stood_in_text(error: NukeAIError, other: ModelChoice, label: str) -> str:
    """Why another model answered."""
    why = error.user_text if error.user_text.endswith((".", "?", "!")) else f"{error.user_text}."
    return tr("{why} {model} of {label} was asked instead.", why=why, model=other.model, label=label)


def skipped_text(label: str, error: NukeAIError) -> str:
    """Why a stand-in did not answer either."""
    return tr("{label} could not be asked instead: {user_text}", label=label, user_text=error.user_text)


def named_choices(settings: Settings, names: Sequence[str]) -> Tuple[ModelChoice, ...]:
    """The choices that settings or a script name. Raises SettingsError."""
    return tuple(choice_named(settings, name) for name in names)


"""Names of provider kinds and the classes behind them; third parties join by entry point.

The entry-point group is `nuke_ai_panel.providers`: the entry's name is the kind, its object a class that follows
`base.Provider`. Classes are imported when they are first asked for, so a provider that is not used costs nothing, and
a third party's that cannot be imported is reported where it is chosen and never breaks the others.
"""

from __future__ import annotations

import importlib
import logging
from importlib import metadata
from typing import Dict, Tuple, Type

from ..errors import SettingsError
from ..words import tr
from .base import Provider

log = logging.getLogger(__name__)

GROUP = "nuke_ai_panel.providers"
_BUILT_IN = {
    "local": "local_provider:LocalProvider",
    "ollama": "ollama_provider:OllamaProvider",
    "openrouter": "openrouter_provider:OpenRouterProvider",
    "openai": "openai_provider:OpenAIProvider",
    "anthropic": "anthropic_provider:AnthropicProvider",
    "mistral": "mistral_provider:MistralProvider",
    "google": "google_provider:GoogleProvider",
    "scripted": "scripted_provider:ScriptedProvider",
}
_loaded: Dict[str, Type[Provider]] = {}


def provider_kinds() -> Tuple[str, ...]:
    """Every kind that can be named in settings: ours first, then third parties' in alphabetical order."""
    return (*_BUILT_IN, *sorted(name for name in _entry_points() if name not in _BUILT_IN))


def provider_class(kind: str) -> Type[Provider]:
    """The class behind `kind`. Raises SettingsError for an unknown kind and for one that cannot be imported."""
    if kind not in _loaded:
        _loaded[kind] = _load(kind)
    return _loaded[kind]


def third_parties() -> Tuple[str, ...]:
    """The top-level packages of the third parties whose providers were loaded; a reload takes them along."""
    entries = _entry_points() if any(kind not in _BUILT_IN for kind in _loaded) else {}
    modules = {entries[kind].value.partition(":")[0] for kind in _loaded if kind in entries}
    return tuple(sorted({module.partition(".")[0] for module in modules}))


def _load(kind: str) -> Type[Provider]:
    if kind in _BUILT_IN:
        module, _, name = _BUILT_IN[kind].partition(":")
        found: Type[Provider] = getattr(importlib.import_module(f".{module}", __package__), name)
        return found
    entry = _entry_points().get(kind)
    if entry is None:
        raise SettingsError(
            tr("unknown kind of provider: {kind}", kind=kind),
            next_step=tr("Use one of {names}, or install the package that brings it.",
            names=', '.join(provider_kinds())),
        )
    try:
        loaded: Type[Provider] = entry.load()
    except Exception as exc:
        log.warning("the provider %s could not be loaded", kind, exc_info=True)
        raise SettingsError(
            f"the provider {kind} ({entry.value}) could not be loaded: {exc}",
            user_text=tr("The provider {kind} could not be loaded.", kind=kind),
            next_step=tr("Ask whoever installed it; the log says why."),
        ) from exc
    return loaded


def _entry_points() -> Dict[str, metadata.EntryPoint]:
    found = metadata.entry_points()
    chosen = found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, ())
    return {entry.name: entry for entry in chosen}

"""Reads Mistral's list of models: one row for a model and all its names. Pure. The list has no prices."""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Set

from ..messages import Json
from .base import ModelInfo
from .openai_models import rows_of
from .usage_counts import count

_ABILITIES = {"vision": "vision", "function_calling": "tools", "reasoning": "reasoning"}


def read_models(body: Json, provider: str, *, is_local: bool) -> List[ModelInfo]:
    """The models that chat. The vendor lists a model once under each of its names; the first of them stands for all."""
    found: List[ModelInfo] = []
    taken: Set[str] = set()
    for row in rows_of(body):
        model, said = row.get("id"), row.get("capabilities")
        if not isinstance(model, str) or not model or model in taken:
            continue
        if isinstance(said, dict) and said.get("completion_chat") is False:
            continue
        aliases = [one for one in _list(row.get("aliases")) if isinstance(one, str) and one and one != model]
        taken.update((model, *aliases))
        name = row.get("name")
        found.append(ModelInfo(
            model, provider, name=name if isinstance(name, str) and name != model else "", local=is_local,
            context_tokens=count(row.get("max_context_length")) or None, capabilities=_abilities(said),
            aliases=tuple(dict.fromkeys(aliases)), expires=_day(row.get("deprecation")),
        ))
    return found


def _abilities(said: Json) -> Optional[FrozenSet[str]]:
    """Our names for the capabilities. Every chat model takes a schema; documents are read for those that see."""
    if not isinstance(said, dict):
        return None
    can = {ours for theirs, ours in _ABILITIES.items() if said.get(theirs) is True}
    return frozenset(can | {"json"} | ({"pdf"} if "vision" in can else set()))


def _day(moment: Json) -> Optional[str]:
    return moment[:10] if isinstance(moment, str) and moment else None


def _list(value: Json) -> List[Json]:
    return value if isinstance(value, list) else []

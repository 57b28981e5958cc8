"""Reads Anthropic's list of models: windows, abilities, and what each takes in a request. Pure.

The list has no prices, and they are not guessed. Proxies and older servers list names only; for those stand a few
facts by the name's beginning, from the vendor's model overview (platform.claude.com/docs, models overview, 2026-08).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from ..messages import Json
from .anthropic_dialect import Traits
from .base import ModelInfo
from .openai_models import rows_of
from .usage_counts import count

_ABILITIES = {
    "image_input": "vision", "pdf_input": "pdf", "thinking": "reasoning", "structured_outputs": "json",
}
_LEVELS = ("low", "medium", "high", "xhigh", "max")


class Fact(NamedTuple):
    """What is known of every model whose name starts so, for lists that say nothing."""

    start: str
    context_tokens: int
    max_output_tokens: Optional[int]
    abilities: FrozenSet[str]


_SEES = frozenset({"vision", "tools"})
_READS = _SEES | {"pdf"}
_THINKS = _READS | {"reasoning"}
# The longest fitting start counts, so the order is from special to general.
_FACTS: Tuple[Fact, ...] = (
    Fact("claude-3-5-sonnet", 200_000, 8192, _READS),
    Fact("claude-3-5-haiku", 200_000, 8192, _READS),
    Fact("claude-3-7-sonnet", 200_000, 64_000, _THINKS),
    Fact("claude-3-", 200_000, 4096, _SEES),
    Fact("claude-opus-4-1", 200_000, 32_000, _THINKS),
    Fact("claude-opus-4-2", 200_000, 32_000, _THINKS),
    Fact("claude-opus-4-0", 200_000, 32_000, _THINKS),
    Fact("claude-sonnet-4", 200_000, 64_000, _THINKS),
    Fact("claude-haiku-4", 200_000, 64_000, _THINKS),
    Fact("claude-", 200_000, None, _THINKS),
)


def read_models(body: Json, provider: str, *, is_local: bool) -> Dict[str, Tuple[ModelInfo, Traits]]:
    """The models of one page of `GET /v1/models`; retired ones, which no request may name, are left out."""
    found: Dict[str, Tuple[ModelInfo, Traits]] = {}
    for row in rows_of(body):
        model = _word(row.get("id"))
        if not model or model in found or row.get("lifecycle") == "retired":
            continue
        info = replace(unlisted(model, provider, is_local=is_local), name=_word(row.get("display_name")))
        said = row.get("capabilities")
        abilities = _abilities(said) if isinstance(said, dict) else info.capabilities
        info = replace(
            info, context_tokens=count(row.get("max_input_tokens")) or info.context_tokens,
            max_output_tokens=count(row.get("max_tokens")) or info.max_output_tokens, capabilities=abilities,
            expires=_word(row.get("retires_at"))[:10] or None,
        )
        traits = _traits(info, said if isinstance(said, dict) else {})
        efforts = tuple(level for level in _LEVELS if level in (traits.efforts or ()))
        found[model] = replace(info, efforts=efforts), traits
    return found


def unlisted(model: str, provider: str, *, is_local: bool = False) -> ModelInfo:
    """What is known of a model by its name alone."""
    name = model.rpartition("/")[2]
    fact = next((one for one in _FACTS if name.startswith(one.start)), None)
    if fact is None:
        return ModelInfo(model, provider, local=is_local)
    return ModelInfo(
        model, provider, context_tokens=fact.context_tokens, max_output_tokens=fact.max_output_tokens,
        capabilities=fact.abilities, local=is_local,
    )


def traits_of(model: str) -> Traits:
    """What is known of how to ask a model that no list describes."""
    return _traits(unlisted(model, ""), {})


def next_page(body: Json) -> Optional[str]:
    """The id after which the list goes on; None at its end."""
    last = body.get("last_id") if isinstance(body, dict) and body.get("has_more") is True else None
    return last if isinstance(last, str) and last else None


def _abilities(said: Dict[str, Json]) -> FrozenSet[str]:
    """Our names for the capabilities; calling tools is not among them because every Claude can."""
    return frozenset({"tools"} | {ours for theirs, ours in _ABILITIES.items() if _can(said.get(theirs))})


def _traits(info: ModelInfo, said: Dict[str, Json]) -> Traits:
    thinking, effort = _mapping(said.get("thinking")), _mapping(said.get("effort"))
    types = _mapping(thinking.get("types"))
    efforts: Optional[FrozenSet[str]] = None
    if effort:
        levels: List[str] = [level for level in _LEVELS if _can(effort.get(level))]
        efforts = frozenset(levels if _can(effort) else ())
    return Traits(
        max_output=info.max_output_tokens, adaptive=_known(thinking, types.get("adaptive")),
        budgeted=_known(thinking, types.get("enabled")), efforts=efforts,
        schema=_can(said["structured_outputs"]) if "structured_outputs" in said else None,
    )


def _known(thinking: Dict[str, Json], kind: Json) -> Optional[bool]:
    if thinking.get("supported") is False:
        return False
    return _can(kind) if isinstance(kind, dict) else None


def _can(said: Json) -> bool:
    return said is True or _mapping(said).get("supported") is True


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> str:
    return value if isinstance(value, str) else ""

"""Reads OpenRouter's catalogue. Pure. Prices are decimal strings in dollars a token; ours are dollars a million."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Dict, FrozenSet, List, Optional, Tuple

from ..messages import Json
from .base import ModelInfo
from .openai_models import rows_of
from .usage_counts import count

_MILLION = Decimal(1_000_000)


def read_catalogue(body: Json, provider: str) -> List[ModelInfo]:
    """The models of `GET /models`; what a row does not say is None."""
    found: Dict[str, ModelInfo] = {}
    for row in rows_of(body):
        model = row.get("id")
        if isinstance(model, str) and model and model not in found:
            found[model] = _model(row, model, provider)
    return list(found.values())


def price_per_million(value: Json) -> Optional[float]:
    """Dollars a million tokens; None for what is no price. A negative one means that it depends on the route."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return float(price * _MILLION) if price.is_finite() and price >= 0 else None


def price_each(value: Json) -> Optional[float]:
    """Dollars for one request; None for none that is known."""
    price = price_per_million(value)
    return None if price is None else price / 1_000_000


def routed(model: ModelInfo, route: str) -> ModelInfo:
    """`model` by another route (`v/m:nitro`): it can do the same, but whoever is chosen sets the price."""
    return replace(
        model, id=f"{model.id}:{route}", name=f"{model.name} ({route})" if model.name else "", price_input=None,
        price_output=None, price_request=None, price_cache_read=None,
    )


def _words(value: Json) -> Optional[Tuple[str, ...]]:
    return tuple(str(one) for one in value) if isinstance(value, list) else None


def _set(value: Json) -> Optional[FrozenSet[str]]:
    words = _words(value)
    return None if words is None else frozenset(words)


def _model(row: Dict[str, Json], model: str, provider: str) -> ModelInfo:
    prices, top = _mapping(row.get("pricing")), _mapping(row.get("top_provider"))
    name, expires = row.get("name"), row.get("expiration_date")
    shape = _mapping(row.get("architecture"))
    efforts = _words(_mapping(row.get("reasoning")).get("supported_efforts"))
    return ModelInfo(
        model, provider, name=name if isinstance(name, str) else "",
        context_tokens=count(row.get("context_length")) or count(top.get("context_length")),
        max_output_tokens=count(top.get("max_completion_tokens")),
        capabilities=_abilities(row),
        price_input=price_per_million(prices.get("prompt")), price_output=price_per_million(prices.get("completion")),
        price_request=price_each(prices.get("request")),
        price_cache_read=price_per_million(prices.get("input_cache_read")),
        input_modalities=_set(shape.get("input_modalities")), output_modalities=_set(shape.get("output_modalities")),
        parameters=_set(row.get("supported_parameters")), efforts=efforts or (),
        expires=expires[:10] if isinstance(expires, str) and expires else None,
    )


def _abilities(row: Dict[str, Json]) -> Optional[FrozenSet[str]]:
    accepted, modalities = row.get("supported_parameters"), _mapping(row.get("architecture")).get("input_modalities")
    if not isinstance(accepted, list) and not isinstance(modalities, list):
        return None
    words = {str(word) for word in (accepted or ())} if isinstance(accepted, list) else set()
    inputs = {str(word) for word in (modalities or ())} if isinstance(modalities, list) else set()
    said = {
        "tools": "tools" in words,
        "reasoning": "reasoning" in words,
        "json": bool(words & {"response_format", "structured_outputs"}),
        "vision": "image" in inputs,
        "pdf": "file" in inputs,
    }
    return frozenset(name for name, can in said.items() if can)


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}

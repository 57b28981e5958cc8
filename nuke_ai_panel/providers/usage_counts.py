"""Reads token counts out of the shapes that vendors of the OpenAI family report them in. Pure."""

from __future__ import annotations

import math
from typing import Dict, Optional

from ..messages import Json, Usage


def read_usage(raw: Json) -> Optional[Usage]:
    """The counters in a `usage` object, or None when it holds none. Output includes reasoning, input the cache."""
    if not isinstance(raw, dict):
        return None
    asked = _mapping(raw.get("prompt_tokens_details") or raw.get("input_tokens_details"))
    said = _mapping(raw.get("completion_tokens_details") or raw.get("output_tokens_details"))
    given, made = _count(raw, "prompt_tokens", "input_tokens"), _count(raw, "completion_tokens", "output_tokens")
    total = _count(raw, "total_tokens")
    if total is None and given is not None and made is not None:
        total = given + made
    cached = _count(asked, "cached_tokens")
    usage = Usage(
        input=given,
        output=made,
        total=total,
        reasoning=_count(said, "reasoning_tokens"),
        cache_read=_count(raw, "prompt_cache_hit_tokens") if cached is None else cached,
        cache_write=_count(asked, "cache_write_tokens"),
        cost_usd=_whole_cost(raw) if raw.get("cost") is not None else _ticks(raw.get("cost_in_usd_ticks")),
    )
    return None if usage == Usage() else usage


def count(value: Json) -> Optional[int]:
    """A counter, or None for what is none; whole floats are counters too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        return None
    return int(value)


def _count(raw: Dict[str, Json], *names: str) -> Optional[int]:
    return next((found for found in (count(raw.get(name)) for name in names) if found is not None), None)


def _whole_cost(raw: Dict[str, Json]) -> Optional[float]:
    """What a request cost; with a key of one's own at the vendor, its share comes on top of the router's fee."""
    cost = _cost(raw.get("cost"))
    upstream = _cost(_mapping(raw.get("cost_details")).get("upstream_inference_cost"))
    return cost if cost is None or upstream is None or raw.get("is_byok") is not True else cost + upstream


def _cost(value: Json) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def _ticks(value: Json) -> Optional[float]:
    """xAI's cost: ten thousand million ticks to the dollar."""
    cost = _cost(value)
    return None if cost is None else cost / 1e10


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}

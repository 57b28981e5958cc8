"""Whether a line of a run directory has the shape that everybody who reads it relies on. Pure."""

from __future__ import annotations

import math
from typing import Mapping

from ..messages import Json


def is_end(line: Mapping[str, Json]) -> bool:
    """Whether it is the end of a row: an id, an answer with its text or an error, and what we know beside it."""
    extra, response, error = line.get("x", {}), line.get("response"), line.get("error")
    return (
        isinstance(line.get("custom_id"), str) and isinstance(extra, dict) and _is_extra(extra)
        and (isinstance(error, dict) if response is None else error is None and _is_answer(response))
    )


def is_reject(line: Mapping[str, Json]) -> bool:
    """Whether it tells of something that is no row, as `rejects.jsonl` and the chunks of a farm hold it."""
    return "reason" in line or isinstance(line.get("reject"), dict)


def _is_answer(response: Json) -> bool:
    body = response.get("body") if isinstance(response, dict) else None
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return isinstance(message, dict) and isinstance(message.get("content"), str)


def _is_extra(extra: Mapping[str, Json]) -> bool:
    usage = extra.get("usage")
    return (
        all(extra.get(name) is None or isinstance(extra[name], str) for name in ("request_key", "dedup_of", "page"))
        and all(extra.get(name) is None or _is_amount(extra[name]) for name in ("cost_usd", "total_ms", "attempts"))
        and (usage is None or (isinstance(usage, dict) and all(map(_is_count, usage.values()))))
    )


def _is_count(value: Json) -> bool:
    return value is None or isinstance(value, bool) or _is_amount(value)


def _is_amount(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0

"""Content that is a list of typed parts, as text and thinking. Pure."""

from __future__ import annotations

from typing import Iterator, List

from ..messages import Json
from .think_tags import Piece


def split_parts(parts: List[Json]) -> Iterator[Piece]:
    """The readable pieces of `parts` in order; parts of other types are left out."""
    for part in parts:
        if isinstance(part, str):
            yield ("text", part)
        elif isinstance(part, dict) and part.get("type") in ("thinking", "reasoning"):
            yield ("thinking", _flat(part.get("thinking") or part.get("reasoning") or part.get("text")))
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            yield ("text", part["text"])


def _flat(value: Json) -> str:
    """The text inside nested parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_flat(item.get("text") if isinstance(item, dict) else item) for item in value)
    return ""

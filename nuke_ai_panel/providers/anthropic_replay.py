"""Puts an answer of Claude together again as it was: signed thoughts unchanged, and where they stood. Pure.

The vendor rejects a thinking block that was changed or moved. Text and calls of a message are stored apart from its
thoughts, so each stored thought says how much text and how many calls came before it.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

from ..messages import Json

BLOCK, TEXT_BEFORE, CALLS_BEFORE = "anthropic_block", "text_before", "calls_before"


class Thought(NamedTuple):
    """A thinking or redacted_thinking block and its place."""

    block: Dict[str, Json]
    text_before: int
    calls_before: int


def placed(block: Dict[str, Json], *, text_before: int, calls_before: int) -> Json:
    """What a `ThinkingOpaque` carries."""
    return {BLOCK: block, TEXT_BEFORE: text_before, CALLS_BEFORE: calls_before}


def thoughts_of(opaque: Sequence[Json]) -> List[Thought]:
    """The thoughts among the stored items; those of other vendors are left out."""
    found = []
    for item in opaque:
        block = item.get(BLOCK) if isinstance(item, dict) else None
        if isinstance(block, dict):
            found.append(Thought(dict(block), _number(item.get(TEXT_BEFORE)), _number(item.get(CALLS_BEFORE))))
    return found


def woven(text: str, calls: Sequence[Dict[str, Json]], thoughts: Sequence[Thought]) -> List[Dict[str, Json]]:
    """The blocks of one assistant message in their order; a piece of text that is all blank is left out."""
    blocks: List[Dict[str, Json]] = []
    said = called = 0
    for thought in thoughts:
        until_text = max(said, min(thought.text_before, len(text)))
        until_call = max(called, min(thought.calls_before, len(calls)))
        _add_text(blocks, text[said:until_text])
        blocks += calls[called:until_call]
        blocks.append(thought.block)
        said, called = until_text, until_call
    _add_text(blocks, text[said:])
    return [*blocks, *calls[called:]]


def _add_text(blocks: List[Dict[str, Json]], text: str) -> None:
    if text.strip():
        blocks.append({"type": "text", "text": text})


def _number(value: Json) -> int:
    return value if isinstance(value, int) and value > 0 else 0

"""Learns from Anthropic's refusals what a model takes, so that the next request fits. Pure.

The vendor says in words which field a model does not take; generations differ, and the model list does not say it all.
What is learnt is kept for the model, and whatever the user loses by it is said beside the answer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Dict, Mapping, Optional

from ..errors import ProviderError
from ..messages import Json
from .anthropic_dialect import Traits

SMALLEST_ROOM = 256
_REFUSED = re.compile(
    r"not supported|unsupported|does(?: not|n't) support|extra inputs|not permitted|not allowed|deprecated|may only be"
    r"|cannot both|cannot be used|no longer|must be unset|less than or equal|range:|not available|unexpected",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"output[_ ](?:config\.)?format|output_config|structured output|json_schema")
_THOUGHTS = re.compile(r"signature|thinking`? (?:or `redacted_thinking`? )?blocks?|expected `thinking`", re.IGNORECASE)
_LARGE = re.compile(
    r"\b(?:image|pdf|document)s?\b[^.]{0,80}\b(?:exceed|too large|maximum|at most)|maximum of \d+ pdf pages",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"max_tokens:? \d+ > (\d+)")
_WINDOW = re.compile(r"(\d+) \+ (\d+) > (\d+)")
_DROPPABLE = ("top_k", "top_p", "temperature", "stop_sequences")
_LIMITS: Dict[str, str] = {
    "requests": "requests", "input-tokens": "input tokens", "output-tokens": "output tokens", "tokens": "tokens",
}


def learnt(words: str, body: Mapping[str, Json], known: Traits) -> Optional[Traits]:
    """`known` with what the refusal of `body` in `words` adds to it; None if it teaches nothing."""
    limit = _LIMIT.search(words)
    if limit is not None and int(limit.group(1)) < body["max_tokens"]:
        return replace(known, max_output=int(limit.group(1)))
    if not _REFUSED.search(words):
        return None
    lower = words.lower()
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    if "display" in thinking and "display" in lower:
        return _refusing(known, "display")
    if kind == "adaptive" and "adaptive" in lower and not _names_sampling(lower, body):
        return replace(known, adaptive=False)
    if kind == "enabled" and ("thinking.type.enabled" in lower or "budget_tokens" in lower):
        return replace(known, budgeted=False)
    config = body.get("output_config") or {}
    if "effort" in config and "effort" in lower:
        return _refusing(known, "effort")
    if "format" in config and _FORMAT.search(lower):
        return _refusing(known, "format")
    for name in _DROPPABLE:
        if name in body and name in lower:
            return _refusing(known, name)
    if thinking and "thinking" in lower:
        return _refusing(known, "thinking")
    return _refusing(known, "cache_control") if "cache_control" in lower else None


def room_left(words: str) -> Optional[int]:
    """The tokens that the window has left for an answer, where the refusal says how full it is."""
    numbers = _WINDOW.search(words)
    if numbers is None or "context limit" not in words:
        return None
    room = int(numbers.group(3)) - int(numbers.group(1))
    return room if room >= SMALLEST_ROOM else None


def refuses_thoughts(words: str) -> bool:
    """True when the replayed thoughts are the trouble: signed elsewhere, or by a model that has changed since."""
    return "thinking" in words.lower() and _THOUGHTS.search(words) is not None


def explain_size(error: ProviderError) -> None:
    """Says what to do about a picture or a document that is too large."""
    if error.kind == "bad_request" and _LARGE.search(error.message):
        error.user_text = f"{error.provider} finds an attachment too large."
        error.next_step = "Send smaller or fewer images and files."


def explain_limit(error: ProviderError, headers: Mapping[str, str], now: datetime) -> None:
    """Adds to a rate limit which of the account's limits is used up, and until when, where only the headers say so."""
    for key, title in _LIMITS.items():
        head = f"anthropic-ratelimit-{key}-"
        if headers.get(head + "remaining") != "0":
            continue
        wait = _seconds_until(headers.get(head + "reset", ""), now)
        if error.retry_after_s is None:
            error.retry_after_s = wait
        limit = headers.get(head + "limit", "")
        count = f" ({int(limit):,})" if limit.isascii() and limit.isdigit() else ""
        error.user_text = f"{error.provider} allows no more {title} for now: the account's limit{count} is used up."
        return


def _names_sampling(words: str, body: Mapping[str, Json]) -> bool:
    """True when the refusal is about the temperature beside thinking, not about thinking."""
    return any(name in words and name in body for name in _DROPPABLE)


def _refusing(known: Traits, name: str) -> Optional[Traits]:
    return None if name in known.refused else replace(known, refused=known.refused | {name})


def _seconds_until(moment: str, now: datetime) -> Optional[float]:
    """Seconds until an RFC 3339 time; None for what is none, or is over."""
    try:
        until = datetime.fromisoformat(moment.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=timezone.utc)
    seconds = (until - now).total_seconds()
    return seconds if seconds > 0 else None

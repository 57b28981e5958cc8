"""What a service says, beside an answer, about how much more it allows. Pure.

OpenAI and its kin send `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, the reset as `6m0s` or `349ms`;
Anthropic `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`, the reset as a
moment; Mistral names the minute; OpenRouter and others count requests without saying so, the reset as epoch
milliseconds.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Iterable, Mapping, Optional

from ..events import Allowance, Quota

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MILLISECONDS_FROM, _EPOCH_FROM = 1e12, 1e9
_MINUTE_S = 60.0


def read_allowance(headers: Mapping[str, str], now: float) -> Optional[Allowance]:
    """What the headers (with lower-case names) allow; None when they say nothing. `now` is Unix time."""
    if not any("ratelimit" in name for name in headers):
        return None
    requests = _first(
        _quota(headers, now, "x-ratelimit-{}-requests"), _quota(headers, now, "anthropic-ratelimit-requests-{}"),
        _minute(headers, "x-ratelimit-{}-req-minute"), _quota(headers, now, "x-ratelimit-{}"),
    )
    tokens = _scarcest(one for one in (
        _quota(headers, now, "x-ratelimit-{}-tokens"), _minute(headers, "x-ratelimit-{}-tokens-minute"),
        *(_quota(headers, now, f"anthropic-ratelimit-{kind}-{{}}")
          for kind in ("tokens", "input-tokens", "output-tokens")),
    ) if one is not None)
    return Allowance(requests, tokens) if requests is not None or tokens is not None else None


def _quota(headers: Mapping[str, str], now: float, name: str) -> Optional[Quota]:
    limit, remaining = (_number(headers.get(name.format(what))) for what in ("limit", "remaining"))
    if limit is None or remaining is None or limit <= 0:
        return None
    return Quota(limit, min(limit, max(0.0, remaining)), reset_s(headers.get(name.format("reset"), ""), now))


def _minute(headers: Mapping[str, str], name: str) -> Optional[Quota]:
    found = _quota(headers, 0.0, name)
    return found and found._replace(reset_s=_MINUTE_S)


def _first(*found: Optional[Quota]) -> Optional[Quota]:
    return next((one for one in found if one is not None), None)


def _scarcest(found: Iterable[Quota]) -> Optional[Quota]:
    return min(found, key=lambda one: one.remaining / one.limit, default=None)


def reset_s(text: str, now: float) -> Optional[float]:
    """Seconds until all is allowed again: a length, a moment in epoch milliseconds or seconds, or an ISO date."""
    number = _number(text)
    if number is not None:
        moment = number / 1000.0 if number >= MILLISECONDS_FROM else number if number >= _EPOCH_FROM else now + number
        return max(0.0, moment - now)
    parts = _PART.findall(text)
    if parts and "".join(map("".join, parts)) == text.strip():
        return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
    try:
        date = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    whole = date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
    return max(0.0, whole.timestamp() - now)


def _number(text: Optional[str]) -> Optional[float]:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e15 else None

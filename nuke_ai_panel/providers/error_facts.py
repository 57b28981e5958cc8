"""Reads what an error body says, in all the envelopes that servers use. Pure; `classify.py` decides what it means.

Envelopes seen in the wild: a string, `{"error": "text"}`, `{"error": {...}}` (OpenAI, Google, Anthropic), the same in
a one-element list (Google), flat `{"object": "error", ...}` (Mistral, old vLLM), FastAPI's `{"detail": ...}`, an HTML
page of a proxy, and an error inside another error's message.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Dict, List, Mapping, Optional, Sequence, Union

from ..messages import Json
from .rate_limits import MILLISECONDS_FROM, reset_s
from .redact import MASK, redact

MAX_MESSAGE = 2000
_SCRIPTS = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^>]*>")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")


@dataclass(frozen=True)
class ErrorFacts:
    """What a body says about an error. `status` is the HTTP status that the body itself claims."""

    message: str = ""
    code: Optional[str] = None
    type: Optional[str] = None
    status: Optional[int] = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    availability: Mapping[str, Json] = field(default_factory=dict)
    details: Sequence[Json] = ()
    raw: Mapping[str, Json] = field(default_factory=dict)
    inner: str = ""

    @property
    def words(self) -> str:
        """Everything readable, for phrase rules."""
        return f"{self.message}\n{self.inner}" if self.inner else self.message


def plain_text(text: str) -> str:
    """`text` without keys, payloads and HTML tags; each tag is a space, as a reader would see it."""
    if "<" in text and ">" in text:
        text = _TAGS.sub(" ", _SCRIPTS.sub(" ", text))
    return redact(_BASE64.sub(MASK, text).strip()[:MAX_MESSAGE])


def read_error(body: Union[bytes, Json]) -> ErrorFacts:
    """The facts in an error body: raw bytes of a response, or JSON that came inside a stream."""
    if isinstance(body, (bytes, bytearray)):
        text = bytes(body).decode("utf-8-sig", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return ErrorFacts(message=plain_text(text))
    return _unwrap(body, depth=0)


def retry_delay(
    facts: ErrorFacts, headers: Mapping[str, str], now: float, *, status: Optional[int] = None
) -> Optional[float]:
    """Seconds to wait that the server asked for; `headers` have lower-case keys, `now` is Unix time."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None and milliseconds >= 0:
        return milliseconds / 1000
    after = headers.get("retry-after")
    if after:
        seconds = _number(after)
        if seconds is None:
            seconds = _seconds_until(after, now)
        if seconds is not None:
            return max(0.0, seconds)
    asked = _number(facts.availability.get("retry_after"))
    if asked is not None and asked >= 0:
        return asked
    for detail in facts.details:
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        seconds = _number(delay[:-1]) if isinstance(delay, str) and delay.endswith("s") else None
        if seconds is not None and seconds >= 0:
            return seconds
    return _until_reset(facts, headers, now, status)


def _until_reset(
    facts: ErrorFacts, headers: Mapping[str, str], now: float, status: Optional[int]
) -> Optional[float]:
    """X-RateLimit-Reset, in the headers or, by OpenRouter, repeated in the body.

    Epoch milliseconds are OpenRouter's. Others send seconds, with every answer: only for a 429 they are what to wait.
    """
    said: Json = headers.get("x-ratelimit-reset")
    repeated = facts.metadata.get("headers")
    if _number(said) is None and isinstance(repeated, dict):
        said = next((value for name, value in repeated.items() if str(name).lower() == "x-ratelimit-reset"), said)
    number = _number(said)
    if said is None or (status != 429 and (number is None or number < MILLISECONDS_FROM)):
        return None
    wait = reset_s(str(said), now)
    return wait if wait else None


def _unwrap(body: Json, depth: int) -> ErrorFacts:
    if depth > 4:
        return ErrorFacts()
    if isinstance(body, list):
        return _unwrap(body[0], depth + 1) if body else ErrorFacts()
    if isinstance(body, str):
        return _unwrap_text(body, {}, depth)
    if not isinstance(body, dict):
        return ErrorFacts(message="" if body is None else str(body))
    error = body.get("error")
    if isinstance(error, str) and error:
        return _unwrap_text(error, body, depth)
    if isinstance(error, list) and error:
        return _unwrap(error[0], depth + 1)
    if isinstance(error, dict) and error:
        if isinstance(error.get("error"), (dict, str)) and not error.get("message"):
            return _unwrap(error, depth + 1)
        return _read_object(error, depth)
    return _read_object(body, depth)


def _unwrap_text(text: str, envelope: Dict[str, Json], depth: int) -> ErrorFacts:
    """An error that is only a string; some gateways put the upstream's whole JSON into it."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _unwrap(json.loads(text), depth + 1)
        except (ValueError, RecursionError):
            pass
    code = envelope.get("code")
    return ErrorFacts(message=plain_text(text), code=_word(code), status=_status(code), raw=envelope)


def _read_object(error: Dict[str, Json], depth: int) -> ErrorFacts:
    metadata = _mapping(error.get("metadata"))
    code, status, kind = error.get("code"), _status(error.get("code")), error.get("type")
    if isinstance(error.get("status"), str):  # Google: code is a number, status the name
        kind = kind or error["status"]
    elif status is None:
        status = _status(error.get("status"))
    inner_error = _mapping(error.get("innererror") or error.get("inner_error"))
    inner = " ".join(str(v) for v in (inner_error.get("code"), _raw_text(metadata.get("raw"), depth)) if v)
    message = _message_of(error)
    if message[:1] == "{":
        nested = _unwrap_text(message, {}, depth)
        if nested.message and nested.message != message:
            message, inner = nested.message, f"{inner} {nested.code or ''} {nested.type or ''}".strip()
            kind = kind or nested.type
    if message.rstrip(".").lower() == "provider returned error" and inner:
        message = f"{message}: {inner}"
    return ErrorFacts(
        message=plain_text(message),
        code=_word(code),
        type=_word(metadata.get("error_type") or kind),
        status=status,
        metadata=metadata,
        availability=_mapping(error.get("availability")),
        details=error["details"] if isinstance(error.get("details"), list) else (),
        raw=error,
        inner=redact(inner[:MAX_MESSAGE]),
    )


def _message_of(error: Dict[str, Json]) -> str:
    for key in ("message", "detail", "msg", "error_description", "errors"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, (dict, list)) and value:
            return _sentence(value)
    return ""


def _sentence(value: Json) -> str:
    """A structured message as text: FastAPI's list of places and reasons, else the JSON itself."""
    items = value if isinstance(value, list) else _mapping(value).get("detail")
    if isinstance(items, list) and items and all(isinstance(i, dict) and "msg" in i for i in items):
        parts: List[str] = []
        for item in items:
            place = ".".join(str(part) for part in item.get("loc") or ())
            parts.append(f"{place}: {item['msg']}" if place else str(item["msg"]))
        return "; ".join(parts)
    return json.dumps(value, ensure_ascii=False)


def _raw_text(raw: Json, depth: int) -> str:
    """What the upstream really said, which OpenRouter hands on as `metadata.raw`."""
    if not raw:
        return ""
    facts = _unwrap(raw, depth + 1)
    return " ".join(part for part in (facts.message, facts.code, facts.type) if part)


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> Optional[str]:
    """A code or type as text; None for nothing, booleans and structures."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return redact(str(value))[:200] or None


def _status(code: Json) -> Optional[int]:
    """`code` if it is an HTTP error status; vendors also use words and numbers of their own."""
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599:
        return code
    return None


def _number(value: Json) -> Optional[float]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _seconds_until(http_date: str, now: float) -> Optional[float]:
    try:
        return parsedate_to_datetime(http_date).timestamp() - now
    except (TypeError, ValueError, IndexError, OverflowError):
        return None

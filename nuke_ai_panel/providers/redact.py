"""Takes keys and control characters out of text that a user, a log or a report may see. Pure."""

from __future__ import annotations

import re
from typing import Sequence
from urllib.parse import quote

from ..errors import MASK as MASK
from ..errors import without_secrets

MAX_TEXT = 2000

_LABEL = (r"(?:(?:x-)?(?:goog-)?api[-_ ]?key|authorization|(?:auth|access|refresh|id)?[-_]?token|(?:client[-_])?secret"
          r"|passw(?:or)?d|credentials?)")
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=*%-]{6,}"), r"\1 " + MASK),
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf)[-_][A-Za-z0-9*._-]{6,}"), MASK),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{10,}"), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.?[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,}|(?:gh[opsru]_|github_pat_)\w{16,}|xox[abeprs]-[A-Za-z0-9-]{10,})"),
     MASK),
    # As JSON and Python write a header or a field, and with a digit in it also as people do.
    (re.compile(rf"(?i)([\"']{_LABEL}[\"']\s*[:=]\s*[\"'])(?!bearer |basic )[^\"']{{6,}}"), r"\1" + MASK),
    (re.compile(rf"(?i)\b({_LABEL}\s*[:=]\s*)(?!bearer |basic )(?=[^\s\"',;]*\d)[^\s\"',;]{{8,}}"), r"\1" + MASK),
    (re.compile(r"(?i)\b((?:api[_-]?|access[_-]?)?key|token|signature|password)=[^&\s\"']+"), r"\1=" + MASK),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@"), r"\1" + MASK + "@"),
    (re.compile(r"(^|[\s\"'=])[^/\s@:\"'=]+:[^/\s@:\"']{3,}@(?=[\w.-]+:\d)"), r"\1" + MASK + "@"),
    (re.compile(r"(data:[a-z]+/[a-z0-9.+-]+;base64,)[A-Za-z0-9+/=]{16,}"), r"\1" + MASK),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """`masked`, at most 2,000 long."""
    text = masked(text, secrets)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """`text` with `secrets` (also percent-encoded) and everything that looks like a key masked."""
    text = without_secrets(text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub(" ", text)

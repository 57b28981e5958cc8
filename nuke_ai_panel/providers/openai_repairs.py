"""What a server of the OpenAI family refuses by name, and what its request does without from then on. Pure.

A `Repair` is the name of a field that is left out, or one of the names below. A provider remembers its repairs per
model, so that a refusal costs one request in a session.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional

from ..messages import Json
from .error_facts import ErrorFacts

MAX_REPAIRS = 6
Repair = str
LENGTH_FIELDS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# The schema goes as JSON mode, then as words of the prompt; the prompt as system's, then as part of the question.
NO_JSON_SCHEMA, NO_FORMAT = "json_schema", "response_format"
NO_DEVELOPER, NO_SYSTEM = "role:developer", "role:system"
_DROPPABLE = (
    "stream_options", "temperature", "top_p", "seed", "stop", "reasoning_effort", "reasoning", "parallel_tool_calls",
    "chat_template_kwargs", "thinking",
)
_LOSSES = frozenset({"temperature", "top_p", "seed", "stop", "reasoning_effort", "reasoning"})
_REFUSED = re.compile(
    r"unsupported|not supported|does(?: not|n't) support|unrecognized|unrecognised|unknown|unexpected"
    r"|not permitted|not allowed|extra[ _](?:inputs?|fields?)|no longer|use 'max_|only the default",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"response[_ ]format|json[_ ](?:schema|object|mode)|structured[_ ]outputs?", re.IGNORECASE)
_FORMAT_REFUSED = re.compile(
    _REFUSED.pattern + r"|must be|unavailable|invalid|not (?:available|compatible|enabled|implemented)|cannot|can't",
    re.IGNORECASE,
)
_ROLE_REFUSED = re.compile(
    r"\brole\b.*(?:not support|unsupported|unexpected|unknown|invalid)|(?:unexpected|unsupported|unknown|invalid)"
    r"(?: message| value:?)? ?(?:role|'?\"?(?:developer|system))"
    r"|(?:developer|system)['\"]? (?:role|message|instruction)s? (?:is |are )?not (?:supported|enabled|allowed)",
    re.IGNORECASE | re.DOTALL,
)


def repair_for(facts: ErrorFacts, body: Mapping[str, Json]) -> Optional[Repair]:
    """What of `body` the server's error refuses and the request can do without; None if there is nothing."""
    words = facts.words
    if "response_format" in body and _FORMAT.search(words) and _FORMAT_REFUSED.search(words):
        return NO_JSON_SCHEMA if body["response_format"].get("type") == "json_schema" else NO_FORMAT
    if _ROLE_REFUSED.search(words):
        return _role_repair(body)
    if not _REFUSED.search(words):
        return None
    param = facts.raw.get("param")
    named = [param] if isinstance(param, str) and param else re.findall(r"[a-z_]+", words.lower())
    for name in (*LENGTH_FIELDS, *_DROPPABLE):
        if name in named and name in body:
            return name
    return None


def loss_of(repair: Repair, body: Mapping[str, Json]) -> Optional[str]:
    """What of `body`, as the user asked for it, is lost by the repair; a renamed or an unasked-for field is no loss."""
    if repair in (NO_JSON_SCHEMA, NO_FORMAT):
        return "response_format" if "response_format" in body else None
    return repair if repair in _LOSSES and repair in body else None


def _role_repair(body: Mapping[str, Json]) -> Optional[Repair]:
    messages = body.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else {}
    return {"developer": NO_DEVELOPER, "system": NO_SYSTEM}.get(str(first.get("role")))

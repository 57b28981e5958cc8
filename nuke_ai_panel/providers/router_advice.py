"""What a router of many vendors (OpenRouter) says about a failure, in an artist's words and with the mend. Pure.

Its errors carry their reason in `metadata` and `availability`: who among the vendors failed, what was flagged, which
limit was reached, what the routing preferences exclude.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

from ..errors import ErrorKind
from ..messages import Json
from .error_facts import ErrorFacts
from .redact import redact

Advice = Tuple[str, str]  # sentence, next step; an empty one keeps the kind's own
NO_ADVICE: Advice = ("", "")
CREDITS_PAGE = "openrouter.ai/settings/credits"
KEYS_PAGE = "openrouter.ai/settings/keys"
PRIVACY_PAGE = "openrouter.ai/settings/privacy"
_SHOWN = 100
_ELSEWHERE = "allow fallbacks to other vendors in Settings, or choose another model."

_LIMITS: Dict[str, Advice] = {
    "openrouter_credits": ("The account at OpenRouter has no credit left.", f"Add credit at {CREDITS_PAGE}, or choose "
                           "a free model."),
    "openrouter_key_limit": ("This key has reached the spending limit that was set for it.",
                             f"Raise the key's limit at {KEYS_PAGE}, or use another key."),
    "openrouter_in_flight_budget": ("Requests that are still running hold the rest of the credit.",
                                    f"Wait until they end, or add credit at {CREDITS_PAGE}."),
}
_UNAVAILABLE: Dict[str, Advice] = {
    "model_deprecated": ("This model is no longer offered.", "Choose another model."),
    "free_variant_ended": ("The free variant of this model has ended.",
                           "Choose the model without :free, or another free one."),
    "privacy_restricted": ("No vendor of this model keeps to your privacy settings.",
                           f"Change data_collection and zdr in Settings, or {PRIVACY_PAGE}; or choose another model."),
    "constraint_filtered": ("Your routing preferences leave no vendor for this model.",
                            "Loosen only, ignore, max_price and the like in Settings, or choose another model."),
    "no_endpoints": ("No vendor offers this model in the way it was asked for.",
                     "Take out what the model cannot do (tools, images), loosen the routing preferences, or choose "
                     "another model."),
    "region_restricted": ("This model is not offered where you are.", "Choose another model."),
}


def router_advice(kind: ErrorKind, facts: ErrorFacts) -> Advice:
    """The sentence and the next step for an error of a router; empty for every other error."""
    advise = _ADVISERS.get(kind)
    sentence, step = advise(facts) if advise is not None else NO_ADVICE
    others = facts.availability.get("fallback_models")
    if isinstance(others, list) and others and kind in ("model_not_found", "rate_limit", "overloaded"):
        step = "The provider suggests: " + ", ".join(str(name) for name in others[:3]) + "."
    return sentence, step


def _credits(facts: ErrorFacts) -> Advice:
    said = _LIMITS.get(_text(facts.metadata.get("limit_source")))
    if said is not None:
        return said
    if "can only afford" in facts.message.lower():
        return ("The credit that is left does not cover the longest answer this request allows.",
                f"Lower max_tokens, add credit at {CREDITS_PAGE}, or choose a cheaper model.")
    return NO_ADVICE


def _filtered(facts: ErrorFacts) -> Advice:
    reasons, patterns = _words(facts.metadata.get("reasons")), _words(facts.metadata.get("patterns"))
    if not reasons and not patterns:
        return NO_ADVICE
    who = _text(facts.metadata.get("provider_name"))
    by = f"The moderation before {who}" if who else "The provider's moderation"
    what = f" because of {', '.join(reasons)}" if reasons else f": it matches {', '.join(patterns)}"
    flagged = redact(_text(facts.metadata.get("flagged_input")))[:_SHOWN]
    step = f"Rephrase “{flagged}”, or choose another model." if flagged else "Rephrase it, or choose another model."
    return f"{by} refused the question{what}.", step


def _unavailable(facts: ErrorFacts) -> Advice:
    sentence, step = _UNAVAILABLE.get(_text(facts.availability.get("code")), NO_ADVICE)
    words = facts.words.lower()
    if not sentence and "data policy" in words:
        sentence, step = _UNAVAILABLE["privacy_restricted"]
    elif not sentence and ("ignored providers" in words or "all providers have been ignored" in words):
        sentence, step = _UNAVAILABLE["constraint_filtered"]
    elif not sentence and "no endpoints found" in words:
        sentence, step = _UNAVAILABLE["no_endpoints"]
    excluded = _words(facts.availability.get("excluded_by")) or _words(facts.availability.get("constraint"))
    if sentence and excluded:
        sentence = f"{sentence.rstrip('.')}: {', '.join(excluded)}."
    return sentence, step


def _busy(facts: ErrorFacts) -> Advice:
    words = facts.words.lower()
    if "routing requirements" in words or "no available model provider" in words or "no allowed providers" in words:
        return _UNAVAILABLE["constraint_filtered"]
    return _by_vendor("is not available", f"Try again in a moment, {_ELSEWHERE}")(facts)


def _by_vendor(what: str, step: str = "") -> Callable[[ErrorFacts], Advice]:
    """Advice that names the vendor that failed, where the error does."""
    def advise(facts: ErrorFacts) -> Advice:
        who = _text(facts.metadata.get("provider_name"))
        return (f"{who}, the vendor that OpenRouter asked, {what}.", step) if who else NO_ADVICE

    return advise


_ADVISERS: Dict[str, Callable[[ErrorFacts], Advice]] = {
    "credits": _credits, "content_filter": _filtered, "model_not_found": _unavailable, "permission": _unavailable,
    "overloaded": _busy, "rate_limit": _by_vendor("has too many requests", f"Wait a moment, {_ELSEWHERE}"),
    "timeout": _by_vendor("did not answer in time"), "server_error": _by_vendor("had an error of its own"),
}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _words(value: Json) -> List[str]:
    """The words of a list, of an object's names or of a single text, cut where a vendor sends a novel."""
    if isinstance(value, dict):
        value = list(value)
    found: Optional[List[Json]] = value if isinstance(value, list) else [value] if isinstance(value, str) else None
    return [redact(str(one))[:_SHOWN] for one in (found or ())[:5] if isinstance(one, str) and one]

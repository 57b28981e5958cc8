"""Decides what kind of error a server reported. Pure: status, body and headers in, a ProviderError out.

The order of the rules matters and is the one that real vendors need: words of the vendor before numbers, because
statuses lie (an empty account is 400 at one vendor and 429 at another) and messages about money, length and
moderation share them.
"""

from __future__ import annotations

import re
import time
from typing import Callable, Dict, Mapping, Optional, Tuple, Union

from ..errors import RETRYABLE_KINDS, ErrorKind, ProviderError, provider_error
from ..messages import Json
from ..words import tr
from .error_facts import ErrorFacts, read_error, retry_delay
from .payload import request_id
from .router_advice import router_advice

_Rule = Callable[[ErrorFacts, Optional[int]], Optional[ErrorKind]]


def _phrases(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CREDIT_WORDS = frozenset({
    "insufficient_quota", "insufficient_credits", "insufficient_balance", "credit_balance_exhausted",
    "billing_hard_limit_reached", "billing_not_active", "billing_error", "payment_required", "token_limit_exceeded",
    "exceeded_current_quota_error", "budget_exceeded",
})
_CREDITS = _phrases(
    r"insufficient[_ ](?:quota|credit|balance|fund)", r"credit balance", r"out of credits", r"more credits",
    r"can only afford", r"spend(?:ing)?[_ ]limit", r"usage_limit_exceeded", r"billing hard limit",
    r"reached your (?:specified )?(?:api )?usage limit",
)
_CODES: Dict[str, ErrorKind] = {
    "context_length_exceeded": "context_too_long", "string_above_max_length": "context_too_long",
    "content_policy_violation": "content_filter", "content_filter": "content_filter",
    "responsibleaipolicyviolation": "content_filter", "moderation_blocked": "content_filter",
    "unsupported_parameter": "bad_request", "unsupported_value": "bad_request", "invalid_value": "bad_request",
    "invalid_api_key": "auth", "invalid_authentication": "auth", "incorrect_api_key": "auth",
    "unsupported_country_region_territory": "permission", "access_denied": "permission",
    "model_not_found": "model_not_found", "modelnotfound": "model_not_found", "deploymentnotfound": "model_not_found",
    "invalid_model": "model_not_found", "unknown_model": "model_not_found",
    "rate_limit_exceeded": "rate_limit", "rate_limited": "rate_limit", "too_many_requests": "rate_limit",
    "1300": "rate_limit", "server_is_overloaded": "overloaded", "server_error": "server_error",
}
_CONTEXT = _phrases(
    r"maximum context", r"context[_ ]length[_ ]exceeded", r"(?:exceed|longer than|larger than|greater than|beyond)"
    r"[^.]{0,60}context (?:length|window|size|limit)", r"context (?:length|window|size) (?:of only|exceeded)",
    r"context (?:overflows|the overflows)", r"exceed context limit", r"prompt (?:is )?too long", r"input is too long",
    r"input token count[^.]{0,80}exceeds", r"exceeds the (?:maximum|model'?s) (?:number of tokens|context)",
    r"reduce the length of (?:the|your) (?:messages|prompt|input)", r"too many (?:input )?tokens",
    r"ContextWindowExceeded",
)
_MODERATION = _phrases(
    r"content[_ ]policy", r"content management policy", r"flagged (?:for|as|by)", r"moderation",
    r"safety (?:system|policy)", r"ResponsibleAIPolicyViolation", r"usage policies",
)
_AVAILABILITY: Dict[str, ErrorKind] = {
    "capacity_exhausted": "rate_limit", "temporarily_unavailable": "overloaded", "provider_overloaded": "overloaded",
    "model_not_found": "model_not_found", "no_endpoints": "model_not_found", "model_deprecated": "model_not_found",
    "privacy_restricted": "model_not_found", "constraint_filtered": "model_not_found",
    "free_variant_ended": "model_not_found", "region_restricted": "permission",
}
_TYPES: Dict[str, ErrorKind] = {
    "authentication": "auth", "authentication_error": "auth", "authenticationerror": "auth", "unauthorized": "auth",
    "unauthenticated": "auth", "invalid_api_key": "auth",
    "permission_error": "permission", "permission_denied": "permission", "permissiondeniederror": "permission",
    "region_restricted": "permission", "forbidden": "permission", "failed_precondition": "permission",
    "rate_limit_error": "rate_limit", "rate_limit_exceeded": "rate_limit", "ratelimiterror": "rate_limit",
    "rate_limited": "rate_limit", "resource_exhausted": "rate_limit", "tokens": "rate_limit",
    "requests": "rate_limit", "rate_limit_reached_error": "rate_limit",
    "context_length_exceeded": "context_too_long", "exceed_context_size_error": "context_too_long",
    "string_too_long": "context_too_long",
    "content_filter": "content_filter", "content_policy_violation": "content_filter", "refusal": "content_filter",
    "not_supported_error": "unsupported_feature", "not_found": "model_not_found",
    "model_not_found": "model_not_found", "model_not_found_error": "model_not_found",
    "invalid_model": "model_not_found",
    "overloaded": "overloaded", "overloaded_error": "overloaded", "unavailable_error": "overloaded",
    "unavailable": "overloaded", "provider_unavailable": "overloaded", "provider_overloaded": "overloaded",
    "temporarily_unavailable": "overloaded", "service_unavailable": "overloaded", "engine_overloaded": "overloaded",
    "engine_overloaded_error": "overloaded", "service_unavailable_error": "overloaded",
    "serviceunavailableerror": "overloaded", "server_is_overloaded": "overloaded",
    "timeout": "timeout", "timeout_error": "timeout", "deadline_exceeded": "timeout", "gateway_timeout": "timeout",
    "server": "server_error", "server_error": "server_error", "api_error": "server_error", "unmapped": "server_error",
    "internal": "server_error", "internal_error": "server_error", "internal_server_error": "server_error",
    "internalservererror": "server_error", "upstream_error": "server_error",
    "cancelled": "cancelled",
    "invalid_prompt": "bad_request", "invalid_request": "bad_request", "payload_too_large": "bad_request",
    "request_too_large": "bad_request", "unprocessable": "bad_request", "conflict_error": "bad_request",
}
# Too general to beat a status or a phrase; they decide only where there is neither.
_VAGUE_TYPES: Dict[str, ErrorKind] = {
    "invalid_request_error": "bad_request", "badrequesterror": "bad_request", "invalid_argument": "bad_request",
    "validation_error": "bad_request", "not_found_error": "model_not_found",
}
_BAD_KEY = _phrases(r"api key not valid", r"(?:incorrect|invalid) api[ _-]?key")
_UNSUPPORTED = _phrases(
    r"do(?:es)?(?: not|n't) support",
    r"(?:image|audio|vision|tool|video)s?(?: inputs?| calls?| use)? (?:is|are) not supported",
    r"function calling is not enabled", r"unknown variant [`'\"]image_url",
)
_BUSY = _phrases(
    r"loading model", r"model is (?:currently |still )?loading", r"server (?:is )?busy", r"maximum pending requests",
    r"overloaded", r"capacity exceeded", r"at capacity", r"service (?:is )?(?:temporarily )?unavailable",
    r"high demand", r"too many concurrent",
)
_NO_MODEL = _phrases(
    r"models? ['\"`]?[^\s'\"`]+['\"`]?,? (?:was |is |were |are )?(?:not found|does not exist|not available|not exist)",
    r"models/\S+ is not found", r"not a valid model", r"no such model", r"unknown model",
    r"no (?:allowed |available )?endpoints?\b", r"invalid model (?:name|id|identifier)", r"model not found",
    r"no models? loaded",
)
_STATUSES: Dict[int, ErrorKind] = {
    400: "bad_request", 401: "auth", 402: "credits", 403: "permission", 405: "bad_request", 408: "timeout",
    409: "bad_request", 413: "bad_request", 415: "bad_request", 422: "bad_request", 424: "server_error",
    425: "overloaded", 429: "rate_limit", 499: "cancelled", 500: "server_error", 501: "unsupported_feature",
    502: "server_error", 503: "overloaded", 504: "timeout", 524: "timeout", 529: "overloaded", 598: "timeout",
}


def classify_error(
    status: Optional[int], body: Union[bytes, Json], headers: Mapping[str, str], *, provider: str,
    model: Optional[str] = None, now: Optional[float] = None, raw_finish: Optional[str] = None,
) -> ProviderError:
    """The error that a response, or an error object inside a stream (status None), stands for."""
    headers = {name.lower(): value for name, value in headers.items()}
    facts = read_error(body)
    effective = status if status is not None and status >= 300 else facts.status
    kind = _decide(facts, effective)
    delay = retry_delay(facts, headers, time.time() if now is None else now, status=effective)
    sentence, step = _advice(kind, facts, effective)
    return provider_error(
        kind, facts.message, provider=provider, model=model, status=effective, code=facts.code, type=facts.type,
        retryable=_retryable(kind, facts, effective, headers), retry_after_s=delay,
        request_id=request_id(headers), user_text=sentence, next_step=step, raw_finish=raw_finish,
    )


def is_daily_quota(error: ProviderError) -> bool:
    """True when waiting inside one session cannot help: the quota comes back tomorrow."""
    return error.kind == "rate_limit" and bool(_DAILY.search(error.message))


_DAILY = _phrases(r"per[-_ ]day", r"daily", r"\bRPD\b", r"\bTPD\b")


def _names_daily_quota(facts: ErrorFacts) -> bool:
    """Whether the quota's id says that it comes back tomorrow: Google's sentence does not."""
    for detail in facts.details:
        violations = detail.get("violations") if isinstance(detail, dict) else None
        for one in violations if isinstance(violations, list) else ():
            if isinstance(one, dict) and "PerDay" in str(one.get("quotaId")):
                return True
    return False


def _decide(facts: ErrorFacts, status: Optional[int]) -> ErrorKind:
    for rule in _RULES:
        kind = rule(facts, status)
        if kind is not None:
            return kind
    if status is None:
        return _VAGUE_TYPES.get((facts.type or "").lower(), "server_error")
    if status == 404:
        hinted = re.search(r"\bmodels?\b", facts.message, re.IGNORECASE)
        return "model_not_found" if hinted else "bad_request"
    if status == 502 and facts.code == "502" and facts.type is None:
        return "overloaded"  # a router's own "the provider failed", not a proxy's page
    return _STATUSES.get(status, "server_error" if status >= 500 else "bad_request")


def _by_google_reason(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    reasons = {detail.get("reason") for detail in facts.details if isinstance(detail, dict)}
    is_named = status in (None, 400, 401, 403) and _BAD_KEY.search(facts.message) is not None
    return "auth" if "API_KEY_INVALID" in reasons or is_named else None


def _by_credit(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    words = {(facts.code or "").lower(), (facts.type or "").lower()}
    if words & _CREDIT_WORDS or any(w.endswith(("spend_limit_exceeded", "usage_limit_exceeded")) for w in words):
        return "credits"
    return "credits" if _CREDITS.search(facts.words) else None


def _by_code(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    code = (facts.code or "").lower()
    if code == "slow_down":
        return "overloaded" if status == 503 else "rate_limit"
    kind = _CODES.get(code)
    # Groq's word for a single request that is larger than a whole minute's allowance: waiting does not help.
    return "bad_request" if kind == "rate_limit" and status == 413 else kind


def _by_context(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    if facts.type == "exceed_context_size_error":
        return "context_too_long"
    return "context_too_long" if status not in (401, 429) and _CONTEXT.search(facts.words) else None


def _by_moderation(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    if any(facts.metadata.get(key) for key in ("flagged_input", "reasons", "patterns")):
        return "content_filter"
    return "content_filter" if _MODERATION.search(facts.words) else None


def _by_availability(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    code = facts.availability.get("code")
    if code == "capacity_exhausted" and status == 503:
        return "overloaded"
    return _AVAILABILITY.get(code) if isinstance(code, str) else None


def _by_type(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    return _TYPES.get((facts.type or "").lower())


def _by_unsupported(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    return "unsupported_feature" if _UNSUPPORTED.search(facts.words) else None


def _by_busy(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    return "overloaded" if status not in (400, 401, 403, 404) and _BUSY.search(facts.words) else None


def _by_model(facts: ErrorFacts, status: Optional[int]) -> Optional[ErrorKind]:
    return "model_not_found" if status in (None, 400, 404, 410, 422) and _NO_MODEL.search(facts.words) else None


_RULES: Tuple[_Rule, ...] = (
    _by_google_reason, _by_credit, _by_code, _by_context, _by_moderation, _by_availability, _by_type,
    _by_unsupported, _by_busy, _by_model,
)


def _retryable(kind: ErrorKind, facts: ErrorFacts, status: Optional[int], headers: Mapping[str, str]) -> bool:
    said = facts.availability.get("retryable")
    if isinstance(said, bool):
        return said
    if kind == "rate_limit" and _names_daily_quota(facts):
        return False
    if kind == "credits" and status == 402:
        return "retry-after" in headers  # money held by requests in flight comes back
    return kind in RETRYABLE_KINDS or (kind == "bad_request" and status == 409)  # somebody else was at it just then


def _advice(kind: ErrorKind, facts: ErrorFacts, status: Optional[int]) -> Tuple[str, str]:
    """A better sentence and next step than the kind's own, where the body says more; else empty strings."""
    if kind == "auth" and facts.raw.get("signin_url"):
        page = str(facts.raw["signin_url"]).partition("?")[0]
        return (tr("This model runs in Ollama's cloud: sign in first."),
                tr("Run `ollama signin` in a terminal (it opens {page}), then try again.", page=page))
    if kind == "permission" and not facts.message:
        return (tr("The server refuses to be called by this name."),
                tr("Use localhost or an IP address in the base URL, or set OLLAMA_HOST on the server."))
    if kind == "bad_request" and status == 404 and facts.message.strip().lower() == "resource not found":
        return (tr("There is no such deployment or API version at this address."),
                tr("Check the endpoint, the deployment's name and api_version in Settings."))
    if kind == "bad_request" and status == 404:
        return tr("There is no chat endpoint at this address."), tr(
            "Check the base URL: is /v1 missing, or one too many?")
    if status == 511:
        return tr("The network asks you to sign in first."), tr(
            "Open any page in a web browser, sign in there, then try again.")
    if kind == "bad_request" and status == 413:
        return tr("The request is too large for the server."), tr("Send smaller or fewer images and files.")
    if "failed to load model" in facts.message.lower():
        return tr("The server could not load the model."), tr(
            "Its own window says why; a smaller model or window may fit.")
    if kind == "context_too_long":
        asked, window = facts.raw.get("n_prompt_tokens"), facts.raw.get("n_ctx")
        if isinstance(asked, int) and isinstance(window, int):
            return tr("The conversation has {asked} tokens; the model can read {window}.", asked=asked,
                window=window), ""
    advice = router_advice(kind, facts)
    if not any(advice) and kind == "rate_limit" and (_DAILY.search(facts.message) or _names_daily_quota(facts)):
        return "", tr("The daily quota is used up. Choose another model, or come back tomorrow.")
    return advice

"""Error bodies of every vendor become the right kind, message, delay and advice."""

from __future__ import annotations

import json
from typing import Dict, Optional

import pytest

from nuke_ai_panel.errors import AuthError, ContextTooLongError, RateLimitError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.classify import classify_error, is_daily_quota

from ..streams import Case, load_cases

HTTP_CASES = [case for case in load_cases() if case.status != 200]


@pytest.mark.parametrize("case", HTTP_CASES, ids=lambda case: case.id)
def test_recorded_error_body_is_classified(case: Case) -> None:
    error = classify_error(case.status, case.body, case.headers, provider="p", now=case.now)
    expected = case.expect["error"]

    got = {
        "kind": error.kind,
        "status": error.status,
        "message": error.message,
        "code": error.code,
        "type": error.type,
        "retry_after": error.retry_after_s,
        "retryable": error.retryable,
    }
    assert got == {**expected, "code": None if expected["code"] is None else str(expected["code"])}


# status, body, kind: one line for each row of the vendors' tables that has no recorded body.
TABLE = [
    (400, {"error": "registry.ollama.ai/library/gemma:2b does not support tools"}, "unsupported_feature"),
    (400, {"error": '"llama3" does not support thinking'}, "unsupported_feature"),
    (400, {"error": "input exceeds the context length"}, "context_too_long"),
    (400, {"error": 'time: missing unit in duration "300"'}, "bad_request"),
    (400, {"error": "model is required"}, "bad_request"),
    (400, {"error": "illegal base64 data at input byte 4"}, "bad_request"),
    (403, {"error": "ollama cloud is disabled"}, "permission"),
    (404, {"error": "model 'qwen3:8b' not found"}, "model_not_found"),
    (404, {"error": 'model "qwen3:8b" not found, try pulling it first'}, "model_not_found"),
    (429, {"error": "you have reached your hourly usage limit"}, "rate_limit"),
    (499, {"error": "request canceled"}, "cancelled"),
    (500, {"error": "model requires more system memory (8.0 GiB) than is available (2.0 GiB)"}, "server_error"),
    (500, {"error": "llama runner process has terminated: CUDA error"}, "server_error"),
    (502, {"error": "cloud unreachable"}, "server_error"),
    (503, {"error": "server busy, please try again. maximum pending requests exceeded"}, "overloaded"),
    (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 8192 tokens.",
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
            }
        },
        "context_too_long",
    ),
    (
        400,
        {
            "error": {
                "message": "The response was filtered",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        "content_filter",
    ),
    (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
        "bad_request",
    ),
    (
        400,
        {"error": {"message": "'temperature' does not support 0.5 with this model", "code": "unsupported_value"}},
        "bad_request",
    ),
    (
        401,
        {
            "error": {
                "message": "Incorrect API key provided",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
            }
        },
        "auth",
    ),
    (
        401,
        {"error": {"message": "You didn't provide an API key.", "type": "invalid_request_error", "code": None}},
        "auth",
    ),
    (
        403,
        {"error": {"message": "Country not supported", "code": "unsupported_country_region_territory"}},
        "permission",
    ),
    (408, {}, "timeout"),
    (409, {"error": {"message": "conflict"}}, "bad_request"),
    (413, b"<html>413 Payload Too Large</html>", "bad_request"),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]}, "bad_request"),
    (429, {"error": {"message": "x", "code": "organization_spend_limit_exceeded"}}, "credits"),
    (429, {"error": {"message": "Slow down", "code": "slow_down"}}, "rate_limit"),
    (503, {"error": {"message": "Slow down", "code": "slow_down"}}, "overloaded"),
    (500, {"error": {"message": "boom", "type": "server_error"}}, "server_error"),
    (501, {"error": {"code": 501, "message": "no chat", "type": "not_supported_error"}}, "unsupported_feature"),
    (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, "overloaded"),
    (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}, "auth"),
    (404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}, "bad_request"),
    (404, {"detail": "Not Found"}, "bad_request"),
    (
        404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        "model_not_found",
    ),
    (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000",
            "type": "BadRequestError",
            "code": 400,
        },
        "context_too_long",
    ),
    (504, b"", "timeout"),
    (524, b"<html>A timeout occurred</html>", "timeout"),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
    (402, {"error": {"code": 402, "message": "Insufficient credits. Add more"}}, "credits"),
    (402, b"", "credits"),
    (400, {"error": {"code": 400, "message": "x", "metadata": {"error_type": "token_limit_exceeded"}}}, "credits"),
    (403, {"error": {"code": 403, "message": "x", "metadata": {"error_type": "region_restricted"}}}, "permission"),
    (403, {"error": {"code": 403, "message": "x", "metadata": {"patterns": ["p"]}}}, "content_filter"),
    (404, {"error": {"code": 404, "message": "No endpoints found matching your data policy."}}, "model_not_found"),
    (404, {"error": {"code": 404, "message": "gone", "availability": {"code": "model_deprecated"}}}, "model_not_found"),
    (502, {"error": {"code": 502, "message": "Bad gateway upstream"}}, "overloaded"),
    (503, {"error": {"code": 503, "message": "No allowed providers are available for the model."}}, "overloaded"),
    (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            }
        ],
        "auth",
    ),
    (
        400,
        {"error": {"code": 400, "message": "User location is not supported", "status": "FAILED_PRECONDITION"}},
        "permission",
    ),
    (
        404,
        {"error": {"code": 404, "message": "models/x is not found for API version v1beta", "status": "NOT_FOUND"}},
        "model_not_found",
    ),
    (503, {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}, "overloaded"),
    (
        429,
        {
            "object": "error",
            "message": "Service tier capacity exceeded.",
            "type": "invalid_request_error",
            "code": None,
        },
        "overloaded",
    ),
    (
        422,
        {
            "object": "error",
            "message": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]},
            "type": "invalid_request_error",
        },
        "bad_request",
    ),
    (401, {"message": "Unauthorized", "request_id": "r"}, "auth"),
    (
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}},
        "context_too_long",
    ),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}, "model_not_found"),
    (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"error":{"message":"prompt is too long: 9 tokens > 8"}}'},
            }
        },
        "context_too_long",
    ),
    (500, {"error": {"message": '{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'}}, "overloaded"),
    (302, b"", "bad_request"),
    (418, b"", "bad_request"),
    (599, b"", "server_error"),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE, ids=lambda value: str(value)[:60])
def test_status_and_body_decide_the_kind(status: int, body: Json, kind: str) -> None:
    assert classify_error(status, body, {}, provider="p").kind == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("text", "server_error"),
        ({"message": "x"}, "server_error"),
        ({"error": {"message": "x", "type": "invalid_request_error"}}, "bad_request"),
        ({"error": {"code": "429", "message": "x"}}, "rate_limit"),
        (
            {"code": 400, "message": "the request exceeds the available context size", "type": "invalid_request_error"},
            "context_too_long",
        ),
        ({"error": "pull model manifest: file does not exist"}, "server_error"),
        (None, "server_error"),
        ([], "server_error"),
        (7, "server_error"),
    ],
)
def test_error_object_inside_a_stream_needs_no_status(body: Json, kind: str) -> None:
    assert classify_error(None, body, {}, provider="p").kind == kind


@pytest.mark.parametrize(
    ("headers", "body", "delay"),
    [
        ({"Retry-After-Ms": "350", "Retry-After": "9"}, {}, 0.35),
        ({"retry-after": "2.5"}, {}, 2.5),
        ({"retry-after": "Wed, 17 Dec 2025 19:33:50 GMT"}, {}, 30.0),
        ({"retry-after": "Wed, 17 Dec 2025 19:00:00 GMT"}, {}, 0.0),
        ({"retry-after": "soon"}, {}, None),
        ({"retry-after": "nan"}, {}, None),
        ({"retry-after": "1e400"}, {}, None),
        ({}, {"error": {"message": "m", "availability": {"code": "capacity_exhausted", "retry_after": 40}}}, 40.0),
        ({}, {"error": {"message": "m", "details": [{"retryDelay": "34.4s"}]}}, 34.4),
        ({"X-RateLimit-Reset": "1766000012500"}, {}, 12.5),
        ({"X-RateLimit-Reset": "1765999999000"}, {}, None),
        ({"x-ratelimit-reset": "6"}, {}, 6.0),
        ({"X-RateLimit-Reset": "1766000040"}, {}, 40.0),
        ({"X-RateLimit-Reset": "1765999999"}, {}, None),
        ({"X-RateLimit-Reset": "6m0s"}, {}, 360.0),
        ({"X-RateLimit-Reset": "soon"}, {}, None),
        ({}, {"error": {"message": "m", "metadata": {"headers": {"X-RateLimit-Reset": "1766000001000"}}}}, 1.0),
        ({}, {}, None),
    ],
)
def test_delay_comes_from_the_first_place_that_names_one(
    headers: Dict[str, str], body: Json, delay: Optional[float]
) -> None:
    assert classify_error(429, body, headers, provider="p", now=1766000000.0).retry_after_s == delay


@pytest.mark.parametrize(("reset", "delay"), [("40", None), ("1766000040", None), ("1766000040000", 40.0)])
def test_seconds_that_come_with_every_answer_are_no_wait_but_for_a_429(reset: str, delay: Optional[float]) -> None:
    found = classify_error(503, {}, {"X-RateLimit-Reset": reset}, provider="p", now=1766000000.0)
    assert found.retry_after_s == delay


def test_conflict_is_tried_again() -> None:
    found = classify_error(409, {"error": {"type": "conflict_error", "message": "m"}}, {}, provider="p")
    assert (found.kind, found.retryable) == ("bad_request", True)
    assert not classify_error(400, {"error": {"message": "m"}}, {}, provider="p").retryable


def test_message_echoing_a_key_is_redacted() -> None:
    body = {"error": {"message": "Bad key: sk-proj-abcd1234efgh. See data:image/png;base64," + "A" * 300}}

    message = classify_error(401, body, {}, provider="p").message

    assert "abcd1234" not in message
    assert "AAAA" not in message


def test_sign_in_url_is_not_repeated_but_the_step_is_named() -> None:
    body = {"error": "unauthorized", "signin_url": "https://ollama.com/connect?name=x&key=SECRET"}

    error = classify_error(401, body, {}, provider="ollama")

    assert "ollama signin" in error.next_step
    assert "SECRET" not in json.dumps([error.message, error.user_text, error.next_step])


def test_errors_callers_tell_apart_have_their_class() -> None:
    assert isinstance(classify_error(401, b"", {}, provider="p"), AuthError)
    assert isinstance(classify_error(429, b"", {}, provider="p"), RateLimitError)
    assert isinstance(classify_error(400, {"error": "prompt is too long"}, {}, provider="p"), ContextTooLongError)


def test_context_error_shows_both_numbers() -> None:
    body = {
        "error": {
            "code": 400,
            "message": "m",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 8305,
            "n_ctx": 4096,
        }
    }

    error = classify_error(400, body, {}, provider="p")

    assert "8305" in error.user_text
    assert "4096" in error.user_text


def test_availability_overrides_what_may_be_retried() -> None:
    body = {"error": {"code": 429, "message": "m", "availability": {"code": "capacity_exhausted", "retryable": False}}}

    assert not classify_error(429, body, {}, provider="p").retryable
    assert classify_error(429, {}, {}, provider="p").retryable


def test_payment_may_be_retried_only_when_the_server_says_when() -> None:
    assert not classify_error(402, {}, {}, provider="p").retryable
    assert classify_error(402, {}, {"retry-after": "5"}, provider="p").retryable


def test_daily_quota_is_told_from_a_short_limit() -> None:
    daily = classify_error(429, {"error": {"message": "Rate limit exceeded: free-models-per-day"}}, {}, provider="p")
    short = classify_error(429, {"error": {"message": "Rate limit exceeded: free-models-per-min"}}, {}, provider="p")

    assert is_daily_quota(daily)
    assert not is_daily_quota(short)


def test_request_id_is_kept_for_the_vendor() -> None:
    assert classify_error(500, b"", {"X-Request-Id": "req_1"}, provider="p").request_id == "req_1"
    assert classify_error(500, b"", {"x-generation-id": "gen-1"}, provider="p").request_id == "gen-1"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"[",
        b"[[[[[[[[[[]]]]]]]]]]",
        b"[" * 50_000,
        b'{"error":' * 3000,
        b'{"error":{"error":{"error":{"error":{"error":"x"}}}}}',
        b'{"error":true}',
        b'{"error":{"message":null,"code":true,"type":[]}}',
        b'{"error":{"details":7,"metadata":3}}',
        b"NaN",
    ],
)
def test_nonsense_is_still_an_error(body: bytes) -> None:
    assert classify_error(500, body, {}, provider="p").kind == "server_error"


# ---------------------------------------------------------------- what only one vendor says


@pytest.mark.parametrize(("status", "error", "kind", "retryable"), [
    (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***."},
     "auth", False),
    (413, {"error": {"message": "Request too large for model `m` on tokens per minute (TPM): Limit 6, Requested 9",
                     "type": "tokens", "code": "rate_limit_exceeded"}}, "bad_request", False),
    (400, {"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded", "code": "400"}},
     "credits", False),
    (400, {"error": {"message": "litellm.ContextWindowExceededError: x", "type": None, "code": "400"}},
     "context_too_long", False),
    (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota.",
                     "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject-FreeTier"}]}]}},
     "rate_limit", False),
    (400, {"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": "User location is not supported."}},
     "permission", False),
    (400, {"error": {"message": "messages[0]: unknown variant `image_url`, expected `text`",
                     "code": "invalid_request_error"}}, "unsupported_feature", False),
    (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT",
                     "message": "Function calling is not enabled for models/gemma-3"}}, "unsupported_feature", False),
])
def test_words_of_one_vendor_are_understood(
    status: int, error: Dict[str, Json], kind: str, retryable: bool
) -> None:
    found = classify_error(status, json.dumps(error).encode(), {}, provider="P", model="m")

    assert (found.kind, found.retryable) == (kind, retryable)


@pytest.mark.parametrize(("status", "message", "advice"), [
    (404, "Resource not found", "api_version"), (400, 'Failed to load model "x"', "a smaller model"),
])
def test_vendors_riddles_come_with_a_next_step(status: int, message: str, advice: str) -> None:
    found = classify_error(status, json.dumps({"error": {"message": message}}).encode(), {}, provider="P", model="m")

    assert advice in found.next_step


def test_daily_quota_of_google_is_not_waited_for() -> None:
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded.",
                      "details": [{"violations": [{"quotaId": "RequestsPerDay"}]}, {"violations": None}, 7]}}

    found = classify_error(429, json.dumps(body).encode(), {}, provider="P", model="m")

    assert "daily quota" in found.next_step

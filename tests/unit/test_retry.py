"""When a failed request is tried again, as a table."""

from __future__ import annotations

from typing import Optional

import pytest

from nuke_ai_panel.core.retry import RetryPolicy, name_wait, next_delay, spoken
from nuke_ai_panel.errors import ErrorKind, provider_error

NEVER: tuple[ErrorKind, ...] = (
    "auth", "permission", "credits", "model_not_found", "context_too_long", "content_filter", "bad_request",
    "unsupported_feature", "cancelled", "tls", "protocol",
)


def delay(
    kind: ErrorKind, *, attempt: int = 1, waited_s: float = 0, after_s: Optional[float] = None, retries: int = 2
) -> Optional[float]:
    error = provider_error(kind, "x", retry_after_s=after_s)
    return next_delay(RetryPolicy(retries), error, attempt=attempt, waited_s=waited_s, random=lambda: 1.0)


@pytest.mark.parametrize("kind", NEVER)
def test_what_would_fail_again_is_never_retried(kind: ErrorKind) -> None:
    assert delay(kind) is None


@pytest.mark.parametrize("kind", ["rate_limit", "overloaded", "server_error", "network", "timeout", "truncated"])
def test_what_may_pass_is_retried_twice(kind: ErrorKind) -> None:
    assert [delay(kind, attempt=attempt) for attempt in (1, 2, 3)] == [0.5, 1.0, None]


def test_zero_retries_turns_them_off() -> None:
    assert delay("overloaded", retries=0) is None


@pytest.mark.parametrize(("after_s", "waited_s", "wait_s"), [
    (7.0, 0, 7.0), (60.0, 0, 60.0), (61.0, 0, None), (40.0, 30, None), (99_999_999.0, 0, None),
    (-5.0, 0, 0.5), (float("nan"), 0, 0.5), (float("inf"), 0, 0.5), (0.0, 0, 0.0),
])
def test_retry_after_is_honoured_within_the_budget(after_s: float, waited_s: float, wait_s: Optional[float]) -> None:
    assert delay("rate_limit", after_s=after_s, waited_s=waited_s) == wait_s


def test_back_off_is_jittered_and_capped() -> None:
    error = provider_error("overloaded", "x")
    policy = RetryPolicy(20, budget_s=1000)
    assert next_delay(policy, error, attempt=1, waited_s=0, random=lambda: 0.0) == 0.0
    assert next_delay(policy, error, attempt=15, waited_s=0, random=lambda: 1.0) == 8.0


def test_the_sentence_says_how_long_to_wait() -> None:
    error = provider_error("rate_limit", "x", provider="OpenRouter", retry_after_s=300)
    name_wait(error)
    assert error.user_text == "OpenRouter asks to slow down: it asks to wait 5 minutes."
    assert "5 minutes" in error.next_step


@pytest.mark.parametrize(("seconds", "text"), [
    (0.2, "1 s"), (45, "45 s"), (89, "89 s"), (90, "2 minutes"), (3600, "60 minutes"), (7200, "2 hours"),
    (400_000, "5 days"),
])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert spoken(seconds) == text

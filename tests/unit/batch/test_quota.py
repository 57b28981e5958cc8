"""What answers say about tomorrow: a quota that is used up stops the run, a limit of the minute never does."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Mapping

import pytest

from nuke_ai_panel.app import ModelChoice
from nuke_ai_panel.batch.lane import Lane
from nuke_ai_panel.batch.values import LaneStopped
from nuke_ai_panel.batch.windows import HostedWindow
from nuke_ai_panel.events import Allowance, Quota

from .kit import Bench, rows

DAY_S = 86400.0
TOMORROW: Dict[str, Callable[[], Mapping[str, str]]] = {
    "a length": lambda: {"x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "0",
                         "x-ratelimit-reset-requests": "24h"},
    "milliseconds": lambda: {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0",
                             "X-RateLimit-Reset": str(int((time.time() + DAY_S) * 1e3))},
    "tokens": lambda: {"x-ratelimit-limit-tokens": "1000000", "x-ratelimit-remaining-tokens": "3",
                       "x-ratelimit-reset-tokens": "24h"},
}


def answered_with(headers: Callable[[], Mapping[str, str]]) -> Callable[[str, int], Any]:
    """Every answer comes with these headers."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
    return lambda prompt, times: (200, {"id": "c", "model": "m", "choices": [choice]}, headers())


def lane_of(max_wait_s: float = 120.0) -> Lane:
    return Lane("one", ModelChoice("openai", "m"), HostedWindow(8), max_wait_s=max_wait_s)


@pytest.mark.parametrize("form", sorted(TOMORROW))
def test_quota_that_is_used_up_until_tomorrow_stops_the_run_and_says_so(bench: Bench, form: str) -> None:
    bench.server.refuse = answered_with(TOMORROW[form])
    report = bench.run(rows(30))
    assert (report.code, report.failed) == (5, 0) and report.answered == len(bench.server.bodies) <= 8
    assert "asks to wait" in report.message and "until" in report.message and report.missing == 30 - report.answered
    assert sum(isinstance(one, LaneStopped) for one in bench.events) == 1
    bench.server.refuse = lambda prompt, times: None
    assert bench.run(rows(30)).answered == 30


def test_last_request_of_a_quota_may_be_the_runs_last(bench: Bench) -> None:
    bench.server.refuse = answered_with(TOMORROW["a length"])
    assert bench.run(rows(3)).code == 0


def test_limit_of_the_minute_that_is_used_up_is_no_reason_to_stop() -> None:
    lane = lane_of(max_wait_s=30.0)
    number = lane.begin(10, 0.0)
    assert lane.told(Allowance(Quota(60, 0, 60.0), Quota(6000, 0, 60.0)), number, 1.0, said_at=1.0) is None
    assert lane.wait_s(10, 1.0) == pytest.approx(1.0)


def test_wait_that_a_run_allows_is_no_reason_to_stop() -> None:
    lane = lane_of(max_wait_s=2 * DAY_S)
    allowance = Allowance(Quota(50, 0, DAY_S), None)
    assert lane.told(allowance, lane.begin(10, 0.0), 1.0, said_at=1.0) is None
    pause = lane_of().told(allowance, 1, 1.0, said_at=1.0)
    assert pause is not None and pause.is_too_long and pause.seconds == DAY_S


def test_what_was_said_holds_no_longer_than_a_lane_may_wait() -> None:
    lane = lane_of(max_wait_s=120.0)
    number = lane.begin(10, 0.0)
    for _ in range(7):
        lane.begin(10, 0.0)
    # One is left, and seven left after it: they would be back in ten hours.
    assert lane.told(Allowance(Quota(10, 1, 10 * 3600.0), None), number, 1.0, said_at=1.0) is None
    for _ in range(7):
        lane.end()
    waits = [lane.wait_s(10, now) for now in (1.0, 61.0, 120.0, 121.0)]
    assert waits == [120.0, 60.0, 1.0, 0.0]


def test_refusal_with_seconds_until_its_reset_is_waited_for(bench: Bench) -> None:
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    refusal = (429, {"error": {"message": "slow down"}}, headers)
    bench.server.refuse = lambda prompt, times: refusal if times == 1 else None
    began = time.monotonic()
    report = bench.run(rows(4))
    assert (report.code, report.answered) == (0, 4) and time.monotonic() - began >= 1.0


def test_conflict_is_asked_again(bench: Bench) -> None:
    refusal = (409, {"error": {"message": "busy with it"}}, {})
    bench.server.refuse = lambda prompt, times: refusal if times == 1 else None
    report = bench.run(rows(4))
    assert (report.code, report.answered, report.retries) == (0, 4, 4)

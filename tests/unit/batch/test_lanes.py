"""Servers are asked as much as they take: rate limits, slots, several hosts, pauses, refusals for good."""

from __future__ import annotations

import heapq
import statistics
import time
import zlib
from email.utils import formatdate
from typing import Callable, Dict, List, Optional, Tuple

import pytest

from nuke_ai_panel.app import ModelChoice
from nuke_ai_panel.batch import calls
from nuke_ai_panel.batch.lane import Lane
from nuke_ai_panel.batch.values import LanePaused, LaneStopped
from nuke_ai_panel.batch.windows import HostedWindow
from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import Allowance, Quota
from nuke_ai_panel.providers.rate_limits import read_allowance
from tests.fakes.batch_server import BatchServer, raw_answer

from .kit import Bench, rows

PER_S = 20.0
HEADERS: Dict[str, Callable[[], Dict[str, str]]] = {
    "seconds": lambda: {"Retry-After": "1"},
    "milliseconds": lambda: {"retry-after-ms": "1000"},
    "date": lambda: {"Retry-After": formatdate(time.time() + 2, usegmt=True)},
}


@pytest.mark.parametrize("form", sorted(HEADERS))
def test_rate_limit_is_learnt_and_the_pause_is_kept(bench: Bench, form: str) -> None:
    server = bench.server
    server.per_s, server.stock, server.delay_s = PER_S, 10.0, 0.02
    server.refusal_headers = HEADERS[form]
    count = 60
    began = time.monotonic()
    report = bench.run(rows(count))
    seconds = time.monotonic() - began
    asked_in_pause = sum(at + 0.4 < one < at + 0.9 for at in server.refused_at[:1] for one in server.times)
    print(f"{form}: {count / seconds:.1f}/s of {PER_S:g}/s, {server.refused} refused, {asked_in_pause} in the pause")
    # The first window may have left before the first refusal was read.
    assert (report.code, report.answered) == (0, count) and asked_in_pause <= 8
    assert server.refused <= 20  # what was under way when the first was refused, and few after
    assert any(isinstance(one, LanePaused) for one in bench.events)


def test_named_rate_is_never_passed(bench: Bench) -> None:
    bench.server.per_s, bench.server.stock = 40.0, 10.0
    assert bench.run(rows(60), rpm=1500).code == 0
    assert bench.server.refused == 0


def test_local_server_gets_as_many_as_it_has_slots(bench: Bench) -> None:
    server = bench.server
    server.slots, server.delay_s = 4, 0.1
    began = time.monotonic()
    report = bench.run(rows(160), plan={"provider": "ollama", "base_url": server.url})
    seconds = time.monotonic() - began
    took = sorted(line["x"]["total_ms"] for line in bench.lines())
    share = 160 * 0.1 / 4 / seconds
    print(f"{share:.0%} of four slots, {server.most_running} at once, p95 {took[int(0.95 * len(took))]:.0f} ms")
    assert report.code == 0
    assert statistics.median(server.in_flight[80:]) <= 8 and server.most_running <= 16


def test_hosts_get_what_their_slots_can_do(bench: Bench) -> None:
    with BatchServer() as slow:
        for server, slots, delay_s in ((bench.server, 4, 0.06), (slow, 1, 0.12)):
            server.slots, server.delay_s, server.queue_limit = slots, delay_s, slots
        hosts = (f"{bench.server.base_url}=4", f"{slow.base_url}=1")
        began = time.monotonic()
        report = bench.run(rows(200), hosts=hosts)
        seconds = time.monotonic() - began
        ideal = 200 / (4 / 0.06 + 1 / 0.12)
        print(f"{ideal / seconds:.0%} of the ideal, {bench.server.refused + slow.refused} refused")
        assert (report.code, bench.server.refused, slow.refused) == (0, 0, 0)
        assert bench.server.most_running <= 4 and slow.most_running <= 1
        assert len(slow.bodies) >= 10  # how near the ideal it comes, tests/campaigns/test_batch_checks.py holds


def test_host_that_dies_loses_no_row(bench: Bench) -> None:
    with BatchServer() as other:
        for server in (bench.server, other):
            server.slots, server.delay_s = 4, 0.02
        plan = bench.plan(rows(200))
        handle = calls.start(plan, out=bench.out, hosts=(f"{bench.server.base_url}=4", f"{other.base_url}=4"))
        other.wait_until(lambda: len(other.bodies) > 10)
        other.stop()
        report = handle.result(30)
    assert (report.code, report.answered, report.failed) == (0, 200, 0)
    assert len(bench.ids()) == len(set(bench.ids())) == 200


REFUSALS = {
    "auth": (401, {"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}}),
    "credits": (402, {"error": {"message": "no credit left"}}),
    "model_not_found": (404, {"error": {"message": "The model m does not exist", "code": "model_not_found"}}),
}


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_refusal_for_good_stops_at_once(bench: Bench, kind: str) -> None:
    status, body = REFUSALS[kind]
    bench.server.delay_s = 0.02
    bench.server.refuse = lambda prompt, times: (status, body, {})
    report = bench.run(rows(5000), max_concurrency=16)
    stopped = [one for one in bench.events if isinstance(one, LaneStopped)]
    assert (report.code, report.failed, report.answered, len(stopped)) == (4, 0, 0, 1)
    assert len(bench.server.bodies) <= 16
    assert report.message and report.missing == 5000
    bench.server.refuse = lambda prompt, times: None
    assert bench.run(rows(40)).code == 0


def sse(*events: bytes) -> bytes:
    return raw_answer(200, b"".join(b"data: " + one + b"\n\n" for one in events), {"Content-Type": "text/event-stream"})


TEXT = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}'
BROKEN = {
    "error event": sse(TEXT, b'{"error":{"message":"Rate limited","code":429}}'),
    "half a stream": sse(TEXT),
    "cut body": b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\ndata: " + TEXT,
}


@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_broken_stream_is_asked_again_and_never_an_answer(bench: Bench, fault: str) -> None:
    bench.server.broken = lambda prompt, times: BROKEN[fault] if times == 1 and prompt.endswith("0.") else None
    report = bench.run(rows(20))
    assert (report.code, report.answered) == (0, 20)
    texts = [line["response"]["body"]["choices"][0]["message"]["content"] for line in bench.lines()]
    assert all(text.startswith("ok Describe") for text in texts)
    again = [line["x"]["attempts"] for line in bench.lines() if line["custom_id"] in ("r0", "r10")]
    assert again == [2, 2]


def test_error_line_of_ollama_is_asked_again_and_never_an_answer(bench: Bench) -> None:
    half = b'{"model":"m","message":{"role":"assistant","content":"half"},"done":false}\n'
    broken = raw_answer(200, half + b'{"error":"llama runner process has terminated"}\n',
                        {"Content-Type": "application/x-ndjson"})
    bench.server.broken = lambda prompt, times: broken if times == 1 and prompt.endswith("0.") else None
    report = bench.run(rows(20), plan={"provider": "ollama", "base_url": bench.server.url})
    assert (report.code, report.answered, report.retries) == (0, 20, 2)
    assert "half" not in (bench.out / "results.jsonl").read_text()


def test_server_that_asks_for_hours_parks_the_lane(bench: Bench) -> None:
    bench.server.refuse = lambda prompt, times: (429, {"error": {"message": "later"}}, {"Retry-After": "7200"})
    report = bench.run(rows(30))
    assert report.code == 5 and "until" in report.message and report.missing == 30


def test_server_that_is_not_there_stops_the_run(bench: Bench) -> None:
    report = bench.run(rows(30), plan={"base_url": "http://127.0.0.1:9/v1"}, max_attempts=2)
    assert (report.code, report.failed, report.missing) == (4, 0, 30)


def test_rows_that_fail_now_and_then_are_asked_again(bench: Bench) -> None:
    refusal = (500, {"error": {"message": "oops"}}, {})
    bench.server.refuse = lambda prompt, times: refusal if times == 1 and prompt[-2] == "7" else None
    report = bench.run(rows(60))
    assert (report.code, report.answered, report.retries) == (0, 60, 6)


def test_too_many_failures_stop_the_run(bench: Bench) -> None:
    bench.server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {})
    bench.server.delay_s = 0.01
    report = bench.run(rows(500), max_failures="5", max_concurrency=4)
    assert report.code == 4 and 5 < report.failed <= 12 and "more than the 5 that may" in report.message


def test_storm_of_refusals_loses_and_doubles_nothing(bench: Bench) -> None:
    refused: List[str] = []

    def storm(prompt: str, times: int) -> object:
        if times == 1 and zlib.crc32(prompt.encode()) % 20 == 0:
            refused.append(prompt)
            return (429, {"error": {"message": "slow down"}}, {"retry-after-ms": "20"})
        return None

    bench.server.refuse = storm  # type: ignore[assignment]  # the same shape
    report = bench.run(rows(300))
    assert (report.code, report.answered, report.failed) == (0, 300, 0) and refused
    assert len(set(bench.ids())) == 300


@pytest.mark.parametrize(("per_s", "stock", "pause_s"), [(10.0, 10.0, 2.0), (20.0, 20.0, 2.0), (50.0, 50.0, 1.0)])
def test_lane_uses_what_a_rate_limit_allows(per_s: float, stock: float, pause_s: float) -> None:
    used, refused = simulated(per_s, stock, pause_s, seconds=600.0)
    print(f"{per_s:g}/s: {used:.1%} of what is allowed, {refused:.2%} refused")
    assert used >= 0.9 and refused <= 0.03


@pytest.mark.parametrize(("per_s", "stock"), [(10.0, 10.0), (20.0, 100.0), (50.0, 500.0)])
def test_lane_keeps_to_what_answers_say_is_left(per_s: float, stock: float) -> None:
    used, refused = simulated(per_s, stock, 2.0, seconds=600.0, is_told=True)
    print(f"{per_s:g}/s told: {used:.1%} of what is allowed, {refused:.2%} refused")
    assert used >= 0.9 and refused <= 0.005


@pytest.mark.parametrize(("headers", "requests", "tokens"), [
    ({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-limit-tokens": "150000", "x-ratelimit-remaining-tokens": "149984",
      "x-ratelimit-reset-tokens": "6m0s"}, Quota(60, 59, 1.0), Quota(150000, 149984, 360.0)),
    ({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "500ms"}, Quota(60, 59, 0.5), None),
    ({"x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14370",
      "x-ratelimit-reset-requests": "2m59.5s"}, Quota(14400, 14370, 179.5), None),
    ({"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": "2001-09-09T01:46:42Z", "anthropic-ratelimit-input-tokens-limit": "100",
      "anthropic-ratelimit-input-tokens-remaining": "90", "anthropic-ratelimit-output-tokens-limit": "100",
      "anthropic-ratelimit-output-tokens-remaining": "5"}, Quota(50, 49, 2.0), Quota(100, 5, None)),
    ({"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000000030000"},
     Quota(20, 0, 30.0), None),
    ({"x-ratelimit-limit-req-minute": "30", "x-ratelimit-remaining-req-minute": "3"}, Quota(30, 3, 60.0), None),
    ({"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "-1"}, None, None),
    ({"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}, None, None),
    ({"content-type": "text/event-stream"}, None, None),
])
def test_heads_of_answers_say_what_is_left(
    headers: Dict[str, str], requests: Optional[Quota], tokens: Optional[Quota]
) -> None:
    found = read_allowance(headers, 1_000_000_000.0)
    assert (found.requests, found.tokens) == (requests, tokens) if found is not None else requests is tokens is None


def test_limit_that_answers_tell_is_kept_without_a_refusal(bench: Bench) -> None:
    server = bench.server
    server.per_s, server.stock, server.tells_limit = 40.0, 20.0, True
    began = time.monotonic()
    report = bench.run(rows(80), max_concurrency=8)
    print(f"{80 / (time.monotonic() - began):.0f}/s of 40/s, {server.refused} refused")
    assert (report.code, report.answered) == (0, 80) and server.refused <= 2


def simulated(
    per_s: float, stock: float, pause_s: float, *, seconds: float, is_told: bool = False
) -> Tuple[float, float]:
    """Ten minutes of a lane at a server with a rate limit, without waiting for them."""
    lane = Lane("server", ModelChoice("p", "m"), HostedWindow(64))
    level, filled, now, count = stock, 0.0, 0.0, 0
    outcomes = [0, 0]
    ends: List[Tuple[float, int, bool, float, float]] = []
    while now < seconds:
        while ends and ends[0][0] <= now:
            at, number, is_good, started, left = heapq.heappop(ends)
            lane.end()
            if is_good:
                lane.answered(at, started, estimated=1, used=1)
                if is_told:
                    left_now = Allowance(Quota(stock, left, (stock - left) / per_s))
                    lane.told(left_now, number, at, said_at=started)
            else:
                lane.failed(provider_error("rate_limit", "slow down", retry_after_s=pause_s), at, started)
        wait_s = lane.wait_s(1, now)
        if wait_s == 0.0:
            lane.begin(1, now)
            level, filled, count = min(stock, level + (now - filled) * per_s), now, count + 1
            is_good = level >= 1
            level -= is_good
            outcomes[not is_good] += 1
            heapq.heappush(ends, (now + (0.1 if is_good else 0.005), count, is_good, now, level))
        else:
            soonest = ends[0][0] if ends else now + 1.0
            now = max(now + 1e-6, min(soonest, now + wait_s) if wait_s is not None else soonest)
    return outcomes[0] / (per_s * seconds), outcomes[1] / sum(outcomes)


def test_server_that_is_not_there_ends_the_run_whatever_the_number_of_rows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuke_ai_panel.batch.lane.FIRST_DELAY_S", 0.01)
    bench.server.stop()
    began = time.monotonic()
    report = bench.run(rows(300))
    assert report.code == 4 and report.answered == report.failed == 0 and report.missing == 300
    assert "Nothing answers" in report.message and time.monotonic() - began < 20
    assert sum(isinstance(one, LaneStopped) for one in bench.events) == 1


def test_lane_says_that_its_server_cannot_be_reached_until_that_says_something() -> None:
    lane = Lane("one", ModelChoice("openai", "m"), HostedWindow(4))
    gone, refused = (provider_error(kind, "no", provider="one") for kind in ("network", "bad_request"))
    assert not lane.state(0.0).is_unreached
    lane.failed(gone, 1.0, 0.0)
    assert lane.state(1.0).is_unreached
    lane.failed(provider_error("timeout", "no", provider="one"), 2.0, 1.0)
    assert lane.state(2.0).is_unreached
    lane.failed(refused, 3.0, 2.0)
    assert not lane.state(3.0).is_unreached
    lane.failed(gone, 5.0, 4.0)
    lane.answered(6.0, 5.0, estimated=1, used=1)
    assert not lane.state(6.0).is_unreached


def test_server_that_went_away_is_waited_for_and_not_for_ever() -> None:
    lane = Lane("one", ModelChoice("openai", "m"), HostedWindow(4), max_wait_s=120.0)
    gone = provider_error("network", "refused", provider="one")
    lane.begin(1, 0.0)
    lane.answered(1.0, 0.0, estimated=1, used=1)
    now = 10.0
    while now < 129.0:
        assert not lane.is_gone(now, 6)
        pause = lane.failed(gone, now, now)
        assert pause is not None and pause.seconds <= 10.0
        now += pause.seconds
    lane.failed(gone, 131.0, 131.0)
    assert lane.is_gone(131.0, 6)
    lane.answered(132.0, 131.5, estimated=1, used=1)
    assert not lane.is_gone(132.0, 6)


def test_server_that_says_at_once_is_given_time_all_the_same(bench: Bench) -> None:
    until: List[float] = []

    def refuse(prompt: str, times: int) -> Optional[Tuple[int, Dict[str, object], Dict[str, str]]]:
        until[:] = until or [time.monotonic() + 1.5]
        return (429, {"error": {"message": "slow down"}}, {"Retry-After": "0"}) if time.monotonic() < until[0] else None

    bench.server.refuse = refuse  # type: ignore[assignment]  # dictionaries are mappings
    report = bench.run(rows(100), max_concurrency=16)
    assert (report.code, report.answered) == (0, 100) and len(bench.server.bodies) <= 100 + 30


@pytest.mark.parametrize("way", ("404", "page"))
def test_address_without_a_chat_is_one_message(bench: Bench, way: str) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<h1>Hello</h1>"
    if way == "404":
        bench.server.refuse = lambda prompt, times: (404, {"error": {"message": "not found"}}, {})
    else:
        bench.server.broken = lambda prompt, times: page
    report = bench.run(rows(60))
    assert (report.code, report.failed) == (4, 0) and len(bench.server.bodies) <= 16
    assert "base URL" in report.message

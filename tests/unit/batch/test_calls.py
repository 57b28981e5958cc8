"""The batch runner for scripts: run, start, stream, and a thread that is not the main one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Dict, Iterator, List, Tuple

import pytest

from nuke_ai_panel.batch import BatchError, calls
from nuke_ai_panel.batch.values import BatchEvent, Progress, RowDone
from tests.architecture.imports import ROOT

from .kit import Bench, rows


def test_stream_gives_every_row_on_the_callers_loop(bench: Bench) -> None:
    async def listen() -> List[BatchEvent]:
        return [event async for event in calls.stream(bench.plan(rows(40)), out=bench.out)]

    events = asyncio.run(listen())
    assert sorted(one.custom_id for one in events if isinstance(one, RowDone)) == bench.ids()
    last = [one for one in events if isinstance(one, Progress)][-1]
    assert (last.state, last.done, last.total) == ("finished", 40, 40)


def test_run_works_on_any_thread(bench: Bench) -> None:
    reports: List[int] = []
    plan = bench.plan(rows(10))
    thread = threading.Thread(target=lambda: reports.append(calls.run(plan, out=bench.out).code))
    thread.start()
    thread.join(20)
    assert reports == [0]


def test_pause_holds_and_resume_goes_on(bench: Bench) -> None:
    bench.server.delay_s = 0.02
    handle = calls.start(bench.plan(rows(200)), out=bench.out, max_concurrency=4)
    bench.server.wait_for_requests(8)
    handle.pause()
    bench.server.wait_until(lambda: bench.server.running == 0)
    asked = len(bench.server.bodies)
    with pytest.raises(TimeoutError):
        handle.result(0.5)
    assert len(bench.server.bodies) <= asked + 4 and handle.status().state == "paused"
    handle.resume()
    assert handle.result(20).answered == 200


def test_receiver_that_fails_does_not_stop_the_run(bench: Bench, log_lines: object) -> None:
    def fail(event: BatchEvent) -> None:
        raise ValueError("a script's own mistake")

    assert calls.run(bench.plan(rows(5)), out=bench.out, on_event=fail).code == 0
    log_lines.take("the receiver of a batch's events failed")  # type: ignore[attr-defined]  # the fixture's own


def test_unknown_option_is_named(bench: Bench) -> None:
    with pytest.raises(BatchError, match="concurrency is no option"):
        bench.run(rows(1), concurrency=3)


def test_import_is_light() -> None:
    heavy = ("litellm", "openai", "pydantic", "rich", "distributed", "openjd", "aiohttp", "jinja2")
    code = f"import sys, nuke_ai_panel.batch; print([one for one in {heavy!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_row_of_a_slow_source_is_asked_before_the_next_one_is_there(bench: Bench) -> None:
    asked_by: List[int] = []

    def slow() -> Iterator[Dict[str, str]]:
        for number in range(5):
            yield {"custom_id": f"r{number}", "shot": f"sh{number}"}
            bench.server.wait_until(lambda number=number: len(bench.server.bodies) > number)
            asked_by.append(number)

    assert calls.run(bench.plan(slow()), out=bench.out).answered == 5 and asked_by == [0, 1, 2, 3, 4]


def test_source_that_waits_for_answers_gets_them(bench: Bench) -> None:
    done = threading.Semaphore(0)

    def chain() -> Iterator[Dict[str, str]]:
        for number in range(40):
            yield {"custom_id": f"r{number}", "shot": f"sh{number}"}
            if number % 8 == 7:
                for _ in range(8):
                    assert done.acquire(timeout=10), f"no answer after row {number}"

    report = calls.run(bench.plan(chain()), out=bench.out,
                       on_event=lambda event: done.release() if isinstance(event, RowDone) else None)
    assert (report.code, report.answered) == (0, 40)


@pytest.mark.parametrize("given", ((), ({"shoot": "sh1"},)))
def test_source_without_a_row_is_an_error(bench: Bench, given: Tuple[Dict[str, str], ...]) -> None:
    report = calls.run(bench.plan(iter(given)), out=bench.out)
    assert report.code == 2 and "holds no row" in report.message and bench.server.bodies == []
    assert ("shot" in report.message) == bool(given)


def test_tokens_and_cost_are_those_of_every_attempt(bench: Bench) -> None:
    bench.server.usage = lambda prompt: (100, 10)
    bench.server.say = lambda prompt: "no json"
    plan = {"schema": {"type": "object"}, "price_in": 1.0, "price_out": 2.0}
    report = bench.run(rows(2), plan=plan)
    assert (report.code, report.failed, report.input_tokens, report.output_tokens) == (3, 2, 400, 40)
    assert report.cost_known and report.cost_usd == pytest.approx(2 * 2 * (100 * 1.0 + 10 * 2.0) / 1e6)


def test_cost_that_nobody_knows_is_no_zero(bench: Bench) -> None:
    report = bench.run(rows(2))
    assert not report.cost_known and bench.lines()[0]["x"]["cost_usd"] is None
    assert "not known" in (bench.out / "report.md").read_text(encoding="utf-8")
    free = calls.run(bench.plan(rows(2), price_in=0.0, price_out=0.0), out=bench.folder / "free.run")
    assert free.cost_known and free.cost_usd == 0.0


def test_pause_before_the_first_request_holds(bench: Bench) -> None:
    handle = calls.start(bench.plan(rows(20)), out=bench.out)
    handle.pause()
    with pytest.raises(TimeoutError):
        handle.result(0.5)
    assert bench.server.bodies == []
    handle.resume()
    assert handle.result(20).answered == 20 and handle.status().state == "finished"


def test_runs_without_a_directory_get_one_each(bench: Bench) -> None:
    first, second = (calls.run(bench.plan(rows(count))) for count in (2, 3))
    assert first.folder != second.folder and (first.answered, second.answered) == (2, 3)


@pytest.mark.parametrize("given", (
    {"max_concurrency": "8"}, {"max_concurrency": 0}, {"max_concurrency": True}, {"budget": "5"},
    {"budget": float("nan")}, {"budget": -1}, {"price_in": -1, "price_out": 1},
    {"price_in": "x", "price_out": 1}, {"price_in": 1.0}, {"rpm": -5}, {"rpm": 0}, {"stop_after_s": "1m"},
    {"max_failures": "abc"}, {"stream": "bogus"}, {"cache": "bogus"},
    {"resume": "Strict"}, {"hosts": "gpu1=4"}, {"hosts": ["=4"]}, {"hosts": ["ftp://x=2"]}, {"hosts": ["http://=2"]},
    {"hosts": ["http://a:b@x=2"]}, {"hosts": ["http://x/v1?key=1"]}, {"hosts": 5}, {"csv": 5}, {"nonsense": 1},
))
def test_options_that_make_no_sense_are_refused_before_anything_is_sent(bench: Bench, given: Dict[str, object]) -> None:
    with pytest.raises(BatchError) as refused:
        calls.run(bench.plan(rows(2)), out=bench.out, **given)
    assert refused.value.code == 2 and refused.value.user_text and refused.value.next_step
    assert bench.server.bodies == [] and not bench.out.exists()


def test_options_are_taken_in_the_forms_that_people_write(bench: Bench) -> None:
    report = calls.run(bench.plan(rows(2)), out=bench.out, max_failures=5, csv=bench.folder / "a.csv", rpm=6000,
                       hosts=f"{bench.server.base_url}=2")
    assert report.code == 0 and (bench.folder / "a.csv").exists()


def test_stream_that_is_left_says_nothing_later(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.server.delay_s = 0.2

    async def leave() -> None:
        async for event in calls.stream(bench.plan(rows(50)), out=bench.out):
            if isinstance(event, RowDone):
                break

    asyncio.run(leave())
    bench.server.wait_until(lambda: bench.server.running == 0)
    assert calls.run(bench.plan(rows(50)), out=bench.out).code == 0
    assert capfd.readouterr().err == ""

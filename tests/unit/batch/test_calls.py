"""The batch runner for scripts: run, start, stream, and a thread that is not the main one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import List

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

"""A batch runs beside a living Qt: the window's heart beats on, the run can be cancelled, nothing stays behind."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, List

from nuke_ai_panel.app import App
from nuke_ai_panel.batch import calls
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel_qt.qt import QtCore
from tests.fakes.batch_server import BatchServer

# The promise is 50 ms; a shared machine needs room.
GAP_S = 0.15


def test_heart_beats_on_while_64_rows_run(qtbot: Any, tmp_path: Path) -> None:
    beats: List[float] = []
    timer = QtCore.QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    before = {one.name for one in threading.enumerate()}
    app = App.open()
    with BatchServer() as server:
        server.delay_s = 0.1
        rows = [{"custom_id": str(number), "shot": number} for number in range(600)]
        plan = calls.plan(rows, template="Describe {{ shot }}", provider="openai", model="m", base_url=server.base_url,
                          app=app)
        timer.start(5)
        handle = calls.start(plan, out=tmp_path / "a.run", max_concurrency=64)
        qtbot.waitUntil(handle.done, timeout=30_000)
        timer.stop()
        assert handle.result().answered == 600
        app.close()
    shutdown_event_loop()
    gaps = sorted(late - early for early, late in zip(beats, beats[1:]))
    print(f"{len(gaps)} beats, p99 {gaps[int(0.99 * len(gaps))] * 1e3:.0f} ms")
    assert gaps[int(0.99 * len(gaps))] < GAP_S
    left = {one.name for one in threading.enumerate()} - before
    assert not [name for name in left if name.startswith("nuke-ai")]


def test_cancel_from_the_window_ends_it(qtbot: Any, tmp_path: Path) -> None:
    app = App.open()
    with BatchServer() as server:
        server.delay_s = 0.2
        rows = [{"custom_id": str(number), "shot": number} for number in range(500)]
        plan = calls.plan(rows, template="Describe {{ shot }}", provider="openai", model="m", base_url=server.base_url,
                          app=app)
        handle = calls.start(plan, out=tmp_path / "a.run")
        server.wait_for_requests(4)
        handle.cancel()
        qtbot.waitUntil(handle.done, timeout=12_000)
        report = handle.result()
        assert report.code == 130 and report.answered == len(server.bodies)
        app.close()
    shutdown_event_loop()

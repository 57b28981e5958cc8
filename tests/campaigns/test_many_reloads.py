"""Reloads the code again and again while four answers stream that are allowed to finish; nothing may pile up.

Fifty times without a panel, ten with one open; NUKE_AI_PANEL_CAMPAIGN multiplies both. Prints what grew. Memory is what
is in use: what the allocator keeps for later is given back before it is read.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.fakes.model_server import FakeModelServer
from tests.unit.reload_kit import PANEL, Copy, Worker

TIMES = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
WORDS = tuple(f"word{number} " for number in range(24))
# What the target says: at most so much memory a reload. Short runs still warm up, so they are only counted.
SLOPE_KB = 20.0
SLOPE_FROM = 100
HAS_QT = any(importlib.util.find_spec(name) is not None for name in ("PySide6", "PySide2"))

SETUP = """
import asyncio, ctypes, resource
import nuke_ai_panel.api
give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
def rss_kb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024
def sockets():
    folder = "/proc/self/fd"
    links = []
    for name in os.listdir(folder):
        try:
            links.append(os.readlink(f"{folder}/{name}"))
        except OSError:
            pass
    return sum(link.startswith("socket:") for link in links)
def reload_now():
    return sys.modules["nuke_ai_panel"].troubleshooter.reload().__dict__
def settled():
    pass
def round_of_four():
    app = sys.modules["nuke_ai_panel.api"].shared_app()
    module = sys.modules["nuke_ai_panel.app"]
    texts = [[] for _ in range(4)]
    def sink(into):
        return lambda event: into.append(event.text) if type(event).__name__ == "TextAdded" else None
    handles = [
        app.start_turn(module.TurnRequest("go", choice=module.ModelChoice("openai", "fake-model")), sink(texts[number]))
        for number in range(4)
    ]
    outcome = reload_now()
    answers = [handle.result(5) for handle in handles]
    return {
        "reloaded": outcome["reloaded"] and sys.modules["nuke_ai_panel.app"] is not module,
        "seconds": outcome["seconds"],
        "streamed": ["".join(one) for one in texts], "stored": [one.text for one in answers],
        "statuses": [one.status for one in answers],
        "errors": [one.error and f"{one.error.kind}: {one.error.message}" for one in answers],
    }
def qobjects():
    return 0
def now():
    settled()
    gc.collect()
    give_back(0)
    everything = gc.get_objects()
    return {"rss_kb": rss_kb(), "threads": threading.active_count(), "sockets": sockets(),
            "sessions": sum(type(one).__name__ == "ClientSession" for one in everything),
            "tasks": sum(isinstance(one, asyncio.Task) and not one.done() for one in everything),
            "types": sum(isinstance(one, type) for one in everything),
            "qobjects": qobjects(), "modules": sum(name.startswith("nuke_ai_panel") for name in sys.modules)}
"""

# With a panel the reload happens in Qt's event loop, as soon as the answers are written.
OPEN_PANEL = PANEL + """
qt = current("nuke_ai_panel_qt.qt")
QtCore, QtWidgets = qt.QtCore, qt.QtWidgets
application = QtWidgets.QApplication([])
pane = current("nuke_ai_panel_qt.core.panel_reload").open_pane()
pane.resize(460, 700)
pane.show()
def panel():
    return current("nuke_ai_panel_qt.core.pane").content(pane).panel
until(lambda: panel() is not None)
del qt
def reload_now():
    before = sys.modules["nuke_ai_panel.app"]
    began = time.monotonic()
    current("nuke_ai_panel_qt.core.panel_reload").ask_soon("finished")
    until(lambda: sys.modules["nuke_ai_panel.app"] is not before)
    until(lambda: panel() is not None)
    return {"reloaded": True, "seconds": time.monotonic() - began}
def settled():
    for _ in range(3):
        pump(0.1); gc.collect()
def qobjects():
    # Every object below what has no parent, whichever language made it.
    known = {id(one): one for one in gc.get_objects() if isinstance(one, QtCore.QObject) and is_valid(one)}
    roots = [one for one in known.values() if one.parent() is None]
    return sum(1 + len(one.findChildren(QtCore.QObject)) for one in roots)
is_valid = current("shiboken6" if "PySide6.QtCore" in sys.modules else "shiboken2").isValid
"""


class Run:
    """Reloads in another process, and what they left."""

    def __init__(self, worker: Worker, server: FakeModelServer) -> None:
        self.worker, self.server = worker, server
        self.seconds: List[float] = []

    def reload(self, times: int) -> Dict[str, Any]:
        """Reloads so often under four streams; what there is more of than before. Prints it."""
        for _ in range(4):
            self.worker.do("round_of_four()")
        before: Dict[str, Any] = self.worker.do("result = now()")
        connections = self.server.connections
        grown = [before["rss_kb"]]
        for number in range(times):
            found = self.worker.do("result = round_of_four()")
            assert found["reloaded"] is True
            assert found["statuses"] == ["complete"] * 4, (number, found["errors"])
            assert found["streamed"] == found["stored"] == ["".join(WORDS)] * 4, number
            self.seconds.append(found["seconds"])
            if number % 10 == 9:
                grown.append(self.worker.do("result = now()")["rss_kb"])
        after: Dict[str, Any] = self.worker.do("result = now()")
        more = {name: after[name] - before[name] for name in after}
        half = len(grown) // 2
        more["slope_kb"] = (grown[-1] - grown[half]) / max(1, 10 * (len(grown) - 1 - half))
        more["connections"] = self.server.connections - connections
        return more

    def told(self) -> str:
        """How long a reload took, in words."""
        ordered = sorted(self.seconds)
        return f"{len(ordered)} reloads under four streams, {ordered[len(ordered) // 2] * 1000:.0f} ms median"


def check(run: Run, more: Dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{run.told()}: " + ", ".join(f"{name} {value:+.4g}" for name, value in more.items()))
    assert more["connections"] == 0
    for name in ("threads", "sockets", "sessions", "tasks", "qobjects"):
        assert more[name] <= 0, name
    assert abs(more["modules"]) <= 2
    assert more["types"] <= 10  # a cache here and there, and no generation
    if len(run.seconds) >= SLOPE_FROM:
        assert more["slope_kb"] < SLOPE_KB


def environment(home: Path, server: FakeModelServer) -> Dict[str, str]:
    server.words, server.tokens_per_s = WORDS, 400.0
    return {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-reload",
        "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false",
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reloads_under_live_streams_lose_nothing_and_leave_nothing(
    tmp_path: Path, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = Worker(Copy(tmp_path / "site"), environment(home, model_server))
    worker.do(SETUP)
    run = Run(worker, model_server)
    more = run.reload(50 * TIMES)
    assert worker.end() == ""
    check(run, more, capsys)


@pytest.mark.skipif(not HAS_QT, reason="needs a Qt binding")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reloads_of_an_open_panel_under_live_streams_leave_nothing(
    tmp_path: Path, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = Worker(Copy(tmp_path / "site"), environment(home, model_server))
    worker.do(SETUP + OPEN_PANEL)
    run = Run(worker, model_server)
    more = run.reload(10 * TIMES)
    worker.do("pane.close(); application.processEvents(); application.aboutToQuit.emit(); pane = None")
    errors = worker.end()
    assert "Traceback" not in errors and "Unclosed" not in errors
    check(run, more, capsys)

"""Lives with the panel in a Nuke for a while: questions about the script, other scripts, reconnects, reloads, restarts,
panels opened and closed, settings edited.

A few seconds with all tests. NUKE_AI_PANEL_SOAK_S says for how long: 600 each night, 86400 for a day. Rounds follow
each other at once. Prints what grew. Memory is what is in use: what the allocator keeps is given back before it
is read.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.fakes.model_server import FakeModelServer
from tests.unit.reload_kit import PANEL, REPO, Copy, Worker

SOAK_S = float(os.environ.get("NUKE_AI_PANEL_SOAK_S", "6"))
# What the target says of memory counts after the first hour; a short run only prints it.
SLOPE_KB_AN_HOUR = 1024.0
WARM_S = 3600.0
HAS_QT = any(importlib.util.find_spec(one) for one in ("PySide2", "PySide6"))

LAYOUT = ('<layout><window><dock id="" activePageId="com.nuke_ai_panel.chat"><page id="DAG.1"/>'
          '<page id="com.nuke_ai_panel.chat"/></dock></window></layout>')
START = PANEL + f"""
import ctypes, resource
give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
sys.path.append({str(REPO)!r})
layout = {LAYOUT!r}
""" + """
from tests.fakes.nuke import Host
def content():
    return current("nuke_ai_panel_qt.core.pane").content(pane)
def ask(text):
    panel = content().panel
    until(lambda: not panel.composer.is_running() and not content().manager.shown.is_loading)
    panel.composer.set_text(text)
    panel.composer.send.click()
    until(lambda: panel.composer.is_running() or panel.transcript.items()[-1].text == "Hello, artist.")
    until(lambda: not panel.composer.is_running())
    return panel.transcript.items()[-1].text
def another_pane():
    other = current("nuke_ai_panel_qt.core.panel_reload").open_pane()
    other.show(); pump(0.1); other.close()
    current("nuke_ai_panel_qt.qt").destroy(other)
    pump(0.05)
def reload():
    outcome = sys.modules["nuke_ai_panel"].troubleshooter.reload()
    until(lambda: content() is not None and content().panel is not None)
    pump(0.2)
    return outcome.reloaded
def reconnect():
    app = current("nuke_ai_panel.api").shared_app()
    app.providers.reset("openai")
    return app.providers.check("openai").result(30).state
def restart():
    sys.modules["nuke_ai_panel"].troubleshooter.restart()
    until(lambda: content() is not None and content().panel is not None)
def another_script(number):
    nuke, path = host.nuke, os.path.join(os.environ["NUKE_AI_PANEL_HOME"], "shot.nk")
    nuke.scriptClose()
    nuke.scriptNew()
    for one in range(12):
        nuke.nodes.Blur(name="Blur%d" % (number * 12 + one)).setSelected(True)
    content().manager.context.add("selection")
    until(lambda: content().panel.composer.chips.buttons())
    ask("what do these nodes do")
    nuke.undo(); nuke.redo() if hasattr(nuke, "redo") else None
    nuke.scriptSaveAs(path, 1)
    nuke.scriptClose()
    nuke.scriptOpen(path)
    pump(0.1)
    return len(nuke.allNodes())
def edit(text):
    app = current("nuke_ai_panel.api").shared_app()
    (app.settings.home / "settings.toml").write_text("system = \\"" + text + "\\"\\n")
    until(lambda: current("nuke_ai_panel.api").shared_app().settings.system == text)
def tasks():
    asyncio = current("asyncio")
    loop = current("nuke_ai_panel.utils.event_loop_manager").get_event_loop()
    return len(asyncio.all_tasks(loop))
def now():
    pump(0.3); gc.collect(); pump(0.1); gc.collect(); give_back(0)
    with open("/proc/self/statm") as file:
        rss = int(file.read().split()[1]) * resource.getpagesize() // 1024
    return {"rss_kb": rss, "threads": threading.active_count(), "descriptors": len(os.listdir("/proc/self/fd")),
            "tasks": tasks(), "widgets": len(application.allWidgets())}
application = current("nuke_ai_panel_qt.qt").QtWidgets.QApplication([])
host = Host((16, 0, 8) if current("nuke_ai_panel_qt.qt").BINDING == "PySide6" else (15, 1, 4))
host.install()
pump_qt = pump
def pump(seconds=0.05):
    pump_qt(seconds); host.pump()
current("nuke_ai_panel_qt").install()
host.pump()
(view,) = host.restore_layout(layout)
pane = view.widget
pane.resize(460, 700)
pane.show()
until(lambda: content() is not None and content().panel is not None)
content().panel.picker.chosen.emit("openai", "fake-model")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or not HAS_QT, reason="reads /proc, and needs Qt")
def test_panel_can_be_lived_with(
    tmp_path: Path, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = Worker(Copy(tmp_path / "site"), {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-soak",
        "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false",
    })
    worker.do(START)
    for number in range(2):
        one_round(worker, number)
    began = time.monotonic()
    points: List[Tuple[float, Dict[str, Any]]] = [(0.0, worker.do("result = now()"))]
    rounds = 0
    while time.monotonic() - began < SOAK_S:
        one_round(worker, rounds + 2)
        rounds += 1
        points.append((time.monotonic() - began, worker.do("result = now()")))
    worker.do("pane = view = None; application.aboutToQuit.emit(); host.quit()")
    errors = worker.end()
    first, last = points[0][1], points[-1][1]
    slope = slope_kb_an_hour([(at, one["rss_kb"]) for at, one in points if at >= min(WARM_S, SOAK_S / 2)])
    grown = ", ".join(f"{name} {last[name] - first[name]:+d}" for name in first)
    with capsys.disabled():
        print(f"\n{rounds} rounds in {points[-1][0]:.0f} s: {grown}; memory {slope:+.0f} kB an hour in the later half")
    assert "Task was destroyed" not in errors
    assert "Unclosed" not in errors
    assert "Traceback" not in errors, errors
    for name in ("threads", "descriptors", "tasks", "widgets"):
        assert last[name] <= first[name], name
    if SOAK_S > WARM_S:
        assert slope < SLOPE_KB_AN_HOUR


def one_round(worker: Worker, number: int) -> None:
    """What an artist and a developer do in a few minutes."""
    assert worker.do("content().manager.new_conversation(); result = ask('hello')") == "Hello, artist."
    assert worker.do("result = reload()") is True
    assert worker.do("result = ask('and again')") == "Hello, artist."
    assert worker.do("result = reconnect()") == "connected"
    assert worker.do(f"result = another_script({number})") == 12
    worker.do(f"edit('round {number}'); another_pane()")
    if number % 4 == 3:
        worker.do("restart()")


def slope_kb_an_hour(points: List[Tuple[float, float]]) -> float:
    """The least squares' slope of (seconds, kB)."""
    count = len(points)
    if count < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / count
    middle_y = sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread * 3600 if spread else 0.0

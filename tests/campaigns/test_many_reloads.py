"""Reloads the code again and again while four answers stream that are allowed to finish; nothing may pile up.

NUKE_AI_PANEL_CAMPAIGN multiplies the number of reloads (12 each). Prints what grew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.fakes.model_server import FakeModelServer
from tests.unit.reload_kit import Copy, Worker

RELOADS = 12 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
WORDS = tuple(f"word{number} " for number in range(40))
# What the target says: at most so much memory a reload. Short runs still warm up, so they are only counted.
SLOPE_KB = 20.0
SLOPE_FROM = 100

SETUP = """
import resource
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
    outcome = sys.modules["nuke_ai_panel"].troubleshooter.reload()
    answers = [handle.result(5) for handle in handles]
    return {
        "reloaded": outcome.reloaded, "seconds": outcome.seconds,
        "streamed": ["".join(one) for one in texts], "stored": [one.text for one in answers],
        "statuses": [one.status for one in answers],
    }
def now():
    gc.collect()
    return {"rss_kb": rss_kb(), "threads": threading.active_count(), "sockets": sockets(),
            "sessions": sum(type(one).__name__ == "ClientSession" for one in gc.get_objects()),
            "modules": sum(name.startswith("nuke_ai_panel") for name in sys.modules)}
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reloads_under_live_streams_lose_nothing_and_leave_nothing(
    tmp_path: Path, home: Path, model_server: FakeModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    model_server.words, model_server.tokens_per_s = WORDS, 400.0
    worker = Worker(Copy(tmp_path / "site"), {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-reload",
    })
    worker.do("import nuke_ai_panel.api\n" + SETUP)
    for _ in range(2):
        worker.do("round_of_four()")
    before: Dict[str, Any] = worker.do("result = now()")
    connections = model_server.connections
    seconds, grown = [], [before["rss_kb"]]
    for number in range(RELOADS):
        found = worker.do("result = round_of_four()")
        assert found["reloaded"] is True
        assert found["streamed"] == found["stored"] == ["".join(WORDS)] * 4
        assert found["statuses"] == ["complete"] * 4
        seconds.append(found["seconds"])
        if number % 10 == 9:
            grown.append(worker.do("result = now()")["rss_kb"])
    after: Dict[str, Any] = worker.do("result = now()")
    assert worker.end() == ""
    slope = (grown[-1] - grown[len(grown) // 2]) / max(1, 10 * (len(grown) - 1 - len(grown) // 2))
    with capsys.disabled():
        print(f"\n{RELOADS} reloads under four streams: {sorted(seconds)[len(seconds) // 2] * 1000:.0f} ms median, "
              f"{after['rss_kb'] - before['rss_kb']:+d} kB, {slope:+.1f} kB a reload in the second half, "
              f"{model_server.connections} connections")
    assert model_server.connections == connections
    for name in ("threads", "sockets", "sessions"):
        assert after[name] <= before[name], name
    assert abs(after["modules"] - before["modules"]) <= 2
    if RELOADS >= SLOPE_FROM:
        assert slope < SLOPE_KB

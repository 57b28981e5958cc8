"""What the tests of batches share: a bench with an App, a server that counts, and a run directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.batch import calls
from nuke_ai_panel.batch.planning import Plan
from nuke_ai_panel.batch.reporting import Report
from nuke_ai_panel.batch.values import BatchEvent
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes.batch_server import BatchServer

TEMPLATE = "Describe {{ shot }}."


class Bench:
    """Plans and runs against `server`, into `out`. Any: keyword arguments of `plan` and `run`."""

    def __init__(self, app: App, server: BatchServer, folder: Path) -> None:
        self.app, self.server, self.folder = app, server, folder
        self.out = folder / "a.run"
        self.events: List[BatchEvent] = []

    def plan(self, rows: object, *, template: Optional[str] = TEMPLATE, **more: Any) -> Plan:
        given = {"provider": "openai", "model": "m", "base_url": self.server.base_url, **more}
        return calls.plan(rows, template=template, app=self.app, **given)

    def run(self, rows: object, *, template: Optional[str] = TEMPLATE, plan: Optional[Dict[str, Any]] = None,
            **options: Any) -> Report:
        self.events = []
        made = self.plan(rows, template=template, **(plan or {}))
        return calls.run(made, out=self.out, on_event=self.events.append, **options)

    def lines(self, name: str = "results.jsonl") -> List[Dict[str, Any]]:
        path = self.out / name
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def ids(self, name: str = "results.jsonl") -> List[str]:
        return sorted(line["custom_id"] for line in self.lines(name))


def rows(count: int, *, start: int = 0) -> List[Dict[str, Any]]:
    return [{"custom_id": f"r{number}", "shot": f"sh{number:04d}"} for number in range(start, start + count)]


def write_rows(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows(count)), encoding="utf-8")
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    app = App.open()
    with BatchServer() as server:
        yield Bench(app, server, tmp_path)
        app.close()
    shutdown_event_loop()

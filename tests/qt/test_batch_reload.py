"""A reload of the code while a batch runs: the run ends where it is, the view says so, and the new code goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator

import pytest

from tests.fakes.batch_server import BatchServer
from tests.unit.reload_kit import Copy, Worker

from .test_panel_reload import START

ROWS = 400
BATCH = """
def batch():
    return widget().manager.batch
def view():
    return batch().view
def board():
    return widget().manager.session.craft.batches
def end_of(folder):
    lines = Path(folder, "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["custom_id"] for line in lines]
import json
from pathlib import Path
"""


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


def test_a_batch_goes_on_after_a_reload(server: BatchServer, tmp_path: Path, home: Path) -> None:
    table, prompt = tmp_path / "rows.jsonl", home / "prompts" / "batch" / "what.j2"
    table.write_text("".join(json.dumps({"custom_id": f"r{n}", "shot": f"sh{n}"}) + "\n" for n in range(ROWS)))
    prompt.parent.mkdir(parents=True)
    prompt.write_text("What of {{ shot }}?\n")
    server.delay_s = 0.2
    (home / "settings.toml").write_text(
        'default_provider = "openai"\ndefault_model = "fake-model"\n'
        f'[providers.openai]\nbase_url = "{server.base_url}"\nretries = 0\n'
        "[providers.ollama]\nenabled = false\n[providers.openrouter]\nenabled = false\n"
    )
    worker = Worker(Copy(tmp_path / "site"), {"NUKE_AI_PANEL_HOME": str(home), "OPENAI_API_KEY": "sk-test"})
    try:
        worker.do(START + BATCH)
        worker.do(
            "panel().run('batch'); until(lambda: batch().plans.prompt() is not None)\n"
            "from dataclasses import replace\n"
            f"view().setup.set_form(replace(view().setup.form(), rows='table', table={str(table)!r}, "
            f"prompt={str(prompt)!r}))\n"
            "view().setup.changed.emit(); until(lambda: view().start.isEnabled())\n"
            "view().start.click(); until(lambda: len(view().run.results.model.shown) > 8)\n"
            "folder = str(board().run.folder)"
        )
        assert worker.do("result = reload()")["reloaded"] is True
        done = worker.do("result = len(end_of(folder))")
        assert 8 < done < ROWS
        worker.do("until(lambda: view() is not None and 'Not finished' in view().run.state.text())")
        assert worker.do("result = len(view().run.results.model.shown)") == done
        worker.do("import gc; gc.collect(); pump(0.2)")
        strangers = worker.do("result = sys.modules['nuke_ai_panel'].utils.survivors.strangers_only()")
        assert strangers == []
        server.delay_s = 0.0
        worker.do("view().run.go_on.click(); until(lambda: 'every row has an answer' in view().run.state.text())")
        assert sorted(worker.do("result = end_of(folder)")) == sorted(f"r{n}" for n in range(ROWS))
        assert sum(server.asked.values()) <= ROWS + 64, "what was under way, and no more, is asked twice"
        worker.do("pane.close(); application.processEvents(); application.aboutToQuit.emit(); pane = None")
    finally:
        errors = worker.end()
    assert "Traceback" not in errors, errors

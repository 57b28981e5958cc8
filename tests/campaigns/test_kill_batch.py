"""Kills a batch at random moments, and counts: every row has exactly one answer, and little was asked twice."""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import List

import pytest

from tests.fakes.batch_server import BatchServer
from tests.unit.batch.kit import TEMPLATE, write_rows
from tests.unit.cli_kit import Cli

# NUKE_AI_PANEL_BATCH=100000 kills a run of so many rows a hundred times.
ROWS = int(os.environ.get("NUKE_AI_PANEL_BATCH", "2000"))
KILLS = 6 if ROWS < 2000 else 20 if ROWS < 100_000 else 100
WINDOW = 16


def test_killed_batch_has_one_answer_for_each_row(tmp_path: Path) -> None:
    cli, seed = Cli(tmp_path), int(os.environ.get("NUKE_AI_PANEL_SEED", "5"))
    chance = random.Random(seed)
    (tmp_path / "t.j2").write_text(TEMPLATE)
    out, kills = tmp_path / "r.run", 0
    with BatchServer() as server:
        server.delay_s = 0.1 if ROWS <= 2000 else 0.02
        command: List[str] = [
            "batch", "run", str(write_rows(tmp_path / "in.jsonl", ROWS)), "--template", str(tmp_path / "t.j2"), "--out",
            str(out), "--provider", "openai", "--base-url", server.base_url, "--model", "m", "--max-concurrency",
            str(WINDOW), "--quiet", "--yes",
        ]
        while kills < KILLS:
            program = cli.start(*command)
            asked = sum(server.asked.values())
            end = time.monotonic() + 60
            while sum(server.asked.values()) < asked + 5 and program.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.3 if ROWS <= 2000 else 3.0))
            assert program.poll() is None, "the run ended before it was killed"
            program.send_signal(signal.SIGKILL)
            program.communicate()
            kills += 1
        server.delay_s = 0.0
        last = cli.start(*command)
        _, errors = last.communicate(timeout=600)
        asked = sum(server.asked.values())
    ids = collections.Counter(
        json.loads(line)["custom_id"] for line in (out / "results.jsonl").read_text().splitlines())
    print(f"{ROWS} rows, {kills} kills: {asked - ROWS} requests more (at most {kills * WINDOW}), seed {seed}")
    if last.returncode:
        pytest.fail(errors.decode())
    assert len(ids) == ROWS and set(ids.values()) == {1}
    assert asked <= ROWS + kills * WINDOW

"""The explorer on a long history keeps what is promised: twice as much here, for a machine that does other things too.

The promised size, with its figures: `EXPLORER_MESSAGES=200000 python -m pytest tests/qt/test_explorer_budgets.py -s`,
or `python -m bench.explorer`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

from bench.explorer import HEARTBEAT_GOAL_MS, Step, measure, prepare

MESSAGES = int(os.environ.get("EXPLORER_MESSAGES", "8000"))
SLACK = 2.0


def test_opening_searching_and_scrolling_stay_within_their_budgets(
    qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # pytest-qt has no types
) -> None:
    monkeypatch.setenv("NUKE_AI_PANEL_HOME", str(tmp_path))
    prepare(tmp_path, MESSAGES)
    best: Dict[str, Step] = {}
    for _ in range(3):
        for one in measure(tmp_path):
            former = best.get(one.name, one)
            best[one.name] = Step(
                one.name, min(one.took_ms, former.took_ms), min(one.pause_ms, former.pause_ms), one.goal_ms
            )
        if not _too_slow(best):
            break
    for one in best.values():
        print(f"{one.name:40}{one.took_ms:>9,.1f} ms{one.pause_ms:>9,.1f} ms pause")
    assert _too_slow(best) == []


def _too_slow(steps: Dict[str, Step]) -> List[Step]:
    return [
        one for one in steps.values()
        if one.took_ms > SLACK * one.goal_ms or one.pause_ms > SLACK * HEARTBEAT_GOAL_MS
    ]

"""Mutated answers of every vendor through every framer and decoder: one end each, no surprise, no hang, little memory.

NUKE_AI_PANEL_CAMPAIGN multiplies the number of inputs (20,000 for each target; 50 makes a million);
NUKE_AI_PANEL_SEED replays a run. Each target runs in a process of its own, so that its memory can be told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict

import pytest

from .fuzz_decoders import targets

ROOT = Path(__file__).parents[2]
INPUTS = 20_000 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
SEED = os.environ.get("NUKE_AI_PANEL_SEED", "20260101")
LONGEST_S = 1.0
MOST_MIB = 200


def fuzz(target: str) -> Dict[str, Any]:  # any JSON
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.fuzz_decoders", target, str(INPUTS), SEED],
        capture_output=True, text=True, cwd=ROOT, timeout=120 + INPUTS / 500,
    )
    assert done.returncode == 0, f"{target}: {done.stderr[-4000:]}"
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def test_mutated_answers_surprise_no_framer_and_no_decoder(capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(fuzz, targets()))
    with capsys.disabled():
        for one in outcomes:
            print(f"\n{one['target']}: {one['inputs']:,} inputs in {one['seconds']} s, slowest {one['slowest_s']} s, "
                  f"{one['rss_mib']} MiB, {len(one['ends'])} kinds of end", end="")
    for one in outcomes:
        assert one["inputs"] == INPUTS
        assert one["slowest_s"] < LONGEST_S, one
        assert one["rss_mib"] < MOST_MIB, one
        if one["target"].endswith("Decoder"):
            assert {"truncated", "network", "protocol"} < set(one["ends"]), one

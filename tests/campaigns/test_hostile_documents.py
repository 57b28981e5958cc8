"""Hostile answers in real widgets, under a trace of system calls: nothing is opened, nobody called, no frame hangs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

pytest.importorskip("nuke_ai_panel_qt.qt", reason="needs Qt", exc_type=ImportError)

from .hostile_documents import BEGIN, END, FRAME_MS, HOST  # shows widgets

ROOT = Path(__file__).resolve().parents[2]
SIZE = int(os.environ.get("NUKE_AI_PANEL_DOCUMENTS", "40"))
SEED = int(os.environ.get("NUKE_AI_PANEL_SEED", "1"))
# Between two looks at a loaded machine's clock; CPU time is counted, so that what others do costs nothing.
MOST_STEP_MS = FRAME_MS * 3


def show(tmp_path: Path) -> Tuple[Dict[str, Any], List[str]]:
    """What the program said, and the system calls of its process between the marks (none without strace)."""
    trap = tmp_path / "trap"
    trap.mkdir()
    trace = tmp_path / "trace.txt"
    strace = shutil.which("strace")
    traced = [strace, "-f", "-qq", "-s", "300", "-e", "trace=%file,%network", "-o", str(trace)] if strace else []
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*traced, sys.executable, "-m", "tests.campaigns.hostile_documents", str(SIZE), str(SEED), str(trap)],
        cwd=ROOT, env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": paths}, capture_output=True,
        text=True, timeout=60 + 5 * SIZE, check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    calls: List[str] = []
    if strace:
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
        begun = next(at for at, line in enumerate(lines) if BEGIN in line)
        ended = next(at for at, line in enumerate(lines) if END in line)
        calls = lines[begun + 1:ended]
    result: Dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result, calls


def test_hostile_documents_open_nothing_and_freeze_nothing(tmp_path: Path) -> None:
    result, calls = show(tmp_path)
    touched = [line for line in calls if f"{tmp_path}/trap" in line or HOST in line]
    called = [line for line in calls if any(word in line for word in ("connect(", "sendto(", "sendmsg(", "AF_INET"))]
    print(f"\n{result['shown']} documents, {len(calls):,} system calls on files and sockets between the marks; "
          f"longest step {result['worst_ms']} ms ({result['worst_step']}: {result['slowest']}); "
          f"{result['steps_over_100_ms']} steps over {FRAME_MS} ms")

    assert result["shown"] == SIZE
    assert touched == []
    assert called == []
    assert result["audit"] == []
    assert result["opened"] == []  # no click, so no link
    assert result["worst_ms"] <= MOST_STEP_MS

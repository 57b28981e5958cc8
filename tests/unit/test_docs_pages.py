"""The generated reference pages are the ones in the tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_committed_reference_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("current\n", 0), f"run docs/generate.py\n{done.stdout}{done.stderr}"

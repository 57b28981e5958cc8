"""What the product adds to Nuke's start: `python -m bench start`. Each figure is of a fresh process, in the double.

`python -m bench.start` alone is one such process and prints one JSON line.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
# (what, key, the most that the goal allows in ms)
ROWS = (
    ("init.py", "init", 5.0), ("menu.py", "menu", 50.0),
    ("import nuke_ai_panel in a terminal session", "import", 100.0),
)


def one() -> Dict[str, float]:
    """One start: the milliseconds of each file, and of the import that a `nuke -t` script begins with."""
    from tests.fakes.nuke import Host

    host = Host((16, 0, 8))
    host.install()
    # The double reads .nk text with our own library; a start begins without it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "nuke_ai_panel"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() not in (ROOT, ROOT / "src")]
    took: Dict[str, float] = {}
    for name in ("init", "menu"):
        path = ROOT / f"{name}.py"
        started = time.perf_counter()
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        exec(code, {"__name__": "__main__", "__file__": str(path)})
        took[name] = (time.perf_counter() - started) * 1e3
    assert host.panels.registrations
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("nuke_ai_panel")]:
        del sys.modules[name]
    started = time.perf_counter()
    __import__("nuke_ai_panel")
    took["import"] = (time.perf_counter() - started) * 1e3
    return took


def start(rounds: int = 9) -> None:
    """Prints the medians of fresh processes beside their goals."""
    found: List[Dict[str, float]] = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-m", "bench.start"], cwd=ROOT, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{'':46}{'measured':>12}{'goal':>12}")
    for title, key, goal in ROWS:
        median = statistics.median(one[key] for one in found)
        print(f"{title:46}{median:9.2f} ms{'≤':>4}{goal:5.0f} ms{'' if median <= goal else '   above'}", flush=True)


if __name__ == "__main__":
    print(json.dumps(one()))

"""`make bench`: every figure beside its peer in the same run, as medians of interleaved rounds.

    python -m bench [all|transport|imports|transcript|edits|snapshot|start|nk]
                    [--rounds 5] [--requests 512] [--at-once 64]

Nothing is asserted: machines are noisy, the ratios are for people. Goals stand beside the figures.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from .start import start

ROOT = Path(__file__).resolve().parent.parent
TOKENS = 64
VARIANTS = ("bare", "provider", "turn", "batch", "openai-sdk", "bare-ollama", "provider-ollama", "ollama-sdk")
# (what is measured, of which variant, beside which peer, the most that the goal allows)
GOALS = (
    ("time to first token", "first_token_s", "provider", "bare", 1.10),
    ("CPU per 1,000 requests", "cpu_per_1000_s", "provider", "bare", 1.25),
    ("peak memory", "peak_mib", "provider", "bare", 1.25),
    ("whole turn with its store, CPU", "cpu_per_1000_s", "turn", "bare", 2.0),
    ("whole turn with its store, wall", "wall_s", "turn", "bare", 2.0),
    ("batch with its directory and history, CPU", "cpu_per_1000_s", "batch", "bare", 1.3),
    ("batch with its directory and history, wall", "wall_s", "batch", "bare", 1.11),
    ("CPU beside the openai SDK", "cpu_per_1000_s", "provider", "openai-sdk", 1 / 3),
    ("Ollama: time to first token", "first_token_s", "provider-ollama", "bare-ollama", 1.10),
    ("Ollama: CPU per 1,000 requests", "cpu_per_1000_s", "provider-ollama", "bare-ollama", 1.25),
    ("Ollama: peak memory", "peak_mib", "provider-ollama", "bare-ollama", 1.25),
    ("Ollama: CPU beside the ollama SDK", "cpu_per_1000_s", "provider-ollama", "ollama-sdk", 1 / 2),
)


def heading(text: str) -> None:
    print(f"\n{text}\n{'─' * len(text)}", flush=True)


def served() -> Iterator[int]:
    """The port of a bench server that lives for one variant's turn."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.server", str(TOKENS)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert server.stdout is not None and server.stdin is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait(10)


def client(variant: str, port: int, requests: int, at_once: int) -> Dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.clients", variant, str(port), str(requests), str(at_once)],
        cwd=ROOT, capture_output=True, text=True,
    )
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr}")
    got = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(got, dict)
    return got


def transport(rounds: int, requests: int, at_once: int) -> None:
    heading(f"Transport: {TOKENS} tokens a request, {at_once} at once, {requests} requests, median of {rounds} rounds")
    figures: Dict[str, List[Dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for port in served():
        for _ in range(rounds):
            for variant in VARIANTS:
                figures[variant].append(client(variant, port, requests, at_once))

    def median(variant: str, key: str) -> float:
        return statistics.median(got[key] for got in figures[variant])

    print(f"{'client':18}{'first token':>14}{'CPU / 1,000':>14}{'wall':>10}{'peak':>12}")
    for variant in VARIANTS:
        print(f"{variant:18}{median(variant, 'first_token_s') * 1e3:11.1f} ms"
              f"{median(variant, 'cpu_per_1000_s'):12.2f} s"
              f"{median(variant, 'wall_s'):8.2f} s{median(variant, 'peak_mib'):8.1f} MiB")
    print(f"\n{'ratio (median of the rounds’ own ratios)':46}{'measured':>10}{'goal':>10}")
    for title, key, variant, peer, goal in GOALS:
        ratio = statistics.median(ours[key] / theirs[key] for ours, theirs in zip(figures[variant], figures[peer]))
        print(f"{title:46}{ratio:9.2f}×{'≤':>5}{goal:4.2f}×{'' if ratio <= goal else '   above'}")


def imports() -> None:
    heading("Import: over a bare interpreter, median of 15 interleaved starts")

    def once(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - start

    pairs: List[Tuple[float, float]] = [(once("pass"), once("import nuke_ai_panel")) for _ in range(15)]
    bare = statistics.median(bare for bare, _ in pairs)
    extra = statistics.median(ours - bare for bare, ours in pairs)
    print(f"import nuke_ai_panel: {extra * 1e3:.1f} ms over {bare * 1e3:.1f} ms "
          f"(goal: at most 30 ms), {(bare + extra) / bare:.2f}× bare")


def transcript() -> None:
    """On both bindings where their venvs stand (`make test LEGS=all` makes them), else on this Python's own."""
    beside = [ROOT / ".venvs" / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
              for name in ("3.10-PySide2", "3.11-PySide6")]
    pythons = [str(path) for path in beside if path.exists()] or [sys.executable]
    for python in pythons:
        heading(f"Transcript on {Path(python).parents[1].name}")
        env = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
        subprocess.run([python, "-m", "bench.transcript"], cwd=ROOT, env=env, check=True)


def edits() -> None:
    heading("A changed line of code in the open panel: from the save until it is seen, median of 9 edits")
    done = subprocess.run([sys.executable, "-m", "bench.edits", "9"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"edits failed:\n{done.stderr}")
    got = json.loads(done.stdout.splitlines()[-1])
    noticed = "with watchfiles" if importlib.util.find_spec("watchfiles") else "without watchfiles (looks every 10 s)"
    print(f"developers' mode, {noticed}: {got['edit_s'] * 1e3:.0f} ms (goal: at most 500 ms); "
          f"a restart of the panel: {got['restart_s'] * 1e3:.0f} ms")


def snapshot() -> None:
    heading("Context: 200 nodes of the double as text, on its main thread, median of 9")
    done = subprocess.run([sys.executable, "-m", "bench.snapshot"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"})
    if done.returncode:
        raise SystemExit(f"snapshot failed:\n{done.stderr}")
    got = json.loads(done.stdout.splitlines()[-1])
    print(f"context snapshot: {got['snapshot_s'] * 1e3:.1f} ms for {got['nodes']} nodes (goal: at most 20 ms)")


def nk() -> None:
    heading("Node text: ten megabytes of .nk, best of 3 rounds")
    done = subprocess.run([sys.executable, "-m", "bench.nk"], cwd=ROOT)
    if done.returncode:
        raise SystemExit("nk failed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("what", nargs="?", default="all", choices=(
        "all", "transport", "imports", "transcript", "edits", "snapshot", "start", "nk"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--at-once", type=int, default=64)
    options = parser.parse_args()
    print(f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores, "
          f"{time.strftime('%Y-%m-%d')}")
    if options.what in ("all", "imports"):
        imports()
    if options.what in ("all", "start"):
        heading("Nuke's start: what the product adds, median of 9 fresh processes")
        start()
    if options.what in ("all", "nk"):
        nk()
    if options.what in ("all", "transport"):
        transport(options.rounds, options.requests, options.at_once)
    if options.what in ("all", "transcript"):
        transcript()
    if options.what in ("all", "edits"):
        edits()
    if options.what in ("all", "snapshot"):
        snapshot()


if __name__ == "__main__":
    main()

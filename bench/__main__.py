"""`make bench`: every figure beside its peer in the same run, as medians of interleaved rounds.

    python -m bench [all|transport|crowds|imports|transcript|edits|snapshot|start|nk]
                    [--rounds 5] [--requests 2048] [--at-once 64]

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
from typing import Dict, Iterator, List, Optional, Tuple

from .start import start

ROOT = Path(__file__).resolve().parent.parent
TOKENS = 64
VARIANTS = ("bare", "provider", "turn", "batch", "openai-sdk", "bare-ollama", "provider-ollama", "ollama-sdk")
# (what is measured, of which variant, beside which peer, the most that the goal allows)
GOALS = (
    ("time to first token", "first_token_s", "provider", "bare", 1.10),
    ("CPU per 1,000 requests", "cpu_per_1000_s", "provider", "bare", 1.25),
    ("wall, so at least 90 % of the requests a second", "wall_s", "provider", "bare", 1.11),
    ("peak memory", "peak_mib", "provider", "bare", 1.25),
    ("whole turn with its store, CPU", "cpu_per_1000_s", "turn", "bare", 2.0),
    ("whole turn with its store, wall", "wall_s", "turn", "bare", 2.0),
    ("batch with its directory and history, CPU", "cpu_per_1000_s", "batch", "bare", 1.3),
    ("batch, wall, once all are under way", "full_wall_s", "batch", "bare", 1.11),
    ("batch, wall, from the first eight at once on", "wall_s", "batch", "bare", 1.11),
    ("CPU beside the openai SDK", "cpu_per_1000_s", "provider", "openai-sdk", 1 / 3),
    ("Ollama: time to first token", "first_token_s", "provider-ollama", "bare-ollama", 1.10),
    ("Ollama: CPU per 1,000 requests", "cpu_per_1000_s", "provider-ollama", "bare-ollama", 1.25),
    ("Ollama: peak memory", "peak_mib", "provider-ollama", "bare-ollama", 1.25),
    ("Ollama: CPU beside the ollama SDK", "cpu_per_1000_s", "provider-ollama", "ollama-sdk", 1 / 2),
)
# (in one piece or streamed, at once, requests; goals: share of the rate, CPU, milliseconds more to the first token)
CROWDS: Tuple[Tuple[str, int, int, Optional[float], Optional[float], Optional[float]], ...] = (
    ("", 1, 32, None, None, 1.5), ("", 8, 512, None, 1.5, 1.5), ("", 64, 2048, 0.85, 1.5, 15.0),
    ("", 256, 4096, 0.70, None, None), ("-plain", 256, 8192, 0.70, None, None),
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

    print(f"{'client':18}{'requests / s':>14}{'first token':>14}{'CPU / 1,000':>14}{'wall':>10}{'peak':>12}")
    for variant in VARIANTS:
        rate = requests / median(variant, "wall_s")
        print(f"{variant:18}{rate:14.0f}{median(variant, 'first_token_s') * 1e3:11.1f} ms"
              f"{median(variant, 'cpu_per_1000_s'):12.2f} s"
              f"{median(variant, 'wall_s'):8.2f} s{median(variant, 'peak_mib'):8.1f} MiB")
    print(f"\n{'ratio (median of the rounds’ own ratios)':46}{'measured':>10}{'goal':>10}")
    for title, key, variant, peer, goal in GOALS:
        beside = "wall_s" if key == "full_wall_s" else key
        ratio = statistics.median(ours[key] / theirs[beside] for ours, theirs in zip(figures[variant], figures[peer]))
        print(f"{title:46}{ratio:9.2f}×{'≤':>5}{goal:4.2f}×{'' if ratio <= goal else '   above'}")


def crowds(rounds: int) -> None:
    heading(f"The provider beside bare aiohttp, few and many at once, median of {rounds} rounds")
    print(f"{'at once':16}{'bare /s':>9}{'ours /s':>9}{'share':>8}{'goal':>7}{'CPU':>8}{'goal':>7}"
          f"{'first':>11}{'goal':>9}")
    for port in served():
        for kind, at_once, requests, least, most, late in CROWDS:
            pairs = []
            for _ in range(rounds):
                bare_one = client(f"bare{kind}", port, requests, at_once)
                pairs.append((bare_one, client(f"provider{kind}", port, requests, at_once)))
            bare, ours = (statistics.median(requests / pair[side]["wall_s"] for pair in pairs) for side in (0, 1))
            share = statistics.median(theirs["wall_s"] / own["wall_s"] for theirs, own in pairs)
            cpu = statistics.median(own["cpu_per_1000_s"] / theirs["cpu_per_1000_s"] for theirs, own in pairs)
            more = statistics.median(own["first_token_s"] - theirs["first_token_s"] for theirs, own in pairs) * 1e3
            print(f"{f'{at_once}{kind}':16}{bare:9.0f}{ours:9.0f}{share:8.0%}"
                  f"{'' if least is None else f'≥{least:.0%}':>7}{cpu:7.2f}×{'' if most is None else f'≤{most:g}×':>7}"
                  f"{more:+8.1f} ms{'' if late is None else f'≤{late:g} ms':>9}")


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
        "all", "transport", "crowds", "imports", "transcript", "edits", "snapshot", "start", "nk"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2048)
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
    if options.what in ("all", "crowds"):
        crowds(options.rounds)
    if options.what in ("all", "transcript"):
        transcript()
    if options.what in ("all", "edits"):
        edits()
    if options.what in ("all", "snapshot"):
        snapshot()


if __name__ == "__main__":
    main()

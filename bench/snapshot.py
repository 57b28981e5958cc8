"""What a question waits for on Nuke's main thread: 200 nodes as compact text, on the double of the tests.

    python -m bench.snapshot [--nodes 200] [--rounds 9]

The time is the thread's own. The double is Python all through; in Nuke the same calls are compiled. The goal, 20 ms,
stands beside the figure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time

from tests.fakes.nuke import Host


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--nodes", type=int, default=200)
    options.add_argument("--rounds", type=int, default=9)
    chosen = options.parse_args()
    host = Host()
    host.install()
    nuke, above = host.nuke, None
    for number in range(chosen.nodes):
        above = nuke.nodes.Grade(name=f"Grade{number}", white=1.5, inputs=[above] if above else [])
    scene = importlib.import_module("nuke_ai_panel_qt.host.scene").Scene()
    origin = scene.hold(tuple(f"Grade{number}" for number in range(chosen.nodes))).partition(":")[2]
    scene.take_nodes(origin)
    times = []
    for _ in range(chosen.rounds):
        began = time.thread_time()
        scene.take_nodes(origin)
        times.append(time.thread_time() - began)
    print(json.dumps({"nodes": chosen.nodes, "snapshot_s": statistics.median(times)}))


if __name__ == "__main__":
    main()

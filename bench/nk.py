"""Ten megabytes of .nk text: parse, write, connect, screen, digest.

    python -m bench.nk [--megabytes 10] [--rounds 3]

Each figure is the best of the rounds, in seconds of this process's own time, so that a busy machine does not count;
the goal of parsing, three seconds, stands beside it.
"""

from __future__ import annotations

import argparse
import time
from typing import Callable, List, Tuple

from nuke_ai_panel.nk import connect, digest, parse, review, screen, write

ONE = (
    "set N{0:x} [stack 0]\npush $N{0:x}\nBlur {{\n channels rgba\n size {{{{curve x1 0 x{0} 100}}}}\n"
    ' label "\\[value size] of {0}\\n"\n name Blur{0}\n tile_color 0xff\n xpos {0}\n ypos -{0}\n}}\n'
)


def made_up(megabytes: float) -> str:
    """A chain of blurs, as long as asked."""
    count = int(megabytes * 1e6 / len(ONE.format(100_000)))
    return "version 15.0 v4\n" + "".join(ONE.format(number) for number in range(count))


def best(rounds: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--megabytes", type=float, default=10.0)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    text = made_up(given.megabytes)
    script = parse(text)
    rows: List[Tuple[str, Callable[[], object], str]] = [
        ("parse", lambda: parse(text), "3 s for 10 MB"), ("write", lambda: write(script), ""),
        ("connect", lambda: connect(script), ""), ("screen", lambda: screen(text), ""),
        ("review", lambda: review(text), ""), ("digest to 2,000 tokens", lambda: digest(script), ""),
    ]
    print(f"{len(text) / 1e6:.1f} MB, {sum(1 for _ in script.nodes()):,} nodes")
    for name, call, goal in rows:
        print(f"{name:24}{best(given.rounds, call):8.2f} s   {goal}", flush=True)


if __name__ == "__main__":
    main()

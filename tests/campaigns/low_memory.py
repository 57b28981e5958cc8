"""A process whose memory runs out under answers: `python -m tests.campaigns.low_memory STREAMS ROOM_MB`. Prints JSON.

It may take ROOM_MB more than it has when its answers have begun. Once each has ended, it gets its memory back, and asks
again. The limit is on its address space, so that what is refused is seen as Python's MemoryError at any allocation.
With `until-killed` in the place of ROOM_MB it takes more and more, until the system has enough of it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Dict, List

from nuke_ai_panel import api
from nuke_ai_panel.app import ModelChoice, TurnHandle, TurnRequest

NEED_S = 2.0
FAKE = ModelChoice("openai", "fake-model")


def taken_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def ask(text: str) -> TurnHandle:
    return api.shared_app().start_turn(TurnRequest(text, choice=FAKE, kind="api"), lambda event: None)


def begun(handles: List[TurnHandle]) -> Dict[str, str]:
    """What the history has of the answers, once each holds some text."""
    store, found, ends = api.shared_app().store, {}, time.monotonic() + 30
    while len(found) < len(handles) and time.monotonic() < ends:
        time.sleep(0.05)
        for handle in handles:
            stored = store.message(handle.snapshot().id).result(10)
            if stored is not None and stored.text:
                found[stored.id] = stored.text
    return found


def take_until_killed(streams: int) -> None:
    handles = [ask("flood") for _ in range(streams)]
    sys.stdout.write(json.dumps({"acknowledged": begun(handles)}) + "\n")
    sys.stdout.flush()
    hoard: List[bytes] = []
    while True:
        hoard.append(b"x" * (1 << 20))


def main(streams: int, room_mb: int) -> None:
    handles = [ask("flood") for _ in range(streams)]
    acknowledged = begun(handles)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken_bytes() + (room_mb << 20), hard))
    hoard: List[bytes] = []
    for size in (1 << 20, 1 << 14):  # somebody else in the process takes what there is: a Nuke with a large script
        try:
            while True:
                hoard.append(bytes(size))
        except MemoryError:
            continue
    ends = time.monotonic() + NEED_S
    while not all(one.done() for one in handles) and time.monotonic() < ends:
        time.sleep(0.05)
    were_done = sum(one.done() for one in handles)
    hoard.clear()
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    ended = {one.snapshot().id: one.result(20).status for one in handles}
    again = ask("again").result(20)
    sys.stdout.write(json.dumps({
        "acknowledged": acknowledged, "ended": ended, "done_in_need": were_done, "again": again.status,
    }) + "\n")
    api.close()


if __name__ == "__main__":
    if sys.argv[2] == "until-killed":
        take_until_killed(int(sys.argv[1]))
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))

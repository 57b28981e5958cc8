"""Cuts the power of a writing client at random moments and looks for what it had promised.

A real client on the host's own SQLite is traced once; its writes and flushes are then played back up to a moment. What
was flushed is there; of what was not, any part may be, torn at any sector, in any order. That is what a disk may do.
NUKE_AI_PANEL_CAMPAIGN multiplies the number of cuts (50 at 1; 2,500 at 50).
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple, Union

import pytest

from nuke_ai_panel.store import Store
from tests.unit.store_kit import REPO, WAIT_S
from tests.unit.test_store_disk import needs_strace

CUTS = 50 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
SEED = int(os.environ.get("NUKE_AI_PANEL_SEED", "20260101"))
SECTOR = 512

CLIENT = """
import os, sys
from pathlib import Path
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
store = Store(Path(sys.argv[1]))
parent = None
conversation = new_id()
store.create_conversation(id=conversation).result(60)
for number in range(25):
    question = Message(new_id(), conversation, parent, "user", f"question {number} " * 40, created_at=1.0)
    answer = Message(new_id(), conversation, question.id, "assistant", "", "streaming", created_at=1.0)
    store.add_message(question); store.add_message(answer).result(60)
    os.write(1, f"ACK {question.id}\\n".encode())
    for length in (500, 3000, 9000):
        newer = Message(answer.id, conversation, question.id, "assistant", "w" * length, "streaming", created_at=1.0)
        store.update_message(newer).result(60)
        os.write(1, f"ACK {answer.id} {length}\\n".encode())
    parent = answer.id
os._exit(0)
"""

Write = Tuple[int, bytes]
Operation = Tuple[str, str, Union[Write, int, str, None]]  # (what, file, its content, new size or promise)

_CALL = re.compile(r"(?:\d+ +)?(pwrite64|write|ftruncate|fsync|fdatasync)\((\d+)<([^>]*)>(?:, (.*))?\) += (\d+)")
_DATA = re.compile(r'"((?:\\x[0-9a-f]{2})*)", \d+(?:, (\d+))?')


@dataclass
class Disk:
    """What has reached the platter, and what waits in the cache."""

    safe: Dict[str, bytearray] = field(default_factory=dict)
    cached: Dict[str, List[Tuple[str, Union[Write, int]]]] = field(default_factory=dict)

    def take(self, what: str, file: str, content: Union[Write, int, str, None]) -> None:
        if what == "sync":
            for change in self.cached.pop(file, []):
                apply(self.safe.setdefault(file, bytearray()), change)
        elif not isinstance(content, (str, type(None))):
            self.safe.setdefault(file, bytearray())
            self.cached.setdefault(file, []).append((what, content))

    def after_the_cut(self, rng: random.Random) -> Dict[str, bytes]:
        found = {}
        for file, safe in self.safe.items():
            image = bytearray(safe)
            waiting = list(self.cached.get(file, []))
            share = rng.choice((0.0, 0.3, 0.7, 1.0))
            rng.shuffle(waiting)
            for change in waiting:
                if rng.random() <= share:
                    apply(image, torn(change, rng))
            found[file] = bytes(image)
        return found


def apply(image: bytearray, change: Tuple[str, Union[Write, int]]) -> None:
    content = change[1]
    if isinstance(content, int):
        del image[content:]
        image.extend(bytes(content - len(image)))
        return
    at, data = content
    image.extend(bytes(max(0, at - len(image))))
    image[at : at + len(data)] = data


def torn(change: Tuple[str, Union[Write, int]], rng: random.Random) -> Tuple[str, Union[Write, int]]:
    content = change[1]
    if isinstance(content, int) or rng.random() < 0.5:
        return change
    at, data = content
    return change[0], (at, data[: rng.randrange(len(data) // SECTOR + 1) * SECTOR])


def traced(path: Path, log: Path) -> List[Operation]:
    """Every write, flush and promise of the client, in order."""
    subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", "100000", "-o", str(log), "-e",
         "trace=pwrite64,write,ftruncate,fsync,fdatasync", sys.executable, "-c", CLIENT, str(path)],
        env={**os.environ, "PYTHONPATH": str(REPO)}, check=True, timeout=120, stdout=subprocess.DEVNULL,
    )
    operations: List[Operation] = []
    halves: Dict[str, str] = {}
    for line in log.read_text().splitlines():
        pid, _, call = line.partition(" ")
        if call.endswith("<unfinished ...>"):
            halves[pid] = call[: -len("<unfinished ...>")].strip()
            continue
        resumed = re.match(r" *<\.\.\. \w+ resumed>(.*)", call)
        if resumed:
            call = halves.pop(pid, "") + resumed.group(1)
        found = _CALL.match(call.strip())
        if found is None:
            continue
        name, _, file, rest, _ = found.groups()
        file = bytes.fromhex(file.replace("\\x", "")).decode() if file.startswith("\\x") else file
        operations += operation(name, file, rest or "", path)
    return operations


def operation(name: str, file: str, rest: str, path: Path) -> List[Operation]:
    data = _DATA.match(rest)
    if name == "write":
        text = bytes.fromhex(data.group(1).replace("\\x", "")).decode("utf-8", "replace") if data else ""
        return [("promise", "", text.strip())] if text.startswith("ACK ") else []
    if not file.startswith(str(path)):
        return []
    if name in ("fsync", "fdatasync"):
        return [("sync", file, None)]
    if name == "ftruncate":
        return [("truncate", file, int(rest))]
    assert data is not None, rest[:100]
    return [("write", file, (int(data.group(2) or 0), bytes.fromhex(data.group(1).replace("\\x", ""))))]


@needs_strace
def test_nothing_that_was_promised_is_lost_when_the_power_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "disk" / "history.db"
    path.parent.mkdir()
    operations = traced(path, tmp_path / "trace")
    assert sum(what == "promise" for what, _, _ in operations) == 100
    first = next(number for number, one in enumerate(operations) if one[0] == "promise")
    rng = random.Random(SEED)
    cuts = sorted(rng.randrange(first, len(operations)) for _ in range(CUTS))
    disk, promised, done, checked = Disk(), {}, 0, 0
    for cut in cuts:
        for what, file, content in operations[done:cut]:
            if what == "promise":
                words = str(content).split()
                promised[words[1]] = int(words[2]) if len(words) > 2 else 1
            else:
                disk.take(what, file, content)
        done = cut
        after = tmp_path / "after"
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        for file, image in disk.after_the_cut(rng).items():
            (after / Path(file).name).write_bytes(image)
        store = Store(after / "history.db")
        assert store.trouble is None and store.conversations().result(WAIT_S), f"cut {cut} of seed {SEED}"
        assert store.notice is None, f"cut {cut} of seed {SEED}: {store.notice}"
        store.close(WAIT_S)
        with closing(sqlite3.connect(after / "history.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = dict(connection.execute("SELECT id, length(text) FROM messages"))
        lost = [one for one, length in promised.items() if found.get(one, -1) < length]
        assert lost == [], f"cut {cut} of seed {SEED}"
        checked += len(promised)
    with capsys.disabled():
        print(f"\n{CUTS} power cuts in {len(operations)} operations: {checked} promises looked for, 0 lost, 0 damaged")

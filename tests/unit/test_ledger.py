"""The ledger: nothing leaves unwritten, nobody blocks, what was changed is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import List

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.store import ledger_file
from nuke_ai_panel.store.ledger import Ledger
from nuke_ai_panel.store.ledger_file import LedgerFile
from nuke_ai_panel.store.ledger_rows import LedgerEntry, ended_record, sent_record

WRITER = """
import sys, time
from pathlib import Path
from nuke_ai_panel.store.ledger_file import LedgerFile
from nuke_ai_panel.store.ledger_rows import LedgerEntry, sent_record
file = LedgerFile(Path(sys.argv[1]))
number = 0
while number < int(sys.argv[3]):
    entry = LedgerEntry(f"{sys.argv[2]}-{number}", time.time(), "openai", "https://api.openai.com", "cloud")
    with file.turn():
        file.append(sent_record(entry))
    print(entry.id, flush=True)
    number += 1
"""


def entry(key: str, **facts: object) -> LedgerEntry:
    return LedgerEntry(key, time.time(), "openai", "https://api.openai.com", "cloud", **facts)  # type: ignore[arg-type]  # its fields


def write(file: LedgerFile, *entries: LedgerEntry) -> None:
    with file.turn():
        for one in entries:
            file.append(sent_record(one))


def writer(folder: Path, name: str, count: int = 1_000_000) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, text=True)


def test_entry_is_there_before_its_end_is_known_and_whole_after(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    sent = entry("a", model="gpt", bytes_sent=12, reserved_tokens=500, reserved_usd=0.5, user="ada")
    write(file, sent)
    assert file.entries() == [sent] and file.entries()[0].charged_tokens == 500
    ended = LedgerEntry(**{**vars(sent), "outcome": "answered", "status": 200, "input_tokens": 7, "output_tokens": 3,
                           "cost_usd": 0.01, "ended_at": time.time()})
    with file.turn():
        file.append(ended_record(ended))
    assert file.entries() == [ended] and (ended.charged_tokens, ended.charged_usd) == (10, 0.01)


def test_several_processes_write_one_unbroken_chain(tmp_path: Path) -> None:
    writers = [writer(tmp_path, name, 60) for name in "abc"]
    told = {line.strip() for one in writers for line in one.communicate(timeout=60)[0].splitlines()}
    file = LedgerFile(tmp_path)
    assert {one.id for one in file.entries()} == told and len(told) == 180
    assert file.verify() == []


def test_killed_writers_lose_nothing_that_they_were_told_is_written(tmp_path: Path) -> None:
    told: List[str] = []
    for number in range(4):
        one = writer(tmp_path, f"k{number}")
        assert one.stdout is not None
        told += [one.stdout.readline().strip() for _ in range(5 + number)]
        one.send_signal(signal.SIGKILL)
        told += [line.strip() for line in one.stdout if line.endswith("\n")]
        one.wait(10)
        one.stdout.close()
    file = LedgerFile(tmp_path)
    write(file, entry("after"))
    assert {*told, "after"} <= {one.id for one in file.entries()} and file.verify() == []


def test_torn_line_is_named_and_nothing_else_is_lost(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    write(file, entry("a"))
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("a") as torn:
        torn.write('{"what":"sent","id":"to')
    again = LedgerFile(tmp_path)
    write(again, entry("b"), entry("c"))
    assert [one.id for one in again.entries()] == ["a", "b", "c"]
    assert [(one.line, one.problem) for one in again.verify()] == [(2, "the line is torn or unreadable")]


@pytest.mark.parametrize("line", [1, 3, 5])
def test_changed_byte_or_removed_line_is_named(line: int, tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    write(file, *(entry(name, bytes_sent=100) for name in "abcdef"))
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:line - 1], lines[line - 1].replace(":100,", ":101,"), *lines[line:]]))
    assert [one.line for one in LedgerFile(tmp_path).verify()] == [line]
    path.write_text("".join([*lines[:line - 1], *lines[line:]]))
    assert [one.line for one in LedgerFile(tmp_path).verify()] == [line]


def test_chain_goes_on_over_days_and_a_clock_that_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ledger_file.utc_day
    for day in ("2026-11-20", "2026-11-22", "2026-11-21"):
        monkeypatch.setattr(ledger_file, "utc_day", lambda at, day=day: day if at > 1 else real(at))
        write(LedgerFile(tmp_path), entry(day))
    monkeypatch.undo()
    file = LedgerFile(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["2026-11-20.jsonl", "2026-11-22.jsonl"]
    assert len(file.entries()) == 3 and file.verify() == []
    (tmp_path / "2026-11-20.jsonl").unlink()
    assert [(one.file, one.line) for one in file.verify()] == [("2026-11-22.jsonl", 1)]


def test_charges_are_summed_by_user_and_day_as_lines_arrive(tmp_path: Path) -> None:
    file, other = LedgerFile(tmp_path), LedgerFile(tmp_path)
    write(other, entry("a", user="ada", reserved_tokens=100, reserved_usd=1.0))
    write(other, entry("b", user="bob", reserved_tokens=7))
    today = time.strftime("%Y-%m-%d")
    assert file.charges(0.0) == {("ada", today): (1.0, 100), ("bob", today): (0.0, 7)}
    with other.turn():
        other.append({"what": "ended", "id": "a", "ended_at": time.time(), "outcome": "answered", "input_tokens": 5,
                      "output_tokens": 5, "cost_usd": 0.25})
    assert file.charges(0.0)["ada", today] == (0.25, 10)


def test_hostile_lines_are_passed_over(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    write(file, entry("a"))
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("a", encoding="utf-8") as lines:
        for line in ("null", "[]", '{"id": 7}', '{"id": "x"}', '{"id": "a", "cost_usd": "free", "status": true}',
                     '{"id":"y","at":"now","provider":1,"origin":null,"trust":"cloud"}', "[" * 5000, "\u2028", ""):
            lines.write(line + "\n")
    assert [one.id for one in file.entries()] == ["a"] and file.entries()[0].cost_usd is None


def test_unusable_folder_is_said_and_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file")
    ledger = Ledger(tmp_path / "ledger")

    def use(file: LedgerFile) -> None:
        with file.turn():
            pass

    with pytest.raises(StoreError) as failed:
        ledger.submit(use).result(10)
    assert "cannot be used" in failed.value.user_text and str(tmp_path) in failed.value.next_step
    ledger.close()


def test_submitting_never_waits_and_close_writes_what_is_queued(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    go = threading.Event()
    ledger.submit(lambda file: go.wait(10))
    started = time.perf_counter()
    futures = [ledger.submit(lambda file, n=n: write(file, entry(str(n)))) for n in range(50)]
    assert time.perf_counter() - started < 0.5 and not futures[0].done()
    go.set()
    ledger.close(10)
    assert len(LedgerFile(tmp_path).entries()) == 50
    with pytest.raises(StoreError):
        ledger.submit(lambda file: None).result(1)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of a file")
def test_full_disk_is_told_to_all_who_wait_together_and_leaves_no_half_line(tmp_path: Path) -> None:
    import resource

    ledger = Ledger(tmp_path)
    ledger.submit(lambda file: write(file, entry("before"))).result(10)
    size = sum(one.stat().st_size for one in tmp_path.glob("*.jsonl"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    go = threading.Event()
    ledger.submit(lambda file: go.wait(10))
    futures = [ledger.submit(lambda file, n=n: write(file, entry(str(n)))) for n in range(20)]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, hard))  # room for two or three lines
        go.set()
        errors = [one.exception(10) for one in futures]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = {str(number) for number, error in enumerate(errors) if error is None}
    assert all(isinstance(error, StoreError) for error in errors if error is not None) and 1 <= len(told) < 20
    assert {one.id for one in ledger.submit(lambda file: file.entries()).result(10)} == {"before", *told}
    ledger.submit(lambda file: write(file, entry("after"))).result(10)
    assert ledger.submit(lambda file: file.verify()).result(10) == []
    ledger.close()


def test_budget_counts_what_was_added_in_the_same_turn(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    with file.turn():
        file.append(sent_record(entry("a", user="ada", reserved_tokens=500)))
        assert sum(tokens for _, tokens in file.charges(time.time() - 60).values()) == 500
        file.append(sent_record(entry("b", user="ada", reserved_tokens=70)))
        assert [one.id for one in file.entries()] == ["a", "b"]
    assert sum(tokens for _, tokens in file.charges(time.time() - 60).values()) == 570


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_writes_into_the_same_chain(tmp_path: Path) -> None:
    script = f"""
import os, time
from pathlib import Path
from nuke_ai_panel.store.ledger import Ledger
from nuke_ai_panel.store.ledger_rows import LedgerEntry, sent_record
ledger = Ledger(Path({str(tmp_path)!r}))
def write(file):
    with file.turn():
        file.append(sent_record(LedgerEntry(str(os.getpid()), time.time(), "a", "https://a", "cloud")))
ledger.submit(write).result(10)
child = os.fork()
ledger.submit(write).result(10)
if not child:
    os._exit(0)
os.waitpid(child, 0)
ledger.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=60)
    file = LedgerFile(tmp_path)
    assert len({one.id for one in file.entries()}) == 2 and file.verify() == []

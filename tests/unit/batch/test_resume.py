"""A run goes on where it stopped: torn lines, changed rows, equal rows, failed rows, a second writer."""

from __future__ import annotations

import json
import os
from typing import Dict, Iterator, List

import pytest

from nuke_ai_panel.batch import BatchError
from nuke_ai_panel.batch.run_folder import RunFolder
from nuke_ai_panel.batch.values import RowDone

from .kit import Bench, rows


def test_every_row_has_one_answer(bench: Bench) -> None:
    report = bench.run(rows(50))
    assert (report.code, report.answered, report.failed, report.rows) == (0, 50, 0, 50)
    assert bench.ids() == sorted(one["custom_id"] for one in rows(50))
    assert max(bench.server.asked.values()) == 1
    line = next(one for one in bench.lines() if one["custom_id"] == "r7")
    assert line["response"]["body"]["choices"][0]["message"]["content"] == "ok Describe sh0007."
    assert line["error"] is None and line["x"]["attempts"] == 1 and len(line["x"]["request_key"]) == 64
    assert {type(one) for one in bench.events} >= {RowDone}


def test_run_that_is_done_asks_nothing(bench: Bench) -> None:
    bench.run(rows(10))
    report = bench.run(rows(10))
    assert report.code == 0 and len(bench.server.bodies) == 10 and len(bench.lines()) == 10


def test_line_torn_at_any_byte_costs_one_row(bench: Bench) -> None:
    bench.run(rows(4), max_concurrency=1)
    results = bench.out / "results.jsonl"
    whole = results.read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    last = json.loads(whole[start:])["custom_id"]
    for end in range(start, len(whole)):
        results.write_bytes(whole[:end])
        past = RunFolder(bench.out).scan()
        assert (past.results, past.torn) == (3, int(end > start)) and results.stat().st_size == start
    for end in range(start, len(whole), 1 if os.environ.get("NUKE_AI_PANEL_BATCH_CHECKS") else 60):
        results.write_bytes(whole[:end])
        bench.server.asked.clear()
        report = bench.run(rows(4))
        assert (report.code, sum(bench.server.asked.values()), report.torn_lines) == (0, 1, int(end > start))
        assert bench.ids() == ["r0", "r1", "r2", "r3"]
        assert json.loads(results.read_bytes()[start:])["custom_id"] == last


def test_changed_template_asks_again_what_changed_and_nothing_else(bench: Bench) -> None:
    bench.run(rows(10), template="{% if shot < 'sh0003' %}Old{% else %}Same{% endif %} {{ shot }}")
    bench.server.asked.clear()
    report = bench.run(rows(10), template="{% if shot < 'sh0003' %}New{% else %}Same{% endif %} {{ shot }}")
    assert sorted(bench.server.asked) == ["New sh0000", "New sh0001", "New sh0002"]
    assert (report.code, report.changed, report.answered) == (0, 3, 10)
    assert bench.ids() == sorted(f"r{number}" for number in range(10))


def test_strict_resume_sends_nothing_when_rows_changed(bench: Bench) -> None:
    bench.run(rows(5))
    bench.server.bodies.clear()
    with pytest.raises(BatchError) as refused:
        bench.run(rows(5), template="Describe it: {{ shot }}.", resume="strict")
    assert refused.value.code == 2 and bench.server.bodies == []
    assert bench.run(rows(5), resume="strict").code == 0


def test_equal_requests_are_asked_once(bench: Bench) -> None:
    same = [{"custom_id": f"r{number}", "shot": f"sh{number % 100}"} for number in range(1000)]
    report = bench.run(same)
    assert len(bench.server.bodies) == 100
    copies = [line for line in bench.lines() if line["x"]["dedup_of"]]
    assert (report.code, len(bench.lines()), len(copies), report.deduplicated) == (0, 1000, 900, 900)
    by_id = {line["custom_id"]: line for line in bench.lines()}
    texts = {one["custom_id"]: by_id[one["x"]["dedup_of"]]["response"]["body"]["choices"] for one in copies}
    assert all(by_id[name]["response"]["body"]["choices"] == choices for name, choices in texts.items())


def test_no_dedupe_asks_every_row(bench: Bench) -> None:
    same = [{"custom_id": f"r{number}", "shot": f"sh{number % 10}"} for number in range(100)]
    assert bench.run(same, dedupe=False).answered == 100
    assert len(bench.server.bodies) == 100


def test_failed_rows_stay_until_they_are_retried(bench: Bench) -> None:
    refusal = (400, {"error": {"message": "bad row"}}, {})
    bench.server.refuse = lambda prompt, times: refusal if "0003" in prompt else None
    report = bench.run(rows(6))
    assert (report.code, report.failed, report.answered, bench.ids("errors.jsonl")) == (3, 1, 5, ["r3"])
    assert report.errors["bad_request"]["count"] == 1
    bench.server.refuse = lambda prompt, times: None
    assert bench.run(rows(6)).code == 3 and bench.server.asked["Describe sh0003."] == 1
    assert bench.run(rows(6), retry_only=("timeout",)).code == 3
    report = bench.run(rows(6), retry_only=())
    assert (report.code, report.failed, report.answered, bench.lines("errors.jsonl")) == (0, 0, 6, [])


def test_rows_of_a_former_input_do_not_count(bench: Bench) -> None:
    bench.run(rows(10))
    report = bench.run(rows(6, start=8), stop_after_s=0.0)
    assert (report.code, report.rows) == (5, 6) and 4 <= report.missing <= 6
    report = bench.run(rows(6, start=8))
    assert (report.code, report.rows, report.missing) == (0, 6, 0) and len(bench.server.bodies) == 14


def test_iterator_that_fails_ends_the_run_with_its_words(bench: Bench) -> None:
    def broken() -> Iterator[Dict[str, str]]:
        yield {"shot": "sh1"}
        raise OSError("the database is gone")

    report = bench.run(broken())
    assert report.code == 1 and "the database is gone" in report.message


def test_second_writer_is_refused(bench: Bench) -> None:
    first = RunFolder(bench.out)
    first.lock()
    with pytest.raises(BatchError) as refused:
        bench.run(rows(2))
    assert refused.value.code == 6 and "being written by the process" in refused.value.user_text
    first.close()
    assert bench.run(rows(2)).code == 0


def test_damaged_line_is_asked_again(bench: Bench) -> None:
    bench.run(rows(3), max_concurrency=1)
    results = bench.out / "results.jsonl"
    lines: List[bytes] = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(lines[0] + b"\0" * 40 + b"\n" + lines[2])
    assert bench.run(rows(3)).code == 0
    assert bench.ids() == ["r0", "r1", "r2"]


def test_answers_are_in_history_under_the_run(bench: Bench) -> None:
    bench.run(rows(3))
    run_id = json.loads((bench.out / "run.json").read_text())["id"]
    assert bench.app.store.conversations().result() == []
    found = bench.app.store.conversations(kinds=("batch",)).result()
    assert len(found) == 3 and {one.run_id for one in found} == {run_id}
    said = bench.app.store.path(found[0].id).result()
    assert [one.role for one in said] == ["user", "assistant"] and said[1].text == f"ok {said[0].text}"

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
    assert (report.code, report.rows, report.missing, report.former) == (0, 6, 0, 8)
    assert len(bench.server.bodies) == 14 and bench.ids() == [f"r{n}" for n in (10, 11, 12, 13, 8, 9)]
    assert "8 rows that the input has no more" in (bench.out / "report.md").read_text(encoding="utf-8")


def test_answers_to_a_former_input_come_back_with_it(bench: Bench) -> None:
    bench.run(rows(10))
    bench.run(rows(3))
    assert len(bench.lines()) == 3 and len(bench.lines("former.jsonl")) == 7
    report = bench.run(rows(10))
    assert (report.code, report.answered, report.former, len(bench.server.bodies)) == (0, 10, 0, 10)
    assert not (bench.out / "former.jsonl").exists() and len(bench.lines()) == 10


def test_edited_row_without_an_id_replaces_its_former_one(bench: Bench) -> None:
    bench.server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if "bad" in prompt else None
    table = bench.folder / "shots.csv"
    table.write_text("shot\nsh1\nbad\nsh3\n", encoding="utf-8")
    assert bench.run(str(table)).code == 3
    table.write_text("shot\nsh1\nsh2\nnew\n", encoding="utf-8")
    report = bench.run(str(table), csv=str(bench.folder / "all.csv"))
    assert (report.code, report.rows, report.answered, report.failed, report.former) == (0, 3, 3, 0, 2)
    text = (bench.folder / "all.csv").read_text(encoding="utf-8")
    assert "Describe new." in text and "sh3" not in text and "bad" not in text


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


def test_answers_stay_when_a_changed_request_is_not_answered(bench: Bench) -> None:
    bench.server.usage = lambda prompt: (1000, 0)
    prices = {"price_in": 1.0, "price_out": 1.0}
    assert bench.run(rows(20), plan=prices).cost_usd == pytest.approx(0.02)
    bench.server.refuse = lambda prompt, times: (401, {"error": {"message": "no such key"}}, {})
    report = bench.run(rows(20), plan={**prices, "system": "Be short."})
    assert (report.code, report.answered, report.missing, report.former) == (4, 0, 20, 20)
    assert report.cost_usd == pytest.approx(0.02)
    bench.server.refuse = lambda prompt, times: None
    asked = len(bench.server.bodies)
    report = bench.run(rows(20), plan=prices)
    assert (report.code, report.answered, report.former, len(bench.server.bodies)) == (0, 20, 0, asked)
    report = bench.run(rows(20), plan={**prices, "system": "Be short."})
    assert (report.code, report.answered, len(bench.lines())) == (0, 20, 20)
    assert report.cost_usd == pytest.approx(0.04)  # the former answers were paid, too


def test_cost_of_failed_attempts_stays_after_a_retry(bench: Bench) -> None:
    bench.server.usage = lambda prompt: (1000, 0)
    plan = {"price_in": 1.0, "price_out": 1.0, "schema": {"type": "object"}}
    bench.server.say = lambda prompt: "no json"
    assert bench.run(rows(5), plan=plan).cost_usd == pytest.approx(0.01)
    bench.server.say = lambda prompt: "{}"
    report = bench.run(rows(5), plan=plan, retry_only=())
    assert (report.code, report.answered, report.failed) == (0, 5, 0) and report.cost_usd == pytest.approx(0.015)
    assert bench.run(rows(5), plan=plan).cost_usd == pytest.approx(0.015)


def test_retry_that_ends_early_counts_each_row_once(bench: Bench) -> None:
    bench.server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {})
    bench.run(rows(5))
    report = bench.run(rows(5), retry_only=(), stop_after_s=0.0)
    assert report.rows == 5 == report.answered + report.failed + report.missing


def test_rows_before_a_source_that_fails_are_asked(bench: Bench) -> None:
    def broken() -> Iterator[Dict[str, str]]:
        for number in range(100):
            yield {"custom_id": f"r{number}", "shot": f"sh{number}"}
        raise ValueError("the database is gone.")

    report = bench.run(broken())
    assert (report.code, report.answered) == (1, 100) and "gone. Mend it" in report.message


def test_source_that_leaves_the_program_ends_the_run(bench: Bench) -> None:
    def leaves() -> Iterator[Dict[str, str]]:
        yield {"custom_id": "r0", "shot": "sh0"}
        raise SystemExit(3)

    report = bench.run(leaves())
    assert (report.code, report.answered) == (1, 1) and "SystemExit" in report.message

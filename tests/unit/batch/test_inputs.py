"""Rows and templates: every form gives the same requests, bad lines are named, and a row is never a template."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from nuke_ai_panel.batch import BatchError, calls
from nuke_ai_panel.batch.exchange import export, import_results
from nuke_ai_panel.batch.json_shape import objection
from nuke_ai_panel.batch.requests import JobMaker
from nuke_ai_panel.batch.rows import stdin_source
from nuke_ai_panel.batch.script_rows import glob_source, nodes_source
from nuke_ai_panel.batch.values import Reject

from .kit import Bench, rows

NOTES = {"sh1": 'a "quoted", note', "sh2": "two\nlines", "sh3": "Ünïcode"}
NK = "version 14.0 v5\nRead {\n inputs 0\n file /a/b.%04d.exr\n name Read1\n}\nBlur {\n size 3\n name Blur1\n}\n"


def jobs(bench: Bench, source: object, template: Any = "{{ shot }}: {{ note }}") -> List[Any]:
    plan = bench.plan(source, template=template)
    maker = JobMaker(plan.recipe)
    return [maker.job(one) for one in plan.source.read() if not isinstance(one, Reject)]


def test_every_form_gives_the_same_requests(bench: Bench, tmp_path: Path) -> None:
    listed = [{"custom_id": name, "shot": name, "note": note} for name, note in NOTES.items()]
    jsonl = "".join(json.dumps(one) + "\r\n\r\n" for one in listed).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + jsonl)
    table = "custom_id,shot,note\r\n" + "".join(
        f'{name},{name},"{note.replace(chr(34), chr(34) * 2)}"\r\n' for name, note in NOTES.items())
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())
    lines = [{"custom_id": name, "method": "POST", "url": "/v1/chat/completions",
              "body": {"model": "m", "messages": [{"role": "user", "content": f"{name}: {note}"}]}}
             for name, note in NOTES.items()]
    (tmp_path / "o.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    expected = [(one.custom_id, one.key) for one in jobs(bench, listed)]
    for source, template in (
        (tmp_path / "a.jsonl", "{{ shot }}: {{ note }}"), (tmp_path / "a.csv", "{{ shot }}: {{ note }}"),
        (tmp_path / "o.jsonl", None), (stdin_source(io.BytesIO(jsonl)), "{{ shot }}: {{ note }}"),
        (stdin_source(io.BytesIO(table.encode())), "{{ shot }}: {{ note }}"), (iter(listed), "{{ shot }}: {{ note }}"),
    ):
        assert [(one.custom_id, one.key) for one in jobs(bench, source, template)] == expected


def test_bad_lines_go_to_the_rejects_with_their_numbers(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'\xef\xbb\xbf{"custom_id":"a","shot":"1"}\r\n\r\n{broken\n[1]\n{"custom_id":"a","shot":"2"}\n\xff\xfe{}\n'
        b'{"custom_id":"b","shot":NaN}\n{"custom_id":"c","shot":"3"}'
    )
    report = bench.run(tmp_path / "a.jsonl")
    assert (report.code, report.answered, report.rejected) == (3, 2, 5)
    assert [one["line"] for one in bench.lines("rejects.jsonl")] == [3, 4, 5, 6, 7]
    assert bench.ids() == ["a", "c"]


def test_csv_lines_with_wrong_fields_are_rejected(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('shot,note\n1,a\n2\n3,c,d\n4,"e\nf"\n')
    report = bench.run(tmp_path / "a.csv")
    assert (report.answered, [one["line"] for one in bench.lines("rejects.jsonl")]) == (2, [3, 4])


def test_input_that_changes_meanwhile_is_said(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows(3)))
    plan = bench.plan(path)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows(4)))
    report = calls.run(plan, out=bench.out)
    assert (report.code, report.input_changed) == (3, True)
    assert bench.run(path).code == 0


def test_row_is_a_value_and_never_a_template(bench: Bench) -> None:
    evil = "{{ ''.__class__.__mro__ }}{% for x in range(9) %}x{% endfor %}"
    assert jobs(bench, [{"shot": evil, "note": "n"}])[0].said[0].text == f"{evil}: n"


@pytest.mark.parametrize("template", ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ '/etc/passwd' | file }}",
                                      "{{ '../../etc/passwd' | file }}", "{{ missing }}", "{{ row['missing'] }}"])
def test_template_cannot_leave_its_sandbox(bench: Bench, template: str) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "1"}], template=f"{template}\n")
    assert refused.value.code == 2


def test_head_of_a_template_sets_what_is_asked(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("from a file")
    path = tmp_path / "t.j2"
    path.write_text('---\nsystem: |\n  Be short.\n  Be kind.\ntemperature: 0.5\nmax_tokens: 7\nid: "x-{{ shot }}"\n'
                    'schema: {"type": "object", "required": ["a"]}\n---\n{{ "notes.txt" | file }} {{ shot }}')
    (tmp_path / "a.jsonl").write_text('{"shot": 1}\n')
    job = jobs(bench, tmp_path / "a.jsonl", str(path))[0]
    assert (job.system, job.custom_id, job.said[0].text) == ("Be short.\nBe kind.", "x-1", "from a file 1")
    assert (job.parameters.temperature, job.parameters.max_tokens, job.schema["required"]) == (0.5, 7, ["a"])


def test_scripts_and_nodes_are_rows_without_nuke(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "show").mkdir()
    (tmp_path / "show" / "a.nk").write_text(NK)
    (tmp_path / "show" / "b.nk").write_text("Read {\n broken")
    source = glob_source(f"{tmp_path}/**/*.nk")
    found = list(source.read())
    assert len(found) == 2 and isinstance(found[1], Reject) and "b.nk" in found[1].reason
    assert "Read1" in jobs(bench, source, "{{ name }} {{ digest }}")[0].said[0].text
    nodes = nodes_source(tmp_path / "show" / "a.nk", "class:Read")
    reads = jobs(bench, nodes, "{{ node }} {{ file }} {{ knobs.name }}")
    assert [one.said[0].text for one in reads] == ["Read1 /a/b.%04d.exr Read1"]


def test_iterator_is_read_as_the_run_goes(bench: Bench) -> None:
    read: List[int] = []

    def lazily() -> Iterator[Any]:
        for one in rows(400):
            read.append(1)
            yield one

    bench.server.delay_s = 0.05
    plan = bench.plan(lazily())
    assert read == []
    handle = calls.start(plan, out=bench.out, max_concurrency=4)
    bench.server.wait_for_requests(8)
    assert len(read) < 100
    handle.cancel()
    assert handle.result(20).code == 130


def test_answer_of_the_wrong_shape_is_asked_once_more(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    good = '```json\n{"n": 1}\n```'
    bench.server.say = lambda prompt: good if "not what was asked" in prompt or "1." in prompt else "{}"
    bench.server.usage = lambda prompt: (1, 1)
    report = bench.run(rows(3), plan={"schema": schema})
    assert (report.code, report.answered, report.retries) == (0, 3, 2)
    bench.server.say = lambda prompt: "never"
    report = bench.run(rows(5), plan={"schema": schema})
    assert report.code == 3 and report.errors["schema"]["count"] == 2


@pytest.mark.parametrize(("text", "is_fine"), [
    ('{"a": [1, 2]}', True), ('{"a": [1, "x"]}', False), ('{"a": [], "b": 1}', False), ("[]", False), ("no", False)])
def test_shape_of_an_answer(text: str, is_fine: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
              "required": ["a"], "additionalProperties": False}
    assert (objection(text, schema) is None) == is_fine


def test_export_and_import_go_round_in_any_order(bench: Bench, tmp_path: Path) -> None:
    plan = bench.plan(rows(30))
    files = export(plan, tmp_path / "out", "openai")
    asked = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    answers = [{"id": "x", "custom_id": one["custom_id"], "error": None, "response": {"status_code": 200, "body": {
        "choices": [{"message": {"content": "hi"}}]}}} for one in reversed(asked)]
    (tmp_path / "back.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    assert import_results(plan, bench.out, [tmp_path / "back.jsonl"]).answers == 30
    assert bench.run(rows(30)).code == 0 and bench.server.bodies == []
    inline = json.loads(export(plan, tmp_path / "or", "openrouter")[0].read_text())
    assert list(inline)[:2] == ["endpoint", "model"] and len(inline["requests"]) == 30


def test_export_splits_at_the_services_limits(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.batch.exchange.MOST_LINES", 10)
    files = export(bench.plan(rows(25)), tmp_path, "openai")
    assert [len(path.read_text().splitlines()) for path in files] == [10, 10, 5]
    monkeypatch.setattr("nuke_ai_panel.batch.exchange.MOST_BYTES", 400)
    files = export(bench.plan(rows(25)), tmp_path / "small", "openai")
    assert len(files) == 13 and all(path.stat().st_size <= 400 for path in files)
    monkeypatch.setattr("nuke_ai_panel.batch.exchange.MOST_INLINE", 10)
    files = export(bench.plan(rows(25)), tmp_path / "inline", "openrouter")
    assert [len(json.loads(path.read_text())["requests"]) for path in files] == [10, 10, 5]

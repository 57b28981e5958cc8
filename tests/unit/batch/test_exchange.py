"""To a batch service and back: what is exported, how its results are judged, and that the run goes on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.exchange import Imported, export, import_results
from nuke_ai_panel.batch.past_runs import ended_rows, whole_text
from nuke_ai_panel.batch.planning import Plan
from nuke_ai_panel.batch.values import Reject

from .kit import Bench, rows
from .test_exits import BatchCli, batch

__all__ = ["batch"]

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def answer(name: str, text: Any = "hi", **more: Any) -> Dict[str, Any]:
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], **more}
    return {"id": "x", "custom_id": name, "error": None, "response": {"status_code": 200, "body": body}}


def imported(bench: Bench, lines: List[Any], plan: Optional[Plan] = None, *, end: str = "\n") -> Imported:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    (bench.folder / "back.jsonl").write_text("\n".join(texts) + end, encoding="utf-8")
    return import_results(plan or bench.plan(rows(len(lines))), bench.out, [bench.folder / "back.jsonl"])


# ---------------------------------------------------------------- there


def line_of(name: str, model: Optional[str]) -> str:
    body = {"messages": [{"role": "user", "content": f"Describe {name}."}], **({"model": model} if model else {})}
    return json.dumps({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body})


def test_each_model_has_files_of_its_own(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.batch.exchange.MOST_INLINE", 2)
    given = [("a", "one"), ("b", "two"), ("c", "one"), ("d", "two"), ("e", "one")]
    (tmp_path / "o.jsonl").write_text("".join(line_of(*one) + "\n" for one in given))
    plan = bench.plan(tmp_path / "o.jsonl", template=None, model=None)
    found = [json.loads(path.read_text()) for path in export(plan, tmp_path / "out", "openrouter")]
    assert [(one["model"], [line["custom_id"] for line in one["requests"]]) for one in found] == [
        ("one", ["a", "c"]), ("two", ["b", "d"]), ("one", ["e"])]
    assert all("model" not in line["body"] for one in found for line in one["requests"])


def test_files_of_a_former_export_are_gone(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuke_ai_panel.batch.exchange.MOST_LINES", 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "requests-mine.jsonl").write_text("kept")
    export(bench.plan(rows(6)), tmp_path / "out", "openai")
    export(bench.plan(rows(3)), tmp_path / "out", "openai")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "requests-001.jsonl", "requests-002.jsonl", "requests-mine.jsonl"]
    export(bench.plan(rows(3)), tmp_path / "out", "openrouter")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["requests-001.json", "requests-mine.jsonl"]


def test_export_never_writes_over_its_input(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "requests-002.jsonl"
    source.write_text('{"shot": "a"}\n')
    with pytest.raises(InvalidBatchError, match="read and written"):
        export(bench.plan(source), tmp_path, "openai")
    assert source.read_text() == '{"shot": "a"}\n' and len(list(tmp_path.glob("requests-*"))) == 1


def test_export_tells_what_is_no_row(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"shot": "a"}\nnonsense\n[1]\n')
    rejects: List[Reject] = []
    export(bench.plan(tmp_path / "in.jsonl"), tmp_path / "out", "openai", rejects.append)
    assert [one.line for one in rejects] == [2, 3]
    with pytest.raises(InvalidBatchError, match="no row"):
        export(bench.plan(iter([])), tmp_path / "out", "openai")


def test_export_with_broken_lines_exits_3_and_counts_them(batch: BatchCli) -> None:
    batch.input.write_text('{"shot": "a"}\nnonsense\n')
    done = batch.cli.run(*batch.arguments("export", "--out", str(batch.folder / "asked"), "--to", "openai"))
    assert done.returncode == 3 and "line 2: " in done.stderr and "1 lines were no rows" in done.stderr
    assert len((batch.folder / "asked" / "requests-001.jsonl").read_text().splitlines()) == 1


def test_export_to_a_place_that_cannot_be_made_exits_2(batch: BatchCli) -> None:
    done = batch.cli.run(*batch.arguments("export", "--out", str(batch.input / "asked"), "--to", "openai"))
    assert done.returncode == 2 and "cannot be made" in done.stderr and "bug" not in done.stderr


# ---------------------------------------------------------------- and back


def test_last_line_counts_without_its_end(bench: Bench) -> None:
    assert imported(bench, [answer("r0"), answer("r1")], end="").answers == 2


@pytest.mark.parametrize("line", [
    {**answer("r0"), "response": {"status_code": 200, "body": {"choices": []}}},
    {**answer("r0"), "response": {"status_code": 200, "body": {}}},
    answer("r0", None), answer("r0", ""), answer("r0", 5), answer("r0", ["parts"]),
    {**answer("r0"), "response": {"status_code": 200, "body": {"choices": [{"index": 0}]}}},
])
def test_answer_without_text_is_an_error(bench: Bench, line: Dict[str, Any]) -> None:
    found = imported(bench, [line])
    assert (found.answers, found.errors, found.rejects) == (0, 1, ())
    assert bench.lines("errors.jsonl")[0]["error"]["message"] == "the answer has no text" and bench.lines() == []


@pytest.mark.parametrize("line", [
    "nonsense", "[1]", "{}", '{"custom_id": null}', '{"custom_id": ["r0"]}', '{"custom_id": "r0"}',
    {**answer("r0"), "response": "x"}, {**answer("r0"), "response": {"status_code": 200, "body": "x"}},
    answer("r0", choices="x"), answer("r0", choices=["x"]), answer("r0", choices=[{"message": "x"}]),
    {**answer("r0"), "response": [1]},
])
def test_line_that_says_nothing_is_told_with_its_place(bench: Bench, line: Any) -> None:
    found = imported(bench, [line, answer("r1")])
    assert (found.answers, found.errors, len(found.rejects)) == (1, 0, 1)
    assert "back.jsonl, line 1: " in found.rejects[0]
    assert bench.run(rows(2), csv=str(bench.folder / "all.csv")).code == 0
    assert len(bench.server.bodies) == 1 and len((bench.folder / "all.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(("line", "code", "message"), [
    ({**answer("r0"), "error": "bad"}, "service", "bad"),
    ({**answer("r0"), "error": {"code": "batch_expired", "message": "late"}}, "batch_expired", "late"),
    ({"custom_id": "r0", "response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, "service", "slow"),
    ({"custom_id": "r0", "response": {"status_code": 500, "body": "down"}}, "service", "no answer"),
    (answer("r0", usage={"prompt_tokens": "5", "completion_tokens": -1}, choices=[
        {"message": {"content": "x"}, "finish_reason": "content_filter"},
    ]), "content_filter", "the answer was withheld"),
])
def test_error_of_the_service_is_the_rows(bench: Bench, line: Dict[str, Any], code: str, message: str) -> None:
    found = imported(bench, [line])
    assert (found.errors, found.report.failed, found.report.code) == (1, 1, 3)
    error = bench.lines("errors.jsonl")[0]["error"]
    assert (error["code"], error["message"]) == (code, message)
    assert bench.run(rows(1), retry_only=()).code == 0 and len(bench.server.bodies) == 1


def test_answers_are_held_to_the_schema(bench: Bench) -> None:
    plan = bench.plan(rows(3), schema=SCHEMA)
    texts = ('{"a": 1}', '{"b": 1}', '```json\n{"a": 2}\n```')
    found = imported(bench, [answer(f"r{number}", text) for number, text in enumerate(texts)], plan)
    assert (found.answers, found.errors) == (2, 1)
    assert bench.lines("errors.jsonl")[0]["error"]["code"] == "schema"
    kept = {one.custom_id: one.text for one in ended_rows(bench.out, 10)}
    assert (kept["r0"], kept["r2"]) == ('{"a": 1}', '{"a": 2}')


def test_pages_and_places_are_those_of_the_rows(bench: Bench) -> None:
    plan = bench.plan([{"custom_id": 7, "shot": "sh7"}], page="{{ shot }}.md")
    line = answer("7", usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
    found = imported(bench, [{**line, "custom_id": 7}], plan)
    assert (bench.out / "pages" / "sh7.md").read_text() == "hi\n"
    kept = bench.lines()[0]
    assert (kept["custom_id"], kept["x"]["place"], kept["x"]["page"]) == ("7", "row 1", "sh7.md")
    assert (found.report.input_tokens, found.report.output_tokens) == (3, 4)


def test_importing_twice_doubles_nothing(bench: Bench) -> None:
    lines = [answer("r0"), {**answer("r1"), "error": "bad"}]
    imported(bench, lines)
    again = imported(bench, lines)
    assert (again.answers, again.errors) == (0, 0)
    assert (len(bench.lines()), len(bench.lines("errors.jsonl"))) == (1, 1)
    later = imported(bench, [answer("r1", "late")], bench.plan(rows(2)))
    assert (later.answers, bench.lines("errors.jsonl"), later.report.code) == (1, [], 0)
    assert whole_text(bench.out, "r1") == "late"


def test_answer_to_a_former_text_makes_room(bench: Bench) -> None:
    imported(bench, [answer("r0", "old")])
    plan = bench.plan(rows(1), template="Anew: {{ shot }}.")
    assert imported(bench, [answer("r0", "new")], plan).answers == 1
    assert [one.text for one in ended_rows(bench.out, 9)] == ["new"]


def test_file_that_cannot_be_read_is_said(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(InvalidBatchError, match="is not a file"):
        import_results(bench.plan(rows(1)), bench.out, [tmp_path / "none.jsonl"])
    assert not bench.out.exists()


def test_import_goes_on_by_its_directory_alone(batch: BatchCli) -> None:
    back = batch.folder / "back.jsonl"
    lines = [answer(f"r{number}") for number in range(18)] + [{**answer("r18"), "error": "bad"}, answer("strange")]
    back.write_text("".join(json.dumps(one) + "\n" for one in lines) + "nonsense")
    command = batch.arguments("import", "--out", str(batch.out))
    command[2:3] = [str(back), "--input", str(batch.input)]
    done = batch.cli.run(*command)
    assert done.returncode == 3 and "18 answers and 1 errors taken in" in done.stdout
    assert "line 21: it is no JSON object" in done.stderr and "for example strange" in done.stderr
    seen = json.loads(batch.cli.run("batch", "status", str(batch.out), "--json").stdout)
    assert (seen["answered"], seen["failed"], seen["rows"]) == (18, 1, 20)
    assert batch.cli.run("batch", "resume", str(batch.out)).returncode == 3 and len(batch.server.bodies) == 1
    done = batch.cli.run("batch", "retry", str(batch.out), "--csv", str(batch.folder / "all.csv"))
    assert done.returncode == 0 and len(batch.server.bodies) == 2, done.stderr
    assert len((batch.folder / "all.csv").read_text().splitlines()) == 21

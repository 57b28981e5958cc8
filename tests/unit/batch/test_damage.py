"""Files of a run that are damaged or cannot be read: damaged lines are asked again, and nothing ends in a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from nuke_ai_panel.batch.errors import BatchError, InvalidBatchError
from nuke_ai_panel.batch.past_runs import ended_rows
from nuke_ai_panel.batch.rows import file_source
from nuke_ai_panel.batch.run_folder import RunFolder, lines_of, replace_file
from nuke_ai_panel.batch.script_rows import nodes_source

from .kit import Bench, rows, write_rows
from .test_exits import BatchCli, batch

__all__ = ["batch"]

Damage = Callable[[Dict[str, Any]], Any]  # Any: what JSON holds

DAMAGES: Dict[str, Damage] = {
    "cost": lambda line: {**line, "x": {**line["x"], "cost_usd": "1"}},
    "negative cost": lambda line: {**line, "x": {**line["x"], "cost_usd": -1}},
    "not a number": lambda line: {**line, "x": {**line["x"], "cost_usd": float("nan")}},
    "attempts": lambda line: {**line, "x": {**line["x"], "attempts": "two"}},
    "usage": lambda line: {**line, "x": {**line["x"], "usage": {"input": "3"}}},
    "usage list": lambda line: {**line, "x": {**line["x"], "usage": [1]}},
    "time": lambda line: {**line, "x": {**line["x"], "total_ms": "long"}},
    "page": lambda line: {**line, "x": {**line["x"], "page": 5}},
    "x": lambda line: {**line, "x": "bad"},
    "error": lambda line: {**line, "error": "bad"},
    "no response": lambda line: {**line, "response": None},
    "response": lambda line: {**line, "response": "x"},
    "body": lambda line: {**line, "response": {**line["response"], "body": "x"}},
    "choices": lambda line: {**line, "response": {"body": {"choices": "x"}}},
    "no text": lambda line: {**line, "response": {"body": {"choices": [{"message": {"content": None}}]}}},
    "id": lambda line: {**line, "custom_id": 5},
    "no id": lambda line: {"a": 1},
    "list": lambda line: [line],
    "deep": lambda line: json.loads("[" * 50 + "]" * 50),
}


def damage(path: Path, how: Damage) -> None:
    """The first line, damaged."""
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(json.dumps(how(json.loads(first))) + "\n" + "".join(rest), encoding="utf-8")


@pytest.mark.parametrize("name", DAMAGES)
def test_row_of_a_damaged_answer_is_asked_again(bench: Bench, name: str) -> None:
    bench.run(rows(3), max_concurrency=1)
    damage(bench.out / "results.jsonl", DAMAGES[name])
    report = bench.run(rows(3), csv=str(bench.folder / "all.csv"))
    assert (report.code, report.answered, report.failed, report.torn_lines) == (0, 3, 0, 1)
    assert len(bench.server.bodies) == 4 and bench.ids() == ["r0", "r1", "r2"]
    assert "| repaired | 1 " in (bench.out / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["error", "no error", "cost", "x"])
def test_damaged_error_is_asked_again(bench: Bench, name: str) -> None:
    bench.server.refuse = lambda prompt, times: (400, {"error": {"message": "bad"}}, {}) if "0000" in prompt else None
    bench.run(rows(2), max_concurrency=1)
    bench.server.refuse = lambda prompt, times: None
    damage(bench.out / "errors.jsonl", {"no error": lambda line: {**line, "error": None}, **DAMAGES}[name])
    report = bench.run(rows(2), retry_only=("rate",))
    assert (report.code, report.answered, report.torn_lines) == (0, 2, 1) and bench.lines("errors.jsonl") == []


def test_all_damaged_lines_are_counted(bench: Bench) -> None:
    bench.run(rows(4), max_concurrency=1)
    results = bench.out / "results.jsonl"
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"nonsense\n" + lines[1] + b"\xff\xfe\n" + lines[3][:20])
    report = bench.run(rows(4))
    assert (report.code, report.answered, report.torn_lines, len(bench.server.bodies)) == (0, 4, 3, 7)


@pytest.mark.parametrize("name", DAMAGES)
def test_whoever_looks_at_a_damaged_run_sees_the_rest(bench: Bench, name: str) -> None:
    bench.run(rows(3), max_concurrency=1)
    damage(bench.out / "results.jsonl", DAMAGES[name])
    assert [one.custom_id for one in ended_rows(bench.out, 9) if one.text] == ["r1", "r2"]


def test_status_of_a_damaged_run_counts_what_is_whole(batch: BatchCli) -> None:
    assert batch.run().returncode == 0
    damage(batch.out / "results.jsonl", DAMAGES["response"])
    facts = json.loads((batch.out / "run.json").read_text())
    (batch.out / "run.json").write_text(json.dumps({**facts, "rows": "many", "counts": "x", "command": "y"}))
    done = batch.cli.run("batch", "status", str(batch.out))
    assert done.returncode == 0 and done.stdout.startswith("19 rows have an answer, 0 failed; "), done.stderr
    done = batch.cli.run("batch", "resume", str(batch.out))
    assert done.returncode == 2 and "does not say how it was run" in done.stderr


def test_merge_of_damaged_chunks_tells_and_never_breaks(batch: BatchCli) -> None:
    for part in ("0-9", "10-19"):
        assert batch.cli.run(*batch.arguments("run-chunk", "--out", str(batch.out), "--rows", part)).returncode == 0
    damage(batch.out / "shards" / "000000-000009.jsonl", DAMAGES["choices"])
    (batch.out / "shards" / "notes.jsonl").write_text("{}")
    (batch.out / "shards" / "not-es.jsonl").write_text("{}")
    merged = batch.cli.run("batch", "merge", str(batch.out))
    assert merged.returncode == 3 and "bug" not in merged.stderr, merged.stderr
    report = batch.report()
    assert (report["answered"], report["missing"], report["torn_lines"]) == (19, 1, 1)


@pytest.mark.parametrize("verb", ["status", "retry", "run"])
def test_run_directory_that_cannot_be_read_exits_1(batch: BatchCli, verb: str) -> None:
    assert batch.run().returncode == 0
    (batch.out / "results.jsonl").unlink()
    (batch.out / "results.jsonl").mkdir()
    done = batch.run() if verb == "run" else batch.cli.run("batch", verb, str(batch.out))
    assert done.returncode == 1 and "results.jsonl cannot be read: Is a directory." in done.stderr
    assert "bug" not in done.stderr and len(batch.server.bodies) == 20


@pytest.mark.parametrize("verb", ["status", "merge", "resume", "retry"])
def test_path_that_is_no_run_is_said(batch: BatchCli, verb: str) -> None:
    for path in (batch.input, batch.folder / "none", batch.folder):
        done = batch.cli.run("batch", verb, str(path))
        assert done.returncode == 2 and "bug" not in done.stderr and done.stderr.strip()


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    opened = Path.open

    def guarded(path: Path, *arguments: Any, **more: Any) -> Any:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", guarded)


@pytest.mark.parametrize("name", ["in.jsonl", "a.nk"])
@pytest.mark.parametrize("look", ["fingerprint", "read", "plan"])
def test_input_that_may_not_be_read_is_said(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, look: str
) -> None:
    write_rows(tmp_path / "in.jsonl", 2)
    (tmp_path / "a.nk").write_text("Read {\n name Read1\n}\n")
    given = file_source(tmp_path / name) if name == "in.jsonl" else nodes_source(tmp_path / name)
    looks: Dict[str, Callable[[], object]] = {
        "fingerprint": given.fingerprint, "read": lambda: list(given.read()), "plan": lambda: bench.plan(given)}
    refuse_to_open(monkeypatch, tmp_path / name)
    with pytest.raises(InvalidBatchError) as refused:
        looks[look]()
    assert refused.value.code == 2 and str(tmp_path / name) in refused.value.user_text and refused.value.next_step


def test_results_that_may_not_be_read_are_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(rows(2))
    refuse_to_open(monkeypatch, bench.out / "results.jsonl")
    for look in (RunFolder(bench.out).scan, lambda: list(lines_of(bench.out / "results.jsonl"))):
        with pytest.raises(BatchError, match="cannot be read") as refused:
            look()
        assert refused.value.code == 1


def test_file_below_a_file_cannot_be_written_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(BatchError, match="cannot be written"):
        replace_file(tmp_path / "a" / "b", [b"x"])

    def broken() -> Any:
        yield b"x"
        raise InvalidBatchError("no more")

    with pytest.raises(InvalidBatchError, match="no more"):
        replace_file(tmp_path / "c", broken())
    assert [path.name for path in tmp_path.iterdir()] == ["a"]

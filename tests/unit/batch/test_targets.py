"""What a run does not write over: a directory of somebody else's, its own input, a place that takes no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from nuke_ai_panel.batch.errors import BatchError, InvalidBatchError
from nuke_ai_panel.batch.exchange import import_results
from nuke_ai_panel.batch.targets import insist_log, insist_table

from .kit import Bench, rows, write_rows
from .test_exits import BatchCli, batch

__all__ = ["batch"]


def held(folder: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("name", "text"), [
    ("results.jsonl", '{"loss": 0.2}\n'), ("results.jsonl", "notes, no line end"), ("errors.jsonl", "[1]\n"),
    ("results.jsonl", '{"custom_id": "a", "response": {"status_code": 200, "body": {}}, "error": null}\n'),
    ("report.md", "# My report\n"), ("report.json", "{}"), ("requests.jsonl", '{"a": 1}\n'),
    ("rejects.jsonl", "mine\n"), ("run.json", '{"mine": true}'),
])
def test_directory_that_is_no_run_stays_as_it_is(bench: Bench, name: str, text: str) -> None:
    bench.out.mkdir()
    (bench.out / name).write_text(text)
    with pytest.raises(InvalidBatchError, match="which no batch wrote") as refused:
        bench.run(rows(2))
    assert refused.value.code == 2 and str(bench.out / name) in refused.value.user_text
    assert held(bench.out) == {name: text.encode()} and bench.server.bodies == []


def test_run_whose_facts_are_lost_goes_on(bench: Bench) -> None:
    bench.run(rows(3))
    (bench.out / "run.json").unlink()
    assert bench.run(rows(3)).code == 0 and len(bench.server.bodies) == 3


def test_other_files_in_the_directory_do_no_harm(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / "rows.jsonl").write_text("")
    (bench.out / "results.jsonl").write_text("")
    assert bench.run(rows(2)).code == 0


@pytest.mark.parametrize("name", ["results.jsonl", "errors.jsonl", "report.json", "requests.jsonl", "former.jsonl"])
def test_file_of_the_run_is_not_its_input(bench: Bench, name: str) -> None:
    bench.run(rows(2))
    (bench.out / name).write_text(json.dumps({"shot": "a"}) + "\n")
    before = held(bench.out)
    with pytest.raises(InvalidBatchError, match="read and written"):
        bench.run(bench.out / name)
    assert held(bench.out) == before and len(bench.server.bodies) == 2


def test_table_is_not_written_over_the_input(bench: Bench, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", 2)
    with pytest.raises(InvalidBatchError, match="read and written"):
        bench.run(source, csv=str(tmp_path / "sub" / ".." / "in.jsonl"))
    with pytest.raises(InvalidBatchError, match="read and written"):
        bench.run(source, csv=str(bench.out / "results.jsonl"))
    assert not bench.out.exists() and bench.server.bodies == []


def test_results_of_a_run_are_not_imported_into_it(bench: Bench) -> None:
    bench.run(rows(2))
    with pytest.raises(BatchError, match="read and written"):
        import_results(bench.plan(rows(2)), bench.out, [bench.out / "results.jsonl"])
    assert len(bench.lines()) == 2


@pytest.mark.parametrize("option", ["--csv", "--log-file"])
@pytest.mark.parametrize("place", ["t.j2", "in.jsonl", "r.run/results.jsonl", "in.jsonl/x", "there"])
def test_place_that_cannot_be_written_exits_2_before_anything_is_sent(batch: BatchCli, option: str, place: str) -> None:
    (batch.folder / "there").mkdir()
    kept = batch.template.read_bytes(), batch.input.read_bytes()
    done = batch.run(option, str(batch.folder / place))
    assert done.returncode == 2 and "Nothing was sent." in done.stderr and "bug" not in done.stderr
    assert batch.server.bodies == [] and not batch.out.exists()
    assert (batch.template.read_bytes(), batch.input.read_bytes()) == kept


def test_table_needs_a_folder_that_is_there(batch: BatchCli) -> None:
    done = batch.run("--csv", str(batch.folder / "none" / "a.csv"))
    assert done.returncode == 2 and "cannot be written" in done.stderr and batch.server.bodies == []


def test_table_is_not_written_over_a_script_of_the_pattern(batch: BatchCli) -> None:
    script = batch.folder / "a.nk"
    script.write_text("Read {\n name Read1\n}\n")
    (batch.folder / "n.j2").write_text("Explain {{ name }}.")
    done = batch.cli.run(
        "batch", "run", "--glob", str(batch.folder / "*.nk"), "--template", str(batch.folder / "n.j2"), "--provider",
        "openai", "--model", "m", "--base-url", batch.server.base_url, "--out", str(batch.out), "--csv", str(script))
    assert done.returncode == 2 and "Read1" in script.read_text() and batch.server.bodies == []


def test_looking_at_a_place_leaves_it_as_it_was(tmp_path: Path) -> None:
    insist_table(tmp_path / "new.csv")
    insist_log(tmp_path / "logs" / "a.log")
    (tmp_path / "old.csv").write_text("kept")
    insist_table(tmp_path / "old.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"old.csv", "logs"}
    assert (tmp_path / "old.csv").read_text() == "kept"


def test_requests_of_a_job_are_never_added_to(batch: BatchCli) -> None:
    farm = batch.folder / "f.run"
    written = batch.cli.run(*batch.arguments("farm", "--out", str(farm), "--keep-requests"))
    assert written.returncode == 0, written.stderr
    before = (farm / "requests.jsonl").read_bytes()
    done: Any = batch.cli.run("batch", "retry", str(farm), "--keep-requests")
    assert done.returncode == 0, done.stderr
    assert (farm / "requests.jsonl").read_bytes() == before and len(batch.server.bodies) == 20


def test_job_is_not_written_over_somebody_elses_requests(batch: BatchCli) -> None:
    own = batch.folder / "requests.jsonl"
    own.write_bytes(batch.input.read_bytes())
    for source in (str(own), str(batch.input)):
        command = batch.arguments("farm", "--out", str(batch.folder))
        command[2] = source
        done = batch.cli.run(*command)
        assert done.returncode == 2 and own.read_bytes() == batch.input.read_bytes(), done.stderr

"""What a merge keeps, counts and says: answers of a retry, lines that are no rows, chunks that are missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

from tests.unit.cli_kit import is_clean, wait_until

from .farm_kit import Farm
from .kit import rows, write_rows

POISON = (400, {"error": {"message": "no"}}, {})


def merged(farm: Farm) -> Dict[str, Any]:
    """The report of a merge, which is what the exit code says."""
    done = farm.cli.run("batch", "merge", str(farm.out))
    assert is_clean(done.stderr), done.stderr
    report: Dict[str, Any] = json.loads((farm.out / "report.json").read_text())
    assert done.returncode == report["code"]
    return {**report, "said": done.stdout + done.stderr}


def counts(report: Dict[str, Any]) -> Tuple[int, ...]:
    return tuple(report[name] for name in ("code", "rows", "answered", "rejected", "missing"))


def poisoned(farm: Farm) -> None:
    """Twenty rows in two chunks, merged; one of them failed."""
    farm.server.refuse = lambda prompt, times: POISON if "sh0005" in prompt else None
    assert farm.write(20).returncode == 0
    assert (farm.chunk("0-9"), farm.chunk("10-19"), merged(farm)["code"]) == (0, 0, 3)
    farm.server.refuse = lambda prompt, times: None


def direct(farm: Farm, borders: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A chunk of the input itself, without a job."""
    return farm.cli.run(
        "batch", "run-chunk", str(farm.folder / "in.jsonl"), "--template", str(farm.template), "--provider", "openai",
        "--model", "m", "--base-url", farm.server.base_url, "--out", str(farm.out), "--rows", borders, *more)


def test_merge_after_a_retry_keeps_what_it_answered(farm: Farm) -> None:
    poisoned(farm)
    assert farm.cli.run("batch", "retry", str(farm.out)).returncode == 0
    report = merged(farm)
    assert (report["code"], report["answered"], report["failed"]) == (0, 20, 0)
    assert len(farm.answers()) == 20 and not (farm.out / "errors.jsonl").read_text()


def test_second_merge_changes_nothing(farm: Farm) -> None:
    poisoned(farm)
    files = [farm.out / name for name in ("results.jsonl", "errors.jsonl")]
    before = [path.read_bytes() for path in files]
    assert merged(farm)["code"] == 3
    assert [path.read_bytes() for path in files] == before


def test_error_of_a_retry_stands_for_that_of_the_chunk(farm: Farm) -> None:
    poisoned(farm)
    farm.server.refuse = lambda prompt, times: (400, {"error": {"message": "still no"}}, {})
    assert farm.cli.run("batch", "retry", str(farm.out)).returncode == 3
    assert merged(farm)["code"] == 3
    (line,) = (farm.out / "errors.jsonl").read_text().splitlines()
    assert json.loads(line)["error"]["message"] == "still no"


def test_answer_to_another_request_than_the_chunks_is_not_taken(farm: Farm) -> None:
    poisoned(farm)
    path = farm.out / "results.jsonl"
    lines: List[Dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["response"]["body"]["choices"][0]["message"]["content"] = "to a former prompt"
    lines[0]["x"]["request_key"] = "0" * 64
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert merged(farm)["answered"] == 19
    assert "to a former prompt" not in path.read_text()


def test_lines_that_are_no_rows_are_kept_and_counted_as_in_a_run(farm: Farm) -> None:
    source = "".join(json.dumps(one) + "\n" for one in rows(6)).replace('{"custom_id": "r3"', '{"custom_id": 3"')
    done = farm.write(rows=source + "nothing\n")
    assert done.returncode == 0 and "2 lines of the input are no rows" in done.stderr
    rejects = (farm.out / "rejects.jsonl").read_text()
    assert [json.loads(line)["line"] for line in rejects.splitlines()] == [4, 7]
    assert (farm.chunk("0-2"), farm.chunk("3-4")) == (0, 0)
    report = merged(farm)
    assert counts(report) == (3, 5, 5, 2, 0)
    assert (farm.out / "rejects.jsonl").read_text() == rejects
    assert farm.cli.run("batch", "retry", str(farm.out)).returncode == 3
    assert merged(farm)["rejected"] == 2 and (farm.out / "rejects.jsonl").read_text() == rejects


def test_rows_whose_prompt_cannot_be_made_are_no_rows_for_run_and_merge(farm: Farm) -> None:
    write_rows(farm.folder / "in.jsonl", 4)
    with (farm.folder / "in.jsonl").open("a") as file:
        file.write('{"custom_id": "r1", "shot": "the id was there"}\n')
    assert direct(farm, "0-4").returncode == 0
    report = merged(farm)
    assert counts(report) == (3, 4, 4, 1, 0)


def test_missing_chunks_are_said_once(farm: Farm) -> None:
    assert farm.write(12).returncode == 0 and (farm.chunk("2-3"), farm.chunk("6-7")) == (0, 0)
    report = merged(farm)
    assert report["code"] == 3 and report["missing"] == 8
    for borders in ("0-1", "4-5", "8-11"):
        assert report["said"].count(f"Rows {borders} have no chunk.") == 1


def test_many_missing_chunks_are_not_all_named(farm: Farm) -> None:
    assert farm.write(30).returncode == 0
    for number in range(1, 30, 2):
        shard = farm.out / "shards" / f"{number:06d}-{number:06d}.jsonl"
        shard.parent.mkdir(exist_ok=True)
        shard.write_text("")
    assert "Rows 18-18 have no chunk. And 5 ranges more." in merged(farm)["said"]


def test_rows_that_were_asked_without_their_chunk_are_not_missed(farm: Farm) -> None:
    assert farm.write(6).returncode == 0 and farm.chunk("0-3") == 0 and merged(farm)["code"] == 3
    assert farm.cli.run("batch", "resume", str(farm.out)).returncode == 0
    report = merged(farm)
    assert (report["code"], report["answered"]) == (0, 6) and "no chunk" not in report["said"]


def test_chunks_beyond_a_million_rows_are_in_order_and_strange_files_left_alone(farm: Farm) -> None:
    assert farm.write(3).returncode == 0
    shards = farm.out / "shards"
    shards.mkdir()
    for name in ("notes.jsonl", "a-b.jsonl", "000000-000001.jsonl.bak"):
        (shards / name).write_text('{"custom_id": "strange", "response": {}}\n')
    assert (farm.chunk("0-1"), farm.chunk("2-2")) == (0, 0)
    for first, last in ((1_000_000, 1_000_001), (999_998, 999_999)):
        (shards / f"{first:06d}-{last:06d}.jsonl").write_text("")
    report = merged(farm)
    assert (report["code"], report["answered"]) == (0, 3) and "strange" not in (farm.out / "results.jsonl").read_text()


def test_running_chunk_shows_after_a_first_merge(farm: Farm) -> None:
    assert farm.write(12).returncode == 0 and farm.chunk("0-3") == 0 and merged(farm)["code"] == 3
    farm.server.delay_s = 0.4
    worker = farm.cli.start("batch", "run-chunk", "--out", str(farm.out), "--rows", "4-11", "--max-concurrency", "1")
    part = farm.out / "shards" / "000004-000011.part" / "results.jsonl"
    wait_until(lambda: part.exists() and part.read_bytes().count(b"\n") >= 1)
    seen = json.loads(farm.cli.run("batch", "status", str(farm.out), "--json").stdout)
    worker.communicate(timeout=30)
    assert seen["running"] and seen["rows"] == 12 and seen["answered"] >= 5


def test_chunk_names_the_file_that_stays(farm: Farm) -> None:
    assert farm.write(4).returncode == 0
    done = farm.cli.run("batch", "run-chunk", "--out", str(farm.out), "--rows", "0-3")
    named = Path(done.stdout.split()[-1])
    assert named == farm.out / "shards" / "000000-000003.jsonl" and named.is_file()
    farm.server.refuse = lambda prompt, times: (401, {"error": {"message": "bad key"}}, {})
    assert farm.write(4, "--out", str(farm.folder / "other.run")).returncode == 0
    stopped = farm.cli.run("batch", "run-chunk", "--out", str(farm.folder / "other.run"), "--rows", "0-3")
    assert stopped.returncode == 4 and Path(stopped.stdout.split()[-1]).is_file()


def test_chunk_without_a_job_refuses_options_that_mean_all_rows(farm: Farm) -> None:
    write_rows(farm.folder / "in.jsonl", 6)
    for said in (["--limit", "2"], ["--sample", "2"], ["--repeat", "2"], ["--shuffle"]):
        done = direct(farm, "2-3", *said)
        assert done.returncode == 2 and said[0] in done.stderr and "batch farm" in done.stderr
        assert is_clean(done.stderr) and len(done.stderr.splitlines()) <= 2
    assert farm.server.bodies == []


def test_key_file_that_is_missing_is_one_plain_line_in_the_log(farm: Farm) -> None:
    done = farm.write(2)
    assert done.returncode == 0
    environment = json.loads((farm.out / "openjd" / "key-environment.json").read_text())["environment"]
    script = environment["script"]["actions"]["onEnter"]["args"][1]
    key, empty = farm.folder / "key", farm.folder / "empty"
    key.write_text("sk-1\n")
    empty.write_text("\n")

    def enter(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, str(path), "OPENAI_API_KEY"], capture_output=True,
                              text=True, check=False)

    assert enter(key).stdout == "openjd_redacted_env: OPENAI_API_KEY=sk-1\n"
    for path in (farm.folder / "none", empty, farm.folder):
        done = enter(path)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert str(path) in done.stderr and "KeyFile" in done.stderr

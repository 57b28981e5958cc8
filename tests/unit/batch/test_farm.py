"""A run on a farm: the job it is written as, chunks that need the run directory alone, and their end.

What Open Job Description's own programs say of the job is asked where they are installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List

import pytest

from tests.unit.cli_kit import wait_until

from .farm_kit import BIN, Farm
from .kit import TEMPLATE, write_rows

KEY = "sk-canary-farm-0123456789"
farm_tools = pytest.mark.skipif(
    importlib.util.find_spec("openjd") is None or importlib.util.find_spec("deadline") is None,
    reason="openjd-cli and deadline are not installed beside this Python",
)


def plain(farm: Farm, count: int = 200) -> Dict[str, Any]:
    """The same rows without a farm."""
    other = Farm(farm.folder, farm.server)
    other.out = farm.folder / "plain.run"
    done = farm.cli.run(
        "batch", "run", str(write_rows(farm.folder / "in.jsonl", count)), "--template", str(farm.template), "--out",
        str(other.out), "--provider", "openai", "--model", "m", "--base-url", farm.server.base_url, "--quiet", "--yes")
    assert done.returncode == 0, done.stderr
    return other.answers()


def test_job_names_its_limit_and_no_secret(farm: Farm) -> None:
    done = farm.cli.run(
        "batch", "farm", str(write_rows(farm.folder / "in.jsonl", 7)), "--template", str(farm.template), "--provider",
        "openai", "--model", "m", "--base-url", farm.server.base_url, "--out", str(farm.out), "--format", "openjd",
        "--slots", "4", "--rpm", "600", "--limit-name", "amount.openai", "--out-file", "{{ shot }}.md",
        env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 0 and farm.server.bodies == [], done.stderr
    template = json.loads(farm.job.read_text())
    prompts, merge = template["steps"]
    assert prompts["hostRequirements"] == {"amounts": [{"name": "amount.openai", "min": 1}]}
    assert prompts["parameterSpace"]["taskParameterDefinitions"][0]["type"] == "CHUNK[INT]"
    assert merge["dependencies"] == [{"dependsOn": "Prompts"}]
    values = {one["name"]: one["value"] for one in json.loads(
        (farm.out / "openjd" / "parameter_values.json").read_text())["parameterValues"]}
    assert (values["Rows"], values["RunDir"]) == ("0-6", str(farm.out))
    assert json.loads((farm.out / "run.json").read_text())["command"]["rpm"] == 150
    files = [path for path in farm.out.rglob("*") if path.is_file()]
    assert len(files) >= 5 and not [path for path in files if KEY in path.read_text()]
    assert not [path for path in files if path.name == "template.json" and "nuke -t" in path.read_text()]


def test_chunks_need_the_run_directory_alone(farm: Farm) -> None:
    twice = '{"shot": "a"}\n{"shot": "b"}\n{"shot": "a"}\nnothing\n{"custom_id": "x", "shot": "c"}\n'
    assert farm.write(rows=twice).returncode == 0
    (farm.folder / "in.jsonl").unlink()
    farm.template.unlink()
    assert (farm.chunk("0-1"), farm.chunk("2-3"), farm.chunk("2-3"), farm.merge()) == (0, 0, 0, 3)
    # Equal rows in different chunks keep ids of their own.
    assert len(farm.answers()) == 4 and len(farm.server.bodies) == 4
    report = json.loads((farm.out / "report.json").read_text())
    assert (report["rows"], report["answered"], report["missing"], report["rejected"]) == (4, 4, 0, 1)


def test_pages_and_parameters_travel_with_the_requests(farm: Farm) -> None:
    farm.template.write_text('---\nsystem: Be short.\ntemperature: 0.5\nstop: ["."]\nschema: {"type": "string"}\n'
                             "page: '{{ shot }}.md'\n---\n" + TEMPLATE)
    farm.server.say = lambda prompt: '"fine"'
    assert farm.write(3).returncode == 0 and (farm.chunk("0-2"), farm.merge()) == (0, 0)
    body = farm.server.bodies[0]
    assert (body["temperature"], body["stop"], body["messages"][0]["content"]) == (0.5, ["."], "Be short.")
    assert body["response_format"]["json_schema"]["schema"] == {"type": "string"}
    assert (farm.out / "pages" / "sh0002.md").read_text() == '"fine"\n'
    keys = {one["custom_id"]: one["x"]["request_key"] for one in map(
        json.loads, (farm.out / "results.jsonl").read_text().splitlines())}
    other = farm.folder / "plain.run"
    farm.cli.run("batch", "run", str(farm.folder / "in.jsonl"), "--template", str(farm.template), "--out", str(other),
                 "--provider", "openai", "--model", "m", "--base-url", farm.server.base_url, "--yes")
    assert keys == {one["custom_id"]: one["x"]["request_key"] for one in map(
        json.loads, (other / "results.jsonl").read_text().splitlines())}


def test_budget_is_shared_by_the_chunks(farm: Farm) -> None:
    farm.server.usage = lambda prompt: (10, 10)
    price = ("--price-in", "0", "--price-out", "100", "--max-tokens", "10", "--budget", "0.02")
    assert farm.write(40, *price).returncode == 0  # half of what forty answers cost
    assert (farm.chunk("0-19"), farm.chunk("20-39")) == (5, 5)
    assert len(farm.server.bodies) == 20


def test_rows_that_other_borders_answered_are_not_asked_again(farm: Farm) -> None:
    farm.server.delay_s = 0.2
    assert farm.write(40).returncode == 0
    worker = farm.cli.start("batch", "run-chunk", "--out", str(farm.out), "--rows", "10-29", "--max-concurrency", "2")
    part = farm.out / "shards" / "000010-000029.part" / "results.jsonl"
    wait_until(lambda: part.exists() and part.read_bytes().count(b"\n") >= 4)
    seen = json.loads(farm.cli.run("batch", "status", str(farm.out), "--json").stdout)
    assert (seen["running"], seen["rows"], seen["failed"]) == (True, 40, 0) and seen["answered"] >= 4
    worker.kill()
    worker.communicate()
    farm.server.delay_s = 0.0
    assert (farm.chunk("0-24"), farm.chunk("20-39"), farm.merge()) == (0, 0, 0)
    assert len(farm.answers()) == 40 and len(farm.server.bodies) <= 40 + 2


def test_other_requests_need_another_directory(farm: Farm) -> None:
    assert farm.write(4).returncode == 0 and farm.chunk("0-1") == 0
    assert farm.write(4).returncode == 0
    farm.template.write_text("Say it: {{ shot }}")
    done = farm.write(4)
    assert done.returncode == 2 and "other requests" in done.stderr
    assert (farm.chunk("2-3"), farm.merge()) == (0, 0)


def test_chunk_of_a_changed_template_is_refused(farm: Farm) -> None:
    source = write_rows(farm.folder / "in.jsonl", 4)
    command = ["batch", "run-chunk", str(source), "--template", str(farm.template), "--provider", "openai", "--model",
               "m", "--base-url", farm.server.base_url, "--out", str(farm.out), "--rows"]
    assert farm.cli.run(*command, "0-1").returncode == 0
    farm.template.write_text("Say it: {{ shot }}")
    for rows in ("0-1", "2-3"):
        done = farm.cli.run(*command, rows)
        assert done.returncode == 2 and "template changed" in done.stderr
    assert len(farm.server.bodies) == 2


@farm_tools
def test_openjd_runs_the_job_as_a_plain_run_would(farm: Farm) -> None:
    assert farm.write(200).returncode == 0
    expected = plain(farm)
    checked = farm.openjd("check", str(farm.job))
    said, _ = checked.communicate(timeout=60)
    assert checked.returncode == 0, said
    info = subprocess.run([str(BIN / "deadline"), "bundle", "info", str(farm.job.parent)], capture_output=True,
                          text=True, env=farm.cli.env(), timeout=60, check=False)
    assert info.returncode == 0 and json.loads(info.stdout)["steps"] == ["Prompts", "Merge"], info.stderr
    began = time.monotonic()
    run = farm.openjd("run", str(farm.job), "-p", f"RunDir={farm.out}", key=KEY)
    said, _ = run.communicate(timeout=120)
    print(f"200 rows in 4 chunks and the merge took {time.monotonic() - began:.1f} s")
    assert run.returncode == 0, said
    assert said.count("Row(CHUNK[INT]) = ") == 4 and "openjd_progress: 100.0" in said
    assert farm.answers() == expected
    logs = [said, *(path.read_text() for path in farm.out.rglob("*") if path.is_file())]
    assert not [one for one in logs if KEY in one]


@farm_tools
def test_openjd_goes_on_where_it_was_killed_in_the_second_chunk(farm: Farm) -> None:
    assert farm.write(200, "--max-concurrency", "16").returncode == 0
    expected = plain(farm)
    farm.server.asked.clear()
    farm.server.delay_s = 0.05
    run = farm.openjd("run", str(farm.job), "-p", f"RunDir={farm.out}")
    lock = farm.out / "shards" / "000050-000099.part" / "lock"
    wait_until(lambda: sum(farm.server.asked.values()) >= 60 and lock.exists(), timeout_s=60)
    os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
    run.kill()
    run.communicate()
    left: List[Dict[str, str]] = [{"Row": rows} for rows in ("50-99", "100-149", "150-199")]
    key_file = farm.folder / "key"
    key_file.write_text(f"{KEY}\n")
    again = farm.openjd(
        "run", str(farm.job), "-p", f"RunDir={farm.out}", "-p", f"KeyFile={key_file}", "-p",
        f"KeyPython={sys.executable}",
        "--environment", str(farm.out / "openjd" / "key-environment.json"), "--step", "Prompts", "--tasks",
        json.dumps(left))
    said, _ = again.communicate(timeout=120)
    assert again.returncode == 0, said
    merge = farm.openjd("run", str(farm.job), "-p", f"RunDir={farm.out}", "--step", "Merge", "--no-run-dependencies")
    merged, _ = merge.communicate(timeout=60)
    assert merge.returncode == 0, merged
    assert farm.answers() == expected
    asked = sum(farm.server.asked.values())
    print(f"{asked - 200} rows were asked again")
    assert asked <= 200 + 16 and KEY not in said and "OPENAI_API_KEY=********" in said

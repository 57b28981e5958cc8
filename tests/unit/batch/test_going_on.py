"""What a run directory alone says of how to go on, and how a run ends whose surroundings fail it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.unit.cli_kit import PROGRAM, is_clean, wait_until

from .kit import TEMPLATE, write_rows
from .test_exits import BatchCli, batch

__all__ = ["batch"]

no_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def kept(batch: BatchCli) -> Dict[str, Any]:
    found: Dict[str, Any] = json.loads((batch.out / "run.json").read_text())["command"]
    return found


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_noughts_are_kept(batch: BatchCli, verb: str) -> None:
    noughts = ("--temperature", "0", "--price-in", "0", "--price-out", "0", "--seed", "0", "--budget", "0")
    assert batch.run(*noughts).returncode == 0
    done = batch.cli.run("batch", verb, str(batch.out))
    assert done.returncode == 0, done.stderr
    assert len(batch.server.bodies) == 20 and {body["temperature"] for body in batch.server.bodies} == {0}
    assert [kept(batch)[name] for name in ("temperature", "price_in", "price_out", "seed", "budget")] == [0] * 5


def test_nought_that_is_given_now_wins(batch: BatchCli) -> None:
    assert batch.run("--temperature", "1", "--stop-after", "0s").returncode == 5
    done = batch.cli.run("batch", "resume", str(batch.out), "--temperature", "0", "--stop-after", "60s")
    assert done.returncode == 0 and {body["temperature"] for body in batch.server.bodies} == {0}


def settle(batch: BatchCli, provider: str, model: str) -> None:
    for name, value in (("default_provider", provider), ("default_model", model)):
        done = batch.cli.run("config", "set", name, value)
        assert done.returncode == 0, done.stderr


def plain(batch: BatchCli, *source: str) -> Any:
    return batch.cli.run("batch", "run", *source, "--base-url", batch.server.base_url, "--out", str(batch.out), "--yes")


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_default_that_changed_is_not_followed(batch: BatchCli, verb: str) -> None:
    settle(batch, "openai", "first")
    assert plain(batch, str(batch.input), "--template", str(batch.template)).returncode == 0
    settle(batch, "ollama", "second")
    done = batch.cli.run("batch", verb, str(batch.out))
    assert done.returncode == 0, done.stderr
    assert len(batch.server.bodies) == 20 and {body["model"] for body in batch.server.bodies} == {"first"}
    facts = json.loads((batch.out / "run.json").read_text())
    assert (facts["provider"], facts["model"]) == ("openai", "first")


def test_template_that_names_another_model_is_followed(batch: BatchCli) -> None:
    settle(batch, "openai", "first")
    assert plain(batch, str(batch.input), "--template", str(batch.template)).returncode == 0
    batch.template.write_text(f"---\nmodel: third\n---\n{TEMPLATE}")
    assert batch.cli.run("batch", "resume", str(batch.out)).returncode == 0
    assert {body["model"] for body in batch.server.bodies[20:]} == {"third"} and len(batch.server.bodies) == 40


def test_models_of_lines_stay_their_own(batch: BatchCli) -> None:
    settle(batch, "openai", "first")
    lines = [{"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {
        "messages": [{"role": "user", "content": name}], **({"model": name} if name != "a" else {})}} for name in "abc"]
    batch.input.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert plain(batch, str(batch.input)).returncode == 0
    settle(batch, "openai", "second")
    assert batch.cli.run("batch", "resume", str(batch.out)).returncode == 0
    assert sorted(body["model"] for body in batch.server.bodies) == ["b", "c", "first"]


def test_status_says_why_a_run_stopped(batch: BatchCli) -> None:
    assert batch.run("--stop-after", "0s").returncode == 5
    said = batch.cli.run("batch", "status", str(batch.out))
    assert said.returncode == 0 and "0 of 20 rows have an answer" in said.stdout
    assert "stopped before its end: Stopped after" in said.stdout and "as it was told." in said.stdout
    seen = json.loads(batch.cli.run("batch", "status", str(batch.out), "--json").stdout)
    assert (seen["state"], seen["running"]) == ("stopped before its end", False) and "as it was told" in seen["reason"]
    assert batch.run().returncode == 0
    assert "; ended." in batch.cli.run("batch", "status", str(batch.out)).stdout


def test_status_of_a_merged_job_says_that_it_ended(batch: BatchCli) -> None:
    assert batch.cli.run(*batch.arguments("farm", "--out", str(batch.out))).returncode == 0
    assert "stopped before its end." in batch.cli.run("batch", "status", str(batch.out)).stdout
    assert batch.cli.run("batch", "run-chunk", "--out", str(batch.out), "--rows", "0-19").returncode == 0
    assert batch.cli.run("batch", "merge", str(batch.out)).returncode == 0
    assert "20 of 20 rows have an answer, 0 failed; ended." in batch.cli.run("batch", "status", str(batch.out)).stdout


@no_full_device
@pytest.mark.parametrize("options", [(), ("--progress", "json")])
def test_output_that_cannot_be_written_exits_1(batch: BatchCli, options: Any) -> None:
    batch.server.delay_s = 0.3
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, *batch.arguments("run", "--out", str(batch.out), "--yes", *options)], stdin=subprocess.DEVNULL,
            stdout=full, stderr=subprocess.PIPE, env=batch.cli.env(), timeout=60, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1 and "No space left on device" in said and is_clean(said)
    assert (batch.out / "report.json").exists() and not (batch.out / "lock").exists()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("how", ["time", "signal"])
def test_run_ends_while_its_input_is_still_open(batch: BatchCli, how: str, form: str) -> None:
    more = ("--stop-after", "1s") if how == "time" else ()
    command = batch.arguments("run", "--out", str(batch.out), *more)
    command[2] = "-"
    reading, writing = os.pipe()
    try:
        program = batch.cli.start(*command, stdin=reading)
        os.write(writing, b'{"shot": "a"}\n' if form == "jsonl" else b"shot\na\nb\n")
        if how == "signal":
            wait_until(lambda: (batch.out / "run.json").exists())
            time.sleep(1.0)
            program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=40)
    finally:
        os.close(reading)
        os.close(writing)
    assert program.returncode == (5 if how == "time" else 130), errors.decode()
    assert b"Fatal" not in errors and batch.report()["code"] == program.returncode


def test_rows_of_another_program_are_read_to_their_end(batch: BatchCli) -> None:
    command = batch.arguments("run", "--out", str(batch.out))
    command[2] = "-"
    done = batch.cli.run(*command, stdin=write_rows(batch.folder / "more.jsonl", 3000).read_bytes())
    assert done.returncode == 0 and batch.report()["answered"] == 3000, done.stderr

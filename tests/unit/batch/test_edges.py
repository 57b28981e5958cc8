"""Small things that a run must not get wrong: what it remembers of its command, and what it refuses by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuke_ai_panel.batch import BatchError
from nuke_ai_panel.batch.exchange import export
from nuke_ai_panel.batch.feed import Selection
from nuke_ai_panel.batch.planning import make_plan
from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import Cli

from .kit import TEMPLATE, Bench, rows, write_rows

NK = "Read {\n inputs 0\n file /a.exr\n name Read1\n}\nBlur {\n name Blur1\n}\n"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "t.j2").write_text(TEMPLATE)
    return Cli(tmp_path)


def test_resume_keeps_every_option_of_the_run(cli: Cli) -> None:
    (cli.home / "a.nk").write_text(NK)
    (cli.home / "n.j2").write_text("Explain {{ node }}.")
    with BatchServer() as server:
        server.delay_s = 0.05
        out = str(cli.home / "a.run")
        started = cli.run(
            "batch", "run", "--nk", str(cli.home / "a.nk"), "--nodes", "class:Read", "--repeat", "6", "--template",
            str(cli.home / "n.j2"), "--provider", "openai", "--model", "m", "--base-url", server.base_url, "--out", out,
            "--max-concurrency", "2", "--stop-after", "0s", "--yes")
        assert started.returncode == 5 and server.bodies == []
        assert cli.run("batch", "resume", out, "--stop-after", "60s").returncode == 0
        assert {body["messages"][-1]["content"] for body in server.bodies} == {"Explain Read1."}
        assert len(server.bodies) == 6 and server.most_running <= 2


def test_rows_of_another_program_have_to_be_given_again(cli: Cli) -> None:
    with BatchServer() as server:
        command = ["--template", str(cli.home / "t.j2"), "--provider", "openai", "--model", "m", "--base-url",
                   server.base_url, "--out", str(cli.home / "a.run")]
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in rows(5))
        assert cli.run("batch", "run", "-", *command, stdin=lines).returncode == 0
        for verb in ("resume", "retry"):
            done = cli.run("batch", verb, str(cli.home / "a.run"))
            assert done.returncode == 2 and "another program" in done.stderr
        assert cli.run("batch", "run", "-", *command, stdin=lines).returncode == 0 and len(server.bodies) == 5


def test_unknown_class_of_errors_is_refused(bench: Bench) -> None:
    bench.run(rows(3))
    with pytest.raises(BatchError, match="nonsense is no class of errors") as refused:
        bench.run(rows(3), retry_only=("rate", "nonsense"))
    assert refused.value.code == 2
    assert bench.run(rows(3), retry_only=("rate", "timeout", "5xx", "network", "schema")).code == 0


def test_host_with_a_password_is_refused_before_it_is_written(bench: Bench) -> None:
    with pytest.raises(BatchError, match="user name, a password") as refused:
        bench.run(rows(3), hosts=("http://user:secret-pw@127.0.0.1:9/v1=2",))
    assert refused.value.code == 2 and "secret-pw" not in str(refused.value) and not bench.out.exists()


def test_export_writes_what_was_chosen(bench: Bench, tmp_path: Path) -> None:
    def exported(selection: Selection) -> Any:
        plan = make_plan(bench.app, rows(9), template=TEMPLATE, provider="openai", model="m", selection=selection)
        path, = export(plan, tmp_path / "out", "openai")
        return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]

    assert exported(Selection(limit=2)) == ["r0", "r1"]
    assert exported(Selection(limit=1, repeat=3)) == ["r0#1", "r0#2", "r0#3"]
    assert exported(Selection(first=7)) == ["r7", "r8"]


def test_line_that_wants_any_json_is_held_to_that(bench: Bench, tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Give JSON."}],
            "response_format": {"type": "json_object"}}
    (tmp_path / "o.jsonl").write_text("".join(json.dumps(
        {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n" for name in "ab"))
    bench.server.say = lambda prompt: '{"a": 1}'
    assert bench.run(tmp_path / "o.jsonl", template=None).code == 0
    bench.out = bench.folder / "b.run"
    bench.server.say = lambda prompt: "[1]"
    report = bench.run(tmp_path / "o.jsonl", template=None)
    assert report.code == 3 and report.errors["schema"]["count"] == 2


def test_shards_of_a_small_window_are_written_with_their_options(cli: Cli) -> None:
    with BatchServer() as server:
        server.delay_s = 0.05
        write_rows(cli.home / "in.jsonl", 8)
        written = cli.run(
            "batch", "farm", str(cli.home / "in.jsonl"), "--template", str(cli.home / "t.j2"), "--provider", "openai",
            "--model", "m", "--base-url", server.base_url, "--out", str(cli.home / "f.run"), "--max-concurrency", "2",
            "--csv", str(cli.home / "all.csv"), "--chunk-rows", "8")
        assert written.returncode == 0, written.stderr
        assert cli.run("batch", "run-chunk", "--out", str(cli.home / "f.run"), "--rows", "0-7").returncode == 0
        assert server.most_running <= 2
        merged = cli.run("batch", "merge", str(cli.home / "f.run"))
        assert merged.returncode == 0, merged.stderr
        assert len((cli.home / "all.csv").read_text().splitlines()) == 9

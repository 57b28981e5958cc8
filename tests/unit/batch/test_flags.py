"""What a run can be told beside its rows: streams or not, former answers, the order, a draw, a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from nuke_ai_panel.batch.rows import drawn, source_of
from nuke_ai_panel.batch.values import Reject, Row
from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import Cli

from .kit import TEMPLATE, Bench, rows, write_rows


@pytest.mark.parametrize(("mode", "max_tokens", "streams"), [
    ("on", 100, True), ("off", None, False), ("auto", 100, False), ("auto", 513, True), ("auto", None, True)])
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_answers_come_streamed_or_whole(
    bench: Bench, provider: str, mode: str, max_tokens: Any, streams: bool
) -> None:
    url = bench.server.base_url if provider == "openai" else bench.server.url
    report = bench.run(rows(3), plan={"provider": provider, "base_url": url, "max_tokens": max_tokens}, stream=mode)
    assert (report.code, report.answered, report.output_tokens) == (0, 3, 6)
    assert {body["stream"] for body in bench.server.bodies} == {streams}
    assert bench.lines()[0]["response"]["body"]["choices"][0]["message"]["content"].startswith("ok Describe")


def test_former_answers_are_used_when_they_may_be(bench: Bench) -> None:
    bench.run(rows(100), cache="write")
    assert len(bench.server.bodies) == 100
    bench.out = bench.folder / "b.run"
    report = bench.run(rows(120), cache="rw", plan={"price_in": 1.0, "price_out": 1.0})
    assert (report.code, report.answered, len(bench.server.bodies)) == (0, 120, 120)
    lines = {line["custom_id"]: line for line in bench.lines()}
    assert lines["r5"]["x"]["cached"] and lines["r5"]["response"]["body"]["choices"][0]["message"]["content"] == (
        "ok Describe sh0005.")
    assert "cached" not in lines["r110"]["x"] and report.cost_usd == pytest.approx(20 * 6e-6, rel=0.2)
    for name, given in (("c", {"cache": "off"}), ("d", {"cache": "read", "plan": {"model": "other"}})):
        bench.out, bench.server.bodies = bench.folder / f"{name}.run", []
        assert bench.run(rows(10), **given).answered == 10 and len(bench.server.bodies) == 10


def test_another_server_has_other_answers(bench: Bench) -> None:
    bench.run(rows(5), cache="rw")
    with BatchServer() as other:
        bench.out = bench.folder / "b.run"
        bench.run(rows(5), cache="rw", plan={"base_url": other.base_url})
        assert len(other.bodies) == 5


def test_damaged_cache_is_said_and_costs_nothing_else(bench: Bench, log_lines: Any) -> None:
    folder = bench.app.settings.home / "cache"
    folder.mkdir(parents=True)
    (folder / "answers.db").write_bytes(b"no database" * 1000)
    assert bench.run(rows(5), cache="rw").answered == 5
    log_lines.take("answers of former batches are not used")


def test_results_can_be_put_into_the_order_of_the_rows(bench: Bench) -> None:
    bench.server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if prompt[-2] == "7" else None
    bench.run(rows(60), ordered=True)
    expected = [one["custom_id"] for one in rows(60)]
    assert [line["custom_id"] for line in bench.lines()] == [one for one in expected if one[-1] != "7"]
    assert [line["custom_id"] for line in bench.lines("errors.jsonl")] == [one for one in expected if one[-1] == "7"]
    bench.server.refuse = lambda prompt, times: None
    assert bench.run(rows(60), ordered=True, retry_only=()).code == 0
    assert [line["custom_id"] for line in bench.lines()] == expected


def names(source: Any) -> List[str]:
    return [one.custom_id or "" for one in source.read() if isinstance(one, Row)]


def test_draw_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    source = source_of(write_rows(tmp_path / "in.jsonl", 200))
    whole = names(source)
    mixed = names(drawn(source, shuffle=True, seed=1))
    assert sorted(mixed) == sorted(whole) and mixed != whole and mixed == names(drawn(source, shuffle=True, seed=1))
    some = names(drawn(source, sample=20, seed=3))
    assert len(some) == 20 and some == sorted(some, key=whole.index) and some != names(drawn(source, sample=20, seed=4))
    assert names(drawn(source, sample=500)) == whole
    rejects = [one for one in drawn(source_of([{"a": 1}, 7]), shuffle=True).read() if isinstance(one, Reject)]
    assert len(rejects) == 1


def test_program_knows_them_all(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    (tmp_path / "t.j2").write_text(TEMPLATE)
    with BatchServer() as server:
        server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if "0003" in prompt else None
        done = cli.run(
            "batch", "run", str(write_rows(tmp_path / "in.jsonl", 30)), "--template", str(tmp_path / "t.j2"), "--out",
            str(tmp_path / "a.run"), "--provider", "openai", "--model", "m", "--base-url", server.base_url, "--stream",
            "off", "--cache", "rw", "--ordered", "--shuffle", "--seed", "5", "--max-concurrency", "3", "--log-file",
            str(tmp_path / "a.log"), "--yes")
        assert done.returncode == 3, done.stderr
        kept: Dict[str, Any] = json.loads((tmp_path / "a.run" / "run.json").read_text())["command"]
        assert (kept["seed"], kept["shuffle"], kept["stream"], kept["max_concurrency"]) == (5, True, "off", 3)
        assert {body["stream"] for body in server.bodies} == {False} and server.most_running <= 3
        assert "row r3 failed: bad_request" in (tmp_path / "a.log").read_text()
        server.bodies.clear()
        done = cli.run("batch", "run", str(tmp_path / "in.jsonl"), "--template", str(tmp_path / "t.j2"), "--out",
                       str(tmp_path / "b.run"), "--provider", "openai", "--model", "m", "--base-url", server.base_url,
                       "--cache", "read", "--sample", "12", "--seed", "1", "--yes")
        lines = (tmp_path / "b.run" / "results.jsonl").read_text().splitlines()
        assert len(server.bodies) <= 1 and 11 <= len(lines) <= 12, done.stderr

"""A plan says what a run does: the same rows are none, for the same reason, also of standard input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from nuke_ai_panel.batch import BatchError, calls
from nuke_ai_panel.batch.feed import Selection
from nuke_ai_panel.batch.planning import make_plan
from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import Cli

from .kit import TEMPLATE, Bench, rows

PAGES = ["../up", "/etc/x", "C:\\x", "\\\\server\\x", "a/../b", "nul\0", "CON", "a.", "a ", "x" * 500, "a//b", ""]


def both(bench: Bench, source: List[Dict[str, Any]], **more: Any) -> Dict[str, Any]:
    """What the plan says of rows that are none, having made sure that the run says the same."""
    plan = make_plan(bench.app, source, **{"template": TEMPLATE, "provider": "openai", "model": "m",
                                           "base_url": bench.server.base_url, **more})
    assert plan.survey is not None
    report = calls.run(plan, out=bench.out)
    found = bench.lines("rejects.jsonl")
    assert found == [vars(one) for one in plan.survey.first_rejects]
    assert (report.rows, report.rejected) == (plan.survey.rows, plan.survey.rejects)
    return {one["line"]: one["reason"] for one in found}


def test_ids_that_are_too_long_empty_or_there_already_are_no_rows(bench: Bench) -> None:
    source = [{"custom_id": name, "shot": name} for name in ("a", "x" * 513, "b", "a")]
    assert both(bench, [*source, {"shot": " "}], id="{{ shot }}", template="About {{ shot }}.") == {
        2: "the row's id is too long", 4: "the id a was there before", 5: "the row's id is empty"}


def test_limit_counts_rows_that_cannot_be_asked(bench: Bench) -> None:
    source = [{"shot": "0"}, *rows(5)]
    template = "{{ 1 / (shot | length - 1) }} {{ shot }}"
    found = both(bench, source, template=template, selection=Selection(limit=2))
    assert list(found) == [1] and bench.ids() == ["r0"]


@pytest.mark.parametrize("page", PAGES)
def test_page_that_is_no_name_for_a_file_is_no_row(bench: Bench, page: str) -> None:
    found = both(bench, [{"custom_id": "a", "shot": "1", "page": page}, {"custom_id": "b", "shot": "2", "page": "b"}],
                 page="{{ page }}")
    assert list(found) == [1] and bench.ids() == ["b"]


def test_what_a_row_lacks_is_said_by_the_run_where_no_plan_could(bench: Bench) -> None:
    report = bench.run(iter([{"custom_id": "a"}, *rows(2)]))
    assert (report.code, report.answered) == (3, 2)
    found, = bench.lines("rejects.jsonl")
    assert found["reason"] == "The template needs shot, and the row does not have it"
    assert found["next_step"] == "Mend the template or the row."


def test_repeated_rows_are_counted_as_they_are_asked(bench: Bench) -> None:
    plan = make_plan(bench.app, rows(2), template=TEMPLATE, provider="openai", model="m",
                     selection=Selection(repeat=3))
    assert plan.survey is not None and (plan.survey.rows, plan.survey.distinct) == (6, 2)


# ---------------------------------------------------------------- standard input


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    (tmp_path / "t.j2").write_text(TEMPLATE)
    return Cli(tmp_path)


def command(cli: Cli, verb: str, server: BatchServer, *more: str) -> List[str]:
    return ["batch", verb, "-", "--template", str(cli.home / "t.j2"), "--provider", "openai", "--model", "m",
            "--base-url", server.base_url, *more]


def test_plan_of_standard_input_reads_it(cli: Cli) -> None:
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in rows(3)) + b"{broken\n"
    with BatchServer() as server:
        done = cli.run(*command(cli, "plan", server), stdin=lines)
        assert done.returncode == 0 and "3 rows, 3 different requests" in done.stdout, done.stderr
        assert "line 4: the line is not JSON" in done.stdout and "Describe sh0002." in done.stdout
        found = json.loads(cli.run(*command(cli, "plan", server, "--json"), stdin=lines).stdout)
        assert (found["rows"], found["rejects"]) == (3, 1) and server.bodies == []


@pytest.mark.parametrize(("lines", "words"), [
    (b"", "standard input holds no row that can be used. Check the input."),
    (b"{broken\n", "The first: line 1: the line is not JSON"),
    (b'{"shto": 1}\n', "shot (1 row)"),
])
def test_plan_of_standard_input_without_rows_is_refused(cli: Cli, lines: bytes, words: str) -> None:
    with BatchServer() as server:
        done = cli.run(*command(cli, "plan", server), stdin=lines)
    assert done.returncode == 2 and words in done.stderr


def test_run_of_standard_input_without_rows_says_why(cli: Cli) -> None:
    with BatchServer() as server:
        done = cli.run(*command(cli, "run", server, "--out", str(cli.home / "a.run"), "--yes"), stdin=b"{1\n{2\n")
    assert done.returncode == 2 and "The first: line 1: the line is not JSON" in done.stderr


def test_rows_that_lack_a_name_are_counted(bench: Bench) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"custom_id": "a"}, *rows(2)])
    assert "shot (1 row)" in refused.value.user_text and refused.value.code == 2

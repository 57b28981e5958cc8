"""One file for each row: where it may lie, what happens when it cannot, and that all others are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuke_ai_panel.batch.errors import BatchError
from nuke_ai_panel.batch.reporting import page_path

from .kit import Bench, rows

ESCAPES = (
    "/tmp/pwn.md", "\\tmp\\pwn.md", "\\\\server\\share\\pwn.md", "C:\\pwn.md", "C:pwn.md", "../pwn.md",
    "a/../../pwn.md", "a\\..\\..\\pwn.md", "..", ".", "", "a//b.md", "a/", "a\0b.md", "a:b.md", "CON", "nul.md",
    "a/com1.txt", "a.", "a ",
    "what?.md", "<b>.md", "x" * 250 + ".md", "a\nb.md",
)


@pytest.mark.parametrize("name", ESCAPES)
def test_page_stays_inside_and_has_a_name_that_every_system_takes(name: str, tmp_path: Path) -> None:
    with pytest.raises(BatchError) as refused:
        page_path(tmp_path, name)
    assert refused.value.user_text and refused.value.next_step


@pytest.mark.parametrize("name", ("sh0010.md", "sh/010/v 2.md", "sh\\010.md", "日本.md", ".hidden.md", "concert.md"))
def test_plain_names_are_taken(name: str, tmp_path: Path) -> None:
    assert tmp_path in page_path(tmp_path, name).parents


def test_pages_with_one_name_are_numbered(bench: Bench) -> None:
    given = [{**one, "page": page} for one, page in zip(rows(4), ("a", "A", "b", "a"))]
    report = bench.run(given, plan={"page": "{{ page }}.md"}, ordered=True)
    assert report.code == 0 and not report.problems
    found = {path.name: path.read_text(encoding="utf-8").strip() for path in (bench.out / "pages").iterdir()}
    assert found == {"a.md": "ok Describe sh0000.", "A-2.md": "ok Describe sh0001.", "b.md": "ok Describe sh0002.",
                     "a-3.md": "ok Describe sh0003."}


def test_page_that_cannot_be_written_is_told_and_the_others_are_there(bench: Bench) -> None:
    given = [{**one, "page": page} for one, page in zip(rows(3), ("a", "a/b", "c"))]
    report = bench.run(given, plan={"page": "{{ page }}"}, max_concurrency=1)
    assert (report.code, report.answered, len(report.problems)) == (1, 3, 1)
    assert "a/b" in report.message and "results.jsonl" in report.message
    assert sorted(path.name for path in (bench.out / "pages").iterdir()) == ["a", "c"]
    assert json.loads((bench.out / "report.json").read_text(encoding="utf-8"))["code"] == 1
    assert "## Not written" in (bench.out / "report.md").read_text(encoding="utf-8")


def test_pages_of_a_finished_run_are_written_when_they_are_asked_for(bench: Bench) -> None:
    bench.run(rows(3))
    report = bench.run(rows(3), plan={"page": "{{ shot }}.md"})
    assert report.code == 0 and len(bench.server.bodies) == 3
    assert (bench.out / "pages" / "sh0002.md").read_text(encoding="utf-8") == "ok Describe sh0002.\n"


def test_table_that_cannot_be_written_is_told(bench: Bench) -> None:
    (bench.folder / "there").mkdir()
    report = bench.run(rows(2), csv=str(bench.folder / "there"))
    assert (report.code, report.answered) == (1, 2) and "cannot be written" in report.message

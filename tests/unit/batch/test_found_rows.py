"""Rows that are found: files by a pattern, nodes of a script, tables as spreadsheets write them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import List

import pytest

from nuke_ai_panel.batch import BatchError
from nuke_ai_panel.batch.rows import file_source, stdin_source
from nuke_ai_panel.batch.script_rows import glob_source, nodes_source
from nuke_ai_panel.batch.values import Reject, Row
from nuke_ai_panel.batch.watch import StoppedError, Watch
from tests.fakes.batch_server import BatchServer
from tests.unit.cli_kit import Cli

from .kit import Bench

NK = "Read {\n inputs 0\n file /a.exr\n name Read1\n}\n"


@pytest.fixture
def show(tmp_path: Path) -> Path:
    for name in ("a.nk", "b.nk", "deep/c.nk", ".hidden/d.nk"):
        path = tmp_path / "show" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NK)
    return tmp_path / "show"


def names(pattern: str) -> List[str]:
    return [str(one.custom_id) for one in glob_source(pattern).read() if isinstance(one, Row)]


def test_relative_pattern_gives_whole_ids_and_the_same_fingerprint(
    show: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = glob_source(f"{show}/*.nk")
    monkeypatch.chdir(show.parent)
    relative = glob_source("show/*.nk")
    monkeypatch.chdir(show)
    assert [vars(one) for one in relative.read()] == [vars(one) for one in whole.read()]
    assert relative.fingerprint() == whole.fingerprint()
    assert names("*.nk") == [f"{show}/a.nk", f"{show}/b.nk"]


def test_relative_script_gives_rows_with_its_whole_path(show: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(show)
    row, = nodes_source(Path("a.nk")).read()
    assert isinstance(row, Row) and row.data["script"] == f"{show}/a.nk"


@pytest.mark.parametrize("rows", [("--glob", "show/*.nk"), ("--nk", "show/a.nk")])
def test_resume_from_another_folder_asks_nothing_again(tmp_path: Path, show: Path, rows: List[str],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    cli = Cli(tmp_path)
    (tmp_path / "t.j2").write_text("About {{ script | default('') }}{{ path | default('') }}.")
    monkeypatch.chdir(tmp_path)
    with BatchServer() as server:
        done = cli.run("batch", "run", *rows, "--template", "t.j2", "--provider", "openai", "--model", "m",
                       "--base-url", server.base_url, "--out", "r.run", "--yes")
        assert done.returncode == 0, done.stderr
        asked = len(server.bodies)
        monkeypatch.chdir("/")
        for verb in ("resume", "retry"):
            again = cli.run("batch", verb, str(tmp_path / "r.run"))
            assert again.returncode == 0, again.stderr
        assert len(server.bodies) == asked
    report = json.loads((tmp_path / "r.run" / "report.json").read_text())
    assert (report["changed"], report["input_changed"]) == (0, False)


def test_pattern_of_the_home_is_found_also_in_quotes(show: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(show.parent))
    monkeypatch.setenv("USERPROFILE", str(show.parent))
    assert names("~/show/*.nk") == [f"{show}/a.nk", f"{show}/b.nk"]


def test_links_to_a_folder_do_not_multiply_its_files(show: Path) -> None:
    (show / "deep" / "up").symlink_to(show)
    (show / "deep" / "again").symlink_to(show)
    (show / "also").symlink_to(show / "deep")
    other = show.parent / "other"
    other.mkdir()
    (other / "e.nk").write_text(NK)
    (show / "elsewhere").symlink_to(other)
    expected = [f"{show}/a.nk", f"{show}/b.nk", f"{show}/deep/c.nk", f"{show}/elsewhere/e.nk"]
    assert names(f"{show}/**/*.nk") == expected
    assert names(f"{show}/**") == expected
    assert names(f"{show}/*/*.nk") == expected[2:]
    assert names(f"{show}/**/deep/**/c.nk") == [f"{show}/deep/c.nk"]


def test_a_linked_file_is_a_row_of_its_own(show: Path) -> None:
    (show / "latest.nk").symlink_to(show / "b.nk")
    assert [os.path.basename(one) for one in names(f"{show}/*.nk")] == ["a.nk", "b.nk", "latest.nk"]


def test_brackets_in_a_folder_are_letters(show: Path) -> None:
    odd = show / "sh[01]" / "x.nk"
    odd.parent.mkdir()
    odd.write_text(NK)
    assert str(odd) in names(f"{show}/**/*.nk")


def test_looking_for_files_ends_when_nobody_waits(show: Path) -> None:
    watch = Watch()
    watch.stop()
    with pytest.raises(StoppedError):
        glob_source(f"{show}/**/*.nothing", watch)


def test_pattern_without_files_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BatchError) as refused:
        glob_source(f"{tmp_path}/*.nk")
    assert "finds no file." in refused.value.user_text and "in a shell" in refused.value.next_step


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_unicode_text_of_a_spreadsheet_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    raw = f"{mark}shot{delimiter}note\r\nsh1{delimiter}größer\r\n".encode(encoding)
    (tmp_path / "a.csv").write_bytes(raw)
    for source in (file_source(tmp_path / "a.csv"), stdin_source(io.BytesIO(raw))):
        row, = source.read()
        assert isinstance(row, Row) and row.data == {"shot": "sh1", "note": "größer"} and row.place == "line 2"


@pytest.mark.parametrize(("name", "text", "encoding"), [
    ("a.jsonl", '{"shot": "1"}\n', "utf-16"), ("a.jsonl", '{"shot": "1"}\n', "utf-16-le"),
    ("a.csv", "shot,note\n1,a\n", "utf-16-le"), ("a.csv", "shot,note\n1,a\n", "utf-16-be"),
])
def test_utf_16_that_cannot_be_read_is_refused_in_words(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    (tmp_path / name).write_bytes(raw)
    for source in (file_source(tmp_path / name), stdin_source(io.BytesIO(raw))):
        with pytest.raises(BatchError) as refused:
            list(source.read())
        assert refused.value.user_text == "The input is UTF-16 text, not UTF-8."


@pytest.mark.parametrize("table", ["shot;note\nsh1;a, b\n", "shot\tnote\nsh1\ta, b\n", '\n"shot";"note"\nsh1;"a, b"\n'])
def test_semicolons_and_tabs_part_columns(tmp_path: Path, table: str) -> None:
    (tmp_path / "a.csv").write_text(table)
    row, = file_source(tmp_path / "a.csv").read()
    assert isinstance(row, Row) and row.data == {"shot": "sh1", "note": "a, b"}


@pytest.mark.parametrize("table", ["shot;note\nsh1,a\n", "shot;note\tby\nsh1;a\tb\n"])
def test_header_that_can_be_read_two_ways_is_shown(tmp_path: Path, table: str) -> None:
    (tmp_path / "a.csv").write_text(table)
    with pytest.raises(BatchError) as refused:
        list(file_source(tmp_path / "a.csv").read())
    header = table.split("\n")[0]
    assert refused.value.user_text == f"The header has one column, `{header}`." and refused.value.next_step


def test_header_that_is_not_utf_8_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("größe,note\n1,a\n".encode("latin-1"))
    with pytest.raises(BatchError, match="line 1 is not UTF-8"):
        list(file_source(tmp_path / "a.csv").read())


@pytest.mark.parametrize("header", ["note", '"note; rough"'])
def test_table_of_one_column_keeps_it(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\none; two\nthree\n")
    found = list(file_source(tmp_path / "a.csv").read())
    assert [list(one.data.values()) for one in found if isinstance(one, Row)] == [["one; two"], ["three"]]


def test_lines_keep_their_numbers_below_an_empty_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n\nshot,note\n1,a\n2\n")
    found = list(file_source(tmp_path / "a.csv").read())
    assert [one.line if isinstance(one, Reject) else one.place for one in found] == ["line 4", 5]


def test_rows_of_a_script_are_called_so(bench: Bench) -> None:
    with pytest.raises(BatchError, match="no row") as refused:
        bench.plan([])
    assert refused.value.user_text == "rows of a script holds no row that can be used."
    assert refused.value.next_step == "Check the input."

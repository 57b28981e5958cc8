"""The page of a new batch: frames of a node, prompt files that change, models of heads, samples, what is refused."""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from nuke_ai_panel.batch import script_rows
from nuke_ai_panel.batch.frames import MOST_FRAMES
from nuke_ai_panel_qt.core.host_door import find_host
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.batch_view import BatchView
from tests.fakes.batch_server import BatchServer
from tests.fakes.nuke_fixture import FULL
from tests.unit.cli_kit import ROOT, Cli

from .panel_kit import Desk, close_desk
from .test_batch_view import VERSION, Heartbeat, choose_prompt, desk_of, files, finish, opened, plan_card, run_of

Qt = QtCore.Qt
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
WHAT = "---\ntitle: Say what a node is\n---\nWhat is {{ node }}, a {{ class }}?\n"
LOOK = "---\ntitle: Look at a frame\nimages: file\n---\nFrame {{ frame }} of {{ node }}: {{ file }}\n"
TELL = "---\ntitle: Tell a frame\n---\n{{ frame }}: {{ knobs.size }} | {{ text }}\n"
BROKEN, MENDED = "---\nsystem: {\n---\nWhat is {{ node }}?\n", "---\ntitle: Mended\n---\nWhat is {{ node }}?\n"


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


@pytest.fixture
def prompts(home: Path) -> Path:
    """The folder of the user's own prompt files."""
    own = home / "prompts" / "batch"
    own.mkdir(parents=True)
    (own / "what.j2").write_text(WHAT, encoding="utf-8")
    (own / "look.j2").write_text(LOOK, encoding="utf-8")
    (own / "tell.j2").write_text(TELL, encoding="utf-8")
    return own


@pytest.fixture
def desk(qtbot: Any, server: BatchServer, prompts: Path) -> Iterator[Desk]:  # pytest-qt has no types
    opened_desk = desk_of(qtbot, server)
    yield opened_desk
    close_desk(opened_desk)


@pytest.fixture
def nuke(desk: Desk, nuke_double: Callable[..., Any]) -> Any:  # the double's module
    return nuke_double(version=VERSION).nuke


@pytest.fixture
def plate(nuke: Any, tmp_path: Path) -> Any:  # the double's node
    """A Read of ten pictures on disk, selected."""
    folder = tmp_path / "plates"
    folder.mkdir()
    for frame in range(1001, 1011):
        (folder / f"p.{frame}.png").write_bytes(PNG)
    node = nuke.nodes.Read(name="Read1", file=(folder / "p.%04d.png").as_posix(), first=1001, last=1010)
    node.setSelected(True)
    return node


def over(desk: Desk, prompt: str) -> BatchView:
    """The view over the selection, on one of the prompts here, planned."""
    desk.manager.batch.over_selection()
    view = desk.manager.batch.view
    assert view is not None
    choose_prompt(desk, view, prompt)
    return view


def frames(desk: Desk, view: BatchView, text: Optional[str] = None) -> None:
    """Chooses the frames of the selected node."""
    view.setup.rows.choose("frames")
    if text is not None:
        write(desk, view.setup.place, text)
    desk.until(lambda: not plan_card(desk).is_reading)


def write(desk: Desk, line: QtWidgets.QLineEdit, text: str) -> None:
    line.selectAll()
    desk.bot.keyClicks(line, text)
    desk.press(Qt.Key.Key_Return, on=line)
    desk.until(lambda: not plan_card(desk).is_reading)


def written_rows(desk: Desk) -> List[Dict[str, Any]]:
    text = (Path(run_of(desk).folder) / "rows.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def words_on_page(view: BatchView) -> str:
    """Everything that the page of a new run says."""
    plan = view.setup.plan
    labels = [one.text() for one in (plan.headline, plan.problem, plan.next_step, plan.note)]
    tips = [f"{one.text()} {one.toolTip()}" for one in view.setup.findChildren(QtWidgets.QAbstractButton)]
    lines = [f"{one.text()} {one.placeholderText()}" for one in view.setup.findChildren(QtWidgets.QLineEdit)]
    return "\n".join([*labels, *tips, *lines, plan.accessibleName()])


# ---------------------------------------------------------------- frames of one node


def test_the_frames_of_a_read_are_looked_at_by_a_prompt_with_a_picture(
    desk: Desk, plate: Any, server: BatchServer
) -> None:
    view = over(desk, "look")
    assert ("Frames of Read1", "frames") in view.setup.rows._choices
    frames(desk, view)
    assert view.setup.place.text() == "1001-1010" and view.setup.place.accessibleName() == "Frames"
    assert not view.setup.browse_rows.isVisible()
    assert view.start.text() == "Run 10 rows" and view.start.isEnabled()
    assert "p.1001.png" in view.setup.plan.sample.toPlainText()
    assert "(a picture)" in view.setup.plan.sample.toPlainText()

    desk.click(view.start)
    finish(desk)
    assert view.run.state.text() == "Finished: every row has an answer."
    sent = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(sent) == 10 and all(part[1]["type"] == "image_url" for part in sent)
    rows = written_rows(desk)
    assert [row["custom_id"] for row in rows] == [f"Read1@{frame}" for frame in range(1001, 1011)]
    first = rows[0]
    assert first["frame"] == 1001 and first["file"].endswith("/plates/p.1001.png")
    assert (first["node"], first["name"], first["class"], first["inputs"]) == ("Read1", "Read1", "Read", [])
    assert {"script", "knobs", "label", "has_error", "text"} <= set(first)


def test_knobs_of_a_row_have_their_values_at_its_frame(desk: Desk, nuke: Any, server: BatchServer) -> None:
    nuke.root()["first_frame"].setValue(1)
    nuke.root()["last_frame"].setValue(3)
    soft = nuke.nodes.Blur(name="Soft", label="held")
    soft["size"].setAnimated()
    soft["size"].setValueAt(10, 1)
    soft["size"].setValueAt(30, 3)
    soft["mix"].setExpression("frame/10")
    soft.setSelected(True)
    view = over(desk, "tell")
    frames(desk, view)
    assert view.setup.place.text() == "1-3", "the script's own range"
    desk.click(view.start)
    finish(desk)
    rows = written_rows(desk)
    assert [row["knobs"]["size"] for row in rows] == ["10", "20", "30"]
    assert [row["knobs"]["mix"] for row in rows] == ["0.1", "0.2", "0.3"]
    assert "size 20" in rows[1]["text"] and "curve" not in rows[1]["text"] and "mix 0.2" in rows[1]["text"]
    assert rows[1]["label"] == "held" and nuke.frame() == 1


@pytest.mark.parametrize(("text", "ids"), [
    ("1001-1010x4", ["Read1@1001", "Read1@1005", "Read1@1009"]),
    ("1,5,9", ["Read1@1", "Read1@5", "Read1@9"]),
    ("1001-1003, 1002, 1010", ["Read1@1001", "Read1@1002", "Read1@1003", "Read1@1010"]),
    ("-2-1", ["Read1@-2", "Read1@-1", "Read1@0", "Read1@1"]),
    ("7", ["Read1@7"]),
])
def test_a_range_of_frames_may_be_written_in_many_ways(
    desk: Desk, plate: Any, server: BatchServer, text: str, ids: List[str]
) -> None:
    view = over(desk, "what")
    frames(desk, view, text)
    assert plan_card(desk).headline.startswith(f"{len(ids)} row")
    assert [row["custom_id"] for row in desk.manager.batch.plans.planned.rows] == ids  # type: ignore[union-attr]


@pytest.mark.parametrize(("text", "problem"), [
    ("1010-1001", "ends before it begins"), ("1-10x0", "goes no frame further"), ("first to last", "is no frame range"),
    ("1-", "is no frame range"), (f"1-{MOST_FRAMES + 1}", "has more than 10,000 frames"),
    ("1-999999999", "has more than 10,000 frames"), ("1-6000,10001-16000", "has more than 10,000 frames"),
])
def test_a_range_that_cannot_be_is_one_plain_sentence(desk: Desk, plate: Any, text: str, problem: str) -> None:
    view = over(desk, "what")
    frames(desk, view, text)
    assert problem in view.setup.plan.problem.text() and view.setup.plan.problem.text().endswith(".")
    assert view.setup.plan.next_step.text() and not view.start.isEnabled()


def test_frames_are_offered_for_one_node_and_follow_the_selection(desk: Desk, nuke: Any, plate: Any) -> None:
    view = over(desk, "what")
    frames(desk, view, "1001")
    other = nuke.nodes.Read(name="Other", file="/plates/o.####.exr", first=5, last=8)
    plate.setSelected(False)
    other.setSelected(True)
    desk.click(view.setup.again)
    desk.until(lambda: view.start.text() == "Run 4 rows")
    assert view.setup.rows.text() == "Frames of Other" and view.setup.place.text() == "5-8"
    plate.setSelected(True)
    desk.click(view.setup.again)
    desk.until(lambda: view.setup.rows.text() == "2 selected nodes")
    assert "frames" not in [value for _, value in view.setup.rows._choices]
    desk.until(lambda: view.start.text() == "Run 2 rows")


def test_thousands_of_frames_are_read_without_being_felt(desk: Desk, nuke: Any, monkeypatch: Any) -> None:
    soft = nuke.nodes.Blur(name="Soft")
    soft["size"].setAnimated()
    soft["size"].setValueAt(10, 1)
    soft["size"].setValueAt(30, 5000)
    soft.setSelected(True)
    host = find_host()
    assert host is not None
    slow = type(host).at_frames

    def at_frames(self: Any, name: str, knobs: Any, some: Any) -> Any:
        time.sleep(0.0002 * len(some))  # what a heavy script may take
        return slow(self, name, knobs, some)

    monkeypatch.setattr(type(host), "at_frames", at_frames)
    view = over(desk, "tell")
    gc.collect()
    gc.freeze()
    with Heartbeat() as heart:
        frames(desk, view, "1-5000")
    gc.unfreeze()
    assert view.start.text() == "Run 5,000 rows"
    assert sorted(heart.gaps_ms)[-3] < 100, sorted(heart.gaps_ms)[-5:]


def test_a_node_that_is_gone_is_said(desk: Desk, nuke: Any, plate: Any) -> None:
    view = over(desk, "what")
    frames(desk, view)
    nuke.delete(plate)
    write(desk, view.setup.place, "1001-1003")
    assert view.setup.plan.problem.text() == "There is no node Read1 in the open script."
    assert not view.start.isEnabled()


def test_a_run_over_nodes_names_the_script_it_is_about(desk: Desk, nuke: Any, plate: Any, tmp_path: Path) -> None:
    path = (tmp_path / "sh0010.nk").as_posix()
    nuke.scriptSaveAs(path, 1)
    view = over(desk, "what")
    desk.click(view.start)
    finish(desk)
    assert Path(str(run_of(desk).command["script"])) == Path(path)


# ---------------------------------------------------------------- prompt files


def test_a_mended_prompt_file_is_read_again_with_the_rows(desk: Desk, plate: Any, prompts: Path) -> None:
    (prompts / "broken.j2").write_text(BROKEN, encoding="utf-8")
    view = over(desk, "broken")
    assert view.setup.plan.problem.text().endswith(".") and "line 2" in view.setup.plan.problem.text()
    assert view.setup.plan.next_step.text() == "Mend the head of the prompt file."
    (prompts / "broken.j2").write_text(MENDED, encoding="utf-8")
    desk.click(view.setup.again)
    desk.until(lambda: view.start.text() == "Run 1 row" and view.start.isEnabled())
    assert view.setup.prompt.text() == "Mended"


def test_a_mended_prompt_file_is_read_again_when_it_is_chosen_again(desk: Desk, plate: Any, prompts: Path) -> None:
    (prompts / "broken.j2").write_text(BROKEN, encoding="utf-8")
    view = over(desk, "broken")
    (prompts / "broken.j2").write_text(MENDED, encoding="utf-8")
    desk.press(Qt.Key.Key_Return, on=view.setup.prompt)
    menu = view.setup.prompt.findChild(QtWidgets.QMenu)
    shown = next(one for one in menu.actions() if one.isChecked())
    desk.bot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(shown).center())
    desk.until(lambda: view.start.text() == "Run 1 row" and view.start.isEnabled())
    assert view.setup.prompt.text() == "Mended"


def test_a_mended_prompt_file_is_read_again_when_it_is_picked_again(desk: Desk, plate: Any, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.j2"
    path.write_text(BROKEN, encoding="utf-8")
    view = over(desk, "what")
    plans = desk.manager.batch.plans
    assert plans is not None
    plans.take_file("prompt", str(path))
    desk.until(lambda: "line 2" in view.setup.plan.problem.text())
    path.write_text(MENDED, encoding="utf-8")
    plans.take_file("prompt", str(path))
    desk.until(lambda: view.start.text() == "Run 1 row" and view.start.isEnabled())
    assert [value for _, value in view.setup.prompt._choices].count(str(path)) == 1
    assert view.setup.prompt.text() == "Mended"


def test_a_head_without_a_prompt_below_it_says_what_to_do(desk: Desk, plate: Any, prompts: Path) -> None:
    (prompts / "empty.j2").write_text("---\ntitle: Nothing below\n---\n\n", encoding="utf-8")
    view = over(desk, "empty")
    assert view.setup.plan.problem.text() == "The file has no words below its head."
    assert view.setup.plan.next_step.text() == "Write the prompt below the head."


def test_the_model_that_a_head_names_is_chosen_with_the_prompt(
    desk: Desk, plate: Any, prompts: Path, server: BatchServer, monkeypatch: Any
) -> None:
    (prompts / "vision.j2").write_text("---\nmodel: sees-all\n---\nWhat is {{ node }}?\n", encoding="utf-8")
    (prompts / "nobody.j2").write_text(
        "---\nmodel: gone-model\nprovider: nosuch\n---\nWhat is {{ node }}?\n", encoding="utf-8")

    async def two(connection: Any, request: Any) -> None:
        await server._plain(connection, 200, {"data": [{"id": "m"}, {"id": "sees-all"}]}, {})

    monkeypatch.setattr(server, "_models", two)
    desk.session.refresh_models(force=True)
    desk.until(lambda: any(one.id == "sees-all" for part in desk.session.models.sections for one in part.models))
    view = over(desk, "vision")
    desk.until(lambda: view.setup.model.value() == "openai\tsees-all" and view.start.isEnabled())
    assert dict(plan_card(desk).facts)["Asked"].endswith("sees-all") and view.setup.plan.note.text() == ""
    view.setup.model.choose("openai\tm")
    desk.until(lambda: not plan_card(desk).is_reading and "names sees-all; m is asked" in view.setup.plan.note.text())
    choose_prompt(desk, view, "nobody")
    assert view.setup.model.value() == "openai\tm"
    assert "names nosuch · gone-model; m is asked" in view.setup.plan.note.text() and view.start.isEnabled()


def test_the_sample_of_a_prompt_is_tried_with_one_click(desk: Desk, server: BatchServer) -> None:
    view = opened(desk)
    for name, kind in (("notes-to-tasks", "table"), ("explain-nodes", "nodes"), ("readme-pages", "files")):
        choose_prompt(desk, view, name)
        assert view.setup.sample.isVisible() and view.setup.sample.text() == "Use the sample"
        desk.click(view.setup.sample)
        desk.until(lambda: not plan_card(desk).is_reading)
        assert view.setup.rows.value() == kind and "sample" in view.setup.place.text()
        assert view.start.isEnabled(), view.setup.plan.problem.text()
    choose_prompt(desk, view, "explain-nodes")
    desk.click(view.setup.sample)
    assert view.setup.nodes.text() == "all"
    choose_prompt(desk, view, "what")
    assert not view.setup.sample.isVisible()
    assert server.asked == {}


# ---------------------------------------------------------------- what is refused, in which words


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "-3", "0", "1e999", "$0.00"])
def test_an_amount_that_is_none_has_one_sentence(desk: Desk, plate: Any, text: str) -> None:
    view = over(desk, "what")
    write(desk, view.setup.budget, text)
    assert view.setup.plan.problem.text() == f"“{text}” is no amount of dollars."
    assert view.setup.plan.next_step.text() == "Write it as 2.50, or leave it empty."
    assert not view.start.isEnabled()


def test_a_folder_that_cannot_be_made_is_a_plain_sentence(desk: Desk, plate: Any, home: Path) -> None:
    view = over(desk, "what")
    (home / "batches").write_text("in the way", encoding="utf-8")
    desk.click(view.start)
    desk.until(lambda: "cannot be made" in view.setup.plan.problem.text())
    assert view.page == "new" and str(home / "batches") in view.setup.plan.problem.text()
    assert "bug" not in words_on_page(view) and "room" in view.setup.plan.next_step.text()
    (home / "batches").unlink()
    desk.click(view.setup.again)
    desk.until(lambda: view.start.isEnabled())
    desk.click(view.start)
    finish(desk)
    assert view.run.state.text() == "Finished: every row has an answer."


def test_nothing_on_the_page_is_said_in_the_words_of_the_command_line(
    desk: Desk, plate: Any, prompts: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("x", encoding="utf-8")
    table = tmp_path / "t" / "rows.csv"
    table.parent.mkdir()
    table.write_text("node,class\na,b\n", encoding="utf-8")
    (prompts / "reads.j2").write_text(f"{{{{ {json.dumps(outside.as_posix())} | file }}}} {{{{ node }}}}", "utf-8")
    (prompts / "id.j2").write_text("---\nid: {{ node\n---\nx {{ node }}", encoding="utf-8")
    (prompts / "page.j2").write_text("---\npage: {{ node\n---\nx {{ node }}", encoding="utf-8")
    (prompts / "syntax.j2").write_text("What is {{ node ?", encoding="utf-8")
    view = over(desk, "what")
    said = [words_on_page(view)]
    for name in ("reads", "id", "page", "syntax", "what"):
        choose_prompt(desk, view, name)
        said.append(words_on_page(view))
    write(desk, view.setup.budget, "2.50")
    said.append(words_on_page(view))
    write(desk, view.setup.budget, " ")
    files(desk, view, table)
    said.append(words_on_page(view))
    view.setup.rows.choose("files")
    write(desk, view.setup.place, f"{tmp_path}/none/**/*.nk")
    said.append(words_on_page(view))
    assert "finds no file" in said[-1]
    view.setup.rows.choose("nodes")
    write(desk, view.setup.place, str(table))
    write(desk, view.setup.nodes, "Read1")
    said.append(words_on_page(view))
    assert "does not say which nodes" in said[-1]
    found = [words for words in said if re.search(r"(^|\s)--\w|nuke-ai-panel|shell", words)]
    assert found == []


# ---------------------------------------------------------------- plans that are being made


def test_an_overtaken_plan_stops_reading_and_the_headline_counts(
    desk: Desk, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    for number in range(200):
        folder = tmp_path / "show" / f"sh{number:04d}"
        folder.mkdir(parents=True)
        (folder / "a.nk").write_text("Blur {\n name B\n}\n", encoding="utf-8")
    read: List[str] = []
    whole = script_rows._file_row

    def slowly(path: Path) -> Any:
        read.append(str(path))
        time.sleep(0.02)
        return whole(path)

    monkeypatch.setattr(script_rows, "_file_row", slowly)
    view = over(desk, "what")
    view.setup.rows.choose("files")
    view.setup.place.setText(f"{tmp_path}/show/**/*.nk")
    desk.press(Qt.Key.Key_Return, on=view.setup.place)
    desk.until(lambda: re.fullmatch(r"\d+ rows so far …", view.setup.plan.headline.text()))
    assert not view.start.isEnabled()
    view.setup.rows.choose("selection")
    desk.until(lambda: view.start.text() == "Run 1 row" and view.start.isEnabled())
    desk.pause(100)
    count = len(read)
    desk.pause(400)
    assert len(read) == count < 200
    assert view.start.text() == "Run 1 row", "what was overtaken does not come back"


def test_a_plan_that_comes_too_late_does_not_hide_what_is_wrong_now(
    desk: Desk, plate: Any, monkeypatch: Any
) -> None:
    whole = script_rows._file_row

    def slowly(path: Path) -> Any:
        time.sleep(0.3)
        return whole(path)

    monkeypatch.setattr(script_rows, "_file_row", slowly)
    view = over(desk, "notes-to-tasks")
    choose_prompt(desk, view, "readme-pages")
    view.setup.sample.click()
    assert plan_card(desk).is_reading
    view.setup.budget.setText("abc")
    desk.press(Qt.Key.Key_Return, on=view.setup.budget)
    desk.pause(1200)
    assert "no amount" in view.setup.plan.problem.text() and not view.start.isEnabled()


def test_looking_for_files_ends_with_the_plan(
    desk: Desk, plate: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    for number in range(200):
        (tmp_path / "show" / f"sh{number:04d}").mkdir(parents=True)
    walked: List[str] = []
    listed = os.scandir

    def slowly(path: Any = ".") -> Any:
        if "show" in str(path):
            walked.append(str(path))
            time.sleep(0.02)
        return listed(path)

    monkeypatch.setattr(os, "scandir", slowly)
    view = over(desk, "what")
    view.setup.rows.choose("files")
    view.setup.place.setText(f"{tmp_path}/show/**/*.nk")
    desk.press(Qt.Key.Key_Return, on=view.setup.place)
    desk.until(lambda: len(walked) > 10)
    view.setup.rows.choose("selection")
    desk.until(lambda: view.start.isEnabled())
    desk.pause(100)
    count = len(walked)
    desk.pause(300)
    assert len(walked) == count < 200


# ---------------------------------------------------------------- a short pane


@pytest.fixture
def large_type(qapp: Any) -> Iterator[None]:  # pytest-qt has no types
    """A font of 24 pixels, as on a screen that is read from afar."""
    before = qapp.font()
    large = qapp.font()
    large.setPixelSize(24)
    qapp.setFont(large)
    yield
    qapp.setFont(before)


def test_the_page_of_a_run_scrolls_in_a_short_pane(large_type: None, desk: Desk, nuke: Any) -> None:
    for number in range(8):
        nuke.nodes.Blur(name=f"Soft{number}").setSelected(True)
    desk.widget.resize(320, 460)
    view = over(desk, "what")
    desk.click(view.start)
    finish(desk)
    view.run.results.choose("Soft3")
    desk.pause(200)
    run = view.run
    parts = [run.title, run.state, run.bar, run.line, run._buttons, run.results.all, run.results.list,
             run.results.title, run.results.detail]
    for above, below in zip(parts, parts[1:]):
        assert _bottom(above, run) <= _top(below, run), (above, below)
    assert _bottom(run.results.detail, run) <= run.height()
    area = next(one for one in view.findChildren(QtWidgets.QScrollArea) if one.isAncestorOf(run))
    assert area.verticalScrollBar().maximum() > 0 and run.width() < 320
    desk.widget.resize(700, 1200)
    desk.until(lambda: area.verticalScrollBar().maximum() == 0)


def _top(part: QtWidgets.QWidget, within: QtWidgets.QWidget) -> int:
    return int(part.mapTo(within, QtCore.QPoint(0, 0)).y())


def _bottom(part: QtWidgets.QWidget, within: QtWidgets.QWidget) -> int:
    return _top(part, within) + part.height()


# ---------------------------------------------------------------- the same from the Script Editor

SCENE = """
import sys
sys.path[:0] = [{src!r}]
from tests.fakes.nuke import Host
Host({version}, terminal=True).install()
import nuke
for name in {names!r}:
    nuke.nodes.Read(name=name, file={file!r}, first=1001, last=1010).setSelected(True)
"""


@pytest.mark.parametrize(("mark", "names", "ids"), [
    ("nodes.run", ["Read1", "Read2"], {"Read1", "Read2"}),
    ("frames.run", ["Read1"], {f"Read1@{frame}" for frame in range(1001, 1101, 5)}),
])
def test_the_page_shows_how_nodes_and_frames_are_asked_from_the_script_editor(
    server: BatchServer, tmp_path: Path, mark: str, names: List[str], ids: set[str]
) -> None:
    for frame in range(1001, 1101):
        (tmp_path / f"p.{frame}.png").write_bytes(PNG)
    (tmp_path / "settings.toml").write_text(
        f'default_provider = "ollama"\ndefault_model = "m"\n[providers.ollama]\nbase_url = "{server.url}"\n', "utf-8")
    page = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    recipe = next(text for text in re.findall(r"```python\n(.*?)```", page, re.S) if mark in text)
    scene = SCENE.format(src=str(ROOT / "src"), version=FULL[16], names=names, file=f"{tmp_path.as_posix()}/p.%04d.png")
    recipe = recipe.replace("/show/plates", tmp_path.as_posix()).replace("/show/ai", tmp_path.as_posix())
    done = subprocess.run([sys.executable, "-X", "dev", "-c", scene + recipe], capture_output=True, text=True,
                          timeout=60, check=False, env=Cli(tmp_path).env(), cwd=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / mark / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["custom_id"] for line in lines} == ids

"""A batch that is watched and the batches there were: limits, scripts, groups, what is said, and the keyboard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional

import pytest

from nuke_ai_panel.batch.past_runs import Ended
from nuke_ai_panel_qt.core.batch_nodes import other_script
from nuke_ai_panel_qt.core.batch_words import result_row
from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.batch_values import BatchForm
from nuke_ai_panel_qt.ui.batch_view import BatchView
from nuke_ai_panel_qt.ui.path_names import below, common_folder, shortened
from nuke_ai_panel_qt.ui.text_view import TextView
from nuke_ai_panel_qt.ui.theme import light_palette, nuke_palette, theme_of
from tests.fakes.batch_server import BatchServer

from .panel_kit import Desk, close_desk
from .test_batch_view import (
    VERSION,
    add_nodes,
    choose_prompt,
    desk_of,
    finish,
    opened,
    over_selection,
    plan_card,
    run_of,
)

Qt = QtCore.Qt
WHAT = "---\ntitle: Say what a node is\nmax_tokens: 10\n---\nWhat is {{ node }}, a {{ class }}?\n"
SCRIPT = "---\ntitle: Say what a script is\n---\nWhat is {{ path }}?\n"
NOTE = "---\ntitle: Say what a note wants\n---\nWhat of {{ shot }}?\n"
PRICES = '[budget.prices."m"]\ninput = 1000.0\noutput = 1000.0\n[end]\n'
COMP = """Root {
}
Blur {
 name Soft0
 size 3
}
Group {
 inputs 0
 name Group1
}
Blur {
 name InnerBlur
}
end_group
"""
ENGLISH_GOOD = "Finished: every row has an answer."


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


@pytest.fixture
def desk(qtbot: Any, server: BatchServer, home: Path) -> Iterator[Desk]:  # pytest-qt has no types
    own = home / "prompts" / "batch"
    own.mkdir(parents=True)
    for name, text in (("what", WHAT), ("script", SCRIPT), ("note", NOTE)):
        (own / f"{name}.j2").write_text(text, encoding="utf-8")
    made = desk_of(qtbot, server)
    yield made
    close_desk(made)


@pytest.fixture
def double(desk: Desk, nuke_double: Callable[..., Any]) -> Any:  # the double
    """A Nuke with nothing in its script."""
    return nuke_double(version=VERSION)


@pytest.fixture
def nuke(double: Any) -> Any:
    """Its module."""
    return double.nuke


def run_over(desk: Desk, **form: str) -> BatchView:
    """A finished run of what a form names."""
    view = opened(desk) if desk.panel.overlay.content() is None else desk.manager.batch.view
    assert view is not None
    prompt = form.pop("prompt")
    choose_prompt(desk, view, prompt)
    now = view.setup.form()
    view.setup.set_form(BatchForm(prompt=now.prompt, model=now.model, **form))  # type: ignore[arg-type]  # texts
    view.setup.changed.emit()
    desk.until(lambda: view.start.isEnabled())
    desk.click(view.start)
    finish(desk)
    return view


def selected_run(desk: Desk) -> BatchView:
    """A finished run over the selection."""
    view = over_selection(desk)
    desk.click(view.start)
    finish(desk)
    desk.until(lambda: view.page == "run")
    return view


def rows(view: BatchView) -> List[Any]:  # ResultRows
    return view.run.results.model.shown


def go_to(desk: Desk, view: BatchView, row_id: str) -> str:
    """What is said after a click on *Go to the node*; empty where it went there."""
    desk.panel.toast.hide()
    view.run.results.choose(row_id)
    desk.click(view.run.results.go)
    return str(desk.panel.toast.label.text()) if desk.panel.toast.isVisible() else ""


def show_in_list(desk: Desk, view: BatchView, name: str, at: int = 0) -> None:
    """Clicks a button of a line of the page Runs."""
    desk.click(view.pages["runs"])
    desk.until(lambda: len(view.past.runs) > at)
    desk.pause(150)
    found = [one for one in view.past.findChildren(QtWidgets.QAbstractButton)
             if one.isVisible() and one.text() == name]
    desk.click(sorted(found, key=lambda one: one.mapTo(view, QtCore.QPoint(0, 0)).y())[at])


# ---------------------------------------------------------------- limits


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(PRICES, encoding="utf-8")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(policy))


def capped(desk: Desk) -> BatchView:
    """A run of 60 rows that stopped at 0.20 dollars."""
    view = over_selection(desk)
    view.setup.budget.setText("0.2")
    desk.press(Qt.Key.Key_Return, on=view.setup.budget)
    desk.until(lambda: view.start.isEnabled())
    desk.click(view.start)
    finish(desk)
    desk.until(lambda: view.run.cap.isVisible())
    return view


def test_a_run_that_stopped_at_its_limit_goes_on_with_a_new_one(
    priced: None, desk: Desk, nuke: Any, server: BatchServer
) -> None:
    add_nodes(nuke, range(30))
    view = capped(desk)
    answered = sum(server.asked.values())
    assert 0 < answered < 60 and "still to do" in view.run.state.text()
    assert view.run.cap.text() == "0.20" and "higher limit" in view.run.note.text()

    for wrong in ("two", "0", "-1", "nan", "inf", ""):
        view.run.cap.setText(wrong)
        desk.click(view.run.go_on)
        desk.until(lambda: not desk.manager.batch.runs.is_starting)  # type: ignore[union-attr]  # it is there
        assert f"“{wrong}” is no amount of dollars." in view.run.state.text(), wrong
        assert view.page == "run" and view.run.cap.text() == wrong
    assert sum(server.asked.values()) == answered

    view.run.cap.setText("$50")
    desk.press(Qt.Key.Key_Return, on=view.run.cap)
    desk.until(lambda: view.run.state.text() == ENGLISH_GOOD, 30_000)
    assert not view.run.cap.isVisible() and sum(server.asked.values()) == 60
    assert json.loads((run_of(desk).folder / "run.json").read_text(encoding="utf-8"))["command"]["budget"] == 50


def test_continue_in_the_list_asks_for_the_new_limit_first(
    priced: None, desk: Desk, nuke: Any, server: BatchServer
) -> None:
    add_nodes(nuke, range(30))
    view = capped(desk)
    show_in_list(desk, view, "Continue")
    desk.until(lambda: view.page == "run" and view.run.cap.hasFocus())
    assert view.run.cap.text() == "0.20" and "limit" in view.run.state.text()


# ---------------------------------------------------------------- scripts and nodes


def test_a_row_of_another_script_is_not_gone_to(desk: Desk, nuke: Any, tmp_path: Path) -> None:
    nuke.nodes.Blur(name="Soft0").setSelected(True)
    first, second = tmp_path / "A.nk", tmp_path / "B.nk"
    nuke.scriptSaveAs(str(first), 1)
    view = selected_run(desk)
    assert go_to(desk, view, "Soft0") == ""
    nuke.scriptClear()
    nuke.nodes.Blur(name="Soft0")
    nuke.scriptSaveAs(str(second), 1)
    assert go_to(desk, view, "Soft0") == "This row is about A.nk, and B.nk is open. Open A.nk first."
    assert nuke.selectedNodes() == []
    nuke.scriptOpen(str(first))
    assert go_to(desk, view, "Soft0") == ""
    assert [node.name() for node in nuke.selectedNodes()] == ["Soft0"]


def test_a_script_that_had_no_file_is_known_by_its_nodes(desk: Desk, nuke: Any, tmp_path: Path) -> None:
    nuke.nodes.Blur(name="Soft0").setSelected(True)
    view = selected_run(desk)
    nuke.scriptSaveAs(str(tmp_path / "named.nk"), 1)
    assert go_to(desk, view, "Soft0") == ""
    nuke.scriptClear()
    nuke.nodes.Blur(name="Soft0")
    assert "had no file" in go_to(desk, view, "Soft0") and nuke.selectedNodes() == []


def test_rows_of_a_file_go_to_that_file_only(desk: Desk, nuke: Any, tmp_path: Path) -> None:
    script = tmp_path / "comp.nk"
    script.write_text(COMP, encoding="utf-8")
    nuke.nodes.Blur(name="Soft0")
    view = run_over(desk, prompt="what", rows="nodes", script=str(script))
    assert "about comp.nk" in go_to(desk, view, "comp.nk:Soft0")
    nuke.scriptOpen(str(script))
    assert go_to(desk, view, "comp.nk:Soft0") == ""
    assert go_to(desk, view, "comp.nk:Group1.InnerBlur") == ""


def test_rows_that_are_no_nodes_have_no_button(desk: Desk, nuke: Any, tmp_path: Path) -> None:
    nuke.nodes.Blur(name="Soft0")
    table = tmp_path / "notes.csv"
    table.write_text("custom_id,shot\nSoft0,sh0010\n", encoding="utf-8")
    view = run_over(desk, prompt="note", rows="table", table=str(table))
    view.run.results.choose("Soft0")
    assert view.run.results.detail.isVisible() and not view.run.results.go.isVisible()


@pytest.mark.parametrize(("wanted", "opened_one", "said"), [
    ("/a/comp.nk", "/a/comp.nk", ""), ("/a/comp.nk", "/a/../a/comp.nk", ""),
    ("/a/A.nk", "/a/B.nk", "This row is about A.nk, and B.nk is open. Open A.nk first."),
    ("/a/comp.nk", "/b/comp.nk", "This row is about /a/comp.nk, and /b/comp.nk is open. Open /a/comp.nk first."),
    ("/a/A.nk", "", "This row is about A.nk, and the unsaved script is open. Open A.nk first."),
])
def test_scripts_are_compared_by_their_whole_path(wanted: str, opened_one: str, said: str) -> None:
    title = Path(opened_one).name or "the unsaved script"
    assert other_script(str(Path(wanted)), opened_one, title, "Blur1").replace("\\", "/") == said


def test_a_node_in_a_group_is_gone_to_inside_its_group(desk: Desk, nuke: Any, double: Any) -> None:
    group = nuke.nodes.Group(name="Group1")
    with group:
        inner, beside = nuke.nodes.Blur(name="InnerBlur"), nuke.nodes.Blur(name="Beside")
        for node in (inner, beside):
            node.setSelected(True)
    outer = nuke.nodes.Blur(name="Outer")
    outer.setSelected(False)
    with group:
        view = selected_run(desk)
    inner.setSelected(False)
    assert sorted(row.id for row in rows(view)) == ["Group1.Beside", "Group1.InnerBlur"]
    assert go_to(desk, view, "Group1.InnerBlur") == ""
    assert inner["selected"].value() and not beside["selected"].value()
    assert double.desk.tree == "Group1" and double.desk.fitted == ["Group1.InnerBlur"]
    nuke.delete(inner)
    assert "no node Group1.InnerBlur" in go_to(desk, view, "Group1.InnerBlur")


@pytest.mark.parametrize(("row_id", "script", "node"), [
    ("Read1@1001", "", "Read1"), ("Group1.Read1@-5", "/a/A.nk", "Group1.Read1"), ("A.nk:Read1", "/a/A.nk", "Read1"),
    ("A.nk:Root", "/a/A.nk", ""), ("Read1", None, ""),
])
def test_a_row_leads_to_the_node_that_it_is_about(row_id: str, script: Optional[str], node: str) -> None:
    assert result_row(Ended(row_id, "x"), script).node == node


def test_a_renamed_node_is_found_again(desk: Desk, nuke: Any) -> None:
    blur = nuke.nodes.Blur(name="Soft0")
    blur.setSelected(True)
    view = selected_run(desk)
    blur.setName("Edge")
    blur.setSelected(False)
    nuke.nodes.Grade(name="Soft0")
    assert go_to(desk, view, "Soft0") == ""
    assert [node.name() for node in nuke.selectedNodes()] == ["Edge"]


def test_scripts_of_one_name_are_told_apart(desk: Desk, tmp_path: Path) -> None:
    for shot in ("sh0010", "sh0020"):
        (tmp_path / "show" / shot).mkdir(parents=True)
        (tmp_path / "show" / shot / "comp.nk").write_text(COMP, encoding="utf-8")
    view = run_over(desk, prompt="script", rows="files", files=f"{tmp_path}/show/**/*.nk")
    assert [title for title, _ in plan_card(desk).samples] == [str(Path("sh0010/comp.nk")), str(Path("sh0020/comp.nk"))]
    assert sorted(map(view.run.results.model.title_of, rows(view))) == [
        str(Path("sh0010/comp.nk")), str(Path("sh0020/comp.nk"))]
    row = rows(view)[0]
    view.run.results.choose(row.id)
    assert view.run.results.place.text() == row.id and Path(row.id).is_absolute()
    index = view.run.results.model.index(0, 0)
    assert Path(row.id).name in str(index.data(int(Qt.ItemDataRole.ToolTipRole)))


@pytest.mark.parametrize(("paths", "names"), [
    (["/s/a/x.nk", "/s/b/x.nk"], ["a/x.nk", "b/x.nk"]), (["/s/a/x.nk"], ["x.nk"]), (["Blur1", "Group1.Blur1"], None),
    (["/s/a/x.nk", "/t/x.nk", "y"], None), (["/s/a/x.nk", "/s/a/y.nk"], ["x.nk", "y.nk"]),
    (["C:\\s\\a\\x.nk", "C:\\s\\b\\x.nk"], ["a\\x.nk", "b\\x.nk"]),
])
def test_paths_are_called_by_what_is_below_their_folder(paths: List[str], names: Optional[List[str]]) -> None:
    folder: Optional[str] = None
    for path in paths:  # as they come in
        folder = common_folder([path], folder)
    assert folder == common_folder(paths)
    assert [below(path, folder) for path in paths] == (names or paths)


def test_a_long_path_keeps_its_first_folders_and_its_file() -> None:
    path = "seq/sh0010/comp/nuke/x.nk"
    assert shortened(path, lambda shown: True) == path
    assert shortened(path, lambda shown: len(shown) < 24) == "seq/sh0010/comp/…/x.nk"
    assert shortened(path, lambda shown: len(shown) < 20) == "seq/sh0010/…/x.nk"
    assert shortened(path, lambda shown: False) == "seq/…/x.nk" and shortened("x.nk", lambda shown: False) == "x.nk"


# ---------------------------------------------------------------- what is said


def test_what_has_no_answer_is_said_in_words(desk: Desk, server: BatchServer, tmp_path: Path) -> None:
    server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if "bad" in prompt else None
    table = tmp_path / "notes.jsonl"
    table.write_text('{"shot": "bad1"}\n{"shot": "bad2"}\nnot json\n{"shot": "sh0010"}\n', encoding="utf-8")
    view = run_over(desk, prompt="note", rows="table", table=str(table))
    desk.until(lambda: view.run.state.text() == "Finished: 2 rows failed; 1 line was no row.")
    show_in_list(desk, view, "Show")
    assert "2 rows failed; 1 line was no row" in view.past.runs[0].facts
    desk.until(lambda: view.page == "run")
    assert view.run.state.text() == "Finished: 2 rows failed; 1 line was no row."


def test_an_answer_that_was_cut_short_says_so(
    desk: Desk, nuke: Any, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_nodes(nuke, range(1))
    server.finish = "length"
    view = selected_run(desk)
    desk.until(lambda: len(rows(view)) == 2)
    assert all("cut short" in row.facts for row in rows(view))
    show_in_list(desk, view, "Show")
    desk.until(lambda: view.page == "run" and len(rows(view)) == 2)
    assert all("cut short" in row.facts for row in rows(view))


def test_a_server_that_is_away_is_said_while_it_is_tried(desk: Desk, nuke: Any, server: BatchServer) -> None:
    add_nodes(nuke, range(1))
    view = over_selection(desk)
    server.broken = lambda prompt, times: b""
    desk.click(view.start)
    desk.until(lambda: view.run.state.text() == "Cannot be reached; trying again", 20_000)
    assert view.run.state._role == "warning"
    server.broken = lambda prompt, times: None
    desk.until(lambda: view.run.state.text() == ENGLISH_GOOD, 30_000)


def test_a_run_that_cannot_go_on_says_so_in_its_place(desk: Desk, nuke: Any, server: BatchServer) -> None:
    add_nodes(nuke, range(10))
    server.delay_s = 5.0
    view = over_selection(desk)
    plan = plan_card(desk)
    desk.click(view.start)
    desk.until(lambda: server.running > 0)
    desk.click(view.run.cancel)
    desk.click(view.run.drop)
    finish(desk)
    (run_of(desk).folder / "rows.jsonl").unlink()
    desk.click(view.run.go_on)
    desk.until(lambda: "rows.jsonl" in view.run.state.text())
    assert view.page == "run" and view.run.go_on.isVisible()
    desk.click(view.pages["new"])
    assert plan_card(desk) == plan and view.start.isEnabled()

    show_in_list(desk, view, "Continue")
    desk.until(lambda: view.page == "run" and "rows.jsonl" in view.run.state.text())


def test_the_run_under_way_can_always_be_reached(desk: Desk, nuke: Any, server: BatchServer) -> None:
    add_nodes(nuke, range(2))
    view = selected_run(desk)
    add_nodes(nuke, range(10, 20))
    server.delay_s = 1.0
    desk.click(view.pages["new"])
    desk.click(view.setup.again)
    desk.until(lambda: view.start.text() == "Run 24 rows" and view.start.isEnabled())
    desk.click(view.start)
    desk.until(lambda: view.run.state.text() == "Running")

    show_in_list(desk, view, "Show", at=1)
    desk.until(lambda: view.run.state.text() == ENGLISH_GOOD)
    assert view.past.runs[0].is_running and "running" in view.past.runs[0].facts
    desk.click(view.pages["new"])
    desk.click(view.pages["run"])
    assert view.run.pause.isVisible() and "24" in view.run.line.text()

    show_in_list(desk, view, "Show", at=1)
    desk.until(lambda: view.run.state.text() == ENGLISH_GOOD)
    show_in_list(desk, view, "Show")
    desk.until(lambda: view.run.pause.isVisible())
    server.delay_s = 0.0
    finish(desk)


# ---------------------------------------------------------------- the report, the look, the keyboard


def failed_run(desk: Desk, nuke: Any, server: BatchServer) -> BatchView:
    add_nodes(nuke, range(3))
    server.refuse = lambda prompt, times: (400, {"error": {"message": "no"}}, {}) if "Soft1," in prompt else None
    return selected_run(desk)


def test_the_report_is_shown_as_a_page(desk: Desk, nuke: Any, server: BatchServer) -> None:
    view = failed_run(desk, nuke, server)
    desk.widget.resize(320, 700)
    desk.click(view.run.report)
    desk.until(view.is_showing_report)
    words = view.report.words()
    assert "Slowest rows" in words and "failed" in words
    assert "|" not in words and "**" not in words and "# " not in words
    assert view.report.area.widget().width() <= view.report.area.viewport().width()
    desk.press(Qt.Key.Key_Escape)
    assert not view.is_showing_report() and view.page == "run"
    assert desk.panel.overlay.content() is view and view.run.results.list.hasFocus()
    desk.press(Qt.Key.Key_Escape)
    assert desk.panel.overlay.content() is None


def test_another_palette_reaches_the_answer_and_the_report(desk: Desk, nuke: Any, server: BatchServer) -> None:
    view = failed_run(desk, nuke, server)
    view.run.results.choose("Soft1")
    role = QtGui.QPalette.ColorRole
    for palette in (light_palette(), nuke_palette()):
        desk.widget.setPalette(palette)
        theme, shown = theme_of(view), view.run.results.detail.palette()
        assert shown.color(role.Base) == theme.code_ground and shown.color(role.Text) == theme.text
    desk.click(view.run.report)
    desk.until(view.is_showing_report)
    for palette in (light_palette(), nuke_palette()):
        desk.widget.setPalette(palette)
        first = view.report.findChildren(TextView)[0].document().firstBlock().begin().fragment()
        assert first.charFormat().foreground().color() == theme_of(view).text


def test_the_keyboard_follows_the_buttons(desk: Desk, nuke: Any, server: BatchServer) -> None:
    add_nodes(nuke, range(20))
    server.delay_s = 3.0
    view = over_selection(desk)
    desk.click(view.start)
    desk.until(lambda: server.running > 0 and view.run.pause.isVisible())
    space = Qt.Key.Key_Space
    view.run.pause.setFocus()
    for pressed, then in ((view.run.pause, view.run.go_on), (view.run.go_on, view.run.pause)):
        desk.press(space, on=pressed)
        assert desk.widget.focusWidget() is then
    view.run.cancel.setFocus()
    desk.press(space, on=view.run.cancel)
    assert desk.widget.focusWidget() is view.run.drop
    desk.press(space, on=view.run.drop)
    finish(desk)
    desk.until(lambda: view.run.go_on.isVisible())
    assert desk.widget.focusWidget() is view.run.go_on
    server.delay_s = 0.5
    desk.press(space, on=view.run.go_on)
    desk.until(lambda: view.run.pause.isVisible())
    assert desk.widget.focusWidget() is view.run.pause
    server.delay_s = 0.0
    finish(desk)
    assert view.isAncestorOf(desk.widget.focusWidget())


def test_a_run_whose_folder_went_away_is_shown_as_it_was(desk: Desk, nuke: Any, server: BatchServer) -> None:
    add_nodes(nuke, range(1))
    view = selected_run(desk)
    desk.click(view.pages["runs"])
    desk.until(lambda: len(view.past.runs) == 1)
    shutil.rmtree(run_of(desk).folder)
    desk.pause(150)
    desk.click(desk.button("Show", view.past))
    desk.until(lambda: view.page == "run")
    assert view.run.state.text()

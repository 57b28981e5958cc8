"""The prompt library: `/` offers, Enter puts in, variables are filled or asked for, files count when they change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nuke_ai_panel.core.prompt_files import STUDIO_FOLDERS
from nuke_ai_panel.settings import home_dir
from nuke_ai_panel_qt.core import prompt_desk
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk

Qt = QtCore.Qt


@pytest.fixture(autouse=True)
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "studio-prompts"
    folder.mkdir()
    (folder / "rotoscope.md").write_text(
        "---\ntitle: Rotoscope plan\n---\nPlan the roto of {{subject}} for {{length}} frames.", "utf-8")
    monkeypatch.setenv(STUDIO_FOLDERS, f"{folder}{os.pathsep}{tmp_path / 'missing'}")
    return folder


def prompt(desk: Desk) -> Any:  # the composer's field
    return desk.panel.composer.prompt


def test_slash_filters_and_enter_puts_the_prompt_in_with_the_caret_on_its_first_variable(
    desk: Desk, model_server: FakeModelServer
) -> None:
    offered = desk.manager.prompts.list
    desk.type("/")
    desk.until(lambda: "rotoscope" in offered.rows())
    desk.type("ro")
    desk.until(lambda: offered.rows()[:2] == ["roto-plan", "rotoscope"] or offered.rows()[0] == "rotoscope")
    offered.setCurrentRow(offered.rows().index("rotoscope"))
    desk.press(Qt.Key.Key_Return, on=prompt(desk))
    assert desk.panel.composer.text() == "Plan the roto of {{subject}} for {{length}} frames."
    assert prompt(desk).textCursor().selectedText() == "{{subject}}" and not offered.isVisible()
    desk.type("her hair")
    desk.press(Qt.Key.Key_Tab, on=prompt(desk))
    assert prompt(desk).textCursor().selectedText() == "{{length}}" and prompt(desk).hasFocus()
    desk.press(Qt.Key.Key_Return, on=prompt(desk))
    assert "Still to be filled in: {{length}}" in desk.panel.composer.hint.text() and model_server.chats == []
    desk.type("12")
    desk.press(Qt.Key.Key_Return, on=prompt(desk))
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    assert model_server.chats[-1].json()["messages"][-1]["content"] == "Plan the roto of her hair for 12 frames."


def test_slash_elsewhere_opens_nothing_and_escape_leaves_the_text(desk: Desk, model_server: FakeModelServer) -> None:
    offered = desk.manager.prompts.list
    desk.type("what is /ro")
    desk.pause(50)
    assert not offered.isVisible()
    desk.panel.composer.set_text("")
    desk.type("/ro")
    desk.until(offered.isVisible)
    desk.press(Qt.Key.Key_Escape, on=prompt(desk))
    assert not offered.isVisible() and desk.panel.composer.text() == "/ro"
    desk.type("x")
    assert not offered.isVisible()
    desk.press(Qt.Key.Key_Return, on=prompt(desk))
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    assert desk.texts()[0] == "/rox"


def test_edit_of_a_file_counts_within_two_seconds_also_while_the_list_is_open(desk: Desk, studio: Path) -> None:
    offered = desk.manager.prompts.list
    desk.type("/")
    desk.until(lambda: "rotoscope" in offered.rows())
    (studio / "rota.md").write_text("Who is on the rota?", "utf-8")
    desk.until(lambda: "rota" in offered.rows(), timeout_ms=4000)
    (studio / "rotoscope.md").unlink()
    desk.until(lambda: "rotoscope" not in offered.rows(), timeout_ms=4000)


def test_what_the_host_knows_is_filled_in(desk: Desk, studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (studio / "nodes.md").write_text("Look at {{selected_nodes}} in {{script_name}} for {{reason}}.", "utf-8")
    monkeypatch.setattr(prompt_desk, "values", lambda: {"selected_nodes": "Blur {\n}", "script_name": "sh0140"})
    desk.type("/nodes")
    desk.until(lambda: "nodes" in desk.manager.prompts.list.rows()[:1])
    desk.press(Qt.Key.Key_Return, on=prompt(desk))
    assert desk.panel.composer.text() == "Look at Blur {\n} in sh0140 for {{reason}}."
    assert prompt(desk).textCursor().selectedText() == "{{reason}}"


def test_question_is_saved_as_a_prompt_changed_and_deleted_and_the_studios_cannot_be(
    desk: Desk, studio: Path
) -> None:
    desk.ask_and_wait("Check the slate of {{shot}}")
    desk.manager.actions.run("keep_prompt", desk.items()[0].id, None)
    sheet = desk.manager.prompts.sheet
    assert sheet is not None and sheet.text.toPlainText() == "Check the slate of {{shot}}"
    desk.click(sheet.save)
    desk.bot.keyClicks(sheet.name, "Slate check")
    desk.press(Qt.Key.Key_Return, on=sheet.name)
    path = home_dir() / "prompts" / "slate-check.md"
    desk.until(lambda: path.exists() and any(v == "slate-check" for _, v in sheet.preset._choices))
    sheet.preset.choose("rotoscope")
    assert "Plan the roto" in sheet.text.toPlainText() and sheet.delete.isHidden()
    sheet.preset.choose("slate-check")
    assert not sheet.delete.isHidden()
    sheet.text.setPlainText("Check the slate of {{shot}} twice")
    desk.click(sheet.save)
    assert sheet.name.text() == "Slate check"
    desk.click(sheet.keep)
    desk.until(lambda: "twice" in path.read_text("utf-8"))
    desk.until(lambda: sheet.preset.value() == "new")
    sheet.preset.choose("slate-check")
    desk.click(sheet.delete)
    desk.until(lambda: not path.exists())
    assert (studio / "rotoscope.md").exists()


def test_mouse_picks_a_prompt_too(desk: Desk) -> None:
    offered = desk.manager.prompts.list
    desk.type("/rotos")
    desk.until(lambda: offered.rows()[:1] == ["rotoscope"])
    where = offered.visualItemRect(offered.item(0)).center()
    desk.bot.mouseClick(offered.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert desk.panel.composer.text().startswith("Plan the roto")
    assert QtWidgets.QApplication.focusWidget() is prompt(desk)

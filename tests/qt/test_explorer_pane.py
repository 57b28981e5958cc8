"""The memory explorer in a pane of its own: beside a panel, without one, and through a reload of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel_qt.core.explorer_pane import ExplorerWidget
from nuke_ai_panel_qt.core.panel_manager import PanelManager
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.memory_explorer import MemoryExplorer
from tests.fakes.model_server import FakeModelServer
from tests.unit.reload_kit import Copy, Worker

from .explorer_kit import chat, is_settled
from .panel_kit import Desk, close_desk
from .test_panel_reload import START

Qt = QtCore.Qt


@pytest.fixture
def desk(qtbot: Any) -> Iterator[Desk]:  # pytest-qt has no types
    opened = Desk(qtbot, {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"})
    yield opened
    close_desk(opened)


@pytest.fixture
def pane(desk: Desk) -> Iterator[ExplorerWidget]:
    """An explorer beside the panel."""
    made = ExplorerWidget(session=desk.session)
    made.resize(380, 700)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def view_of(desk: Desk, pane: ExplorerWidget) -> MemoryExplorer:
    view, reader = pane.view, pane.desk
    assert view is not None and reader is not None
    desk.until(lambda: is_settled(view, reader))
    return view


def test_a_row_opens_in_the_panel_beside_it(desk: Desk, pane: ExplorerWidget) -> None:
    target, messages = chat(desk.session.app.store, "Keying", "Why?", "The matte is clipped.")
    view = view_of(desk, pane)
    desk.until(lambda: view.list.rows.shown)
    view.query.setText("matte")
    desk.until(lambda: view.list.rows.shown and view.list.rows.shown[0].message_id == messages[1].id)
    desk.press(Qt.Key.Key_Return, on=view.query)
    desk.until(lambda: desk.manager.shown.id == target and desk.panel.find_bar.query.text() == "matte")
    assert view.list.rows.shown  # the pane stays as it was
    assert not view.close_button.isVisible()


def test_a_row_opens_a_panel_where_there_is_none(desk: Desk, pane: ExplorerWidget, monkeypatch: Any) -> None:
    target, _ = chat(desk.session.app.store, "Keying", "Why?", "Because.")
    monkeypatch.setattr("nuke_ai_panel_qt.core.panel_widget.shared_session", lambda: desk.session)
    desk.close_panel()
    desk.session.views()
    view = view_of(desk, pane)
    desk.until(lambda: view.list.rows.shown)
    view.list.opened.emit(view.list.rows.shown[0])
    found = [one for one in desk.session.views() if isinstance(one, PanelManager)]
    assert len(found) == 1 and found[0].panel.isVisible()
    desk.until(lambda: [item.text for item in found[0].panel.transcript.items()] == ["Why?", "Because."])
    assert found[0].shown.id == target


def test_a_panel_behind_in_tabs_comes_to_the_front(desk: Desk, pane: ExplorerWidget) -> None:
    chat(desk.session.app.store, "Keying", "Why?", "Because.")
    tabs = QtWidgets.QTabWidget()
    tabs.addTab(desk.widget, "Panel")
    tabs.addTab(pane, "Memory")
    tabs.setCurrentIndex(1)
    tabs.show()
    view = view_of(desk, pane)
    desk.until(lambda: view.list.rows.shown)
    view.list.opened.emit(view.list.rows.shown[0])
    assert tabs.currentIndex() == 0
    desk.until(lambda: desk.texts() == ["Why?", "Because."])
    desk.widget.setParent(None)
    pane.setParent(None)
    tabs.deleteLater()


def test_what_happens_behind_its_back_is_there_when_it_is_seen_again(desk: Desk, pane: ExplorerWidget) -> None:
    view = view_of(desk, pane)
    pane.hide()
    chat(desk.session.app.store, "Meanwhile", "hello")
    desk.session.refresh_conversations()
    desk.pause(150)
    pane.show()
    desk.until(lambda: [row.title for row in view.list.rows.shown] == ["Meanwhile"])


def test_keys_of_the_host_stay_out_and_escape_empties_the_field(desk: Desk, pane: ExplorerWidget) -> None:
    view = view_of(desk, pane)
    view.query.setText("hair")
    desk.press(Qt.Key.Key_Escape, on=view.query)
    assert view.query.text() == ""


@pytest.fixture
def worker(tmp_path: Path, home: Path, model_server: FakeModelServer) -> Iterator[Worker]:
    """A process with a panel and an explorer, each in its pane."""
    made = Worker(Copy(tmp_path / "site"), {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-reload",
        "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false",
    })
    made.do(START + """
side = current("nuke_ai_panel_qt.core.explorer_pane").open_explorer_pane()
side.resize(380, 700)
side.show()
def view():
    return current("nuke_ai_panel_qt.core.explorer_pane").content(side).view
def rows():
    return [row.title for row in view().list.rows.shown]
""")
    yield made
    try:
        made.do("side.close(); pane.close(); application.processEvents(); application.aboutToQuit.emit()")
        made.do("pane = side = None")
    finally:
        errors = made.end()
    assert "Traceback" not in errors


def test_words_filters_and_selection_outlive_a_reload(worker: Worker) -> None:
    worker.do("ask('keylight question'); ask('another keylight')")
    worker.do("""
values = sys.modules["nuke_ai_panel_qt.ui.explorer_values"]
view().filters.choose(values.Filters(provider="openai"))
view().query.setText("keylight")
until(lambda: len(rows()) == 2)
view().list.select([view().list.rows.shown[1].id])
chosen = [row.id for row in view().list.chosen()]
del values
""")
    for _ in range(2):
        assert worker.do("result = reload()")["reloaded"] is True
        worker.do("until(lambda: len(rows()) == 2); pump(0.2)")
    assert worker.do("result = (view().query.text(), view().filters.filters.provider)") == ["keylight", "openai"]
    assert worker.do("result = [row.id for row in view().list.chosen()] == chosen") is True
    worker.do("view().list.opened.emit(view().list.rows.shown[0])")
    worker.do("until(lambda: panel().find_bar.query.text() == 'keylight')")
    worker.do("panel().run('explorer'); pump(0.3); widget().manager.explorer.view.query.setText('question'); pump(0.5)")
    assert worker.do("result = reload()")["reloaded"] is True
    worker.do("until(lambda: widget().manager.explorer.view is not None)")
    assert worker.do("result = widget().manager.explorer.view.query.text()") == "question"

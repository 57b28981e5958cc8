"""A panel comes and goes: nothing leaks, nothing blocks, nothing raises."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from pathlib import Path
from typing import Any, List

import pytest

from nuke_ai_panel import api
from nuke_ai_panel_qt.core import pane, panel_reload
from nuke_ai_panel_qt.core.panel_state import PanelState
from nuke_ai_panel_qt.core.panel_widget import PanelWidget
from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets, destroy
from tests.fakes.model_server import FakeModelServer

from .panel_kit import Desk, close_desk, flag, server_overrides

Qt = QtCore.Qt


def test_fifty_panels_come_and_go_without_a_trace(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    for _ in range(3):  # what is made once per process
        desk.open_panel()
        desk.close_panel()
    collect()
    widgets, threads = len(QtWidgets.QApplication.allWidgets()), threading.active_count()
    for _ in range(50):
        desk.open_panel()
        desk.close_panel()
    collect()
    assert len(QtWidgets.QApplication.allWidgets()) <= widgets
    assert threading.active_count() <= threads
    assert len(desk.session.views()) == 1


def test_a_panel_destroyed_without_closing_is_let_go(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.hold()
    desk.ask("hello")
    gone = desk.widgets.pop()
    gone.deleteLater()
    collect()
    desk.open_panel()
    model_server.release()
    desk.until(desk.is_idle)
    assert desk.texts() == ["hello", "Hello, artist."]
    assert len(desk.session.views()) == 1


def test_the_main_thread_never_stalls_while_answers_stream(desk: Desk, model_server: FakeModelServer) -> None:
    model_server.words = ["word "] * 400
    model_server.tokens_per_s = 250
    beats = []
    timer = QtCore.QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    desk.ask("go")
    desk.until(lambda: desk.texts()[-1:] and desk.texts()[-1].count("word") > 20)
    timer.start(5)
    desk.until(desk.is_idle)
    timer.stop()
    gaps = [later - earlier for earlier, later in zip(beats, beats[1:])]
    assert max(gaps) < 0.1  # twice the budget
    assert desk.answer().text == "word " * 400


def test_broken_settings_are_said_in_the_panel_with_file_and_line(qtbot: Any, home: Path) -> None:
    (home / "settings.toml").write_text("default_provider = \n", encoding="utf-8")
    widget = PanelWidget()
    qtbot.addWidget(widget)
    widget.show()
    assert widget.panel is None
    words = " ".join(one.toPlainText() for one in widget.findChildren(QtWidgets.QPlainTextEdit))
    assert "settings.toml" in words
    (home / "settings.toml").write_text("", encoding="utf-8")
    again = next(one for one in widget.findChildren(QtWidgets.QAbstractButton) if one.text() == "Try again")
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    assert widget.panel is not None
    widget.manager.session.close()  # type: ignore[union-attr]  # it was built


def test_history_that_cannot_be_read_is_said_in_a_banner_and_the_chat_goes_on(
    qtbot: Any, model_server: FakeModelServer, home: Path, log_lines: Any
) -> None:
    (home / "history.db").write_bytes(b"this is not a database" * 100)
    desk = Desk(qtbot, server_overrides(model_server))
    desk.until(lambda: desk.panel.banner.isVisible())
    assert desk.ask_and_wait("hello").text == "Hello, artist."
    desk.click(desk.panel.banner.close_button)
    assert not desk.panel.banner.isVisible()
    close_desk(desk)
    log_lines.lines.clear()


def test_what_the_panel_remembers_survives(desk: Desk) -> None:
    desk.ask_and_wait("hello")
    conversation = desk.manager.shown.id
    desk.press(Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    memory = PanelState(desk.session.state.path).memory
    assert memory.open_conversation == conversation
    assert memory.last_model == ("openai", "fake-model")
    assert memory.font_scale == pytest.approx(1.1)


def test_a_damaged_memory_starts_anew(tmp_path: Path, log_lines: Any) -> None:
    path = tmp_path / "panel.json"
    path.write_text('{"favourites": 3', encoding="utf-8")
    state = PanelState(path)
    log_lines.take("was not readable")
    state.used_model(("a", "b"))
    assert PanelState(path).memory.recent == (("a", "b"),)


def test_zoom_scales_the_text_and_keeps_within_bounds(desk: Desk) -> None:
    before = QtGui.QFontMetrics(desk.panel.composer.prompt.font()).height()
    for _ in range(5):
        desk.press(Qt.Key.Key_Equal, Qt.KeyboardModifier.ControlModifier)
    assert QtGui.QFontMetrics(desk.panel.composer.prompt.font()).height() > before * 1.3
    desk.press(Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert QtGui.QFontMetrics(desk.panel.composer.prompt.font()).height() == before


def test_the_application_is_left_as_it_was(desk: Desk) -> None:
    application = QtWidgets.QApplication.instance()
    assert isinstance(application, QtWidgets.QApplication)
    assert application.styleSheet() == ""
    assert all(not one.styleSheet() for one in desk.widget.findChildren(QtWidgets.QWidget))


def collect() -> None:
    for _ in range(3):
        QtCore.QCoreApplication.sendPostedEvents(None, flag(QtCore.QEvent.Type.DeferredDelete))
        QtCore.QCoreApplication.processEvents()
        gc.collect()


def test_panes_that_are_thrown_away_are_neither_held_nor_looked_after(
    qtbot: Any, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-thrown")
    left: List[Any] = []  # weak references to presenters
    for _ in range(6):
        thrown = panel_reload.open_pane()
        thrown.show()
        widget = pane.content(thrown)
        assert widget is not None
        manager = widget.manager
        assert manager is not None
        manager.panel.picker.chosen.emit("openai", "fake-model")
        qtbot.waitUntil(lambda: "openai" in api.shared_app().providers._watch.held(), timeout=10_000)
        left.append(weakref.ref(manager))
        del manager, widget
        destroy(thrown)  # as Nuke does: no close event
        qtbot.waitUntil(lambda: api.shared_app().providers._watch.held() == [], timeout=10_000)
    collect()
    assert sum(one() is not None for one in left) <= 1  # the last is let go when the next one opens
    panel_reload.freeze()
    api.close()

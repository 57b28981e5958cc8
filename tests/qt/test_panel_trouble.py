"""What the panel offers when code changed or something is stuck: reload, traceback, update, log, report, a new loop."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from nuke_ai_panel import api, reload, troubleshooter
from nuke_ai_panel.log_file import install_log, kept_level, remove_log
from nuke_ai_panel.utils import loop_watch
from nuke_ai_panel.utils.event_loop_manager import create_task, get_event_loop
from nuke_ai_panel_qt.core import pane, panel_reload, report_desk, stall_watch, update_watch
from nuke_ai_panel_qt.core.log_lines import entries_of
from nuke_ai_panel_qt.core.update_watch import UpdateWatch, code_on_disk
from nuke_ai_panel_qt.qt import QtWidgets
from nuke_ai_panel_qt.ui.report_dialog import ReportDialog
from tests.conftest import LogLines
from tests.fakes.model_server import FakeModelServer
from tests.qt.panel_kit import Desk

FAILED = reload.Outcome(
    False, "The changed code does not work, so the old code stays in service: NameError: nope", "Mend it, then reload.",
    "turn.py, line 7", "Traceback (most recent call last):\n  turn.py, line 7\nNameError: nope sk-abcdefghijklmnop",
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[str]]:
    """What the panel asks of the reload, instead of one."""
    found: List[str] = []
    reload.set_later(found.append)
    yield found
    reload._later.clear()


def banner(desk: Desk) -> str:
    shown = desk.panel.banner.banner()
    return shown.text if shown is not None else ""


def test_failed_reload_shows_its_traceback_to_copy_and_to_try_again(desk: Desk, asked: List[str]) -> None:
    desk.manager.show_reload(FAILED)
    assert "NameError: nope" in banner(desk)
    desk.click(desk.button("Show traceback"))
    sheet = desk.manager.trouble.details
    assert sheet is not None and sheet is desk.panel.overlay.content()
    assert "turn.py, line 7" in sheet.text()
    assert "sk-abc" not in sheet.text()
    desk.click(desk.button("Copy", sheet))
    assert QtWidgets.QApplication.clipboard().text() == sheet.text()
    desk.click(desk.button("Retry", sheet))
    assert asked == ["finished"]
    assert desk.panel.overlay.content() is None


def test_reload_asks_while_an_answer_is_being_written(
    desk: Desk, asked: List[str], model_server: FakeModelServer
) -> None:
    model_server.hold(after=1)
    desk.ask("hi")
    desk.until(lambda: desk.texts()[1:] == ["Hello"])
    desk.panel.run("reload_code")
    assert "never changed under one" in banner(desk)
    assert asked == []
    desk.click(desk.button("Reload when finished"))
    assert asked == ["finished"]
    desk.panel.run("reload_code")
    desk.click(desk.button("Stop and reload"))
    assert asked == ["finished", "stop"]
    model_server.release()
    desk.until(desk.is_idle)


def test_code_that_changed_on_disk_is_offered(
    desk: Desk, asked: List[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    monkeypatch.setattr(update_watch, "source_folders", lambda: (tmp_path,))
    looks: List[update_watch.Code] = []

    def look(end: threading.Event) -> update_watch.Code:
        looks.append(code_on_disk(end))
        return looks[-1]

    monkeypatch.setattr(update_watch, "code_on_disk", look)
    heard: List[float] = []
    watch = UpdateWatch(lambda: heard.append(time.monotonic()), every_s=0.02)
    watch.start()
    desk.until(lambda: len(looks) >= 3)
    assert heard == []
    (tmp_path / "a.py").write_text("1 + 1", encoding="utf-8")
    desk.until(lambda: heard)
    seen = len(looks)
    desk.until(lambda: len(looks) >= seen + 3)
    watch.stop()
    assert len(heard) == 1
    desk.session.tell(lambda view: view.show_update())
    desk.click(desk.button("Reload now"))
    assert asked == ["finished"]
    assert banner(desk) == ""


def test_developers_mode_is_switched_from_the_menu(desk: Desk, home: Path) -> None:
    desk.panel.run("developer")
    desk.until(lambda: desk.session.app.settings.developer.reload)
    assert "reload = true" in (home / "settings.toml").read_text(encoding="utf-8")
    desk.until(lambda: [one for one in threading.enumerate() if one.name == stall_watch.THREAD_NAME])
    desk.panel.run("developer")
    desk.until(lambda: not desk.session.app.settings.developer.reload)
    desk.until(lambda: not [one for one in threading.enumerate() if one.name == stall_watch.THREAD_NAME])


def test_what_of_ours_holds_the_main_thread_up_is_named(desk: Desk, log_lines: LogLines) -> None:
    watch = stall_watch.StallWatch()
    watch.start()
    desk.pause(200)
    time.sleep(0.6)  # not ours: nothing of the panel is on the stack
    desk.pause(100)
    assert not log_lines.lines

    def slow() -> None:
        time.sleep(0.8)

    desk.session.bridge.call(slow)
    desk.until(lambda: log_lines.lines)
    watch.stop()
    said = log_lines.take("the main thread has been held up").getMessage()
    assert "in slow" in said
    assert "event_bridge.py" in said
    log_lines.lines.clear()


def test_log_is_read_filtered_and_copied(desk: Desk, home: Path) -> None:
    install_log(home)
    log = logging.getLogger("nuke_ai_panel.test")
    log.info("first of all")
    log.info("the key sk-abcdefghijklmnop and\na second line")
    desk.panel.run("log")
    view = desk.manager.trouble.log
    assert view is not None
    desk.until(lambda: len(view.shown()) >= 2)
    view.query.setText("second")
    desk.until(lambda: len(view.shown()) == 1)
    assert "a second line" in view.text()
    assert "sk-abc" not in view.text()
    desk.click(desk.button("Copy", view))
    assert QtWidgets.QApplication.clipboard().text() == view.text()
    view.query.setText("")
    view.level.choose("error")
    assert view.shown() == ()
    assert view.note.text() == "No entry fits."
    remove_log()


def test_what_the_log_keeps_is_chosen_where_it_is_read(desk: Desk, home: Path) -> None:
    path = install_log(home)
    log = logging.getLogger("nuke_ai_panel.test")
    log.debug("too fine")
    desk.panel.run("log")
    view = desk.manager.trouble.log
    assert view is not None and view.kept.value() == "info"
    view.kept.choose("debug")
    desk.until(lambda: "may quote" in desk.panel.toast.label.text())
    log.debug("the detail")
    desk.click(desk.button("Read again", view))
    desk.until(lambda: "the detail" in view.text())
    assert "too fine" not in path.read_text(encoding="utf-8") and kept_level() == "debug"
    view.kept.choose("info")
    assert kept_level() == "info"
    remove_log()


def test_report_is_read_before_it_is_copied(desk: Desk) -> None:
    QtWidgets.QApplication.clipboard().setText("untouched")
    desk.panel.run("report")
    dialog = next(one for one in QtWidgets.QApplication.topLevelWidgets() if isinstance(one, ReportDialog))
    assert not dialog.copy_button.isEnabled()
    desk.until(dialog.copy_button.isEnabled, 30_000)
    assert "Python" in dialog.view.toPlainText()
    assert QtWidgets.QApplication.clipboard().text() == "untouched"
    desk.click(dialog.copy_button)
    assert QtWidgets.QApplication.clipboard().text() == dialog.view.toPlainText()
    report_desk._close()


def test_restart_brings_the_panel_back_on_a_new_loop_with_its_conversation(
    qtbot: Any, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-restart")
    frame = panel_reload.open_pane()
    qtbot.addWidget(frame)
    frame.show()
    for round_ in range(2):
        # As the Script Editor calls it, and as the menu does.
        before, widget = get_event_loop(), pane.content(frame)
        assert widget is not None and widget.manager is not None
        widget.manager.panel.composer.set_text(f"a draft {round_}")
        if round_:
            widget.manager.panel.run("restart")
        else:
            troubleshooter.restart()
        qtbot.waitUntil(lambda old=widget: pane.content(frame) not in (None, old), timeout=10_000)
        back = pane.content(frame)
        assert back is not None and back.manager is not None
        qtbot.waitUntil(lambda now=back: now.manager.panel.composer.text() != "", timeout=10_000)
        assert back.manager.panel.composer.text() == f"a draft {round_}"
        assert get_event_loop() is not before
        qtbot.waitUntil(lambda now=back: "Restarted" in now.manager.panel.toast.label.text(), timeout=10_000)
        assert api.shared_app().providers.check("openai").result(20).state == "connected"
    frame.close()
    panel_reload.freeze()
    api.close()


def test_restart_from_another_thread_touches_no_panel(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    panel_reload.take_part()
    worker = threading.Thread(target=troubleshooter.restart)
    worker.start()
    worker.join(20)
    said = capsys.readouterr().out
    assert "only the main thread" in said and "Script Editor" in said
    assert not desk.session.app.is_closed
    panel_reload.freeze()


def test_trace_is_armed_from_the_menu(desk: Desk, home: Path) -> None:
    desk.panel.run("trace")
    assert "are written to" in desk.panel.toast.label.text()
    desk.ask_and_wait("what goes over the wire")
    desk.until(lambda: ["= answered" in one.read_text(encoding="utf-8") for one in home.glob("logs/trace-*")] == [True])
    api.close()


def test_blocked_loop_is_said_and_the_next_question_is_answered(
    desk: Desk, model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    monkeypatch.setattr(loop_watch, "LAG_S", 0.5)
    monkeypatch.setattr(loop_watch, "BLOCKED_S", 1.0)
    model_server.hold(after=1)
    desk.ask("hi")
    desk.until(lambda: desk.texts()[1:] == ["Hello"])
    release = threading.Event()

    async def blocks() -> None:
        release.wait(30)

    create_task(blocks())
    desk.until(lambda: "was blocked" in banner(desk), 20_000)
    desk.until(desk.is_idle)
    assert desk.answer().status == "interrupted"
    model_server.release()
    assert desk.ask_and_wait("again").text == "Hello, artist."
    release.set()
    log_lines.take("has been held up")
    log_lines.take("is replaced")
    log_lines.lines[:] = [one for one in log_lines.lines if one.name != "asyncio"]


def test_reconnect_says_how_each_provider_stands(desk: Desk) -> None:
    desk.panel.run("reconnect")
    desk.until(lambda: "Connected: OpenAI" in desk.panel.toast.label.text())


def test_log_entries_begin_with_a_time_and_a_cut_one_is_left_out() -> None:
    head = "2026-11-21 08:00:00,000 17 "
    found = entries_of(f"rest of one\n{head}INFO a: b\n  more\n{head}CRITICAL c: d\n")
    assert [(one.level, one.text) for one in found] == [
        ("info", f"{head}INFO a: b\n  more"), ("error", f"{head}CRITICAL c: d"),
    ]


def test_fault_in_a_slot_a_callback_and_a_sink_is_logged_once_and_the_panel_goes_on(
    desk: Desk, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("a bug in a slot")

    desk.session.bridge.call(fails)
    desk.until(lambda: log_lines.lines)
    assert len(log_lines.lines) == 1
    log_lines.take("an event could not be shown")
    monkeypatch.setattr(desk.manager, "turn_begun", fails)
    assert desk.ask_and_wait("hello").text == "Hello, artist."
    log_lines.take("a panel could not show what happened")
    desk.session.bridge.when_done(create_task(one()), fails)
    desk.until(lambda: log_lines.lines)
    log_lines.take("an event could not be shown")
    assert not log_lines.lines
    assert desk.ask_and_wait("and again").text == "Hello, artist."
    log_lines.take("a panel could not show what happened")


async def one() -> int:
    return 1



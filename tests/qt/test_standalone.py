"""`python -m nuke_ai_panel_qt`: a window where there is a display, the terminal where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuke_ai_panel_qt.standalone import why_no_window

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("platform", "env", "opens"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_where_a_window_opens(platform: str, env: dict[str, str], opens: bool) -> None:
    assert (why_no_window(platform, env) == "") is opens


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a display may be missing")
def test_without_a_display_the_terminal_chat_opens_and_says_why(home: Path) -> None:
    env = {key: value for key, value in os.environ.items()
           if key not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-m", "nuke_ai_panel_qt"], input="", capture_output=True, text=True, env=env, timeout=60,
        cwd=str(home),
    )
    assert "There is no display" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("turning", [False, True])
def test_quitting_leaves_nothing_behind(turning: bool, home: Path) -> None:
    code = f"""
import threading, time
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.core import panel_widget
from nuke_ai_panel_qt.standalone import main
ScriptedProvider.scripts["slow"] = ["some ", "words", 600.0]
QtWidgets.QApplication([])

def begin():
    panel = panel_widget.shared_session().views()[0].panel
    panel.picker.chosen.emit("demo", "slow")
    panel.composer.set_text("hello")
    panel.composer.send.click()

if {turning}:
    QtCore.QTimer.singleShot(100, begin)
QtCore.QTimer.singleShot(600, QtWidgets.QApplication.instance().quit)
started = time.monotonic()
code = main([])
assert code == 0, code
assert time.monotonic() - started < 3.0
left = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
assert left == [], left
print("clean")
"""
    (home / "settings.toml").write_text('[providers.demo]\nkind = "scripted"\n', encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True, env=env, timeout=60,
        cwd=str(home),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "clean"
    assert "Warning" not in done.stderr and "Traceback" not in done.stderr, done.stderr

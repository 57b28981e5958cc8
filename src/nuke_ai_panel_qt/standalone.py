"""The panel in a window of its own, with Nuke's palette. Where there is no display, the chat opens in the terminal."""

from __future__ import annotations

import os
import signal
import sys
from typing import List, Mapping, Optional, Sequence

from nuke_ai_panel.words import tr

APPLICATION = "Nuke AI Panel"
PYTHON_TICK_MS = 200


def why_no_window(platform: str, env: Mapping[str, str]) -> str:
    """Why no window can be opened here, as one sentence; "" when nothing is known against it."""
    if env.get("QT_QPA_PLATFORM"):
        return ""
    if platform.startswith("linux") and not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        return tr("There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set), so the chat opens in the "
                  "terminal.")
    return ""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Opens the window and returns its exit code; without a display or Qt, runs the terminal chat."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    reason = why_no_window(sys.platform, os.environ)
    if not reason:
        try:
            from . import qt
        except ImportError as error:
            reason = tr("No window can be opened ({error}), so the chat opens in the terminal.", error=error)
        else:
            del qt
            return open_window(given)
    return _open_terminal(given, reason)


def open_window(arguments: List[str]) -> int:
    """Runs the panel as an application until its window is closed."""
    from .core.pane import content
    from .core.panel_reload import open_pane
    from .qt import QtCore, QtWidgets, exec_app
    from .ui.theme import nuke_palette

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([APPLICATION, *arguments])
    assert isinstance(application, QtWidgets.QApplication)
    application.setApplicationName(APPLICATION)
    application.setStyle("Fusion")
    application.setPalette(nuke_palette())
    window = open_pane()
    window.resize(window.sizeHint())
    window.show()
    widget = content(window)
    if widget is not None and widget.panel is not None:
        widget.panel.focus_composer()
    del widget  # a reload replaces it
    # Qt's loop never lets Python see Ctrl-C; this timer does.
    signal.signal(signal.SIGINT, lambda *_: application.quit())
    tick = QtCore.QTimer()
    tick.timeout.connect(_let_python_run)
    tick.start(PYTHON_TICK_MS)
    return exec_app(application)


def _let_python_run() -> None:
    """Gives Python a moment to notice a signal."""


def _open_terminal(arguments: List[str], reason: str) -> int:
    from nuke_ai_panel.cli import main as run_cli

    sys.stderr.write(reason + "\n")
    return run_cli(["chat", *arguments])

"""Makes the report on a thread of its own and shows it, so that it is read before it is copied. Main thread.

It needs no panel and no App: it is for the day when neither can be had.
"""

from __future__ import annotations

import threading
from typing import List, Mapping, Optional

from nuke_ai_panel.diagnosis import make_report
from nuke_ai_panel.reload import Part, register

from ..qt import QtCore, QtWidgets, destroy, is_valid
from ..ui.report_dialog import ReportDialog

PART = "report window"
LOOK_EVERY_MS = 50

_open: List[ReportDialog] = []


def show_report(host: Mapping[str, str], parent: Optional[QtWidgets.QWidget] = None) -> ReportDialog:
    """The window with the report, brought to the front if it is open. `host` is what is known of the host; `parent`
    is for where there is no Nuke.
    """
    _open[:] = [one for one in _open if is_valid(one)]
    dialog = _open[0] if _open else ReportDialog(main_window() or parent)
    if not _open:
        _open.append(dialog)
        dialog.again_requested.connect(lambda: _fill(dialog, host))
    _fill(dialog, host)
    register(Part(PART, _close, f"{__name__}:_thawed"))
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


def main_window() -> Optional[QtWidgets.QWidget]:
    """Nuke's main window: a window without it as parent falls behind it."""
    for widget in QtWidgets.QApplication.topLevelWidgets():
        if str(widget.metaObject().className()) == "Foundry::UI::DockMainWindow":
            return widget
    return None


def _close() -> None:
    """Before a reload of the code: the window is of this generation."""
    while _open:
        dialog = _open.pop()
        if is_valid(dialog):
            destroy(dialog)


def _thawed(_: None) -> None:
    """The window stays closed; whoever wants it opens it anew."""


def _fill(dialog: ReportDialog, host: Mapping[str, str]) -> None:
    texts: List[str] = []
    threading.Thread(
        target=lambda: texts.append(make_report(host=host).text()), name="nuke-ai-report", daemon=True
    ).start()
    dialog.wait()
    timer = QtCore.QTimer(dialog)
    timer.setInterval(LOOK_EVERY_MS)

    def look() -> None:
        if texts:
            timer.stop()
            timer.deleteLater()
            dialog.set_text(texts[0])

    timer.timeout.connect(look)
    timer.start()

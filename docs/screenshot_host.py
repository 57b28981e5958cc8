"""The states of the panel's place in Nuke that `screenshots.py` renders: a missing package, and the report."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict
from unittest import mock

from nuke_ai_panel.diagnosis import make_report
from nuke_ai_panel.install import packages
from nuke_ai_panel_qt.host import pane
from nuke_ai_panel_qt.ui.report_dialog import ReportDialog


def missing_package(stage: Any) -> None:  # Any: a Stage, which is in the module that imports this one
    """What Nuke shows in the panel's place where its folder has no packages."""
    def find(name: str) -> None:
        return None

    without = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "aiohttp"}
    with mock.patch.dict(sys.modules), mock.patch.object(packages.importlib.util, "find_spec", find):
        for name in without:
            del sys.modules[name]
        try:
            raise ModuleNotFoundError("No module named 'aiohttp'", name="aiohttp")
        except ModuleNotFoundError as error:
            shown = pane.pane_that_says_why(error)
    _show(stage, shown)


def report(stage: Any) -> None:
    """The report as the menu shows it."""
    dialog = ReportDialog()
    env = {"NUKE_AI_PANEL_HOME": str(stage.session.app.settings.home)}
    dialog.set_text(make_report(host={"Nuke": "16.0v8", "interface": "yes", "kind": "nukex"}, env=env).text())
    _show(stage, dialog)


def _show(stage: Any, widget: Any) -> None:
    widget.resize(stage.widget.width(), 560)
    widget.show()
    stage.instead.append(widget)
    stage.later.callback(widget.close)


HOST_STATES: Dict[str, Callable[[Any], None]] = {"missing-package": missing_package, "report": report}

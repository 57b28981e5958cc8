"""Every entry of Nuke's menus, each with no panel open, as a program: `python -m tests.qt.menus_in_nuke VERSION`."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, List

from nuke_ai_panel_qt import qt

from .life_in_nuke import ROOT, Life


def panels(life: Life) -> List[Any]:
    """The presenters of the panels that are open."""
    pane = import_module("nuke_ai_panel_qt.core.pane")
    found = [pane.content(view.widget) for view in life.host.desk.views]
    return [one.manager for one in found if one is not None and one.manager is not None]


def with_no_panel(life: Life, entry: str) -> Any:
    """Chooses an entry while nothing is open; the panel that opens."""
    life.host.desk.discard_all()
    life.choose(entry)
    life.until(lambda: len(panels(life)) == 1)
    return panels(life)[0]


def drive(life: Life) -> None:
    host = life.host
    host.run_startup([str(ROOT)])
    application: Any = life.application

    assert with_no_panel(life, "Open the panel").panel.isVisible()
    life.choose("Open the panel")
    life.turn(0.1)
    assert len(panels(life)) == 1, "the open one is brought to the front"

    explorer = import_module("nuke_ai_panel_qt.core.explorer_pane")
    for _ in range(2):
        life.choose("Open the memory explorer")
        life.turn(0.1)
    shown = [view.widget for view in host.desk.views if explorer.content(view.widget) is not None]
    assert len(shown) == 1 and shown[0].isVisible() and explorer.content(shown[0]).view is not None

    manager = with_no_panel(life, "New conversation")
    life.until(lambda: not manager.shown.is_loading)
    assert not manager.shown.path

    host.desk.discard_all()
    life.choose("Ask about the selection")
    assert any("No node is selected" in said for _, said in host.dialogs.asked)
    assert host.desk.views == []
    for name in ("Blur", "Grade"):
        host.nuke.nodes.__getattr__(name)().setSelected(True)
    manager = with_no_panel(life, "Ask about the selection")
    life.until(lambda: manager.draft.attachments)
    (attached,) = manager.draft.attachments
    assert "Blur1" in attached.text and "Grade1" in attached.text
    entry = host.menus.menu("Node Graph").findItem("AI Panel/Ask about the selection")
    assert entry is not None
    entry.invoke()
    life.turn(0.05)

    manager = with_no_panel(life, "Batch over selection")
    life.until(lambda: manager.batch.view is not None and manager.batch.view.setup.rows.text() == "2 selected nodes")
    assert manager.panel.overlay.content() is manager.batch.view
    life.until(lambda: not manager.batch.plans.card.is_reading)

    manager = with_no_panel(life, "Settings…")
    life.until(lambda: manager.settings.dialog is not None and manager.settings.dialog.isVisible())
    manager.settings.close()

    host.desk.discard_all()
    life.choose("Report…")
    life.until(lambda: [one for one in application.topLevelWidgets() if "Report" in one.windowTitle()])
    (dialog,) = [one for one in application.topLevelWidgets() if "Report" in one.windowTitle() and one.isVisible()]
    life.until(lambda: dialog.copy_button.isEnabled())
    assert host.nuke.NUKE_VERSION_STRING in dialog.view.toPlainText()
    dialog.copy_button.click()
    assert qt.QtGui.QGuiApplication.clipboard().text() == dialog.view.toPlainText()
    assert host.desk.views == [], "the report needs no panel"
    dialog.close()

    app = import_module("nuke_ai_panel.api").shared_app()
    for wanted in (True, False):
        with_no_panel(life, "Developers' mode on or off")
        life.until(lambda wanted=wanted: app.settings.developer.reload is wanted)

    manager = with_no_panel(life, "Reconnect")
    life.until(lambda: "Connected: " in manager.panel.toast.label.text())

    with_no_panel(life, "Restart")
    life.until(lambda: app.is_closed)
    life.until(lambda: panels(life) and not panels(life)[0].session.app.is_closed)

    before = sys.modules["nuke_ai_panel.app"]
    with_no_panel(life, "Reload")
    life.until(lambda: sys.modules["nuke_ai_panel.app"] is not before)
    life.until(lambda: len(panels(life)) == 1)
    assert "Reloaded" in panels(life)[0].panel.toast.label.text()
    assert with_no_panel(life, "Open the panel").panel.isVisible()
    assert host.panel_errors == [] and host.wrong_threads == []
    assert host.panels.registrations == ["com.nuke_ai_panel.chat", "com.nuke_ai_panel.explorer"]
    host.quit()


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    drive(Life(int(sys.argv[1])))

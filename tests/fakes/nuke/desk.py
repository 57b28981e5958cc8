"""Plays an artist at the panels: opens, hides, shows, floats and closes them, restores a workspace, quits.

Widgets are plain objects, or real Qt widgets: what has `setParent` gets parents, and events come from Qt itself. As in
Nuke, closing a tab sends no close event, floating leaves the widget without a parent for a moment, and opening again
makes a new widget.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from nuke_ai_panel.nk import pages

from .panels import Dock, PythonPanel

if TYPE_CHECKING:
    from .host import Host

BUILT_IN = (
    "Properties.1", "DAG.1", "Viewer.1", "Toolbar.1", "Curve Editor.1", "DopeSheet.1", "Progress.1",
    "Pixel Analyzer.1", "Error Console.1", "uk.co.thefoundry.scripteditor.1", "Scenegraph.1",
    "uk.co.thefoundry.backgroundrenderview.1",
)


class View:
    """One open instance of a panel."""

    def __init__(self, desk: Desk, panel: PythonPanel, dock: Optional[Dock]) -> None:
        self.desk = desk
        self.panel = panel
        self.dock = dock
        self.container: Any = None
        self.parents_seen: List[Any] = []
        self._into_container()

    @property
    def widget(self) -> Any:
        """What the artist sees, None for a blank panel."""
        return self.panel.widget

    @property
    def is_blank(self) -> bool:
        return self.widget is None

    def _into_container(self) -> None:
        widget = self.widget
        base = next((one for one in type(widget).__mro__ if one.__name__ == "QWidget"), None) if widget else None
        if base is None:
            return
        # Nuke puts several widgets with margins around a panel.
        outer = base()
        inner = base(outer)
        outer.resize(480, 800)
        inner.resize(480, 800)
        widget.setParent(inner)
        widget.resize(480, 800)
        self.container = outer
        outer.show()
        widget.show()

    def hide(self) -> None:
        """Another tab comes to the front."""
        self._tell("hide")

    def show(self) -> None:
        """The tab comes to the front."""
        self._tell("show")

    def _tell(self, what: str) -> None:
        target = self.container if self.container is not None else self.widget
        if hasattr(target, what):
            getattr(target, what)()

    def float(self) -> None:
        """The tab is dragged out: hidden, without a parent for a moment, shown in a window of its own."""
        self.hide()
        if self.container is not None:
            self.widget.setParent(None)
            self.parents_seen.append(self.widget.parent())
            old, self.container = self.container, None
            old.deleteLater()
            self._into_container()
        else:
            self.parents_seen.append(None)
        self.dock = None
        self.show()

    def close_tab(self) -> None:
        """The tab is closed: hidden and taken out, no close event; the widget may linger."""
        self.hide()
        if self.container is not None:
            self.widget.setParent(None)
            self.container.deleteLater()
            self.container = None
        if self.dock is not None and self.panel in self.dock._panels:
            self.dock._panels.remove(self.panel)
        self.desk.views.remove(self)
        self.desk.lingering.append(self.panel)


class Desk:
    """The panes of a host and what is open in them."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.docks: Dict[str, Dock] = {name: Dock(host, name) for name in BUILT_IN}
        self.views: List[View] = []
        self.lingering: List[PythonPanel] = []
        self.pane_now: Optional[Dock] = None
        self.tree = ""  # the group whose node graph is in front
        self.fitted: List[str] = []  # the nodes that were brought into view last

    def pane_for(self, name: str) -> Optional[Dock]:
        """nuke.getPaneFor."""
        if not self.host.gui or self.host.faults.no_pane:
            return None
        for dock in self.docks.values():
            if dock.find(name) is not None:
                return dock
        return self.docks.get(name)

    def place(self, panel: PythonPanel, dock: Optional[Dock]) -> None:
        self.views.append(View(self, panel, dock))

    def forget(self, panel: PythonPanel) -> None:
        for view in [one for one in self.views if one.panel is panel]:
            view.close_tab()

    def open(self, name: str, pane: str = "Properties.1") -> View:
        """The artist chooses a panel in a pane's menu."""
        item = self.host.menus.menu("Pane").findItem(name)
        if item is None:
            raise LookupError(f"the Pane menu has no entry {name}")
        self._in_pane(self.docks[pane], item.invoke)
        return self.views[-1]

    def _in_pane(self, dock: Dock, call: Any) -> None:
        self.pane_now = dock
        try:
            call()
        finally:
            self.pane_now = None

    def restore_layout(self, xml: str) -> List[View]:
        """A saved workspace comes back: what was open goes, custom ids are asked of restorePanel."""
        self.discard_all()
        for page in pages(xml):
            dock = self.docks["Properties.1"]
            if page.id not in BUILT_IN:
                self._in_pane(dock, lambda id=page.id: self.host.panels.restorePanel(id))
        return list(self.views)

    def destroy_widgets(self) -> None:
        """Nuke ends: Qt's objects die under the Python objects that stand for them."""
        panels = [*self.lingering, *(view.panel for view in self.views)]
        self.discard_all()
        shiboken = sys.modules.get("shiboken6") or sys.modules.get("shiboken2")
        for panel in panels:
            if shiboken is not None and hasattr(panel.widget, "metaObject") and shiboken.isValid(panel.widget):
                shiboken.delete(panel.widget)

    def discard_all(self) -> None:
        """The workspace changes: every widget is dropped."""
        for view in list(self.views):
            view.close_tab()

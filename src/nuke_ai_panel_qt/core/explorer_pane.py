"""The memory explorer in a pane of its own, beside the panel or without one. Main thread; opening it cannot raise.

As with the panel's pane, what Nuke docks is Qt's own widget with one child of ours in it: a reload of our code takes
the child out and puts the next generation's in, with the words, the filters and the selection as they were.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Mapping, Optional, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.reload import Part, register
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, destroy, is_valid
from ..ui.controls import Button, Text
from ..ui.memory_explorer import MemoryExplorer
from ..ui.shortcuts import Shortcuts, is_editing, is_writing
from ..ui.theme import scaled_font, theme_of
from . import panel_reload, panel_widget
from .chat_session import ChatSession
from .explorer import ExplorerDesk
from .pane import content as panel_in
from .pane import empty_pane, panes
from .panel_manager import PanelManager

log = logging.getLogger(__name__)

PART = "explorer"
TITLE = "AI Memory"
# Panes carry this name, so that every generation finds them again.
OBJECT_NAME = "nuke_ai_panel_explorer"


def open_explorer_pane() -> QtWidgets.QWidget:
    """A pane with an explorer in it that a reload brings back, or with the reason why there is none. Cannot raise."""
    take_part()
    pane = empty_pane(OBJECT_NAME, TITLE)
    fill(pane)
    return pane


def take_part() -> None:
    """From now on a reload brings the explorers back."""
    panel_reload.take_part()
    register(Part(PART, freeze, f"{__name__}:thaw"))


def fill(pane: QtWidgets.QWidget, state: Optional[Mapping[str, Any]] = None) -> ExplorerWidget:  # Any: plain values
    """Puts an explorer into an empty pane, in the state in which another one left it."""
    widget = ExplorerWidget(pane, state=state)
    layout = pane.layout()
    assert layout is not None, "a pane has a layout"
    layout.addWidget(widget)
    pane.setFocusProxy(widget)
    return widget


def content(pane: QtWidgets.QWidget) -> Optional[ExplorerWidget]:
    """What `fill` put into it."""
    children = pane.children() if is_valid(pane) else []
    return next((one for one in children if isinstance(one, ExplorerWidget)), None)


def freeze() -> List[Tuple[QtWidgets.QWidget, Dict[str, Any]]]:  # Any: plain values
    """Takes the explorers out of their panes."""
    frozen = []
    for pane in panes(OBJECT_NAME):
        widget = content(pane)
        if widget is not None:
            frozen.append((pane, widget.view_state()))
            widget.release()
            pane.setFocusProxy(None)  # type: ignore[arg-type]  # None takes it away
            destroy(widget)
    return frozen


def thaw(frozen: List[Tuple[QtWidgets.QWidget, Dict[str, Any]]]) -> None:  # Any: see freeze
    """Fills the panes again. Raises what an explorer stumbled over, unless it is for the artist to mend."""
    take_part()
    for pane, state in frozen:
        if is_valid(pane):
            bug = fill(pane, state).bug
            if bug is not None:
                raise bug


class ExplorerWidget(QtWidgets.QWidget, metaclass=QtClass):
    """An explorer on the process's session, or the reason why there is none."""

    def __init__(
        self, parent: Optional[QtWidgets.QWidget] = None, *, session: Optional[ChatSession] = None,
        state: Optional[Mapping[str, Any]] = None,  # Any: plain values
    ) -> None:
        super().__init__(parent)
        self.view: Optional[MemoryExplorer] = None
        self.desk: Optional[ExplorerDesk] = None
        self.bug: Optional[Exception] = None
        self._session = session
        self._state = dict(state or {})
        self._shortcuts = Shortcuts()
        self._base_font = QtGui.QFont(self.font())
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._build()

    def view_state(self) -> Dict[str, Any]:  # Any: plain values
        """What the artist sees; what was to be restored, while nothing could be built."""
        return self.desk.view_state() if self.desk is not None else self._state

    def release(self) -> None:
        """The pane goes. Idempotent."""
        if self.desk is not None:
            self.desk.close()

    def open_row(self, conversation_id: str, message_id: Optional[str], words: str) -> None:
        """Shows a chat in a panel: the one in sight, else any, else a new one in a window."""
        assert self._session is not None, "rows come from a session"
        panels = [view for view in self._session.views() if isinstance(view, PanelManager)]
        manager = next((one for one in reversed(panels) if one.panel.isVisible()), panels[-1] if panels else None)
        if manager is None:
            manager = self._panel_in_window()
        if manager is not None:
            _bring_to_front(manager.panel)
            manager.hits.open(conversation_id, message_id, words)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(100), theme.space(180))

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        if self.desk is not None:
            self.desk.visibility_changed(True)

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        super().hideEvent(event)
        if self.desk is not None:
            self.desk.visibility_changed(False)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self.release()
        super().closeEvent(event)

    def event(self, event: QtCore.QEvent) -> bool:
        is_ours = event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent)
        if is_ours and (
            self._command_of(event) or is_writing(event) or is_editing(event)  # type: ignore[arg-type]  # a key's
        ):
            event.accept()  # Nuke maximises a pane on Space and draws nodes on letters
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        command = self._command_of(event)
        if command and self.view is not None:
            if command == "stop":
                self.view.query.clear()
            self.view.focus_query()
        elif not is_writing(event) and not is_editing(event):
            super().keyPressEvent(event)

    def _command_of(self, event: QtGui.QKeyEvent) -> str:
        command = self._shortcuts.command_of(event)
        return command if command in ("stop", "explorer", "find") else ""

    def _build(self) -> None:
        try:
            self._session = session = self._session or panel_widget.shared_session()
            self.view = MemoryExplorer(self._shortcuts, self, can_close=False)
            self.desk = ExplorerDesk(session, self.view, self.open_row)
            self.desk.on_settings = self._apply_settings
            self._apply_settings()
            self._box.addWidget(self.view)
            self.setFocusProxy(self.view.query)
            self.desk.take_state(self._state)
        except NukeAIError as error:
            self._show_failure(f"{error.user_text} {error.next_step}".strip())
        except Exception as error:  # Nuke would show a blank pane
            self.bug = error
            log.exception("the memory explorer could not be built")
            self._show_failure(tr("The memory explorer could not be built: {error}", error=error))

    def _apply_settings(self) -> None:
        assert self._session is not None, "settings come from a session"
        own = self._session.app.settings.panel
        self._shortcuts.set_overrides(own.shortcuts)
        self.setFont(scaled_font(self._base_font, self._session.state.memory.font_scale * own.font_scale))

    def _show_failure(self, sentence: str) -> None:
        self.view = self.desk = None
        page = QtWidgets.QWidget(self)
        box = QtWidgets.QVBoxLayout(page)
        again = Button(tr("Try again"), kind="outline")
        box.addWidget(Text(sentence, role="error"))
        box.addWidget(again)
        box.addStretch(1)
        self._box.addWidget(page)

        def build() -> None:
            self._box.removeWidget(page)
            page.hide()
            page.deleteLater()
            self._build()

        again.clicked.connect(build)

    def _panel_in_window(self) -> Optional[PanelManager]:
        # A window of this one's, so that something holds it; the pane in it outlives a reload like any other.
        window = panel_reload.open_pane()
        window.setParent(self.window(), QtCore.Qt.WindowType.Window)
        window.resize(window.sizeHint())
        window.show()
        found = panel_in(window)
        return found.manager if found is not None else None


def _bring_to_front(widget: QtWidgets.QWidget) -> None:
    """Shows a widget that lies behind others in tabs, or in a window behind."""
    child: QtWidgets.QWidget = widget
    parent: Optional[QtWidgets.QWidget] = widget.parentWidget()
    while parent is not None:
        tabs = parent.parentWidget()
        if isinstance(parent, QtWidgets.QStackedWidget):
            (tabs if isinstance(tabs, QtWidgets.QTabWidget) else parent).setCurrentWidget(child)
        child, parent = parent, parent.parentWidget()
    if not widget.isActiveWindow():
        widget.window().raise_()
        widget.activateWindow()

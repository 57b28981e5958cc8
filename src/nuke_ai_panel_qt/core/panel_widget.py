"""The widget that docks in Nuke and fills the standalone window. Main thread; its constructor cannot raise.

Nuke makes it with no arguments, throws it away without a close event, and shows a blank pane for any exception: so
everything that lives longer is in the process's one ChatSession, and what cannot be built is said in its place.
"""

from __future__ import annotations

import logging
import traceback
from typing import Optional

from nuke_ai_panel.app import App
from nuke_ai_panel.errors import NukeAIError

from ..qt import QtCore, QtGui, QtWidgets
from ..ui.chat_panel import ChatPanel
from ..ui.controls import Button, Text
from ..ui.theme import theme_of
from .chat_session import ChatSession
from .panel_manager import PanelManager

log = logging.getLogger(__name__)

_shared: Optional[ChatSession] = None


def shared_session() -> ChatSession:
    """The process's session, opened at first use and closed when the application quits. Raises SettingsError."""
    global _shared
    if _shared is None or _shared.is_closed:
        _shared = ChatSession(App.open())
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(_shared.close)
    return _shared


class PanelWidget(QtWidgets.QWidget):
    """A chat panel, or the reason why there is none."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None, *, session: Optional[ChatSession] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Nuke AI Panel")
        self.manager: Optional[PanelManager] = None
        self._session = session
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._build()

    def updateValue(self) -> None:
        """Nuke calls it on every panel widget; there is no knob behind this one."""

    @property
    def panel(self) -> Optional[ChatPanel]:
        """The panel itself; None while it could not be built."""
        return self.manager.panel if self.manager is not None else None

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(115), theme.space(180))

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        super().hideEvent(event)
        if self.manager is not None:
            self.manager.draft.save()

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        if self.manager is not None:
            self.manager.close()
        super().closeEvent(event)

    def _build(self) -> None:
        try:
            session = self._session or shared_session()
            panel = ChatPanel(session.models, self)
            self.manager = PanelManager(session, panel)
            self._box.addWidget(panel)
            self.setFocusProxy(panel.composer.prompt)
        except NukeAIError as error:
            self._show_failure(f"{error.user_text} {error.next_step}".strip(), error.message)
        except Exception as error:  # Nuke would show a blank pane
            log.exception("the panel could not be built")
            self._show_failure(f"The panel could not be built: {error}", traceback.format_exc())

    def _show_failure(self, sentence: str, details: str) -> None:
        theme = theme_of(self)
        page = QtWidgets.QWidget(self)
        box = QtWidgets.QVBoxLayout(page)
        margin = theme.space(4)
        box.setContentsMargins(margin, margin, margin, margin)
        box.setSpacing(theme.space(3))
        text = QtWidgets.QPlainTextEdit(details)
        text.setReadOnly(True)
        text.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        text.setFont(theme.code)
        again = Button("Try again", kind="outline")
        again.clicked.connect(self._again)
        box.addWidget(Text(sentence, role="error"))
        box.addWidget(text, 1)
        box.addWidget(again)
        self._box.addWidget(page)
        self._failure = page

    def _again(self) -> None:
        self._box.removeWidget(self._failure)
        self._failure.hide()
        self._failure.deleteLater()
        self._build()

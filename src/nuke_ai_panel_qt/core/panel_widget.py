"""The panel as a widget, which fills a pane (see pane.py). Main thread; its constructor cannot raise.

Nuke throws a pane away without a close event, and shows a blank one for any exception: so everything that lives longer
is in the process's one ChatSession, and what cannot be built is said in its place.
"""

from __future__ import annotations

import logging
import traceback
from functools import partial
from typing import Any, Dict, Mapping, Optional
from weakref import ReferenceType, ref

from nuke_ai_panel.api import shared_app
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.install.packages import explained
from nuke_ai_panel.messages import Json
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from ..ui.chat_panel import ChatPanel
from ..ui.controls import Button, Text
from ..ui.theme import theme_of
from .chat_session import ChatSession
from .panel_manager import PanelManager

log = logging.getLogger(__name__)

_shared: Optional[ChatSession] = None


def shared_session() -> ChatSession:
    """The process's session, opened at first use and closed when the application quits. Raises SettingsError.

    It is on the App that the Script Editor uses too.
    """
    global _shared
    if _shared is None or _shared.is_closed:
        _shared = ChatSession(shared_app())
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(_shared.close)
    return _shared


def release_session() -> Optional[Dict[str, Any]]:
    """Ends the session but not its App, for a reload of our code; what the next one `take`s back."""
    global _shared
    session, _shared = _shared, None
    if session is None or session.is_closed:
        return None
    application = QtWidgets.QApplication.instance()
    if application is not None:
        application.aboutToQuit.disconnect(session.close)
    return session.release()


class PanelWidget(QtWidgets.QWidget, metaclass=QtClass):
    """A chat panel, or the reason why there is none. `state` is another one's `view_state`."""

    def __init__(
        self, parent: Optional[QtWidgets.QWidget] = None, *, session: Optional[ChatSession] = None,
        state: Optional[Mapping[str, Json]] = None,
    ) -> None:
        super().__init__(parent)
        self.manager: Optional[PanelManager] = None
        self._session = session
        self._state = dict(state or {})
        self.bug: Optional[Exception] = None
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._build()

    def view_state(self) -> Dict[str, Json]:
        """What the artist sees here, as plain values; what was to be restored, while nothing could be built."""
        return self.manager.view_state() if self.manager is not None else dict(self._state)

    def release(self) -> None:
        """The panel goes: its draft is kept, its turns go on. Idempotent."""
        if self.manager is not None:
            self.manager.close()

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
        self.release()
        super().closeEvent(event)

    def _build(self) -> None:
        try:
            session = self._session or shared_session()
            panel = ChatPanel(session.models, self)
            self.manager = PanelManager(session, panel, state=self._state)
            # Thrown away without a close event, it would still be looked after: see PanelManager.left.
            self.destroyed.connect(partial(_left, ref(self.manager)))
            self._box.addWidget(panel)
            self.setFocusProxy(panel.composer.prompt)
        except NukeAIError as error:
            self._show_failure(f"{error.user_text} {error.next_step}".strip(), error.message)
        except Exception as error:  # Nuke would show a blank pane
            self.bug = error
            log.exception("the panel could not be built")
            words = explained(error) if isinstance(error, ImportError) else (tr("The panel could not be built: {error}",
                error=error),)
            self._show_failure(" ".join(words), traceback.format_exc())

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
        again = Button(tr("Try again"), kind="outline")
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


def _left(manager: ReferenceType[PanelManager], *_: object) -> None:
    """The widget is gone; what is called on a manager here touches none."""
    left = manager()
    if left is not None:
        left.left()

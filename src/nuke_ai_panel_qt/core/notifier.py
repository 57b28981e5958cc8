"""Tells an artist who looks elsewhere that an answer is there, failed or waits for approval. Main thread.

Only while no panel can be seen or the application has no focus; once for each turn and reason; never takes the focus.
Where the desktop has a tray, its message leads to the conversation by a click; elsewhere the window asks for attention.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, List, Optional, Protocol, Set, Tuple

from nuke_ai_panel.events import AnswerStored, ApprovalAsked, TurnEvent, TurnFailed
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtWidgets, is_valid
from ..ui.icons import icon
from ..ui.theme import theme_of
from .run import Run

if TYPE_CHECKING:
    from .chat_session import ChatSession

log = logging.getLogger(__name__)

SHOWN_MS = 10_000
KEPT_MS = 60_000
Qt = QtCore.Qt


class Place(Protocol):
    """A panel that can be brought forward."""

    def is_alive(self) -> bool: ...
    def is_showing(self, conversation_id: str) -> bool: ...
    def widget(self) -> QtWidgets.QWidget: ...
    def open_conversation(self, conversation_id: str) -> None: ...


class Notifier:
    """One session's. The tray's icon is there only as long as its message may be clicked."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._tray: Optional[QtWidgets.QSystemTrayIcon] = None
        self._leads_to = ""
        self._told: Set[Tuple[str, str]] = set()
        self._places: List[Place] = []

    def add(self, place: Place) -> None:
        """A panel opened."""
        self._places = [*self.places(), place]  # one that was closed must not be held until something happens

    def places(self) -> List[Place]:
        """The panels that are open."""
        self._places = [one for one in self._places if one.is_alive()]
        return self._places

    def remove(self, place: Place) -> None:
        """A panel closed."""
        self._places = [one for one in self._places if one is not place]

    def is_somebody_looking(self) -> bool:
        """Whether a panel is in sight in the program that has the focus."""
        if QtWidgets.QApplication.applicationState() != Qt.ApplicationState.ApplicationActive:
            return False
        widgets = [one.widget() for one in self.places()]
        return any(one.isVisible() and not one.window().isMinimized() for one in widgets)

    def heard(self, run: Run, event: TurnEvent) -> None:
        """A turn moved; says so if nobody could see it."""
        if isinstance(event, ApprovalAsked):
            reason, words = f"approval:{event.call_id}", tr("Needs your approval")
        elif isinstance(event, AnswerStored):
            reason, words = "end", tr("The answer is ready")
        elif isinstance(event, TurnFailed):
            reason, words = "end", tr("The answer failed")
        else:
            return
        key = (run.handle.turn_id, reason)
        is_wanted = self._session.app.settings.panel.notifications
        if key in self._told or not is_wanted or self.is_somebody_looking():
            return
        self._told.add(key)
        conversation = self._session.conversation(run.conversation_id)
        title = conversation.title if conversation is not None else ""
        if not title and run.question is not None:
            title = " ".join(run.question.text.split())[:80]
        if self._session.app.store.is_temporary(run.conversation_id):
            title = tr("Temporary chat")
        self._tell(words, title or tr("Conversation"), run.conversation_id)

    def close(self) -> None:
        """Takes the tray's icon away."""
        tray, self._tray = self._tray, None
        if tray is not None and is_valid(tray):
            tray.hide()
            tray.deleteLater()

    def _tell(self, words: str, title: str, conversation_id: str) -> None:
        self._leads_to = conversation_id
        tray = self._tray_icon()
        if tray is not None:
            tray.setToolTip(f"{words}: {title}")
            tray.show()
            tray.showMessage(words, title, QtWidgets.QSystemTrayIcon.MessageIcon.Information, SHOWN_MS)
            self._keep()
            return
        for place in self.places()[:1]:
            QtWidgets.QApplication.alert(place.widget().window(), 0)

    def _tray_icon(self) -> Optional[QtWidgets.QSystemTrayIcon]:
        kind = QtWidgets.QSystemTrayIcon
        if not kind.isSystemTrayAvailable() or not kind.supportsMessages():
            return None
        if self._tray is None or not is_valid(self._tray):
            self._tray = tray = kind()
            tray.messageClicked.connect(self._clicked)
            tray.activated.connect(self._activated)
            self._timer = QtCore.QTimer(tray)
            self._timer.setSingleShot(True)
            self._timer.timeout.connect(tray.hide)
        places = self.places()
        if places:
            self._tray.setIcon(icon("chat", theme_of(places[0].widget())))
        return self._tray

    def _keep(self) -> None:
        self._timer.start(KEPT_MS)

    def _activated(self, _reason: object) -> None:
        self._clicked()

    def _clicked(self) -> None:
        """The artist wants to see it: here, and only here, the window comes forward."""
        if self._tray is not None and is_valid(self._tray):
            self._tray.hide()
        places = self.places()
        if not places:
            self._session.state.remember(open_conversation=self._leads_to)  # the next panel opens with it
            return
        place = next((one for one in places if one.is_showing(self._leads_to)), places[0])
        widget = place.widget()
        window = widget.window()
        if window.isMinimized():
            window.showNormal()
        bring_forward(widget)
        window.raise_()
        window.activateWindow()
        place.open_conversation(self._leads_to)


def bring_forward(widget: QtWidgets.QWidget) -> None:
    """Shows the tab that a docked panel is in."""
    child, parent = widget, widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QtWidgets.QStackedWidget) and parent.indexOf(child) >= 0:
            parent.setCurrentWidget(child)
            tabs = parent.parentWidget()
            if isinstance(tabs, QtWidgets.QTabWidget):
                tabs.setCurrentWidget(child)
        child, parent = parent, parent.parentWidget()

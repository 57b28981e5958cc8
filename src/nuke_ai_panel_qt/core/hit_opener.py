"""Opens a conversation at a message, with what was searched for highlighted. Main thread.

A message of a branch that is not shown is brought to light by switching the forks above it, unless an answer is being
written there. Older messages come into a long transcript in slices; the hit is waited for and never forced.
"""

from __future__ import annotations

from typing import Optional, Protocol, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore
from ..ui.chat_panel import ChatPanel
from .chat_session import ChatSession
from .shown_conversation import ShownConversation

LOOK_EVERY_MS = 20


class Reader(Protocol):
    """A panel's presenter."""

    session: ChatSession
    panel: ChatPanel
    shown: ShownConversation

    def open_conversation(self, conversation_id: str) -> None: ...


class HitOpener(QtCore.QObject, metaclass=QtClass):
    """Of one panel; a child of it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.panel)
        self._reader = reader
        self._wanted: Optional[Tuple[str, str, str]] = None
        self._is_switched = False
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)

    def open(self, conversation_id: str, message_id: Optional[str], words: str) -> None:
        """Opens a conversation, at a message if there is one; `words` are as they stand in it."""
        self._reader.open_conversation(conversation_id)
        self._timer.stop()
        self._wanted, self._is_switched = None, False
        if message_id is not None:
            self._wanted = (conversation_id, message_id, words)
            self._timer.start()
            self._look()

    def _look(self) -> None:
        shown, panel = self._reader.shown, self._reader.panel
        if self._wanted is None or shown.id != self._wanted[0]:
            self._end()
            return
        conversation_id, message_id, words = self._wanted
        if shown.is_loading:
            return
        if any(item.id == message_id for item in panel.transcript.items()):
            self._end()
            self._show(message_id, words)
        elif shown.message(message_id) is not None:
            return  # it comes with the older ones
        elif shown.run() is not None:
            self._end()
            panel.say(tr("This message is in another branch; it can be opened when the answer is written."))
        elif not self._is_switched:
            self._is_switched = True
            shown.is_loading = True
            shown.show_path(self._reader.session.app.store.show_message(conversation_id, message_id))
        else:
            self._end()
            panel.say(tr("This message is not in the conversation any more."))

    def _show(self, message_id: str, words: str) -> None:
        panel, transcript = self._reader.panel, self._reader.panel.transcript
        if words:
            panel.open_find()
            panel.find_bar.query.setText(words)
            transcript.scroll_to(message_id, hit=0)
            panel.find_bar.set_hits(*transcript.find_position())
        else:
            transcript.scroll_to(message_id)
            transcript.setFocus(QtCore.Qt.FocusReason.OtherFocusReason)

    def _end(self) -> None:
        self._wanted = None
        self._timer.stop()

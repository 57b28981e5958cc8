"""The unsent question of a conversation: text, attachments, caret; what pasting and dropping make of it. Main thread.

A draft is keyed by its conversation and can never reach another. It is stored half a second after the last key, and at
once when the panel looks elsewhere or closes.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Callable, Optional, Sequence, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Attachment, Draft

from ..qt import QtClass, QtCore
from ..ui.composer import Composer
from .attachments import pasted, read_file
from .chat_session import ChatSession
from .event_bridge import outcome
from .message_items import chip_of

SAVE_AFTER_MS = 500


class DraftDesk(QtCore.QObject, metaclass=QtClass):
    """Feeds one composer. `on_change` is called when the next question's size may have changed."""

    def __init__(self, session: ChatSession, composer: Composer, on_change: Callable[[], None]) -> None:
        super().__init__(composer)
        self._session = session
        self._composer = composer
        self._on_change = on_change
        self._id = ""
        self._reading = 0
        self._is_filling = False
        self.attachments: Tuple[Attachment, ...] = ()
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)
        composer.edited.connect(self._edited)
        composer.long_paste.connect(self._paste)
        composer.files_dropped.connect(self.attach_files)
        composer.chip_removed.connect(self.remove)

    def open(self, conversation_id: str) -> None:
        """Shows a conversation's draft; the one before is stored first."""
        self.save()
        self._id = conversation_id
        self._reading += 1
        known = self._session.draft(conversation_id)
        self._fill(known or Draft(conversation_id, ""))
        if known is None:
            reading = self._reading
            future = self._session.app.store.draft(conversation_id)
            self._session.bridge.when_done(future, lambda done: self._read(reading, done), owner=self)

    def current(self) -> Draft:
        """What stands in the composer."""
        return Draft(self._id, self._composer.text(), self.attachments, self._composer.caret())

    def save(self) -> None:
        """Stores what stands in the composer."""
        self._timer.stop()
        if self._id:
            self._session.keep_draft(self.current())

    def clear(self) -> None:
        """The question was taken."""
        self._fill(Draft(self._id, ""))
        self.save()

    def put(self, text: str, attachments: Tuple[Attachment, ...] = ()) -> None:
        """Puts a question back, for example one that could not be sent."""
        self._fill(Draft(self._id, text, attachments, len(text)))
        self.save()

    def attachment(self, attachment_id: str) -> Optional[Attachment]:
        """An attachment of the draft."""
        return next((one for one in self.attachments if one.id == attachment_id), None)

    def remove(self, attachment_id: str) -> None:
        """Takes an attachment away."""
        self._set_attachments(tuple(one for one in self.attachments if one.id != attachment_id))

    def insert_as_text(self, attachment_id: str) -> None:
        """Turns an attachment into words of the question."""
        found = self.attachment(attachment_id)
        if found is not None:
            self.remove(attachment_id)
            self._composer.prompt.insert_raw(found.text)

    def attach_files(self, paths: Sequence[str]) -> None:
        """Reads files in the background; each becomes a chip of the conversation it was dropped on."""
        target = self._id
        for path in paths:
            self._session.bridge.when_done(read_file(path), lambda done: self._attached(target, done), owner=self)

    def attach(self, attachment: Attachment) -> None:
        """Adds one that is already made."""
        self._set_attachments((*self.attachments, attachment))

    def _paste(self, text: str) -> None:
        count = sum(1 for one in self.attachments if one.kind == "paste")
        self._set_attachments((*self.attachments, pasted(text, count)))

    def _attached(self, conversation_id: str, future: Future[Attachment]) -> None:
        result = outcome(future)
        attachment, error = result.value, result.error
        if conversation_id != self._id:
            return
        if attachment is not None:
            self._set_attachments((*self.attachments, attachment))
        else:
            self._composer.nudge(error.user_text if isinstance(error, NukeAIError) else str(error))

    def _set_attachments(self, attachments: Tuple[Attachment, ...]) -> None:
        self.attachments = attachments
        self._composer.set_chips(tuple(chip_of(one) for one in attachments))
        self._edited()

    def _fill(self, draft: Draft) -> None:
        self._is_filling = True
        self.attachments = draft.attachments
        self._composer.set_chips(tuple(chip_of(one) for one in draft.attachments))
        self._composer.set_text(draft.text, draft.caret)
        self._is_filling = False
        self._on_change()

    def _edited(self) -> None:
        if not self._is_filling:
            self._timer.start()
            self._on_change()

    def _read(self, reading: int, future: Future[Optional[Draft]]) -> None:
        draft = outcome(future).value
        # Words typed while the store was asked win over what it remembered.
        if reading == self._reading and draft is not None and not self._composer.text() and not self.attachments:
            self._fill(draft)

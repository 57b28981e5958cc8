"""The questions that wait behind the answer of the shown conversation: shown, taken back, sent before. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuke_ai_panel.core.request import TurnRequest

from ..ui.panel_values import QueuedQuestion

if TYPE_CHECKING:
    from .panel_manager import PanelManager


class QueueDesk:
    """Of one panel; the queue itself is the session's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        composer = manager.panel.composer
        composer.queue_edited.connect(self._edit)
        composer.queue_removed.connect(self._remove)
        composer.queue_sent.connect(self._send)

    def changed(self, conversation_id: str) -> None:
        """What waits behind an answer changed."""
        if conversation_id == self._manager.shown.id:
            self._manager.panel.composer.set_queue(tuple(
                QueuedQuestion(one.id, one.text) for one in self._manager.session.queue(conversation_id)
            ))

    def _edit(self, queued_id: str) -> None:
        found = self._manager.session.unqueue(self._manager.shown.id, queued_id)
        if found is not None:
            self._manager.draft.put(found.text, found.attachments)
            self._manager.panel.focus_composer()

    def _remove(self, queued_id: str) -> None:
        self._manager.session.unqueue(self._manager.shown.id, queued_id)

    def _send(self, queued_id: str) -> None:
        manager = self._manager
        found = manager.session.unqueue(manager.shown.id, queued_id)
        if found is not None and not manager.start(
            TurnRequest(found.text, found.choice or manager.models.choice(), attachments=found.attachments)
        ):
            manager.session.enqueue(manager.shown.id, found.text, found.attachments, found.choice)

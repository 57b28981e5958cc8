"""Asks in one panel what a tool of the shown conversation's answer waits for, and passes the click on. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuke_ai_panel.app import Approval
from nuke_ai_panel.words import tr

if TYPE_CHECKING:
    from .panel_manager import PanelManager


class ApprovalDesk:
    """One panel's; several panels on a conversation ask the same, and the first answer counts."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self.bar = manager.panel.composer.approval
        self.bar.answered.connect(self._answer)

    def show(self) -> None:
        """Asks the oldest question of the running answer, or nothing."""
        run = self._manager.shown.run()
        asked = next(iter(run.approvals.values()), None) if run is not None else None
        if asked is None:
            self.bar.show_question("", "", "")
        else:
            self.bar.show_question(asked.call_id, asked.summary, asked.preview)

    def allow(self) -> None:
        """By the keyboard."""
        self.bar.answer(allowed=True)

    def deny(self) -> None:
        """By the keyboard."""
        self.bar.answer(allowed=False)

    def _answer(self, call_id: str, allowed: bool) -> None:
        manager = self._manager
        run = manager.shown.run()
        if run is None or run.approvals.pop(call_id, None) is None:
            return
        run.handle.answer(call_id, Approval(allowed, "" if allowed else "The artist said no."))
        manager.session.tell(lambda view: view.conversations_changed())
        if not allowed:
            manager.panel.say(tr("Denied; the model is told."))

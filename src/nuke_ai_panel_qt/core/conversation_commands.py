"""What one panel does with whole conversations: rename, delete, fork, temporary. Main thread; waits for nothing."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Optional

from nuke_ai_panel.core.craft import fork
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Conversation
from nuke_ai_panel.store import new_id
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import tr

from .event_bridge import outcome

if TYPE_CHECKING:
    from .panel_manager import PanelManager


class ConversationCommands:
    """One panel's; without an id a command means the conversation on show."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager

    def rename(self, title: str, conversation_id: Optional[str] = None) -> None:
        """Gives a conversation a title that nothing overwrites."""
        manager = self._manager
        future = manager.session.app.store.update_conversation(
            conversation_id or manager.shown.id, title=title, title_is_manual=True
        )
        manager.session.bridge.when_done(future, self._conversation_written, owner=manager)

    def rename_other(self, conversation_id: str, title: str) -> None:
        """Renames one in the list."""
        self.rename(title, conversation_id)

    def delete(self, conversation_id: Optional[str] = None) -> None:
        """Moves a conversation to the bin and offers Undo."""
        manager = self._manager
        target = conversation_id or manager.shown.id
        conversation = manager.session.conversation(target)
        if conversation is None:
            return
        run = manager.session.run_in(target)
        if run is not None:
            run.handle.stop()
        store, bridge = manager.session.app.store, manager.session.bridge
        bridge.when_done(store.delete_conversation(target), self._written, owner=manager)
        if target == manager.shown.id:
            manager.show(new_id(), is_new=True)
        manager.panel.say(
            tr("Deleted “{title}”", title=conversation.title), action=tr("Undo"),
            run=lambda: bridge.when_done(
                store.restore_conversation(target), lambda done: self._restored(target, done), owner=manager
            ),
        )

    def begin_temporary(self) -> None:
        """A chat of which nothing is stored."""
        manager, id = self._manager, new_id()
        manager.session.app.store.keep_in_memory(id)
        manager.panel.overlay.close_content()
        manager.show(id, is_new=True)
        manager.panel.focus_composer()

    def fork(self, message_id: str = "") -> None:
        """A copy of this chat up to a message, by default the last, to go on with in another way."""
        manager = self._manager
        path = manager.shown.path
        if not path or manager.shown.run() is not None:
            manager.panel.say(tr("There is nothing to fork yet.") if not path
                else tr("Stop the answer first, then fork."))
            return
        task = create_task(fork(manager.session.app.store, manager.shown.id, message_id or path[-1].id))
        manager.session.bridge.when_done(task, self._forked, owner=manager)

    def open_source(self) -> None:
        """The chat that this one was taken from."""
        conversation = self._manager.session.conversation(self._manager.shown.id)
        if conversation is not None and conversation.source_id:
            self._manager.open_conversation(conversation.source_id)

    def _forked(self, future: Future[Conversation]) -> None:
        result, manager = outcome(future), self._manager
        if result.value is None:
            self._say_written(result.error)
            return
        manager.open_conversation(result.value.id)
        manager.session.refresh_conversations()
        source = result.value.source_id or ""
        manager.panel.say(tr("This is a copy"), action=tr("Back"), run=lambda: manager.open_conversation(source))

    def _restored(self, conversation_id: str, future: Future[Conversation]) -> None:
        self._conversation_written(future)
        if not self._manager.shown.path:
            self._manager.open_conversation(conversation_id)

    def _conversation_written(self, future: Future[Conversation]) -> None:
        self._say_written(outcome(future).error)

    def _written(self, future: Future[None]) -> None:
        self._say_written(outcome(future).error)

    def _say_written(self, error: Optional[BaseException]) -> None:
        if error is not None:
            self._manager.panel.say(error.user_text if isinstance(error, NukeAIError) else str(error))
        self._manager.session.refresh_conversations()

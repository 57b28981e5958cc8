"""What happens when a conversation nearly fills its model's window: a warning before it is sent, and three ways on.

Leave out the oldest (what was always done, but said before), a summary in this conversation, or a new one that begins
with the summary. Main thread; the summary is written by the background loop and survives the panel.
"""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Set

from nuke_ai_panel.app import Parameters
from nuke_ai_panel.core.place import merge_parameters
from nuke_ai_panel.core.prompt import answer_room
from nuke_ai_panel.core.summary import Summary
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.words import later, tr

from ..ui.panel_values import MeterValue
from .event_bridge import outcome

if TYPE_CHECKING:
    from .panel_manager import PanelManager

NEARLY_FULL = 0.95
CHOOSE = later("Choose how to go on, or send again to leave out the oldest messages.")
WORKING = later("Writing a summary of this conversation …")


class RoomDesk:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._trimmed: Set[str] = set()
        self._value = MeterValue()
        self.bar = manager.panel.composer.limit
        self.bar.chosen.connect(self._choose)

    def measured(self, value: MeterValue) -> None:
        """The next request has another size."""
        self._value = value
        self.show()

    def show(self) -> None:
        """Shows the bar where it belongs."""
        shown = self._manager.shown
        if shown.id in self._manager.session.craft.summaries:
            self.bar.show_work(tr(WORKING))
        elif self._is_full() and shown.id not in self._trimmed and shown.run() is None and shown.path:
            share = round(100 * self._value.used_tokens / (self._value.window_tokens or 1))
            self.bar.show_choices(tr("The next question fills {share} % of what {model} can read.", share=share,
                model=self._model()))
        elif not self.bar.isHidden():
            self.bar.hide()

    def holds_back(self) -> bool:
        """Whether a question has to wait for a choice; asked a second time, that is the choice."""
        manager = self._manager
        manager.measure()
        if self.bar.isHidden() or manager.shown.id in manager.session.craft.summaries:
            return False
        self._trimmed.add(manager.shown.id)  # the next Send goes
        manager.panel.composer.nudge(tr(CHOOSE))
        return True

    def _is_full(self) -> bool:
        window = self._value.window_tokens
        if not window:
            return False
        # Whichever comes first: little room left, or none for an answer, where older messages would not be sent.
        asked = merge_parameters(
            self._manager.session.craft.parameters.get(self._manager.shown.id, Parameters()),
            self._manager.session.app.settings.parameters,
        )
        return self._value.used_tokens >= min(NEARLY_FULL * window, window - answer_room(asked, window))

    def _model(self) -> str:
        choice = self._manager.models.choice()
        return choice.model if choice is not None and choice.model else tr("the model")

    def _choose(self, name: str) -> None:
        manager = self._manager
        session, id = manager.session, manager.shown.id
        if name == "cancel":
            summary = session.craft.summaries.get(id)
            if summary is not None:
                summary.stop()
        elif name == "trim":
            self._trimmed.add(id)
            self.bar.hide()
            if manager.panel.composer.text().strip() or manager.draft.attachments:
                manager.send(manager.panel.composer.text())
        elif manager.shown.run() is None and manager.shown.path:
            manager.panel.composer.nudge("")
            self._summarise(is_new=name == "new_chat")

    def _summarise(self, *, is_new: bool) -> None:
        manager, session = self._manager, self._manager.session
        choice, id = manager.models.choice(), manager.shown.id
        summary = Summary(
            session.app.start_turn, session.app.store, id, tuple(manager.shown.path), choice,
            window_tokens=self._value.window_tokens,
        )
        future: Future[Json] = session.craft.summarise(summary, is_new=is_new)
        self.show()
        session.bridge.when_done(future, lambda done: self._done(id, is_new, done), owner=manager)

    def _done(self, id: str, is_new: bool, future: Future[Json]) -> None:
        manager, result = self._manager, outcome(future)
        self.show()
        error = result.error
        if error is not None and not isinstance(error, CancelledError):
            words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
            manager.panel.say(f"No summary was made. {words}".strip())
        if error is not None or result.value is None:
            return
        self._trimmed.discard(id)
        if manager.shown.id != id:
            manager.panel.say(tr("A summary is ready"), action=tr("Open"), run=lambda: manager.open_conversation(
                result.value.id if is_new else id))
        elif is_new:
            typed, chips = manager.panel.composer.text(), manager.draft.attachments
            manager.draft.clear()
            manager.open_conversation(result.value.id)
            manager.draft.put(typed, chips)
        else:
            self._show_everywhere(id)
            mark = result.value.id
            manager.panel.say(tr("Summarised"), action=tr("Undo"), run=lambda: self._take_back(id, mark))

    def _show_everywhere(self, id: str) -> None:
        self._manager.session.tell(lambda view: view.history_changed(frozenset({id})))

    def _take_back(self, id: str, mark_id: str) -> None:
        """The messages above are sent again, unless something was asked since."""
        manager = self._manager
        path = manager.shown.path
        if manager.session.run_in(id) is not None or (manager.shown.id == id and path and path[-1].id != mark_id):
            manager.panel.say(tr("Something was asked since; the summary stays."))
            return
        future = manager.session.app.store.delete_message(mark_id)
        manager.session.bridge.when_done(future, lambda _: self._show_everywhere(id), owner=manager)

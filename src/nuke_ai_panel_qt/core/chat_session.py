"""What all panels of a process share: the App, running turns, queues, drafts, the model list. Main thread.

A reply belongs to its conversation: a turn is held here, never by a panel, so that closing one or looking elsewhere
changes nothing about it. Panels are told what happened and ask for the picture so far when they open a conversation.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Protocol, Tuple

from nuke_ai_panel.app import App
from nuke_ai_panel.core.provider_manager import ModelCatalogue, ProviderStatus
from nuke_ai_panel.core.request import ModelChoice, TurnRequest
from nuke_ai_panel.errors import NukeAIError, SettingsError
from nuke_ai_panel.events import (
    AnswerStored,
    ApprovalAsked,
    TextAdded,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    TurnStopped,
)
from nuke_ai_panel.messages import Attachment, Conversation, Draft, ErrorInfo, Message, clean_text
from nuke_ai_panel.providers.base import ModelInfo
from nuke_ai_panel.store import StoreChange, new_id
from nuke_ai_panel.utils.event_loop_manager import create_task

from ..qt import is_valid
from ..ui.model_list import ModelList
from .event_bridge import EventBridge, outcome
from .model_sections import sections_of
from .notifier import Notifier
from .panel_state import PanelState
from .run import Run, was_cut
from .server_desk import ServerDesk
from .session_craft import SessionCraft
from .session_watches import SessionWatches
from .settings_writer import SettingsWriter

log = logging.getLogger(__name__)

KEPT_ANSWERS = 64
STALE_MODELS_S = 600.0
LIST_LIMIT = 200
CLOSE_S = 2.0


@dataclass(frozen=True)
class Queued:
    """A question that waits for the running answer of its conversation."""

    id: str
    text: str
    attachments: Tuple[Attachment, ...]
    choice: Optional[ModelChoice]


class View(Protocol):
    """What a panel lets itself be told. `is_alive` is False once its widget is gone."""

    def is_alive(self) -> bool: ...
    def is_showing(self, conversation_id: str) -> bool: ...
    def turn_event(self, run: Run, event: TurnEvent) -> None: ...
    def turn_begun(self, run: Run) -> None: ...
    def conversations_changed(self) -> None: ...
    def queue_changed(self, conversation_id: str) -> None: ...
    def status_changed(self, status: ProviderStatus) -> None: ...
    def models_changed(self) -> None: ...
    def show_trouble(self) -> None: ...
    def show_notice(self, notice: ErrorInfo) -> None: ...
    def history_changed(self, conversation_ids: FrozenSet[str]) -> None: ...
    def conversations_deleted(self, conversation_ids: FrozenSet[str]) -> None: ...
    def settings_changed(self) -> None: ...
    def show_update(self) -> None: ...
    def loop_replaced(self) -> None: ...


class ChatSession:
    """Made on the main thread; `close` ends everything within two seconds."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.bridge = EventBridge(self._on_event)
        self.state = PanelState(app.settings.home / "panel.json")
        self.models = ModelList()
        self.servers = ServerDesk(self)
        self.writer = SettingsWriter(app, self.bridge, self.settings_changed)
        self.conversations: Tuple[Conversation, ...] = ()
        self.unread: FrozenSet[str] = frozenset()
        self.read_notice: Optional[ErrorInfo] = None  # what was said of the history and put away by somebody
        self._views: List[View] = []
        self._visible: List[View] = []
        self._runs: Dict[str, Run] = {}
        self._finished: OrderedDict[str, Message] = OrderedDict()
        self._queues: Dict[str, Tuple[Queued, ...]] = {}
        self._drafts: Dict[str, Draft] = {}
        self._infos: Dict[ModelChoice, ModelInfo] = {}
        self._learning: Dict[ModelChoice, Future[Optional[ModelInfo]]] = {}
        self.craft = SessionCraft(self)
        self.notifier = Notifier(self)
        self._asked_models_at = 0.0
        self._closed = False
        self._unsubscribe = app.providers.subscribe(self._on_status)
        self._leave_history = app.store.changes(self._history_changed)
        app.watch_settings(lambda problem: self.bridge.call(lambda: self._settings_edited(problem)))
        self.watches = SessionWatches(
            app, self.bridge, updated=lambda: self.tell(lambda view: view.show_update()),
            loop_replaced=lambda: self.tell(lambda view: view.loop_replaced()),
        )
        self.rebuild_models()
        self.refresh_conversations()

    # ------------------------------------------------------------ views

    def attach(self, view: View) -> None:
        """A panel opened."""
        self._views = [*self.views(), view]

    def detach(self, view: View) -> None:
        """A panel closed; its turns go on."""
        self._views = [one for one in self._views if one is not view]
        self._visible = [one for one in self._visible if one is not view]

    def views(self) -> Tuple[View, ...]:
        """The panels that are open now."""
        self._views = [one for one in self._views if one.is_alive()]
        return tuple(self._views)

    def view_visibility(self, view: View, visible: bool) -> None:
        """Whether a panel can be seen; with none in sight, events are shown less often."""
        self._visible = [one for one in self._visible if one is not view] + ([view] if visible else [])
        self.bridge.set_hidden(not self._visible)

    def tell(self, call: Callable[[View], None]) -> None:
        """Calls every panel that is still there."""
        for view in tuple(self._views):
            if not view.is_alive():
                self.detach(view)
                continue
            try:
                call(view)
            except Exception:  # the slot boundary: one broken panel must not silence the others
                log.exception("a panel could not show what happened")

    def title_of(self, provider: str) -> str:
        """A provider's name for humans; the name itself for one that is gone from settings."""
        row = self.app.settings.providers.get(provider)
        return row.label if row is not None else provider

    # ------------------------------------------------------------ turns

    def run_in(self, conversation_id: Optional[str]) -> Optional[Run]:
        """The conversation's running turn."""
        return next((run for run in self._runs.values() if run.conversation_id == conversation_id), None)

    def running_ids(self) -> FrozenSet[str]:
        """The conversations with a turn on its way."""
        return frozenset(run.conversation_id for run in self._runs.values())

    def asking_ids(self) -> FrozenSet[str]:
        """The conversations in which a tool waits for an approval."""
        return frozenset(run.conversation_id for run in self._runs.values() if run.approvals)

    def start(self, request: TurnRequest, conversation_id: str) -> Run:
        """Starts a turn. Raises NukeAIError when it cannot be started at all."""
        request = self.craft.prepared(request, conversation_id)
        request = replace(request, wait_for_server_s=self.app.settings.wait_for_server_s)
        handle = self.app.start_turn(request, self.bridge.post)
        run = Run(handle, conversation_id)
        self._runs[handle.turn_id] = run
        self.craft.started(conversation_id)
        if request.choice is not None and request.choice.model:
            self.state.used_model((request.choice.provider, request.choice.model))
            self.rebuild_models()
        self.tell(lambda view: view.turn_begun(run))
        self.tell(lambda view: view.conversations_changed())
        return run

    def finished(self, message: Message) -> Message:
        """The final form of a message that may have been read while it still streamed."""
        return self._finished.get(message.id, message)

    def _on_event(self, event: TurnEvent) -> None:
        run = self._runs.get(event.turn_id)
        if run is None:
            return
        if isinstance(event, TextAdded):
            # A vendor may cut a character's escape in two: its first half waits for the second.
            text = run.carry + event.text
            run.carry = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
            event = replace(event, text=clean_text(text[: len(text) - len(run.carry)]))
        run.hear(event)
        is_end = isinstance(event, (AnswerStored, TurnFailed, TurnStopped))
        if is_end:
            self._end(run, event.answer)  # type: ignore[union-attr]  # every terminal event has an answer
        self.tell(lambda view: view.turn_event(run, event))
        self.notifier.heard(run, event)
        if isinstance(event, (ApprovalAsked, ToolFinished)):
            self.tell(lambda view: view.conversations_changed())
        if isinstance(event, TurnStarted) or is_end:
            self.refresh_conversations()
        if isinstance(event, AnswerStored) or (isinstance(event, TurnFailed) and was_cut(event)):
            self._next_queued(run.conversation_id)

    def _end(self, run: Run, answer: Message) -> None:
        self._runs.pop(run.handle.turn_id, None)
        run.answer = answer
        self._finished[answer.id] = answer
        while len(self._finished) > KEPT_ANSWERS:
            self._finished.popitem(last=False)
        if not self._is_shown(run.conversation_id):
            self.unread |= {run.conversation_id}
            self.app.store.mark_unread(run.conversation_id)

    # ------------------------------------------------------------ queue

    def queue(self, conversation_id: str) -> Tuple[Queued, ...]:
        """The questions that wait in a conversation."""
        return self._queues.get(conversation_id, ())

    def enqueue(
        self, conversation_id: str, text: str, attachments: Tuple[Attachment, ...], choice: Optional[ModelChoice]
    ) -> None:
        """Adds a question; it is sent when the running answer is complete, or was cut off by its server's end."""
        self._set_queue(conversation_id, (*self.queue(conversation_id), Queued(new_id(), text, attachments, choice)))

    def unqueue(self, conversation_id: str, queued_id: str) -> Optional[Queued]:
        """Takes a waiting question out."""
        found = next((one for one in self.queue(conversation_id) if one.id == queued_id), None)
        if found is not None:
            self._set_queue(conversation_id, tuple(one for one in self.queue(conversation_id) if one is not found))
        return found

    def _set_queue(self, conversation_id: str, queue: Tuple[Queued, ...]) -> None:
        self._queues[conversation_id] = queue
        self.tell(lambda view: view.queue_changed(conversation_id))

    def _next_queued(self, conversation_id: str) -> None:
        queue = self.queue(conversation_id)
        if not queue or self._closed:
            return
        first = queue[0]
        try:
            self.start(TurnRequest(first.text, first.choice, attachments=first.attachments), conversation_id)
        except NukeAIError as error:
            log.warning("a queued question was not sent: %s", error)
            return
        self._set_queue(conversation_id, queue[1:])

    # ------------------------------------------------------------ conversations and drafts

    def refresh_conversations(self) -> None:
        """Reads the list again."""
        self.bridge.when_done(self.app.store.conversations(limit=LIST_LIMIT), self._conversations_read)

    def mark_read(self, conversation_id: str) -> None:
        """Somebody looks at it now."""
        if conversation_id in self.unread:
            self.unread -= {conversation_id}
            self.app.store.mark_unread(conversation_id, unread=False)
            self.tell(lambda view: view.conversations_changed())

    def _is_shown(self, conversation_id: str) -> bool:
        return any(view.is_alive() and view.is_showing(conversation_id) for view in self._views)

    def _history_changed(self, change: StoreChange) -> None:
        # On the store's thread.
        self.bridge.call(lambda: self._show_change(change))

    def _show_change(self, change: StoreChange) -> None:
        notice, ids = change.notice, frozenset(change.conversation_ids)
        if notice is not None:
            self.tell(lambda view: view.show_notice(notice))
        elif change.kind == "trouble":
            self.tell(lambda view: view.show_trouble())
        if ids:
            self.tell(lambda view: view.history_changed(ids))
        self.refresh_conversations()

    def conversation(self, conversation_id: str) -> Optional[Conversation]:
        """What the list knows about a conversation."""
        return next((one for one in self.conversations if one.id == conversation_id), None)

    def draft(self, conversation_id: str) -> Optional[Draft]:
        """What was typed in this process."""
        return self._drafts.get(conversation_id)

    def keep_draft(self, draft: Draft) -> None:
        """Remembers a draft and stores it."""
        if self._drafts.get(draft.conversation_id) != draft:
            self._drafts[draft.conversation_id] = draft
            self.app.store.save_draft(draft)

    def _conversations_read(self, future: Future[List[Conversation]]) -> None:
        result = outcome(future)
        conversations, error = result.value, result.error
        if self.app.store.trouble is not None:
            self.tell(lambda view: view.show_trouble())
        if conversations is None:
            if not self.app.is_closed:  # somebody else may have closed the App that all share
                log.warning("the conversations could not be read: %s", error)
            return
        self.conversations = tuple(conversations)
        self.unread |= {one.id for one in conversations if one.is_unread and not self._is_shown(one.id)}
        self.tell(lambda view: view.conversations_changed())

    # ------------------------------------------------------------ models and states

    def rebuild_models(self) -> None:
        """Makes the shared list anew from what is known."""
        providers = self.app.providers
        statuses = tuple(providers.status(name) for name in providers.names())
        memory = self.state.memory
        self.models.set_sections(sections_of(
            providers.models(), statuses, favourites=memory.favourites, recent=memory.recent, now=time.time()
        ))
        self.tell(lambda view: view.models_changed())

    def settings_changed(self) -> None:
        """Settings were read anew; only the providers whose row changed connect again."""
        self.watches.settings_changed()
        self.rebuild_models()
        self.tell(lambda view: view.settings_changed())

    def _settings_edited(self, problem: Optional[SettingsError]) -> None:
        """A settings file changed on disk: it counts now, or it is said what is wrong with it."""
        if not self._closed and problem is None:
            self.settings_changed()
        self.tell(lambda view: view.show_trouble())

    def learn_model(self, choice: ModelChoice) -> None:
        """Asks the provider about a model in the background, for its window and prices."""
        if choice not in self._infos and choice not in self._learning:
            future = self._learning[choice] = create_task(self.app.providers.model_info(choice))
            self.bridge.when_done(future, lambda done: self._model_learnt(choice, done))

    def _model_learnt(self, choice: ModelChoice, future: Future[Optional[ModelInfo]]) -> None:
        self._learning.pop(choice, None)
        info = outcome(future).value
        if info is not None:
            self._infos[choice] = info
            self.tell(lambda view: view.models_changed())

    def known_model(self, choice: Optional[ModelChoice]) -> Optional[ModelInfo]:
        """What is known about a model so far."""
        if choice is None:
            return None
        if choice in self._infos:
            return self._infos[choice]
        known = self.app.providers.models(choice.provider).models
        return next((one for one in known if one.id == choice.model), None)

    def refresh_models(self, *, force: bool = False) -> None:
        """Asks all providers for their models in the background, unless that was done lately."""
        if not force and time.monotonic() - self._asked_models_at < STALE_MODELS_S and self._asked_models_at:
            return
        self._asked_models_at = time.monotonic()
        self.bridge.when_done(self.app.providers.refresh_models(), self._models_read)

    def _models_read(self, future: Future[ModelCatalogue]) -> None:
        self.rebuild_models()

    def _on_status(self, status: ProviderStatus) -> None:
        # On the thread where the fact was found.
        self.bridge.call(lambda: self._status_changed(status))

    def _status_changed(self, status: ProviderStatus) -> None:
        self.rebuild_models()
        self.tell(lambda view: view.status_changed(status))

    # ------------------------------------------------------------ end

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Ends turns (stored as interrupted), sessions, store and loop. Idempotent; two seconds at most."""
        if not self._closed:
            ends = time.monotonic() + CLOSE_S
            self._let_go()
            self.app.close(max(CLOSE_S / 2, ends - time.monotonic()))

    def release(self) -> Dict[str, Any]:  # Any: plain values of many kinds
        """Ends the session but not its App; what `take_back` of another one needs, as plain values."""
        self._let_go()
        return {
            "unread": sorted(self.unread),
            "queues": {key: [asdict(one) for one in queue] for key, queue in self._queues.items() if queue},
        }

    def take_back(self, released: Mapping[str, Any]) -> None:
        """Goes on where a released session ended."""
        self.unread = frozenset(released["unread"])
        for conversation_id, queue in released["queues"].items():
            for one in queue:
                choice = ModelChoice(**one["choice"]) if one["choice"] else None
                attachments = tuple(Attachment(**each) for each in one["attachments"])
                self.enqueue(conversation_id, one["text"], attachments, choice)

    def _let_go(self) -> None:
        self._closed = True
        self.writer.flush()
        self._unsubscribe()
        self._leave_history()
        self.craft.batches.close()
        self.bridge.close()
        self.notifier.close()
        for future in self._learning.values():
            future.cancel()
        self.servers.close()
        self.watches.close()
        self._views.clear()
        if is_valid(self.models):
            self.models.deleteLater()

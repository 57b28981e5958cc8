"""Presents one panel: its clicks become commands to the App, events become setters of its widgets. Main thread.

It never waits for a future. Everything that outlives the panel (turns, queues, drafts, the model list) is held by the
ChatSession; this holds only what one panel looks at, so that two panels on one App do not disturb each other.
"""

from __future__ import annotations

import logging
import time
from typing import Dict, FrozenSet, Mapping, Optional

from nuke_ai_panel.core.provider_manager import ProviderStatus
from nuke_ai_panel.core.request import TurnRequest
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.events import AnswerStored, StoreTroubled, TurnEvent, TurnFailed, TurnStopped
from nuke_ai_panel.messages import ErrorInfo, Json
from nuke_ai_panel.reload import Outcome
from nuke_ai_panel.store import new_id
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtWidgets, is_valid
from ..ui.chat_panel import ChatPanel
from ..ui.panel_values import Banner
from .announcer import announce
from .answer_options import AnswerOptions
from .approval_desk import ApprovalDesk
from .backups_desk import BackupsDesk
from .batch_desk import BatchDesk
from .chat_session import ChatSession
from .code_desk import CodeDesk
from .context_desk import ContextDesk
from .conversation_commands import ConversationCommands
from .conversation_files import ConversationFiles
from .conversation_rows import rows_of
from .draft_desk import DraftDesk
from .explorer_sheet import ExplorerSheet
from .first_steps import FirstSteps
from .hit_opener import HitOpener
from .ledger_desk import LedgerDesk
from .message_actions import MessageActions
from .model_desk import CHOOSE_FIRST, ModelDesk
from .panel_commands import run_command
from .prompt_desk import PromptDesk
from .queue_desk import QueueDesk
from .request_meter import meter_value
from .room_desk import RoomDesk
from .run import Run
from .settings_desk import SettingsDesk
from .shown_conversation import ShownConversation
from .system_desk import SystemDesk
from .trouble_desk import TroubleDesk
from .view_state import take_back, view_state_of

log = logging.getLogger(__name__)

METER_AFTER_MS = 150


class PanelManager(QtCore.QObject, metaclass=QtClass):
    """A child of its panel; dies with it."""

    def __init__(self, session: ChatSession, panel: ChatPanel, *, state: Optional[Mapping[str, Json]] = None) -> None:
        super().__init__(panel)
        state = state or {}
        # Where the artist was reading, until the conversation is there again.
        self._place: object = tuple(state["anchor"]) if state.get("anchor") else None
        self._trouble = ""
        self.session = session
        self.panel = panel
        self._list_is_known = bool(session.conversations)
        self._meter_timer = QtCore.QTimer(self)
        self._meter_timer.setSingleShot(True)
        self._meter_timer.setInterval(METER_AFTER_MS)
        self._meter_timer.timeout.connect(self.measure)
        self.shown = ShownConversation(session, panel.transcript, self._path_changed)
        self.draft = DraftDesk(session, panel.composer, self._meter_timer.start)
        self.models = ModelDesk(session, panel, self._model_chosen)
        self.actions = MessageActions(self)
        self.queue = QueueDesk(self)
        self.context = ContextDesk(self)
        self.code = CodeDesk(self)
        self.commands = ConversationCommands(self)
        self.files = ConversationFiles(self)
        self.system = SystemDesk(self)
        self.room = RoomDesk(self)
        self.approvals = ApprovalDesk(self)
        self.prompts = PromptDesk(self)
        self.settings = SettingsDesk(session, panel)
        self.answers = AnswerOptions(session, panel, lambda: self.shown.id, self.models.show_choice)
        self.ledger = LedgerDesk(session, panel, self.open_conversation)
        self.hits = HitOpener(self)
        self.explorer = ExplorerSheet(session, panel, self.hits.open)
        self.trouble = TroubleDesk(session, panel)
        self.batch = BatchDesk(self)
        self.backups = BackupsDesk(session, panel, self._history_restored)
        self.first_steps = FirstSteps(
            session, panel.start, on_chosen=self.models.choose_model, on_add_key=self.models.open_provider
        )
        self._connect()
        memory = session.state.memory
        self._apply_settings()
        panel.set_list_wanted(memory.list_open)
        session.attach(self)
        session.notifier.add(self)
        self.show_trouble()
        take_back(self, state)
        self.conversations_changed()

    def is_alive(self) -> bool:
        """Whether the panel's widgets are still there."""
        return is_valid(self) and is_valid(self.panel)

    def view_state(self) -> Dict[str, Json]:
        """What the artist sees here, as plain values for another panel of this kind; the draft is in the store."""
        return view_state_of(self)

    def show_reload(self, outcome: Outcome) -> None:
        """Says how a reload of the code went."""
        self.trouble.show_reload(outcome)

    def show_update(self) -> None:
        """Newer code is on disk than in service."""
        self.trouble.show_update()

    def loop_replaced(self) -> None:
        """The background loop was blocked and is another one now."""
        self.trouble.show_loop_replaced()

    def close(self) -> None:
        """The panel goes; its turns go on."""
        self.draft.save()
        self.settings.close()
        self.explorer.close()
        self.batch.close()
        self.left()

    def left(self) -> None:
        """The panel's widgets are gone or go, maybe without a word before: nobody holds or looks after anything for it.

        Touches no widget. Idempotent.
        """
        self.models.close()
        self.settings.left()
        self.session.detach(self)
        self.session.notifier.remove(self)

    # ------------------------------------------------------------ commands: conversations

    def new_conversation(self) -> None:
        """An empty conversation; an empty one that is open already stays."""
        self.panel.overlay.close_content()
        if self.shown.path or self.shown.run() is not None or self.shown.is_loading:
            self.show(new_id(), is_new=True)
        self.panel.focus_composer()

    def open_conversation(self, conversation_id: str) -> None:
        """Shows a conversation."""
        self.panel.overlay.close_content()
        if conversation_id != self.shown.id:
            self.show(conversation_id)
        self.panel.focus_composer()

    def show(self, conversation_id: str, *, is_new: bool = False) -> None:
        """Turns to a conversation; a new one is empty at once."""
        self.actions.cancel_editing()
        self.draft.open(conversation_id)
        if self.panel.find_bar.isVisible():
            self.panel.find_bar.hide()
        self.models.open(conversation_id)
        self.shown.open(conversation_id, is_new=is_new)
        if not self.session.app.store.is_temporary(conversation_id):
            self.session.state.remember(open_conversation=conversation_id)
        if self.panel.isVisible():
            self.session.mark_read(conversation_id)
        self.conversations_changed()
        self.queue_changed(conversation_id)

    # ------------------------------------------------------------ commands: asking

    def send(self, text: str) -> None:
        """Sends what is written, or queues it behind the running answer."""
        choice = self.models.choice()
        if choice is None:
            self.panel.composer.nudge(tr(CHOOSE_FIRST))
            return
        if self.prompts.holds_back():
            return
        attachments = self.context.fresh(self.draft.attachments)
        if self.actions.editing is not None:
            self.actions.send_edit(text, attachments, choice)
            return
        if self.shown.run() is not None:
            self.session.enqueue(self.shown.id, text, attachments, choice)
            self.draft.clear()
            return
        if not self.room.holds_back() and self.start(TurnRequest(text, choice, attachments=attachments)):
            self.draft.clear()

    def start(self, request: TurnRequest) -> bool:
        """Starts a turn in the shown conversation; says why when it cannot."""
        try:
            self.session.start(request, self.shown.id)
        except NukeAIError as error:
            self.panel.composer.nudge(f"{error.user_text} {error.next_step}".strip())
            return False
        return True

    def stop(self) -> None:
        """Stops the answer of the shown conversation; what waits behind it stays."""
        run = self.shown.run()
        if run is not None:
            run.handle.stop()

    # ------------------------------------------------------------ what the session tells

    def widget(self) -> QtWidgets.QWidget:
        """The panel, for whoever wants to bring it forward."""
        return self.panel

    def is_showing(self, conversation_id: str) -> bool:
        """Whether an artist can see that conversation here."""
        return self.shown.id == conversation_id and self.panel.isVisible()

    def turn_begun(self, run: Run) -> None:
        """A turn was started, here or in another panel."""
        if run.conversation_id == self.shown.id:
            self.panel.show_transcript()
            self._show_running()

    def turn_event(self, run: Run, event: TurnEvent) -> None:
        """A turn moved."""
        if isinstance(event, StoreTroubled):
            self.panel.banner.set_banner(Banner("warning", f"{event.error.user_text} {event.error.next_step}".strip()))
        if run.conversation_id != self.shown.id:
            return
        self.shown.turn_event(run, event)
        announce(self.panel.live, event)
        if isinstance(event, (AnswerStored, TurnFailed, TurnStopped)):
            self._show_running()

    def conversations_changed(self) -> None:
        """The list, a title or a mark changed."""
        session = self.session
        rows = rows_of(
            session.conversations, running=session.running_ids(), unread=session.unread,
            asking=session.asking_ids(), now=time.time()
        )
        self.panel.conversations.set_rows(rows, self.shown.id)
        conversation = session.conversation(self.shown.id)
        is_temporary = session.app.store.is_temporary(self.shown.id)
        title = conversation.title if conversation is not None else ""
        self.panel.header.set_title(
            title or (tr("Temporary chat") if is_temporary else tr("New conversation")),
            can_rename=conversation is not None
        )
        self.panel.header.set_marks(
            is_temporary=is_temporary, has_source=conversation is not None and bool(conversation.source_id)
        )
        self.approvals.show()
        if not self._list_is_known:
            self._list_is_known = True
            self._show_page()
        self.models.show_choice()
        self._meter_timer.start()

    def queue_changed(self, conversation_id: str) -> None:
        """What waits behind an answer changed."""
        self.queue.changed(conversation_id)

    def status_changed(self, status: ProviderStatus) -> None:
        """A provider's true state changed."""
        self.models.status_changed(status)
        self.settings.status_changed(status)
        if self.panel.showing_start() and self.models.choice() is None:
            self.first_steps.show()

    def settings_changed(self) -> None:
        """Settings were read anew: all of it counts at once."""
        self._apply_settings()
        self.models.show_choice()
        self._show_page()
        self.settings.settings_changed()

    def _apply_settings(self) -> None:
        own = self.session.app.settings.panel
        self.panel.set_developer(self.trouble.is_developer())
        self.panel.shortcuts.set_overrides(own.shortcuts)
        self.panel.composer.prompt.set_enter_sends(own.enter_sends)
        self.panel.set_font_scale(self.session.state.memory.font_scale * own.font_scale)

    def models_changed(self) -> None:
        """The shared list changed; a window may be known now."""
        self._meter_timer.start()

    # ------------------------------------------------------------ showing

    def history_changed(self, conversation_ids: FrozenSet[str]) -> None:
        """Another session wrote to these conversations."""
        if self.shown.id in conversation_ids and self.shown.run() is None and not self.shown.is_loading:
            self.shown.reload()

    def conversations_deleted(self, conversation_ids: FrozenSet[str]) -> None:
        """These are in the bin now: an open one makes room for an empty one."""
        if self.shown.id in conversation_ids:
            self.show(new_id(), is_new=True)

    def show_notice(self, notice: ErrorInfo) -> None:
        """Says once what was mended in the history, or ought to be known about it."""
        self.backups.show_notice(notice)

    def _history_restored(self) -> None:
        self.session.refresh_conversations()
        self.session.tell(lambda view: view.history_changed(frozenset({self.shown.id})))

    def _path_changed(self) -> None:
        if self._place is not None and not self.shown.is_loading:
            self.shown.show_rest()
            self.panel.transcript.restore_anchor(self._place)
            self._place = None
        self.panel.composer.prompt.set_history(self.shown.questions())
        self._show_running()
        self._show_page()
        self._meter_timer.start()

    def _model_chosen(self) -> None:
        self._show_page()
        self._meter_timer.start()

    def _show_running(self) -> None:
        running = self.shown.run() is not None
        self.panel.composer.set_running(running)
        self.panel.transcript.busy(running)
        self.approvals.show()

    def _show_page(self) -> None:
        if self.shown.path or self.shown.is_loading or self.shown.run() is not None:
            self.panel.show_transcript()
        elif self.models.choice() is None:
            self.first_steps.show()
            self.panel.show_start()
        else:
            self.first_steps.show_suggestions()
            self.panel.show_start()

    def measure(self) -> None:
        """Sizes up the next request for the meter."""
        choice = self.models.choice()
        model = self.session.known_model(choice)
        fixed = None
        if choice is not None:
            row = self.session.app.settings.providers.get(choice.provider)
            configured = row.options.get("num_ctx") if row is not None else None
            fixed = configured if isinstance(configured, int) else None
        value = meter_value(
            self.shown.path, self.draft.current(), model, system=self.system.current(), window_tokens=fixed,
            asked_tokens=self.session.app.window_of(choice) if choice is not None else None,
        )
        self.panel.composer.meter.set_value(value)
        self.room.measured(value)

    def show_trouble(self) -> None:
        """Says why history is not being saved, or which edit of the settings is not taken, as long as it is so."""
        app = self.session.app
        trouble = app.store.trouble or app.settings_problem()
        words = f"{trouble.user_text} {trouble.next_step}".strip() if trouble is not None else ""
        shown = self.panel.banner.banner()
        if words:
            self._trouble = words
            self.panel.banner.set_banner(Banner("warning", words))
        elif shown is not None and shown.text == self._trouble:
            self.panel.banner.set_banner(None)

    # ------------------------------------------------------------ wiring

    def _connect(self) -> None:
        panel, composer = self.panel, self.panel.composer
        composer.submitted.connect(self.send)
        composer.stop_requested.connect(self.stop)
        composer.attach_requested.connect(self.attach)
        composer.prompt.picture_pasted.connect(lambda: self.context.add_clipboard())
        composer.chip_opened.connect(self.actions.open_draft_chip)
        composer.editing_cancelled.connect(self.actions.cancel_editing)
        panel.transcript.action.connect(self.actions.run)
        panel.text_sheet.insert_requested.connect(self.actions.insert_chip)
        panel.text_sheet.remove_requested.connect(self.actions.remove_chip)
        panel.header.source.clicked.connect(self.commands.open_source)
        panel.header.renamed.connect(self.commands.rename)
        panel.conversations.opened.connect(self.open_conversation)
        panel.conversations.renamed.connect(self.commands.rename_other)
        panel.conversations.delete_requested.connect(self.commands.delete)
        panel.conversations.new_requested.connect(self.new_conversation)
        panel.start.suggested.connect(self._suggested)
        panel.command.connect(self._command)
        panel.zoomed.connect(self._zoomed)
        panel.list_toggled.connect(self._list_toggled)
        panel.visibility_changed.connect(self._visibility_changed)

    def attach(self) -> None:
        """Asks for files to attach."""
        dialog = QtWidgets.QFileDialog(self.panel, tr("Attach text, pictures or PDF files"))
        dialog.setFileMode(QtWidgets.QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.draft.attach_files)
        dialog.open()

    def _command(self, command: str) -> None:
        run_command(self, command)

    def _suggested(self, text: str) -> None:
        self.draft.put(text, self.draft.attachments)
        if self.first_steps.is_about_selection(text):
            self.context.add("selection")
        self.panel.focus_composer()

    def _zoomed(self, scale: float) -> None:
        self.session.state.remember(font_scale=scale / self.session.app.settings.panel.font_scale)

    def _list_toggled(self, wanted: bool) -> None:
        self.session.state.remember(list_open=wanted)

    def _visibility_changed(self, visible: bool) -> None:
        self.session.view_visibility(self, visible)
        if visible:
            self.context.show_nodes()
            self.session.mark_read(self.shown.id)


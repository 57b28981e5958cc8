"""What the buttons of a message do: copy, edit, ask again, continue, branches, delete with undo. Main thread."""

from __future__ import annotations

import re
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple

from nuke_ai_panel.core.marks import is_summary
from nuke_ai_panel.core.request import ModelChoice, TurnRequest
from nuke_ai_panel.core.tokens import estimate
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Attachment, Draft, Message
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtGui
from ..ui.markdown import plain_words
from ..ui.values import Chip
from .code_desk import ACTIONS as CODE_ACTIONS
from .event_bridge import outcome
from .message_items import error_card, mark_facts

if TYPE_CHECKING:
    from .panel_manager import PanelManager

_FENCE = re.compile(r"(`{3,}|~{3,})")
CREDITS_PAGE = "https://openrouter.ai/settings/credits"
SERVER_ACTIONS = frozenset({"pull_model", "start_server", "cancel_work", "raise_context"})
LINK_SCHEMES = frozenset({"http", "https", "mailto"})


@dataclass(frozen=True)
class Editing:
    """An earlier question in the composer; `before` is the draft that it pushed aside."""

    question: Message
    before: Draft


class MessageActions:
    """One panel's. Every action that sends something takes the model that is chosen now."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self.editing: Optional[Editing] = None

    def run(self, action: str, message_id: str, payload: object) -> None:
        """One click in the transcript."""
        if action == "copy":
            self._copy(message_id)
        elif action == "copy_code":
            _to_clipboard(str(payload))
        elif action in ("regenerate", "retry"):
            self.regenerate(message_id)
        elif action == "continue":
            self._ask(TurnRequest("", self._manager.models.choice(), continue_of=message_id))
        elif action == "edit":
            self.edit(message_id)
        elif action == "delete":
            self.delete(message_id)
        elif action == "fork":
            self._manager.commands.fork(message_id)
        elif action == "copy_plain":
            self._manager.panel.say(tr("Copied as plain text"))
        elif action == "keep_prompt":
            message = self._manager.shown.message(message_id)
            self._manager.prompts.keep(message.text if message is not None else "")
        elif action == "show_mark":
            self._show_mark(message_id)
        elif action == "sent":
            message = self._manager.shown.message(message_id)
            is_answer = message is not None and message.role == "assistant"
            question_id = message.parent_id if message is not None and is_answer else message_id
            self._manager.ledger.show_sent(question_id or "")
        elif action in ("branch_prev", "branch_next"):
            self._step(message_id, -1 if action == "branch_prev" else 1)
        elif action == "switch_model":
            self._manager.models.open_picker()
        elif action == "open_settings":
            message = self._manager.shown.message(message_id)
            self._manager.settings.open(message.provider or "" if message is not None else "")
        elif action == "copy_details":
            self._copy_details(message_id)
        elif action == "open_chip":
            self._open_sent_chip(message_id, payload)
        elif action == "link":
            if not self._manager.code.go_to(str(payload)):
                _open_link(str(payload))
        elif action in CODE_ACTIONS and isinstance(payload, tuple):
            self._manager.code.act(action, message_id, *payload)
        elif action == "add_credit":
            _open_link(CREDITS_PAGE)
        elif action in SERVER_ACTIONS:
            self.at_server(action, message_id)

    # ------------------------------------------------------------ asking again

    def regenerate(self, answer_id: str) -> None:
        """Asks the same question again; the old answer stays beside the new one."""
        self._ask(TurnRequest("", self._manager.models.choice(), regenerate_of=answer_id))

    def regenerate_last(self) -> None:
        """Asks the last question again."""
        answer = self._manager.shown.last("assistant")
        if answer is not None and self._manager.shown.run() is None:
            self.regenerate(answer.id)

    def edit(self, question_id: str) -> None:
        """Takes a question into the composer; sending it starts a branch beside the old one."""
        question = self._manager.shown.message(question_id)
        if question is None or question.role != "user" or self._manager.shown.run() is not None:
            return
        before = self.editing.before if self.editing is not None else self._manager.draft.current()
        self.editing = Editing(question, before)
        self._manager.draft.put(question.text, question.attachments)
        self._manager.panel.composer.set_editing(True)
        self._manager.panel.focus_composer()

    def send_edit(self, text: str, attachments: Tuple[Attachment, ...], choice: ModelChoice) -> None:
        """Sends the edited question."""
        editing = self.editing
        if editing is None or not (text.strip() or attachments):
            return
        request = TurnRequest(
            text, choice, attachments=attachments, parent_id=editing.question.parent_id, is_edit=True
        )
        if self._manager.start(request):
            self._end_editing(editing)

    def cancel_editing(self) -> None:
        """Leaves the question as it was and puts the draft back."""
        if self.editing is not None:
            self._end_editing(self.editing)

    def _end_editing(self, editing: Editing) -> None:
        self.editing = None
        self._manager.panel.composer.set_editing(False)
        self._manager.draft.put(editing.before.text, editing.before.attachments)

    def _ask(self, request: TurnRequest) -> None:
        if self._manager.shown.run() is None:
            self._manager.start(request)

    def at_server(self, action: str, answer_id: str) -> None:
        """Mends what an answer failed of at its model server, then asks the same question there again."""
        manager, answer = self._manager, self._manager.shown.message(answer_id)
        if answer is None or not answer.provider:
            return
        session, choice = manager.session, ModelChoice(answer.provider, answer.model or "")

        def again() -> None:
            if manager.is_alive() and manager.shown.message(answer_id) is not None:
                self._ask(TurnRequest("", choice, regenerate_of=answer_id))

        if action == "pull_model":
            session.servers.pull(choice, again)
        elif action == "start_server":
            session.servers.start(choice.provider, again)
        elif action == "cancel_work":
            session.servers.cancel(choice)
        elif action == "raise_context":
            session.bridge.when_done(
                session.app.widen_window(choice), lambda done: self._widened(choice, again, done), owner=manager
            )

    def _widened(self, choice: ModelChoice, again: Callable[[], None], future: Future[Optional[int]]) -> None:
        result = outcome(future)
        if result.error is not None:
            error = result.error
            words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
            self._manager.panel.say(words.strip())
        elif result.value is None:
            self._manager.panel.say(tr("{model} cannot read more than it is asked to already.", model=choice.model))
        else:
            self._manager.panel.say(tr("{model} now reads up to {value:,} tokens; asking again.", model=choice.model,
                value=result.value))
            again()

    # ------------------------------------------------------------ branches and deleting

    def _step(self, message_id: str, step: int) -> None:
        if self._manager.shown.run() is None:
            shown = self._manager.shown
            shown.show_path(self._manager.session.app.store.select_branch(shown.id, message_id, step))

    def delete(self, message_id: str) -> None:
        """Hides a message and what follows it, says how much that was, and offers Undo."""
        if self._manager.shown.run() is not None:
            self._manager.panel.say(tr("Stop the answer first, then delete."))
            return
        session = self._manager.session
        session.bridge.when_done(
            session.app.store.delete_message(message_id), lambda done: self._deleted(message_id, done),
            owner=self._manager
        )

    def _deleted(self, message_id: str, future: Future[int]) -> None:
        result = outcome(future)
        hidden, error = result.value, result.error
        manager = self._manager
        if hidden is None:
            manager.panel.say(error.user_text if isinstance(error, NukeAIError) else str(error))
            return
        manager.shown.reload()
        manager.session.refresh_conversations()
        said = tr("Deleted the message, what follows it")
        if hidden:
            said = tr("Deleted the message, what follows it and {hidden} in hidden branches", hidden=hidden)
        manager.panel.say(said, action=tr("Undo"), run=lambda: self._restore(message_id))

    def _restore(self, message_id: str) -> None:
        store = self._manager.session.app.store
        future: Future[List[Message]] = store.restore_message(message_id)
        self._manager.shown.show_path(future)

    # ------------------------------------------------------------ copying

    def copy_reply(self) -> None:
        """The last answer, as Markdown."""
        answer = self._manager.shown.last("assistant")
        if answer is not None:
            self._copy(answer.id)

    def read_reply(self) -> None:
        """The last answer as plain text in a field of its own, for a screen reader or a magnifier."""
        answer = self._manager.shown.last("assistant")
        if answer is None:
            self._manager.panel.say(tr("There is no answer yet."))
            return
        panel = self._manager.panel
        panel.open_text_sheet()
        facts = " · ".join(part for part in (answer.model or "", answer.status) if part)
        panel.text_sheet.show_text("", tr("The last answer"), plain_words(answer.text), facts=facts, is_editable=False)

    def copy_code(self) -> None:
        """The last complete code block of the last answer that has one."""
        for message in reversed(self._manager.shown.path):
            code = last_code(message.text) if message.role == "assistant" else None
            if code is not None:
                _to_clipboard(code)
                self._manager.panel.say(tr("Copied the last code block"))
                return

    def _copy(self, message_id: str) -> None:
        text = self._manager.panel.transcript.text_of(message_id)
        if text:
            _to_clipboard(text)
            self._manager.panel.say(tr("Copied"))

    def _copy_details(self, message_id: str) -> None:
        message = self._manager.shown.message(message_id)
        if message is not None and message.error is not None:
            _to_clipboard(error_card(message.error, titles=self._manager.session.title_of).details)
            self._manager.panel.say(tr("Copied the details"))

    # ------------------------------------------------------------ going through the questions

    def previous_prompt(self) -> None:
        """Scrolls to the question before the one in view."""
        self._manager.panel.transcript.step_prompt(-1)

    def next_prompt(self) -> None:
        """Scrolls to the question after the one in view."""
        self._manager.panel.transcript.step_prompt(1)

    # ------------------------------------------------------------ chips

    def open_draft_chip(self, chip_id: str) -> None:
        """Shows what an attachment of the draft holds."""
        attachment = self._manager.draft.attachment(chip_id)
        if attachment is not None:
            self._show(attachment, is_editable=True)

    def insert_chip(self, chip_id: str) -> None:
        """Turns an attachment into text."""
        self._manager.panel.close_overlay()
        self._manager.draft.insert_as_text(chip_id)

    def remove_chip(self, chip_id: str) -> None:
        """Takes an attachment away."""
        self._manager.panel.close_overlay()
        self._manager.draft.remove(chip_id)

    def _show_mark(self, message_id: str) -> None:
        mark = self._manager.shown.message(message_id)
        if mark is not None:
            panel = self._manager.panel
            panel.open_text_sheet()
            panel.text_sheet.show_text(
                "", tr("Summary") if is_summary(mark) else tr("System prompt"), mark.text, facts=mark_facts(mark),
                is_editable=False,
            )

    def _open_sent_chip(self, message_id: str, chip: object) -> None:
        message = self._manager.shown.message(message_id)
        sent = message.attachments if message is not None and isinstance(chip, Chip) else ()
        found = next((one for one in sent if isinstance(chip, Chip) and one.id == chip.id), None)
        if found is not None:
            self._show(found, is_editable=False)

    def _show(self, attachment: Attachment, *, is_editable: bool) -> None:
        panel = self._manager.panel
        if attachment.data_base64 is not None:
            panel.open_text_sheet()
            panel.text_sheet.show_text(
                attachment.id, attachment.name, tr("The model gets this file as it is."), is_editable=False,
                facts=tr("{media_type} · {count:.2f} MB", media_type=attachment.media_type,
                count=len(attachment.data_base64) * 3 / 4e6),
            )
            return
        lines = attachment.text.count("\n") + 1
        facts = tr("{count:,} characters · {lines:,} lines · about {estimate:,} tokens", count=len(attachment.text),
            lines=lines, estimate=estimate(attachment.text))
        panel.open_text_sheet()
        panel.text_sheet.show_text(
            attachment.id, attachment.name, attachment.text, facts=facts, is_editable=is_editable
        )


def last_code(text: str) -> Optional[str]:
    """The content of the last closed code fence in Markdown, with LF newlines; None when there is none."""
    found: Optional[str] = None
    lines: List[str] = []
    fence, indent = "", 0
    for line in text.split("\n"):
        body = line.lstrip(" ")
        mark = _FENCE.match(body)
        if not fence and mark:
            fence, indent, lines = mark.group(1), len(line) - len(body), []
        elif fence and mark and not body.strip(fence[0] + " ") and len(body.strip()) >= len(fence):
            found, fence = "".join(f"{one}\n" for one in lines), ""
        elif fence:
            lines.append(line[min(indent, len(line) - len(body)):])
    return found


def _to_clipboard(text: str) -> None:
    QtGui.QGuiApplication.clipboard().setText(text)


def _open_link(url: str) -> None:
    target = QtCore.QUrl(url)
    if target.scheme().lower() in LINK_SCHEMES:
        QtGui.QDesktopServices.openUrl(target)

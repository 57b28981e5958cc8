"""The system prompt of the conversation on show: global default, preset or words of its own. Main thread.

A conversation begins with the settings' prompt unless another one was chosen before its first question. A change later
is a mark in the transcript: what was asked above it stays with the prompt it was asked with.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from nuke_ai_panel.core.craft import change_system
from nuke_ai_panel.core.marks import system_of
from nuke_ai_panel.core.prompt_files import PromptFile
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Conversation, Message
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..qt import is_valid
from ..ui.system_sheet import OWN, SystemSheet
from .event_bridge import outcome

if TYPE_CHECKING:
    from .panel_manager import PanelManager

DEFAULT, NOTHING = "settings", "none"
BUSY = later("An answer is being written; it can be changed when it is done.")


class SystemDesk:
    """One panel's. The sheet is made when it is first opened."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._sheet: Optional[SystemSheet] = None
        self._shown_for = ""
        self._now = ""
        self._choice: Optional[PromptFile] = None

    @property
    def sheet(self) -> Optional[SystemSheet]:
        """The sheet, once it was opened."""
        return self._sheet if self._sheet is not None and is_valid(self._sheet) else None

    def current(self) -> str:
        """The system prompt that the next question goes with, as far as the list of conversations knows."""
        manager = self._manager
        conversation = manager.session.conversation(manager.shown.id)
        return self._of(conversation)

    def open(self) -> None:
        """The sheet, with what holds now."""
        manager, session = self._manager, self._manager.session
        sheet = self.sheet
        if sheet is None:
            sheet = self._sheet = SystemSheet(manager.panel.shortcuts, manager.panel.overlay)
            sheet.used.connect(self.use)
            sheet.chosen.connect(self._choose)
            sheet.saved.connect(self._save)
            sheet.deleted.connect(self._delete)
            sheet.close_requested.connect(manager.panel.close_overlay)
        self._shown_for = manager.shown.id
        manager.panel.overlay.open(sheet, "full")
        sheet.focus_first()
        self._show(self.current())
        session.bridge.when_done(session.app.store.conversation(manager.shown.id), self._read, owner=sheet)
        session.craft.prompts.refresh(self._show_choices)

    def use(self, text: str) -> None:
        """Makes `text` the system prompt from here on."""
        manager, session = self._manager, self._manager.session
        preset, target = self._choice, manager.shown.id
        manager.panel.close_overlay()
        if preset is not None and preset.text == text and preset.provider:
            manager.models.choose_model(ModelChoice(preset.provider, preset.model or ""))
        if not manager.shown.path and session.conversation(target) is None:
            session.craft.systems[target] = text
            manager.measure()
            return
        task = create_task(change_system(session.app.store, target, text))
        session.bridge.when_done(task, lambda done: self._changed(target, done), owner=manager)

    def _changed(self, conversation_id: str, future: Future[Optional[Message]]) -> None:
        manager, error = self._manager, outcome(future).error
        if error is not None:
            manager.panel.say(error.user_text if isinstance(error, NukeAIError) else str(error))
        manager.session.tell(lambda view: view.history_changed(frozenset({conversation_id})))
        manager.session.refresh_conversations()

    def _of(self, conversation: Optional[Conversation]) -> str:
        session = self._manager.session
        begun = session.craft.systems.get(self._manager.shown.id, session.app.settings.system)
        if conversation is not None:
            begun = conversation.system
        return system_of(self._manager.shown.path, begun) or ""

    def _read(self, future: Future[Optional[Conversation]]) -> None:
        conversation = outcome(future).value
        sheet = self.sheet
        if sheet is not None and conversation is not None and self._shown_for == self._manager.shown.id:
            self._show(self._of(conversation))

    def _show(self, now: str) -> None:
        sheet = self.sheet
        assert sheet is not None
        if now != self._now or sheet.text.toPlainText() != now:
            self._now = now
            sheet.show_prompt(now)
        self._show_choices()

    def _show_choices(self) -> None:
        sheet = self.sheet
        if sheet is None:
            return
        text = sheet.text.toPlainText().strip()
        shelf = self._manager.session.craft.prompts.shelf
        default = (self._manager.session.app.settings.system or "").strip()
        found = shelf.preset_of(text)
        self._choice = found
        value = DEFAULT if text == default else NOTHING if not text else found.name if found is not None else OWN
        general = tr("As in Settings") if default else tr("As in Settings (none)")
        choices: Tuple[Tuple[str, str], ...] = (
            (general, DEFAULT), *(((tr("No system prompt"), NOTHING),) if default else ()),
            *((tr("{title} (studio)", title=one.title) if one.source == "studio" else one.title, one.name)
            for one in shelf.presets),
        )
        if value == OWN:
            choices = (*choices, (tr("Words of its own"), OWN))
        sheet.show_choices(choices, value, can_delete=found is not None and not found.is_read_only)
        where = {DEFAULT: tr("From Settings."), NOTHING: tr("No system prompt."),
            OWN: tr("Words of this conversation's own.")}
        facts = where.get(value) or tr("The preset “{title}”.", title=found.title if found else value)
        if found is not None and found.description and value == found.name:
            facts = f"{facts} {found.description}."
        if shelf.problems:
            facts = f"{facts}\n{shelf.problems[0]}"
        sheet.say_facts(facts, blocked=tr(BUSY) if self._manager.shown.run() is not None else "")

    def _choose(self, name: str) -> None:
        sheet, session = self.sheet, self._manager.session
        if sheet is None or name == OWN:
            return
        preset = session.craft.prompts.shelf.named(name, "preset")
        default = (session.app.settings.system or "").strip()
        sheet.show_prompt(default if name == DEFAULT else preset.text if preset is not None else "")
        self._show_choices()

    def _save(self, title: str, text: str) -> None:
        choice = self._manager.models.picked()
        library = self._manager.session.craft.prompts.library
        self._change(lambda: library.save(
            "preset", title, text, provider=choice.provider if choice else None, model=choice.model if choice else None
        ), tr("Saved the preset “{names}”", names=' '.join(title.split())))

    def _delete(self, name: str) -> None:
        preset = self._manager.session.craft.prompts.shelf.named(name, "preset")
        library = self._manager.session.craft.prompts.library
        if preset is not None:
            found = preset
            self._change(lambda: library.delete(found), tr("Deleted the preset “{title}”", title=preset.title))

    def _change(self, work: Callable[[], object], said: str) -> None:
        sheet, manager = self.sheet, self._manager

        def done(error: Optional[BaseException]) -> None:
            if sheet is None or not is_valid(sheet):
                return
            words = ""
            if error is not None:
                words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
                sheet.say_problem(words.strip())
                return
            sheet.show_prompt(sheet.text.toPlainText())
            self._show_choices()
            manager.panel.say(said)

        manager.session.craft.prompts.change(work, done, owner=sheet)

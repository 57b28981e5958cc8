"""The prompt library in one panel: what `/` offers and puts in, and the sheet where prompts are kept. Main thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Dict, Optional

from nuke_ai_panel.core.prompt_files import PromptFile, filled, matching, variables_of
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, is_valid
from ..ui.panel_values import PromptRow
from ..ui.slash_list import SlashList, VariableSteps
from ..ui.system_sheet import OWN, SystemSheet
from .host_door import find_host

if TYPE_CHECKING:
    from .panel_manager import PanelManager

log = logging.getLogger(__name__)

LOOK_AGAIN_MS = 1000
NEW = "new"


class PromptDesk(QtCore.QObject, metaclass=QtClass):
    """One panel's. Dies with its composer."""

    def __init__(self, manager: PanelManager) -> None:
        super().__init__(manager.panel.composer)
        self._manager = manager
        prompt = manager.panel.composer.prompt
        self.list = SlashList(prompt, manager.panel)
        self.steps = VariableSteps(prompt)
        self._typed = ""
        self._sheet: Optional[SystemSheet] = None
        self._edited: Optional[PromptFile] = None
        self.list.asked.connect(self._asked)
        self.list.chosen.connect(self._chosen)
        # A file that is edited while the list is open counts there too.
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._look_again)

    @property
    def sheet(self) -> Optional[SystemSheet]:
        """The sheet, once it was opened."""
        return self._sheet if self._sheet is not None and is_valid(self._sheet) else None

    def holds_back(self) -> bool:
        """Whether something of a prompt is still to be filled in; asked a second time, it is meant so."""
        missing = self.steps.missing()
        if not missing:
            return False
        self.steps.end()
        names = ", ".join(dict.fromkeys(missing))
        self._manager.panel.composer.nudge(tr("Still to be filled in: {names}. Send again to send it as it is.",
            names=names))
        return True

    def _asked(self, typed: str) -> None:
        self._typed = typed
        self._show_rows()
        if not self._timer.isActive():
            self._timer.start()
            self._manager.session.craft.prompts.refresh(self._show_if_typing)

    def _look_again(self) -> None:
        if self.list.isVisible():
            self._manager.session.craft.prompts.refresh(self._show_if_typing)
        else:
            self._timer.stop()

    def _show_if_typing(self) -> None:
        if is_valid(self) and (self.list.isVisible() or self._manager.panel.composer.text() == f"/{self._typed}"):
            self._show_rows()

    def _show_rows(self) -> None:
        found = matching(self._manager.session.craft.prompts.shelf.prompts, self._typed)
        self.list.show_rows(tuple(
            PromptRow(one.name, one.title, one.description, is_studio=one.source == "studio") for one in found
        ))

    def _chosen(self, name: str) -> None:
        found = self._manager.session.craft.prompts.shelf.named(name, "prompt")
        if found is not None:
            self.insert(found.text)

    def insert(self, text: str) -> None:
        """Puts a prompt before what is written, filled in as far as the host knows."""
        known = values() if variables_of(text) else {}
        composer = self._manager.panel.composer
        rest = composer.text()
        words = filled(text, known)
        composer.set_text(f"{words}{rest}" if not rest or rest[0].isspace() else f"{words} {rest}", len(words))
        self.steps.begin()
        composer.edited.emit()
        self._manager.panel.focus_composer()

    # ------------------------------------------------------------ the sheet

    def open(self) -> None:
        """The library: every prompt to read, change, add and delete."""
        self.keep("")

    def keep(self, text: str) -> None:
        """The sheet with `text` to be saved as a prompt."""
        panel = self._manager.panel
        sheet = self.sheet
        if sheet is None:
            sheet = self._sheet = SystemSheet(panel.shortcuts, panel.overlay, noun="prompt")
            sheet.used.connect(self._use)
            sheet.chosen.connect(self._choose)
            sheet.saved.connect(self._save)
            sheet.deleted.connect(self._delete)
            sheet.close_requested.connect(panel.close_overlay)
        self._edited = None
        panel.overlay.open(sheet, "full")
        sheet.show_prompt(text)
        sheet.focus_first()
        self._show_choices()
        self._manager.session.craft.prompts.refresh(self._show_choices)

    def _show_choices(self) -> None:
        sheet = self.sheet
        if sheet is None:
            return
        shelf, edited = self._manager.session.craft.prompts.shelf, self._edited
        some = ((tr("{title} (studio)", title=one.title) if one.source == "studio" else one.title, one.name)
            for one in shelf.prompts)
        sheet.show_choices(
            ((tr("A new prompt"), NEW), *some), edited.name if edited is not None else NEW,
            can_delete=edited is not None and not edited.is_read_only,
        )
        facts = tr("{{selected_nodes}} and the like are filled in when it is used; other {{names}} are asked for.")
        if edited is not None:
            whose = {"studio": tr("The studio's"), "built-in": tr("Came with the program")}.get(edited.source,
                tr("Yours"))
            facts = f"/{edited.name} · {whose}. {facts}"
        sheet.say_facts("\n".join((facts, *shelf.problems[:2])))

    def _choose(self, name: str) -> None:
        sheet = self.sheet
        self._edited = self._manager.session.craft.prompts.shelf.named(name, "prompt")
        if sheet is not None and name != OWN:
            sheet.show_prompt(self._edited.text if self._edited is not None else "")
            sheet.suggest_name(self._edited.title if self._edited is not None else "")
            self._show_choices()

    def _use(self, text: str) -> None:
        self._manager.panel.close_overlay()
        self.insert(text)

    def _save(self, title: str, text: str) -> None:
        edited, library = self._edited, self._manager.session.craft.prompts.library
        is_same = edited is not None and not edited.is_read_only and edited.title == " ".join(title.split())
        description = edited.description if edited is not None and is_same else ""

        def save() -> PromptFile:
            return library.save("prompt", title, text, description=description, overwrite=is_same)

        self._change(save, tr("Saved the prompt “{names}”", names=' '.join(title.split())))

    def _delete(self, name: str) -> None:
        found = self._manager.session.craft.prompts.shelf.named(name, "prompt")
        if found is not None:
            one, library = found, self._manager.session.craft.prompts.library
            self._change(lambda: library.delete(one), tr("Deleted the prompt “{title}”", title=one.title))

    def _change(self, work: object, said: str) -> None:
        sheet, manager = self.sheet, self._manager

        def done(error: Optional[BaseException]) -> None:
            if sheet is None or not is_valid(sheet):
                return
            if error is not None:
                words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
                sheet.say_problem(words.strip())
                return
            self._edited = None
            sheet.show_prompt("")
            self._show_choices()
            manager.panel.say(said)

        manager.session.craft.prompts.change(work, done, owner=sheet)  # type: ignore[arg-type]  # a callable


def values() -> Dict[str, str]:
    """What the host knows about the variables of prompts; nothing outside Nuke."""
    host = find_host()
    if host is None:
        return {}
    try:
        names = host.selected()
        found = {"script_name": host.script_title(), "selected_names": ", ".join(names)}
        if names:
            found["selected_nodes"] = host.take(host.hold(names)).text
        return {name: value for name, value in found.items() if value}
    except Exception:  # the host's own trouble must not cost the prompt
        log.exception("the host could not say what is selected")
        return {}

"""Parameters of one conversation: what is asked of its next answers besides the settings. Main thread.

They live as long as the process: a number that somebody tried once should not surprise them next week. What is empty
here falls back to the settings, and what is empty there too is not sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict

from nuke_ai_panel.app import Parameters
from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.settings.layers import checked_value
from nuke_ai_panel.settings.table import ROWS
from nuke_ai_panel.settings.words import text_of, value_of
from nuke_ai_panel.words import tr

from ..ui.answer_sheet import AnswerSheet
from ..ui.chat_panel import ChatPanel
from ..ui.settings_values import FieldValue
from .chat_session import ChatSession
from .settings_forms import Draft, field_value, parameter_names

NOTHING = Parameters()


class AnswerOptions:
    """One panel's; `conversation` says which one is on show, `on_changed` is called after a change."""

    def __init__(
        self, session: ChatSession, panel: ChatPanel, conversation: Callable[[], str], on_changed: Callable[[], None]
    ) -> None:
        self._session = session
        self._panel = panel
        self._conversation = conversation
        self._on_changed = on_changed
        self._drafts: Dict[str, Draft] = {}
        self._shown_for = ""

    def open(self) -> None:
        """The sheet, for the conversation on show."""
        if self._shown_for != self._conversation():
            self._shown_for = self._conversation()
            self._drafts.clear()
        sheet = self._panel.answer_sheet
        if sheet is None:
            sheet = self._panel.answer_sheet = AnswerSheet(self._panel.overlay)
            sheet.edited.connect(self.edit)
            sheet.close_requested.connect(self._panel.close_overlay)
        self._show(sheet)
        self._panel.overlay.open(sheet, "full")
        sheet.focus_first()

    def edit(self, name: str, text: str) -> None:
        """A field was left with another text."""
        row = ROWS["parameters"][name]
        own = self._session.craft.parameters.get(self._shown_for, NOTHING)
        empty = () if row.kind == "a list of texts" else None
        value, problem = value_of(row, text) if text.strip() else (empty, "")
        if not problem and text.strip():
            try:
                value = checked_value(("parameters", name), value, "")
            except SettingsError as error:
                problem = error.message
        self._drafts.pop(name, None)
        if problem:
            self._drafts[name] = Draft(text, problem)
        else:
            changed: Any = {name: value}  # a field of Parameters, whose type its row has checked
            self._session.craft.parameters[self._shown_for] = replace(own, **changed)
            self._on_changed()
        if self._panel.answer_sheet is not None:
            self._show(self._panel.answer_sheet)

    def _show(self, sheet: AnswerSheet) -> None:
        sheet.show_fields(tuple(self._field(name) for name in parameter_names()))

    def _field(self, name: str) -> FieldValue:
        row = ROWS["parameters"][name]
        settings = self._session.app.settings
        general = field_value(settings, f"parameters.{name}", {})
        own = getattr(self._session.craft.parameters.get(self._shown_for, NOTHING), name)
        draft = self._drafts.get(name)
        text = draft.text if draft is not None else text_of(row, own or None if own == () else own)
        words = " ".join(general.text.split()) or tr("not sent")
        choices = general.choices
        if choices:
            known = [(words_, value) for words_, value in choices if value]
            choices = ((tr("as in Settings: {words}", words=words), ""), *known)
            if text and text not in [value for _, value in known]:
                choices = (*choices, (text, text))
        return replace(
            general, name=name, text=text, placeholder=tr("as in Settings: {words}", words=words), note="",
            locked_by="",
            problem=draft.problem if draft is not None else "", choices=choices,
        )

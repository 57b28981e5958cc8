"""The sheets with words to keep: the system prompt of a conversation with its presets, and the prompt library.

Main thread; knows values and signals only. What is written here counts when it is used, not while it is typed.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .controls import Button, Text
from .flow_row import FlowRow
from .line_edit import LineEdit
from .menus import Select
from .settings_fields import TextArea
from .sheets import Sheet
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt
_WORDS = {  # noun → title, lead, what an empty field means, the button, its tooltip, the other button, its field
    "preset": (
        later("System prompt"), later("What the model is told before the questions of this conversation."),
        later("None: the model is told nothing before your question."), later("Use"),
        later("For the questions from now on; what was asked stays as it was"), later("Save as preset"),
        later("Name of the preset"),
    ),
    "prompt": (
        later("Prompt library"), later("Questions to fill in; type / in the composer to use one."),
        later("Write a prompt here."), later("Insert"), later("Into the composer"),
        later("Save as prompt"), later("Name of the prompt"),
    ),
}
OWN = "own"


class SystemSheet(Sheet, metaclass=QtClass):
    """`used(text)`, `chosen(choice)`, `saved(title, text)`, `deleted(choice)`."""

    used = Signal(str)
    chosen = Signal(str)
    saved = Signal(str, str)
    deleted = Signal(str)

    def __init__(
        self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None, *, noun: str = "preset"
    ) -> None:
        title, lead, empty, use, self._tip, save, name = (tr(words) for words in _WORDS[noun])
        super().__init__(title, parent, scrolls=False)
        self._suggested = ""
        theme = theme_of(self)
        self.preset = Select(tr("Preset") if noun == "preset" else tr("Prompt"))
        self.text = TextArea(title)
        self.text.placeholder = empty
        self.text.document().setDocumentMargin(theme.space(2))
        self.facts = Text("", role="dim", size="small")
        self.problem = Text("", role="error", size="small")
        self.use = Button(use, kind="primary")
        self.save = Button(save, kind="outline")
        self.delete = Button(tr("Delete"), kind="outline")
        self.name = LineEdit(name, self)
        self.name.set_shortcuts(shortcuts)
        self.keep = Button(tr("Save"), kind="outline")
        self._naming = QtWidgets.QWidget()
        naming = QtWidgets.QHBoxLayout(self._naming)
        naming.setContentsMargins(0, 0, 0, 0)
        naming.setSpacing(theme.space(2))
        naming.addWidget(self.name, 1)
        naming.addWidget(self.keep)
        self._naming.hide()
        self.problem.hide()
        for part in (Text(lead, role="dim", size="small"), self.preset):
            self.body.addWidget(part)
        self.body.addWidget(self.text, 1)
        self.body.addWidget(self.facts)
        self.body.addWidget(self.problem)
        self.body.addWidget(self._naming)
        self.body.addWidget(FlowRow((self.use, self.save, self.delete)))
        self.preset.chosen.connect(self.chosen)
        self.use.clicked.connect(self._use)
        self.save.clicked.connect(self._ask_name)
        self.keep.clicked.connect(self._save)
        self.name.returnPressed.connect(self._save)
        self.delete.clicked.connect(self._delete)

    def show_choices(self, choices: Tuple[Tuple[str, str], ...], value: str, *, can_delete: bool) -> None:
        """(words, value) of everything to choose from, and what is chosen."""
        self.preset.set_choices(choices, value)
        self.delete.setVisible(can_delete)

    def show_prompt(self, text: str) -> None:
        """These words in the field."""
        self.text.setPlainText(text)
        self._naming.hide()
        self.say_problem("")

    def suggest_name(self, title: str) -> None:
        """What the name begins with when the words are saved."""
        self._suggested = title

    def say_facts(self, text: str, *, blocked: str = "") -> None:
        """Where the words come from; `blocked` is why they cannot be used now."""
        self.facts.set_text(blocked or text)
        self.use.setEnabled(not blocked)
        self.use.set_tip(blocked or self._tip)

    def say_problem(self, text: str) -> None:
        """What went wrong with saving."""
        self.problem.set_text(text)
        self.problem.setVisible(bool(text))

    def focus_first(self) -> None:
        """Puts the caret into the field."""
        self.text.setFocus(Qt.FocusReason.PopupFocusReason)

    def _use(self) -> None:
        self.used.emit(self.text.toPlainText().strip())

    def _ask_name(self) -> None:
        self._naming.show()
        self.name.setText(self._suggested)
        self.name.selectAll()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _save(self) -> None:
        self.saved.emit(self.name.text(), self.text.toPlainText())

    def _delete(self) -> None:
        self.deleted.emit(self.preset.value())

"""A new batch: which prompt file, which rows, which model; below it the plan. Knows values and signals. Main thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional, Tuple, cast

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .batch_plan import PlanView
from .batch_values import BatchChoices, BatchForm, PlanCard, RowKind
from .controls import Button, Text
from .line_edit import LineEdit
from .menus import Select
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt
CHANGED_AFTER_MS = 350
_KINDS: Tuple[Tuple[RowKind, str], ...] = (
    ("files", later("Scripts and files")), ("nodes", later("Nodes of a script")),
    ("table", later("A table: CSV or JSON lines")),
)
# What a line is for, and what it may hold.
_HINTS: Dict[RowKind, str] = {
    "files": later("/show/**/*.nk"), "nodes": later("/show/sh0010/comp_v003.nk"), "table": later("/show/notes.csv"),
}


class BatchSetup(QtWidgets.QWidget, metaclass=QtClass):
    """`changed` when the form is another one; `browse(what)` for prompt, files, nodes or table."""

    changed = Signal()
    browse = Signal(str)
    read_again = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._choices = BatchChoices()
        self._form = BatchForm()
        self._is_filling = False
        self._is_known = False
        self.prompt = Select(tr("Prompt file"))
        self.browse_prompt = Button(icon="file", kind="outline", tip=tr("Another prompt file …"))
        self.description = Text("", role="dim", size="small")
        self.rows = Select(tr("Rows"))
        self.again = Button(icon="retry", kind="outline", tip=tr("Read the rows again"))
        self.place = LineEdit(tr("Pattern of the files"))
        self.browse_rows = Button(icon="file", kind="outline", tip=tr("Choose a file …"))
        self.nodes = LineEdit(tr("all, class:Read or name:Write*"))
        self.model = Select(tr("Model"))
        self.budget = LineEdit(tr("Stop before so many US dollars (no limit)"))
        for edit in (self.place, self.nodes, self.budget):
            edit.set_shortcuts(shortcuts)
        self.plan = PlanView()
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHANGED_AFTER_MS)
        self._build()
        self._connect()

    # ------------------------------------------------------------ what the desk sets

    def set_choices(self, choices: BatchChoices) -> None:
        """What there is to choose from; what was chosen stays where it still can be."""
        self._choices, self._is_known = choices, True
        self.set_form(self._form)

    def set_form(self, form: BatchForm) -> None:
        """Chooses; says nothing."""
        choices = self._choices
        if not self._is_known:
            self._form = form
            return
        self._is_filling = True
        prompts = tuple((one.title, one.value) for one in choices.prompts)
        self.prompt.set_choices(prompts or ((tr("Looking for prompt files …"), ""),), form.prompt)
        kinds = tuple((tr(words), kind) for kind, words in _KINDS)
        if choices.has_selection:
            words = tr("{count} selected node", "{count} selected nodes", count=choices.selected)
            kinds = ((words, "selection"), *kinds)
        self.rows.set_choices(kinds, form.rows)
        self.model.set_choices(choices.models or ((tr("No model yet"), ""),), form.model)
        self._form = replace(
            form, prompt=self.prompt.value() or form.prompt, rows=cast(RowKind, self.rows.value()),
            model=self.model.value() or form.model,
        )
        if self.budget.text() != form.budget:
            self.budget.setText(form.budget)
        if self.nodes.text() != form.nodes:
            self.nodes.setText(form.nodes)
        self._fill_place()
        self._is_filling = False
        self._show_kind()

    def set_plan(self, card: PlanCard) -> None:
        """The plan of what is chosen."""
        self.plan.set_card(card)

    def form(self) -> BatchForm:
        """What is chosen now."""
        return self._form

    # ------------------------------------------------------------ inside

    def _build(self) -> None:
        theme = theme_of(self)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme.space(1.5))
        self._nodes_row = self._row(self.nodes)
        self._place_row = self._row(self.place, self.browse_rows)
        for title, parts in (
            (tr("Prompt"), (self._row(self.prompt, self.browse_prompt), self.description)),
            (tr("Rows"), (self._row(self.rows, self.again), self._place_row, self._nodes_row)),
            (tr("Model"), (self.model, self.budget)),
        ):
            box.addWidget(Text(title, role="dim", size="small"))
            for part in parts:
                box.addWidget(part)
            box.addSpacing(theme.space(2))
        box.addWidget(self.plan)

    def _row(self, first: QtWidgets.QWidget, *more: QtWidgets.QWidget) -> QtWidgets.QWidget:
        holder = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme_of(self).space(1.5))
        row.addWidget(first, 1)
        for one in more:
            row.addWidget(one)
        return holder

    def _connect(self) -> None:
        self.prompt.chosen.connect(lambda value: self._choose(prompt=value))
        self.rows.chosen.connect(lambda value: self._choose(rows=value))
        self.model.chosen.connect(lambda value: self._choose(model=value))
        self.browse_prompt.clicked.connect(lambda: self.browse.emit("prompt"))
        self.browse_rows.clicked.connect(lambda: self.browse.emit(self._form.rows))
        self.again.clicked.connect(self.read_again)
        for edit in (self.place, self.nodes, self.budget):
            edit.textChanged.connect(self._typed)
            edit.returnPressed.connect(self._say)
        self._timer.timeout.connect(self._say)

    def _choose(self, **changes: str) -> None:
        self.set_form(replace(self._form, **changes))  # type: ignore[arg-type]  # its kinds come from _KINDS
        self._say()

    def _typed(self) -> None:
        if self._is_filling:
            return
        place = self.place.text().strip()
        changes = {{"files": "files", "nodes": "script", "table": "table"}.get(self._form.rows, "table"): place}
        if self._form.rows == "selection":
            changes = {}
        form = replace(self._form, nodes=self.nodes.text().strip(), budget=self.budget.text().strip())
        self._form = replace(form, **changes)  # type: ignore[arg-type]  # texts, all three
        self._timer.start()

    def _say(self) -> None:
        self._timer.stop()
        self.changed.emit()

    def _fill_place(self) -> None:
        form = self._form
        words = {"files": form.files, "nodes": form.script, "table": form.table}.get(form.rows, "")
        if self.place.text().strip() != words:
            self.place.setText(words)

    def _show_kind(self) -> None:
        kind = self._form.rows
        self._place_row.setVisible(kind != "selection")
        self._nodes_row.setVisible(kind == "nodes")
        if kind != "selection":
            names = {"files": tr("Pattern of the files"), "nodes": tr("Script"), "table": tr("Table")}
            self.place.setPlaceholderText(tr("such as {place}", place=_HINTS[kind]))
            self.place.setAccessibleName(names[kind])
        chosen = next((one for one in self._choices.prompts if one.value == self._form.prompt), None)
        self.description.set_text(chosen.description if chosen is not None else "")
        self.description.setVisible(bool(self.description.text()))

"""A new batch: which prompt file, which rows, which model; below it the plan. Knows values and signals. Main thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional, Tuple, cast

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .batch_plan import PlanView
from .batch_values import BatchChoices, BatchForm, PlanCard, PromptChoice, RowKind
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
# What a line is for, what it may hold, and where the form keeps it.
_HINTS: Dict[RowKind, str] = {
    "files": later("/show/**/*.nk"), "nodes": later("/show/sh0010/comp_v003.nk"), "table": later("/show/notes.csv"),
    "frames": later("1001-1010, 1001-1100x5 or 1,5,9"),
}
_NAMES: Dict[RowKind, str] = {
    "files": later("Pattern of the files"), "nodes": later("Script"), "table": later("Table"),
    "frames": later("Frames"),
}
_FIELDS: Dict[RowKind, str] = {"files": "files", "nodes": "script", "table": "table", "frames": "frames"}


class BatchSetup(QtWidgets.QWidget, metaclass=QtClass):
    """`changed` when the form is another one; `browse(what)` for prompt, files, nodes or table.

    `read_again` is for all rows and prompt files, `prompt_again` for the one prompt file that was picked once more.
    """

    changed = Signal()
    browse = Signal(str)
    read_again = Signal()
    prompt_again = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._choices = BatchChoices()
        self._form = BatchForm()
        self._is_filling = False
        self._is_known = False
        self.prompt = Select(tr("Prompt file"))
        self.browse_prompt = Button(icon="file", kind="outline", tip=tr("Another prompt file …"))
        self.description = Text("", role="dim", size="small")
        self.sample = Button(tr("Use the sample"), icon="insert", kind="outline",
                             tip=tr("Fill in rows that came with this prompt, to try it on"))
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

    def set_choices(self, choices: BatchChoices, form: Optional[BatchForm] = None) -> None:
        """What there is to choose from; `form`, or what was chosen, stays where it still can be."""
        self._choices, self._is_known = choices, True
        self.set_form(form if form is not None else self._form)

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
            one = ((tr("Frames of {node}", node=choices.node), "frames"),) if choices.node else ()
            kinds = ((words, "selection"), *one, *kinds)
        self.rows.set_choices(kinds, form.rows)
        self.model.set_choices(choices.models or ((tr("No model yet"), ""),), form.model)
        self._form = replace(
            form, prompt=self.prompt.value() or form.prompt, rows=cast(RowKind, self.rows.value()),
            model=self.model.value() or form.model,
        )
        if self._form.rows == "frames" and (self._form.node != choices.node or not self._form.frames):
            self._form = replace(self._form, node=choices.node, frames=choices.frames)
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
            (tr("Prompt"), (self._row(self.prompt, self.browse_prompt), self.description, self.sample)),
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
        self.prompt.chosen_again.connect(lambda _: self.prompt_again.emit())
        self.sample.clicked.connect(self._use_sample)
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

    def _use_sample(self) -> None:
        one = self._prompt()
        sample = one.sample if one is not None else None
        if sample is not None:
            self._choose(**{"rows": sample.rows, _FIELDS[sample.rows]: sample.place, "nodes": sample.nodes})

    def _prompt(self) -> Optional[PromptChoice]:
        return next((one for one in self._choices.prompts if one.value == self._form.prompt), None)

    def _typed(self) -> None:
        if self._is_filling:
            return
        field = _FIELDS.get(self._form.rows)
        changes = {field: self.place.text().strip()} if field else {}
        form = replace(self._form, nodes=self.nodes.text().strip(), budget=self.budget.text().strip())
        self._form = replace(form, **changes)  # type: ignore[arg-type]  # texts, all of them
        self._timer.start()

    def _say(self) -> None:
        self._timer.stop()
        self.changed.emit()

    def _fill_place(self) -> None:
        field = _FIELDS.get(self._form.rows)
        words = str(getattr(self._form, field)) if field else ""
        if self.place.text().strip() != words:
            self.place.setText(words)

    def _show_kind(self) -> None:
        kind = self._form.rows
        self._place_row.setVisible(kind != "selection")
        self._nodes_row.setVisible(kind == "nodes")
        self.browse_rows.setVisible(kind != "frames")
        if kind != "selection":
            self.place.setPlaceholderText(tr("such as {place}", place=tr(_HINTS[kind])))
            self.place.setAccessibleName(tr(_NAMES[kind]))
        chosen = self._prompt()
        self.description.set_text(chosen.description if chosen is not None else "")
        self.description.setVisible(bool(self.description.text()))
        self.sample.setVisible(chosen is not None and chosen.sample is not None)

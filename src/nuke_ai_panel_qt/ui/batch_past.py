"""The runs that lie where runs are kept: those that can go on, and those that ended. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtWidgets, Signal
from .batch_values import PastRun
from .button_flow import ButtonFlow
from .controls import Button, Hairline, Text
from .theme import theme_of


class PastRuns(QtWidgets.QWidget, metaclass=QtClass):
    """`opened(folder)` shows a run, `continued(folder)` goes on with it."""

    opened = Signal(str)
    continued = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.runs: Tuple[PastRun, ...] = ()
        self.note = Text("", role="dim", size="small")
        self._lines = QtWidgets.QWidget()
        self._box = QtWidgets.QVBoxLayout(self._lines)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(theme_of(self).space(1))
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme_of(self).space(2))
        box.addWidget(self.note)
        box.addWidget(self._lines)
        box.addStretch(1)

    def set_runs(self, runs: Tuple[PastRun, ...], note: str) -> None:
        """Shows these, the newest first."""
        self.note.set_text(note)
        if runs == self.runs:
            return
        self.runs = runs
        while self._box.count():
            item = self._box.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, run in enumerate(runs):
            if at:
                self._box.addWidget(Hairline())
            self._box.addWidget(self._line(run))

    def _line(self, run: PastRun) -> QtWidgets.QWidget:
        theme = theme_of(self)
        line = QtWidgets.QWidget()
        buttons = []
        if run.can_continue:
            go_on = Button(tr("Continue"), icon="run", kind="outline")
            go_on.setAccessibleName(tr("Continue {title}", title=run.title))
            go_on.clicked.connect(lambda: self.continued.emit(run.folder))
            buttons.append(go_on)
        show = Button(tr("Show"), kind="outline")
        show.setAccessibleName(tr("Show {title}", title=run.title))
        show.clicked.connect(lambda: self.opened.emit(run.folder))
        flow = ButtonFlow([*buttons, show])
        box = QtWidgets.QVBoxLayout(line)
        box.setContentsMargins(0, theme.space(1), 0, theme.space(1))
        box.setSpacing(theme.space(1))
        for part in (Text(run.title), Text(run.facts, role="dim", size="small"), flow):
            box.addWidget(part)
        flow.arrange()
        return line

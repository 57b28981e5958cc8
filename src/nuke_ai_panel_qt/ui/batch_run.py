"""A run to watch: how far it is, at what rate and cost, its lanes, its rows; pause, cancel, go on. Main thread.

A run that stopped at its limit has a line for another one. Where the button with the keyboard goes, the one that stands
for it now gets the keyboard.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .batch_results import ResultsView
from .batch_values import RunCard
from .button_flow import ButtonFlow
from .controls import Button, Text, draw_progress
from .line_edit import LineEdit
from .shortcuts import Shortcuts
from .theme import theme_of


class Bar(QtWidgets.QWidget, metaclass=QtClass):
    """How much is done."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.share: Optional[float] = None
        self.setFixedHeight(theme_of(self).space(1.5))

    def set_share(self, share: Optional[float]) -> None:
        """From 0 to 1; None while nobody knows."""
        self.share = share
        words = tr("Not known how much is done") if share is None else tr("{percent} % done", percent=int(share * 100))
        self.setAccessibleName(words)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        draw_progress(painter, QtCore.QRectF(self.rect()), self.share or 0.0, theme_of(self))
        painter.end()


class RunView(QtWidgets.QWidget, metaclass=QtClass):
    """`command(name)`: pause, continue, cancel, drop, retry, report or folder."""

    command = Signal(str)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self._card = RunCard()
        self.title = Text("", elide=True)
        self.state = Text("", role="dim", size="small")
        self.bar = Bar()
        self.line = Text("", size="small")
        self.lanes = Text("", role="dim", size="small")
        self.note = Text("", size="small")
        self.cap = LineEdit(tr("Stop before so many US dollars"))
        self.cap.set_shortcuts(shortcuts)
        self._cap_line = _named_line(tr("New limit in dollars"), self.cap)
        self.pause = Button(tr("Pause"), kind="outline")
        self.go_on = Button(tr("Continue"), icon="run", kind="primary")
        self.cancel = Button(tr("Cancel"), icon="stop", kind="outline")
        self.drop = Button(tr("Drop now"), icon="stop", kind="outline",
                           tip=tr("End at once; what is under way is asked again when the run goes on"))
        self.retry = Button(tr("Ask the failed again"), icon="retry", kind="outline")
        self.report = Button(tr("Report"), icon="text", kind="outline")
        self.folder = Button(tr("Folder"), icon="file", kind="outline", tip=tr("Show the run's directory"))
        self.results = ResultsView(shortcuts)
        self._buttons = ButtonFlow([button for _, button in self._named()])
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme.space(1.5))
        for part in (self.title, self.state, self.bar, self.line, self.lanes, self.note, self._cap_line,
                     self._buttons):
            box.addWidget(part)
        box.addWidget(self.results, 1)
        for name, button in self._named():
            button.clicked.connect(lambda _=False, name=name: self.command.emit(name))
        self.cap.returnPressed.connect(lambda: self.command.emit("continue"))
        self.set_card(RunCard())

    def set_card(self, card: RunCard) -> None:
        """Shows how a run stands."""
        if (card.cap, card.folder) != (self._card.cap, self._card.folder):
            self.cap.setText(card.cap)
        had = next((part for part in self._keys() if part.hasFocus()), None)
        self._card = card
        self.title.set_text(card.title)
        self.state.set_text(card.state, card.tone)
        self.bar.set_share(card.share)
        self.line.set_text(card.line)
        self.lanes.set_text(card.lanes)
        self.note.set_text(card.note, card.note_tone)
        for part in (self.line, self.lanes, self.note):
            part.setVisible(bool(part.text()))
        runs = card.is_running
        self.pause.setVisible(runs and not card.is_paused and not card.is_draining)
        self.go_on.setVisible((runs and card.is_paused and not card.is_draining) or card.can_continue)
        self.cancel.setVisible(runs and not card.is_draining)
        self.drop.setVisible(runs and card.is_draining)
        self.retry.setVisible(not runs and card.failed > 0)
        self.report.setVisible(card.has_report and not runs)
        self.folder.setVisible(bool(card.folder))
        self._cap_line.setVisible(bool(card.cap) and card.can_continue)
        self.results.set_failed(card.failed)
        self._buttons.arrange()
        if had is not None and not had.isVisibleTo(self):
            self._focus_instead()

    def set_trouble(self, words: str) -> None:
        """Says why the run could not go on; all else stays as it is."""
        self.state.set_text(words, "error")

    def cap_given(self) -> Optional[str]:
        """The new limit as it is written; None where none is asked for."""
        return self.cap.text() if self._card.cap and self._card.can_continue else None

    def edit_cap(self) -> None:
        """The keyboard to the line of the limit."""
        self.cap.setFocus(QtCore.Qt.FocusReason.OtherFocusReason)
        self.cap.selectAll()

    def _keys(self) -> Tuple[QtWidgets.QWidget, ...]:
        """What can have the keyboard besides the rows, in the order in which one stands for another."""
        return (self.go_on, self.pause, self.drop, self.cancel, self.retry, self.report, self.folder, self.cap)

    def _focus_instead(self) -> None:
        found = next((part for part in self._keys() if part.isVisibleTo(self)), self.results.list)
        found.setFocus(QtCore.Qt.FocusReason.OtherFocusReason)

    def _named(self) -> Tuple[Tuple[str, Button], ...]:
        return (
            ("pause", self.pause), ("continue", self.go_on), ("cancel", self.cancel), ("drop", self.drop),
            ("retry", self.retry), ("report", self.report), ("folder", self.folder),
        )


def _named_line(name: str, edit: LineEdit) -> QtWidgets.QWidget:
    """An edit with its name before it."""
    theme = theme_of(edit)
    edit.setAccessibleName(name)
    line = QtWidgets.QWidget()
    row = QtWidgets.QHBoxLayout(line)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(theme.space(2))
    row.addWidget(Text(name, role="dim", size="small", middle=True))
    row.addWidget(edit, 1)
    return line

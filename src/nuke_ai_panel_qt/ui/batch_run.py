"""A run to watch: how far it is, at what rate and cost, its lanes, its rows; pause, cancel, go on. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .batch_results import ResultsView
from .batch_values import RunCard
from .button_flow import ButtonFlow
from .controls import Button, Text, draw_progress
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
        for part in (self.title, self.state, self.bar, self.line, self.lanes, self.note, self._buttons):
            box.addWidget(part)
        box.addWidget(self.results, 1)
        for name, button in self._named():
            button.clicked.connect(lambda _=False, name=name: self.command.emit(name))
        self.set_card(RunCard())

    def set_card(self, card: RunCard) -> None:
        """Shows how a run stands."""
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
        self.results.set_failed(card.failed)
        self._buttons.arrange()

    def _named(self) -> tuple[tuple[str, Button], ...]:
        return (
            ("pause", self.pause), ("continue", self.go_on), ("cancel", self.cancel), ("drop", self.drop),
            ("retry", self.retry), ("report", self.report), ("folder", self.folder),
        )

"""A plan before it is run: how much, what it may cost, where it goes, and the first requests to read. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .batch_values import PlanCard
from .controls import Button, Text
from .scroll_bar import quiet_scrolling
from .theme import scaled_font, theme_of

Qt = QtCore.Qt
SAMPLE_LINES = 9
SAMPLE_CHARACTERS = 20_000


class PlanView(QtWidgets.QWidget, metaclass=QtClass):
    """Shows a `PlanCard` on a raised ground; its samples are turned over like pages."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._samples: Tuple[Tuple[str, str], ...] = ()
        self._at = 0
        theme = theme_of(self)
        self.headline = Text("")
        self.problem = Text("", role="error")
        self.next_step = Text("", role="dim")
        self.facts = QtWidgets.QWidget()
        self._grid = QtWidgets.QGridLayout(self.facts)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.space(3))
        self._grid.setVerticalSpacing(theme.space(1))
        self._grid.setColumnStretch(1, 1)
        self.note = Text("", role="warning", size="small")
        self.previous = Button(icon="chevron-left", tip=tr("The request before"))
        self.following = Button(icon="chevron-right", tip=tr("The next request"))
        self.place = Text("", role="dim", size="small", elide=True)
        self.sample = QtWidgets.QPlainTextEdit()
        quiet_scrolling(self.sample)
        self.sample.setReadOnly(True)
        self.sample.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.sample.setTabChangesFocus(True)
        self.sample.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.sample.document().setDocumentMargin(theme.space(2))
        self.pages = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(self.pages)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.space(0.5))
        row.addWidget(self.place, 1)
        row.addWidget(self.previous)
        row.addWidget(self.following)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(theme.space(3), theme.space(3), theme.space(3), theme.space(3))
        box.setSpacing(theme.space(2))
        for part in (self.headline, self.problem, self.next_step, self.facts, self.note, self.pages, self.sample):
            box.addWidget(part)
        self.previous.clicked.connect(lambda: self._turn(-1))
        self.following.clicked.connect(lambda: self._turn(1))
        self.set_card(PlanCard())

    def set_card(self, card: PlanCard) -> None:
        """Shows this plan."""
        self.headline.set_text(card.headline, "dim" if card.is_reading or card.problem else "text")
        self.problem.set_text(card.problem)
        self.next_step.set_text(card.next_step)
        self.note.set_text(card.note)
        for part in (self.headline, self.problem, self.next_step, self.note):
            part.setVisible(bool(part.text()))
        self._set_facts(card.facts)
        if card.samples != self._samples:
            self._samples, self._at = card.samples, 0
        self._show_sample()
        self.setAccessibleName(tr("Plan: {words}", words=" ".join(
            one for one in (card.headline, card.problem, card.next_step, *(f"{a}: {b}" for a, b in card.facts)) if one
        )))

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.FontChange, QtCore.QEvent.Type.PaletteChange):
            self._show_sample()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.raised)
        rect = QtCore.QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.radius, theme.radius)
        painter.end()

    def _set_facts(self, facts: Tuple[Tuple[str, str], ...]) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, (name, words) in enumerate(facts):
            self._grid.addWidget(Text(name, role="dim", size="small"), at, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(Text(words, size="small"), at, 1)
        self.facts.setVisible(bool(facts))

    def _turn(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), len(self._samples) - 1)
        self._show_sample()

    def _show_sample(self) -> None:
        count = len(self._samples)
        self.pages.setVisible(bool(count))
        self.sample.setVisible(bool(count))
        if not count:
            return
        title, text = self._samples[self._at]
        words = tr("Request {number} of the first {many}: {title}", number=self._at + 1, many=count, title=title)
        self.place.set_text(words)
        self.sample.setAccessibleName(words)
        self.previous.setEnabled(self._at > 0)
        self.following.setEnabled(self._at + 1 < count)
        theme = theme_of(self)
        palette = self.sample.palette()
        if palette.color(QtGui.QPalette.ColorRole.Base) != theme.code_ground:
            palette.setColor(QtGui.QPalette.ColorRole.Base, theme.code_ground)
            self.sample.setPalette(palette)
        font = scaled_font(theme.code, 1.0)
        if self.sample.font() != font:
            self.sample.setFont(font)
        height = QtGui.QFontMetrics(font).lineSpacing() * SAMPLE_LINES + theme.space(4)
        if self.sample.height() != height:
            self.sample.setFixedHeight(height)
        if self.sample.toPlainText() != text[:SAMPLE_CHARACTERS]:
            self.sample.setPlainText(text[:SAMPLE_CHARACTERS])

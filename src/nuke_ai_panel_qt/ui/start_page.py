"""What stands where the transcript will be: three ways to begin, or a few questions to begin with. Main thread."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import Button, Ground, Text, draw_icon, draw_progress
from .flow_row import FlowRow
from .panel_values import StartChoice
from .scroll_bar import quiet_scrolling
from .theme import Theme, theme_of

Qt = QtCore.Qt
_WRAPPED = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.TextFlag.TextWordWrap)


class ProgressLine(QtWidgets.QWidget, metaclass=QtClass):
    """How far something is, from 0 to 1."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.setFixedHeight(max(3, theme_of(self).space(1)))

    def set_share(self, share: float) -> None:
        """Another share."""
        self._share = min(1.0, max(0.0, share))
        self.setAccessibleName(tr("{share} percent", share=round(self._share * 100)))
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        draw_progress(painter, QtCore.QRectF(self.rect()), self._share, theme_of(self))
        painter.end()


class ChoiceCard(Ground, metaclass=QtClass):
    """One way to begin: what it is, what leaves the machine, one button."""

    chosen = Signal(str)

    def __init__(self, choice: StartChoice, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent, raised=True)
        self.choice = choice
        self.title = Text(choice.title)
        self.sentence = Text(choice.sentence, role="dim", size="small")
        self.leaves = Text(choice.leaves, role="dim", size="small")
        self.note = Text("", role="warning", size="small")
        self.button = Button(choice.button, kind="outline")
        self.progress = ProgressLine()
        theme = theme_of(self)
        box = QtWidgets.QVBoxLayout(self)
        inset = theme.space(3)
        box.setContentsMargins(inset + theme.icon_px + theme.space(2), inset, inset, inset)
        box.setSpacing(theme.space(1))
        for part in (self.title, self.sentence, self.leaves, self.note):
            box.addWidget(part)
        box.addSpacing(theme.space(1))
        box.addWidget(self.progress)
        box.addWidget(FlowRow((self.button,)))
        self.button.clicked.connect(self._clicked)
        self.set_choice(choice)

    def set_choice(self, choice: StartChoice) -> None:
        """Another state of the same choice."""
        self.choice = choice
        self.title.set_text(choice.title)
        self.sentence.set_text(choice.sentence)
        self.leaves.set_text(choice.leaves)
        self.note.set_text(choice.note)
        self.note.setVisible(bool(choice.note))
        self.button.setText(choice.button)
        self.button.setEnabled(choice.is_enabled)
        self.button.updateGeometry()
        self.progress.setVisible(choice.progress is not None)
        self.progress.set_share(choice.progress or 0.0)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        line = QtGui.QFontMetrics(theme.body).height()
        center = QtCore.QPointF(theme.space(3) + theme.icon_px / 2, theme.space(3) + line / 2)
        draw_icon(painter, self.choice.icon, theme.accent if self.choice.is_enabled else theme.dim, center, theme=theme)
        painter.end()

    def _clicked(self) -> None:
        self.chosen.emit(self.choice.id)


class Suggestion(Button, metaclass=QtClass):
    """A question to begin with, on as many lines as it needs."""

    def __init__(self, text: str) -> None:
        super().__init__(text, icon="chat", kind="outline")
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        theme = theme_of(self)
        room = QtCore.QRect(0, 0, max(1, width - self._text_left(theme) - theme.space(3)), 1 << 16)
        lines = QtGui.QFontMetrics(theme.body).boundingRect(room, _WRAPPED, self.text(), 0).height()
        return lines + 2 * theme.space(2)

    def sizeHint(self) -> QtCore.QSize:
        width = super().sizeHint().width()
        return QtCore.QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(20), super().minimumSizeHint().height())

    def _paint_content(self, painter: QtGui.QPainter, theme: Theme) -> None:
        line = QtGui.QFontMetrics(theme.body).height()
        center = QtCore.QPointF(theme.space(3) + theme.icon_px / 2, theme.space(2) + line / 2)
        draw_icon(painter, "chat", theme.dim, center, theme=theme)
        painter.setFont(theme.body)
        painter.setPen(theme.text)
        room = self.rect().adjusted(self._text_left(theme), theme.space(2), -theme.space(3), 0)
        painter.drawText(room, _WRAPPED, self.text())

    def _text_left(self, theme: Theme) -> int:
        return theme.space(3) + theme.icon_px + theme.space(2)


class StartPage(QtWidgets.QScrollArea, metaclass=QtClass):
    """`chosen(choice id)` at first run, `suggested(text)` in an empty conversation."""

    chosen = Signal(str)
    suggested = Signal(str)
    entered = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._cards: Dict[str, ChoiceCard] = {}
        self._suggestions: Tuple[Suggestion, ...] = ()
        quiet_scrolling(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._page = QtWidgets.QWidget()
        self.viewport().setAutoFillBackground(False)
        self.setWidget(self._page)
        self._page.setAutoFillBackground(False)
        self._outer = QtWidgets.QHBoxLayout(self._page)
        self._outer.setSpacing(0)
        self._column = QtWidgets.QWidget()
        self._outer.addStretch(1)
        self._outer.addWidget(self._column, 1000)
        self._outer.addStretch(1)
        self._box = QtWidgets.QVBoxLayout(self._column)
        self._box.setContentsMargins(0, 0, 0, 0)
        self.title = Text("", size="title")
        self.lead = Text("", role="dim")
        self._list = QtWidgets.QVBoxLayout()
        self._box.addStretch(2)
        self._box.addWidget(self.title)
        self._box.addWidget(self.lead)
        self._box.addLayout(self._list)
        self._box.addStretch(3)
        self._space()

    def cards(self) -> Dict[str, ChoiceCard]:
        """The choices on show by id."""
        return self._cards

    def suggestions(self) -> Tuple[Suggestion, ...]:
        """The suggestion buttons on show."""
        return self._suggestions

    def show_choices(self, title: str, lead: str, choices: Tuple[StartChoice, ...]) -> None:
        """First run: the ways to begin."""
        self._say(title, lead)
        if tuple(self._cards) == tuple(choice.id for choice in choices):
            for choice in choices:
                self._cards[choice.id].set_choice(choice)
            return
        self._clear()
        for choice in choices:
            card = ChoiceCard(choice)
            card.chosen.connect(self.chosen)
            self._cards[choice.id] = card
            self._list.addWidget(card)

    def show_suggestions(self, title: str, lead: str, texts: Tuple[str, ...]) -> None:
        """An empty conversation: questions to begin with."""
        self._say(title, lead)
        if texts == tuple(button.text() for button in self._suggestions):
            return
        self._clear()
        made = []
        for text in texts:
            button = Suggestion(text)
            button.clicked.connect(self._suggestion_clicked)
            made.append(button)
            self._list.addWidget(button)
        self._suggestions = tuple(made)

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.Enter:
            self.entered.emit()
        return bool(super().event(event))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._space()

    def _say(self, title: str, lead: str) -> None:
        self.title.set_text(title)
        self.lead.set_text(lead)

    def _clear(self) -> None:
        while self._list.count():
            widget = self._list.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._cards, self._suggestions = {}, ()

    def _space(self) -> None:
        theme = theme_of(self)
        margin = theme.space(4)
        self._outer.setContentsMargins(margin, margin, margin, margin)
        self._column.setMaximumWidth(theme.measure_px)
        self._box.setSpacing(theme.space(2))
        self._list.setSpacing(theme.space(2))
        self._list.setContentsMargins(0, theme.space(2), 0, 0)

    def _suggestion_clicked(self) -> None:
        sender = self.sender()
        if isinstance(sender, Suggestion):
            self.suggested.emit(sender.text())

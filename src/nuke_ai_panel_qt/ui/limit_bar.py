"""Above the question: the conversation nearly fills the model's window, and what can be done about it. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Text, draw_icon
from .message_parts import flow, hint_width
from .theme import theme_of

CHOICES = (
    ("trim", later("Leave out the oldest"), later("Sends what fits; everything stays here to read")),
    ("summarise", later("Summarise"), later(
        "From here on a summary is sent instead of the messages above, which stay here")),
    ("new_chat", later("New chat"), later(
        "A new conversation that begins with a summary of this one, which stays as it is")),
)
CANCEL = ("cancel", later("Cancel"), later("Stop summarising"))


class LimitBar(QtWidgets.QWidget, metaclass=QtClass):
    """`chosen(name)` of trim, summarise, new_chat, cancel."""

    chosen = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.label = Text("", size="small", parent=self)
        self.buttons = [self._button(*each) for each in (*CHOICES, CANCEL)]
        self.hide()

    def button(self, name: str) -> Button:
        """The button of a choice."""
        return next(one for one in self.buttons if one.objectName() == name)

    def show_choices(self, text: str) -> None:
        """The words and the three ways on."""
        self._show(text, working=False)

    def show_work(self, text: str) -> None:
        """A summary is being written."""
        self._show(text, working=True)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(60), self._place(max(self.width(), 1), move=False))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, move=False)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._settle()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        center = QtCore.QPointF(self._left() - theme.space(1) - theme.icon_px / 2, theme.cap_middle(theme.small))
        draw_icon(painter, "warning", theme.warning, center, theme=theme)
        painter.end()

    def _show(self, text: str, *, working: bool) -> None:
        self.label.set_text(text)
        for button in self.buttons:
            button.setVisible((button.objectName() == "cancel") == working)
        self.show()
        self._settle()

    def _settle(self) -> None:
        height = self._place(self.width(), move=True)
        if self.height() != height or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def _left(self) -> int:
        theme = theme_of(self)
        return theme.space(2.5) + theme.icon_px + theme.space(1)

    def _place(self, width: int, *, move: bool) -> int:
        theme, left = theme_of(self), self._left()
        room = max(theme.space(20), width - left)
        words = self.label.heightForWidth(room)
        height, gap, top = theme.space(7), theme.space(1.5), words + theme.space(1.5)
        shown = [one for one in self.buttons if not one.isHidden()]
        if move:
            self.label.setGeometry(left, 0, room, words)
            return flow(shown, left, top, room, height=height, gap=gap) + theme.space(0.5)
        rows, x = 1, 0
        for one in shown:
            wide = min(hint_width(one), room)
            if x and x + wide > room:
                rows, x = rows + 1, 0
            x += wide + gap
        return top + rows * (height + gap) - gap + theme.space(0.5)

    def _button(self, name: str, words: str, tip: str) -> Button:
        button = Button(tr(words), kind="outline", tip=tr(tip), parent=self)
        button.setObjectName(name)
        button.clicked.connect(self._emit)
        return button

    def _emit(self) -> None:
        self.chosen.emit(self.sender().objectName())

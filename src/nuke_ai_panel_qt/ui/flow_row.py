"""Buttons in a row, and in a second one where they do not fit beside each other. Main thread."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .message_parts import flow, hint_width
from .theme import theme_of


class FlowRow(QtWidgets.QWidget, metaclass=QtClass):
    """As high as its rows are; hidden buttons take no room."""

    def __init__(self, buttons: Sequence[QtWidgets.QWidget], parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._buttons = tuple(buttons)
        for button in self._buttons:
            button.setParent(self)
            button.installEventFilter(self)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QtCore.QSize:
        gap, shown = theme_of(self).space(2), self._shown()
        wide = sum(hint_width(one) for one in shown) + gap * max(0, len(shown) - 1)
        return QtCore.QSize(wide, self._rows_height(self.width()))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(8), self._rows_height(self.width()))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._settle()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        self._settle()

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.LayoutRequest:  # a button has other words
            self.updateGeometry()
            self._settle()
        return super().event(event)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if event.type() in (QtCore.QEvent.Type.ShowToParent, QtCore.QEvent.Type.HideToParent):
            self._settle()
        return False

    def _settle(self) -> None:
        theme = theme_of(self)
        flow(self._shown(), 0, 0, self.width(), height=self._height(), gap=theme.space(2))
        if self.height() != self._rows_height(self.width()):
            self.setFixedHeight(self._rows_height(self.width()))

    def _shown(self) -> List[QtWidgets.QWidget]:
        return [one for one in self._buttons if not one.isHidden()]

    def _height(self) -> int:
        return max((one.sizeHint().height() for one in self._buttons), default=0)

    def _rows_height(self, width: int) -> int:
        gap, x, rows = theme_of(self).space(2), 0, 1
        for one in self._shown():
            wide = min(hint_width(one), width)
            if x and x + wide > width:
                rows, x = rows + 1, 0
            x += wide + gap
        return rows * (self._height() + gap) - gap

"""Buttons side by side, on as many lines as the width asks for. Main thread."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .theme import theme_of


class ButtonFlow(QtWidgets.QWidget, metaclass=QtClass):
    """Holds buttons; `arrange` after some of them were shown or hidden."""

    def __init__(
        self, buttons: Sequence[QtWidgets.QAbstractButton], parent: Optional[QtWidgets.QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._buttons: Tuple[QtWidgets.QAbstractButton, ...] = tuple(buttons)
        for button in self._buttons:
            button.setParent(self)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)

    def arrange(self) -> None:
        """Puts what is shown into its places."""
        gap, x, y, tall = theme_of(self).space(1.5), 0, 0, 0
        for button in self._buttons:
            if button.isHidden():
                continue
            size = button.sizeHint()
            if x and x + size.width() > self.width():
                x, y = 0, y + tall + gap
            button.setGeometry(x, y, min(size.width(), max(1, self.width())), size.height())
            x, tall = x + size.width() + gap, size.height()
        if self.height() != y + tall:
            self.setFixedHeight(y + tall)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(40), self.height())

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(20), self.height())

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange:
            self.arrange()

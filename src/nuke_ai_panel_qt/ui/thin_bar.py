"""A sideways scrollbar for code and tables: a thin thumb without arrows. Main thread."""

from __future__ import annotations

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .theme import Theme

Qt = QtCore.Qt


class ThinBar(QtWidgets.QScrollBar, metaclass=QtClass):
    """Horizontal; as tall as two and a half steps of the grid, always reserved by its owner."""

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Another theme; the height follows its grid."""
        self._theme = theme
        self.setFixedHeight(theme.space(2.5))
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(self._theme.space(10), self._theme.space(2.5))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        span = self.maximum() - self.minimum() + self.pageStep()
        if span <= 0 or self.maximum() <= self.minimum():
            return
        thumb = max(self._theme.space(6), self.width() * self.pageStep() / span)
        travel = self.width() - thumb
        x = travel * (self.value() - self.minimum()) / (self.maximum() - self.minimum())
        thick = self._theme.unit
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.dim if self.underMouse() or self.isSliderDown() else self._theme.faint)
        painter.drawRoundedRect(QtCore.QRectF(x, (self.height() - thick) / 2, thumb, thick), thick / 2, thick / 2)
        painter.end()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self.setSliderDown(True)
        self._seek(event)

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        if self.isSliderDown():
            self._seek(event)

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        self.setSliderDown(False)

    def _seek(self, event: QtGui.QMouseEvent) -> None:
        span = self.maximum() - self.minimum() + self.pageStep()
        thumb = max(self._theme.space(6), self.width() * self.pageStep() / max(1, span))
        x = (event.position() if hasattr(event, "position") else event.localPos()).x() - thumb / 2
        share = x / max(1.0, self.width() - thumb)
        self.setValue(round(self.minimum() + share * (self.maximum() - self.minimum())))

"""A scroll bar in the theme's colours: of the host's width, with a quiet thumb, and nothing where nothing scrolls.

Main thread. The host's style still decides where the thumb is and what a click does; only the drawing is ours.
"""

from __future__ import annotations

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .theme import theme_of

Qt = QtCore.Qt


class ScrollBar(QtWidgets.QScrollBar, metaclass=QtClass):
    """Vertical."""

    def __init__(self, area: QtWidgets.QAbstractScrollArea) -> None:
        super().__init__(Qt.Orientation.Vertical, area)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if self.maximum() <= self.minimum():
            return
        option = QtWidgets.QStyleOptionSlider()
        self.initStyleOption(option)
        slider = self.style().subControlRect(
            QtWidgets.QStyle.ComplexControl.CC_ScrollBar, option, QtWidgets.QStyle.SubControl.SC_ScrollBarSlider, self
        )
        # A theme is the area's: what lies on it (a list on a raised ground, say) has its palette.
        theme = theme_of(self.parentWidget() or self)
        thick = max(4.0, theme.unit * 1.5)
        rect = QtCore.QRectF(slider)
        thumb = QtCore.QRectF(rect.center().x() - thick / 2, rect.top() + 2, thick, rect.height() - 4)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.dim if self.underMouse() or self.isSliderDown() else theme.faint)
        painter.drawRoundedRect(thumb, thick / 2, thick / 2)
        painter.end()


def quiet_scrolling(area: QtWidgets.QAbstractScrollArea) -> None:
    """Gives `area` our scroll bar; before anything is connected to the old one."""
    area.setVerticalScrollBar(ScrollBar(area))

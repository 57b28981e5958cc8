"""A column in the middle of whatever width there is, and an area that scrolls one. Main thread."""

from __future__ import annotations

from ..qt import QtCore, QtWidgets
from .scroll_bar import quiet_scrolling

Qt = QtCore.Qt


def in_the_middle(column: QtWidgets.QWidget) -> QtWidgets.QWidget:
    """A widget that holds `column` in its middle, as wide as its maximum lets it be."""
    middle = QtWidgets.QWidget()
    row = QtWidgets.QHBoxLayout(middle)
    row.setContentsMargins(0, 0, 0, 0)
    row.addStretch(1)
    row.addWidget(column, 1000)
    row.addStretch(1)
    return middle


def scrolling(content: QtWidgets.QWidget) -> QtWidgets.QScrollArea:
    """An area without a frame that scrolls up and down over `content`."""
    area = QtWidgets.QScrollArea()
    quiet_scrolling(area)
    area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    area.viewport().setAutoFillBackground(False)
    content.setAutoFillBackground(False)
    return area

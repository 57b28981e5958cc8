"""Holds a part that fills its page, and is never lower than its own parts need: a page that is shorter scrolls."""

from __future__ import annotations

from typing import Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets


class TallEnough(QtWidgets.QWidget, metaclass=QtClass):
    """For an area that scrolls. Its least height is what the part's layout asks for at the width of now."""

    def __init__(self, part: QtWidgets.QWidget, *, space: int, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._part = part
        self._space = space
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(space, space, space, space)
        box.addWidget(part)

    def hasHeightForWidth(self) -> bool:
        return False  # else an area would give it the height it would like, and scroll though there is room

    def minimumSizeHint(self) -> QtCore.QSize:
        width, layout = max(1, self.width() - 2 * self._space), self._part.layout()
        is_wrapped = layout is not None and layout.hasHeightForWidth()
        height = layout.minimumHeightForWidth(width) if is_wrapped else self._part.minimumSizeHint().height()
        return QtCore.QSize(0, height + 2 * self._space)  # as wide as the page, which scrolls up and down only

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

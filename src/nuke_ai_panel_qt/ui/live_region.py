"""What a screen reader is told without being asked: once at the start, the end, each approval. Main thread."""

from __future__ import annotations

from typing import List

from ..qt import QtClass, QtCore, QtGui, QtWidgets

KEPT = 20


class LiveRegion(QtWidgets.QWidget, metaclass=QtClass):
    """Nothing to see. `say` announces a sentence; `said` are the last ones."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.said: List[str] = []
        self.setGeometry(0, 0, 1, 1)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.lower()

    def say(self, words: str) -> None:
        """Announces `words`."""
        self.said = [*self.said[1 - KEPT:], words]
        self.setAccessibleName(words)
        kinds = QtGui.QAccessible.Event
        for kind in (kinds.NameChanged, kinds.Alert):  # one or the other is spoken, by platform
            QtGui.QAccessible.updateAccessibility(QtGui.QAccessibleEvent(self, kind))

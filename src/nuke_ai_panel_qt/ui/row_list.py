"""A list of rows in the panel's look, edited in place, which knows the panel's keys. Main thread."""

from __future__ import annotations

from typing import Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .scroll_bar import quiet_scrolling
from .shortcuts import Shortcuts

Qt = QtCore.Qt


class RowList(QtWidgets.QListView, metaclass=QtClass):
    """Takes every key that is no command of the panel, and F2; a command goes on to the panel."""

    def __init__(
        self, model: QtCore.QAbstractItemModel, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None
    ) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        quiet_scrolling(self)
        self.setModel(model)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def is_editing(self) -> bool:
        """Whether a title is being edited; the field leaves Return to the list, where it must not open."""
        return bool(self.state() == QtWidgets.QAbstractItemView.State.EditingState)

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent):
            if self._shortcuts.command_of(event) in (None, "rename"):
                event.accept()
                return True
            event.ignore()
            return False
        return bool(super().event(event))

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

"""A list beside the caret of the question that takes no focus: what @ and / offer are made of it. Main thread.

The prompt keeps the caret; its arrows, Enter, Tab and Esc come here while the list is open.
"""

from __future__ import annotations

from typing import Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .prompt_edit import PromptEdit
from .scroll_bar import quiet_scrolling

Qt = QtCore.Qt
_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape)


class PromptPopup(QtWidgets.QListWidget, metaclass=QtClass):
    """A subclass looks at what is typed, takes what was picked, and remembers that it was dismissed."""

    def __init__(self, name: str, prompt: PromptEdit, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._prompt = prompt
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        quiet_scrolling(self)
        self.hide()
        prompt.installEventFilter(self)
        prompt.textChanged.connect(self._look)
        prompt.cursorPositionChanged.connect(self._look)
        self.itemClicked.connect(self._pick)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if watched is self._prompt and event.type() == QtCore.QEvent.Type.FocusOut:
            self.hide()
        if watched is not self._prompt or not self.isVisible() or not isinstance(event, QtGui.QKeyEvent):
            return False
        key = Qt.Key(event.key())
        if key not in _KEYS or self._prompt.has_preedit():
            return False
        if event.type() == QtCore.QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if event.type() != QtCore.QEvent.Type.KeyPress:
            return False
        if key == Qt.Key.Key_Escape:
            self._dismiss()
            self.hide()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.setCurrentRow((self.currentRow() + (1 if key == Qt.Key.Key_Down else -1)) % self.count())
        else:
            self._pick(self.currentItem())
        return True

    def _look(self) -> None:
        """Something was typed, or the caret moved."""
        raise NotImplementedError

    def _pick(self, item: Optional[QtWidgets.QListWidgetItem]) -> None:
        """A row was chosen."""
        raise NotImplementedError

    def _dismiss(self) -> None:
        """Esc was pressed: it stays away from what is typed now."""
        raise NotImplementedError

"""The lines of a block of code: exact, unwrapped, nothing invisible, scrolled sideways only. Main thread."""

from __future__ import annotations

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .safe_text import visible_code
from .theme import Theme
from .thin_bar import ThinBar

Qt = QtCore.Qt

FOLD_CHARACTERS = 2_000


def drawn_code(text: str) -> str:
    """`text` as it is drawn: nothing invisible, no line so long that laying it out would stall the host."""
    shown = visible_code(text)
    if len(shown) <= FOLD_CHARACTERS:
        return shown
    lines = []
    for line in shown.split("\n"):
        lines += [line[at : at + FOLD_CHARACTERS] for at in range(0, len(line), FOLD_CHARACTERS)] or [""]
    return "\n".join(lines)


class CodeText(QtWidgets.QPlainTextEdit, metaclass=QtClass):
    """The lines. The transcript scrolls up and down; this scrolls sideways only."""

    user_selected = Signal()

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.bar = ThinBar(theme, self)
        self.setHorizontalScrollBar(self.bar)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setTabChangesFocus(True)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        option = self.document().defaultTextOption()
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        self.document().setDefaultTextOption(option)
        self.selectionChanged.connect(self._on_selection)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        delta = event.angleDelta()
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if (shifted or abs(delta.x()) > abs(delta.y())) and self.horizontalScrollBar().maximum() > 0:
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - (delta.x() or delta.y()) // 2)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtGui.QKeySequence.StandardKey
        if event.matches(keys.Copy) or event.matches(keys.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _on_selection(self) -> None:
        if self.textCursor().hasSelection():
            self.user_selected.emit()

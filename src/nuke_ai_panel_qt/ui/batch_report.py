"""The report of a run in place of its rows: Markdown as the transcript shows it. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .code_block import CodeBlock
from .columns import scrolling
from .controls import Button
from .message_body import MessageBody
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt


class ReportView(QtWidgets.QWidget, metaclass=QtClass):
    """`closed`: back to the rows, by the button or by the key that closes what is open."""

    closed = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        self.back = Button(tr("Back to the rows"), icon="chevron-left", kind="outline")
        self._sheet = _Sheet()
        self.area = scrolling(self._sheet)
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.area.setAccessibleName(tr("Report"))
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme_of(self).space(2))
        box.addWidget(self.back)
        box.addWidget(self.area, 1)
        self.back.clicked.connect(self.closed)

    def show_text(self, text: str) -> None:
        """Shows a report from its beginning."""
        self._sheet.show_text(text)
        self.area.verticalScrollBar().setValue(0)
        self.area.setAccessibleDescription(self.words())

    def words(self) -> str:
        """The report as it stands on the screen."""
        return self._sheet.words()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if self._shortcuts.command_of(event) == "stop":
            event.accept()
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class _Sheet(QtWidgets.QWidget, metaclass=QtClass):
    """As tall as the words need at its width."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._body = MessageBody(theme_of(self), self)
        self._body.height_changed.connect(self._fit)

    def show_text(self, text: str) -> None:
        """Shows Markdown in the theme of now."""
        self._text = text
        self._body.show_text(text, "answer", theme_of(self))
        self._fit()

    def words(self) -> str:
        """The words of all parts."""
        return "\n".join(part.text_widget().toPlainText() if isinstance(part, CodeBlock) else part.words()
                         for part in self._body.parts())

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.FontChange, QtCore.QEvent.Type.PaletteChange):
            self.show_text(self._text)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        height = self._body.height_for(self.width())
        self._body.setGeometry(0, 0, self.width(), height)
        if self.height() != height:
            self.setFixedHeight(height)

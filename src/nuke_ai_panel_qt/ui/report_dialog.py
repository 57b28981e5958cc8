"""A window that shows the report before anybody copies it. Knows a text and signals only. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Text
from .scroll_bar import quiet_scrolling
from .theme import theme_of

Qt = QtCore.Qt
WIDTH_STEPS, HEIGHT_STEPS = 190, 165


class ReportDialog(QtWidgets.QDialog, metaclass=QtClass):
    """`again_requested` asks for a fresh report."""

    again_requested = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(parent or self)
        self.setWindowTitle(tr("Nuke AI Panel: Report"))
        self.setModal(False)
        self.resize(theme.space(WIDTH_STEPS), theme.space(HEIGHT_STEPS))
        self.note = Text("", role="dim", size="small")
        self.view = QtWidgets.QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setFont(theme.code)
        self.view.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.view.setAccessibleName(tr("Report"))
        quiet_scrolling(self.view)
        self.copy_button = Button(tr("Copy"), kind="primary")
        self.again_button = Button(tr("Look again"), kind="outline")
        self.close_button = Button(tr("Close"), kind="outline")
        box = QtWidgets.QVBoxLayout(self)
        margin = theme.space(3)
        box.setContentsMargins(margin, margin, margin, margin)
        box.setSpacing(theme.space(2))
        box.addWidget(self.note)
        box.addWidget(self.view, 1)
        row = QtWidgets.QHBoxLayout()
        row.addStretch(1)
        for button in (self.again_button, self.close_button, self.copy_button):
            row.addWidget(button)
        box.addLayout(row)
        self.copy_button.clicked.connect(self._copy)
        self.again_button.clicked.connect(self.again_requested)
        self.close_button.clicked.connect(self.close)

    def wait(self) -> None:
        """A report is being made."""
        self.note.set_text(tr("Looking at everything …"))
        self.copy_button.setEnabled(False)
        self.again_button.setEnabled(False)

    def set_text(self, text: str) -> None:
        """The finished report."""
        self.view.setPlainText(text)
        self.note.set_text(tr(
            "This is what Copy takes. Keys, your home folder's name and what you wrote are not in it."
        ))
        self.copy_button.setEnabled(True)
        self.again_button.setEnabled(True)

    def event(self, event: QtCore.QEvent) -> bool:
        # Nuke's single-letter shortcuts and its Space would fire from a view that only shows.
        if event.type() == QtCore.QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def _copy(self) -> None:
        QtGui.QGuiApplication.clipboard().setText(self.view.toPlainText())
        self.note.set_text(tr("Copied."))

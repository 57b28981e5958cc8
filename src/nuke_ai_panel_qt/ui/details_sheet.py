"""A text to read, copy and act on: a traceback after a failed reload, a report before it is copied. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Text
from .flow_row import FlowRow
from .scroll_bar import quiet_scrolling
from .sheets import Sheet
from .theme import scaled_font, theme_of

Qt = QtCore.Qt


class DetailsSheet(Sheet, metaclass=QtClass):
    """`copy_requested` and `retry_requested` when their buttons are pressed."""

    copy_requested = Signal()
    retry_requested = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("", parent, scrolls=False)
        self.lead = Text("", size="small")
        self.view = text_page(self)
        self.copy = Button(tr("Copy"), icon="copy", kind="outline", tip=tr("All of it, as it stands here"))
        self.retry = Button(tr("Retry"), icon="retry", kind="outline", tip=tr("Reload the code again"))
        self.body.addWidget(self.lead)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(FlowRow((self.copy, self.retry)))
        self.column.setMaximumWidth(1 << 20)
        self.copy.clicked.connect(self.copy_requested)
        self.retry.clicked.connect(self.retry_requested)

    def show_details(self, title: str, lead: str, text: str, *, can_retry: bool = False) -> None:
        """Shows `text` from its end on when it can be retried: a traceback says last what went wrong."""
        self.title.set_text(title)
        self.lead.set_text(lead)
        self.lead.setVisible(bool(lead))
        colour_page(self.view)
        self.view.setPlainText(text)
        self.retry.setVisible(can_retry)
        bar = self.view.verticalScrollBar()
        bar.setValue(bar.maximum() if can_retry else 0)
        self.copy.setFocus(Qt.FocusReason.PopupFocusReason)

    def text(self) -> str:
        """What is shown."""
        return str(self.view.toPlainText())


def text_page(parent: QtWidgets.QWidget) -> QtWidgets.QPlainTextEdit:
    """A page of fixed-width text that cannot be edited."""
    page = QtWidgets.QPlainTextEdit(parent)
    quiet_scrolling(page)
    page.setReadOnly(True)
    page.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    page.setUndoRedoEnabled(False)
    page.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAnywhere)
    page.setTabChangesFocus(True)
    page.document().setDocumentMargin(theme_of(parent).space(2))
    colour_page(page)
    return page


def colour_page(page: QtWidgets.QPlainTextEdit) -> None:
    """Gives it the theme's ground and font of code."""
    theme = theme_of(page)
    palette = page.palette()
    palette.setColor(QtGui.QPalette.ColorRole.Base, theme.code_ground)
    page.setPalette(palette)
    page.setFont(scaled_font(theme.code, 1.0))

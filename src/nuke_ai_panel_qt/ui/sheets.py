"""Sheets that cover the panel for a moment: the keys, and the exact text of an attachment. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .columns import in_the_middle, scrolling
from .controls import Button, Ground, Hairline, Text
from .flow_row import FlowRow
from .scroll_bar import quiet_scrolling
from .shortcuts import BINDINGS, COMPOSER_KEYS, CONTROL_SENDS_KEYS, Shortcuts
from .theme import scaled_font, theme_of

Qt = QtCore.Qt
PREVIEW_CHARACTERS = 200_000
MAX_WIDTH_STEPS = 130


class Sheet(Ground, metaclass=QtClass):
    """A title, a close button, and a column that scrolls when it must."""

    close_requested = Signal()

    def __init__(self, title: str, parent: Optional[QtWidgets.QWidget] = None, *, scrolls: bool = True) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self.title = Text(title, elide=True)
        self.close_button = Button(icon="close", tip=tr("Close  (Esc)"))
        self.close_button.clicked.connect(self.close_requested)
        head = QtWidgets.QHBoxLayout()
        head.setContentsMargins(theme.space(4), theme.space(1), theme.space(2), theme.space(1))
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(Hairline())
        self.column = QtWidgets.QWidget()
        self.body = QtWidgets.QVBoxLayout(self.column)
        self.body.setContentsMargins(theme.space(4), theme.space(4), theme.space(4), theme.space(4))
        self.body.setSpacing(theme.space(2))
        self.column.setMaximumWidth(theme.space(MAX_WIDTH_STEPS))
        middle = in_the_middle(self.column)
        if not scrolls:
            box.addWidget(middle, 1)
            return
        area = scrolling(middle)
        area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.addWidget(area, 1)


class ShortcutSheet(Sheet, metaclass=QtClass):
    """Every key of the panel, from the same table that makes them work."""

    def __init__(
        self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None, *, enter_sends: bool = True
    ) -> None:
        super().__init__(tr("Keys"), parent)
        theme = theme_of(self)
        group = ""
        for binding in BINDINGS:
            if binding.group != group:
                if binding.group == "Composer":
                    self._heading(tr("Composer"))
                    for keys, sentence in COMPOSER_KEYS if enter_sends else CONTROL_SENDS_KEYS:
                        self.body.addWidget(_KeyRow(tr(sentence), tr(keys)))
                else:
                    self._heading(tr(binding.group))
                group = binding.group
            self.body.addWidget(_KeyRow(tr(binding.sentence), tr("  or  ").join(shortcuts.keys_of(binding.command))))
        self.body.addStretch(1)
        self.body.setSpacing(theme.space(1))

    def _heading(self, text: str) -> None:
        if self.body.count():
            self.body.addSpacing(theme_of(self).space(2))
        self.body.addWidget(Text(text, role="dim", size="small"))
        self.body.addWidget(Hairline())


class _KeyRow(QtWidgets.QWidget, metaclass=QtClass):
    def __init__(self, sentence: str, keys: str) -> None:
        super().__init__()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme_of(self).space(3))
        row.addWidget(Text(sentence), 3)
        row.addWidget(_Keys(keys), 2)
        self.setAccessibleName(f"{sentence}: {keys}")


class _Keys(QtWidgets.QWidget, metaclass=QtClass):
    """Key names at the right edge, over two lines where there is no room for one."""

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._keys = keys
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        metrics = QtGui.QFontMetrics(theme_of(self).small)
        return metrics.boundingRect(QtCore.QRect(0, 0, max(1, width), 1 << 16), _RIGHT_WRAP, self._keys, 0).height()

    def sizeHint(self) -> QtCore.QSize:
        metrics = QtGui.QFontMetrics(theme_of(self).small)
        return QtCore.QSize(metrics.horizontalAdvance(self._keys) + 2, metrics.height())

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(20), QtGui.QFontMetrics(theme_of(self).small).height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setFont(theme.small)
        painter.setPen(theme.dim)
        painter.drawText(self.rect(), _RIGHT_WRAP, self._keys)
        painter.end()


class TextSheet(Sheet, metaclass=QtClass):
    """An attachment's exact text; `insert_requested` puts a pasted one into the composer after all."""

    insert_requested = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("", parent, scrolls=False)
        self._shortcuts = shortcuts
        self._id = ""
        self.view = QtWidgets.QPlainTextEdit()
        quiet_scrolling(self.view)
        self.view.setReadOnly(True)
        self.view.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.view.setUndoRedoEnabled(False)
        self.view.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAnywhere)
        self.view.setTabChangesFocus(True)
        self.view.setAccessibleName(tr("Text"))
        self.view.document().setDocumentMargin(theme_of(self).space(2))
        self.facts = Text("", role="dim", size="small")
        self.insert = Button(tr("Insert as text"), icon="text", kind="outline", tip=tr("Into the composer, as it is"))
        self.remove = Button(tr("Remove"), icon="delete", kind="outline", tip=tr("Do not send it"))
        self.body.addWidget(self.facts)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(FlowRow((self.insert, self.remove)))
        self.column.setMaximumWidth(1 << 20)
        self.insert.clicked.connect(self._insert)
        self.remove.clicked.connect(self._remove)

    def show_text(self, chip_id: str, title: str, text: str, *, facts: str, is_editable: bool) -> None:
        """`is_editable` offers Insert and Remove; without it the text has been sent already."""
        self._id = chip_id
        self.title.set_text(title)
        cut = len(text) > PREVIEW_CHARACTERS
        self.facts.set_text(facts + (tr(" · the first {preview_characters:,} characters are shown",
            preview_characters=PREVIEW_CHARACTERS) if cut else ""))
        theme = theme_of(self)
        palette = self.view.palette()
        palette.setColor(QtGui.QPalette.ColorRole.Base, theme.code_ground)
        self.view.setPalette(palette)
        self.view.setFont(scaled_font(theme.code, 1.0))
        self.view.setPlainText(text[:PREVIEW_CHARACTERS])
        self.view.setAccessibleName(title)
        self.insert.setVisible(is_editable)
        self.remove.setVisible(is_editable)
        self.view.setFocus(Qt.FocusReason.PopupFocusReason)

    def _insert(self) -> None:
        self.insert_requested.emit(self._id)

    def _remove(self) -> None:
        self.remove_requested.emit(self._id)


_RIGHT_WRAP = (
    flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
    | flag_value(Qt.TextFlag.TextWordWrap)
)

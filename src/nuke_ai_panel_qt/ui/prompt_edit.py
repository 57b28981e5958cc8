"""The text of the next question: grows with its lines, sends by Enter, recalls what was sent. Main thread.

Enter belongs to the input method while it has preedit text. Pasting is plain text; a long paste is announced instead of
inserted, so that a megabyte never reaches the text layout unless the artist insists.
"""

from __future__ import annotations

import math
from typing import List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .safe_text import is_right_to_left
from .scroll_bar import quiet_scrolling
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt

LONG_PASTE_CHARACTERS = 5000
LONG_PASTE_LINES = 120
MIN_LINES = 1
UNBROKEN_LINE = 10_000  # beyond this Qt's word wrapping takes seconds


class PromptEdit(QtWidgets.QPlainTextEdit, metaclass=QtClass):
    """`submitted` on the sending key; `long_paste` and `files_pasted` for what is not inserted as it is."""

    submitted = Signal()
    long_paste = Signal(str)
    files_pasted = Signal(object)
    picture_pasted = Signal()
    height_changed = Signal()
    focus_changed = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        quiet_scrolling(self)
        self._shortcuts = shortcuts
        self._enter_sends = True
        self._preedit = ""
        self._placeholder = ""
        self._history: Tuple[str, ...] = ()
        self._recalled = -1
        self._pending: Tuple[str, int] = ("", 0)
        self._max_height = 1 << 14
        self._height = 0
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Question"))
        self.document().setDocumentMargin(0)
        self.textChanged.connect(self._turn)
        self.textChanged.connect(self._fit)
        self._apply_palette()

    # ------------------------------------------------------------ what the composer sets

    def set_enter_sends(self, enter_sends: bool) -> None:
        """Off, Ctrl+Enter sends and Enter breaks the line."""
        self._enter_sends = enter_sends

    @property
    def sending_key(self) -> str:
        """The key that sends, as text."""
        return "Enter" if self._enter_sends else "Ctrl+Enter"

    def set_history(self, sent: Tuple[str, ...]) -> None:
        """What Up recalls, oldest first."""
        self._history = sent
        self._recalled = -1

    def set_max_height(self, height: int) -> None:
        """Where growing ends and scrolling begins."""
        if height != self._max_height:
            self._max_height = height
            self._fit()

    def set_text(self, text: str, caret: Optional[int] = None) -> None:
        """Replaces everything; the caret goes to `caret`, else to the end."""
        self._recalled = -1
        self._put(text, len(text) if caret is None else caret)

    def setPlaceholderText(self, text: str) -> None:
        """The words in the empty field. Drawn here: Qt 5 loses them when an empty text was set before."""
        self._placeholder = text
        self.setAccessibleDescription(text)
        self.viewport().update()

    def placeholderText(self) -> str:
        """The words in the empty field."""
        return self._placeholder

    def has_preedit(self) -> bool:
        """Whether an input method is composing."""
        return bool(self._preedit)

    def insert_raw(self, text: str) -> None:
        """Inserts `text` as it is, however long."""
        self._guard_wrapping(text)
        self.insertPlainText(text)
        self.ensureCursorVisible()

    # ------------------------------------------------------------ keys

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent):
            if self._shortcuts.command_of(event) is not None:
                event.ignore()  # the panel above accepts it
                return False
            # Everything else that is pressed in here is writing: Nuke must not take a letter, a space or an arrow.
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        command = self._shortcuts.command_of(event)
        if command is not None:
            event.setAccepted(self.run_command(command))
            return
        key, modifiers = event.key(), flag_value(event.modifiers())
        shift = bool(modifiers & flag_value(Qt.KeyboardModifier.ShiftModifier))
        control = bool(modifiers & flag_value(Qt.KeyboardModifier.ControlModifier))
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter(event, shift=shift, control=control)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not (shift or control) and self._recall(
            key == Qt.Key.Key_Up, False
        ):
            event.accept()
        else:
            super().keyPressEvent(event)

    def run_command(self, command: str) -> bool:
        """Does what a command with keys means in here; False for those that are the panel's."""
        if command == "paste_raw":
            self.insert_raw(_plain(QtWidgets.QApplication.clipboard().text()))
        elif command in ("recall_previous", "recall_next"):
            self._recall(command == "recall_previous", True)
        else:
            return False
        return True

    def inputMethodEvent(self, event: QtGui.QInputMethodEvent) -> None:
        self._preedit = event.preeditString()
        super().inputMethodEvent(event)

    def _enter(self, event: QtGui.QKeyEvent, *, shift: bool, control: bool) -> None:
        event.accept()
        if self._preedit:
            self._commit_preedit()
            return
        if shift or (not self._enter_sends and not control):
            self.textCursor().insertText("\n")
            self.ensureCursorVisible()
        elif not event.isAutoRepeat():
            self.submitted.emit()

    def _commit_preedit(self) -> None:
        text = self._preedit
        QtGui.QGuiApplication.inputMethod().commit()
        if self._preedit:
            commit = QtGui.QInputMethodEvent()
            commit.setCommitString(text)
            QtCore.QCoreApplication.sendEvent(self, commit)

    def _recall(self, older: bool, anywhere: bool) -> bool:
        if not anywhere and not self._caret_at_edge(top=older):
            return False
        if not anywhere and not older and self._recalled < 0:
            return False
        step = self._recalled + (1 if older else -1)
        if step < -1 or step >= len(self._history):
            return anywhere
        if self._recalled < 0:
            self._pending = (self.toPlainText(), self.textCursor().position())
        self._recalled = step
        if step < 0:
            self._put(*self._pending)
        else:
            text = self._history[-1 - step]
            self._put(text, len(text))
        return True

    def _caret_at_edge(self, *, top: bool) -> bool:
        cursor = self.textCursor()
        if cursor.hasSelection():
            return False
        probe = QtGui.QTextCursor(cursor)
        move = QtGui.QTextCursor.MoveOperation
        return not probe.movePosition(move.Up if top else move.Down)

    # ------------------------------------------------------------ pasting and dropping

    def canInsertFromMimeData(self, source: QtCore.QMimeData) -> bool:
        return source.hasText() or source.hasUrls() or source.hasImage()

    def insertFromMimeData(self, source: QtCore.QMimeData) -> None:
        files: List[str] = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if files:
            self.files_pasted.emit(files)
            return
        if source.hasImage() and not source.hasText():
            self.picture_pasted.emit()
            return
        text = _plain(source.text())
        if len(text) > LONG_PASTE_CHARACTERS or text.count("\n") >= LONG_PASTE_LINES:
            self.long_paste.emit(text)
        else:
            self._guard_wrapping(text)
            self.insertPlainText(text)
            self.ensureCursorVisible()

    def _guard_wrapping(self, text: str) -> None:
        if max((len(line) for line in text.split("\n")), default=0) > UNBROKEN_LINE:
            self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAnywhere)

    # ------------------------------------------------------------ size and look

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        if self._placeholder and not self._preedit and self.document().isEmpty():
            painter = QtGui.QPainter(self.viewport())
            painter.setPen(theme_of(self.parentWidget() or self).dim)
            painter.setFont(self.font())
            words = painter.fontMetrics().elidedText(
                self._placeholder, Qt.TextElideMode.ElideRight, self.viewport().width() - 2
            )
            # One pixel clear of the caret.
            painter.drawText(self.viewport().rect().adjusted(2, 0, 0, 0), flag_value(Qt.AlignmentFlag.AlignTop), words)
            painter.end()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.PaletteChange, QtCore.QEvent.Type.FontChange):
            self._apply_palette()
            self._fit()

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit()

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(40), self._height or self._line_px())

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(16), self._line_px())

    def _line_px(self) -> int:
        return QtGui.QFontMetrics(self.font()).lineSpacing()

    def _put(self, text: str, caret: int) -> None:
        self._guard_wrapping(text)
        self.setPlainText(text)
        if not text:
            self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        cursor = self.textCursor()
        cursor.setPosition(max(0, min(caret, self.document().characterCount() - 1)))
        self.setTextCursor(cursor)

    def _turn(self) -> None:
        """Each paragraph is read as its first letter says; the text begins at the side of its very first."""
        side = Qt.AlignmentFlag.AlignRight if is_right_to_left(self.toPlainText()[:400]) else Qt.AlignmentFlag.AlignLeft
        option = self.document().defaultTextOption()
        if flag_value(option.alignment()) != flag_value(side):
            option.setAlignment(side)
            self.document().setDefaultTextOption(option)
            self.viewport().update()

    def _fit(self) -> None:
        first = self.document().firstBlock()
        drawn = self.blockBoundingRect(first).height() / max(1, first.lineCount())
        line = max(self._line_px(), math.ceil(drawn))  # Qt 5 draws a pixel more than its metrics say
        lines = self.document().size().height() if self.blockCount() < 200 else self.blockCount()
        wanted = int(lines * line) + 2
        height = max(line, min(wanted, max(line, self._max_height)))
        fits = wanted <= height
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if fits else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        if self.verticalScrollBarPolicy() != policy:
            self.setVerticalScrollBarPolicy(policy)
        if height != self._height:
            self._height = height
            self.setFixedHeight(height)
            self.height_changed.emit()

    def _apply_palette(self) -> None:
        theme = theme_of(self.parentWidget() or self)
        palette = self.palette()
        if palette.color(QtGui.QPalette.ColorRole.Base).alpha() or palette.text().color() != theme.text:
            palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor(0, 0, 0, 0))
            palette.setColor(QtGui.QPalette.ColorRole.Text, theme.text)
            self.setPalette(palette)
        self.viewport().setAutoFillBackground(False)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n").replace("\u2028", "\n")

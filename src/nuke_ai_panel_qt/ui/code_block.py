"""One block of code: a header with its language and actions, and the exact text on its own ground. Main thread.

Lines never wrap; the height of the sideways scrollbar is always reserved, so that a long line which arrives late moves
nothing. A long block shows its first lines and a button for the rest. Copy always takes the data, never what is drawn:
what is drawn has invisible characters written out and endless lines folded.
"""

from __future__ import annotations

import math
from typing import List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .code_book import NOTHING, CodeBook, CodeTools, book_of
from .code_text import CodeText, drawn_code
from .controls import Button
from .highlight import CodeHighlighter
from .markdown import Code
from .message_parts import StateLine
from .theme import FLASH_ALPHA, Theme

Qt = QtCore.Qt

COLLAPSE_LINES = 60
SHOWN_LINES = 30
SHOWN_CHARACTERS = 6_000
COPIED_MS = 1_600


class CodeBlock(QtWidgets.QWidget, metaclass=QtClass):
    """A fence of a message, as a card."""

    copied = Signal(str)
    acted = Signal(str, str, str)
    link_activated = Signal(str)
    height_changed = Signal()
    user_selected = Signal()

    def __init__(self, theme: Theme, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._book: Optional[CodeBook] = None
        self._tools = NOTHING
        self._actions: List[Button] = []
        self._lines: List[StateLine] = []
        self._code = Code("")
        self._drawn = ""
        self._is_live = False
        self._is_expanded = False
        self._coloured: Tuple[str, str, Optional[Theme]] = ("", "", None)
        self._found: List[Tuple[int, int, bool]] = []
        self._text = CodeText(theme, self)
        self._text.user_selected.connect(self.user_selected)
        self._highlighter = CodeHighlighter(self._text.document())
        self._copy = Button(tr("Copy"), icon="copy", tip=tr("Copy this code"), parent=self)
        self._copy.set_look(dim=True)
        self._copy.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._copy.clicked.connect(self._copy_code)
        self._more = Button("", tip=tr("Show the whole block"), parent=self)
        self._more.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._more.clicked.connect(self._toggle)
        self._more.hide()
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(COPIED_MS)
        self._timer.timeout.connect(self._show_copy)
        self._apply_theme()

    # ------------------------------------------------------------------ content

    def set_code(self, code: Code, theme: Theme, *, live: bool = False) -> bool:
        """Shows `code`; `live` while its answer streams. Whether its height may have changed."""
        if theme is not self._theme:
            self._theme = theme
            self._apply_theme()
        if live and not self._is_live:
            self._is_expanded = True  # a block the artist watched arriving never folds under the eye
        was_live, self._is_live = self._is_live, live
        if code is self._code and was_live == live and self._drawn:
            self._colour()
            return self._take_tools()
        grew = code.text.startswith(self._code.text) and was_live
        if not grew and not live and code.text != self._code.text:
            self._is_expanded = was_live and self._is_expanded
        self._code = code
        self._redraw()
        enabled = code.closed or not live
        if self._copy.isEnabled() != enabled:
            self._copy.setEnabled(enabled)
            self._copy.set_tip(tr("Copy this code") if enabled else tr("Copy: ready when the block is complete"))
        lines = code.text.count("\n") + 1
        language = code.language or tr("text")
        self.setAccessibleName(
            tr("Code, {language}, {count} line", "Code, {language}, {count} lines", language=language, count=lines)
        )
        self._take_tools()
        return True

    def reset(self) -> None:
        """Forgets what was shown, before the card is given to another message."""
        self._code, self._drawn, self._is_live, self._is_expanded = Code(""), "", False, False
        self._coloured = ("", "", None)
        self._highlighter.stop()
        self._text.clear()
        self._show_tools(NOTHING)
        self._show_copy()

    def code(self) -> str:
        """The exact text between the fences."""
        return self._code.text

    def copy_button(self) -> Button:
        """The button that copies."""
        return self._copy

    def text_widget(self) -> QtWidgets.QPlainTextEdit:
        """The widget that shows the lines."""
        return self._text

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at, in order."""
        found: List[QtWidgets.QWidget] = [self._copy, *self._actions]
        found += [] if self._more.isHidden() else [self._more]
        return found + [one for line in self._lines for one in line.focusable()]

    def height_for(self, width: int) -> int:
        """The height of the card, which never wraps, and of the lines under it."""
        lines = sum(line.height_for(width) + self._theme.space(1.5) for line in self._lines)
        return self._card_height() + lines

    def action_buttons(self) -> List[Button]:
        """The buttons besides Copy."""
        return self._actions

    def lines(self) -> List[str]:
        """The words of the lines under the card."""
        return [line.words() for line in self._lines]

    def words(self) -> str:
        """The text as it is drawn."""
        return self._drawn

    # ------------------------------------------------------------------ find

    def find_all(self, query: str) -> List[int]:
        """Where `query` occurs in what is drawn."""
        found, haystack, needle, at = [], self._drawn.casefold(), query.casefold(), 0
        while needle:
            at = haystack.find(needle, at)
            if at < 0:
                break
            found.append(at)
            at += len(needle)
        return found

    def set_found(self, spans: List[Tuple[int, int, bool]]) -> None:
        """Highlights (start, length, is_current) spans."""
        if spans == self._found:
            return
        self._found = spans
        marks = []
        for start, length, current in spans:
            ground = QtGui.QColor(self._theme.accent)
            ground.setAlpha(FLASH_ALPHA * (3 if current else 1))
            mark = QtWidgets.QTextEdit.ExtraSelection()
            cursor = QtGui.QTextCursor(self._text.document())
            cursor.setPosition(start)
            cursor.setPosition(start + length, QtGui.QTextCursor.MoveMode.KeepAnchor)
            mark.cursor = cursor  # type: ignore[attr-defined]  # the stubs do not know its two fields
            mark.format.setBackground(ground)  # type: ignore[attr-defined]  # the same
            marks.append(mark)
        self._text.setExtraSelections(marks)

    def y_of(self, position: int) -> int:
        """The top of the line that holds a position of the drawn text."""
        line = self._drawn.count("\n", 0, position)
        return self._header_height() + line * self._line_height()

    def position_at(self, y: int) -> int:
        """The position of the first letter of the line at `y`."""
        line = max(0, (y - self._header_height()) // max(1, self._line_height()))
        return self._text.document().findBlockByNumber(min(line, self._text.blockCount() - 1)).position()

    # ------------------------------------------------------------------ events

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        theme, width = self._theme, self.width()
        header = self._header_height()
        right = width - theme.space(1)
        buttons = [*reversed(self._actions), self._copy]
        words = sum(button.sizeHint().width() for button in buttons) + theme.space(16) <= width
        for button in buttons:
            hint = button.sizeHint().width() if words or button is buttons[0] else theme.space(7)
            right -= hint
            button.setGeometry(right, (header - theme.space(6)) // 2, hint, theme.space(6))
        body = self._text_height()
        side = theme.space(3)
        self._text.setGeometry(side, header + theme.space(2.5), width - side - 2, body - theme.space(2.5) - 1)
        if not self._more.isHidden():
            self._more.setGeometry(1, header + body, width - 2, self._card_height() - header - body - 1)
        y = self._card_height() + theme.space(1.5)
        for line in self._lines:
            height = line.height_for(width)
            line.setGeometry(0, y, width, height)
            y += height + theme.space(1.5)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(0, 0, self.width(), self._card_height()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.code_ground)
        painter.drawRoundedRect(rect, theme.radius, theme.radius)
        header = self._header_height()
        painter.fillRect(QtCore.QRectF(1, header, self.width() - 2, 1), theme.hairline)
        if not self._more.isHidden():
            painter.fillRect(QtCore.QRectF(1, self._more.y() - 1, self.width() - 2, 1), theme.hairline)
        painter.setFont(theme.small)
        painter.setPen(theme.dim)
        room = min([self._copy, *self._actions], key=lambda one: one.x()).x() - theme.space(5)
        label = painter.fontMetrics().elidedText(self._code.language or "text", Qt.TextElideMode.ElideRight, room)
        painter.drawText(
            QtCore.QRectF(theme.space(3), 0, room, header), flag_value(Qt.AlignmentFlag.AlignVCenter), label
        )
        painter.end()

    # ------------------------------------------------------------------ inside

    def _apply_theme(self) -> None:
        self._text.setFont(self._theme.code)
        self._text.document().setDefaultFont(self._theme.code)
        palette = self._text.palette()
        palette.setColor(QtGui.QPalette.ColorRole.Text, self._theme.text)
        self._text.setPalette(palette)
        self._text.setTabStopDistance(4 * QtGui.QFontMetricsF(self._theme.code).horizontalAdvance(" "))
        self._text.bar.set_theme(self._theme)
        self._coloured = ("", "", None)

    def _redraw(self) -> None:
        drawn = self._shown_text()
        if drawn != self._drawn:
            if self._drawn and drawn.startswith(self._drawn):
                cursor = QtGui.QTextCursor(self._text.document())
                cursor.movePosition(QtGui.QTextCursor.MoveOperation.End)
                cursor.insertText(drawn[len(self._drawn) :])
            else:
                self._text.setPlainText(drawn)
            self._drawn = drawn
            self._place()  # a card that is used again may have the size already that these lines need
        self._colour()

    def _shown_text(self) -> str:
        text = self._code.text
        total = text.count("\n") + 1
        is_long = total > COLLAPSE_LINES or len(text) > 3 * SHOWN_CHARACTERS
        if is_long and not self._is_live:
            if self._is_expanded:
                self._more.setText(tr("Show less"))
            elif total > SHOWN_LINES:
                self._more.setText(tr("Show all {total:,} lines", total=total))
            else:
                self._more.setText(tr("Show all {count:,} characters", count=len(text)))
        self._more.setVisible(is_long and not self._is_live)
        if not is_long or self._is_expanded:
            return drawn_code(text)
        return drawn_code("\n".join(text[:SHOWN_CHARACTERS].split("\n")[:SHOWN_LINES]))

    def _colour(self) -> None:
        if self._is_live and not self._code.closed:
            return
        wanted = (self._drawn, self._code.language, self._theme)
        if wanted != self._coloured:
            self._coloured = wanted
            self._highlighter.start(self._drawn, self._code.language, self._theme)

    def _take_tools(self) -> bool:
        """Shows what is known of a block that has ended; whether that changed anything."""
        if self._book is None:
            self._book = book_of(self)
            if self._book is None:
                return False
            self._book.changed.connect(self._on_book)
        is_ready = self._code.closed and not self._is_live and bool(self._code.text)
        return self._show_tools(self._book.tools(self._code.text, self._code.language) if is_ready else NOTHING)

    def _on_book(self, text: str) -> None:
        if text == self._code.text and self._drawn and self._take_tools():
            self.height_changed.emit()

    def _show_tools(self, tools: CodeTools) -> bool:
        if tools == self._tools:
            return False
        if tools.actions != self._tools.actions:
            for old in self._actions:
                old.hide()
                old.deleteLater()
            self._actions = []
            for action in tools.actions:
                button = Button(action.words, icon=action.icon, tip=action.tip, parent=self)
                button.setObjectName(action.name)
                button.set_look(dim=True)
                button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
                button.clicked.connect(self._act)
                button.show()
                self._actions.append(button)
        for line in self._lines[len(tools.lines):]:
            line.hide()
            line.deleteLater()
        del self._lines[len(tools.lines):]
        for at, told in enumerate(tools.lines):
            if at == len(self._lines):
                self._lines.append(StateLine(self._theme, self))
                self._lines[at].triggered.connect(self._act_named)
                self._lines[at].link_activated.connect(self.link_activated)
                self._lines[at].show()
            self._lines[at].set_line(told.text, told.icon, self._theme, role=told.role, action=told.action)
        self._tools = tools
        self.resizeEvent(QtGui.QResizeEvent(self.size(), self.size()))
        self.update()
        return True

    def _act(self) -> None:
        self._act_named(self.sender().objectName())

    def _act_named(self, name: str) -> None:
        self.acted.emit(name, self._code.text, self._code.language)

    def _card_height(self) -> int:
        return self._header_height() + self._text_height() + (0 if self._more.isHidden() else self._theme.space(7))

    def _header_height(self) -> int:
        return self._theme.space(7.5)

    def _line_height(self) -> int:
        return math.ceil(self._text.blockBoundingRect(self._text.document().firstBlock()).height())

    def _text_height(self) -> int:
        document = self._text.document()
        count = document.blockCount()
        height = count * self._line_height()
        if count <= 2 * COLLAPSE_LINES and not self._drawn.isascii():  # a fallback font's lines may be taller
            block, height = document.firstBlock(), 0
            while block.isValid():
                height += int(self._text.blockBoundingRect(block).height() + 0.5)
                block = block.next()
        return self._theme.space(2.5) + height + self._theme.space(3)

    def _toggle(self) -> None:
        self._is_expanded = not self._is_expanded
        self._redraw()
        self.height_changed.emit()

    def _copy_code(self) -> None:
        QtWidgets.QApplication.clipboard().setText(self._code.text)
        self._copy.setText(tr("Copied"))
        self._copy.set_icon("check")
        self.resizeEvent(QtGui.QResizeEvent(self.size(), self.size()))
        self._timer.start()
        self.copied.emit(self._code.text)

    def _show_copy(self) -> None:
        self._timer.stop()
        self._copy.setText(tr("Copy"))
        self._copy.set_icon("copy")
        self.resizeEvent(QtGui.QResizeEvent(self.size(), self.size()))

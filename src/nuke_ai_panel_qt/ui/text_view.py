"""Shows prose and tables of one message: selectable, with links that ask before they open. Main thread.

Built on QTextBrowser for its selection, keyboard and accessibility, with all that loads or navigates taken out: it
never asks for a resource, never follows a link by itself, and copies plain text only. It is as tall as its document;
the transcript scrolls, never this view.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .code_book import CodeBook, book_of
from .markdown import Para, Table
from .markdown_stream import Segment
from .node_links import node_of, with_node_links
from .rich_text import INDENT_STEPS, IS_RULE, MARKER, QUOTE_DEPTH, QUOTE_STEPS, RichText, table_width
from .safe_text import plain_tip, safe_link
from .theme import FLASH_ALPHA, Theme
from .thin_bar import ThinBar

Qt = QtCore.Qt


class TextView(QtWidgets.QTextBrowser, metaclass=QtClass):
    """One stretch of prose, or one table."""

    link_activated = Signal(str)
    user_selected = Signal()

    def __init__(self, theme: Theme, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._segment: Optional[Segment] = None
        self._book: Optional[CodeBook] = None
        self._has_caret = self._has_marks = False
        self._hovered = ""
        self._found: List[Tuple[int, int, bool]] = []
        self._height: Tuple[int, int] = (-1, 0)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setReadOnly(True)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setLineWrapMode(QtWidgets.QTextEdit.LineWrapMode.FixedPixelWidth)
        self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._bar = ThinBar(theme, self)
        self.setHorizontalScrollBar(self._bar)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setTabChangesFocus(True)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self._rich = RichText(self.document(), theme)
        self.anchorClicked.connect(self._activate)
        self.selectionChanged.connect(self._on_selection)

    # ------------------------------------------------------------------ content

    def set_segment(self, segment: Segment, theme: Theme, *, faded: bool = False) -> bool:
        """Shows `segment`; whether anything changed."""
        if segment is self._segment and theme is self._theme and faded == self._rich.faded:
            return False
        if theme is not self._theme:
            self._theme = theme
            self._bar.set_theme(theme)
        self._rich.set_theme(theme, faded=faded)
        self._segment = segment
        is_table = segment.kind == "table"
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if is_table else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if self.horizontalScrollBarPolicy() != policy:
            self.setHorizontalScrollBarPolicy(policy)
        self._has_marks = any(
            isinstance(block, Para) and (block.marker or block.quote or block.kind == "rule")
            for block in segment.blocks
        )
        if self._book is None:
            self._book = book_of(self)
            if self._book is not None:
                self._book.nodes_changed.connect(self._link_again)
        names = self._book.nodes if self._book is not None else ()
        changed = self._rich.update(with_node_links(segment.blocks, names))
        if changed:
            self._height = (-1, 0)
            self._mark()
            if is_table:  # else the view scrolls sideways to where the last cell was written
                self.moveCursor(QtGui.QTextCursor.MoveOperation.Start)
        return changed

    def _link_again(self) -> None:
        """Other nodes are in the script; the words stay, so the height does."""
        if self._segment is not None and self._book is not None and self.isVisible():
            self._rich.update(with_node_links(self._segment.blocks, self._book.nodes))

    def set_caret(self, shown: bool) -> None:
        """A caret after the last letter, while the answer streams."""
        if shown != self._has_caret:
            self._has_caret = shown
            self.viewport().update()

    def height_for(self, width: int) -> int:
        """Lays the document out at `width` and answers the height it needs."""
        if self._height[0] == width:
            return self._height[1]
        block = self._segment.blocks[0] if self._segment and self._segment.blocks else None
        inner = max(width, table_width(block, self._theme)) if isinstance(block, Table) else width
        if self.lineWrapColumnOrWidth() != inner:
            self.setLineWrapColumnOrWidth(inner)
            self._bar.setValue(0)
        height = int(self.document().size().height() + 0.999)
        if inner > width:
            height += self._theme.space(3.5)
        self._height = (width, height)
        return height

    def words(self) -> str:
        """The text as it stands on the screen."""
        return self.toPlainText()

    # ------------------------------------------------------------------ find

    def find_all(self, query: str) -> List[int]:
        """Where `query` occurs, ignoring case, as document positions."""
        found, cursor = [], QtGui.QTextCursor(self.document())
        while query:
            cursor = self.document().find(query, cursor)
            if cursor.isNull():
                break
            found.append(cursor.selectionStart())
        return found

    def set_found(self, spans: List[Tuple[int, int, bool]]) -> None:
        """Highlights (start, length, is_current) spans."""
        if spans != self._found:
            self._found = spans
            self._mark()

    def y_of(self, position: int) -> int:
        """The top of the line that holds a document position."""
        cursor = QtGui.QTextCursor(self.document())
        cursor.setPosition(min(position, max(0, self.document().characterCount() - 1)))
        return self.cursorRect(cursor).top()

    def position_at(self, y: int) -> int:
        """The document position of the first letter of the line at `y`."""
        return self.cursorForPosition(QtCore.QPoint(0, y)).position()

    # ------------------------------------------------------------------ safety

    def loadResource(self, kind: int, name: Union[QtCore.QUrl, str]) -> None:
        """Nothing is ever loaded: not from the network, not from the disk."""
        return None

    def createMimeDataFromSelection(self) -> QtCore.QMimeData:
        """Plain text only: no hidden markup travels with a copy or a drag."""
        data = QtCore.QMimeData()
        data.setText(self.selected_text())
        return data

    def selected_text(self) -> str:
        """The selection as plain text, list markers included."""
        cursor = self.textCursor()
        text = cursor.selection().toPlainText()
        if self._segment is None or self._segment.kind == "table":
            return text
        lines, block = [], self.document().findBlock(cursor.selectionStart())
        for number, line in enumerate(text.split("\n")):
            whole = number or block.position() == cursor.selectionStart()
            marker = block.blockFormat().stringProperty(MARKER) if block.isValid() and whole else ""
            lines.append(f"{marker} {line}" if marker else line)
            block = block.next()
        # A line break inside a paragraph splits the text too but has no block of its own: then markers cannot be told.
        return "\n".join(lines) if text.count("\n") == self._blocks_in(cursor) else text

    def _blocks_in(self, cursor: QtGui.QTextCursor) -> int:
        document = self.document()
        first, last = document.findBlock(cursor.selectionStart()), document.findBlock(cursor.selectionEnd())
        return last.blockNumber() - first.blockNumber()

    def _activate(self, url: QtCore.QUrl) -> None:
        link = url.toString()
        target = link if node_of(link) else safe_link(link)
        if target:
            self.link_activated.emit(target)

    # ------------------------------------------------------------------ events

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        href = self.anchorAt(event_position(event))
        if href != self._hovered:
            self._hovered = href
            self.viewport().setToolTip(plain_tip(href))
            self._mark()

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        super().leaveEvent(event)
        if self._hovered:
            self._hovered = ""
            self._mark()

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        sideways = abs(event.angleDelta().x()) > abs(event.angleDelta().y())
        if sideways and self.horizontalScrollBar().maximum() > 0:
            super().wheelEvent(event)
        else:
            event.ignore()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        copying = event.matches(QtGui.QKeySequence.StandardKey.Copy)
        opening = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if copying or opening or event.matches(QtGui.QKeySequence.StandardKey.SelectAll):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        super().paintEvent(event)
        if self._segment is None or self._segment.kind == "table":
            return
        painter = QtGui.QPainter(self.viewport())
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        self._paint_marks(painter, QtCore.QRectF(event.rect()))
        if self._has_caret:
            self._paint_caret(painter)
        painter.end()

    # ------------------------------------------------------------------ painting

    def _paint_marks(self, painter: QtGui.QPainter, dirty: QtCore.QRectF) -> None:
        if not self._has_marks:
            return
        theme, layout = self._theme, self.document().documentLayout()
        block = self.document().firstBlock()
        while block.isValid():
            rect = layout.blockBoundingRect(block)
            if rect.top() > dirty.bottom():
                break
            if rect.bottom() >= dirty.top() and block.layout().lineCount():
                made = block.blockFormat()
                rtl = made.layoutDirection() == Qt.LayoutDirection.RightToLeft
                if made.hasProperty(IS_RULE):
                    y = round(rect.center().y()) + 0.5
                    painter.fillRect(QtCore.QRectF(rect.left(), y, self.viewport().width(), 1), theme.hairline)
                for depth in range(made.intProperty(QUOTE_DEPTH)):
                    x = theme.space(QUOTE_STEPS) * depth
                    x = self.viewport().width() - x - 2 if rtl else x
                    top = rect.top() - (made.topMargin() if self._quoted(block.previous(), depth) else 0)
                    painter.fillRect(QtCore.QRectF(x, top, 2, rect.bottom() - top), theme.faint)
                if made.hasProperty(MARKER):
                    self._paint_marker(painter, block, rtl)
            block = block.next()

    @staticmethod
    def _quoted(block: QtGui.QTextBlock, depth: int) -> bool:
        return block.isValid() and block.blockFormat().intProperty(QUOTE_DEPTH) > depth

    def _paint_marker(self, painter: QtGui.QPainter, block: QtGui.QTextBlock, rtl: bool) -> None:
        theme = self._theme
        line = block.layout().lineAt(0)
        origin = block.layout().position() + line.position()
        baseline = origin.y() + line.ascent()
        gap, width = theme.space(1.5), theme.space(INDENT_STEPS)
        edge = origin.x() + (line.width() + gap if rtl else -gap)
        marker = block.blockFormat().stringProperty(MARKER)
        metrics = QtGui.QFontMetricsF(theme.body)
        if marker in ("[ ]", "[x]"):
            self._paint_task(painter, edge if rtl else edge - theme.space(3), baseline, checked=marker == "[x]")
        elif marker == "•":
            size = max(4.0, theme.unit * 1.1)
            x = edge + gap if rtl else edge - size - theme.unit / 2
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.dim)
            painter.drawEllipse(QtCore.QRectF(x, baseline - metrics.xHeight() / 2 - size / 2, size, size))
        else:
            painter.setPen(theme.dim)
            painter.setFont(theme.body)
            wide = max(float(width), metrics.horizontalAdvance(marker) + 2)
            rect = QtCore.QRectF(edge if rtl else edge - wide, baseline - metrics.ascent(), wide, metrics.height())
            side = Qt.AlignmentFlag.AlignLeft if rtl else Qt.AlignmentFlag.AlignRight
            painter.drawText(rect, flag_value(side | Qt.AlignmentFlag.AlignTop), marker)

    def _paint_task(self, painter: QtGui.QPainter, x: float, baseline: float, *, checked: bool) -> None:
        theme = self._theme
        side = theme.space(3)
        box = QtCore.QRectF(round(x) + 0.5, round(baseline - side + 1) + 0.5, side - 1, side - 1)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QtGui.QPen(theme.dim, 1))
        painter.drawRoundedRect(box, 2.5, 2.5)
        if checked:
            painter.setPen(QtGui.QPen(theme.link, 1.6))
            middle = QtCore.QPointF(box.left() + box.width() * 0.42, box.bottom() - box.height() * 0.25)
            painter.drawLine(QtCore.QPointF(box.left() + box.width() * 0.2, box.center().y()), middle)
            painter.drawLine(middle, QtCore.QPointF(box.right() - box.width() * 0.18, box.top() + box.height() * 0.25))

    def _paint_caret(self, painter: QtGui.QPainter) -> None:
        block = self.document().lastBlock()
        lines = block.layout().lineCount()
        if not lines:
            return
        line = block.layout().lineAt(lines - 1)
        origin = block.layout().position()
        used = line.naturalTextRect()
        rtl = block.blockFormat().layoutDirection() == Qt.LayoutDirection.RightToLeft
        x = origin.x() + (used.left() - 2 * self._theme.unit if rtl else used.right())
        height = QtGui.QFontMetricsF(self._theme.body).ascent()
        y = origin.y() + line.y() + line.ascent() - height
        rect = QtCore.QRectF(round(x) + 3, y + 1, max(2.0, self._theme.unit / 2), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.accent)
        painter.drawRoundedRect(rect, 1, 1)

    def _mark(self) -> None:
        marks = []
        for start, length, current in self._found:
            ground = QtGui.QColor(self._theme.accent)
            ground.setAlpha(FLASH_ALPHA * (3 if current else 1))
            marks.append(self._selection(start, start + length, ground=ground))
        if self._hovered:
            marks += self._hovered_anchor()
        self.setExtraSelections(marks)

    def _hovered_anchor(self) -> List[QtWidgets.QTextEdit.ExtraSelection]:
        marks = []
        block = self.document().firstBlock()
        while block.isValid():
            iterator = block.begin()
            while not iterator.atEnd():
                fragment = iterator.fragment()
                if fragment.isValid() and fragment.charFormat().anchorHref() == self._hovered:
                    marks.append(self._selection(fragment.position(), fragment.position() + fragment.length()))
                iterator += 1
            block = block.next()
        return marks

    def _selection(
        self, start: int, end: int, *, ground: Optional[QtGui.QColor] = None
    ) -> QtWidgets.QTextEdit.ExtraSelection:
        made: Any = QtWidgets.QTextEdit.ExtraSelection()  # the stubs do not know its two fields
        cursor = QtGui.QTextCursor(self.document())
        last = max(0, self.document().characterCount() - 1)
        cursor.setPosition(min(start, last))
        cursor.setPosition(min(end, last), QtGui.QTextCursor.MoveMode.KeepAnchor)
        made.cursor = cursor
        if ground is not None:
            made.format.setBackground(ground)
        else:
            made.format.setFontUnderline(True)
        selection: QtWidgets.QTextEdit.ExtraSelection = made
        return selection

    def _on_selection(self) -> None:
        if self.textCursor().hasSelection():
            self.user_selected.emit()

"""The explorer's rows: conversations, messages and hits under their days; only what is visible is drawn. Main thread.

All rows are of one height, headings too, so that Qt asks for one size and not for thousands. A click opens; with Ctrl
or Shift it selects. New rows keep the selection and what stands at the top.
"""

from __future__ import annotations

from typing import Optional, Sequence, Set, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .controls import draw_focus_ring, draw_icon
from .explorer_values import ExplorerRow, Span
from .grouped_model import GroupedModel
from .line_edit import LineEdit
from .model_list import ROW_ROLE, Index
from .row_list import RowList
from .safe_text import plain_tip
from .shortcuts import Shortcuts
from .theme import Theme, mix, scaled_font, theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_BOTTOM = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignBottom)
_DISPLAY, _EDIT = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.EditRole)
_TIP, _SPOKEN = int(Qt.ItemDataRole.ToolTipRole), int(Qt.ItemDataRole.AccessibleTextRole)
_WITH = flag_value(Qt.KeyboardModifier.ControlModifier) | flag_value(Qt.KeyboardModifier.ShiftModifier)
NEAR_END_ROWS = 20


class ExplorerModel(GroupedModel[ExplorerRow], metaclass=QtClass):
    """Headings (a plain str) and rows. `renamed(conversation_id, title)`."""

    renamed = Signal(str, str)

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsEditable if self.row(index.row()) is not None else found

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid() or index.row() >= len(self.flat):
            return None
        row = self.flat[index.row()]
        if role == ROW_ROLE:
            return row
        if isinstance(row, str):
            return row if role in (_DISPLAY, _SPOKEN) else None
        if role in (_DISPLAY, _EDIT):
            return row.title
        if role == _TIP:
            tags = " ".join(f"#{tag}" for tag in row.tags)
            return plain_tip("\n".join(line for line in (row.title, row.snippet, tags, row.when) if line))
        return row.spoken if role == _SPOKEN else None

    def setData(self, index: Index, value: object, role: int = 2) -> bool:
        row = self.row(index.row())
        title = " ".join(str(value).split())
        if row is None or not title or title == row.title:
            return False
        self.renamed.emit(row.conversation_id, title)
        return True


class ExplorerList(RowList, metaclass=QtClass):
    """`opened(row)`, `selected` when other rows are, `more_wanted` near the end, `typed(text)` for the search field."""

    opened = Signal(object)
    selected = Signal()
    more_wanted = Signal()
    typed = Signal(str)
    left_upwards = Signal()
    delete_requested = Signal()
    undo_requested = Signal()
    menu_requested = Signal(QtCore.QPoint)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        self.rows = ExplorerModel()
        self._is_filling = False
        super().__init__(self.rows, shortcuts, parent)
        self.rows.setParent(self)
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        self.customContextMenuRequested.connect(self.menu_requested)
        self.verticalScrollBar().valueChanged.connect(self._look_for_end)

    # ------------------------------------------------------------ rows

    def set_rows(self, rows: Tuple[ExplorerRow, ...], *, from_top: bool = False) -> None:
        """Shows these rows; the selection and the place stay unless `from_top`."""
        if rows == self.rows.shown:
            return
        chosen = {row.id for row in self.chosen()}
        current = self.current()
        top, offset = self._top()
        had_focus = self.hasFocus()
        self._is_filling = True
        self.rows.set_rows(rows)
        self.executeDelayedItemsLayout()  # the scroll bar is to know the new height now
        self._is_filling = False
        if from_top:
            self.scrollToTop()
            self._select(set(), "")
        else:
            if self.selectionModel().hasSelection() is False:
                self._select(chosen, current.id if current is not None else "")
            at = self.rows.row_of(top) if top else -1
            if at >= 0:
                self.verticalScrollBar().setValue(at * self.row_height() - offset)
        if had_focus and not self.currentIndex().isValid():
            self.step(1)
        self.selected.emit()
        self._look_for_end()

    def chosen(self) -> Tuple[ExplorerRow, ...]:
        """The selected rows from the top."""
        places = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return tuple(row for row in map(self.rows.row, places) if row is not None)

    def current(self) -> Optional[ExplorerRow]:
        """The row that has the keyboard."""
        return self.rows.row(self.currentIndex().row())

    def select(self, ids: Sequence[str], current: str = "") -> None:
        """Selects rows by their ids."""
        self._select(set(ids), current)
        self.selected.emit()

    def row_height(self) -> int:
        """The height of every row."""
        return row_height(theme_of(self))

    def step(self, by: int) -> None:
        """Moves to a row further down or up, over headings."""
        at, way = self.currentIndex().row() + by, (1 if by > 0 else -1)
        at = min(max(at, 0), len(self.rows.flat) - 1)
        while 0 <= at < len(self.rows.flat) and self.rows.row(at) is None:
            at += way
        if self.rows.row(at) is not None:
            self.setCurrentIndex(self.rows.index(at))

    def edit_current(self) -> None:
        """Renames in place."""
        if self.current() is not None:
            self.edit(self.currentIndex())

    # ------------------------------------------------------------ Qt

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        key, current = event.key(), self.current()
        held = flag_value(event.modifiers()) & ~flag_value(Qt.KeyboardModifier.ShiftModifier)
        text = event.text()
        if self.is_editing():
            event.accept()
        elif key == Qt.Key.Key_F2:
            self.edit_current()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if current is not None:
                self.opened.emit(current)
        elif key == Qt.Key.Key_Delete:
            self.delete_requested.emit()
        elif event.matches(QtGui.QKeySequence.StandardKey.Undo):
            self.undo_requested.emit()
        elif self._shortcuts.command_of(event) is not None:
            event.ignore()
        elif key == Qt.Key.Key_Up and not held and self._is_first():
            self.left_upwards.emit()
        elif text.strip() and text.isprintable() and not held:
            self.typed.emit(text)
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event_position(event))
        row = self.rows.row(index.row()) if index.isValid() else None
        is_plain = event.button() == Qt.MouseButton.LeftButton and not flag_value(event.modifiers()) & _WITH
        if row is not None and is_plain and len(self.chosen()) <= 1:
            self.opened.emit(row)

    def selectionChanged(self, selected: QtCore.QItemSelection, deselected: QtCore.QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if not self._is_filling:
            self.selected.emit()

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.step(1)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look_for_end()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange:
            self.scheduleDelayedItemsLayout()

    def _select(self, ids: Set[str], current: str) -> None:
        wanted = QtCore.QItemSelection()
        for place, row in enumerate(self.rows.flat):
            if isinstance(row, ExplorerRow) and row.id in ids:
                index = self.rows.index(place)
                wanted.select(index, index)
        model, flag = self.selectionModel(), QtCore.QItemSelectionModel.SelectionFlag
        self._is_filling = True
        at = self.rows.row_of(current) if current else -1
        if at >= 0:
            model.setCurrentIndex(self.rows.index(at), flag.NoUpdate)
        model.select(wanted, flag.ClearAndSelect)
        self._is_filling = False

    def _is_first(self) -> bool:
        at = self.currentIndex().row()
        return not any(self.rows.row(place) is not None for place in range(at))

    def _top(self) -> Tuple[str, int]:
        """The first visible row and how far it stands below the upper edge."""
        value, height = self.verticalScrollBar().value(), self.row_height()
        for place in range(value // height, len(self.rows.flat)):
            row = self.rows.row(place)
            if row is not None:
                return (row.id, place * height - value) if value else ("", 0)
        return "", 0

    def _look_for_end(self) -> None:
        bar = self.verticalScrollBar()
        is_near = bar.maximum() - bar.value() < NEAR_END_ROWS * self.row_height()
        if is_near and not self._is_filling and self.rows.flat:
            self.more_wanted.emit()


class _RowDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """Two lines a row: marks, title, time; who said it, the snippet with what was searched for, tags."""

    def __init__(self, view: ExplorerList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        return QtCore.QSize(0, row_height(theme_of(self._view)))

    def createEditor(
        self, parent: QtWidgets.QWidget, option: QtWidgets.QStyleOptionViewItem, index: Index
    ) -> QtWidgets.QWidget:
        return LineEdit(tr("Title"), parent)

    def updateEditorGeometry(
        self, editor: QtWidgets.QWidget, option: QtWidgets.QStyleOptionViewItem, index: Index
    ) -> None:
        rect = QtCore.QRect(option.rect)  # type: ignore[attr-defined]  # the stubs lack the option's fields
        height = min(editor.sizeHint().height(), rect.height())
        editor.setGeometry(rect.left(), rect.top() + (rect.height() - height) // 2, rect.width(), height)

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        theme, rect, state = theme_of(self._view), QtCore.QRect(option.rect), option.state  # type: ignore[attr-defined]
        row = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if isinstance(row, ExplorerRow):
            hovered = bool(state & QtWidgets.QStyle.StateFlag.State_MouseOver)
            chosen = bool(state & QtWidgets.QStyle.StateFlag.State_Selected)
            if hovered or chosen:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.hover if chosen else theme.raised)
                painter.drawRoundedRect(QtCore.QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
            if index == self._view.currentIndex() and self._view.hasFocus():
                draw_focus_ring(painter, QtCore.QRectF(rect), theme)
            _paint_row(painter, rect.adjusted(theme.space(2), 0, -theme.space(2), 0), row, theme)
        elif row is not None:
            font = scaled_font(theme.small, 1.0)
            font.setWeight(QtGui.QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(theme.dim)
            area = rect.adjusted(theme.space(2), 0, -theme.space(2), -theme.space(1.5))
            painter.drawText(area, _BOTTOM, painter.fontMetrics().elidedText(
                str(row), Qt.TextElideMode.ElideRight, area.width()))
        painter.restore()


def row_height(theme: Theme) -> int:
    """Two lines and their margins."""
    return QtGui.QFontMetrics(theme.body).height() + QtGui.QFontMetrics(theme.small).height() + theme.space(3)


def _paint_row(painter: QtGui.QPainter, area: QtCore.QRect, row: ExplorerRow, theme: Theme) -> None:
    body, small = QtGui.QFontMetrics(theme.body), QtGui.QFontMetrics(theme.small)
    upper = QtCore.QRect(area.left(), area.top() + theme.space(1.5), area.width(), body.height())
    lower = QtCore.QRect(area.left(), upper.bottom() + 1, area.width(), small.height())
    painter.setFont(theme.small)
    painter.setPen(theme.dim)
    painter.drawText(upper, _RIGHT, row.when)
    upper.setRight(upper.right() - small.horizontalAdvance(row.when) - theme.space(2))
    marks = (
        ("clock", theme.busy, row.is_running), ("dot", theme.accent, row.is_unread), ("pin", theme.dim, row.is_pinned),
        ("archive", theme.dim, row.is_archived), ("delete", theme.dim, row.is_deleted),
    )
    for name, color, holds in marks:
        if holds:
            center = QtCore.QPointF(upper.left() + theme.icon_px / 2, upper.center().y() + 1)
            draw_icon(painter, name, color, center, theme=theme, size=round(theme.icon_px * 0.875))
            upper.setLeft(upper.left() + theme.icon_px + theme.space(1))
    font = scaled_font(theme.body, 1.0)
    if row.is_unread:
        font.setWeight(QtGui.QFont.Weight.DemiBold)
    painter.setFont(font)
    painter.setPen(theme.text)
    title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, upper.width())
    painter.drawText(upper, _LEFT, title)
    painter.setFont(theme.small)
    if row.tags:
        words = small.elidedText(" ".join(f"#{tag}" for tag in row.tags), Qt.TextElideMode.ElideRight,
                                 max(0, lower.width() // 3))
        painter.setPen(theme.link)
        painter.drawText(lower, _RIGHT, words)
        lower.setRight(lower.right() - small.horizontalAdvance(words) - theme.space(2))
    if row.speaker:
        words = f"{row.speaker}:"
        painter.setPen(theme.dim)
        painter.drawText(lower, _LEFT, words)
        lower.setLeft(lower.left() + small.horizontalAdvance(words) + theme.space(1))
    text, spans = visible_part(row.snippet, row.highlights, small, lower.width())
    _draw_marked(painter, lower, text, spans, theme)


def visible_part(
    text: str, spans: Sequence[Span], metrics: QtGui.QFontMetrics, width: int
) -> Tuple[str, Tuple[Span, ...]]:
    """As much of a line as fits, begun late enough that the first mark is in sight; the marks moved along."""
    start = 0
    if spans and metrics.horizontalAdvance(text[: spans[0][1]]) > width:
        start = spans[0][0]
        while start > 0 and metrics.horizontalAdvance(f"…{text[start - 1 : spans[0][1]]}") < width * 0.6:
            start -= 1
    lead = "…" if start else ""
    line = metrics.elidedText(lead + text[start:], Qt.TextElideMode.ElideRight, width)
    shift, end = len(lead) - start, len(line.rstrip("…")) if line.endswith("…") else len(line)
    moved = ((first + shift, min(last + shift, end)) for first, last in spans if first >= start)
    return line, tuple((first, last) for first, last in moved if first < last)


def _draw_marked(
    painter: QtGui.QPainter, rect: QtCore.QRect, text: str, spans: Sequence[Span], theme: Theme
) -> None:
    """One line with its marks on a tint of the accent: a ground and weight, so that it is no matter of colour alone."""
    layout = QtGui.QTextLayout(text, theme.small)
    ranges = []
    for first, last in spans:
        one = QtGui.QTextLayout.FormatRange()
        one.start, one.length = first, last - first  # type: ignore[attr-defined]  # the stubs lack the fields
        marked = QtGui.QTextCharFormat()
        marked.setBackground(mix(theme.ground, theme.accent, 0.34))
        marked.setForeground(theme.text)
        one.format = marked  # type: ignore[attr-defined]  # see above
        ranges.append(one)
    if hasattr(layout, "setFormats"):
        layout.setFormats(ranges)
    else:
        layout.setAdditionalFormats(ranges)  # type: ignore[attr-defined]  # its name in Qt 5
    layout.beginLayout()
    line = layout.createLine()
    line.setLineWidth(1 << 16)
    layout.endLayout()
    painter.setPen(theme.dim)
    layout.draw(painter, QtCore.QPointF(rect.left(), rect.top() + (rect.height() - line.height()) / 2))

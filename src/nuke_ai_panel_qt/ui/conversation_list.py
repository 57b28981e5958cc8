"""The conversations by date: open, rename in place, delete. Only visible rows are drawn. Main thread."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .controls import Button, Ground, Hairline, Text, draw_focus_ring, draw_icon
from .grouped_model import GroupedModel
from .line_edit import LineEdit
from .model_list import ROW_ROLE, Index
from .panel_values import ConversationRow
from .row_list import RowList
from .shortcuts import Shortcuts
from .theme import Theme, scaled_font, theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)


class ConversationModel(GroupedModel[ConversationRow], metaclass=QtClass):
    """Headings and conversations, newest first. `renamed(id, title)`."""

    renamed = Signal(str, str)

    def conversation(self, row: int) -> Optional[ConversationRow]:
        """The conversation in a row; None for a heading."""
        return self.row(row)

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid():
            return None
        row = self.entry(index.row())
        if role == ROW_ROLE:
            return row
        if isinstance(row, str):
            return row if role == int(Qt.ItemDataRole.DisplayRole) else None
        if role in (int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.EditRole)):
            return row.title
        if role == int(Qt.ItemDataRole.ToolTipRole):
            return "\n".join(line for line in (row.title, row.snippet, row.when) if line)
        if role == int(Qt.ItemDataRole.AccessibleTextRole):
            marks = ((tr("needs approval"), row.needs_approval), (tr("running"), row.is_running),
                     (tr("unread"), row.is_unread))
            return ", ".join((row.title, row.when, *(word for word, is_so in marks if is_so)))
        return None

    def setData(self, index: Index, value: object, role: int = 2) -> bool:
        row = self.conversation(index.row())
        title = " ".join(str(value).split())
        if row is None or not title or title == row.title:
            return False
        self.renamed.emit(row.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsEditable if self.conversation(index.row()) is not None else found


class ConversationList(Ground, metaclass=QtClass):
    """`opened(id)`, `renamed(id, title)`, `delete_requested(id)`, `new_requested`."""

    opened = Signal(str)
    renamed = Signal(str, str)
    delete_requested = Signal(str)
    new_requested = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.model = ConversationModel(self)
        self.view = _ConversationView(self.model, shortcuts, self)
        self.new = Button(tr("New conversation"), icon="new-chat")
        shortcuts.when_changed(lambda: self.new.set_tip(shortcuts.tip(tr("New conversation"), "new")))
        self.new.set_look(left=True)
        self.new.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        self.empty = Text(tr("Your conversations will stand here."), role="dim", size="small")
        theme = theme_of(self)
        side = theme.space(1.5)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        top, empty, rows = QtWidgets.QHBoxLayout(), QtWidgets.QHBoxLayout(), QtWidgets.QHBoxLayout()
        top.setContentsMargins(side, theme.space(1), side, theme.space(1))  # as high as the panel's header
        top.addWidget(self.new)
        empty.setContentsMargins(side + theme.space(2), theme.space(3), side + theme.space(2), 0)
        empty.addWidget(self.empty)
        rows.setContentsMargins(side, 0, side, side)
        rows.addWidget(self.view)
        box.addLayout(top)
        box.addWidget(Hairline())
        box.addLayout(empty)
        box.addLayout(rows, 1)
        self.new.clicked.connect(self.new_requested)
        self.model.renamed.connect(self.renamed)
        self.view.opened.connect(self.opened)
        self.view.delete_requested.connect(self.delete_requested)

    def set_rows(self, rows: Tuple[ConversationRow, ...], current: Optional[str]) -> None:
        """Shows these conversations with the open one marked."""
        self.model.set_rows(rows)
        self.empty.setVisible(not rows)
        self.view.mark(current)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(62), theme.space(100))


class _ConversationView(RowList, metaclass=QtClass):
    opened = Signal(str)
    delete_requested = Signal(str)

    def __init__(self, model: ConversationModel, shortcuts: Shortcuts, parent: QtWidgets.QWidget) -> None:
        super().__init__(model, shortcuts, parent)
        self._model = model
        self.current_id: Optional[str] = None
        self.setItemDelegate(_ConversationDelegate(self))
        self.setAccessibleName(tr("Conversations"))
        self.customContextMenuRequested.connect(self._show_menu)

    def mark(self, conversation_id: Optional[str]) -> None:
        """The open conversation's row."""
        self.current_id = conversation_id
        row = self._model.row_of(conversation_id) if conversation_id else -1
        if row >= 0 and not self.hasFocus():
            self.setCurrentIndex(self._model.index(row))
        self.viewport().update()

    def rename_current(self) -> None:
        """Edits the selected row's title in place."""
        if self.currentIndex().isValid():
            self.edit(self.currentIndex())

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        row = self._model.conversation(self.currentIndex().row())
        if self.is_editing():
            event.accept()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_current()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row.id)
        elif event.key() == Qt.Key.Key_Delete and row is not None:
            self.delete_requested.emit(row.id)
        elif self._shortcuts.command_of(event) is not None:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        position = event_position(event)
        index = self.indexAt(position)
        row = self._model.conversation(index.row()) if index.isValid() else None
        if row is None:
            return
        if position.x() >= self.viewport().width() - cross_width(theme_of(self)):
            self.delete_requested.emit(row.id)
        else:
            self.opened.emit(row.id)

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        super().leaveEvent(event)
        self.viewport().update()

    def _show_menu(self, position: QtCore.QPoint) -> None:
        index = self.indexAt(position)
        row = self._model.conversation(index.row()) if index.isValid() else None
        if row is None:
            return
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Open")).triggered.connect(lambda: self.opened.emit(row.id))
        menu.addAction(tr("Rename")).triggered.connect(lambda: self.edit(index))
        menu.addAction(tr("Delete")).triggered.connect(lambda: self.delete_requested.emit(row.id))
        menu.popup(self.viewport().mapToGlobal(position))


class _ConversationDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """One line a conversation: mark, title, time; on hover the time gives way to a cross."""

    def __init__(self, view: _ConversationView) -> None:
        super().__init__(view)
        self._view = view
        self._heights: Dict[str, Tuple[int, int]] = {}

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        theme = theme_of(self._view)
        key = theme.body.toString()
        if key not in self._heights:
            small = QtGui.QFontMetrics(theme.small).height()
            self._heights = {key: (small + theme.space(3.5), QtGui.QFontMetrics(theme.body).height() + theme.space(3))}
        return QtCore.QSize(0, self._heights[key][0 if isinstance(index.data(ROW_ROLE), str) else 1])

    def createEditor(
        self, parent: QtWidgets.QWidget, option: QtWidgets.QStyleOptionViewItem, index: Index
    ) -> QtWidgets.QWidget:
        return LineEdit(tr("Title"), parent)

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        # The bindings' stubs lack the fields of the option.
        theme, rect, state = theme_of(self._view), QtCore.QRect(option.rect), option.state  # type: ignore[attr-defined]
        row = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if isinstance(row, ConversationRow):
            hovered = bool(state & QtWidgets.QStyle.StateFlag.State_MouseOver)
            focused = bool(state & QtWidgets.QStyle.StateFlag.State_Selected) and self._view.hasFocus()
            self._paint_conversation(painter, rect, row, theme, hovered=hovered, focused=focused)
        else:
            font = scaled_font(theme.small, 1.0)
            font.setWeight(QtGui.QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(theme.dim)
            painter.drawText(rect.adjusted(theme.space(2), theme.space(2), 0, -theme.space(0.5)), _LEFT, str(row))
        painter.restore()

    def _paint_conversation(
        self, painter: QtGui.QPainter, rect: QtCore.QRect, row: ConversationRow, theme: Theme, *, hovered: bool,
        focused: bool,
    ) -> None:
        if hovered or focused or row.id == self._view.current_id:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.hover if row.id == self._view.current_id else theme.raised)
            painter.drawRoundedRect(QtCore.QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        if focused:
            draw_focus_ring(painter, QtCore.QRectF(rect), theme)
        area = rect.adjusted(theme.space(2), 0, -theme.space(2), 0)
        painter.setFont(theme.small)
        right = cross_width(theme) - theme.space(2) if hovered else painter.fontMetrics().horizontalAdvance(row.when)
        if hovered:
            center = QtCore.QPointF(rect.right() - cross_width(theme) / 2, rect.center().y() + 0.5)
            draw_icon(painter, "delete", theme.dim, center, theme=theme)
        else:
            painter.setPen(theme.dim)
            painter.drawText(area, _RIGHT, row.when)
        title = area.adjusted(0, 0, -right - theme.space(2), 0)
        if row.is_running or row.is_unread or row.needs_approval:
            center = QtCore.QPointF(title.left() + theme.icon_px / 2, rect.center().y() + 0.5)
            mark, color = ("dot", theme.accent) if not row.is_running else ("clock", theme.busy)
            if row.needs_approval:
                mark, color = "warning", theme.warning
            draw_icon(painter, mark, color, center, theme=theme)
            title.setLeft(title.left() + theme.icon_px + theme.space(1))
        font = scaled_font(theme.body, 1.0)
        if row.is_unread:
            font.setWeight(QtGui.QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.text)
        text = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, title.width())
        painter.drawText(title, _LEFT, text)


def cross_width(theme: Theme) -> int:
    """How much of a hovered row's right end deletes it."""
    return theme.icon_px + theme.space(4)

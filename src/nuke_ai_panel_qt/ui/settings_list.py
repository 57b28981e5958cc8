"""The dialog's pages: settings at the top, below them every provider with its true state. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import draw_focus_ring, draw_icon
from .grouped_model import GroupedModel
from .model_list import ROW_ROLE, Index
from .scroll_bar import quiet_scrolling
from .settings_values import ListRow
from .status_chip import STATE_ICONS, state_color, state_word
from .theme import scaled_font, theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)


class SettingsList(QtWidgets.QListView, metaclass=QtClass):
    """`chosen(page id)` when another row becomes current."""

    chosen = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        quiet_scrolling(self)
        self._model = _RowModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_RowDelegate(self))
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(tr("Pages"))
        self.selectionModel().currentChanged.connect(self._moved)

    def set_rows(self, rows: Tuple[ListRow, ...]) -> None:
        """Shows these pages; the current one stays."""
        current = self.current()
        self._model.set_rows(rows)
        if self.current() != current:
            self.choose(current)

    def rows(self) -> Tuple[ListRow, ...]:
        """The pages on show."""
        return self._model.shown

    def current(self) -> str:
        """The id of the current page."""
        row = self._model.row(self.currentIndex().row())
        return row.id if row is not None else ""

    def choose(self, page: str) -> None:
        """Goes to a page, if it is there."""
        number = self._model.row_of(page)
        if number >= 0:
            self.setCurrentIndex(self._model.index(number))

    def _moved(self, current: Index, previous: Index) -> None:
        row = self._model.row(current.row())
        if row is not None:
            self.chosen.emit(row.id)


class _RowModel(GroupedModel[ListRow], metaclass=QtClass):
    """Pages under headings."""

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid():
            return None
        row = self.entry(index.row())
        if role == ROW_ROLE:
            return row
        if isinstance(row, str):
            return row if role == int(Qt.ItemDataRole.DisplayRole) else None
        if role == int(Qt.ItemDataRole.DisplayRole):
            return row.title
        if role == int(Qt.ItemDataRole.AccessibleTextRole):
            return row.title if row.icon else f"{row.title}, {state_word(row.state) if row.is_on else tr('off')}"
        if role == int(Qt.ItemDataRole.ToolTipRole) and not row.icon:
            return f"{row.title}: {state_word(row.state) if row.is_on else tr('off')}"
        return None


class _RowDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """Draws headings and pages."""

    def __init__(self, view: SettingsList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        theme = theme_of(self._view)
        is_heading = isinstance(index.data(ROW_ROLE), str)
        return QtCore.QSize(theme.space(20), theme.space(9) if is_heading else theme.space(7))

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        theme = theme_of(self._view)
        row = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        option_rect: QtCore.QRect = option.rect  # type: ignore[attr-defined]  # the stubs forget the members
        rect = QtCore.QRectF(option_rect)
        inset = theme.space(2)
        if isinstance(row, str):
            painter.setFont(theme.small)
            painter.setPen(theme.dim)
            painter.drawText(rect.adjusted(inset, theme.space(2), -inset, 0), _LEFT, row)
            painter.restore()
            return
        is_current = index.row() == self._view.currentIndex().row()
        state: int = flag_value(option.state)  # type: ignore[attr-defined]  # the stubs forget the members
        hovered = bool(state & flag_value(QtWidgets.QStyle.StateFlag.State_MouseOver))
        if is_current or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.hover if is_current else theme.raised)
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), theme.radius, theme.radius)
        if is_current and self._view.hasFocus():
            draw_focus_ring(painter, rect.adjusted(1, 1, -1, -1), theme)
        color = state_color(row.state, theme) if not row.icon and row.is_on else theme.dim
        name = row.icon or (STATE_ICONS[row.state] if row.is_on else "ring")
        side = theme.icon_px
        draw_icon(painter, name, color, QtCore.QPointF(rect.left() + inset + side / 2, rect.center().y()), theme=theme)
        words = rect.adjusted(inset + side + theme.space(2), 0, -inset, 0)
        if not row.is_on:
            painter.setFont(theme.small)
            painter.setPen(theme.dim)
            painter.drawText(words, _RIGHT, tr("off"))
            taken = QtGui.QFontMetrics(theme.small).horizontalAdvance(tr("off"))
            words.setRight(words.right() - taken - theme.space(2))
        font = scaled_font(theme.body, 1.0)
        painter.setFont(font)
        painter.setPen(theme.text if row.is_on else theme.dim)
        title = QtGui.QFontMetrics(font).elidedText(row.title, Qt.TextElideMode.ElideRight, int(words.width()))
        painter.drawText(words, _LEFT, title)
        painter.restore()

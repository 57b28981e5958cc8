"""The ledger over the panel: what left this machine, request by request, and what it adds up to. Main thread.

Knows values and signals only. Three lines of sums stand above the list; the list shows days as headings and draws no
row that is out of sight, so that a year of requests opens as fast as a day.
"""

from __future__ import annotations

from typing import List, Optional, Tuple, Union

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import Text, draw_icon
from .line_edit import LineEdit
from .panel_values import LedgerPage, LedgerRow
from .scroll_bar import quiet_scrolling
from .sheets import Sheet
from .shortcuts import Shortcuts
from .theme import Theme, scaled_font, theme_of

Qt = QtCore.Qt
Index = Union[QtCore.QModelIndex, QtCore.QPersistentModelIndex]

ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_PLACE_ICONS = {"machine": "local", "house": "node", "cloud": "link"}
FILTER_AFTER_MS = 120


class LedgerView(Sheet, metaclass=QtClass):
    """`conversation_requested(id)` when a row is opened."""

    conversation_requested = Signal(str)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("What left this machine"), parent, scrolls=False)
        self._page = LedgerPage()
        self.summary = Text("", size="small")
        self.budget = Text("", role="dim", size="small")
        self.query = LineEdit(tr("Provider, model or address"), icon="search")
        self.query.set_shortcuts(shortcuts)
        self.view = QtWidgets.QListView()
        quiet_scrolling(self.view)
        self._model = _Rows(self)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_RowDelegate(self.view))
        self.view.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.view.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setUniformItemSizes(False)
        self.view.viewport().setAutoFillBackground(False)
        self.view.setAccessibleName(tr("Requests"))
        self.note = Text("", role="dim", size="small")
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FILTER_AFTER_MS)
        for part in (self.summary, self.budget, self.query):
            self.body.addWidget(part)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.note)
        self.query.textChanged.connect(self._wait)
        self._timer.timeout.connect(self._filter)
        self.view.activated.connect(self._opened)

    def set_page(self, page: LedgerPage) -> None:
        """Shows these requests; the words in the filter stay."""
        self._page = page
        self.summary.set_text(page.summary or tr("Reading …"))
        self.budget.set_text(page.budget, "warning" if page.is_warning else "dim")
        self.budget.setVisible(bool(page.budget))
        self._filter()

    def rows(self) -> Tuple[LedgerRow, ...]:
        """The requests on show."""
        return tuple(row for row in self._model.flat if isinstance(row, LedgerRow))

    def _wait(self) -> None:
        self._timer.start()

    def _filter(self) -> None:
        self._timer.stop()
        words = self.query.text().lower().split()
        found = [row for row in self._page.rows if all(word in row.searched for word in words)]
        self._model.set_rows(found)
        self.view.setVisible(bool(found))
        nothing = tr("No request fits these words.") if words else self._page.empty
        self.note.set_text(self._page.note if found else nothing)
        self.note.setVisible(bool(self.note.text()))

    def _opened(self, index: Index) -> None:
        row = index.data(ROW_ROLE)
        if isinstance(row, LedgerRow) and row.conversation_id:
            self.conversation_requested.emit(row.conversation_id)


class _Rows(QtCore.QAbstractListModel, metaclass=QtClass):
    """Days (a plain str) and requests in one list."""

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self.flat: List[Union[str, LedgerRow]] = []

    def set_rows(self, rows: List[LedgerRow]) -> None:
        self.beginResetModel()
        self.flat, day = [], ""
        for row in rows:
            if row.day != day:
                day = row.day
                self.flat.append(day)
            self.flat.append(row)
        self.endResetModel()

    def rowCount(self, parent: Index = QtCore.QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.flat)

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid():
            return None
        row = self.flat[index.row()]
        if role == ROW_ROLE:
            return row
        if isinstance(row, str):
            return row if role == int(Qt.ItemDataRole.DisplayRole) else None
        if role in (int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole)):
            return f"{row.time}, {row.title}, {row.facts}, {row.cost}"
        return row.tip if role == int(Qt.ItemDataRole.ToolTipRole) else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if index.isValid() and isinstance(self.flat[index.row()], LedgerRow):
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return Qt.ItemFlag.NoItemFlags


class _RowDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """Draws a day as a heading, a request as two lines: what and what it cost, where it went and how it ended."""

    def __init__(self, view: QtWidgets.QListView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        theme = theme_of(self._view)
        line = QtGui.QFontMetrics(theme.body).height()
        if isinstance(index.data(ROW_ROLE), str):
            return QtCore.QSize(theme.space(20), line + theme.space(4))
        return QtCore.QSize(theme.space(20), line + QtGui.QFontMetrics(theme.small).height() + theme.space(2.5))

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        theme = theme_of(self._view)
        row = index.data(ROW_ROLE)
        rect = QtCore.QRect(option.rect)  # type: ignore[attr-defined]  # the stubs forget the members
        state = option.state  # type: ignore[attr-defined]  # see above
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if isinstance(row, str):
            painter.setFont(theme.small)
            painter.setPen(theme.dim)
            painter.drawText(rect.adjusted(0, theme.space(2), 0, 0), _LEFT, row)
            painter.setPen(theme.hairline)
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        elif isinstance(row, LedgerRow):
            if state & QtWidgets.QStyle.StateFlag.State_Selected:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.raised)
                painter.drawRoundedRect(QtCore.QRectF(rect), theme.radius, theme.radius)
            self._draw(painter, rect, row, theme)
        painter.restore()

    def _draw(self, painter: QtGui.QPainter, rect: QtCore.QRect, row: LedgerRow, theme: Theme) -> None:
        body, small = QtGui.QFontMetrics(theme.body), QtGui.QFontMetrics(theme.small)
        color = theme.warning if row.is_outside else theme.dim
        top = rect.adjusted(0, theme.space(1), 0, 0)
        top.setHeight(body.height())
        center = QtCore.QPointF(rect.left() + theme.icon_px / 2, top.center().y())
        draw_icon(painter, _PLACE_ICONS[row.place], color, center, theme=theme)
        left = rect.left() + theme.icon_px + theme.space(2)
        painter.setFont(theme.body)
        painter.setPen(theme.text)
        cost = body.horizontalAdvance(row.cost) + 2
        painter.drawText(QtCore.QRect(rect.right() - cost, top.top(), cost, top.height()), _RIGHT, row.cost)
        words = QtCore.QRect(left, top.top(), max(0, rect.right() - cost - theme.space(2) - left), top.height())
        painter.drawText(words, _LEFT, body.elidedText(row.title, Qt.TextElideMode.ElideMiddle, words.width()))
        painter.setFont(scaled_font(theme.small, 1.0))
        below = QtCore.QRect(left, top.bottom() + 1, rect.right() - left, small.height())
        time_px = small.horizontalAdvance(row.time) + 2
        painter.setPen(theme.error if row.is_failed else theme.dim)
        room = max(0, below.width() - time_px - theme.space(2))
        facts = QtCore.QRect(below.left(), below.top(), room, below.height())
        painter.drawText(facts, _LEFT, small.elidedText(row.facts, Qt.TextElideMode.ElideRight, facts.width()))
        painter.setPen(theme.dim)
        painter.drawText(below, _RIGHT, row.time)

"""The rows of a run that have their end: as many as are shown, the failed ones alone, one of them in full. Main thread.

All rows are of one height. New ones are added below without touching what is read; a row that was asked again changes
in its place.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .batch_values import ResultRow
from .controls import Button, Text, draw_focus_ring, draw_icon
from .model_list import ROW_ROLE, Index
from .path_names import below, common_folder, shortened
from .row_list import RowList
from .safe_text import plain_tip
from .scroll_bar import quiet_scrolling
from .shortcuts import Shortcuts
from .theme import Theme, theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
TITLE_ROLE = ROW_ROLE + 1
# In a short pane the list and the row that is read share what there is, down to so many lines each.
DETAIL_LINES, LEAST_LINES = 8, 4


class ResultModel(QtCore.QAbstractListModel, metaclass=QtClass):
    """Rows in the order in which they ended."""

    def __init__(self, parent: Optional[QtCore.QObject] = None) -> None:
        super().__init__(parent)
        self.shown: List[ResultRow] = []
        self._all: List[ResultRow] = []
        self._places: Dict[str, int] = {}
        self._folder: Optional[str] = None
        self.only_failed = False

    def clear(self) -> None:
        """Another run."""
        self.beginResetModel()
        self.shown, self._all, self._places, self._folder = [], [], {}, None
        self.endResetModel()

    def add(self, rows: Tuple[ResultRow, ...]) -> None:
        """These have their end now; a row of an id that is there takes its place."""
        fresh: List[ResultRow] = []
        is_changed = False
        for row in rows:
            at = self._places.get(row.id)
            if at is None:
                self._places[row.id] = len(self._all)
                self._all.append(row)
                fresh.append(row)
            elif self._all[at] != row:
                self._all[at] = row
                is_changed = True
        folder, self._folder = self._folder, common_folder([row.id for row in fresh], self._folder)
        if is_changed:
            self.filter(only_failed=self.only_failed)
            return
        if self._folder != folder and self.shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.shown) - 1, 0))
        fresh = [row for row in fresh if not self.only_failed or row.status == "failed"]
        if fresh:
            self.beginInsertRows(QtCore.QModelIndex(), len(self.shown), len(self.shown) + len(fresh) - 1)
            self.shown += fresh
            self.endInsertRows()

    def title_of(self, row: ResultRow) -> str:
        """A row's name below the folder that all rows share."""
        return below(row.title, self._folder)

    def filter(self, *, only_failed: bool) -> None:
        """All, or those without an answer."""
        self.beginResetModel()
        self.only_failed = only_failed
        self.shown = [row for row in self._all if not only_failed or row.status == "failed"]
        self.endResetModel()

    def rowCount(self, parent: Index = QtCore.QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid() or index.row() >= len(self.shown):
            return None
        row = self.shown[index.row()]
        if role == ROW_ROLE:
            return row
        if role == TITLE_ROLE:
            return self.title_of(row)
        if role in (int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole)):
            state = tr("answered") if row.status == "done" else tr("failed")
            return f"{self.title_of(row)}, {state}: {row.text}"
        return plain_tip(f"{row.id}\n{row.facts}") if role == int(Qt.ItemDataRole.ToolTipRole) else None


class ResultDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """Two lines: which row and what it took, the beginning of the answer."""

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        theme = theme_of(self._view())
        body, small = QtGui.QFontMetrics(theme.body).height(), QtGui.QFontMetrics(theme.small).height()
        return QtCore.QSize(theme.space(20), body + small + theme.space(2.5))

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        row = index.data(ROW_ROLE)
        if not isinstance(row, ResultRow):
            return
        view = self._view()
        theme = theme_of(view)
        rect = QtCore.QRect(option.rect)  # type: ignore[attr-defined]  # the stubs forget the members
        state = option.state  # type: ignore[attr-defined]  # see above
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        is_selected = bool(state & QtWidgets.QStyle.StateFlag.State_Selected)
        if is_selected or state & QtWidgets.QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.hover if is_selected else theme.raised)
            painter.drawRoundedRect(QtCore.QRectF(rect), theme.radius, theme.radius)
        self._draw(painter, rect, row, str(index.data(TITLE_ROLE)), theme=theme)
        if is_selected and view.hasFocus():
            draw_focus_ring(painter, QtCore.QRectF(rect), theme)
        painter.restore()

    def _draw(
        self, painter: QtGui.QPainter, rect: QtCore.QRect, row: ResultRow, title: str, *, theme: Theme
    ) -> None:
        body, small = QtGui.QFontMetrics(theme.body), QtGui.QFontMetrics(theme.small)
        pad, icon = theme.space(1.5), theme.icon_px
        top = QtCore.QRect(rect.left() + pad, rect.top() + theme.space(1), rect.width() - 2 * pad, body.height())
        is_done = row.status == "done"
        center = QtCore.QPointF(top.left() + icon / 2, top.center().y() + 1)
        draw_icon(painter, "check" if is_done else "error", theme.connected if is_done else theme.error, center,
                  theme=theme)
        left = top.left() + icon + theme.space(2)
        painter.setFont(theme.small)
        painter.setPen(theme.dim)
        facts_px = min(small.horizontalAdvance(row.facts) + 2, top.width() // 2)
        facts = QtCore.QRect(top.right() - facts_px, top.top(), facts_px, top.height())
        painter.drawText(facts, _RIGHT, small.elidedText(row.facts, Qt.TextElideMode.ElideRight, facts_px))
        painter.setFont(theme.body)
        painter.setPen(theme.text)
        room = max(0, facts.left() - theme.space(2) - left)
        words = shortened(title, lambda shown: body.horizontalAdvance(shown) <= room)
        words = body.elidedText(words, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QtCore.QRect(left, top.top(), room, top.height()), _LEFT, words)
        painter.setFont(theme.small)
        painter.setPen(theme.dim if is_done else theme.error)
        below = QtCore.QRect(left, top.bottom() + theme.space(0.5), max(0, top.right() - left), small.height())
        text = " ".join(row.text.split())
        painter.drawText(below, _LEFT, small.elidedText(text, Qt.TextElideMode.ElideRight, below.width()))

    def _view(self) -> QtWidgets.QWidget:
        parent = self.parent()
        assert isinstance(parent, QtWidgets.QWidget), "a delegate belongs to its view"
        return parent


class ResultsView(QtWidgets.QWidget, metaclass=QtClass):
    """The list, and the chosen row in full below it. `opened(row)`: to its node; `read_wanted(row)`: all of it."""

    opened = Signal(object)
    read_wanted = Signal(object)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self.model = ResultModel(self)
        self.all = Button(tr("All"))
        self.failed = Button(tr("Failed"))
        for button in (self.all, self.failed):
            button.setCheckable(True)
            button.set_look(dim=True)
        self.all.setChecked(True)
        self.list = RowList(self.model, shortcuts)
        self.list.setItemDelegate(ResultDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName(tr("Rows that have their end"))
        self.title = Text("", elide=True)
        self.place = Text("", role="dim", size="small")
        self.go = Button(tr("Go to the node"), icon="node", kind="outline", tip=tr("Select it and bring it into view"))
        self.copy = Button(icon="copy", tip=tr("Copy the answer"))
        self.detail = QtWidgets.QPlainTextEdit()
        quiet_scrolling(self.detail)
        self.detail.setReadOnly(True)
        self.detail.setTabChangesFocus(True)
        self.detail.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.detail.document().setDocumentMargin(theme.space(2))
        self._below = QtWidgets.QWidget()
        self._build(theme)
        self._connect()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.FontChange, QtCore.QEvent.Type.PaletteChange):
            self._apply_theme()

    def clear(self) -> None:
        """Another run."""
        self.model.clear()
        self.show_only(failed=False)

    def add(self, rows: Tuple[ResultRow, ...]) -> None:
        """These rows ended."""
        current = self.current()
        self.model.add(rows)
        if current is not None and self.current() is None:  # all of them were shown anew
            self.choose(current.id)

    def show_only(self, *, failed: bool) -> None:
        """All rows, or those without an answer."""
        self.all.setChecked(not failed)
        self.failed.setChecked(failed)
        if failed != self.model.only_failed:
            self.model.filter(only_failed=failed)

    def set_failed(self, count: int) -> None:
        """How many have no answer."""
        self.failed.setText(tr("Failed ({number})", number=f"{count:,}") if count else tr("Failed"))
        self.failed.setAccessibleName(self.failed.text())
        self.failed.updateGeometry()

    def current(self) -> Optional[ResultRow]:
        """The row that is read."""
        found = self.list.currentIndex().data(ROW_ROLE)
        return found if isinstance(found, ResultRow) else None

    def choose(self, row_id: str) -> None:
        """Reads a row."""
        at = next((at for at, row in enumerate(self.model.shown) if row.id == row_id), -1)
        if at >= 0:
            self.list.setCurrentIndex(self.model.index(at, 0))

    def show_text(self, row_id: str, text: str) -> None:
        """The whole text of the row that is read, if it still is."""
        row = self.current()
        if row is not None and row.id == row_id:
            self.detail.setPlainText(text)

    def _build(self, theme: Theme) -> None:
        filters = QtWidgets.QHBoxLayout()
        filters.setContentsMargins(0, 0, 0, 0)
        filters.setSpacing(theme.space(0.5))
        filters.addWidget(self.all)
        filters.addWidget(self.failed)
        filters.addStretch(1)
        head = QtWidgets.QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(theme.space(1))
        head.addWidget(self.title, 1)
        head.addWidget(self.copy)
        head.addWidget(self.go)
        below = QtWidgets.QVBoxLayout(self._below)
        below.setContentsMargins(0, theme.space(1), 0, 0)
        below.setSpacing(theme.space(1))
        below.addLayout(head)
        below.addWidget(self.place)
        below.addWidget(self.detail)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme.space(1))
        box.addLayout(filters)
        box.addWidget(self.list, 1)
        box.addWidget(self._below)
        self._below.hide()

    def _connect(self) -> None:
        self.all.clicked.connect(lambda: self.show_only(failed=False))
        self.failed.clicked.connect(lambda: self.show_only(failed=True))
        self.list.selectionModel().currentChanged.connect(lambda *_: self._show_current())
        self.model.modelReset.connect(self._show_current)
        self.model.dataChanged.connect(lambda *_: self._name_current())
        self.list.activated.connect(lambda _: self._open())
        self.go.clicked.connect(self._open)
        self.copy.clicked.connect(lambda: QtGui.QGuiApplication.clipboard().setText(self.detail.toPlainText()))

    def _show_current(self) -> None:
        row = self.current()
        self._below.setVisible(row is not None)
        if row is None:
            return
        self._apply_theme()
        self._name_current()
        self.detail.setPlainText(row.text)
        self.detail.setAccessibleName(tr("Answer for {title}", title=row.title))
        self.go.setVisible(bool(row.node))
        if row.is_cut:
            self.read_wanted.emit(row)

    def _name_current(self) -> None:
        row = self.current()
        if row is not None:
            title = self.model.title_of(row)
            self.title.set_text(title)
            self.place.set_text(row.id)
            self.place.setVisible(row.id != title)

    def _apply_theme(self) -> None:
        theme = theme_of(self)
        palette = QtGui.QPalette()
        palette.setColor(QtGui.QPalette.ColorRole.Base, theme.code_ground)
        palette.setColor(QtGui.QPalette.ColorRole.Text, theme.text)
        self.detail.setPalette(palette)
        line = QtGui.QFontMetrics(self.font()).lineSpacing()
        self.detail.setMinimumHeight(line * LEAST_LINES)
        self.detail.setMaximumHeight(line * DETAIL_LINES)
        self.list.setMinimumHeight(line * LEAST_LINES)

    def _open(self) -> None:
        row = self.current()
        if row is not None and row.node:
            self.opened.emit(row)

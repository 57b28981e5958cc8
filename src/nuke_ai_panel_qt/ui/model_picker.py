"""Choosing a model: type to filter, arrows and Enter to choose, a star to keep it near. Main thread.

Opens on what is known now and never waits for a network: ages and reasons stand in the headings.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .controls import Button, Ground, Text, draw_icon
from .line_edit import LineEdit
from .model_list import ROW_ROLE, Index, ModelFilter, ModelList
from .model_menu import ModelMenu
from .panel_values import ModelEntry, ModelKey, ModelSection
from .scroll_bar import quiet_scrolling
from .shortcuts import Shortcuts
from .theme import Theme, scaled_font, theme_of

Qt = QtCore.Qt
HEIGHT_STEPS = 110


class ModelPicker(Ground, metaclass=QtClass):
    """`chosen(provider, id)`, `starred(provider, id)`, `refresh_requested`, `menu_requested(provider, id, place)`.

    The list itself is shared; `menu` shows what the presenter says can be done with one model.
    """

    chosen = Signal(str, str)
    starred = Signal(str, str)
    refresh_requested = Signal()
    menu_requested = Signal(str, str, object)

    def __init__(self, models: ModelList, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent, raised=True)
        self._providers: Tuple[Tuple[str, str], ...] = ()
        self._current: Optional[ModelKey] = None
        self._shortcuts = shortcuts
        self.filter = ModelFilter(models, self)
        self.query = _Query(shortcuts, self)
        self.refresh = Button(icon="retry", tip=tr("Ask every provider for its models again"))
        self.list = _ModelView(self.filter, self)
        self.empty = Text("", role="dim", size="small")
        self.free_text = Button("", icon="plus")
        self.menu = ModelMenu(self)
        self._build()
        self.query.textChanged.connect(self._filter_changed)
        self.query.returnPressed.connect(self._choose_current)
        self.query.arrow_pressed.connect(self._move)
        self.query.star_pressed.connect(self._star_current)
        self.query.menu_pressed.connect(self._open_menu_of_current)
        self.list.menu_wanted.connect(self._open_menu)
        self.list.picked.connect(self._pick)
        self.list.starred.connect(self.starred)
        self.refresh.clicked.connect(self.refresh_requested)
        self.free_text.clicked.connect(self._choose_free_text)
        models.modelReset.connect(self._models_changed)

    def set_providers(self, providers: Tuple[Tuple[str, str], ...]) -> None:
        """(name, title) of every provider: where a typed id may go."""
        self._providers = providers

    def open(self, current: Optional[ModelKey]) -> None:
        """Starts afresh with the current model selected."""
        self._current = current
        self.list.delegate.current = current
        self.query.clear()
        self._filter_changed("")
        self._select_key(current)
        self.query.setFocus(Qt.FocusReason.PopupFocusReason)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(100), theme.space(HEIGHT_STEPS))

    def _build(self) -> None:
        theme = theme_of(self)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(theme.space(2), theme.space(2), theme.space(2), theme.space(2))
        box.setSpacing(theme.space(1.5))
        top = QtWidgets.QHBoxLayout()
        top.setSpacing(theme.space(1))
        top.addWidget(self.query, 1)
        top.addWidget(self.refresh)
        self.free_text.set_look(left=True)
        self.free_text.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        self.free_text.hide()
        self.empty.hide()
        box.addLayout(top)
        box.addWidget(self.free_text)
        empty = QtWidgets.QHBoxLayout()
        empty.setContentsMargins(theme.space(2), 0, theme.space(2), 0)
        empty.addWidget(self.empty)
        box.addLayout(empty)
        box.addWidget(self.list, 1)

    def _filter_changed(self, query: str) -> None:
        self.filter.set_query(query)
        typed = query.strip()
        target = self._free_text_target(typed)
        self.free_text.setVisible(bool(target))
        if target:
            self.free_text.setText(tr("Use “{target}” from {target2}", target=target[2], target2=target[1]))
            self.free_text.updateGeometry()
        self._say_empty()
        self._select_first()

    def _models_changed(self) -> None:
        self._say_empty()
        if self.isVisible():
            self._select_key(None if self.query.text() else self._current)

    def _say_empty(self) -> None:
        nothing = self.filter.count() == 0
        self.empty.setVisible(nothing)
        if nothing:
            self.empty.set_text(
                tr("No model matches. Fewer letters find more.") if self.query.text().strip()
                else tr("No models are known yet. Refresh asks every provider; a typed id works too.")
            )

    def _free_text_target(self, typed: str) -> Optional[Tuple[str, str, str]]:
        """(provider, title, id) of what was typed, when no list has it: `provider: id`, or an id alone."""
        if not typed or " " in typed.replace(": ", ":", 1):
            return None
        titles = dict(self._providers)
        head, colon, tail = typed.partition(":")
        if colon and head.strip().lower() in titles and tail.strip():
            provider, model = head.strip().lower(), tail.strip()
        else:
            provider, model = (self._current[0] if self._current else next(iter(titles), "")), typed
        listed = any(
            entry is not None and entry.key == (provider, model)
            for entry in (self.filter.entry(row) for row in range(self.filter.rowCount()))
        )
        return None if listed or provider not in titles else (provider, titles[provider], model)

    def _choose_free_text(self) -> None:
        target = self._free_text_target(self.query.text().strip())
        if target:
            self.chosen.emit(target[0], target[2])

    def _choose_current(self) -> None:
        entry = self.filter.entry(self.list.currentIndex().row()) if self.list.currentIndex().isValid() else None
        if entry is not None:
            self._pick(entry)
        else:
            self._choose_free_text()

    def _pick(self, entry: ModelEntry) -> None:
        if entry.reason:
            self.empty.set_text(entry.reason, "warning")
            self.empty.show()
            return
        self.chosen.emit(entry.provider, entry.id)

    def _star_current(self) -> None:
        entry = self.filter.entry(self.list.currentIndex().row()) if self.list.currentIndex().isValid() else None
        if entry is not None:
            self.starred.emit(entry.provider, entry.id)

    def _open_menu_of_current(self) -> None:
        index = self.list.currentIndex()
        entry = self.filter.entry(index.row()) if index.isValid() else None
        if entry is not None:
            self._open_menu(entry, self.list.viewport().mapToGlobal(self.list.visualRect(index).bottomLeft()))

    def _open_menu(self, entry: ModelEntry, place: QtCore.QPoint) -> None:
        self.menu_requested.emit(entry.provider, entry.id, place)

    def _move(self, step: int) -> None:
        row = self.list.currentIndex().row()
        direction = 1 if step > 0 else -1
        left = abs(step)
        target = row
        while left and 0 <= row + direction < self.filter.rowCount():
            row += direction
            if self.filter.entry(row) is not None:
                target, left = row, left - 1
        self._select(target)

    def _select_first(self) -> None:
        for row in range(self.filter.rowCount()):
            if self.filter.entry(row) is not None:
                self._select(row)
                self.list.scrollToTop()
                return

    def _select_key(self, key: Optional[ModelKey]) -> None:
        for row in range(self.filter.rowCount()):
            entry = self.filter.entry(row)
            if entry is not None and entry.key == key:
                self._select(row)
                return
        self._select_first()

    def _select(self, row: int) -> None:
        index = self.filter.index(row, 0)
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)


class _Query(LineEdit, metaclass=QtClass):
    """The filter; Ctrl+D stars the selected model, Ctrl+M or the menu key opens its menu, the panel's own pass on."""

    star_pressed = Signal()
    menu_pressed = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: QtWidgets.QWidget) -> None:
        super().__init__(tr("Filter models, or type an id"), parent, icon="search")
        self.set_shortcuts(shortcuts)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        control = flag_value(event.modifiers()) & flag_value(Qt.KeyboardModifier.ControlModifier)
        if event.key() == Qt.Key.Key_D and control:
            self.star_pressed.emit()
            return
        if event.key() == Qt.Key.Key_Menu or (event.key() == Qt.Key.Key_M and control):
            self.menu_pressed.emit()
            return
        super().keyPressEvent(event)


class _ModelView(QtWidgets.QListView, metaclass=QtClass):
    picked = Signal(object)
    starred = Signal(str, str)
    menu_wanted = Signal(object, object)

    def __init__(self, models: ModelFilter, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._filter = models
        self.delegate = _ModelDelegate(self)
        quiet_scrolling(self)
        self.setModel(models)
        self.setItemDelegate(self.delegate)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setUniformItemSizes(False)
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName(tr("Models"))

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        position = event_position(event)
        index = self.indexAt(position)
        entry = self._filter.entry(index.row()) if index.isValid() else None
        if entry is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if position.x() >= self.viewport().width() - star_width(theme_of(self)):
            self.starred.emit(entry.provider, entry.id)
        else:
            self.picked.emit(entry)


    def contextMenuEvent(self, event: QtGui.QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        entry = self._filter.entry(index.row()) if index.isValid() else None
        if entry is not None:
            self.setCurrentIndex(index)
            self.menu_wanted.emit(entry, event.globalPos())
        event.accept()


class _ModelDelegate(QtWidgets.QStyledItemDelegate, metaclass=QtClass):
    """Two lines a model: its name, then provider, what it can do and what it costs. A star at the right."""

    def __init__(self, view: QtWidgets.QListView) -> None:
        super().__init__(view)
        self._view = view
        self.current: Optional[ModelKey] = None
        self._heights: Dict[bool, int] = {}
        self._heights_for = ""

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: Index) -> QtCore.QSize:
        theme = theme_of(self._view)
        if self._heights_for != theme.body.toString():
            self._heights_for = theme.body.toString()
            line, small = QtGui.QFontMetrics(theme.body).height(), QtGui.QFontMetrics(theme.small).height()
            self._heights = {True: small + theme.space(3.5), False: line + small + theme.space(2.5)}
        is_heading = isinstance(index.data(ROW_ROLE), ModelSection)
        return QtCore.QSize(0, self._heights[is_heading])

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: Index) -> None:
        # The bindings' stubs lack the fields of the option.
        theme, rect, state = theme_of(self._view), QtCore.QRect(option.rect), option.state  # type: ignore[attr-defined]
        row = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if isinstance(row, ModelSection):
            self._paint_heading(painter, rect, row, theme)
        else:
            selected = bool(state & QtWidgets.QStyle.StateFlag.State_Selected)
            self._paint_model(painter, rect, row, theme, selected=selected)
        painter.restore()

    def _paint_heading(self, painter: QtGui.QPainter, rect: QtCore.QRect, row: ModelSection, theme: Theme) -> None:
        area = rect.adjusted(theme.space(2), theme.space(2), -theme.space(2), -theme.space(0.5))
        font = scaled_font(theme.small, 1.0)
        font.setWeight(QtGui.QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.dim)
        painter.drawText(area, _LEFT, row.title)
        if row.note:
            taken = painter.fontMetrics().horizontalAdvance(row.title) + theme.space(3)
            painter.setFont(theme.small)
            note = painter.fontMetrics().elidedText(row.note, Qt.TextElideMode.ElideRight, area.width() - taken)
            painter.drawText(area, _RIGHT, note)

    def _paint_model(
        self, painter: QtGui.QPainter, rect: QtCore.QRect, row: ModelEntry, theme: Theme, *, selected: bool
    ) -> None:
        if selected:
            painter.setPen(QtGui.QPen(theme.accent, 1.5))
            painter.setBrush(theme.hover)
            painter.drawRoundedRect(QtCore.QRectF(rect).adjusted(1, 1, -1, -1), theme.radius, theme.radius)
        area = rect.adjusted(theme.space(2), theme.space(1.25), -star_width(theme), -theme.space(1.25))
        line = QtGui.QFontMetrics(theme.body).height()
        top = QtCore.QRect(area.left(), area.top(), area.width(), line)
        x = area.left()
        if row.key == self.current:
            center = QtCore.QPointF(x + theme.icon_px / 2, top.center().y() + 0.5)
            draw_icon(painter, "check", theme.accent, center, theme=theme)
            top.setLeft(x + theme.icon_px + theme.space(1))
        painter.setFont(theme.body)
        painter.setPen(theme.faint if row.reason else theme.text)
        # Ids differ at their ends, titles at their beginnings.
        cut = Qt.TextElideMode.ElideRight if row.name else Qt.TextElideMode.ElideMiddle
        name = painter.fontMetrics().elidedText(row.name or row.id, cut, top.width())
        painter.drawText(top, _LEFT, name)
        painter.setFont(theme.small)
        painter.setPen(theme.faint if row.reason else theme.dim)
        words = row.reason or " · ".join(part for part in (row.provider_title, row.price, *row.badges) if part)
        bottom = QtCore.QRect(area.left(), area.bottom() + 1 - painter.fontMetrics().height(), area.width(), 0)
        bottom.setHeight(painter.fontMetrics().height())
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(bottom, _LEFT, words)
        star = QtCore.QPointF(rect.right() - star_width(theme) / 2, rect.center().y() + 0.5)
        color = theme.accent if row.is_favourite else (theme.dim if selected else theme.faint)
        draw_icon(painter, "star-filled" if row.is_favourite else "star", color, star, theme=theme)


def star_width(theme: Theme) -> int:
    """How much of a row's right end belongs to its star."""
    return theme.icon_px + theme.space(4)


_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)

"""The scroll area under the transcript: rows, pooled message views, anchor and following. Main thread.

Rows are data with a height each (measured, or estimated until it was on the screen); message views are taken from a
pool for the visible rows and a little beyond. Every layout starts from an anchor, a place in a message, so that
resizing, fonts and heights that turn out differently never move what is being read. At the end it follows new text;
only the artist's own scrolling changes that, never a scroll of ours.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, is_valid
from .controls import Button
from .heights import Heights
from .message_body import Place
from .message_view import MessageView
from .scroll_bar import quiet_scrolling
from .theme import Theme, theme_of
from .transcript_find import Finder
from .transcript_rows import Rows, estimates
from .values import MessageItem

Qt = QtCore.Qt

END_PX = 24
OVERSCAN_PX = 240
POOL_VIEWS = 12
IDLE_MS = 60
MAX_PASSES = 8
BOTTOM_STEPS = 3

Anchor = Tuple[str, Place]


class TranscriptView(QtWidgets.QAbstractScrollArea, metaclass=QtClass):
    """Lays out, scrolls and follows; what is in the rows is its subclass's business."""

    action = Signal(str, str, object)
    following_changed = Signal(bool)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._rows = Rows()
        self._heights = Heights()
        self._views: Dict[str, MessageView] = {}
        self._pool: List[MessageView] = []
        self._finder = Finder()
        self._following = True
        self._anchor: Optional[Anchor] = None
        self._is_busy = False
        self._width = -1
        self._top = 0
        self._first, self._last = 0, -1
        self._placing = False
        self._theme = theme_of(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        quiet_scrolling(self)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        self.setMinimumWidth(160)
        self.setAccessibleName(tr("Conversation"))
        bar = self.verticalScrollBar()
        bar.actionTriggered.connect(self._on_bar_action)
        bar.valueChanged.connect(self._on_value)
        self._pill = Button("latest", icon="arrow-down", kind="outline", tip=tr("Go to the end (End)"), parent=self)
        self._pill.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._pill.hide()
        self._has_news = False
        self._idle = QtCore.QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._on_idle)

    # ------------------------------------------------------------------ following

    def is_following(self) -> bool:
        """Whether new text keeps the end in view."""
        return self._following

    def release(self) -> None:
        """Stops following at once and keeps what is in view where it is."""
        if self._following and self.verticalScrollBar().maximum() > 0:
            self._capture(self.verticalScrollBar().value())
            self._set_following(False)

    def latest_button(self) -> Button:
        """The pill that goes to the end; visible only away from it."""
        return self._pill

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)
        if following:
            self._has_news = False

    def _arm_at_end(self) -> None:
        bar = self.verticalScrollBar()
        if bar.value() >= bar.maximum() - END_PX:
            self._set_following(True)
            self._arrange()

    def _update_pill(self) -> None:
        bar = self.verticalScrollBar()
        away = not self._following and bar.value() < bar.maximum() - END_PX
        if away:
            self._pill.setText(tr("new text") if self._has_news else "latest")
            self._pill.set_kind("primary" if self._has_news else "outline")
            hint, theme = self._pill.sizeHint(), self._theme
            height = theme.space(7)
            x = (self.viewport().width() - hint.width()) // 2
            self._pill.setGeometry(x, self.viewport().height() - height - theme.space(2), hint.width(), height)
            self._pill.raise_()
        self._pill.setVisible(away)

    def _on_bar_action(self, action: int) -> None:
        bar = self.verticalScrollBar()
        if bar.sliderPosition() < bar.value():
            self.release()
        elif bar.sliderPosition() >= bar.maximum() - END_PX:
            self._set_following(True)

    def _on_value(self, value: int) -> None:
        if not self._placing:
            self._scroll_to_y(value)

    def _on_view_height(self, item_id: str) -> None:
        if self._following and not self._views[item_id].is_live():
            self.release()  # something was unfolded by hand: it must not run away from the pointer
        self._arrange()
        self._update_pill()

    def _on_selected(self, widget: object) -> None:
        self.release()
        for view in self._views.values():
            for part in view.body.parts():
                text = getattr(part, "text_widget", lambda found=part: found)()
                if part is not widget and text.textCursor().hasSelection():
                    cursor = text.textCursor()
                    cursor.clearSelection()
                    text.setTextCursor(cursor)

    def _on_idle(self) -> None:
        self._arrange(overscan=OVERSCAN_PX)

    # ------------------------------------------------------------------ layout

    def _arrange(self, *, news: bool = False, overscan: int = 0) -> None:
        """Measures what is visible until nothing changes any more, then puts it in its place."""
        if self._placing or self.viewport().width() <= 0:
            return
        self._placing = True
        try:
            width = self.viewport().width()
            if width != self._width:
                self._width = width
                self._estimate_all()
            top = self._settle(width, overscan)
            self._place(top, width)
        finally:
            self._placing = False
        self._has_news = (self._has_news or news) and not self._following
        self._update_pill()
        if not overscan and len(self._rows):
            self._idle.start()

    def _settle(self, width: int, overscan: int) -> int:
        top = self._target()
        for _ in range(MAX_PASSES):
            if not len(self._rows):
                return 0
            height = self.viewport().height()
            first = self._heights.index_at(max(0, top - overscan))
            last = self._heights.index_at(top + height + overscan)
            changed = False
            for index in range(first, last + 1):
                view = self._view(index)
                changed = self._heights.set(index, view.height_for(width)) or changed
            for item_id, view in self._views.items():  # kept alive outside: streaming, focused or selected
                index = self._rows.find(item_id) or 0
                if not first <= index <= last and self._is_pinned(item_id, view):
                    changed = self._heights.set(index, view.height_for(width)) or changed
            wanted = self._target()
            if not changed and wanted == top:
                break
            top = wanted
        self._first, self._last = first, last
        return top

    def _place(self, top: int, width: int) -> None:
        if not len(self._rows):
            self._first, self._last = 0, -1
        for item_id in list(self._views):
            index = self._rows.find(item_id)
            view = self._views[item_id]
            outside = index is None or not self._first <= index <= self._last
            if outside and not self._is_pinned(item_id, view):
                self._give_back(item_id)
            elif index is not None:
                view.setGeometry(0, self._heights.top(index) - top, width, self._heights[index])
                if view.isHidden():
                    view.show()
        bar = self.verticalScrollBar()
        bar.setRange(0, self._max_top())
        bar.setPageStep(max(1, self.viewport().height()))
        bar.setSingleStep(self._theme.line_px)
        self._top = top
        bar.setValue(top)

    def _target(self) -> int:
        """Where the top of the screen belongs, by the rules of following and anchoring."""
        limit = self._max_top()
        if self._following or self._anchor is None:
            return limit
        item_id, place = self._anchor
        index = self._rows.find(item_id)
        if index is None:
            return limit
        view = self._views.get(item_id)
        inside = view.y_of(place) if view is not None else place[2] if place[0] < 0 else 0
        return max(0, min(self._heights.top(index) + inside, limit))

    def _max_top(self) -> int:
        bottom = self._theme.space(BOTTOM_STEPS) if len(self._rows) else 0
        return max(0, self._heights.total() + bottom - self.viewport().height())

    def _scroll_to_y(self, y: int) -> None:
        """Moves the top of the screen to `y` without touching whether the end is followed."""
        was_following, self._following = self._following, False
        y = self._measured_upward(y)
        self._capture(max(0, min(y, self._max_top())))
        self._arrange()
        self._following = was_following
        self._update_pill()

    def _measured_upward(self, y: int) -> int:
        """`y` corrected for the true heights of the rows that a short scroll upward brings into view."""
        base = self._row_at_top()
        if not 0 < self._top - y < 2 * self.viewport().height():
            return y
        for _ in range(MAX_PASSES):
            before = self._heights.top(base)
            for index in range(self._heights.index_at(max(0, y)), base):
                self._heights.set(index, self._view(index).height_for(self.viewport().width()))
            moved = self._heights.top(base) - before
            if not moved:
                break
            y += moved
        return y

    def _capture(self, y: int) -> None:
        """Makes what stands at `y` the anchor; a row that has no view is measured first."""
        if not len(self._rows):
            self._anchor = None
            return
        index = self._heights.index_at(y)
        view = self._view(index)
        view.height_for(self.viewport().width())
        offset = min(y - self._heights.top(index), max(0, view.height_for(self.viewport().width()) - 1))
        self._anchor = (self._rows[index].item.id, view.place_at(offset))

    def _row_at_top(self) -> int:
        return self._heights.index_at(self._top) if len(self._rows) else 0

    def _estimate(self, index: int) -> int:
        return estimates((self._rows[index],), max(self.viewport().width(), 160), self._theme)[0]

    def _estimate_all(self) -> None:
        self._heights.reset(estimates(self._rows, max(self.viewport().width(), 160), self._theme))

    # ------------------------------------------------------------------ views

    def view_of(self, item_id: str) -> Optional[MessageView]:
        """The widget that shows a message now, None while it is out of sight."""
        return self._views.get(item_id)

    def _view(self, index: int) -> MessageView:
        row = self._rows[index]
        view = self._views.get(row.item.id)
        if view is None:
            view = self._pool.pop() if self._pool else self._make_view()
            self._views[row.item.id] = view
            view.bind(row.item, row.state, self._theme, busy=self._is_busy)
            if self._finder.query:
                view.highlight(self._finder.query, self._finder.nth_in(index))
        return view

    def _make_view(self) -> MessageView:
        view = MessageView(self._theme, self.viewport())
        view.action.connect(self.action)
        view.height_changed.connect(self._on_view_height)
        view.user_selected.connect(self._on_selected)
        return view

    def _give_back(self, item_id: str) -> None:
        view = self._views.pop(item_id, None)
        if view is None:
            return
        view.hide()
        view.bind(MessageItem("", "notice"), view.idle_state, self._theme)
        if len(self._pool) < POOL_VIEWS:
            self._pool.append(view)
        else:
            view.setParent(None)
            view.deleteLater()

    def _is_pinned(self, item_id: str, view: MessageView) -> bool:
        return view.is_live() or self._has_focus(item_id) or view.has_selection()

    def _has_focus(self, item_id: str) -> bool:
        focused = QtWidgets.QApplication.focusWidget()
        view = self._views.get(item_id)
        return view is not None and is_valid(focused) and (view is focused or view.isAncestorOf(focused))

    def _rebind(self) -> None:
        for item_id, view in self._views.items():
            index = self._rows.find(item_id)
            if index is not None:
                view.bind(self._rows[index].item, self._rows[index].state, self._theme, busy=self._is_busy)

    def theme(self) -> Theme:
        """The theme in use."""
        return self._theme

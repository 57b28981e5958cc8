"""The conversation on the screen: thousands of messages, widgets only for what is visible. Main thread.

Rows are data with a height each (measured, or estimated until it was on the screen); message views are taken from a pool
for the visible rows and a little beyond. Every layout starts from an anchor, a place in a message, so that resizing, fonts
and heights that turn out differently never move what is being read. At the end it follows new text; only the artist's own
scrolling changes that, never a scroll of ours.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Tuple

from nuke_ai_panel.messages import clean_text

from ..qt import QtCore, QtGui, QtWidgets, Signal, is_valid
from .controls import Button
from .heights import Heights
from .message_view import MessageView, Place
from .theme import Theme, scaled_font, theme_of
from .transcript_find import Finder, Hit
from .transcript_keys import TranscriptKeys
from .transcript_rows import Rows
from .values import MessageItem

Qt = QtCore.Qt

END_PX = 24
OVERSCAN_PX = 240
POOL_VIEWS = 12
IDLE_MS = 60
MAX_PASSES = 8
BOTTOM_STEPS = 3
WHEEL_LINES = 3

Anchor = Tuple[str, Place]


class Transcript(QtWidgets.QAbstractScrollArea):
    """Shows `MessageItem`s. Knows neither app, turns nor Nuke: what an artist does goes out through `action`.

    `action(name, message id, payload)` with name of copy, copy_code, regenerate, edit, delete, retry, switch_model,
    open_settings, copy_details, pull_model, continue, branch_prev, branch_next, open_chip (payload: the `Chip`),
    link (payload: the URL, scheme checked). Copying has already happened when its action goes out.
    """

    action = Signal(str, str, object)
    zoomed = Signal(int)
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
        self._scale = 1.0
        self._width = -1
        self._placing = False
        self._theme = theme_of(self)
        self._keys = TranscriptKeys(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        self.setMinimumWidth(160)
        self.setAccessibleName("Conversation")
        bar = self.verticalScrollBar()
        bar.actionTriggered.connect(self._on_bar_action)
        bar.valueChanged.connect(self._on_value)
        self._pill = Button("latest", icon="arrow-down", kind="outline", tip="Go to the end (End)", parent=self)
        self._pill.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._pill.clicked.connect(self.jump_to_latest)
        self._pill.hide()
        self._has_news = False
        self._idle = QtCore.QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._on_idle)

    # ------------------------------------------------------------------ content

    def set_items(self, items: Iterable[MessageItem]) -> None:
        """Shows another conversation, or the same one on another branch; a place that still exists is kept."""
        kept = None if self._following else self._anchor
        for item_id in list(self._views):
            self._give_back(item_id)
        self._rows.reset(items)
        self._estimate_all()
        if kept is not None and self._rows.find(kept[0]) is not None:
            self._anchor = kept
        else:
            self._anchor = None
            self._set_following(True)
        self._search_again()
        self._arrange()

    def append_item(self, item: MessageItem) -> None:
        """Adds a message at the end."""
        index = self._rows.append(item)
        self._heights.append(self._estimate(index))
        self._search_again()
        self._arrange(news=True)

    def replace_item(self, item: MessageItem) -> None:
        """Shows the same message with other facts, status, branch, error or text."""
        index = self._rows.find(item.id)
        if index is None:
            return
        row = self._rows[index]
        row.item = item
        row.measure()
        view = self._views.get(item.id)
        if view is not None:
            view.bind(item, row.state, self._theme, busy=self._is_busy)
        else:
            self._heights.set(index, self._estimate(index))
        self._arrange()

    def truncate_after(self, item_id: str) -> None:
        """Removes every message after this one."""
        index = self._rows.find(item_id)
        if index is None or index + 1 == len(self._rows):
            return
        for row in list(self._rows)[index + 1 :]:
            self._give_back(row.item.id)
        self._rows.truncate(index + 1)
        self._heights.truncate(index + 1)
        self._search_again()
        self._arrange()

    def append_text(self, item_id: str, text: str) -> None:
        """Adds text to a running answer; once per batch of events, not per token."""
        index = self._rows.find(item_id)
        if index is None or not text:
            return
        item = self._rows.grow(index, text=text)
        view = self._views.get(item_id)
        if view is not None:
            view.append_text(item, text)
        else:
            self._heights.set(index, self._estimate(index))
        self._arrange(news=True)

    def append_thinking(self, item_id: str, text: str) -> None:
        """Adds text to the thinking of a running answer."""
        index = self._rows.find(item_id)
        if index is None or not text:
            return
        item = self._rows.grow(index, thinking=text)
        view = self._views.get(item_id)
        if view is not None:
            view.append_thinking(item, text)
        self._arrange()

    def reset_text(self, item_id: str) -> None:
        """Takes back everything an answer has said so far: the attempt is being repeated."""
        index = self._rows.find(item_id)
        if index is not None:
            item = self._rows[index].item
            self.replace_item(MessageItem(**{**item.__dict__, "text": "", "thinking": "", "thinking_s": None}))

    def items(self) -> Tuple[MessageItem, ...]:
        """What is shown, with all of its text."""
        return tuple(self._rows.items())

    def text_of(self, item_id: str) -> str:
        """The exact text of a message so far; empty for an unknown id."""
        index = self._rows.find(item_id)
        return "" if index is None else clean_text(self._rows[index].item.text)

    def busy(self, is_busy: bool) -> None:
        """While a turn runs, versions cannot be switched and nothing can be regenerated, edited or deleted."""
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._rebind()
            self._arrange()

    # ------------------------------------------------------------------ scrolling

    def is_following(self) -> bool:
        """Whether new text keeps the end in view."""
        return self._following

    def follow(self) -> None:
        """Jumps to the end and follows from there: an artist has sent something."""
        self._set_following(True)
        self._arrange()

    def jump_to_latest(self) -> None:
        """What the pill and the End key do."""
        self.follow()

    def release(self) -> None:
        """Stops following at once and keeps what is in view where it is."""
        if self._following and self.verticalScrollBar().maximum() > 0:
            self._capture(self.verticalScrollBar().value())
            self._set_following(False)

    def anchor(self) -> object:
        """Where the artist is reading, as a value for `restore_anchor`; None at the end."""
        return None if self._following else self._anchor

    def restore_anchor(self, value: object) -> None:
        """Returns to a place that `anchor` answered; the end when it is None or no longer exists."""
        if isinstance(value, tuple) and len(value) == 2 and self._rows.find(str(value[0])) is not None:
            self._anchor = value
            self._set_following(False)
        else:
            self._set_following(True)
        self._arrange()

    def scroll_by(self, pixels: int) -> None:
        """Scrolls as the artist asked by a key: upward releases at once, reaching the end follows again."""
        bar = self.verticalScrollBar()
        if pixels < 0:
            self.release()
        self._scroll_to_y(bar.value() + pixels)
        if pixels > 0:
            self._arm_at_end()

    def scroll_to_start(self) -> None:
        """What the Home key does."""
        self.release()
        self._scroll_to_y(0)

    def scroll_to(self, item_id: str, *, hit: int = -1) -> bool:
        """Brings a message to the top, or its `hit`-th find hit into view."""
        index = self._rows.find(item_id)
        if index is None:
            return False
        self._set_following(False)
        self._anchor = (item_id, (-1, 0, 0))
        if hit >= 0:
            self._finder.choose(Hit(index, hit))
        self._arrange()
        if hit >= 0:
            self._show_hit()
        return True

    def step_prompt(self, by: int) -> None:
        """Brings the previous (-1) or next (1) question to the top and gives it the keyboard."""
        here = self._row_at_top()
        candidates = [index for index, row in enumerate(self._rows) if row.item.role == "user"]
        focused = next((i for i in candidates if self._has_focus(self._rows[i].item.id)), None)
        here = focused if focused is not None else here
        wanted = [i for i in candidates if (i < here if by < 0 else i > here)]
        if wanted:
            item_id = self._rows[wanted[-1] if by < 0 else wanted[0]].item.id
            self.scroll_to(item_id)
            self._views[item_id].setFocus(Qt.FocusReason.OtherFocusReason)
            self._arm_at_end()

    # ------------------------------------------------------------------ find

    def find(self, query: str) -> int:  # type: ignore[override]  # QWidget.find maps window ids; nobody calls it on us
        """Searches every message, shown or not, and goes to the first hit from here on; the number of hits."""
        count = self._finder.search(query, [row.item.text for row in self._rows], start_row=self._row_at_top())
        self._highlight_all()
        if count:
            self._show_hit()
        return count

    def find_next(self) -> None:
        """Goes to the next hit."""
        if self._finder.step(1) is not None:
            self._show_hit()

    def find_prev(self) -> None:
        """Goes to the previous hit."""
        if self._finder.step(-1) is not None:
            self._show_hit()

    def find_position(self) -> Tuple[int, int]:
        """(which hit from 1, how many hits)."""
        return self._finder.position()

    def _search_again(self) -> None:
        if self._finder.query:
            self._finder.search(self._finder.query, [row.item.text for row in self._rows])

    def _show_hit(self) -> None:
        hit = self._finder.current()
        if hit is None:
            return
        item_id = self._rows[hit.row].item.id
        self._set_following(False)
        if item_id not in self._views:
            self._anchor = (item_id, (-1, 0, 0))
            self._arrange()
        self._highlight_all()
        view = self._views[item_id]
        found = view.highlight(self._finder.query, hit.nth)
        y = self._heights.top(hit.row) + (found or 0)
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        if not top + self._theme.line_px <= y <= top + height - 3 * self._theme.line_px:
            self._scroll_to_y(y - height // 3)

    def _highlight_all(self) -> None:
        for item_id, view in self._views.items():
            row = self._rows.find(item_id)
            view.highlight(self._finder.query, self._finder.nth_in(row) if row is not None else -1)

    # ------------------------------------------------------------------ theme

    def set_font_scale(self, scale: float) -> None:
        """Scales every font of the transcript; 1.0 is the host's size."""
        if scale != self._scale:
            self._scale = scale
            parent = self.parentWidget()
            base = parent.font() if parent is not None else QtWidgets.QApplication.font()
            self.setFont(scaled_font(base, scale))

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.PaletteChange, QtCore.QEvent.Type.FontChange):
            theme = theme_of(self)
            if theme is not self._theme:
                self._theme = theme
                self._width = -1
                self._rebind()
                self._arrange()

    def _rebind(self) -> None:
        for item_id, view in self._views.items():
            index = self._rows.find(item_id)
            if index is not None:
                view.bind(self._rows[index].item, self._rows[index].state, self._theme, busy=self._is_busy)

    # ------------------------------------------------------------------ events

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and self._keys.owns(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if not self._keys.press(event):
            event.ignore()

    def focusNextPrevChild(self, forward: bool) -> bool:
        return self._keys.step_focus(forward) or bool(super().focusNextPrevChild(forward))

    def tab_stops(self) -> List[QtWidgets.QWidget]:
        """Everything inside that the keyboard reaches, from top to bottom."""
        order = sorted(self._views, key=lambda item_id: self._rows.find(item_id) or 0)
        stops = [stop for item_id in order for stop in self._views[item_id].focusable() if stop.isEnabled()]
        return stops + ([self._pill] if not self._pill.isHidden() else [])

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        delta = event.pixelDelta().y() or event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if delta:
                self.zoomed.emit(1 if delta > 0 else -1)
            event.accept()
            return
        if delta > 0:
            self.release()
        before = self.verticalScrollBar().value()
        super().wheelEvent(event)
        event.accept()  # at either end too: what lies under the panel must not scroll instead
        if self.verticalScrollBar().value() > before or (delta < 0 and before == self.verticalScrollBar().maximum()):
            self._arm_at_end()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        self._arrange()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Nothing: `_on_value` places the views."""

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
        self._capture(max(0, min(y, self._max_top())))
        self._arrange()
        self._following = was_following
        self._update_pill()

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
        return self._heights.index_at(self.verticalScrollBar().value()) if len(self._rows) else 0

    def _estimate(self, index: int) -> int:
        character = QtGui.QFontMetricsF(self._theme.body).averageCharWidth()
        return self._rows[index].estimate(max(self.viewport().width(), 160), self._theme, character)

    def _estimate_all(self) -> None:
        character = QtGui.QFontMetricsF(self._theme.body).averageCharWidth()
        width = max(self.viewport().width(), 160)
        self._heights.reset([row.estimate(width, self._theme, character) for row in self._rows])

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

    # ------------------------------------------------------------------ following

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
            self._pill.setText("new text" if self._has_news else "latest")
            self._pill.set_kind("primary" if self._has_news else "outline")
            hint, theme = self._pill.sizeHint(), self._theme
            height = theme.space(7)
            x = (self.viewport().width() - hint.width()) // 2
            self._pill.setGeometry(x, self.viewport().height() - height - theme.space(2), hint.width(), height)
            self._pill.raise_()
        self._pill.setVisible(away)

    def theme(self) -> Theme:
        """The theme in use."""
        return self._theme

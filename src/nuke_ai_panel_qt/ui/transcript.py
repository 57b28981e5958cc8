"""The conversation on the screen: thousands of messages, widgets only for what is visible. Main thread.

This half knows the conversation: items in, actions out, streaming, find, keys. How it is laid out, scrolled and
followed is `TranscriptView`'s business. It knows neither app, turns nor Nuke.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, List, Optional, Tuple

from nuke_ai_panel.messages import clean_text

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .code_book import CodeBook
from .theme import scaled_font, theme_of
from .transcript_find import Hit
from .transcript_keys import TranscriptKeys
from .transcript_rows import estimates
from .transcript_view import TranscriptView
from .values import MessageItem

Qt = QtCore.Qt


class Transcript(TranscriptView, metaclass=QtClass):
    """Shows `MessageItem`s; what an artist does goes out through `action`.

    `action(name, message id, payload)` with name of copy, copy_code, regenerate, edit, delete, retry, switch_model,
    open_settings, copy_details, pull_model, continue, branch_prev, branch_next, open_chip (payload: the `Chip`),
    link (payload: the URL, scheme checked), insert_code, run_code, fix_code, undo_code, attach_result
    (payload: the code and its language). Copying has already happened when its action goes out. `hits_changed` when
    messages came or went while something is looked for.
    """

    zoomed = Signal(int)
    hits_changed = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._scale = 1.0
        self._hit: Tuple[str, int] = ("", 0)
        self.code_book = CodeBook(self)
        self._keys = TranscriptKeys(self)
        self._pill.clicked.connect(self.jump_to_latest)

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

    def prepend_items(self, items: Iterable[MessageItem]) -> None:
        """Adds older messages above; what is being read stays where it is."""
        width = max(self.viewport().width(), 160)
        self._heights.prepend(estimates(self._rows.prepend(items), width, self._theme))
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
            self.replace_item(replace(item, text="", thinking="", thinking_s=None))

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

    def follow(self) -> None:
        """Jumps to the end and follows from there: an artist has sent something."""
        self._set_following(True)
        self._arrange()

    def jump_to_latest(self) -> None:
        """What the pill and the End key do."""
        self.follow()

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
            self.show_hit()
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
            self.show_hit()
        return count

    def find_next(self) -> None:
        """Goes to the next hit."""
        if self._finder.step(1) is not None:
            self.show_hit()

    def find_prev(self) -> None:
        """Goes to the previous hit."""
        if self._finder.step(-1) is not None:
            self.show_hit()

    def find_position(self) -> Tuple[int, int]:
        """(which hit from 1, how many hits)."""
        return self._finder.position()

    def _search_again(self) -> None:
        if not self._finder.query:
            return
        self._finder.search(self._finder.query, [row.item.text for row in self._rows])
        row = self._rows.find(self._hit[0])
        if row is not None:
            self._finder.choose(Hit(row, self._hit[1]))
        self.hits_changed.emit()

    def show_hit(self) -> None:
        """Brings the current hit into view."""
        hit = self._finder.current()
        if hit is None:
            return
        item_id = self._rows[hit.row].item.id
        self._hit = (item_id, hit.nth)
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

"""One message on the screen: a question, an answer or a notice. Main thread.

A view is bound to an item, laid out at a width, and bound again to another item when it has scrolled away; it owns only
its parts. It knows the item's id and puts it into every action it reports.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import draw_focus_ring
from .markdown import plain_words
from .message_body import MessageBody, Place
from .message_footer import Footer, QuestionTools
from .message_menu import MessageMenu
from .message_parts import ChipFlow, Disclosure, ErrorPanel, StateLine
from .message_words import spoken_words, state_lines, thinking_line
from .theme import Theme
from .values import MessageItem

Qt = QtCore.Qt

NARROW_PX = 360
_ANSWER_ACTIONS = (
    ("regenerate", "regenerate", later("Answer again")),
    ("copy", "copy", later("Copy the answer")),
    ("more", "more", later("More")),
)


@dataclass
class ViewState:
    """What an artist opened in a message; it outlives the view that shows it."""

    thinking_open: bool = False
    as_source: bool = False


class MessageView(QtWidgets.QWidget, metaclass=QtClass):
    """The widget of one row."""

    action = Signal(str, str, object)
    height_changed = Signal(str)
    user_selected = Signal(object)

    def __init__(self, theme: Theme, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._item = MessageItem("", "notice")
        self.idle_state = self._state = ViewState()
        self._is_busy = False
        self._layout: Tuple[int, int] = (-1, 0)
        self._bubble = self._rule = QtCore.QRectF()
        self._spoken = ""
        self.body = MessageBody(theme, self)
        self.body.link_activated.connect(self._on_link)
        self.body.code_copied.connect(self._on_code_copied)
        self.body.code_acted.connect(self._on_code_acted)
        self.body.height_changed.connect(self._on_height)
        self.body.user_selected.connect(self.user_selected)
        self._thought: Optional[Disclosure] = None
        self._thinking: Optional[MessageBody] = None
        self._chips: Optional[ChipFlow] = None
        self._error: Optional[ErrorPanel] = None
        self._lines: List[StateLine] = []
        self._footer: Optional[Footer] = None
        self._tools: Optional[QuestionTools] = None
        self._menu: Optional[MessageMenu] = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    # ------------------------------------------------------------------ binding

    @property
    def item_id(self) -> str:
        """The id of the message that is shown."""
        return self._item.id

    def bind(self, item: MessageItem, state: ViewState, theme: Theme, *, busy: bool = False) -> None:
        """Shows `item`; cheap when little changed."""
        if item is self._item and state is self._state and theme is self._theme and busy == self._is_busy:
            return
        if item.id != self._item.id:
            self.body.clear()
        self._item, self._state, self._theme, self._is_busy = item, state, theme, busy
        self._layout = (-1, 0)
        self._show_body()
        self._show_thinking()
        self._show_chips()
        self._show_lines()
        self._show_error()
        self._show_actions()
        self._speak()
        self.update()

    def append_text(self, item: MessageItem, text: str) -> None:
        """The answer grew by `text`; `item` already holds it."""
        first = not self._item.text
        self._item = item
        if self._state.as_source or first:
            self.bind(replace(item), self._state, self._theme, busy=self._is_busy)
        else:
            self.body.append_text(text)
        self._layout = (-1, 0)

    def append_thinking(self, item: MessageItem, text: str) -> None:
        """The thinking grew by `text`; it is only drawn while it is open."""
        first = not self._item.thinking
        self._item = item
        if first:
            self._show_thinking()
            self._show_lines()
            self._layout = (-1, 0)
        elif self._thinking is not None and self._state.thinking_open:
            self._thinking.append_text(text)
            self._layout = (-1, 0)

    def is_live(self) -> bool:
        """Whether the message is still arriving."""
        return self._item.status == "streaming"

    def has_selection(self) -> bool:
        """Whether some of its text is selected."""
        bodies = (self.body, self._thinking)
        return any(body is not None and body.has_selection() for body in bodies)

    # ------------------------------------------------------------------ places

    def place_at(self, y: int) -> Place:
        """What stands at `y`, so that it can be found again after another layout."""
        return self.body.place_at(y - self.body.y()) or (-1, 0, y)

    def y_of(self, place: Place) -> int:
        """Where a place is now."""
        found = self.body.y_of_place(place)
        return place[2] if found is None else self.body.y() + found

    def highlight(self, query: str, current: int) -> Optional[int]:
        """Marks what find found; the y of the current hit."""
        found = self.body.highlight(query, current)
        return None if found is None else self.body.y() + found

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at, from top to bottom."""
        stops: List[QtWidgets.QWidget] = []
        if self._thought is not None and not self._thought.isHidden():
            stops.append(self._thought)
        for part in self.body.parts():
            stops += getattr(part, "focusable", list)()
        for line in self._lines:
            if not line.isHidden():
                stops += line.focusable()
        cards = (self._error, self._tools, self._chips, self._footer)
        return stops + [stop for card in cards if card is not None and not card.isHidden() for stop in card.focusable()]

    # ------------------------------------------------------------------ layout

    def height_for(self, width: int) -> int:
        """Lays the message out at `width` and answers its height."""
        if self._layout[0] != width:
            theme = self._theme
            margin = theme.space(3.5 if width < NARROW_PX else 4)
            column = min(width - 2 * margin, theme.measure_px)
            left = max(margin, (width - column) // 2)
            place = {"user": self._place_question, "assistant": self._place_answer}.get(
                self._item.role, self._place_notice
            )
            self._layout = (width, place(left, column))
        return self._layout[1]

    def _place_question(self, left: int, column: int) -> int:
        theme = self._theme
        side, inset = theme.space(2.5), theme.space(2)
        tool = theme.space(6)
        room = column - 2 * tool - theme.space(2) + side
        self.body.height_for(room - side)
        ideal = self.body.ideal_width()
        inner = min(room - side, ideal) if ideal is not None else room - side
        height = self.body.height_for(max(inner, theme.space(4)))
        top = theme.space(4)
        self.body.setGeometry(left, top + inset, max(inner, theme.space(4)), height)
        leading = theme.leading if self.body.ends_in_prose() else 0
        self._bubble = QtCore.QRectF(left - side, top, inner + 2 * side, height - leading + 2 * inset)
        first_line = top + inset + theme.cap_middle(theme.body)
        if self._tools is not None:
            self._tools.place(left + column + (tool - theme.icon_px) // 2, first_line, tool)
        y = int(self._bubble.bottom())
        if self._chips is not None and not self._chips.isHidden():
            chips = self._chips.height_for(column, theme)
            self._chips.setGeometry(left, y + theme.space(2), column, chips)
            y += theme.space(2) + chips
        if self._footer is not None and not self._footer.isHidden():
            self._footer.setGeometry(left, y + theme.space(1), column, theme.space(6))
            self._footer.place()
            y += theme.space(7)
        return y + theme.space(2)

    def _place_answer(self, left: int, column: int) -> int:
        theme = self._theme
        y = theme.space(3)
        self._bubble = QtCore.QRectF()
        if self._thought is not None and not self._thought.isHidden():
            hint = theme.icon_px * 2 + theme.space(5)
            hint += QtGui.QFontMetrics(theme.small).horizontalAdvance(self._thought.text())
            self._thought.setGeometry(left, y, min(column, hint), theme.space(6))
            y += theme.space(7)
            if self._thinking is not None and not self._thinking.isHidden():
                inset = theme.icon_px + theme.space(1.5)
                height = self._thinking.height_for(column - inset)
                self._thinking.setGeometry(left + inset, y, column - inset, height)
                y += height + theme.space(3)
        if not self.body.is_empty():
            height = self.body.height_for(column)
            self.body.setGeometry(left, y, column, height)
            y += height + theme.space(2)
        y = self._place_lines(left, column, y)
        if self._error is not None and not self._error.isHidden():
            y += theme.space(1)
            height = self._error.height_for(column)
            self._error.setGeometry(left, y, column, height)
            y += height + theme.space(2)
        if self._footer is not None and not self._footer.isHidden():
            self._footer.setGeometry(left, y, column, theme.space(6))
            self._footer.place()
            y += theme.space(6)
        return y + theme.space(2)

    def _place_notice(self, left: int, column: int) -> int:
        self._bubble = QtCore.QRectF()
        theme, above = self._theme, 4 if self._item.is_divider else 2
        self._rule = QtCore.QRectF(left, theme.space(2), column, 1)
        return self._place_lines(left, column, theme.space(above)) + theme.space(2)

    def _place_lines(self, left: int, column: int, y: int) -> int:
        for line in self._lines:
            if not line.isHidden():
                height = line.height_for(column)
                line.setGeometry(left, y, column, height)
                y += height + self._theme.space(1)
        return y

    # ------------------------------------------------------------------ parts

    def _show_body(self) -> None:
        item = self._item
        if item.role == "notice":
            self.body.clear()
        else:
            kind = "source" if self._state.as_source else "question" if item.role == "user" else "answer"
            self.body.show_text(item.text, kind, self._theme, live=self.is_live())  # type: ignore[arg-type]  # a literal
        self.body.setVisible(not self.body.is_empty())

    def _show_thinking(self) -> None:
        item = self._item
        if not item.thinking:
            for part in (self._thought, self._thinking):
                if part is not None:
                    part.hide()
            if self._thinking is not None:
                self._thinking.clear()
            return
        if self._thought is None:
            self._thought = Disclosure(self._theme, self)
            self._thought.clicked.connect(self._toggle_thinking)
        self._thought.set_line(thinking_line(item), self._theme)
        self._thought.setChecked(self._state.thinking_open)
        self._thought.show()
        if self._state.thinking_open:
            if self._thinking is None:
                self._thinking = MessageBody(self._theme, self)
                self._thinking.link_activated.connect(self._on_link)
                self._thinking.height_changed.connect(self._on_height)
                self._thinking.user_selected.connect(self.user_selected)
            self._thinking.show_text(item.thinking, "thinking", self._theme, live=self.is_live())
        if self._thinking is not None:
            self._thinking.setVisible(self._state.thinking_open)

    def _show_chips(self) -> None:
        if self._item.chips and self._chips is None:
            self._chips = ChipFlow(self)
            self._chips.opened.connect(self._on_chip)
        if self._chips is not None:
            self._chips.set_chips(self._item.chips)
            self._chips.setVisible(bool(self._item.chips))

    def _show_lines(self) -> None:
        wanted = state_lines(self._item, busy=self._is_busy)
        while len(self._lines) < len(wanted):
            line = StateLine(self._theme, self)
            line.link_activated.connect(self._on_link)
            line.triggered.connect(self._on_action)
            self._lines.append(line)
        for index, line in enumerate(self._lines):
            if index < len(wanted):
                text, icon, role, action = wanted[index]
                line.set_line(text, icon, self._theme, role=role, action=action)
            line.setVisible(index < len(wanted))

    def _show_error(self) -> None:
        card = self._item.error
        if card is not None:
            if self._error is None:
                self._error = ErrorPanel(self._theme, self)
                self._error.triggered.connect(self._on_action)
            self._error.set_card(card, self._theme)
        if self._error is not None:
            self._error.setVisible(card is not None)

    def _show_actions(self) -> None:
        item = self._item
        is_question, is_answer = item.role == "user", item.role == "assistant"
        if is_question and self._tools is None:
            self._tools = QuestionTools(self)
            self._tools.triggered.connect(self._on_action)
        if self._tools is not None:
            self._tools.setVisible(is_question)
            self._tools.set_busy(self._is_busy)
        wants_footer = is_answer or (is_question and item.branch[1] > 1)
        if wants_footer and self._footer is None:
            self._footer = Footer(self._theme, self)
            self._footer.set_actions(tuple((name, icon, tr(tip)) for name, icon, tip in _ANSWER_ACTIONS))
            self._footer.triggered.connect(self._on_action)
        if self._footer is not None:
            self._footer.setVisible(wants_footer)
            if wants_footer:
                self._footer.set_item(item, self._theme, live=self.is_live() or is_question, busy=self._is_busy)
                if is_question:
                    arrows = item.branch_enabled and not self._is_busy
                    self._footer.branch.set_branch(item.branch, self._theme, enabled=arrows)

    def _speak(self) -> None:
        if self.is_live():
            return
        spoken = spoken_words(self._item)
        if spoken != self._spoken:
            self._spoken = spoken
            self.setAccessibleName(spoken)

    # ------------------------------------------------------------------ actions

    def _on_action(self, name: str) -> None:
        if name == "more":
            self._open_menu()
            return
        payload: object = None
        if name == "copy":
            payload = self._item.text
            QtWidgets.QApplication.clipboard().setText(self._item.text)
        elif name == "copy_plain":
            payload = plain_words(self._item.text)
            QtWidgets.QApplication.clipboard().setText(plain_words(self._item.text))
        elif name == "copy_details" and self._item.error is not None:
            payload = self._item.error.details
            QtWidgets.QApplication.clipboard().setText(self._item.error.details)
        self.action.emit(name, self._item.id, payload)

    def _open_menu(self) -> None:
        if self._menu is None:
            self._menu = MessageMenu(self)
            self._menu.chosen.connect(self._on_menu)
        owner = self._tools if self._item.role == "user" else self._footer
        assert owner is not None
        self._menu.open_below(owner.button("more"), as_source=self._state.as_source, busy=self._is_busy,
                               is_question=self._item.role == "user")

    def _on_menu(self, name: str) -> None:
        if name == "source":
            self._state.as_source = not self._state.as_source
            self._show_body()
            self._on_height()
        else:
            self._on_action(name)

    def _toggle_thinking(self) -> None:
        self._state.thinking_open = not self._state.thinking_open
        self._show_thinking()
        self._on_height()

    def _on_link(self, target: str) -> None:
        self.action.emit("link", self._item.id, target)

    def _on_code_copied(self, text: str) -> None:
        self.action.emit("copy_code", self._item.id, text)

    def _on_code_acted(self, name: str, text: str, language: str) -> None:
        self.action.emit(name, self._item.id, (text, language))

    def _on_chip(self, chip: object) -> None:
        self.action.emit("open_chip", self._item.id, chip)

    def _on_height(self) -> None:
        self._layout = (-1, 0)
        self.height_changed.emit(self._item.id)

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if not self._bubble.isEmpty():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.raised)
            painter.drawRoundedRect(self._bubble, theme.radius, theme.radius)
        if self._item.is_divider:
            painter.fillRect(self._rule, theme.hairline)
        if self._thinking is not None and not self._thinking.isHidden():
            x = self._thinking.x() - theme.icon_px / 2 - theme.space(1.5)
            painter.fillRect(QtCore.QRectF(x - 0.5, self._thinking.y(), 1, self._thinking.height()), theme.hairline)
        if self.hasFocus():
            draw_focus_ring(painter, QtCore.QRectF(self.rect()).adjusted(2, 1, -2, -1), theme)
        painter.end()

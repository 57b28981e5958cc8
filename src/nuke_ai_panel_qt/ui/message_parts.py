"""The parts of a message around its words: thinking, state lines, chips, the error card. Main thread.

Each part is given values and a width and answers its height; a message view stacks them. Words that may hold a model's
or a server's text are drawn as plain text, never interpreted.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import Button, draw_focus_ring, draw_icon, draw_progress
from .icons import icon_names
from .markdown import Para, Run
from .markdown_stream import Segment
from .safe_text import visible_prose
from .text_view import TextView
from .theme import Theme
from .values import Chip, ErrorCard

Qt = QtCore.Qt

ACTION_WORDS = {
    "retry": (later("Retry"), "retry"),
    "switch_model": (later("Switch model"), "chevron-down"),
    "open_settings": (later("Open settings"), "settings"),
    "copy_details": (later("Copy details"), "copy"),
    "pull_model": (later("Pull model"), "download"),
    "start_server": (later("Start Ollama"), "send"),
    "raise_context": (later("Raise context"), "plus"),
    "add_credit": (later("Add credit"), "link"),
    "cancel_work": (later("Cancel"), "stopped"),
    "continue": (later("Continue"), "continue"),
    "show_mark": (later("Show"), "text"),
    "fix_code": (later("Fix it"), "spark"),
    "undo_code": (later("Undo"), "undo"),
    "attach_result": (later("Attach"), "clip"),
}
_VCENTER = flag_value(Qt.AlignmentFlag.AlignVCenter)


def plain_segment(*paragraphs: str) -> Segment:
    """Paragraphs of plain text as a segment."""
    return Segment("text", tuple(Para((Run(text),), kind="plain") for text in paragraphs if text))


def action_button(action: str, parent: QtWidgets.QWidget) -> Button:
    """A button with the words of one of a card's actions."""
    words, icon = ACTION_WORDS.get(action, (action.replace("_", " ").capitalize(), ""))
    words = tr(words)
    button = Button(words, icon=icon, kind="outline", parent=parent)
    button.setObjectName(action)
    button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return button


def hint_width(button: QtWidgets.QWidget) -> int:
    """The width a button needs; elision counts fractions of a pixel that a size hint has rounded away."""
    return button.sizeHint().width() + 2


def flow(buttons: Sequence[QtWidgets.QWidget], left: int, top: int, width: int, *, height: int, gap: int) -> int:
    """Places `buttons` in rows; the y below the last row."""
    x, y = left, top
    for button in buttons:
        wide = min(hint_width(button), width)
        if x > left and x + wide > left + width:
            x, y = left, y + height + gap
        button.setGeometry(x, y, wide, height)
        x += wide + gap
    return y + height if buttons else top


class Disclosure(QtWidgets.QAbstractButton, metaclass=QtClass):
    """A quiet line with an icon that folds what stands below it."""

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_line(self, text: str, theme: Theme) -> None:
        """The words of the line."""
        self._theme = theme
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(text)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        color = theme.text if self.underMouse() or self.hasFocus() else theme.dim
        middle, side = self.height() / 2, theme.icon_px
        draw_icon(painter, "brain", color, QtCore.QPointF(side / 2, middle), theme=theme)
        painter.setFont(theme.small)
        painter.setPen(color)
        left = side + theme.space(1.5)
        room = self.width() - left - side
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter.drawText(QtCore.QRectF(left, 0, self.width() - left, self.height()), _VCENTER, text)
        x = left + painter.fontMetrics().horizontalAdvance(text) + theme.space(1) + side / 2
        name = "chevron-down" if self.isChecked() else "chevron-right"
        draw_icon(painter, name, color, QtCore.QPointF(x, middle), theme=theme)
        if self.hasFocus():
            draw_focus_ring(painter, QtCore.QRectF(self.rect()), theme)
        painter.end()


class StateLine(QtWidgets.QWidget, metaclass=QtClass):
    """An icon and a sentence: what is waited for, why it ended early, what to know. Perhaps with an action."""

    triggered = Signal(str)
    link_activated = Signal(str)

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon, self._role = "info", "dim"
        self._words = TextView(theme, self)
        self._words.link_activated.connect(self.link_activated)
        self._action: Optional[Button] = None

    def set_line(self, text: str, icon: str, theme: Theme, *, role: str = "dim", action: str = "") -> None:
        """Shows `text`; `role` is the icon's colour."""
        self._theme, self._icon, self._role = theme, icon, role
        self._words.set_segment(plain_segment(text), theme, faded=True)
        if self._action is not None and self._action.objectName() != action:
            self._action.hide()
            self._action.deleteLater()
            self._action = None
        if action and self._action is None:
            self._action = action_button(action, self)
            self._action.clicked.connect(self._emit)
            self._action.show()
        self.setAccessibleName(text)
        self.update()

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        return [self._action] if self._action is not None else []

    def words(self) -> str:
        """The sentence."""
        return self._words.words()

    def height_for(self, width: int) -> int:
        """Lays the line out."""
        theme = self._theme
        left = theme.icon_px + theme.space(1.5)
        button = hint_width(self._action) if self._action is not None else 0
        beside = bool(button) and width - left - button - theme.space(3) >= theme.space(30)
        room = width - left - (button + theme.space(3) if beside else 0)
        height = self._words.height_for(room)
        row = max(theme.space(6), height + theme.space(1)) if not button else max(theme.space(7), height)
        self._words.setGeometry(left, (row - height + theme.leading) // 2, room, height)
        if self._action is not None:
            size = QtCore.QSize(button, theme.space(6.5))
            if beside:
                x = min(width - button, left + int(self._words.document().idealWidth()) + theme.space(3))
                self._action.setGeometry(QtCore.QRect(QtCore.QPoint(x, (row - size.height()) // 2), size))
            else:
                self._action.setGeometry(QtCore.QRect(QtCore.QPoint(left, height + theme.space(1.5)), size))
                self._words.move(left, 0)
                row = height + theme.space(1.5) + size.height()
        return row

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        theme = self._theme
        first_line = self._words.y() + theme.cap_middle(theme.small)
        center = QtCore.QPointF(theme.icon_px / 2, first_line)
        draw_icon(painter, self._icon, getattr(theme, self._role), center, theme=theme)
        painter.end()

    def _emit(self) -> None:
        if self._action is not None:
            self.triggered.emit(self._action.objectName())


class ChipFlow(QtWidgets.QWidget, metaclass=QtClass):
    """The context that travelled with a question, as chips that open."""

    opened = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._chips: Tuple[Chip, ...] = ()
        self._buttons: List[Button] = []

    def set_chips(self, chips: Tuple[Chip, ...]) -> None:
        """Shows `chips`."""
        if chips == self._chips:
            return
        self._chips = chips
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = []
        for index, chip in enumerate(chips):
            words = visible_prose(chip.label) + (f"  {_tokens(chip.tokens)}" if chip.tokens is not None else "")
            icon = chip.icon if chip.icon in icon_names() else "file"
            button = Button(words, icon=icon, kind="outline", parent=self)
            button.set_look(dim=True, left=True)
            button.setObjectName(str(index))
            button.setAccessibleName(tr("Context: {words}", words=words))
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.clicked.connect(self._open)
            button.show()
            self._buttons.append(button)

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        return list(self._buttons)

    def height_for(self, width: int, theme: Theme) -> int:
        """Lays the chips out in rows."""
        return flow(self._buttons, 0, 0, width, height=theme.space(6), gap=theme.space(1.5))

    def _open(self) -> None:
        self.opened.emit(self._chips[int(self.sender().objectName())])


class ErrorPanel(QtWidgets.QWidget, metaclass=QtClass):
    """A failure at the place where it happened: cause, next step, facts, and what can be done about it."""

    triggered = Signal(str)

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._card: Optional[ErrorCard] = None
        self._sentence = TextView(theme, self)
        self._next = TextView(theme, self)
        self._facts = TextView(theme, self)
        self._note = TextView(theme, self)
        self._bar = QtCore.QRect()
        self._buttons: List[Button] = []

    def set_card(self, card: ErrorCard, theme: Theme) -> None:
        """Shows `card`."""
        self._theme = theme
        bold = Segment("text", (Para((Run(card.sentence, bold=True),), kind="plain"),))
        self._sentence.set_segment(bold, theme)
        self._next.set_segment(plain_segment(card.next_step), theme)
        self._facts.set_segment(plain_segment(card.facts), theme, faded=True)
        self._next.setVisible(bool(card.next_step))
        self._facts.setVisible(bool(card.facts))
        self._note.set_segment(plain_segment(card.note), theme)
        self._note.setVisible(bool(card.note))
        if self._card is None or card.actions != self._card.actions:
            for button in self._buttons:
                button.hide()
                button.deleteLater()
            self._buttons = [action_button(action, self) for action in card.actions]
            for button in self._buttons:
                button.clicked.connect(self._emit)
                button.show()
        self._card = card
        self.setAccessibleName(tr("Error: {sentence} {next_step}", sentence=card.sentence, next_step=card.next_step))
        self.update()

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        return list(self._buttons)

    def words(self) -> str:
        """Everything the card says."""
        views = (self._sentence, self._next, self._facts, self._note)
        return "\n".join(view.words() for view in views if view.words())

    def height_for(self, width: int) -> int:
        """Lays the card out."""
        theme = self._theme
        pad = theme.space(3)
        left = pad + theme.icon_px + theme.space(2)
        room, y = width - left - pad, pad
        for view in (self._sentence, self._next, self._facts, self._note):
            if not view.isHidden():
                height = view.height_for(room)
                view.setGeometry(left, y, room, height)
                y += height + theme.space(1.5)
        self._bar = QtCore.QRect()
        if self._card is not None and self._card.progress is not None:
            self._bar = QtCore.QRect(left, y, room, theme.unit)
            y += theme.unit + theme.space(1.5)
        if self._buttons:
            y = flow(
                self._buttons, left, y + theme.space(1), room, height=theme.space(7), gap=theme.space(2)
            ) + theme.space(1)
        return y + pad - (0 if self._buttons else theme.leading) - theme.space(1)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(theme.tint(theme.error, 0.45), 1))
        painter.setBrush(theme.tint(theme.error, 0.08))
        rect = QtCore.QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(rect, theme.radius, theme.radius)
        middle = self._sentence.y() + theme.cap_middle(theme.body)
        center = QtCore.QPointF(theme.space(3) + theme.icon_px / 2, middle)
        draw_icon(painter, "error", theme.error, center, theme=theme)
        if self._card is not None and self._card.progress is not None and not self._bar.isEmpty():
            draw_progress(painter, QtCore.QRectF(self._bar), self._card.progress, theme)
        painter.end()

    def _emit(self) -> None:
        self.triggered.emit(self.sender().objectName())


def _tokens(count: int) -> str:
    return f"{count}" if count < 1000 else f"{count / 1000:.1f}k"

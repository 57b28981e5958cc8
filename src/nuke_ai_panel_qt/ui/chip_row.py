"""The chips of the next question: open one to read exactly what is sent, or take it away. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .controls import draw_focus_ring, draw_icon
from .theme import theme_of
from .values import Chip

Qt = QtCore.Qt


class ChipButton(QtWidgets.QAbstractButton, metaclass=QtClass):
    """One chip: icon, label, size in tokens, and a cross. Delete takes it away by key."""

    removed = Signal(str)
    opened = Signal(str)

    def __init__(self, chip: Chip, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.chip = chip
        words = name = chip.label
        if chip.tokens is not None:
            name = f"{chip.label} · {short_count(chip.tokens)}"
            words = tr("{label} · {size} tokens", label=chip.label, size=short_count(chip.tokens))
        self.setText(name)
        self.setToolTip(f"{words}\n{tr('Click to read what is sent; Delete removes it')}")
        self.setAccessibleName(tr("Attached: {words}", words=words))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(self._opened)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        words = min(QtGui.QFontMetrics(theme.small).horizontalAdvance(self.text()) + 2, theme.space(50))
        width = theme.space(1.5) + theme.icon_px + theme.space(1) + words + theme.space(1) + self._cross_width()
        return QtCore.QSize(width, theme.icon_px + theme.space(2))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.rect())
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.hover if self.underMouse() else theme.raised)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        middle = rect.height() / 2
        x = theme.space(1.5)
        draw_icon(painter, self.chip.icon, theme.dim, QtCore.QPointF(x + theme.icon_px / 2, middle), theme=theme)
        x += theme.icon_px + theme.space(1)
        painter.setFont(theme.small)
        painter.setPen(theme.text)
        room = self.width() - x - theme.space(1) - self._cross_width()
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QtCore.QRectF(x, 0, room + 2, rect.height()), flag_value(Qt.AlignmentFlag.AlignVCenter), text)
        cross = QtCore.QPointF(self.width() - self._cross_width() / 2 - theme.space(0.25), middle)
        draw_icon(painter, "close", theme.text if self.underMouse() else theme.dim, cross, theme=theme,
                  size=round(theme.icon_px * 0.75))
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        painter.end()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        if event_position(event).x() >= self.width() - self._cross_width() and self.isDown():
            self.setDown(False)
            self.removed.emit(self.chip.id)
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(self.chip.id)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(self.chip.id)
        else:
            super().keyPressEvent(event)

    def _opened(self) -> None:
        self.opened.emit(self.chip.id)

    def _cross_width(self) -> int:
        return theme_of(self).space(5)


class ChipRow(QtWidgets.QWidget, metaclass=QtClass):
    """All chips, wrapped over as many rows as they need."""

    removed = Signal(str)
    opened = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._buttons: Tuple[ChipButton, ...] = ()
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def set_chips(self, chips: Tuple[Chip, ...]) -> None:
        """Shows exactly these chips; nothing at all when there are none."""
        if chips == tuple(button.chip for button in self._buttons):
            return
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = tuple(self._button(chip) for chip in chips)
        self.setVisible(bool(chips))
        self._arrange(self.width())
        self.updateGeometry()

    def buttons(self) -> Tuple[ChipButton, ...]:
        """The chips on show, in order."""
        return self._buttons

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(width, move=False)

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(40), self.heightForWidth(max(1, self.width())))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(16), self.heightForWidth(max(1, self.width())))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._arrange(self.width())

    def _button(self, chip: Chip) -> ChipButton:
        button = ChipButton(chip, self)
        button.removed.connect(self.removed)
        button.opened.connect(self.opened)
        button.show()
        return button

    def _arrange(self, width: int, move: bool = True) -> int:
        gap = theme_of(self).space(1)
        x = y = row = 0
        for button in self._buttons:
            hint = button.sizeHint()
            wide = min(hint.width(), max(1, width))
            if x and x + wide > width:
                x, y, row = 0, y + row + gap, 0
            if move:
                button.setGeometry(x, y, wide, hint.height())
            x, row = x + wide + gap, max(row, hint.height())
        return y + row


def short_count(count: int) -> str:
    """A count of tokens as people say it: 412, 2.1k, 1.2M."""
    if count < 1000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.1f}".rstrip("0").rstrip(".") + "k" if count < 99_950 else f"{round(count / 1000)}k"
    return f"{count / 1_000_000:.1f}".rstrip("0").rstrip(".") + "M"

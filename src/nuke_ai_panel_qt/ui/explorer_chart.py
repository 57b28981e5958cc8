"""Use over time as bars, drawn by us: a bar a day, a week or a month, whatever the width allows. Main thread.

Arrow keys go from bar to bar and say each; a click or Enter asks for the chats of that day.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .controls import draw_focus_ring
from .explorer_values import Measure, UseLine, amount_text
from .theme import theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_STEPS = (1, 7, 30, 90, 365)
_MOST = {
    1: later("Most a day: {shown}"), 7: later("Most a week: {shown}"), 30: later("Most in 30 days: {shown}"),
    90: later("Most in 90 days: {shown}"), 365: later("Most a year: {shown}"),
}


class UseChart(QtWidgets.QWidget, metaclass=QtClass):
    """`day_chosen(YYYY-MM-DD)` for a bar of one day."""

    day_chosen = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._days: Tuple[UseLine, ...] = ()
        self._measure: Measure = "messages"
        self._current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("Use over time"))
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)

    def set_days(self, days: Tuple[UseLine, ...], measure: Measure) -> None:
        """Shows one measure of every day between the first and the last."""
        self._days, self._measure, self._current = days, measure, -1
        self._say()
        self.update()

    def bars(self) -> List[Tuple[Tuple[UseLine, ...], Optional[float]]]:
        """What the bars stand for: their days and the sum, None where nobody stated an amount."""
        days, step = self._days, self._step()
        first = len(days) % step  # the newest bar is whole
        parts = [days[:first]] if first else []
        parts += [days[at : at + step] for at in range(first, len(days), step)]
        found = []
        for part in parts:
            known = [amount for amount in (day.amounts[self._measure] for day in part) if amount is not None]
            found.append((part, sum(known) if known else None))
        return found

    def words(self, at: int) -> str:
        """A bar as a sentence."""
        part, amount = self.bars()[at]
        when = part[0].name if len(part) == 1 else tr("{first} to {last}", first=part[0].name, last=part[-1].name)
        if len(part) == 1:
            return f"{when}: {part[0].words[self._measure]}"
        return f"{when}: {amount_text(amount, self._measure)}"

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(50), theme.space(22) + 2 * QtGui.QFontMetrics(theme.small).height())

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(30), self.sizeHint().height())

    # ------------------------------------------------------------ Qt

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme, bars = theme_of(self), self.bars()
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        area = self._area()
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        ground = area.bottom() + 0.5
        painter.drawLine(QtCore.QPointF(area.left(), ground), QtCore.QPointF(area.right(), ground))
        painter.setFont(theme.small)
        painter.setPen(theme.dim)
        most = max((amount or 0.0 for _, amount in bars), default=0.0)
        line = painter.fontMetrics().height()
        upper = QtCore.QRectF(area.left(), 0, area.width(), line)
        if 0 <= self._current < len(bars):
            painter.setPen(theme.text)
            painter.drawText(upper, _LEFT, self.words(self._current))
        elif bars:
            highest = max(bars, key=lambda bar: bar[1] or 0.0)
            shown = self.words(bars.index(highest)).rpartition(": ")[2]
            painter.drawText(upper, _LEFT, tr(_MOST[self._step()], shown=shown))
        if bars:
            lower = QtCore.QRectF(area.left(), area.bottom() + theme.space(1), area.width(), line)
            painter.setPen(theme.dim)
            painter.drawText(lower, _LEFT, bars[0][0][0].name)
            if len(self._days) > 1:
                painter.drawText(lower, _RIGHT, bars[-1][0][-1].name)
        painter.setPen(Qt.PenStyle.NoPen)
        for at, (_, amount) in enumerate(bars):
            rect = self._bar(at, len(bars), amount, most)
            painter.setBrush(theme.accent if at == self._current else theme.dim)
            if amount:
                painter.drawRoundedRect(rect, 1, 1)
        if self.hasFocus():
            draw_focus_ring(painter, QtCore.QRectF(self.rect()), theme)
        painter.end()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        count = len(self.bars())
        if step and count:
            start = self._current if self._current >= 0 else (count if step < 0 else -1)
            self._point(min(max(start + step, 0), count - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._current >= 0:
            self._choose(self._current)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        self._point(self._at(event_position(event).x()))

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self._at(event_position(event).x()))

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        self._point(-1)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._point(-1)

    # ------------------------------------------------------------ places

    def _step(self) -> int:
        room = max(1, int(self._area().width() // (theme_of(self).unit * 1.5)))
        return next((step for step in _STEPS if len(self._days) <= step * room), _STEPS[-1])

    def _area(self) -> QtCore.QRectF:
        theme = theme_of(self)
        line = QtGui.QFontMetrics(theme.small).height()
        top, side = line + theme.space(1.5), theme.space(2)
        return QtCore.QRectF(side, top, self.width() - 2 * side, self.height() - top - line - theme.space(1.5))

    def _pitch(self, count: int) -> float:
        area, widest = self._area().width(), theme_of(self).space(6)
        return min(area / max(1, count), float(widest))

    def _bar(self, at: int, count: int, amount: Optional[float], most: float) -> QtCore.QRectF:
        area, pitch = self._area(), self._pitch(count)
        gap = max(1.0, pitch * 0.2)
        height = max(2.0, area.height() * (amount or 0.0) / most) if most else 0.0
        return QtCore.QRectF(area.left() + at * pitch + gap / 2, area.bottom() - height, pitch - gap, height)

    def _at(self, x: float) -> int:
        bars: Sequence[object] = self.bars()
        at = int((x - self._area().left()) // self._pitch(len(bars))) if bars else -1
        return at if 0 <= at < len(bars) else -1

    def _point(self, at: int) -> None:
        if at != self._current:
            self._current = at
            self._say()
            self.update()

    def _say(self) -> None:
        self.setAccessibleDescription(self.words(self._current) if self._current >= 0 else "")

    def _choose(self, at: int) -> None:
        part = self.bars()[at][0] if at >= 0 else ()
        if len(part) == 1:
            self.day_chosen.emit(part[0].name)

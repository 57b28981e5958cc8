"""How much of the model's window the next request fills: a bar, a percentage, and the numbers on hover. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, flag_value
from .chip_row import short_count
from .panel_values import MeterValue
from .theme import Theme, theme_of

NEARLY_FULL = 0.8


class ContextMeter(QtWidgets.QWidget, metaclass=QtClass):
    """The bar has no window to compare with when nobody says how large it is: then only the count is shown."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._value = MeterValue()
        self._narrow = False
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)
        self._describe()
        self.hide()

    def value(self) -> MeterValue:
        """What is shown."""
        return self._value

    def set_value(self, value: MeterValue) -> None:
        """Shows another request's size."""
        if value != self._value:
            self._value = value
            self.setVisible(value.used_tokens > 0)
            self._describe()
            self.updateGeometry()
            self.update()

    def set_narrow(self, narrow: bool) -> None:
        """In a narrow pane the bar goes and the number stays."""
        if narrow != self._narrow:
            self._narrow = narrow
            self.updateGeometry()

    def text(self) -> str:
        """The words beside the bar."""
        value = self._value
        mark = "~" if value.is_estimate else ""
        if not value.window_tokens:
            return tr("{count} tok", count=f"{mark}{short_count(value.used_tokens)}")
        share = value.used_tokens / value.window_tokens
        words = f"{mark}<1%" if 0 < share < 0.01 else f"{mark}{round(share * 100)}%"
        return words if self._narrow else tr("{share} ctx", share=words)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        width = QtGui.QFontMetrics(theme.small).horizontalAdvance(self.text()) + 2
        return QtCore.QSize(width + self._bar_width(theme), theme.space(7))

    def minimumSizeHint(self) -> QtCore.QSize:
        return self.sizeHint()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        color = self._color(theme)
        bar = self._bar_width(theme)
        if bar:
            self._paint_bar(painter, bar - theme.space(1.5), color, theme)
        painter.setFont(theme.small)
        painter.setPen(color)
        rect = QtCore.QRectF(bar, 0, self.width() - bar, self.height())
        painter.drawText(rect, flag_value(QtCore.Qt.AlignmentFlag.AlignVCenter), self.text())
        painter.end()

    def _paint_bar(self, painter: QtGui.QPainter, width: int, color: QtGui.QColor, theme: Theme) -> None:
        height = max(3, theme.space(1))
        top = (self.height() - height) / 2
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(theme.hairline)
        painter.drawRoundedRect(QtCore.QRectF(0, top, width, height), height / 2, height / 2)
        filled = min(1.0, self._share()) * width
        if filled > 0:
            painter.setBrush(color)
            painter.drawRoundedRect(QtCore.QRectF(0, top, max(filled, height), height), height / 2, height / 2)

    def _bar_width(self, theme: Theme) -> int:
        return 0 if self._narrow or not self._value.window_tokens else theme.space(9)

    def _share(self) -> float:
        return self._value.used_tokens / self._value.window_tokens if self._value.window_tokens else 0.0

    def _color(self, theme: Theme) -> QtGui.QColor:
        share = self._share()
        if share > 1.0:
            return theme.error
        return theme.warning if share >= NEARLY_FULL else theme.dim

    def _describe(self) -> None:
        value = self._value
        used = tr("about {tokens:,} tokens", tokens=value.used_tokens) if value.is_estimate else \
            tr("{tokens:,} tokens", tokens=value.used_tokens)
        lines = [tr("The next request: {used} of {window:,}", used=used, window=value.window_tokens)
                 if value.window_tokens else tr("The next request: {used}", used=used)]
        if not value.window_tokens:
            lines.append(tr("The model's window is not known."))
        elif self._share() > 1.0:
            lines.append(tr("Older messages will be left out so that it fits."))
        elif self._share() >= NEARLY_FULL:
            lines.append(tr("Nearly full: start a new conversation soon."))
        lines.append(tr("Price: {price}", price=value.price) + (f"\n{value.detail}" if value.detail else ""))
        self.setToolTip("\n".join(lines))
        self.setAccessibleName(lines[0])

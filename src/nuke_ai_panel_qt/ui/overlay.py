"""What lies over the panel for a moment: the picker, the conversations of a narrow pane, a sheet. Main thread.

It is a child of the panel, not a window of its own: it never falls behind Nuke, moves with a floating pane and needs no
screen geometry. A click beside it or Esc closes it; Tab stays inside.
"""

from __future__ import annotations

from typing import List, Literal, Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, event_position, flag_value
from .theme import mix, theme_of

Qt = QtCore.Qt
Place = Literal["bottom", "left", "full"]
SLIDE_MS = 120
MAX_WIDTH_STEPS = 110


class Overlay(QtWidgets.QWidget, metaclass=QtClass):
    """Holds one content at a time. `bottom` stands over the composer's row, `left` slides in, `full` covers all."""

    closed = Signal()

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._content: Optional[QtWidgets.QWidget] = None
        self._place: Place = "full"
        self._left_px = self._bottom_px = 0
        self._slide = QtCore.QPropertyAnimation(self)
        self._slide.setPropertyName(QtCore.QByteArray(b"pos"))
        self._slide.setDuration(SLIDE_MS)
        self._slide.setEasingCurve(QtCore.QEasingCurve.Type.OutCubic)
        self.hide()

    def content(self) -> Optional[QtWidgets.QWidget]:
        """What is open now."""
        return self._content if self.isVisible() else None

    def open(self, content: QtWidgets.QWidget, place: Place, *, left_px: int = 0, bottom_px: int = 0) -> None:
        """Shows `content` instead of whatever was open; a `bottom` one stands at `left_px`, `bottom_px` stay free."""
        if self._content is not None and self._content is not content:
            self._content.hide()
        self._content, self._place, self._left_px, self._bottom_px = content, place, left_px, bottom_px
        content.setParent(self)
        self.setGeometry(self.parentWidget().rect())
        self._arrange()
        content.show()
        self.show()
        self.raise_()
        if place == "left" and self._may_move():
            self._slide.setTargetObject(content)
            self._slide.setStartValue(QtCore.QPoint(-content.width(), 0))
            self._slide.setEndValue(QtCore.QPoint(0, 0))
            self._slide.start()

    def close_content(self) -> bool:
        """Closes what is open; False when nothing was."""
        if self._content is None:
            return False
        self._slide.stop()
        content, self._content = self._content, None
        content.hide()
        self.hide()
        self.closed.emit()
        return True

    def follow_parent(self) -> None:
        """Fits itself to the panel; called when the panel's size changes."""
        if self.isVisible():
            self.setGeometry(self.parentWidget().rect())
            self._arrange()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._content is not None and not self._content.geometry().contains(event_position(event)):
            self.close_content()
        event.accept()

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        ring = self._focus_ring()
        if not ring:
            return False
        now = self.focusWidget()
        place = ring.index(now) if now in ring else (-1 if forward else 0)
        target = ring[(place + (1 if forward else -1)) % len(ring)]
        target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        return True

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        theme = theme_of(self)
        veil = QtGui.QColor(mix(theme.ground, QtGui.QColor(0, 0, 0), 0.6))
        veil.setAlpha(110 if theme.is_dark else 60)
        painter.fillRect(self.rect(), veil)
        painter.end()

    def _focus_ring(self) -> List[QtWidgets.QWidget]:
        if self._content is None:
            return []
        ring: List[QtWidgets.QWidget] = []
        start = self._content
        widget = start.nextInFocusChain()
        if start.focusPolicy() != Qt.FocusPolicy.NoFocus:
            ring.append(start)
        while widget is not start:
            tabbable = bool(flag_value(widget.focusPolicy()) & flag_value(Qt.FocusPolicy.TabFocus))
            if start.isAncestorOf(widget) and widget.isVisible() and widget.isEnabled() and tabbable:
                ring.append(widget)
            widget = widget.nextInFocusChain()
        return ring

    def _arrange(self) -> None:
        content = self._content
        if content is None:
            return
        theme = theme_of(self)
        margin = theme.space(2)
        if self._place == "full":
            content.setGeometry(self.rect())
        elif self._place == "left":
            content.setGeometry(0, 0, min(theme.space(66), self.width() - theme.space(10)), self.height())
        else:
            width = min(self.width() - 2 * margin, theme.space(MAX_WIDTH_STEPS))
            room = self.height() - self._bottom_px - margin
            height = min(content.sizeHint().height(), room)
            left = max(margin, min(self._left_px, self.width() - margin - width))
            content.setGeometry(left, self.height() - self._bottom_px - height, width, height)

    def _may_move(self) -> bool:
        # The desktop's wish for reduced motion arrives as a style hint of zero.
        hint = self.style().styleHint(QtWidgets.QStyle.StyleHint.SH_Widget_Animation_Duration, None, self)
        return bool(hint)

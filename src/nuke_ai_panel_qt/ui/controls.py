"""The panel's own buttons, labels and lines, painted from the theme so that no stylesheet is needed. Main thread.

A button takes the keyboard's focus by Tab only: a click leaves the caret in the composer. Labels paint themselves, so a
change of palette, font or zoom needs no bookkeeping.
"""

from __future__ import annotations

from typing import Literal, Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets, flag_value
from .icons import icon_pixmap
from .theme import Theme, theme_of

Qt = QtCore.Qt

ButtonKind = Literal["ghost", "outline", "primary"]
TextRole = Literal["text", "dim", "faint", "error", "warning", "accent", "connected", "busy"]
TextSize = Literal["body", "small", "title"]

_VCENTER = flag_value(Qt.AlignmentFlag.AlignVCenter)
_TOP = flag_value(Qt.AlignmentFlag.AlignTop)
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft)
_WRAP = flag_value(Qt.TextFlag.TextWordWrap)


def draw_focus_ring(painter: QtGui.QPainter, rect: QtCore.QRectF, theme: Theme) -> None:
    """A ring in the accent just inside `rect`."""
    painter.setPen(QtGui.QPen(theme.accent, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = min(theme.radius, rect.height() / 2)
    painter.drawRoundedRect(rect.adjusted(0.75, 0.75, -0.75, -0.75), radius, radius)


def draw_icon(
    painter: QtGui.QPainter, name: str, color: QtGui.QColor, center: QtCore.QPointF, *, theme: Theme, size: int = 0
) -> None:
    """The icon `name` around `center`, on whole device pixels."""
    side = size or theme.icon_px
    # Not painter.device(): PySide2 wraps the device anew and, with that wrapper, drops those of the widget's children.
    ratio = abs(painter.deviceTransform().m11()) or 1.0
    pixmap = icon_pixmap(name, color, side, ratio=ratio)
    painter.drawPixmap(QtCore.QPointF(round(center.x() - side / 2), round(center.y() - side / 2)), pixmap)


def draw_progress(painter: QtGui.QPainter, rect: QtCore.QRectF, share: float, theme: Theme) -> None:
    """A bar that is full at 1."""
    share, radius = min(1.0, max(0.0, share)), rect.height() / 2
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.hairline)
    painter.drawRoundedRect(rect, radius, radius)
    if share:
        painter.setBrush(theme.accent)
        filled = QtCore.QRectF(rect)
        filled.setWidth(max(rect.height(), rect.width() * share))
        painter.drawRoundedRect(filled, radius, radius)


class Button(QtWidgets.QAbstractButton, metaclass=QtClass):
    """An icon, a word, or both; `tip` is its tooltip and, without a word, its name for screen readers."""

    def __init__(
        self, text: str = "", *, icon: str = "", kind: ButtonKind = "ghost", tip: str = "",
        parent: Optional[QtWidgets.QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._icon = icon
        self._trailing = ""
        self._kind: ButtonKind = kind
        self._dim = False
        self._left = False
        self._trailing_at_end = False
        self.setText(text)
        self.set_tip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)

    def set_tip(self, tip: str) -> None:
        """The tooltip; it is the accessible name where the button has no word."""
        self.setToolTip(tip)
        self.setAccessibleName(self.text() or tip)

    def set_icon(self, name: str) -> None:
        """Another icon of the set."""
        if name != self._icon:
            self._icon = name
            self.update()

    def set_kind(self, kind: ButtonKind) -> None:
        """Another weight."""
        self._kind = kind
        self.update()

    def set_look(
        self, *, dim: bool = False, left: bool = False, trailing: str = "", trailing_at_end: bool = False
    ) -> None:
        """Quieter text, text at the left, a second icon after the text or at the right edge."""
        self._dim, self._left, self._trailing, self._trailing_at_end = dim, left, trailing, trailing_at_end
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        height = max(theme.space(7), theme.icon_px + theme.space(3))
        if not self.text():
            return QtCore.QSize(height, height)
        # Qt 5 rounds widths down and then elides what should just fit.
        width = QtGui.QFontMetrics(theme.body).horizontalAdvance(self.text()) + 2 + 2 * self._padding(theme)
        for name in (self._icon, self._trailing):
            width += theme.icon_px + theme.space(1.5) if name else 0
        return QtCore.QSize(width, height)

    def minimumSizeHint(self) -> QtCore.QSize:
        hint = self.sizeHint()
        if self.text() and self.sizePolicy().horizontalPolicy() != QtWidgets.QSizePolicy.Policy.Fixed:
            return QtCore.QSize(theme_of(self).space(16), hint.height())
        return hint

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.rect())
        self._paint_ground(painter, rect.adjusted(0.5, 0.5, -0.5, -0.5), theme)
        self._paint_content(painter, theme)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        painter.end()

    def _paint_ground(self, painter: QtGui.QPainter, rect: QtCore.QRectF, theme: Theme) -> None:
        active = self.isEnabled() and (self.underMouse() or self.isDown() or self.isChecked())
        ground: Optional[QtGui.QColor] = theme.hover if active else None
        border: Optional[QtGui.QColor] = None
        if self._kind == "primary" and self.isEnabled():
            ground = theme.accent.lighter(108) if active else theme.accent
        elif self._kind != "ghost":
            ground, border = (theme.hover if active else theme.raised), theme.hairline
        if ground is None:
            return
        painter.setPen(QtGui.QPen(border, 1) if border is not None else Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, theme.radius, theme.radius)

    def _paint_content(self, painter: QtGui.QPainter, theme: Theme) -> None:
        color = self._color(theme)
        middle = self.height() / 2
        if not self.text():
            center = QtCore.QPointF(self.width() / 2, middle)
            draw_icon(painter, self._icon, self._icon_color(theme), center, theme=theme)
            return
        side, gap, padding = theme.icon_px, theme.space(1.5), self._padding(theme)
        taken = sum(side + gap for name in (self._icon, self._trailing) if name)
        metrics = QtGui.QFontMetrics(theme.body)
        room = max(0, self.width() - 2 * padding - taken)
        text = self._text_in(room, metrics)
        width = metrics.horizontalAdvance(text)
        x = float(padding) if self._left else (self.width() - width - taken) / 2
        if self._icon:
            draw_icon(painter, self._icon, self._icon_color(theme), QtCore.QPointF(x + side / 2, middle), theme=theme)
            x += side + gap
        painter.setFont(theme.body)
        painter.setPen(color)
        painter.drawText(QtCore.QRectF(x, 0, width + 2, self.height()), _VCENTER, text)
        if self._trailing:
            right = self.width() - padding - side / 2 if self._trailing_at_end else x + width + gap + side / 2
            center = QtCore.QPointF(right, middle)
            draw_icon(painter, self._trailing, theme.dim if self.isEnabled() else theme.faint, center, theme=theme)

    def _text_in(self, room: int, metrics: QtGui.QFontMetrics) -> str:
        """The words, as far as there is room for them."""
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, room)

    def _color(self, theme: Theme) -> QtGui.QColor:
        if not self.isEnabled():
            return theme.faint
        if self._kind == "primary":
            return theme.accent_text
        if self._dim and not (self.underMouse() or self.hasFocus() or self.isChecked()):
            return theme.dim
        return theme.text

    def _icon_color(self, theme: Theme) -> QtGui.QColor:
        return self._color(theme)

    def _padding(self, theme: Theme) -> int:
        return theme.space(2 if self._kind == "ghost" else 3)


class Text(QtWidgets.QWidget, metaclass=QtClass):
    """Words that wrap, in one of the theme's colours and sizes; `elide` keeps them on one line.

    `middle` centres them upright where there is more room than they need.
    """

    def __init__(
        self, text: str = "", *, role: TextRole = "text", size: TextSize = "body", elide: bool = False,
        middle: bool = False, parent: Optional[QtWidgets.QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._text = text
        self._role: TextRole = role
        self._size: TextSize = size
        self._elide = elide
        self._middle = middle
        policy = QtWidgets.QSizePolicy(
            QtWidgets.QSizePolicy.Policy.Preferred,
            QtWidgets.QSizePolicy.Policy.Fixed if elide else QtWidgets.QSizePolicy.Policy.Minimum,
        )
        policy.setHeightForWidth(not elide)
        self.setSizePolicy(policy)
        self.setAccessibleName(text)

    def text(self) -> str:
        """The words."""
        return self._text

    def set_text(self, text: str, role: Optional[TextRole] = None) -> None:
        """Other words, and perhaps another colour."""
        if text == self._text and role in (None, self._role):
            return
        self._text = text
        self._role = role or self._role
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return not self._elide

    def heightForWidth(self, width: int) -> int:
        return self._bounds(width).height()

    def sizeHint(self) -> QtCore.QSize:
        metrics = QtGui.QFontMetrics(self._font())
        widest = max((metrics.horizontalAdvance(line) for line in self._text.split("\n")), default=0) + 2
        if self._elide:
            return QtCore.QSize(widest, metrics.height())
        width = min(widest, theme_of(self).measure_px)
        return QtCore.QSize(width, self._bounds(width).height())

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(8), QtGui.QFontMetrics(self._font()).height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setFont(self._font())
        painter.setPen(self._color(theme))
        text = self._text
        if self._elide:
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), self._flags(), text)
        painter.end()

    def _bounds(self, width: int) -> QtCore.QRect:
        metrics = QtGui.QFontMetrics(self._font())
        return metrics.boundingRect(QtCore.QRect(0, 0, max(1, width), 1 << 20), self._flags(), self._text or " ", 0)

    def _flags(self) -> int:
        if self._elide:
            return _VCENTER | _LEFT
        return (_VCENTER if self._middle else _TOP) | _WRAP | _LEFT

    def _font(self) -> QtGui.QFont:
        theme = theme_of(self)
        if self._size == "title":
            return theme.heading(1)
        return theme.small if self._size == "small" else theme.body

    def _color(self, theme: Theme) -> QtGui.QColor:
        if not self.isEnabled():
            return theme.faint
        return role_color(self._role, theme)


class Icon(QtWidgets.QWidget, metaclass=QtClass):
    """One icon of the set in one of the theme's colours."""

    def __init__(self, name: str, *, role: TextRole = "dim", parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._name, self._role = name, role
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)

    def set_icon(self, name: str, role: TextRole) -> None:
        """Another icon and colour."""
        self._name, self._role = name, role
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.icon_px, max(theme.icon_px, QtGui.QFontMetrics(theme.body).height()))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        center = QtCore.QPointF(self.width() / 2, self.height() / 2)
        draw_icon(painter, self._name, role_color(self._role, theme), center, theme=theme)
        painter.end()


def role_color(role: TextRole, theme: Theme) -> QtGui.QColor:
    """The colour of a role."""
    return {
        "text": theme.text, "dim": theme.dim, "faint": theme.faint, "error": theme.error, "warning": theme.warning,
        "accent": theme.link, "connected": theme.connected, "busy": theme.busy,
    }[role]


class Hairline(QtWidgets.QWidget, metaclass=QtClass):
    """A one-pixel line between regions."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None, *, vertical: bool = False) -> None:
        super().__init__(parent)
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), theme_of(self).hairline)
        painter.end()


class Ground(QtWidgets.QWidget, metaclass=QtClass):
    """A plain opaque surface: `raised` with a hairline and round corners, or the window's own ground."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None, *, raised: bool = False) -> None:
        super().__init__(parent)
        self._raised = raised

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        if not self._raised:
            painter.fillRect(self.rect(), theme.ground)
        else:
            painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
            painter.setPen(QtGui.QPen(theme.hairline, 1))
            painter.setBrush(theme.raised)
            rect = QtCore.QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(rect, theme.radius, theme.radius)
        painter.end()

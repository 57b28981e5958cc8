"""One line of input: the panel's keys pass through it, arrows go to the list beside it. Main thread."""

from __future__ import annotations

from typing import Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import draw_focus_ring, draw_icon
from .shortcuts import Shortcuts
from .theme import Theme, theme_of

Qt = QtCore.Qt


class LineEdit(QtWidgets.QLineEdit, metaclass=QtClass):
    """One line of input on the code ground with a visible ring; Esc is the panel's, Up and Down its neighbours'."""

    arrow_pressed = Signal(int)

    def __init__(self, placeholder: str = "", parent: Optional[QtWidgets.QWidget] = None, *, icon: str = "") -> None:
        super().__init__(parent)
        self._icon = icon
        self._shortcuts: Optional[Shortcuts] = None
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setFrame(False)
        self._apply()

    def sizeHint(self) -> QtCore.QSize:
        theme = self._theme()
        return QtCore.QSize(theme.space(40), max(theme.space(7), theme.icon_px + theme.space(3)))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(self._theme().space(16), self.sizeHint().height())

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.FontChange, QtCore.QEvent.Type.PaletteChange):
            self._apply()

    def set_shortcuts(self, shortcuts: Shortcuts) -> None:
        """The panel's own keys, which pass through to it."""
        self._shortcuts = shortcuts

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent):
            if self._shortcuts is not None and self._shortcuts.command_of(event) is not None:
                event.ignore()
                return False
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if self._shortcuts is not None and self._shortcuts.command_of(event) is not None:
            event.ignore()
            return
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.arrow_pressed.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
            return
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.arrow_pressed.emit(-8 if event.key() == Qt.Key.Key_PageUp else 8)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme()
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.rect())
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.code_ground)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        if self._icon:
            center = QtCore.QPointF(theme.space(2) + theme.icon_px / 2, self.height() / 2)
            draw_icon(painter, self._icon, theme.dim, center, theme=theme)
        painter.end()
        super().paintEvent(event)

    def _theme(self) -> Theme:
        # The field's own palette has a transparent Base, from which no theme can be computed.
        return theme_of(self.parentWidget() or self)

    def _apply(self) -> None:
        theme = self._theme()
        left = theme.space(2) + (theme.icon_px + theme.space(1) if self._icon else 0)
        self.setTextMargins(left - 2, 0, theme.space(2) - 2, 0)
        palette = self.palette()
        if palette.color(QtGui.QPalette.ColorRole.PlaceholderText) != theme.dim:
            palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor(0, 0, 0, 0))
            palette.setColor(QtGui.QPalette.ColorRole.PlaceholderText, theme.dim)
            self.setPalette(palette)

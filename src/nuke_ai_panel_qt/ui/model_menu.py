"""What can be done with one model of the picker: a menu of values. Main thread; owned by the picker."""

from __future__ import annotations

from typing import Sequence

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .icons import icon
from .panel_values import MenuEntry
from .theme import theme_of


class ModelMenu(QtWidgets.QMenu, metaclass=QtClass):
    """`chosen` carries the command of the entry that was picked."""

    chosen = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.triggered.connect(self._picked)

    def open_at(self, entries: Sequence[MenuEntry], place: QtCore.QPoint) -> None:
        """Opens at a place of the screen, without blocking."""
        self.clear()
        self._fill(self, entries)
        self.popup(place)

    def commands(self) -> tuple[str, ...]:
        """The commands on offer, those of inner menus too."""
        return tuple(_commands(self))

    def choose(self, command: str) -> None:
        """What a click on that entry does."""
        self.hide()
        self.chosen.emit(command)

    def _fill(self, menu: QtWidgets.QMenu, entries: Sequence[MenuEntry]) -> None:
        theme = theme_of(self)
        for entry in entries:
            if not entry.text:
                menu.addSeparator()
            elif entry.inner:
                inner = menu.addMenu(entry.text)
                if entry.icon:
                    inner.setIcon(icon(entry.icon, theme))
                self._fill(inner, entry.inner)
            else:
                action = QtGui.QAction(entry.text, menu)
                action.setData(entry.command)
                action.setEnabled(entry.is_enabled)
                if entry.icon:
                    action.setIcon(icon(entry.icon, theme))
                if entry.is_checked is not None:
                    action.setCheckable(True)
                    action.setChecked(entry.is_checked)
                menu.addAction(action)

    def _picked(self, action: QtGui.QAction) -> None:
        self.chosen.emit(str(action.data()))


def _commands(menu: QtWidgets.QMenu) -> list[str]:
    found: list[str] = []
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QtWidgets.QMenu):
            found += _commands(inner)
        elif action.data() and action.isEnabled():
            found.append(str(action.data()))
    return found

"""A choice of a few words behind one button. Main thread."""

from __future__ import annotations

from typing import Optional, Tuple

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button

Qt = QtCore.Qt


class Select(Button, metaclass=QtClass):
    """Shows the chosen words; a click, Space or the arrows choose others. `chosen` carries the new value.

    `chosen_again` says that the value that is shown was picked from the menu once more.
    """

    chosen = Signal(str)
    chosen_again = Signal(str)

    def __init__(self, name: str, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(" ", kind="outline", parent=parent)
        self._name = name
        self._choices: Tuple[Tuple[str, str], ...] = ()
        self._value = ""
        self.set_look(left=True, trailing="chevron-down", trailing_at_end=True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._open)

    def set_choices(self, choices: Tuple[Tuple[str, str], ...], value: str) -> None:
        """(words, value) of every choice, and the one that is chosen."""
        self._choices = choices
        values = [one[1] for one in choices]
        self._show(value if value in values else (values[0] if values else ""))

    def value(self) -> str:
        """The chosen value."""
        return self._value

    def choose(self, value: str) -> None:
        """Chooses, and says so if it is another."""
        if value != self._value:
            self._show(value)
            self.chosen.emit(value)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        values = [one[1] for one in self._choices]
        if step and values:
            self.choose(values[min(max(values.index(self._value) + step, 0), len(values) - 1)])
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
            return
        super().keyPressEvent(event)

    def _show(self, value: str) -> None:
        self._value = value
        words = next((one[0] for one in self._choices if one[1] == value), "")
        self.setText(words)
        self.setAccessibleName(f"{self._name}: {words}")

    def _open(self) -> None:
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setMinimumWidth(self.width())
        for words, value in self._choices:
            action = QtGui.QAction(words, menu)
            action.setData(value)
            action.setCheckable(True)
            action.setChecked(value == self._value)
            menu.addAction(action)
        menu.triggered.connect(self._picked)
        menu.popup(self.mapToGlobal(QtCore.QPoint(0, self.height())))

    def _picked(self, action: QtGui.QAction) -> None:
        value = str(action.data())
        if value == self._value:
            self.chosen_again.emit(value)
        self.choose(value)

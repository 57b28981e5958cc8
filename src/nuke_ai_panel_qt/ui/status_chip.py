"""The chosen model and the truth about the connection to it, as one button that opens the picker. Main thread."""

from __future__ import annotations

from typing import Optional

from ..qt import QtGui, QtWidgets
from .controls import Button
from .panel_values import ConnectionState, ConnectionValue
from .theme import Theme

# Shape and colour; the word stands in the tooltip, and beside the model whenever something is wrong.
_ICONS = {
    "unknown": "ring", "connecting": "clock", "connected": "dot", "unreachable": "offline", "needs key": "key",
    "forbidden": "shield",
}
_WORDS = {"unreachable": "unreachable", "needs key": "needs a key", "connecting": "connecting",
          "forbidden": "forbidden by policy"}


class StatusChip(Button):
    """State shape, model, chevron."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("Choose a model", icon="ring", parent=parent)
        self._value = ConnectionValue()
        self._tip = ""
        self.set_look(trailing="chevron-down", left=True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)

    def value(self) -> ConnectionValue:
        """What is shown."""
        return self._value

    def set_value(self, value: ConnectionValue, tip: str = "") -> None:
        """Shows another state; `tip` names the key that opens the picker."""
        if (value, tip) == (self._value, self._tip):
            return
        self._value, self._tip = value, tip
        word = _WORDS.get(value.state, "")
        model = short_model(value.model) or "Choose a model"
        self.setText(f"{model} · {word}" if word and value.model else model)
        self.set_icon(_ICONS[value.state])
        lines = [value.sentence or f"{value.provider_title}: {value.state}", tip]
        self.setToolTip("\n".join(line for line in lines if line))
        self.setAccessibleName(f"Model {value.model or 'none'}, {value.provider_title}, {value.state}")
        self.updateGeometry()
        self.update()

    def _icon_color(self, theme: Theme) -> QtGui.QColor:
        return state_color(self._value.state, theme)


def state_color(state: ConnectionState, theme: Theme) -> QtGui.QColor:
    """The colour of a state; never its only sign."""
    return {
        "unknown": theme.dim, "connecting": theme.busy, "connected": theme.connected, "unreachable": theme.error,
        "needs key": theme.warning, "forbidden": theme.error,
    }[state]


def short_model(model: str) -> str:
    """A model's id without its vendor's prefix: the part an artist recognises."""
    return model.rsplit("/", 1)[-1]


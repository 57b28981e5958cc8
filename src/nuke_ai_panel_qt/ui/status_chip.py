"""The chosen model and the truth about the connection to it, as one button that opens the picker. Main thread."""

from __future__ import annotations

from typing import Mapping, Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets
from .controls import Button
from .panel_values import ConnectionState, ConnectionValue
from .theme import Theme

Qt = QtCore.Qt
# Each state's own shape; its word stands in the tooltip, and beside the model whenever something is wrong.
STATE_ICONS: Mapping[ConnectionState, str] = {
    "unknown": "ring", "connecting": "clock", "connected": "dot", "degraded": "warning", "unreachable": "offline",
    "needs key": "key", "forbidden by policy": "shield",
}
# A name that is cut shorter than this, the "…" included, says nothing.
SHORTEST_NAME = 4
_QUIET = ("unknown", "connected")


class StatusChip(Button, metaclass=QtClass):
    """State shape, model, chevron."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("Choose a model"), icon="ring", parent=parent)
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
        word = "" if value.state in _QUIET else state_word(value.state)
        model = short_model(value.model) or tr("Choose a model")
        self.setText(f"{model} · {word}" if word and value.model else model)
        self.set_icon(STATE_ICONS[value.state])
        lines = [value.sentence or f"{value.provider_title}: {state_word(value.state)}", tip]
        self.setToolTip("\n".join(line for line in lines if line))
        self.setAccessibleName(tr("Model {model}, {provider_title}, {state_word}", model=value.model or 'none',
            provider_title=value.provider_title, state_word=state_word(value.state)))
        self.updateGeometry()
        self.update()

    def _text_in(self, room: int, metrics: QtGui.QFontMetrics) -> str:
        model, dot, word = self.text().rpartition(" · ")
        if not dot or metrics.horizontalAdvance(self.text()) <= room:
            return super()._text_in(room, metrics)
        # What is wrong is told before the model's name is told in full.
        left = room - metrics.horizontalAdvance(dot + word)
        name = metrics.elidedText(model, Qt.TextElideMode.ElideRight, left) if left > 0 else ""
        if len(name) < SHORTEST_NAME:
            return metrics.elidedText(word, Qt.TextElideMode.ElideRight, room)
        return name + dot + word

    def _icon_color(self, theme: Theme) -> QtGui.QColor:
        return state_color(self._value.state, theme)


def state_color(state: ConnectionState, theme: Theme) -> QtGui.QColor:
    """The colour of a state; never its only sign."""
    return {
        "unknown": theme.dim, "connecting": theme.busy, "connected": theme.connected, "degraded": theme.warning,
        "unreachable": theme.error, "needs key": theme.warning, "forbidden by policy": theme.error,
    }[state]


def state_word(state: ConnectionState) -> str:
    """A state as an artist reads it."""
    return {
        "unknown": tr("not asked yet"), "connecting": tr("connecting"), "connected": tr("connected"),
        "degraded": tr("degraded"), "unreachable": tr("unreachable"), "needs key": tr("needs a key"),
        "forbidden by policy": tr("forbidden by policy"),
    }[state]


def short_model(model: str) -> str:
    """A model's id without its vendor's prefix: the part an artist recognises."""
    return model.rsplit("/", 1)[-1]


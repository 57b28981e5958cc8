"""The keys of the transcript, and where Tab goes inside it. Main thread; owned by the transcript.

The host binds letters, arrows and Space for itself, so a key that is ours is claimed by accepting its ShortcutOverride.
Children of a transcript take the focus by click or by Tab through here, never by Qt's own chain: views are pooled, and
their order in that chain means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from ..qt import QtCore, QtGui, QtWidgets

if TYPE_CHECKING:
    from .transcript import Transcript

Qt = QtCore.Qt

_SCROLL_KEYS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_Space, Qt.Key.Key_F3,
)  # fmt: skip
_KEYPAD = Qt.KeyboardModifier.KeypadModifier


class TranscriptKeys:
    """Decides what a key does and does it."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript

    def owns(self, event: Any) -> bool:  # a QKeyEvent; PySide2 hands it over as a QEvent
        """Whether the host must not see this key while the focus is inside the transcript."""
        modifiers = event.modifiers() & ~_KEYPAD
        plain = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
        if event.key() in _SCROLL_KEYS and modifiers in plain:
            return True
        if event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and modifiers == Qt.KeyboardModifier.ControlModifier:
            return True
        if _steps_prompt(event):
            return True
        keys = QtGui.QKeySequence.StandardKey
        return any(event.matches(key) for key in (keys.Copy, keys.SelectAll))

    def press(self, event: QtGui.QKeyEvent) -> bool:
        """Acts on a key; whether it was ours. Space is always ours: it would maximise the host's pane."""
        key, transcript = event.key(), self._transcript
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        page = max(1, transcript.viewport().height() - 2 * transcript.theme().line_px)
        if _steps_prompt(event):
            transcript.step_prompt(-1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_F3:
            (transcript.find_prev if shifted else transcript.find_next)()
        elif event.modifiers() & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier):
            return False
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Space):
            up = key == Qt.Key.Key_PageUp or (key == Qt.Key.Key_Space and shifted)
            transcript.scroll_by(-page if up else page)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            transcript.scroll_by(transcript.theme().line_px * (-2 if key == Qt.Key.Key_Up else 2))
        elif key == Qt.Key.Key_Home:
            transcript.scroll_to_start()
        elif key == Qt.Key.Key_End:
            transcript.jump_to_latest()
        else:
            return False
        event.accept()
        return True

    def step_focus(self, forward: bool) -> bool:
        """Moves the focus to the next or previous thing inside; False when it leaves the transcript."""
        transcript = self._transcript
        stops = transcript.tab_stops()
        focused = QtWidgets.QApplication.focusWidget()
        if focused is None or not stops:
            return False
        if focused is transcript:
            # The newest answer is what an artist wants to act on, so Tab enters at its first action.
            target = stops[self._entry(stops)] if forward else None
        elif focused in stops:
            at = stops.index(focused) + (1 if forward else -1)
            target = stops[at] if 0 <= at < len(stops) else None if forward else transcript
        else:
            y = focused.mapTo(transcript, QtCore.QPoint(0, 0)).y()
            order = stops if forward else stops[::-1]
            below = [s for s in order if (s.mapTo(transcript, QtCore.QPoint(0, 0)).y() >= y) == forward]
            target = below[0] if below else None
        if target is None:
            # Qt leaves from here: the transcript has its place in the window's chain, its children have none.
            transcript.setFocus(Qt.FocusReason.TabFocusReason)
            return False
        target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        return True

    def _entry(self, stops: List[QtWidgets.QWidget]) -> int:
        transcript = self._transcript
        height = transcript.viewport().height()
        for index, stop in enumerate(stops):
            y = stop.mapTo(transcript, QtCore.QPoint(0, 0)).y()
            if 0 <= y < height:
                return index
        return 0


def _steps_prompt(event: QtGui.QKeyEvent) -> bool:
    wanted = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and (event.modifiers() & ~_KEYPAD) == wanted

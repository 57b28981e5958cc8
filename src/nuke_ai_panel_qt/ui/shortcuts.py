"""The panel's keys: one table, from which the keys, the tooltips and the sheet come. Main thread.

Nuke binds many of the same keys for its whole window, and where two shortcuts match Qt runs neither. So the panel
accepts ShortcutOverride for its own keys while the focus is inside it: the key then arrives as a plain key press that
Nuke never sees, and with the focus anywhere else nothing of ours can fire. The scope is that of
`WidgetWithChildrenShortcut`, without its ambiguity.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Optional, Tuple

from ..qt import QtCore, QtGui, flag_value
from .bindings import BINDINGS, COMPOSER_KEYS, CONTROL_SENDS_KEYS, Binding

__all__ = [
    "BINDINGS", "COMPOSER_KEYS", "CONTROL_SENDS_KEYS", "Binding", "Shortcuts", "is_editing", "is_writing",
    "keys_of_event",
]

Qt = QtCore.Qt


_MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"), (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift"), (Qt.KeyboardModifier.MetaModifier, "Meta"),
)


_EDITING_KEYS = frozenset({
    Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab,
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
})
_STANDARD = QtGui.QKeySequence.StandardKey
_EDITING = (
    _STANDARD.Undo, _STANDARD.Redo, _STANDARD.Cut, _STANDARD.Copy, _STANDARD.Paste, _STANDARD.SelectAll,
)


class Shortcuts:
    """Finds the command of a key press. `overrides` rebinds commands: command → keys; none takes them away."""

    def __init__(self, overrides: Optional[Mapping[str, Tuple[str, ...]]] = None) -> None:
        self._listeners: List[Callable[[], None]] = []
        self._take(overrides or {})

    def set_overrides(self, overrides: Mapping[str, Tuple[str, ...]]) -> bool:
        """Other keys from now on; whoever prints keys is told. False when nothing changed."""
        before = self._keys
        self._take(overrides)
        if self._keys == before:
            return False
        for listener in self._listeners:
            listener()
        return True

    def when_changed(self, listener: Callable[[], None]) -> None:
        """Calls `listener` now, and whenever keys changed; it lives as long as the panel."""
        self._listeners.append(listener)
        listener()

    def command_of(self, event: QtGui.QKeyEvent) -> Optional[str]:
        """The command that the pressed key stands for, if any."""
        return self._commands.get(_pressed(event))

    def keys_of(self, command: str) -> Tuple[str, ...]:
        """The keys of a command as text."""
        return self._keys.get(command, ())

    def conflicts(self, command: str) -> Tuple[str, ...]:
        """The other commands that have one of this command's keys."""
        mine = {_normal(key) for key in self.keys_of(command)}
        return tuple(
            one.command for one in BINDINGS
            if one.command != command and mine & {_normal(key) for key in self.keys_of(one.command)}
        )

    def tip(self, text: str, command: str) -> str:
        """A tooltip that prints the current key."""
        keys = self.keys_of(command)
        return f"{text}  ({keys[0]})" if keys else text

    def _take(self, overrides: Mapping[str, Tuple[str, ...]]) -> None:
        self._keys: Dict[str, Tuple[str, ...]] = {one.command: one.keys for one in BINDINGS}
        own = {command: keys for command, keys in overrides.items() if command in self._keys}
        # Where two commands have one key, the one that the artist has set answers.
        self._commands = {_normal(key): command for command, keys in self._keys.items() for key in keys
                          if command not in own}
        self._commands.update({_normal(key): command for command, keys in own.items() for key in keys})
        self._keys.update(own)


def keys_of_event(event: QtGui.QKeyEvent) -> str:
    """The pressed keys as text, such as Ctrl+Shift+M; empty while only modifiers are held."""
    if event.key() in (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr, 0):
        return ""
    return "+".join(_parts(event))


def is_writing(event: QtGui.QKeyEvent) -> bool:
    """Whether the key writes a character: Nuke maximises a pane on Space and draws nodes on letters."""
    held = flag_value(event.modifiers())
    chord = flag_value(Qt.KeyboardModifier.ControlModifier) | flag_value(Qt.KeyboardModifier.AltModifier)
    return bool(event.text()) and event.text().isprintable() and not held & chord


def is_editing(event: QtGui.QKeyEvent) -> bool:
    """Whether the key edits or moves in a text: in Nuke it would undo, copy or delete nodes, or step the frame."""
    return event.key() in _EDITING_KEYS or any(event.matches(one) for one in _EDITING)


def _pressed(event: QtGui.QKeyEvent) -> str:
    return _normal("+".join(_parts(event)))


def _parts(event: QtGui.QKeyEvent) -> List[str]:
    modifiers = flag_value(event.modifiers())
    parts = [name for flag, name in _MODIFIERS if modifiers & flag_value(flag)]
    key = flag_value(event.key())
    name = QtGui.QKeySequence(key).toString(QtGui.QKeySequence.SequenceFormat.PortableText)
    if name == "+" and "Shift" in parts:
        parts.remove("Shift")  # a plus needs Shift on most keyboards
    return [*parts, name]


def _normal(keys: str) -> str:
    head, plus, last = keys.rpartition("+")
    if not last and plus:  # the key is the plus itself
        head, last = keys[:-2], "+"
    return "+".join(sorted(part.lower() for part in head.split("+") if part)) + "|" + last.lower()

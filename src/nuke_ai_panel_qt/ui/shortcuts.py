"""The panel's keys: one table, from which the keys, the tooltips and the sheet come. Main thread.

Nuke binds many of the same keys for its whole window, and where two shortcuts match Qt runs neither. So the panel
accepts ShortcutOverride for its own keys while the focus is inside it: the key then arrives as a plain key press that
Nuke never sees, and with the focus anywhere else nothing of ours can fire. The scope is that of
`WidgetWithChildrenShortcut`, without its ambiguity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Tuple

from ..qt import QtCore, QtGui, flag_value

Qt = QtCore.Qt


@dataclass(frozen=True)
class Binding:
    """One command and its keys; `group` is its heading in the sheet."""

    command: str
    keys: Tuple[str, ...]
    sentence: str
    group: str


BINDINGS: Tuple[Binding, ...] = (
    Binding("new", ("Ctrl+N",), "New conversation", "Conversations"),
    Binding("list", ("Ctrl+K",), "Show or hide the conversations", "Conversations"),
    Binding("rename", ("F2",), "Rename this conversation", "Conversations"),
    Binding("find", ("Ctrl+F",), "Find in this conversation", "Conversations"),
    Binding("find_next", ("F3",), "Next hit", "Conversations"),
    Binding("find_previous", ("Shift+F3",), "Previous hit", "Conversations"),
    Binding("pick_model", ("Ctrl+Shift+M",), "Choose the model", "Models"),
    Binding("next_favourite", ("Alt+L",), "Next favourite model", "Models"),
    Binding("stop", ("Esc",), "Close what is open, else stop the answer", "Answers"),
    Binding("regenerate", ("Ctrl+R",), "Answer the last question again", "Answers"),
    Binding("copy_reply", ("Ctrl+Shift+C",), "Copy the last answer", "Answers"),
    Binding("copy_code", ("Ctrl+Shift+X",), "Copy the last code block", "Answers"),
    Binding("previous_prompt", ("Ctrl+Alt+Up",), "Previous question in the transcript", "Answers"),
    Binding("next_prompt", ("Ctrl+Alt+Down",), "Next question in the transcript", "Answers"),
    Binding("attach", ("Ctrl+Shift+A",), "Attach a file", "Composer"),
    Binding("composer", ("Ctrl+L",), "Go to the composer", "Composer"),
    Binding("zoom_in", ("Ctrl+=", "Ctrl++"), "Larger text (or Ctrl and the wheel)", "View"),
    Binding("zoom_out", ("Ctrl+-",), "Smaller text", "View"),
    Binding("zoom_reset", ("Ctrl+0",), "Normal text", "View"),
    Binding("help", ("F1", "Ctrl+/"), "This sheet", "View"),
)
# Keys that the composer itself answers to; listed in the sheet, handled in composer.py.
COMPOSER_KEYS: Tuple[Tuple[str, str], ...] = (
    ("Enter", "Send; while an answer runs, queue"),
    ("Shift+Enter", "New line"),
    ("Up on the first line", "Recall what you sent"),
    ("Ctrl+Up / Ctrl+Down", "Recall from anywhere"),
    ("Ctrl+Shift+V", "Paste as text, however long"),
)
_MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"), (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift"), (Qt.KeyboardModifier.MetaModifier, "Meta"),
)


class Shortcuts:
    """Finds the command of a key press. `overrides` rebinds commands: command → keys."""

    def __init__(self, overrides: Optional[Mapping[str, Tuple[str, ...]]] = None) -> None:
        self._keys: Dict[str, Tuple[str, ...]] = {one.command: one.keys for one in BINDINGS}
        self._keys.update(overrides or {})
        self._commands = {_normal(key): command for command, keys in self._keys.items() for key in keys}

    def command_of(self, event: QtGui.QKeyEvent) -> Optional[str]:
        """The command that the pressed key stands for, if any."""
        return self._commands.get(_pressed(event))

    def keys_of(self, command: str) -> Tuple[str, ...]:
        """The keys of a command as text."""
        return self._keys.get(command, ())

    def tip(self, text: str, command: str) -> str:
        """A tooltip that prints the current key."""
        keys = self.keys_of(command)
        return f"{text}  ({keys[0]})" if keys else text


def _pressed(event: QtGui.QKeyEvent) -> str:
    modifiers = flag_value(event.modifiers())
    parts = [name for flag, name in _MODIFIERS if modifiers & flag_value(flag)]
    key = flag_value(event.key())
    name = QtGui.QKeySequence(key).toString(QtGui.QKeySequence.SequenceFormat.PortableText)
    if name == "+" and "Shift" in parts:
        parts.remove("Shift")  # a plus needs Shift on most keyboards
    return _normal("+".join([*parts, name]))


def _normal(keys: str) -> str:
    head, plus, last = keys.rpartition("+")
    if not last and plus:  # the key is the plus itself
        head, last = keys[:-2], "+"
    return "+".join(sorted(part.lower() for part in head.split("+") if part)) + "|" + last.lower()

"""The dialog's keyboard page: every command with its keys, rebound by pressing others. Main thread."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Hairline, Text
from .settings_pages import Page
from .settings_values import ShortcutRow
from .shortcuts import keys_of_event
from .theme import theme_of

Qt = QtCore.Qt
WAITING = later("Press the keys …")
# What writing itself needs: a command there could no longer be typed around.
_WRITING = {
    "Ctrl+C": later("{keys} copies while you write."), "Ctrl+V": later("{keys} pastes while you write."),
    "Ctrl+X": later("{keys} cuts while you write."), "Ctrl+Z": later("{keys} undoes while you write."),
    "Ctrl+A": later("{keys} selects all while you write."),
    "Ctrl+Enter": later("{keys} sends while you write."), "Ctrl+Return": later("{keys} sends while you write."),
    "Shift+Return": later("{keys} breaks the line while you write."),
    "Shift+Enter": later("{keys} breaks the line while you write."),
}
_PLAIN_MODIFIERS = ("", "Shift")


def why_not(keys: str) -> str:
    """Why these keys cannot stand for a command, as a sentence; empty when they can."""
    head, _, last = keys.rpartition("+")
    if keys in _WRITING:
        return tr(_WRITING[keys], keys=keys)
    is_function = last[:1] == "F" and last[1:].isdigit()
    if head in _PLAIN_MODIFIERS and not is_function and last != "Esc":
        return tr("{keys} is needed for writing and moving: add Ctrl or Alt.", keys=keys)
    return ""


class KeyButton(Button, metaclass=QtClass):
    """A command's keys; pressed, it waits for others. `captured(keys)`."""

    captured = Signal(str)
    refused = Signal(str)
    is_waiting = False

    def __init__(self, sentence: str, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("–", kind="outline", parent=parent)
        self._sentence = sentence
        self._keys = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(self._wait)

    def set_keys(self, keys: Tuple[str, ...]) -> None:
        """The keys of now."""
        self._keys = tr("  or  ").join(keys) or tr("no key")
        if not self.is_waiting:
            self._say(self._keys)

    def event(self, event: QtCore.QEvent) -> bool:
        if self.is_waiting and isinstance(event, QtGui.QKeyEvent):
            if event.type() == QtCore.QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QtCore.QEvent.Type.KeyPress:
                self._take(event)
                return True
        return bool(super().event(event))

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._end()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._wait()
            return
        super().keyPressEvent(event)

    def _wait(self) -> None:
        self.is_waiting = True
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._say(tr(WAITING))

    def _take(self, event: QtGui.QKeyEvent) -> None:
        keys = keys_of_event(event)
        if not keys:
            return
        self._end()
        if keys == "Esc":
            return
        problem = why_not(keys)
        if problem:
            self.refused.emit(problem)
        else:
            self.captured.emit(keys)

    def _end(self) -> None:
        self.is_waiting = False
        self._say(self._keys)

    def _say(self, text: str) -> None:
        self.setText(text)
        self.setAccessibleName(f"{self._sentence}: {text}")
        self.updateGeometry()
        self.update()


class _CommandRow(QtWidgets.QWidget, metaclass=QtClass):
    """One command."""

    def __init__(self, row: ShortcutRow, page: KeyboardPage) -> None:
        super().__init__()
        self.command = row.command
        self._page = page
        theme = theme_of(self)
        self.keys = KeyButton(row.sentence)
        self.reset = Button(icon="retry", tip=tr("{sentence}: the keys it came with", sentence=row.sentence))
        self.none = Button(icon="close", tip=tr("{sentence}: no key", sentence=row.sentence))
        self.words = Text("", role="warning", size="small")
        line = QtWidgets.QHBoxLayout()
        line.setSpacing(theme.space(1))
        line.addWidget(Text(row.sentence, middle=True), 1)
        line.addWidget(self.keys)
        line.addWidget(self.none)
        line.addWidget(self.reset)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(line)
        box.addWidget(self.words)
        self.keys.captured.connect(self._captured)
        self.keys.refused.connect(self._refused)
        self.reset.clicked.connect(self._reset)
        self.none.clicked.connect(self._none)
        self.show_row(row)

    def show_row(self, row: ShortcutRow) -> None:
        self.keys.set_keys(row.keys)
        self.reset.setEnabled(row.is_own and not row.locked_by)
        self.none.setEnabled(bool(row.keys) and not row.locked_by)
        self.keys.setEnabled(not row.locked_by)
        said = tr("Decided by {locked_by}.", locked_by=row.locked_by) if row.locked_by else ""
        self._say(tr("The same keys are also “{clash}”.", clash=row.clash) if row.clash else said)

    def _say(self, words: str) -> None:
        self.words.set_text(words)
        self.words.setVisible(bool(words))

    def _captured(self, keys: str) -> None:
        self._page.rebound.emit(self.command, (keys,))

    def _refused(self, problem: str) -> None:
        self._say(problem)

    def _reset(self) -> None:
        self._page.rebound.emit(self.command, None)

    def _none(self) -> None:
        self._page.rebound.emit(self.command, ())


class KeyboardPage(Page, metaclass=QtClass):
    """`rebound(command, keys)`: a tuple of keys, empty for none, None for those it came with; `all_reset`."""

    rebound = Signal(str, object)
    all_reset = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.rows: Dict[str, _CommandRow] = {}
        self.title.set_text(tr("Keyboard"))
        self.lead.set_text(tr("The keys work while the panel has the focus; Nuke's own stay as they are elsewhere."))
        self.unknown = Text("", role="warning", size="small")
        self.reset_all = Button(tr("Reset all"), icon="retry", kind="outline", tip=tr("Every command as it came"))
        self.body.setSpacing(theme_of(self).space(1))
        self._list = QtWidgets.QVBoxLayout()
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.reset_all)
        row.addStretch(1)
        self.body.addWidget(self.title)
        self.body.addWidget(self.lead)
        self.body.addWidget(self.unknown)
        self.body.addLayout(self._list)
        self.body.addSpacing(theme_of(self).space(3))
        self.body.addLayout(row)
        self.body.addStretch(1)
        self.reset_all.clicked.connect(self.all_reset)

    def show_rows(self, rows: Tuple[ShortcutRow, ...], unknown: str) -> None:
        """Every command; `unknown` says which settings name none."""
        if not self.rows:
            group = ""
            for row in rows:
                if row.group != group:
                    group = row.group
                    self._list.addSpacing(theme_of(self).space(3))
                    self._list.addWidget(Text(group, role="dim", size="small"))
                    self._list.addWidget(Hairline())
                self.rows[row.command] = _CommandRow(row, self)
                self._list.addWidget(self.rows[row.command])
        for row in rows:
            self.rows[row.command].show_row(row)
        self.reset_all.setEnabled(any(row.is_own and not row.locked_by for row in rows))
        self.unknown.set_text(unknown)
        self.unknown.setVisible(bool(unknown))

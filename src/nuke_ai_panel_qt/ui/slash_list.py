"""What `/` offers at the beginning of a question, and the way through what is to be filled in. Main thread."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .icons import icon
from .panel_values import PromptRow
from .prompt_edit import PromptEdit
from .prompt_popup import PromptPopup
from .theme import theme_of

Qt = QtCore.Qt
MOST_ROWS = 8
MOST_TYPED = 100
_TYPED = re.compile(r"/([\w.-]*)\Z")
_VARIABLE = re.compile(r"\{\{[^{}\n]{1,80}\}\}")
_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape)


class SlashList(PromptPopup, metaclass=QtClass):
    """`asked(typed)` wants rows, `chosen(name)` was picked; what was typed is gone by then.

    It takes no focus: the question keeps the caret, and its arrows, Enter, Tab and Esc come here while this is open.
    Esc leaves the text as it is.
    """

    asked = Signal(str)
    chosen = Signal(str)

    def __init__(self, prompt: PromptEdit, parent: QtWidgets.QWidget) -> None:
        super().__init__(tr("Prompts"), prompt, parent)
        self._typed: Optional[str] = None
        self._is_dismissed = False

    def show_rows(self, rows: Tuple[PromptRow, ...]) -> None:
        """The rows for what is typed; none closes it."""
        current = self.currentItem().data(Qt.ItemDataRole.UserRole) if self.currentItem() is not None else ""
        self.clear()
        theme = theme_of(self)
        for row in rows:
            words = f"/{row.name}   {row.title}" + (tr("  (studio)") if row.is_studio else "")
            item = QtWidgets.QListWidgetItem(icon("text", theme), words)
            item.setData(Qt.ItemDataRole.UserRole, row.name)
            item.setToolTip(row.description)
            self.addItem(item)
            if row.name == current:
                self.setCurrentItem(item)
        if not rows or self._typed is None:
            self.hide()
            return
        if self.currentRow() < 0:
            self.setCurrentRow(0)
        self._place()
        self.show()
        self.raise_()

    def rows(self) -> List[str]:
        """The names that are offered."""
        names = [str(self.item(at).data(Qt.ItemDataRole.UserRole)) for at in range(self.count())]
        return names if self.isVisible() else []

    def _dismiss(self) -> None:
        self._is_dismissed = True

    def _look(self) -> None:
        cursor = self._prompt.textCursor()
        before = self._prompt.toPlainText()[: cursor.position()] if cursor.position() <= MOST_TYPED else ""
        match = _TYPED.match(before)
        self._typed = match.group(1) if match is not None and not cursor.hasSelection() else None
        if self._typed is None:
            self._is_dismissed = False
            self.hide()
        elif not self._is_dismissed and self._prompt.hasFocus():
            self.asked.emit(self._typed)

    def _pick(self, item: Optional[QtWidgets.QListWidgetItem]) -> None:
        if item is None or self._typed is None:
            return
        name = str(item.data(Qt.ItemDataRole.UserRole))
        cursor = self._prompt.textCursor()
        cursor.setPosition(0, QtGui.QTextCursor.MoveMode.KeepAnchor)
        self.hide()
        cursor.removeSelectedText()
        self._prompt.setTextCursor(cursor)
        self.chosen.emit(name)

    def _place(self) -> None:
        theme, panel = theme_of(self), self.parentWidget()
        width = min(theme.space(90), panel.width() - theme.space(4))
        height = self.sizeHintForRow(0) * min(self.count(), MOST_ROWS) + 2 * self.frameWidth()
        corner = self._prompt.mapTo(panel, QtCore.QPoint(0, 0))
        x = max(theme.space(1), min(corner.x() - theme.space(2.5), panel.width() - width - theme.space(2)))
        self.setGeometry(x, max(0, corner.y() - height - theme.space(3.5)), width, height)


class VariableSteps(QtCore.QObject, metaclass=QtClass):
    """Tab goes from one `{{variable}}` to the next, as long as a prompt of the library is being filled in."""

    def __init__(self, prompt: PromptEdit) -> None:
        super().__init__(prompt)
        self._prompt = prompt
        self._is_on = False
        prompt.installEventFilter(self)
        prompt.textChanged.connect(self._changed)

    def begin(self) -> None:
        """A prompt was put in: its first variable is selected, so that typing replaces it."""
        self._is_on = True
        self._select(0)

    def missing(self) -> List[str]:
        """What is still to be filled in."""
        return _VARIABLE.findall(self._prompt.toPlainText()) if self._is_on else []

    def end(self) -> None:
        """What is left is meant so."""
        self._is_on = False

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if not self._is_on or event.type() != QtCore.QEvent.Type.KeyPress or not isinstance(event, QtGui.QKeyEvent):
            return False
        if event.key() != Qt.Key.Key_Tab or self._prompt.has_preedit():
            return False
        return self._select(self._prompt.textCursor().selectionEnd())

    def _select(self, start: int) -> bool:
        text = self._prompt.toPlainText()
        found = _VARIABLE.search(text, start) or _VARIABLE.search(text)
        if found is None:
            return False
        cursor = self._prompt.textCursor()
        cursor.setPosition(found.start())
        cursor.setPosition(found.end(), QtGui.QTextCursor.MoveMode.KeepAnchor)
        self._prompt.setTextCursor(cursor)
        self._prompt.ensureCursorVisible()
        return True

    def _changed(self) -> None:
        if self._is_on and not self._prompt.toPlainText():
            self._is_on = False

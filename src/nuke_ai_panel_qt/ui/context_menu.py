"""What can go along with a question: the menu behind *+ Context*, and the names that @ offers. Main thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .icons import icon
from .prompt_edit import PromptEdit
from .prompt_popup import PromptPopup
from .theme import theme_of

Qt = QtCore.Qt
MOST_ROWS = 8
# A word, or a path from the root, the home, a drive or this folder.
_MENTION = re.compile(r"(?:^|(?<=\s))@([\w.]*|(?:[~/\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\])\S*)\Z")


@dataclass(frozen=True)
class ContextEntry:
    """One piece of context that can be added. `reason` says why not now; `word` is what @ calls it.

    A word that begins with @ is a folder, whose files are offered next.
    """

    key: str
    words: str
    icon: str
    reason: str = ""
    word: str = ""
    starts_group: bool = False


def open_context_menu(entries: Tuple[ContextEntry, ...], below: QtWidgets.QWidget, chosen: object) -> QtWidgets.QMenu:
    """Shows the menu over its button; `chosen` is called with the entry's key."""
    menu = QtWidgets.QMenu(below)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    theme = theme_of(below)
    for entry in entries:
        if entry.starts_group and menu.actions():
            menu.addSeparator()
        action = QtGui.QAction(entry.words, menu)
        action.setIcon(icon(entry.icon, theme))
        action.setData(entry.key)
        action.setEnabled(not entry.reason)
        action.setToolTip(entry.reason or entry.words)
        if entry.reason:
            action.setText(f"{entry.words}  ({entry.reason})")
        menu.addAction(action)
    menu.triggered.connect(lambda action: chosen(str(action.data())))  # type: ignore[operator]  # a callable
    menu.popup(below.mapToGlobal(QtCore.QPoint(0, -menu.sizeHint().height())))
    return menu


class Mentions(PromptPopup, metaclass=QtClass):
    """The names under an @ that begins a word. `asked(prefix)` wants rows; `chosen(key, word)` was picked.

    It takes no focus: the prompt keeps the caret, and its arrows, Enter, Tab and Esc come here while this is open. Esc
    leaves the text as it is and stays away until another @ begins.
    """

    asked = Signal(str)
    chosen = Signal(str, str)

    def __init__(self, prompt: PromptEdit, parent: QtWidgets.QWidget) -> None:
        super().__init__(tr("Nodes and context to mention"), prompt, parent)
        self._start = -1
        self._dismissed = -1
        self._asked = ""

    def show_rows(self, rows: Tuple[ContextEntry, ...]) -> None:
        """The rows for the last `asked`; none closes it."""
        chosen = self.currentItem().data(Qt.ItemDataRole.UserRole) if self.isVisible() and self.currentItem() else None
        self.clear()
        theme = theme_of(self)
        for row in rows:
            item = QtWidgets.QListWidgetItem(icon(row.icon, theme), row.words)
            item.setData(Qt.ItemDataRole.UserRole, (row.key, row.word))
            self.addItem(item)
        if not rows or self._start < 0:
            self.hide()
            return
        # Rows may come later; what the arrows stand on stays.
        self.setCurrentRow(next((at for at, row in enumerate(rows) if (row.key, row.word) == chosen), 0))
        self._place()
        self.show()
        self.raise_()

    def is_asking(self, prefix: str) -> bool:
        """Whether these are still the letters behind the @."""
        return self._start >= 0 and self._start != self._dismissed and self._asked == prefix

    def rows(self) -> List[str]:
        """What is offered."""
        return [self.item(at).text() for at in range(self.count())] if self.isVisible() else []

    def _dismiss(self) -> None:
        self._dismissed = self._start

    def _look(self) -> None:
        cursor = self._prompt.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        match = None if cursor.hasSelection() else _MENTION.search(before)
        if match is None:
            self._start = self._dismissed = -1
            self.hide()
            return
        self._start = cursor.block().position() + match.start()
        if self._start != self._dismissed:
            self._dismissed = -1
            self._asked = match.group(1)
            self.asked.emit(self._asked)

    def _pick(self, item: Optional[QtWidgets.QListWidgetItem]) -> None:
        if item is None or self._start < 0:
            return
        key, word = item.data(Qt.ItemDataRole.UserRole)
        cursor = self._prompt.textCursor()
        end = cursor.position()
        cursor.setPosition(self._start)
        cursor.setPosition(end, QtGui.QTextCursor.MoveMode.KeepAnchor)
        self.hide()
        is_on_its_way = word.startswith("@")  # a folder: what is in it is offered next
        cursor.insertText(word if is_on_its_way else f"{word} " if word else "")
        self._prompt.setTextCursor(cursor)
        if not is_on_its_way:
            self.chosen.emit(key, word)

    def _place(self) -> None:
        theme, panel = theme_of(self), self.parentWidget()
        widest = max(self.sizeHintForColumn(0) + theme.space(6), theme.space(40))
        width = min(widest, panel.width() - theme.space(4))
        height = self.sizeHintForRow(0) * min(self.count(), MOST_ROWS) + 2 * self.frameWidth()
        cursor = self._prompt.textCursor()
        cursor.setPosition(self._start)
        corner = self._prompt.mapTo(panel, self._prompt.cursorRect(cursor).topLeft())
        x = max(theme.space(2), min(corner.x(), panel.width() - width - theme.space(2)))
        self.setGeometry(x, max(0, corner.y() - height - theme.space(1)), width, height)

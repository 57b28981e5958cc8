"""The row over the transcript: conversations, title (click to rename), new, find, menu. Main thread."""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button
from .line_edit import LineEdit
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt
TEMPORARY = later("Temporary chat: nothing of it is stored, and it is gone when the program ends")


class TitleEdit(LineEdit, metaclass=QtClass):
    """The title while it is being renamed; leaving it keeps what was typed, Esc does not."""

    finished = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: QtWidgets.QWidget) -> None:
        super().__init__(tr("Title"), parent)
        self.set_shortcuts(shortcuts)
        self.returnPressed.connect(self.finished)

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.finished.emit()


class Header(QtWidgets.QWidget, metaclass=QtClass):
    """`renamed(title)`; the buttons speak for themselves."""

    renamed = Signal(str)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._can_rename = False
        self.list = Button(icon="menu")
        self.title = Button(tr("New conversation"))
        self.title.set_look(left=True)
        self.title.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.edit = TitleEdit(shortcuts, self)
        self.edit.hide()
        self.badge = Button(icon="shield", kind="outline", tip=tr(TEMPORARY))
        self.badge.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.badge.hide()
        self.source = Button(icon="link", tip=tr("To the chat that this one was taken from"))
        self.source.hide()
        self.new = Button(icon="new-chat")
        self.find_button = Button(icon="search")
        self.menu = Button(icon="more", tip=tr("More"))
        shortcuts.when_changed(lambda: self._print_keys(shortcuts))
        self._row = QtWidgets.QHBoxLayout(self)
        for part in (self.list, self.title, self.edit, self.badge, self.source, self.new, self.find_button, self.menu):
            self._row.addWidget(part, 1 if part in (self.title, self.edit) else 0)
        self._space()
        self.title.clicked.connect(self.start_renaming)
        self.edit.finished.connect(self._finish)

    def set_title(self, title: str, *, can_rename: bool) -> None:
        """The open conversation's title."""
        self._can_rename = can_rename
        self.title.setText(title)
        self.title.setAccessibleName(tr("Conversation: {title}", title=title))
        self.title.setEnabled(True)
        self.title.update()

    def set_marks(self, *, is_temporary: bool, has_source: bool) -> None:
        """Whether the chat is stored, and whether it was taken from another."""
        self.badge.setVisible(is_temporary)
        self.source.setVisible(has_source)

    def start_renaming(self) -> None:
        """Turns the title into a field."""
        if not self._can_rename:
            return
        self.edit.setText(self.title.text())
        self.title.hide()
        self.edit.show()
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def cancel_renaming(self) -> bool:
        """Leaves the field without a change; False when it was not open."""
        if self.edit.isHidden():
            return False
        self.edit.setText(self.title.text())
        self._finish()
        return True

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange and hasattr(self, "_row"):
            self._space()

    def _print_keys(self, shortcuts: Shortcuts) -> None:
        for button, text, command in (
            (self.list, tr("Conversations"), "list"), (self.new, tr("New conversation"), "new"),
            (self.find_button, tr("Find"), "find"),
        ):
            button.set_tip(shortcuts.tip(text, command))
        self.title.setToolTip(shortcuts.tip(tr("Rename"), "rename"))

    def _space(self) -> None:
        theme = theme_of(self)
        self._row.setContentsMargins(theme.space(2), theme.space(1), theme.space(2), theme.space(1))
        self._row.setSpacing(theme.space(0.5))

    def _finish(self) -> None:
        if self.edit.isHidden():
            return
        self.edit.hide()
        self.title.show()
        title = " ".join(self.edit.text().split())
        if title and title != self.title.text():
            self.title.setText(title)
            self.renamed.emit(title)

"""What can be done with the chats that are selected in the explorer: pin, tag, archive, export, delete. Main thread."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Text
from .explorer_filters import menu_words
from .explorer_values import ExplorerRow
from .line_edit import LineEdit
from .theme import theme_of

Qt = QtCore.Qt
EXPORTS: Tuple[Tuple[str, str], ...] = (
    (later("As JSON, with everything …"), "json"), (later("As Markdown …"), "markdown"),
    (later("As one page (HTML) …"), "html"),
)
_TURNS = {
    "pin": later("Pin"), "unpin": later("Unpin"), "archive": later("Archive"), "unarchive": later("Unarchive"),
}


class SelectionBar(QtWidgets.QWidget, metaclass=QtClass):
    """`acted(name)`: pin, unpin, archive, unarchive, delete, restore, forget, export:FORMAT; `tagged(tag, is_added)`.

    A `message` row stands for its conversation.
    """

    acted = Signal(str)
    tagged = Signal(str, bool)
    opened = Signal(object)
    rename_requested = Signal()
    left = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._rows: Tuple[ExplorerRow, ...] = ()
        self.known_tags: Tuple[str, ...] = ()
        self.label = Text("", role="dim", size="small", elide=True)
        self.pin, self.archive = Button(icon="pin"), Button(icon="archive")
        self.tag = Button(icon="tag", tip=tr("Tag"))
        self.export = Button(icon="download", tip=tr("Export"))
        self.delete = Button(icon="delete")
        self.restore = Button(icon="restore", tip=tr("Take back from the bin"))
        self.tag_edit = _TagEdit(tr("New tag"), self)
        self.tag_edit.hide()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme_of(self).space(0.5))
        row.addWidget(self.label, 1)
        row.addWidget(self.tag_edit, 1)
        for button in (self.restore, self.pin, self.tag, self.archive, self.export, self.delete):
            row.addWidget(button)
        self.pin.clicked.connect(lambda: self.acted.emit(self._turn("pin", "is_pinned")))
        self.archive.clicked.connect(lambda: self.acted.emit(self._turn("archive", "is_archived")))
        self.delete.clicked.connect(self.ask_delete)
        self.restore.clicked.connect(lambda: self.acted.emit("restore"))
        self.tag.clicked.connect(self._open_tags)
        self.export.clicked.connect(self._open_exports)
        self.tag_edit.returnPressed.connect(self._tag_typed)
        self.tag_edit.cancelled.connect(self._leave_tag)
        self.hide()

    def set_rows(self, rows: Tuple[ExplorerRow, ...]) -> None:
        """What is selected; nothing hides the bar."""
        self._rows = rows
        count = len({row.conversation_id for row in rows})
        in_bin = bool(rows) and all(row.is_deleted for row in rows)
        self.label.set_text(tr("{count:,} selected", "{count:,} selected", count=count))
        self.pin.set_tip(tr(_TURNS[self._turn("pin", "is_pinned")]))
        self.archive.set_tip(tr(_TURNS[self._turn("archive", "is_archived")]))
        self.delete.set_tip(tr("Delete for good") if in_bin else tr("Delete  (Del)"))
        self.restore.setVisible(in_bin)
        for button in (self.pin, self.tag, self.archive):
            button.setVisible(not in_bin)
        if not rows and self.tag_edit.isVisible():
            self._leave_tag()
        self.setVisible(bool(rows))

    def ask_delete(self) -> None:
        """Into the bin, or out of it for good."""
        if self._rows:
            self.acted.emit("forget" if all(row.is_deleted for row in self._rows) else "delete")

    def menu(self, parent: QtWidgets.QWidget, row: ExplorerRow) -> QtWidgets.QMenu:
        """The menu of a row: the same for all that are selected."""
        menu = QtWidgets.QMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Open")).triggered.connect(lambda: self.opened.emit(row))
        if len(self._rows) == 1:
            menu.addAction(f"{tr('Rename')}\tF2").triggered.connect(lambda: self.rename_requested.emit())
        menu.addSeparator()
        if all(one.is_deleted for one in self._rows):
            menu.addAction(tr("Take back from the bin")).triggered.connect(lambda: self.acted.emit("restore"))
        else:
            for turn in (self._turn("pin", "is_pinned"), self._turn("archive", "is_archived")):
                menu.addAction(tr(_TURNS[turn])).triggered.connect(lambda _=False, turn=turn: self.acted.emit(turn))
            self._add_tags(menu.addMenu(tr("Tag")))
        self._add_exports(menu.addMenu(tr("Export")))
        menu.addSeparator()
        menu.addAction(self.delete.toolTip().partition("  ")[0] + "\tDel").triggered.connect(lambda: self.ask_delete())
        return menu

    def tags_menu(self) -> QtWidgets.QMenu:
        """Every tag in use, ticked where all that are selected have it."""
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_tags(menu)
        return menu

    def exports_menu(self) -> QtWidgets.QMenu:
        """The formats."""
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_exports(menu)
        return menu

    def start_tagging(self) -> None:
        """A field for a tag that is not there yet."""
        self.label.hide()
        self.tag_edit.clear()
        self.tag_edit.show()
        self.tag_edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def _turn(self, name: str, holds: str) -> str:
        return f"un{name}" if self._rows and all(getattr(row, holds) for row in self._rows) else name

    def _add_tags(self, menu: QtWidgets.QMenu) -> None:
        own = tuple(tag for row in self._rows for tag in row.tags)
        for tag in sorted({*self.known_tags, *own}):
            is_on = bool(self._rows) and all(tag in row.tags for row in self._rows)
            action = QtGui.QAction(menu_words(tag), menu)
            action.setCheckable(True)
            action.setChecked(is_on)
            action.triggered.connect(lambda _=False, tag=tag, is_on=is_on: self.tagged.emit(tag, not is_on))
            menu.addAction(action)
        if menu.actions():
            menu.addSeparator()
        menu.addAction(tr("New tag …")).triggered.connect(lambda: self.start_tagging())

    def _add_exports(self, menu: QtWidgets.QMenu) -> None:
        for words, name in EXPORTS:
            menu.addAction(tr(words)).triggered.connect(lambda _=False, name=name: self.acted.emit(f"export:{name}"))

    def _open_tags(self) -> None:
        self._popup(self.tags_menu(), self.tag)

    def _open_exports(self) -> None:
        self._popup(self.exports_menu(), self.export)

    def _popup(self, menu: QtWidgets.QMenu, button: QtWidgets.QWidget) -> None:
        menu.popup(button.mapToGlobal(QtCore.QPoint(0, -menu.sizeHint().height())))

    def _tag_typed(self) -> None:
        tag = " ".join(self.tag_edit.text().split()).lstrip("#").strip()
        self._leave_tag()
        if tag:
            self.tagged.emit(tag, True)

    def _leave_tag(self) -> None:
        self.tag_edit.hide()
        self.label.show()
        self.left.emit()


class _TagEdit(LineEdit, metaclass=QtClass):
    """Esc leaves it alone, and not what it lies in."""

    cancelled = Signal()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
            return
        super().keyPressEvent(event)


def conversation_ids(rows: Sequence[ExplorerRow]) -> Tuple[str, ...]:
    """The conversations of rows, each once, in their order."""
    return tuple(dict.fromkeys(row.conversation_id for row in rows))

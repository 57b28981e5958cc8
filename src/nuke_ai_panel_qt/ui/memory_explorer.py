"""The memory explorer: every chat under its day, found as you type, filtered, counted and put in order. Main thread.

It lies over a panel or stands in a pane of its own, and knows values and signals only. Words are searched for a moment
after the last key, so that typing is never in the way of itself.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .columns import in_the_middle
from .controls import Button, Ground, Hairline, Text, TextRole
from .explorer_filters import FilterBar
from .explorer_list import ExplorerList
from .explorer_selection import SelectionBar
from .explorer_use import UseView
from .explorer_values import ExplorerRow, FilterChoices, Filters, Page
from .line_edit import LineEdit
from .notices import Toast
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt
SEARCH_AFTER_MS = 150
MAX_WIDTH_STEPS = 190
PAGES: Tuple[Tuple[str, Page, str], ...] = (
    (later("Chats"), "chats", later("Every chat, the newest first")),
    (later("Recent"), "recent", later("The newest messages of all chats")),
    (later("Use"), "use", later("Messages, sessions, tokens and cost over time")),
)


class MemoryExplorer(Ground, metaclass=QtClass):
    """`asked` when words, filters or the page changed; `opened(row)`, `more_wanted`, `renamed(id, title)`."""

    asked = Signal()
    opened = Signal(object)
    more_wanted = Signal()
    renamed = Signal(str, str)
    choices_wanted = Signal()
    close_requested = Signal()

    def __init__(
        self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None, *, can_close: bool = True
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Memory explorer"))
        self.page: Page = "chats"
        self._wanted_rows: Tuple[Sequence[str], str] = ((), "")
        self.pages = {page: Button(tr(words), tip=tr(tip)) for words, page, tip in PAGES}
        self.close_button = Button(icon="close", tip=tr("Close  (Esc)"))
        self.close_button.setVisible(can_close)
        self.query = LineEdit(tr("Search all chats"), icon="search")
        self.query.set_shortcuts(shortcuts)
        self.filters = FilterBar()
        self.count = Text("", role="dim", size="small", elide=True)
        self.filters.row.addWidget(self.count)
        self.list = ExplorerList(shortcuts)
        self.list.setAccessibleName(tr("Chats"))
        self.empty = Text("", role="dim")
        self.use = UseView()
        self.note = Text("", role="dim", size="small")
        self.selection = SelectionBar()
        self.toast = Toast(self)
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SEARCH_AFTER_MS)
        self._build()
        self._connect()
        self._show_page()

    # ------------------------------------------------------------ what the presenter sets

    def set_rows(self, rows: Tuple[ExplorerRow, ...], *, from_top: bool = False) -> None:
        """Shows these rows; the selection and the place stay unless `from_top`."""
        self.list.set_rows(rows, from_top=from_top)
        ids, current = self._wanted_rows
        if ids and rows:
            self._wanted_rows = ((), "")
            self.list.select(ids, current)
        self._show_selection()

    def set_words(self, *, count: str, note: str = "", role: TextRole = "dim", empty: str = "") -> None:
        """How many there are, what is to be known about them, and what stands in their place when there are none."""
        self.count.set_text(count)
        self.note.set_text(note, role)
        self.note.setVisible(bool(note) and self.page != "use")
        self.empty.set_text(empty)
        self.empty.setVisible(bool(empty) and self.page != "use")

    def set_choices(self, choices: FilterChoices) -> None:
        """What there is to filter by."""
        self.filters.choices = choices
        self.selection.known_tags = tuple(tag for _, tag in choices.tags)

    def say(self, text: str, *, action: str = "", run: object = None) -> None:
        """A toast; `run` is called by its button, or by Ctrl+Z while it stands."""
        self.toast.say(text, action=action, run=run if callable(run) else None)
        self._place_toast()

    # ------------------------------------------------------------ what it is asked

    def text(self) -> str:
        """What is searched for."""
        return str(self.query.text()).strip()

    def show_page(self, page: Page) -> None:
        """Chats, recent messages, or use."""
        if page != self.page:
            self.page = page
            self._show_page()
            self.asked.emit()

    def state(self) -> Dict[str, Any]:  # Any: plain values of many kinds
        """What the artist sees, as plain values for another explorer."""
        current = self.list.current()
        return {
            "page": self.page, "query": self.query.text(), "filters": asdict(self.filters.filters),
            "chosen": [row.id for row in self.list.chosen()], "current": current.id if current is not None else "",
            "measure": self.use.measure,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:  # Any: see state
        """Looks as another one did; what was selected is selected once it is there again."""
        known = {one.name for one in fields(Filters)}
        values = {name: value for name, value in dict(state.get("filters") or {}).items() if name in known}
        values["tags"] = tuple(values.get("tags") or ())
        self.filters.set_filters(Filters(**values))
        self.query.setText(str(state.get("query") or ""))
        self._timer.stop()
        self._wanted_rows = (tuple(state.get("chosen") or ()), str(state.get("current") or ""))
        self.use.measure = state.get("measure") or "messages"
        page = state.get("page")
        self.page = page if page in self.pages else "chats"
        self._show_page()

    def focus_query(self) -> None:
        """The caret into the search field, with its words selected."""
        self.query.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.query.selectAll()

    def undo(self) -> None:
        """What the toast offers."""
        if self.toast.isVisible() and self.toast.action.isVisible():
            self.toast.action.click()

    # ------------------------------------------------------------ Qt

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._place_toast()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(100), theme.space(160))

    def _build(self) -> None:
        theme = theme_of(self)
        head = QtWidgets.QHBoxLayout()
        head.setContentsMargins(theme.space(2), theme.space(1), theme.space(2), theme.space(1))
        head.setSpacing(theme.space(0.5))
        for button in self.pages.values():
            button.setCheckable(True)
            button.set_look(dim=True)
            head.addWidget(button)
        head.addStretch(1)
        head.addWidget(self.close_button)
        column = QtWidgets.QWidget()
        column.setMaximumWidth(theme.space(MAX_WIDTH_STEPS))
        body = QtWidgets.QVBoxLayout(column)
        body.setContentsMargins(theme.space(3), theme.space(3), theme.space(1.5), theme.space(2))
        body.setSpacing(theme.space(2))
        top = QtWidgets.QVBoxLayout()
        top.setContentsMargins(0, 0, theme.space(1.5), 0)
        top.setSpacing(theme.space(2))
        top.addWidget(self.query)
        top.addWidget(self.filters)
        top.addWidget(self.note)
        top.addWidget(self.empty)
        body.addLayout(top)
        body.addWidget(self.list, 1)
        body.addWidget(self.use, 1)
        body.addWidget(self.selection)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(Hairline())
        box.addWidget(in_the_middle(column), 1)

    def _connect(self) -> None:
        for page, button in self.pages.items():
            button.clicked.connect(lambda _=False, page=page: self._choose_page(page))
        self.close_button.clicked.connect(self.close_requested)
        self.query.textChanged.connect(self._wait)
        self.query.arrow_pressed.connect(self._to_list)
        self.query.returnPressed.connect(self._open_first)
        self._timer.timeout.connect(self._ask)
        self.filters.changed.connect(self._ask_filtered)
        self.filters.opening.connect(self.choices_wanted)
        self.list.opened.connect(self.opened)
        self.list.more_wanted.connect(self.more_wanted)
        self.list.selected.connect(self._show_selection)
        self.list.typed.connect(self._type_on)
        self.list.left_upwards.connect(self.focus_query)
        self.list.delete_requested.connect(self.selection.ask_delete)
        self.list.undo_requested.connect(self.undo)
        self.list.menu_requested.connect(self._open_menu)
        self.list.rows.renamed.connect(self.renamed)
        self.selection.opened.connect(self.opened)
        self.selection.rename_requested.connect(self.list.edit_current)
        self.selection.left.connect(self.list.setFocus)
        self.use.day_chosen.connect(self._day_chosen)
        self.use.name_chosen.connect(self._name_chosen)

    def _show_page(self) -> None:
        for page, button in self.pages.items():
            button.setChecked(page == self.page)
            button.setAccessibleName(f"{button.text()}{tr(', shown') if page == self.page else ''}")
        is_use = self.page == "use"
        self.list.setVisible(not is_use)
        self.use.setVisible(is_use)
        self.query.setVisible(not is_use)
        self.list.setAccessibleName(tr("Recent messages") if self.page == "recent" else tr("Chats"))
        for part in (self.note, self.empty):
            part.setVisible(bool(part.text()) and not is_use)
        self._show_selection()

    def _choose_page(self, page: Page) -> None:
        self.pages[page].setChecked(True)
        self.show_page(page)

    def _wait(self) -> None:
        self._timer.start()

    def _ask(self) -> None:
        self._timer.stop()
        self.asked.emit()

    def _ask_filtered(self, filters: object) -> None:
        self._ask()

    def _to_list(self, by: int) -> None:
        if by > 0 and self.list.rows.shown:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)
            if self.list.current() is None:
                self.list.step(1)

    def _open_first(self) -> None:
        if self._timer.isActive():
            self._ask()  # the words that stand there, not those before
            return
        row = self.list.current() or next(iter(self.list.rows.shown), None)
        if row is not None:
            self.opened.emit(row)

    def _type_on(self, text: str) -> None:
        self.query.setFocus(Qt.FocusReason.OtherFocusReason)
        self.query.setText(self.query.text() + text)

    def _show_selection(self) -> None:
        self.selection.set_rows(self.list.chosen() if self.page != "use" else ())

    def _open_menu(self, position: QtCore.QPoint) -> None:
        index = self.list.indexAt(position)
        row = self.list.rows.row(index.row()) if index.isValid() else self.list.current()
        if row is None:
            return
        self.selection.menu(self.list, row).popup(self.list.viewport().mapToGlobal(position))

    def _day_chosen(self, day: str) -> None:
        self._narrow(date=day)

    def _name_chosen(self, what: str, name: str) -> None:
        self._narrow(**{what: name})

    def _narrow(self, **changes: str) -> None:
        """From a figure to the chats behind it."""
        values = {**{one.name: getattr(self.filters.filters, one.name) for one in fields(Filters)}, **changes}
        self.filters.set_filters(Filters(**values))
        self.page = "chats"
        self._show_page()
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        self.asked.emit()

    def _place_toast(self) -> None:
        if self.toast.isVisible():
            bottom = self.selection.height() if self.selection.isVisible() else 0
            self.toast.place(self.rect().adjusted(0, 0, 0, -bottom - theme_of(self).space(2) if bottom else 0))


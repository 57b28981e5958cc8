"""The log over the panel: its newest entries last, a filter by words and by weight, and a copy of what is shown.

Knows values and signals only. Main thread.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .controls import Button, Text
from .details_sheet import colour_page, text_page
from .flow_row import FlowRow
from .line_edit import LineEdit
from .menus import Select
from .panel_values import LogEntry
from .sheets import Sheet
from .shortcuts import Shortcuts

LEVELS = (
    (later("Everything"), "debug"), (later("From notes on"), "info"), (later("Warnings and errors"), "warning"),
    (later("Errors"), "error"),
)
KEPT = (
    (later("Write down everything"), "debug"), (later("Write down notes and more"), "info"),
    (later("Write down warnings and errors"), "warning"), (later("Write down errors only"), "error"),
)
_ORDER = tuple(value for _, value in LEVELS)
FILTER_AFTER_MS = 120


class LogView(Sheet, metaclass=QtClass):
    """`copy_requested` and `refresh_requested` when their buttons are pressed, `kept_chosen` with a level's name."""

    kept_chosen = Signal(str)
    copy_requested = Signal()
    refresh_requested = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("Log"), parent, scrolls=False)
        self._entries: Tuple[LogEntry, ...] = ()
        self._shown: Tuple[LogEntry, ...] = ()
        self._place = ""
        self.query = LineEdit(tr("Words in the log"), icon="search")
        self.query.set_shortcuts(shortcuts)
        self.level = Select(tr("Level"))
        self.level.set_choices(tuple((tr(words), value) for words, value in LEVELS), "debug")
        self.kept = Select(tr("What is written down"))
        self.kept.set_choices(tuple((tr(words), value) for words, value in KEPT), "info")
        self.view = text_page(self)
        self.view.setAccessibleName(tr("Log"))
        self.note = Text("", role="dim", size="small")
        self.copy = Button(tr("Copy"), icon="copy", kind="outline", tip=tr("What is shown here"))
        self.refresh = Button(tr("Read again"), icon="retry", kind="outline")
        for part in (self.query, self.level, self.kept):
            self.body.addWidget(part)
        self.body.addWidget(self.view, 1)
        self.body.addWidget(self.note)
        self.body.addWidget(FlowRow((self.copy, self.refresh)))
        self.column.setMaximumWidth(1 << 20)
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FILTER_AFTER_MS)
        self._timer.timeout.connect(self._filter)
        self.query.textChanged.connect(self._wait)
        self.level.chosen.connect(self._filter)
        self.kept.chosen.connect(self.kept_chosen)
        self.copy.clicked.connect(self.copy_requested)
        self.refresh.clicked.connect(self.refresh_requested)

    def set_entries(self, entries: Tuple[LogEntry, ...], *, place: str) -> None:
        """Shows these, the newest last; the filter stays. `place` says where the files are."""
        self._entries, self._place = entries, place
        self._filter()

    def set_kept(self, level: str) -> None:
        """Says from which level on lines are written down."""
        self.kept.set_choices(tuple((tr(words), value) for words, value in KEPT), level)

    def shown(self) -> Tuple[LogEntry, ...]:
        """What the filter leaves."""
        return self._shown

    def text(self) -> str:
        """What is shown, as text."""
        return "\n".join(one.text for one in self._shown)

    def _wait(self) -> None:
        self._timer.start()

    def _filter(self, _: str = "") -> None:
        self._timer.stop()
        words = self.query.text().lower().split()
        least = _ORDER.index(self.level.value())
        self._shown = tuple(
            one for one in self._entries
            if _ORDER.index(one.level) >= least and all(word in one.text.lower() for word in words)
        )
        colour_page(self.view)
        self.view.setPlainText(self.text())
        bar = self.view.verticalScrollBar()
        bar.setValue(bar.maximum())
        self.copy.setEnabled(bool(self._shown))
        if self._shown:
            self.note.set_text(tr("{count:,} of {count2:,} entries. Kept in {place}", count=len(self._shown),
                count2=len(self._entries), place=self._place))
        else:
            self.note.set_text(tr("No entry fits.") if self._entries
                else tr("Nothing was logged yet. Kept in {place}", place=self._place))

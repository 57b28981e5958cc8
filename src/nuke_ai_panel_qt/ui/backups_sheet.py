"""The backups of the history: which there are, one more now, one of them back in a click, its check. Main thread.

Knows values and signals only.
"""

from __future__ import annotations

from typing import List, Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .controls import Button, Hairline, Text
from .flow_row import FlowRow
from .panel_values import BackupRow, BackupsPage
from .sheets import Sheet
from .theme import theme_of

Qt = QtCore.Qt


class BackupsSheet(Sheet, metaclass=QtClass):
    """`restore_requested(name)`, `back_up_requested`, `check_requested`, `confirmed` for a restored history."""

    restore_requested = Signal(str)
    back_up_requested = Signal()
    check_requested = Signal()
    confirmed = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("Backups of the history"), parent)
        theme = theme_of(self)
        self.lead = Text("", role="dim", size="small")
        self.back_up = Button(tr("Back up now"), icon="download", kind="outline", tip=tr(
            "A checked copy of every chat"))
        self.check = Button(tr("Check the history"), icon="check", kind="outline", tip=tr(
            "Looks at every page of the file; a damaged one is mended"))
        self.result = Text("", size="small")
        self.paused = Text("", role="warning", size="small")
        self.keep = Button(tr("It is the right one"), kind="outline", tip=tr("Automatic backups go on"))
        self._kept = FlowRow((self.keep,))
        self.empty = Text(tr("There is no backup yet. One is made after half an hour of use."), role="dim")
        self.rows: List[_Row] = []
        self._list = QtWidgets.QVBoxLayout()
        self._list.setSpacing(theme.space(1))
        self.body.addWidget(self.lead)
        self.body.addWidget(FlowRow((self.back_up, self.check)))
        self.body.addWidget(self.result)
        self.body.addWidget(self.paused)
        self.body.addWidget(self._kept)
        self.body.addWidget(Hairline())
        self.body.addWidget(self.empty)
        self.body.addLayout(self._list)
        self.body.addStretch(1)
        self.back_up.clicked.connect(self.back_up_requested)
        self.check.clicked.connect(self.check_requested)
        self.keep.clicked.connect(self.confirmed)
        self.say("")

    def set_page(self, page: BackupsPage) -> None:
        """Shows these backups."""
        self.lead.set_text(page.lead)
        self.paused.set_text(page.paused)
        for part in (self.paused, self._kept):
            part.setVisible(bool(page.paused))
        self.empty.setVisible(not page.rows)
        for row in self.rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [_Row(one) for one in page.rows]
        for row in self.rows:
            row.restore.clicked.connect(self._restore)
            self._list.addWidget(row)

    def say(self, words: str, *, is_warning: bool = False) -> None:
        """What came of the last command."""
        self.result.set_text(words, "warning" if is_warning else "text")
        self.result.setVisible(bool(words))

    def set_busy(self, busy: bool) -> None:
        """While a command is being carried out no other can be given."""
        for button in (self.back_up, self.check, self.keep, *(row.restore for row in self.rows)):
            button.setEnabled(not busy)

    def _restore(self) -> None:
        self.restore_requested.emit(self.sender().objectName())


class _Row(QtWidgets.QWidget, metaclass=QtClass):
    def __init__(self, value: BackupRow) -> None:
        super().__init__()
        theme = theme_of(self)
        self.restore = Button(tr("Restore"), kind="outline", tip=tr(
            "The history becomes what it was then; the present one becomes a backup first"))
        self.restore.setObjectName(value.name)
        self.restore.setAccessibleName(tr("Restore the backup of {when}", when=value.when))
        words = QtWidgets.QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Text(value.when, elide=True))
        words.addWidget(Text(value.facts, role="dim", size="small", elide=True))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, theme.space(1), 0, theme.space(1))
        row.setSpacing(theme.space(2))
        row.addLayout(words, 1)
        row.addWidget(self.restore)

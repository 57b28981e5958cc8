"""The batch view over a panel: a new batch, the run to watch, the runs there were. Values and signals; main thread.

The button that begins a run stands below everything and is always in sight, so that a selection is asked about with
two clicks: the one that opened the view, and that one.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .batch_past import PastRuns
from .batch_report import ReportView
from .batch_run import RunView
from .batch_setup import BatchSetup
from .batch_values import Page, PlanCard
from .columns import in_the_middle, scrolling
from .controls import Button, Hairline, Text
from .shortcuts import Shortcuts
from .tall_enough import TallEnough
from .theme import theme_of

Qt = QtCore.Qt
MAX_WIDTH_STEPS = 170
PAGES: Tuple[Tuple[str, Page, str], ...] = (
    (later("New"), "new", later("Choose a prompt and rows, and see the plan")),
    (later("Run"), "run", later("The run of now")), (later("Runs"), "runs", later("All runs, to see or go on with")),
)


class BatchView(QtWidgets.QWidget, metaclass=QtClass):
    """`page_chosen(page)` and `run_requested`; the rest is said by the parts."""

    page_chosen = Signal(str)
    run_requested = Signal()
    close_requested = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Batch"))
        self.page: Page = "new"
        self._awaits_plan = False
        self.pages: Dict[Page, Button] = {page: Button(tr(words), tip=tr(tip)) for words, page, tip in PAGES}
        self.close_button = Button(icon="close", tip=tr("Close  (Esc)"))
        self.setup = BatchSetup(shortcuts)
        self.run = RunView(shortcuts)
        self.past = PastRuns()
        self.report = ReportView(shortcuts)
        self.start = Button(tr("Run"), icon="run", kind="primary")
        self.start_note = Text("", role="dim", size="small")
        self._stack = QtWidgets.QStackedWidget()
        self._foot = QtWidgets.QWidget()
        self._build()
        for page, button in self.pages.items():
            button.clicked.connect(lambda _=False, page=page: self._choose(page))
        self.close_button.clicked.connect(self.close_requested)
        self.start.clicked.connect(self.run_requested)
        self.report.closed.connect(self._close_report)
        self.show_page("new")

    # ------------------------------------------------------------ what the desk sets

    def show_page(self, page: Page) -> None:
        """New, the run, or all runs."""
        self.page = page
        self._stack.setCurrentIndex(("new", "run", "runs").index(page))
        for name, button in self.pages.items():
            button.setChecked(name == page)
            button.setAccessibleName(tr("{words}, shown", words=button.text()) if name == page else button.text())
        self._foot.setVisible(page == "new")

    def show_report(self, text: str) -> None:
        """The report in place of the rows."""
        self.report.show_text(text)
        self._stack.setCurrentIndex(3)
        self.report.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def is_showing_report(self) -> bool:
        """Whether the report is read."""
        return self._stack.currentIndex() == 3

    def set_plan(self, card: PlanCard, *, why_not: str = "") -> None:
        """The plan, and whether it can be run; `why_not` is what stands in the way besides."""
        self.setup.set_plan(card)
        self.start.setText(card.run_words or tr("Run"))
        self.start.setAccessibleName(self.start.text())
        self.start.setEnabled(card.can_run and not why_not)
        self.start.updateGeometry()
        self.start_note.set_text(why_not)
        if self._awaits_plan and self.start.isEnabled():
            self._awaits_plan = False
            if self.setup.prompt.hasFocus():  # nobody has gone elsewhere meanwhile
                self.start.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_has_run(self, has_run: bool) -> None:
        """Whether there is a run to watch."""
        self.pages["run"].setEnabled(has_run)

    def focus_first(self) -> None:
        """The keyboard to what is most likely pressed next."""
        if self.page == "new":
            self._awaits_plan = not self.start.isEnabled()
            part: QtWidgets.QWidget = self.setup.prompt if self._awaits_plan else self.start
        else:
            part = self.run.results.list if self.page == "run" else self.pages["runs"]
        part.setFocus(Qt.FocusReason.OtherFocusReason)

    # ------------------------------------------------------------ Qt

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), theme_of(self).ground)
        painter.end()

    def _close_report(self) -> None:
        self.show_page("run")
        self.focus_first()

    def _choose(self, page: Page) -> None:
        self.show_page(page)
        self.page_chosen.emit(page)

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
        width = theme.space(MAX_WIDTH_STEPS)
        space = theme.space(4)
        for page in (_scrolled(_at_the_top(self.setup, space), width),
                     _scrolled(TallEnough(self.run, space=space), width),
                     _scrolled(_at_the_top(self.past, space), width), _middle(_column(self.report, space), width)):
            self._stack.addWidget(page)
        foot = QtWidgets.QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(0)
        foot.addWidget(Hairline())
        row = QtWidgets.QHBoxLayout()
        row.setContentsMargins(theme.space(4), theme.space(2), theme.space(4), theme.space(2))
        row.setSpacing(theme.space(3))
        row.addWidget(self.start_note, 1)
        row.addWidget(self.start)
        foot.addLayout(row)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(Hairline())
        box.addWidget(self._stack, 1)
        box.addWidget(self._foot)


def _column(part: QtWidgets.QWidget, space: int) -> QtWidgets.QWidget:
    """A part with room around it."""
    column = QtWidgets.QWidget()
    inner = QtWidgets.QVBoxLayout(column)
    inner.setContentsMargins(space, space, space, space)
    inner.addWidget(part)
    return column


def _at_the_top(part: QtWidgets.QWidget, space: int) -> QtWidgets.QWidget:
    """A part with room around it and whatever is left below it."""
    column = QtWidgets.QWidget()
    inner = QtWidgets.QVBoxLayout(column)
    inner.setContentsMargins(space, space, space, space)
    inner.addWidget(part)
    inner.addStretch(1)
    return column


def _middle(column: QtWidgets.QWidget, width: int) -> QtWidgets.QWidget:
    """A column in the middle, at most so wide."""
    column.setMaximumWidth(width)
    return in_the_middle(column)


def _scrolled(column: QtWidgets.QWidget, width: int) -> QtWidgets.QScrollArea:
    """The same in an area that scrolls."""
    area = scrolling(_middle(column, width))
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area

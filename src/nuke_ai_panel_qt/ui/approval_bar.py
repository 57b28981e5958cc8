"""Above the question: a tool of the running answer waits for a yes or a no. Main thread.

What would run is shown whole, with every character that hides visible; neither button is what Enter presses.
"""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtWidgets, Signal
from .controls import Button, Text
from .details_sheet import colour_page, text_page
from .flow_row import FlowRow
from .safe_text import code_to_approve
from .shortcuts import Shortcuts
from .theme import theme_of

MOST_LINES = 8


class ApprovalBar(QtWidgets.QWidget, metaclass=QtClass):
    """`answered(call_id, allowed)` when a button is pressed."""

    answered = Signal(str, bool)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.call_id = ""
        self.label = Text("", role="warning", size="small")
        self.preview = text_page(self)
        self.preview.setAccessibleName(tr("What would run"))
        self.allow = Button(tr("Allow"), icon="check", kind="outline")
        self.deny = Button(tr("Deny"), icon="close", kind="outline")
        shortcuts.when_changed(lambda: self.allow.set_tip(shortcuts.tip(tr("Let it run, this once"), "allow")))
        shortcuts.when_changed(lambda: self.deny.set_tip(shortcuts.tip(tr("The model is told so"), "deny")))
        theme = theme_of(self)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(theme.space(2.5), 0, 0, theme.space(1))
        box.setSpacing(theme.space(1))
        box.addWidget(self.label)
        box.addWidget(self.preview)
        box.addWidget(FlowRow((self.allow, self.deny)))
        self.allow.clicked.connect(self._allow)
        self.deny.clicked.connect(self._deny)
        self.hide()

    def show_question(self, call_id: str, summary: str, preview: str) -> None:
        """Asks about one call; an empty id asks nothing."""
        is_new, self.call_id = call_id != self.call_id, call_id
        if is_new and call_id:
            text = code_to_approve(preview)
            self.label.set_text(tr("Needs your approval: {summary}", summary=code_to_approve(summary)))
            colour_page(self.preview)
            self.preview.setPlainText(text)
            lines = min(text.count("\n") + 2, MOST_LINES)
            margin = 2 * theme_of(self).space(2)
            self.preview.setFixedHeight(lines * self.preview.fontMetrics().lineSpacing() + margin)
        self.setVisible(bool(call_id))

    def answer(self, *, allowed: bool) -> None:
        """What a button does; nothing while nothing is asked."""
        if self.call_id:
            self.answered.emit(self.call_id, allowed)

    def _allow(self) -> None:
        self.answer(allowed=True)

    def _deny(self) -> None:
        self.answer(allowed=False)

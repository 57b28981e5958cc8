"""What is about to happen in Nuke, to read before it happens: the code, what is doubtful about it, Run and Cancel.

Nothing runs but by a click on Run, or Space on it; Enter does nothing here. Control characters are written out, so that
what is read is what runs. Main thread.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .code_book import CodeLine
from .controls import Button, Text
from .menus import Select
from .message_parts import StateLine
from .safe_text import code_to_approve
from .scroll_bar import quiet_scrolling
from .sheets import Sheet
from .theme import scaled_font, theme_of

Qt = QtCore.Qt
_SHOWN = 200_000


class _RunButton(Button, metaclass=QtClass):
    """Answers to a click and to Space, never to Enter, whatever the desktop's habit is."""

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            return
        super().keyPressEvent(event)


class _Lines(QtWidgets.QWidget, metaclass=QtClass):
    """Findings, one under the other."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._lines: Tuple[StateLine, ...] = ()
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)

    def show_lines(self, lines: Tuple[CodeLine, ...]) -> None:
        """These and no others."""
        for old in self._lines:
            old.hide()
            old.deleteLater()
        made = []
        for told in lines:
            line = StateLine(theme_of(self), self)
            line.set_line(told.text, told.icon, theme_of(self), role=told.role)
            line.show()
            made.append(line)
        self._lines = tuple(made)
        self._arrange()

    def words(self) -> Tuple[str, ...]:
        """What they say."""
        return tuple(line.words() for line in self._lines)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._arrange()

    def _arrange(self) -> None:
        y, width = 0, max(self.width(), theme_of(self).space(30))
        for line in self._lines:
            height = line.height_for(width)
            line.setGeometry(0, y, width, height)
            y += height + theme_of(self).space(1)
        self.setFixedHeight(y)
        self.setVisible(bool(self._lines))


class RunSheet(Sheet, metaclass=QtClass):
    """`run_requested(target)`: the artist has read it and wants it; `target` is the chosen knob or empty."""

    run_requested = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("", parent, scrolls=False)
        self.facts = Text("", role="dim", size="small")
        self.findings = _Lines(self)
        self.target = Select(tr("Knob"))
        self.view = QtWidgets.QPlainTextEdit()
        quiet_scrolling(self.view)
        self.view.setReadOnly(True)
        self.view.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.view.setUndoRedoEnabled(False)
        self.view.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setTabChangesFocus(True)
        self.view.document().setDocumentMargin(theme_of(self).space(2))
        self.run_button = _RunButton(tr("Run"), icon="run", kind="primary", tip=tr("Do it in Nuke, as one step"))
        self.cancel = Button(tr("Cancel"), kind="outline", tip=tr("Run nothing  (Esc)"))
        self.run_button.clicked.connect(self._run)
        self.cancel.clicked.connect(self.close_requested)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(theme_of(self).space(2))
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.run_button)
        for part in (self.facts, self.findings, self.target):
            self.body.addWidget(part)
        self.body.addWidget(self.view, 1)
        self.body.addLayout(row)
        self.column.setMaximumWidth(1 << 20)

    def show_job(
        self, title: str, text: str, *, facts: str, lines: Tuple[CodeLine, ...], verb: str,
        targets: Tuple[str, ...] = (),
    ) -> None:
        """What would run; `targets` are the knobs to choose from."""
        theme = theme_of(self)
        self.title.set_text(title)
        self.facts.set_text(facts + (tr(" · the first {shown:,} characters are shown", shown=_SHOWN)
            if len(text) > _SHOWN else ""))
        self.findings.show_lines(lines)
        self.target.setVisible(bool(targets))
        self.target.set_choices(tuple((one, one) for one in targets), targets[0] if targets else "")
        self.run_button.setText(verb)
        self.run_button.updateGeometry()
        palette = self.view.palette()
        palette.setColor(QtGui.QPalette.ColorRole.Base, theme.code_ground)
        palette.setColor(QtGui.QPalette.ColorRole.Text, theme.text)
        self.view.setPalette(palette)
        self.view.setFont(scaled_font(theme.code, 1.0))
        self.view.setPlainText(code_to_approve(text[:_SHOWN]))
        self.view.setFocus(Qt.FocusReason.PopupFocusReason)

    def warn(self, lines: Tuple[CodeLine, ...]) -> None:
        """Other things to know, while the same is shown."""
        self.findings.show_lines(lines)

    def _run(self) -> None:
        self.run_requested.emit(self.target.value() if not self.target.isHidden() else "")

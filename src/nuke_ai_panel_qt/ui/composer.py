"""Where the next question is written: queue, chips, text, and one row of model, context, size and Send. Main thread.

Send becomes Stop in the same click. The composer owns no state of a conversation: it says what was typed and clicked,
and shows what it is told.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .approval_bar import ApprovalBar
from .chip_row import ChipRow
from .context_meter import ContextMeter
from .controls import Button, Text, draw_focus_ring
from .limit_bar import LimitBar
from .message_view import NARROW_PX
from .panel_values import QueuedQuestion
from .prompt_edit import PromptEdit
from .shortcuts import Shortcuts
from .status_chip import StatusChip
from .theme import theme_of
from .values import Chip

MAX_SHARE = 0.4
INSET_STEPS = 2.5
NARROW_STEPS = 100  # below this many grid steps the row sheds words


class SendButton(Button, metaclass=QtClass):
    """Send and Stop are one button; the second half of a double click never stops what the first half sent."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(icon="send", kind="primary", tip=tr("Send"), parent=parent)
        self._running = False

    def set_running(self, running: bool) -> None:
        """Stop while an answer runs."""
        self._running = running
        self.set_icon("stop" if running else "send")
        self.set_kind("outline" if running else "primary")

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._running:
            event.accept()
            return
        super().mouseDoubleClickEvent(event)


class QueueRow(QtWidgets.QWidget, metaclass=QtClass):
    """One question that waits: edit it, or take it away."""

    def __init__(self, question: QueuedQuestion, composer: Composer) -> None:
        super().__init__(composer)
        self.question = question
        self._composer = composer
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme_of(self).space(1))
        words = " ".join(question.text.split()) or tr("(attachment only)")
        self.label = Text(tr("Next: {words}", words=words), role="dim", size="small", elide=True)
        self.edit = Button(icon="edit", tip=tr("Back to the composer"))
        self.remove = Button(icon="close", tip=tr("Do not send this"))
        self.send = Button(icon="send", tip=tr("Send now"))
        self.send.clicked.connect(self._send)
        self.edit.clicked.connect(self._edit)
        self.remove.clicked.connect(self._remove)
        row.addWidget(self.label, 1)
        row.addWidget(self.send)
        row.addWidget(self.edit)
        row.addWidget(self.remove)

    def _send(self) -> None:
        self._composer.queue_sent.emit(self.question.id)

    def _edit(self) -> None:
        self._composer.queue_edited.emit(self.question.id)

    def _remove(self) -> None:
        self._composer.queue_removed.emit(self.question.id)


class Composer(QtWidgets.QWidget, metaclass=QtClass):
    """`submitted` carries the text; clearing it is up to the one who accepts it."""

    submitted = Signal(str)
    stop_requested = Signal()
    edited = Signal()
    long_paste = Signal(str)
    files_dropped = Signal(object)
    attach_requested = Signal()
    context_requested = Signal()
    chip_opened = Signal(str)
    chip_removed = Signal(str)
    queue_edited = Signal(str)
    queue_removed = Signal(str)
    queue_sent = Signal(str)
    pick_model_requested = Signal()
    editing_cancelled = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        self._blocked = ""
        self._running = False
        self._width = self._bar_px = 0
        self._queue: Tuple[QueueRow, ...] = ()
        self.setAcceptDrops(True)
        self.prompt = PromptEdit(shortcuts, self)
        self.chips = ChipRow(self)
        self.status = StatusChip(self)
        self.attach = Button(tr("Context"), icon="plus")
        shortcuts.when_changed(
            lambda: self.attach.set_tip(shortcuts.tip(tr("Add context: nodes, the script, files, pictures"), "attach"))
        )
        self.attach.set_look(dim=True)
        self.meter = ContextMeter(self)
        self.send = SendButton(self)
        self.hint = Text("", role="warning", size="small")
        self.limit = LimitBar(self)
        self.approval = ApprovalBar(shortcuts, self)
        self.editing = QtWidgets.QWidget(self)
        self._build()
        self._connect()
        self._refresh()

    # ------------------------------------------------------------ setters

    def text(self) -> str:
        """What is written."""
        return self.prompt.toPlainText()

    def caret(self) -> int:
        """Where the caret stands, in characters."""
        return self.prompt.textCursor().position()

    def set_text(self, text: str, caret: Optional[int] = None) -> None:
        """Replaces what is written."""
        self.prompt.set_text(text, caret)

    def set_chips(self, chips: Tuple[Chip, ...]) -> None:
        """The attachments of the next question."""
        self.chips.set_chips(chips)
        stops = (self.send, *self.chips.buttons(), self.status)
        for first, second in zip(stops, stops[1:]):
            QtWidgets.QWidget.setTabOrder(first, second)
        self._refresh()

    def set_queue(self, questions: Tuple[QueuedQuestion, ...]) -> None:
        """The questions that wait for the running answer."""
        if questions == tuple(row.question for row in self._queue):
            return
        for row in self._queue:
            row.hide()
            row.deleteLater()
        self._queue = tuple(QueueRow(question, self) for question in questions)
        for row in self._queue:
            self._queue_box.addWidget(row)
        self._queue_frame.setVisible(bool(questions))
        self._refresh()

    def queue_rows(self) -> Tuple[QueueRow, ...]:
        """The waiting questions on show."""
        return self._queue

    def set_running(self, running: bool) -> None:
        """Whether an answer is on its way: Send is Stop, Enter queues."""
        if running != self._running:
            self._running = running
            self.send.set_running(running)
            self._refresh()

    def set_blocked(self, reason: str) -> None:
        """Why nothing can be sent now ("" when it can); what is written stays."""
        self._blocked = reason
        if not reason:
            self.hint.hide()
        self._refresh()

    def set_placeholder(self, text: str) -> None:
        """The words in the empty composer."""
        self.prompt.setPlaceholderText(text)

    def set_editing(self, editing: bool) -> None:
        """Whether the text replaces an earlier question; a line above says so and offers the way out."""
        self.editing.setVisible(editing)

    def set_room(self, panel_height: int, panel_width: int, *, bar_px: int = 0) -> None:
        """The panel's size: the text may take 40 % of its height; a narrow row sheds words.

        `bar_px` is the width of the transcript's scroll bar, which moves the middle of a wide panel.
        """
        self.prompt.set_max_height(int(panel_height * MAX_SHARE))
        narrow = panel_width < theme_of(self).space(NARROW_STEPS)
        self.attach.setText("" if narrow else tr("Context"))
        self.attach.updateGeometry()
        self.meter.set_narrow(narrow)
        self._width, self._bar_px = panel_width, bar_px
        self._space()

    def nudge(self, text: str) -> None:
        """One line over the text that says why nothing happened."""
        self.hint.set_text(text)
        self.hint.setVisible(bool(text))

    def is_running(self) -> bool:
        """Whether Send is Stop now."""
        return self._running

    # ------------------------------------------------------------ inside

    def _build(self) -> None:
        theme = theme_of(self)
        self._outer = QtWidgets.QHBoxLayout(self)
        self._column = QtWidgets.QWidget(self)
        self._outer.addStretch(1)
        self._outer.addWidget(self._column, 1000)
        self._outer.addStretch(1)
        self._box = QtWidgets.QVBoxLayout(self._column)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._queue_frame = QtWidgets.QWidget(self)
        self._queue_box = QtWidgets.QVBoxLayout(self._queue_frame)
        inset = theme.space(INSET_STEPS)
        self._queue_box.setContentsMargins(inset, 0, 0, 0)
        self._queue_box.setSpacing(0)
        self._queue_frame.hide()
        editing = QtWidgets.QHBoxLayout(self.editing)
        editing.setContentsMargins(inset, 0, 0, 0)
        self.cancel_editing = Button(tr("Cancel"), tip=tr("Leave the question as it was"))
        self.cancel_editing.set_look(dim=True)
        editing.addWidget(Text(tr("Editing an earlier question: sending starts a branch"), role="dim", size="small",
                               elide=True), 1)
        editing.addWidget(self.cancel_editing)
        self.editing.hide()
        self.hint.hide()
        self._field = _Field(self)
        field = QtWidgets.QVBoxLayout(self._field)
        field.setContentsMargins(theme.space(INSET_STEPS), theme.space(2), theme.space(INSET_STEPS), theme.space(2))
        field.setSpacing(theme.space(1.5))
        field.addWidget(self.chips)
        field.addWidget(self.prompt)
        self._row = QtWidgets.QHBoxLayout()
        self._row.addWidget(self.status)
        self._row.addWidget(self.attach)
        self._row.addStretch(1)
        self._row.addWidget(self.meter)
        self._row.addWidget(self.send)
        hint = QtWidgets.QHBoxLayout()
        hint.setContentsMargins(inset, 0, inset, 0)
        hint.addWidget(self.hint)
        self._box.addWidget(self._queue_frame)
        self._box.addWidget(self.editing)
        self._box.addWidget(self.approval)
        self._box.addWidget(self.limit)
        self._box.addLayout(hint)
        self._box.addWidget(self._field)
        self._box.addLayout(self._row)
        self._space()
        for first, second in ((self.prompt, self.send), (self.send, self.status), (self.status, self.attach)):
            QtWidgets.QWidget.setTabOrder(first, second)

    def _space(self) -> None:
        # The field's text stands on the transcript's left line, its border where a question's ground begins.
        theme = theme_of(self)
        side = theme.space((3.5 if self._width < NARROW_PX else 4) - INSET_STEPS)
        column = theme.measure_px + 2 * theme.space(INSET_STEPS)
        right = side + self._bar_px if self._width > column + 2 * side + self._bar_px else side
        self._outer.setContentsMargins(side, theme.space(2), right, theme.space(2))
        self._column.setMaximumWidth(column)
        self._box.setSpacing(theme.space(1.5))
        self._row.setSpacing(theme.space(1))

    def _connect(self) -> None:
        self.prompt.submitted.connect(self._submit)
        self.prompt.textChanged.connect(self._text_changed)
        self.prompt.cursorPositionChanged.connect(self.edited)
        self.prompt.long_paste.connect(self.long_paste)
        self.prompt.files_pasted.connect(self.files_dropped)
        self.prompt.focus_changed.connect(self._field.update)
        self.send.clicked.connect(self._send_clicked)
        self.attach.clicked.connect(self.context_requested)
        self.status.clicked.connect(self.pick_model_requested)
        self.chips.opened.connect(self.chip_opened)
        self.chips.removed.connect(self.chip_removed)
        self.cancel_editing.clicked.connect(self.editing_cancelled)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange and hasattr(self, "_box"):
            self._space()

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.files_dropped.emit(files)

    def _send_clicked(self) -> None:
        if self._running:
            self.stop_requested.emit()
        else:
            self._submit()

    def _submit(self) -> None:
        if self._blocked:
            self.nudge(self._blocked)
        elif self._has_content():
            self.nudge("")
            self.submitted.emit(self.text())

    def _has_content(self) -> bool:
        return bool(self.text().strip()) or bool(self.chips.buttons())

    def _text_changed(self) -> None:
        if not self._blocked:
            self.nudge("")
        self._refresh()
        self.edited.emit()

    def _refresh(self) -> None:
        ready = self._running or self._has_content()
        for row in self._queue:
            row.send.setVisible(not self._running)
        self.send.setEnabled(ready)
        if self._running:
            self.send.set_tip(self._shortcuts.tip(tr("Stop"), "stop"))
        elif self._blocked:
            self.send.set_tip(self._blocked)
        else:
            self.send.set_tip(tr("Send  ({sending_key})", sending_key=self.prompt.sending_key) if ready
                else tr("Write a question first"))


class _Field(QtWidgets.QWidget, metaclass=QtClass):
    """The ground behind chips and text; its ring shows the text's focus."""

    def __init__(self, composer: Composer) -> None:
        super().__init__(composer)
        self._composer = composer

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self._composer.prompt.setFocus()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.rect())
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.code_ground)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        if self._composer.prompt.hasFocus():
            draw_focus_ring(painter, rect, theme)
        painter.end()

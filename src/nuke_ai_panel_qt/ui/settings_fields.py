"""One setting in the dialog: its label, a field of the right kind, and what is to be said about it. Main thread.

A field says `edited` when the artist leaves it with another text than it had. What was typed stays in it, also when it
was wrong, until the desk shows another value; a value that arrives while somebody types does not overwrite them.
"""

from __future__ import annotations

from typing import Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Text, draw_focus_ring
from .line_edit import LineEdit
from .menus import Select
from .scroll_bar import quiet_scrolling
from .settings_values import FieldValue
from .theme import mix, theme_of

Qt = QtCore.Qt
LABEL_STEPS, LINES_STEPS, NARROW_STEPS = 34, 22, 100


class Switch(Button, metaclass=QtClass):
    """On or off; the words beside it say which."""

    def __init__(self, name: str, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__("", parent=parent)
        self._name = name
        self.setCheckable(True)
        self.toggled.connect(self._describe)
        self._describe()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        words = QtGui.QFontMetrics(theme.body).horizontalAdvance("Off ")
        return QtCore.QSize(theme.space(9) + theme.space(2) + words, theme.space(7))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        height, width = theme.space(4.5), theme.space(8)
        track = QtCore.QRectF(1, (self.height() - height) / 2, width, height)
        color = theme.accent if self.isChecked() else mix(theme.ground, theme.text, 0.3)
        if not self.isEnabled():
            color = mix(theme.ground, color, 0.45)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(track, height / 2, height / 2)
        side = height - theme.space(1)
        left = track.right() - side - theme.space(0.5) if self.isChecked() else track.left() + theme.space(0.5)
        painter.setBrush(theme.accent_text if self.isChecked() else theme.ground)
        painter.drawEllipse(QtCore.QRectF(left, track.center().y() - side / 2, side, side))
        painter.setFont(theme.body)
        painter.setPen(theme.text if self.isEnabled() else theme.faint)
        words = QtCore.QRectF(track.right() + theme.space(2), 0, self.width(), self.height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), tr("On") if self.isChecked() else tr("Off"))
        if self.hasFocus():
            draw_focus_ring(painter, track.adjusted(-1, -1, 1, 1), theme)
        painter.end()

    def _describe(self, checked: bool = False) -> None:
        self.setAccessibleName(f"{self._name}: {tr('on') if self.isChecked() else tr('off')}")


class TextArea(QtWidgets.QPlainTextEdit, metaclass=QtClass):
    """Several lines on the code ground; Tab leaves it. `left` when the focus goes."""

    left = Signal()

    def __init__(self, name: str, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        quiet_scrolling(self)
        self.setAccessibleName(name)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(theme_of(self).space(1))
        self.viewport().setAutoFillBackground(False)

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self.parentWidget() or self)
        return QtCore.QSize(theme.space(40), theme.space(LINES_STEPS))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self.parentWidget() or self).space(16), self.sizeHint().height())

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent):
            if event.key() != Qt.Key.Key_Escape:
                event.accept()
            return True
        return bool(super().event(event))

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self.parentWidget() or self)
        painter = QtGui.QPainter(self.viewport())
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.viewport().rect())
        painter.setPen(QtGui.QPen(theme.hairline, 1))
        painter.setBrush(theme.code_ground)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        if self.placeholder and not self.toPlainText():
            painter.setPen(theme.dim)
            painter.setFont(self.font())
            inset = theme.space(2)
            painter.drawText(rect.adjusted(inset, inset, -inset, -inset), int(Qt.TextFlag.TextWordWrap),
                             self.placeholder)
        painter.end()
        super().paintEvent(event)

    placeholder = ""


class LabelledRow(QtWidgets.QBoxLayout, metaclass=QtClass):
    """A label at the left of a column, above it where there is little room."""

    def __init__(self, label: Text, column: QtWidgets.QBoxLayout) -> None:
        super().__init__(QtWidgets.QBoxLayout.Direction.LeftToRight)
        self._label = label
        self._is_narrow: Optional[bool] = None
        self.setContentsMargins(0, 0, 0, 0)
        self.addWidget(label, 0, Qt.AlignmentFlag.AlignTop)
        self.addLayout(column, 1)
        self.fit(1 << 14)

    def fit(self, width: int) -> None:
        """Lays both out for that much room."""
        theme = theme_of(self._label)
        is_narrow = width < theme.space(NARROW_STEPS)
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        direction = QtWidgets.QBoxLayout.Direction
        self.setDirection(direction.TopToBottom if is_narrow else direction.LeftToRight)
        self.setSpacing(theme.space(1 if is_narrow else 3))
        self._label.setMinimumHeight(0 if is_narrow else max(theme.space(7), theme.icon_px + theme.space(3)))
        self._label.setMinimumWidth(0 if is_narrow else theme.space(LABEL_STEPS))
        self._label.setMaximumWidth(1 << 14 if is_narrow else theme.space(LABEL_STEPS))


class SettingField(QtWidgets.QWidget, metaclass=QtClass):
    """A label at the left, the field and its words at the right. `edited(name, text)`."""

    edited = Signal(str, str)

    def __init__(self, value: FieldValue, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.value = value
        self._told = value.text
        theme = theme_of(self)
        self.label = Text(value.label, middle=True)
        self.sentence = Text("", role="dim", size="small")
        self.problem = Text("", role="error", size="small")
        self.editor = self._made(value)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(theme.space(1))
        column.addWidget(self.editor)
        column.addWidget(self.problem)
        column.addWidget(self.sentence)
        self._row = LabelledRow(self.label, column)
        self.setLayout(self._row)
        self._show_all(value)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._row.fit(self.width())

    def text(self) -> str:
        """What stands in the field."""
        editor = self.editor
        if isinstance(editor, Switch):
            return "true" if editor.isChecked() else "false"
        if isinstance(editor, Select):
            return editor.value()
        if isinstance(editor, TextArea):
            return editor.toPlainText()
        return editor.text() if isinstance(editor, LineEdit) else ""

    def set_value(self, value: FieldValue) -> None:
        """A newer value; what is being typed and was not told yet stays."""
        is_typing = self.text() != self._told
        self.value = value
        if not is_typing:
            self._put(value.text)
        self._show_all(value)

    def commit(self) -> None:
        """Tells what was typed, if it was not told yet."""
        text = self.text()
        if text != self._told and not self.value.locked_by:
            self._told = text
            self.edited.emit(self.value.name, text)

    def _made(self, value: FieldValue) -> QtWidgets.QWidget:
        editor: QtWidgets.QWidget
        if value.kind == "switch":
            switch = editor = Switch(value.label)
            switch.setChecked(value.text == "true")
            switch.clicked.connect(self.commit)
        elif value.kind == "choice":
            select = editor = Select(value.label)
            select.set_choices(value.choices, value.text)
            select.chosen.connect(self.commit)
        elif value.kind == "lines":
            area = editor = TextArea(value.label)
            area.setPlainText(value.text)
            area.left.connect(self.commit)
        else:
            line = editor = LineEdit(value.placeholder)
            line.setAccessibleName(value.label)
            line.setText(value.text)
            line.setCursorPosition(0)
            line.editingFinished.connect(self.commit)
        return editor

    def _put(self, text: str) -> None:
        self._told = text
        editor = self.editor
        if self.text() == text:
            return
        if isinstance(editor, Switch):
            editor.setChecked(text == "true")
        elif isinstance(editor, Select):
            editor.set_choices(self.value.choices, text)
        elif isinstance(editor, TextArea):
            editor.setPlainText(text)
        elif isinstance(editor, LineEdit):
            editor.setText(text)
            editor.setCursorPosition(0)

    def _show_all(self, value: FieldValue) -> None:
        self.setEnabled(True)
        locked = bool(value.locked_by)
        if isinstance(self.editor, (LineEdit, TextArea)):
            self.editor.setReadOnly(locked)  # it can still be read and copied
            if isinstance(self.editor, LineEdit):
                self.editor.setPlaceholderText(value.placeholder)
            else:
                self.editor.placeholder = value.placeholder
        else:
            self.editor.setEnabled(not locked)
        said = [value.sentence] if value.sentence else []
        if locked:
            said = [tr("Decided by {locked_by}; it cannot be changed here.", locked_by=value.locked_by), *said]
        elif value.note:
            said.append(value.note)
        self.sentence.set_text(" ".join(said), "warning" if locked else "dim")
        self.sentence.setVisible(bool(said))
        self.problem.set_text(f"{value.label} {value.problem}." if value.problem else "")
        self.problem.setVisible(bool(value.problem))
        self.editor.setAccessibleDescription(" ".join([self.problem.text(), *said]).strip())
        self.editor.setToolTip(value.name)

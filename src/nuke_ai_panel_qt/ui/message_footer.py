"""The last row of a message: facts at the left, actions at the right, and the switch between versions. Main thread."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import Button
from .safe_text import plain_tip, visible_prose
from .theme import Theme
from .values import MessageItem

Qt = QtCore.Qt

_VCENTER = flag_value(Qt.AlignmentFlag.AlignVCenter)


class BranchSwitch(QtWidgets.QWidget, metaclass=QtClass):
    """‹ 2/3 ›: which of several answers, or of several wordings of a question, is shown."""

    stepped = Signal(str)

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._branch = (1, 1)
        self._back = self._button("chevron-left", tr("Previous version"), "branch_prev")
        self._forth = self._button("chevron-right", tr("Next version"), "branch_next")

    def set_branch(self, branch: Tuple[int, int], theme: Theme, *, enabled: bool) -> None:
        """Shows position and count; the arrows only work while nothing runs."""
        self._theme, self._branch = theme, branch
        self._back.setEnabled(enabled and branch[0] > 1)
        self._forth.setEnabled(enabled and branch[0] < branch[1])
        self.setAccessibleName(tr("Version {branch} of {branch2}", branch=branch[0], branch2=branch[1]))
        self.update()

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        return [self._back, self._forth]

    def width_for(self) -> int:
        """The width it needs."""
        words = QtGui.QFontMetrics(self._theme.small).horizontalAdvance(self._words())
        return 2 * self._theme.space(5) + words + self._theme.space(1)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        wide = self._theme.space(5)
        self._back.setGeometry(0, 0, wide, self.height())
        self._forth.setGeometry(self.width() - wide, 0, wide, self.height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setFont(self._theme.small)
        painter.setPen(self._theme.dim)
        painter.drawText(self.rect(), flag_value(Qt.AlignmentFlag.AlignCenter), self._words())
        painter.end()

    def _words(self) -> str:
        return f"{self._branch[0]}/{self._branch[1]}"

    def _button(self, icon: str, tip: str, name: str) -> Button:
        button = Button(icon=icon, tip=tip, parent=self)
        button.set_look(dim=True)
        button.setObjectName(name)
        button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        button.clicked.connect(self._emit)
        return button

    def _emit(self) -> None:
        self.stepped.emit(self.sender().objectName())


class QuestionTools(QtWidgets.QWidget, metaclass=QtClass):
    """What can be done to a question, in the free space at its right."""

    triggered = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._buttons: List[Button] = []
        for name, icon, tip in (("edit", "edit", tr("Edit and ask again")), ("more", "more", tr("More"))):
            button = Button(icon=icon, tip=tip, parent=self)
            button.set_look(dim=True)
            button.setObjectName(name)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.clicked.connect(self._emit)
            self._buttons.append(button)

    def set_busy(self, busy: bool) -> None:
        """While an answer runs, nothing can be asked anew."""
        self.button("edit").setEnabled(not busy)

    def button(self, name: str) -> Button:
        """The button of an action."""
        return next(button for button in self._buttons if button.objectName() == name)

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        return list(self._buttons)

    def place(self, right: int, middle: float, side: int) -> None:
        """Puts the buttons, each `side` wide and high, left of `right` and around `middle`."""
        count = len(self._buttons)
        self.setGeometry(right - count * side, round(middle - side / 2), count * side, side)
        for index, button in enumerate(self._buttons):
            button.setGeometry(index * side, 0, side, side)

    def _emit(self) -> None:
        self.triggered.emit(self.sender().objectName())


class Footer(QtWidgets.QWidget, metaclass=QtClass):
    """The last row of a message: who answered and the facts at the left, what can be done at the right."""

    triggered = Signal(str)

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._label = self._facts = ""
        self._room = 0
        self.branch = BranchSwitch(theme, self)
        self.branch.stepped.connect(self.triggered)
        self._buttons: List[Button] = []

    def set_actions(self, actions: Sequence[Tuple[str, str, str]]) -> None:
        """(name, icon, tooltip) of each button, once; they are shown and hidden by `set_item`."""
        for name, icon, tip in actions:
            button = Button(icon=icon, tip=tip, parent=self)
            button.set_look(dim=True)
            button.setObjectName(name)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.clicked.connect(self._emit)
            self._buttons.append(button)

    def button(self, name: str) -> Button:
        """The button of an action."""
        return next(button for button in self._buttons if button.objectName() == name)

    def set_item(self, item: MessageItem, theme: Theme, *, live: bool, busy: bool) -> None:
        """Shows the facts of `item`; nothing can be done to an answer while it runs."""
        self._theme = theme
        self._label, self._facts = visible_prose(item.label), visible_prose(item.facts)
        detail = "\n".join(part for part in (item.time, item.facts_detail or item.facts) if part)
        self.setToolTip(plain_tip(visible_prose(detail)))
        has_branches = item.branch[1] > 1
        self.branch.setVisible(has_branches)
        if has_branches:
            self.branch.set_branch(item.branch, theme, enabled=item.branch_enabled and not busy and not live)
        for button in self._buttons:
            button.setVisible(not live)
            button.setEnabled(not busy or button.objectName() in ("copy", "more"))
        self.setAccessibleName(f"{item.label} {item.facts}".strip())
        self.update()

    def focusable(self) -> List[QtWidgets.QWidget]:
        """What Tab stops at."""
        shown: List[QtWidgets.QWidget] = [button for button in self._buttons if not button.isHidden()]
        return shown + (self.branch.focusable() if not self.branch.isHidden() else [])

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self.place()

    def place(self) -> None:
        """Puts the buttons at the right edge, their icons flush with it."""
        theme, height = self._theme, self.height()
        x = self.width() + (height - theme.icon_px) // 2
        if not self.branch.isHidden():
            wide = self.branch.width_for()
            x = self.width() + (theme.space(5) - theme.icon_px) // 2 - wide
            self.branch.setGeometry(x, 0, wide, height)
        for button in reversed(self._buttons):
            if not button.isHidden():
                x -= height
                button.setGeometry(x, 0, height, height)
        self._room = x - theme.space(2)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = self._theme
        painter = QtGui.QPainter(self)
        painter.setFont(theme.small)
        painter.setPen(theme.text if self.underMouse() else theme.dim)
        words = self._words(painter.fontMetrics())
        painter.drawText(QtCore.QRectF(0, 0, max(0, self._room), self.height()), _VCENTER, words)
        painter.end()

    def _words(self, metrics: QtGui.QFontMetrics) -> str:
        """Label and facts in the room there is: names give way to numbers, as long as something of them is left."""
        room, end = max(0, self._room), Qt.TextElideMode.ElideRight
        words = " · ".join(part for part in (self._label, self._facts) if part)
        facts = f" · {self._facts}" if self._label and self._facts else ""
        left = room - metrics.horizontalAdvance(facts)
        if not facts or metrics.horizontalAdvance(words) <= room or left < self._theme.space(20):
            return metrics.elidedText(words, end, room)
        return metrics.elidedText(self._label, end, left) + facts

    def enterEvent(self, event: QtCore.QEvent) -> None:
        self.update()

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        self.update()

    def _emit(self) -> None:
        self.triggered.emit(self.sender().objectName())

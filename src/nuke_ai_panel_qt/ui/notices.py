"""What the panel says for a moment, or until mended: the toast with Undo, the banner, the find bar. Main thread."""

from __future__ import annotations

from typing import Callable, Optional

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Ground, Text, draw_icon
from .line_edit import LineEdit
from .panel_values import Banner
from .shortcuts import Shortcuts
from .theme import theme_of

TOAST_MS = 8000
BESIDE_CHARACTERS = 120


class Toast(Ground, metaclass=QtClass):
    """One line over the composer with at most one action; goes by itself, stays while the pointer is on it."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent, raised=True)
        self.label = Text("", elide=True)
        self.action = Button(tr("Undo"), kind="outline")
        self._run: Optional[Callable[[], None]] = None
        theme = theme_of(self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(theme.space(3), theme.space(1.5), theme.space(1.5), theme.space(1.5))
        row.setSpacing(theme.space(2))
        row.addWidget(self.label, 1)
        row.addWidget(self.action)
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TOAST_MS)
        self._timer.timeout.connect(self.hide)
        self.action.clicked.connect(self._clicked)
        self.hide()

    def say(self, text: str, *, action: str = "", run: Optional[Callable[[], None]] = None) -> None:
        """Shows `text`, with a button that calls `run`."""
        self._run = run
        self.label.set_text(text)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.action.updateGeometry()
        self.layout().activate()
        self.show()
        self.raise_()
        self._timer.start()

    def place(self, area: QtCore.QRect) -> None:
        """Stands at the lower edge of `area`."""
        theme = theme_of(self)
        width = min(self.sizeHint().width(), area.width() - 2 * theme.space(3))
        height = self.sizeHint().height()
        left = area.left() + (area.width() - width) // 2
        self.setGeometry(left, area.bottom() - height - theme.space(2), width, height)

    def enterEvent(self, event: QtGui.QEnterEvent) -> None:
        self._timer.stop()

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        self._timer.start()

    def _clicked(self) -> None:
        self.hide()
        run, self._run = self._run, None
        if run is not None:
            run()


class BannerBar(QtWidgets.QWidget, metaclass=QtClass):
    """A lasting notice under the header with an icon, its words, up to two actions, and a way to dismiss it.

    Two actions stand below the words, and one below many words: a narrow pane has no room for them beside.
    """

    action_clicked = Signal()
    more_clicked = Signal()
    dismissed = Signal()

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self._banner: Optional[Banner] = None
        self.label = Text("", size="small", middle=True)
        self.action = Button("", kind="outline")
        self.more = Button("", kind="outline")
        self.close_button = Button(icon="close", tip=tr("Dismiss"))
        theme = theme_of(self)
        box = QtWidgets.QVBoxLayout(self)
        box.setSpacing(theme.space(1.5))
        box.setContentsMargins(theme.space(4) + theme.icon_px + theme.space(1), theme.space(1.5), theme.space(2),
                               theme.space(1.5))
        # Narrower than its buttons it stacks them, so they must not decide how narrow it may be.
        box.setSizeConstraint(QtWidgets.QLayout.SizeConstraint.SetNoConstraint)
        self._row = QtWidgets.QHBoxLayout()
        self._below = QtWidgets.QBoxLayout(QtWidgets.QBoxLayout.Direction.LeftToRight)
        for row in (self._row, self._below):
            row.setSpacing(theme.space(2))
            box.addLayout(row)
        self._row.addWidget(self.label, 1)
        self._row.addWidget(self.action)
        self._row.addWidget(self.close_button)
        self._below.addWidget(self.more)
        self._below.addStretch(1)
        self.more.hide()
        self.action.clicked.connect(self.action_clicked)
        self.more.clicked.connect(self.more_clicked)
        self.close_button.clicked.connect(self._dismiss)
        self.hide()

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(theme_of(self).space(30), super().minimumSizeHint().height())

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        direction = QtWidgets.QBoxLayout.Direction
        margins, gap = self.layout().contentsMargins(), self._below.spacing()
        wanted = self.action.sizeHint().width() + gap + self.more.sizeHint().width()
        has_room = self.width() - margins.left() - margins.right() >= wanted
        self._below.setDirection(direction.LeftToRight if has_room else direction.TopToBottom)

    def banner(self) -> Optional[Banner]:
        """What is shown."""
        return self._banner

    def set_banner(self, banner: Optional[Banner]) -> None:
        """Shows a notice, or none."""
        self._banner = banner
        self.setVisible(banner is not None)
        if banner is not None:
            self.label.set_text(banner.text)
            self.action.setText(banner.action)
            self.action.setVisible(bool(banner.action))
            self.more.setText(banner.more)
            self.more.setVisible(bool(banner.more))
            is_below = bool(banner.more) or len(banner.text) > BESIDE_CHARACTERS
            (self._below if is_below else self._row).insertWidget(0 if is_below else 1, self.action)
            self._arrange()
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if self._banner is None:
            return
        theme = theme_of(self)
        color = {"info": theme.busy, "warning": theme.warning, "error": theme.error}[self._banner.kind]
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), theme.tint(color))
        center = QtCore.QPointF(theme.space(4) + theme.icon_px / 2 - theme.space(1), self.height() / 2)
        draw_icon(painter, self._banner.kind, color, center, theme=theme)
        painter.end()

    def _dismiss(self) -> None:
        self.set_banner(None)
        self.dismissed.emit()


class FindBar(QtWidgets.QWidget, metaclass=QtClass):
    """Finds words in the conversation: `changed(text)`, `step(+1 or -1)`, `closed`."""

    changed = Signal(str)
    step = Signal(int)
    closed = Signal()

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.query = LineEdit(tr("Find in this conversation"), self, icon="search")
        self.query.set_shortcuts(shortcuts)
        self.count = Text("", role="dim", size="small", elide=True)
        self.previous = Button(icon="chevron-up")
        self.next = Button(icon="chevron-down")
        shortcuts.when_changed(lambda: self.previous.set_tip(shortcuts.tip(tr("Previous hit"), "find_previous")))
        shortcuts.when_changed(lambda: self.next.set_tip(shortcuts.tip(tr("Next hit"), "find_next")))
        self.close_button = Button(icon="close", tip=tr("Close  (Esc)"))
        theme = theme_of(self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(theme.space(2), theme.space(1), theme.space(2), theme.space(1))
        row.setSpacing(theme.space(1))
        row.addWidget(self.query, 1)
        row.addWidget(self.count)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addWidget(self.close_button)
        self.query.textChanged.connect(self.changed)
        self.query.returnPressed.connect(self._forward)
        self.query.arrow_pressed.connect(self.step)
        self.previous.clicked.connect(self._back)
        self.next.clicked.connect(self._forward)
        self.close_button.clicked.connect(self.closed)
        self.hide()

    def open(self) -> None:
        """Shows itself with everything selected, ready to type over."""
        self.show()
        self.query.setFocus(QtCore.Qt.FocusReason.ShortcutFocusReason)
        self.query.selectAll()

    def set_hits(self, position: int, count: int) -> None:
        """`position` of `count` hits, counted from one; a search with no hits says so."""
        if not self.query.text():
            self.count.set_text("")
        else:
            self.count.set_text(tr("{position} of {count}", position=position, count=count) if count else tr("No hits"),
                "dim" if count else "warning")
        for button in (self.previous, self.next):
            button.setEnabled(count > 0)

    def _forward(self) -> None:
        self.step.emit(1)

    def _back(self) -> None:
        self.step.emit(-1)

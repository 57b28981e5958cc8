"""The explorer's statistics: four sums, the chart of use over time, and who was used most. Main thread."""

from __future__ import annotations

from typing import List, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .controls import Button, Text, draw_progress
from .explorer_chart import UseChart
from .explorer_values import MEASURES, Measure, UseLine, UsePage
from .safe_text import plain_tip
from .scroll_bar import quiet_scrolling
from .theme import theme_of

Qt = QtCore.Qt
_LEFT = flag_value(Qt.AlignmentFlag.AlignLeft) | flag_value(Qt.AlignmentFlag.AlignVCenter)
_RIGHT = flag_value(Qt.AlignmentFlag.AlignRight) | flag_value(Qt.AlignmentFlag.AlignVCenter)
FIRST_LINES = 8


class UseView(QtWidgets.QScrollArea, metaclass=QtClass):
    """`day_chosen(day)` from the chart, `name_chosen(what, name)` from a line; `what` is model, provider or script."""

    day_chosen = Signal(str)
    name_chosen = Signal(str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.measure: Measure = "messages"
        self._page: Optional[UsePage] = None
        quiet_scrolling(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme = theme_of(self)
        self.column = QtWidgets.QWidget()
        self.column.setAutoFillBackground(False)
        self.viewport().setAutoFillBackground(False)
        box = QtWidgets.QVBoxLayout(self.column)
        box.setContentsMargins(0, 0, theme.space(2), theme.space(2))
        box.setSpacing(theme.space(2))
        self.sums = {measure: _Sum(tr(title), measure) for title, measure in MEASURES}
        grid = QtWidgets.QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme.space(1))
        for place, one in enumerate(self.sums.values()):
            grid.addWidget(one, place // 2, place % 2)
            one.clicked.connect(lambda _=False, measure=one.measure: self.show_measure(measure))
        self.chart = UseChart()
        self.tables = {name: _Table(title, name) for title, name in
                       ((tr("Models"), "model"), (tr("Providers"), "provider"), (tr("Scripts"), "script"))}
        self.note = Text("", role="dim", size="small")
        box.addLayout(grid)
        box.addWidget(self.chart)
        for table in self.tables.values():
            box.addWidget(table)
            table.chosen.connect(self.name_chosen)
        box.addWidget(self.note)
        box.addStretch(1)
        self.setWidget(self.column)
        self.chart.day_chosen.connect(self.day_chosen)
        self.set_page(None)

    def set_page(self, page: Optional[UsePage]) -> None:
        """Shows the sums; None while they are being counted."""
        self._page = page
        self.show_measure(self.measure)

    def page(self) -> Optional[UsePage]:
        """What is on show."""
        return self._page

    def show_measure(self, measure: Measure) -> None:
        """Messages, sessions, tokens or cost in the chart and beside the names."""
        self.measure = measure
        page = self._page
        is_used = page is not None and bool(page.days)
        for one in self.sums.values():
            one.setChecked(one.measure == measure)
            one.set_words(page.total.words[one.measure] if page is not None else "…")
        self.chart.setVisible(is_used)
        self.note.set_text(tr("Counting …") if page is None else "" if is_used else tr("Nothing was used here yet."))
        self.note.setVisible(not is_used)
        lines = {} if page is None else {"model": page.models, "provider": page.providers, "script": page.scripts}
        for name, table in self.tables.items():
            table.set_lines(lines.get(name, ()), measure)
        if page is not None:
            self.chart.set_days(page.days, measure)


class _Sum(QtWidgets.QAbstractButton, metaclass=QtClass):
    """One sum; a click draws it."""

    def __init__(self, title: str, measure: Measure) -> None:
        super().__init__()
        self.measure = measure
        self._title = title
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)

    def set_words(self, words: str) -> None:
        self.setText(words)
        self.setAccessibleName(f"{self._title}: {words}")
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        height = QtGui.QFontMetrics(theme.heading(1)).height() + QtGui.QFontMetrics(theme.small).height()
        return QtCore.QSize(theme.space(24), height + theme.space(3))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        rect = QtCore.QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QtGui.QPen(theme.accent if self.isChecked() else theme.hairline, 1))
        painter.setBrush(theme.hover if self.underMouse() else theme.raised)
        painter.drawRoundedRect(rect, theme.radius, theme.radius)
        inner = self.rect().adjusted(theme.space(2), theme.space(1.5), -theme.space(2), -theme.space(1.5))
        font = theme.heading(1)
        painter.setFont(font)
        painter.setPen(theme.text)
        upper = QtCore.QRect(inner.left(), inner.top(), inner.width(), QtGui.QFontMetrics(font).height())
        painter.drawText(upper, _LEFT, painter.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, upper.width()))
        painter.setFont(theme.small)
        painter.setPen(theme.dim)
        lower = QtCore.QRect(inner.left(), upper.bottom() + 1, inner.width(), QtGui.QFontMetrics(theme.small).height())
        painter.drawText(lower, _LEFT, self._title)
        if self.hasFocus():
            painter.setPen(QtGui.QPen(theme.accent, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
        painter.end()


class _Table(QtWidgets.QWidget, metaclass=QtClass):
    """The lines of one kind, the most used first."""

    chosen = Signal(str, str)

    def __init__(self, title: str, what: str) -> None:
        super().__init__()
        self._what = what
        self._lines: Tuple[UseLine, ...] = ()
        self._measure: Measure = "messages"
        self._shows_all = False
        self._rows: List[_Line] = []
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        heading = QtWidgets.QHBoxLayout()
        heading.setContentsMargins(theme_of(self).space(2), theme_of(self).space(1), 0, 0)
        heading.addWidget(Text(title, role="dim", size="small"))
        self._box.addLayout(heading)
        self.more = Button("")
        self.more.set_look(left=True, dim=True)
        self._box.addWidget(self.more)
        self.more.clicked.connect(self._show_all)

    def set_lines(self, lines: Tuple[UseLine, ...], measure: Measure) -> None:
        self._measure = measure
        self._lines = tuple(sorted(lines, key=lambda line: -(line.amounts[measure] or 0.0)))
        self.setVisible(bool(lines))
        shown = self._lines if self._shows_all else self._lines[:FIRST_LINES]
        while len(self._rows) < len(shown):
            row = _Line(self._what)
            row.clicked.connect(lambda _=False, row=row: self.chosen.emit(self._what, row.name))
            self._box.insertWidget(self._box.count() - 1, row)
            self._rows.append(row)
        most = max((line.amounts[measure] or 0.0 for line in shown), default=0.0)
        for at, row in enumerate(self._rows):
            row.setVisible(at < len(shown))
            if at < len(shown):
                row.set_line(shown[at], measure, most)
        hidden = len(self._lines) - len(shown)
        self.more.setText(tr("Show {hidden} more", hidden=hidden))
        self.more.set_tip("")
        self.more.updateGeometry()
        self.more.setVisible(hidden > 0)

    def _show_all(self) -> None:
        self._shows_all = True
        self.set_lines(self._lines, self._measure)


class _Line(QtWidgets.QAbstractButton, metaclass=QtClass):
    """A name, its amount, and a bar of its share of the most used one."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.name = ""
        self._what = what
        self._words, self._share = "", 0.0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)

    def set_line(self, line: UseLine, measure: Measure, most: float) -> None:
        self.name, self._words = line.name, line.words[measure]
        self._share = (line.amounts[measure] or 0.0) / most if most else 0.0
        facts = ", ".join(f"{tr(title)} {line.words[one]}" for title, one in MEASURES)
        self.setAccessibleName(f"{line.name}: {facts}")
        self.setToolTip(plain_tip(tr("{name}\n{facts}\nClick to see its chats", name=line.name, facts=facts)))
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        theme = theme_of(self)
        return QtCore.QSize(theme.space(24), QtGui.QFontMetrics(theme.body).height() + theme.space(3))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        theme = theme_of(self)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QtGui.QPen(theme.accent, 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(theme.raised)
            painter.drawRoundedRect(QtCore.QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75), theme.radius,
                                    theme.radius)
        inner = self.rect().adjusted(theme.space(2), 0, -theme.space(2), -theme.space(1.5))
        painter.setFont(theme.body)
        metrics = painter.fontMetrics()
        painter.setPen(theme.dim)
        painter.drawText(inner, _RIGHT, self._words)
        inner.setRight(inner.right() - metrics.horizontalAdvance(self._words) - theme.space(2))
        painter.setPen(theme.text)
        painter.drawText(inner, _LEFT, metrics.elidedText(self.name, Qt.TextElideMode.ElideMiddle, inner.width()))
        bar = QtCore.QRectF(theme.space(2), self.height() - theme.space(1.5), self.width() - theme.space(4), 2)
        draw_progress(painter, bar, self._share, theme)
        painter.end()

"""The settings window: a list of pages at the left, the chosen one at the right. Knows values and signals. Main thread.

Nothing waits for an OK: a field is told when the artist leaves it, also by going to another page or closing the window.
"""

from __future__ import annotations

from typing import Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal
from .controls import Button, Hairline, Text
from .settings_keyboard import KeyboardPage, KeyButton
from .settings_list import SettingsList
from .settings_pages import AddProviderPage, Page, ProviderSettingsPage, SettingsPage
from .settings_values import FormPage, ListRow, NewProvider, ProviderPage, ShortcutRow
from .theme import theme_of

Qt = QtCore.Qt
WIDTH_STEPS, HEIGHT_STEPS, LIST_STEPS = 190, 165, 46
LEAST_STEPS = (130, 80)


class SettingsDialog(QtWidgets.QDialog, metaclass=QtClass):
    """`page_chosen(id)`, `edited(setting, text)`; what only one page says is on that page."""

    page_chosen = Signal(str)
    edited = Signal(str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(parent or self)
        self.setWindowTitle(tr("Nuke AI Panel: Settings"))
        self.setModal(False)
        self.resize(theme.space(WIDTH_STEPS), theme.space(HEIGHT_STEPS))
        self.list = SettingsList()
        self.form = SettingsPage()
        self.provider = ProviderSettingsPage()
        self.keyboard = KeyboardPage()
        self.add = AddProviderPage()
        self.trouble = Text("", role="error", size="small")
        self.trouble.hide()
        self.close_button = Button(tr("Close"), kind="outline")
        self.stack = QtWidgets.QStackedWidget()
        for page in (self.form, self.provider, self.keyboard, self.add):
            self.stack.addWidget(page)
        self._build()
        self.list.chosen.connect(self._chosen)
        self.form.edited.connect(self.edited)
        self.provider.edited.connect(self.edited)
        self.close_button.clicked.connect(self.close)
        self._fit_font()
        application = QtWidgets.QApplication.instance()
        if isinstance(application, QtWidgets.QApplication):
            application.focusChanged.connect(self._focus_changed)

    def show_form(self, page: FormPage) -> None:
        """A page of fields."""
        self._turn_to(self.form)
        self.form.show_page(page)

    def show_provider(self, page: ProviderPage) -> None:
        """A provider."""
        self._turn_to(self.provider)
        self.provider.show_provider(page)

    def show_keyboard(self, rows: Tuple[ShortcutRow, ...], unknown: str) -> None:
        """The commands and their keys."""
        self._turn_to(self.keyboard)
        self.keyboard.show_rows(rows, unknown)

    def show_add(self, value: NewProvider) -> None:
        """The page that adds a provider."""
        self._turn_to(self.add)
        self.add.show_new(value)

    def set_rows(self, rows: Tuple[ListRow, ...]) -> None:
        """The pages there are."""
        self.list.set_rows(rows)

    def set_trouble(self, sentence: str) -> None:
        """What stands in the way of all settings; empty when nothing does."""
        self.trouble.set_text(sentence)
        self.trouble.setVisible(bool(sentence))

    def commit(self) -> None:
        """Tells what was typed on the page that is open."""
        page = self.stack.currentWidget()
        if isinstance(page, Page):
            page.commit()

    def focus_page(self) -> None:
        """Puts the focus where the page begins: a provider without a key on its key, else on the list."""
        page = self.stack.currentWidget()
        if page is self.provider and self.provider.key.isVisibleTo(self) and not self.provider.key.forget.isVisibleTo(
            self
        ):
            self.provider.key.key.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QtCore.QEvent) -> bool:
        # No key that is pressed in here may reach the host's own shortcuts.
        if (
            event.type() == QtCore.QEvent.Type.ShortcutOverride and isinstance(event, QtGui.QKeyEvent)
            and event.key() != Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        # QDialog would press some button on Enter.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            return
        super().keyPressEvent(event)

    def done(self, result: int) -> None:
        self.commit()
        super().done(result)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self.commit()
        super().closeEvent(event)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange and hasattr(self, "list"):
            self._fit_font()

    def _fit_font(self) -> None:
        theme = theme_of(self)
        self.setMinimumSize(theme.space(LEAST_STEPS[0]), theme.space(LEAST_STEPS[1]))
        self.list.setFixedWidth(theme.space(LIST_STEPS))

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        theme = theme_of(self)
        painter.fillRect(self.rect(), theme.ground)
        painter.end()

    def _build(self) -> None:
        theme = theme_of(self)
        side = QtWidgets.QVBoxLayout()
        side.setContentsMargins(theme.space(2), theme.space(2), theme.space(2), theme.space(2))
        side.addWidget(self.list)
        foot = QtWidgets.QHBoxLayout()
        foot.setContentsMargins(theme.space(5), theme.space(2), theme.space(5), theme.space(2))
        foot.setSpacing(theme.space(3))
        foot.addWidget(Text(tr("Changes apply at once."), role="dim", size="small", middle=True), 1)
        foot.addWidget(self.close_button)
        trouble = QtWidgets.QHBoxLayout()
        trouble.setContentsMargins(theme.space(5), 0, theme.space(5), 0)
        trouble.addWidget(self.trouble)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(self.stack, 1)
        column.addLayout(trouble)
        column.addWidget(Hairline())
        column.addLayout(foot)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(side)
        row.addWidget(Hairline(vertical=True))
        row.addLayout(column, 1)
        self.form.column.after = self.list

    def _turn_to(self, page: Page) -> None:
        if self.stack.currentWidget() is not page:
            self.stack.setCurrentWidget(page)
            page.verticalScrollBar().setValue(0)

    def _chosen(self, page: str) -> None:
        self.commit()
        current = self.stack.currentWidget()
        if isinstance(current, Page):
            current.verticalScrollBar().setValue(0)
        self.page_chosen.emit(page)

    def _focus_changed(self, old: Optional[QtWidgets.QWidget], new: Optional[QtWidgets.QWidget]) -> None:
        page = self.stack.currentWidget()
        if new is not None and isinstance(page, Page) and not isinstance(new, KeyButton):
            page.follow_focus(new)

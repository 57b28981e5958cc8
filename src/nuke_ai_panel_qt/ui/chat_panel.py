"""The panel: header, transcript, composer, and what lies over them. Knows values and signals only. Main thread.

Wide (from `WIDE_PX`) the conversations stand at the left; narrow they slide over. Every key of ours is taken here, see
shortcuts.py. What is typed while the focus is on something that cannot be written in goes to the composer.
"""

from __future__ import annotations

from typing import Optional

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal, flag_value
from .answer_sheet import AnswerSheet
from .composer import Composer
from .controls import Hairline
from .conversation_list import ConversationList
from .header import Header
from .live_region import LiveRegion
from .model_list import ModelList
from .model_picker import ModelPicker
from .notices import BannerBar, FindBar, Toast
from .overflow_menu import fill
from .overlay import Overlay
from .provider_card import ProviderCard
from .run_sheet import RunSheet
from .sheets import ShortcutSheet, TextSheet
from .shortcuts import Shortcuts, is_editing, is_writing
from .start_page import StartPage
from .theme import scaled_font, theme_of
from .transcript import Transcript

Qt = QtCore.Qt
WIDE_PX = 720
ZOOM_STEP = 1.1


class ChatPanel(QtWidgets.QWidget, metaclass=QtClass):
    """The whole of it. `command(name)` carries the keys and menu entries that the presenter answers."""

    command = Signal(str)
    zoomed = Signal(float)
    list_toggled = Signal(bool)
    visibility_changed = Signal(bool)

    def __init__(self, models: ModelList, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.shortcuts = Shortcuts()
        self._base_font = QtGui.QFont(self.font())
        self._scale = 1.0
        self._wide = False
        self._list_wanted = True
        self._is_developer = False
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName("Nuke AI Panel")
        self.header = Header(self.shortcuts)
        self.banner = BannerBar()
        self.find_bar = FindBar(self.shortcuts)
        self._has_hits = False
        self.transcript = Transcript()
        self.start = StartPage()
        self.composer = Composer(self.shortcuts)
        self.conversations = ConversationList(self.shortcuts)
        self.overlay = Overlay(self)
        self.picker = ModelPicker(models, self.shortcuts, self.overlay)
        self.provider_card = ProviderCard(self.shortcuts, self.overlay)
        self.text_sheet = TextSheet(self.shortcuts, self.overlay)
        self.run_sheet = RunSheet(self.overlay)
        self.key_sheet: Optional[ShortcutSheet] = None
        self.answer_sheet: Optional[AnswerSheet] = None  # made when it is first opened
        self.toast = Toast(self)
        self.live = LiveRegion(self)
        for floating in (self.picker, self.provider_card, self.text_sheet, self.run_sheet):
            floating.hide()
        self._build()
        self._connect()
        self.show_transcript()

    # ------------------------------------------------------------ what the presenter sets

    def show_transcript(self) -> None:
        """The conversation."""
        self._stack.setCurrentWidget(self.transcript)
        self._fit()

    def show_start(self) -> None:
        """The ways to begin, or the suggestions; the composer stays."""
        self._stack.setCurrentWidget(self.start)
        self._fit()

    def showing_start(self) -> bool:
        """Whether the start page stands in the transcript's place."""
        return self._stack.currentWidget() is self.start

    def set_font_scale(self, scale: float) -> None:
        """The size of all text against the host's."""
        self._scale = scale
        self.setFont(scaled_font(self._base_font, scale))
        self._fit()

    def set_list_wanted(self, wanted: bool) -> None:
        """Whether the conversations stand at the left when there is room."""
        self._list_wanted = wanted
        self._fit_list()
        self._fit()

    def set_developer(self, is_developer: bool) -> None:
        """Whether the menu shows developers' mode as on."""
        self._is_developer = is_developer

    def run(self, command: str) -> None:
        """Does what the key or menu entry of that name does."""
        self._run(command)

    def open_picker(self) -> None:
        """Puts the picker over the composer; the presenter has told it what is current."""
        chip = self.composer.status
        corner = chip.mapTo(self, QtCore.QPoint(0, 0))
        self.overlay.open(
            self.picker, "bottom", left_px=corner.x(), bottom_px=self.height() - corner.y() + theme_of(self).space(1)
        )

    def open_provider_card(self) -> None:
        """Puts the provider card over the panel."""
        self.overlay.open(self.provider_card, "full")

    def open_text_sheet(self) -> None:
        """Puts an attachment's text over the panel."""
        self.overlay.open(self.text_sheet, "full")

    def open_run_sheet(self) -> None:
        """Puts what is about to run over the panel."""
        self.overlay.open(self.run_sheet, "full")

    def toggle_list(self) -> None:
        """Shows or hides the conversations: beside the transcript when wide, over it when narrow."""
        if self._wide:
            self._list_wanted = not self._list_wanted
            self._fit_list()
            self._fit()
            self.list_toggled.emit(self._list_wanted)
            return
        if self.overlay.content() is self.conversations:
            self.overlay.close_content()
        else:
            self.overlay.open(self.conversations, "left")
            self.conversations.view.setFocus(Qt.FocusReason.PopupFocusReason)

    def focus_composer(self) -> None:
        """Puts the caret where the next question is written."""
        self.composer.prompt.setFocus(Qt.FocusReason.OtherFocusReason)

    def say(self, text: str, *, action: str = "", run: object = None) -> None:
        """A toast; `run` is called by its button."""
        self.toast.say(text, action=action, run=run if callable(run) else None)
        self._place_toast()

    # ------------------------------------------------------------ keys

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.ShortcutOverride:
            assert isinstance(event, QtGui.QKeyEvent)
            if self.shortcuts.command_of(event) is not None or is_writing(event) or is_editing(event):
                event.accept()
                return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        command = self.shortcuts.command_of(event)
        if command is not None:
            self._run(command)
            event.accept()
        elif is_writing(event):
            # Nuke maximises a pane on Space and draws nodes on letters: neither may leave the panel.
            event.accept()
            if self.overlay.content() is None and event.text().strip():
                self.focus_composer()
                QtCore.QCoreApplication.sendEvent(self.composer.prompt, event)
        elif is_editing(event):
            event.accept()  # nothing here takes it, and Nuke would do it to nodes
            if self.overlay.content() is None and event.matches(QtGui.QKeySequence.StandardKey.Paste):
                self.focus_composer()
                self.composer.prompt.paste()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        if flag_value(event.modifiers()) & flag_value(Qt.KeyboardModifier.ControlModifier):
            delta = event.angleDelta().y()
            if delta:
                self._zoom_by(1 if delta > 0 else -1)
            event.accept()
            return
        super().wheelEvent(event)

    def _run(self, command: str) -> None:
        if command == "stop":
            self._escape()
        elif command == "list":
            self.toggle_list()
        elif command == "rename":
            self.header.start_renaming()
        elif command == "find":
            self.open_find()
        elif command in ("find_next", "find_previous"):
            self._find_step(1 if command == "find_next" else -1)
        elif command == "composer":
            self.overlay.close_content()
            self.focus_composer()
        elif command == "help":
            self.open_keys()
        elif command.startswith("zoom"):
            factor = {"zoom_in": self._scale * ZOOM_STEP, "zoom_out": self._scale / ZOOM_STEP}.get(command, 1.0)
            self._zoom(factor)
        elif self.composer.prompt.run_command(command):
            self.focus_composer()
        else:
            self.command.emit(command)

    def _escape(self) -> None:
        """The ladder: what lies on top, the find bar, a field, an edit, the answer, a waiting script, the panel."""
        if self.overlay.close_content() or self.header.cancel_renaming():
            self.focus_composer()
        elif self.find_bar.isVisible():
            self.close_find()
        elif self.composer.editing.isVisible():
            self.composer.editing_cancelled.emit()
        elif self.composer.is_running():
            self.composer.stop_requested.emit()
        else:
            self.command.emit("stop_script")
            focused = self.focusWidget()
            if focused is not None:
                focused.clearFocus()

    # ------------------------------------------------------------ find, sheets, zoom

    def open_find(self) -> None:
        """The find bar."""
        self.overlay.close_content()
        self.find_bar.open()
        self._search(self.find_bar.query.text())

    def close_find(self) -> None:
        """Hides the find bar and its marks."""
        self.find_bar.hide()
        self.transcript.find("")
        self.focus_composer()

    def open_keys(self) -> None:
        """The sheet of keys."""
        if self.key_sheet is not None and self.overlay.content() is not self.key_sheet:
            self.key_sheet.deleteLater()  # it prints the keys of now
            self.key_sheet = None
        if self.key_sheet is None:
            self.key_sheet = ShortcutSheet(
                self.shortcuts, self.overlay, enter_sends=self.composer.prompt.sending_key == "Enter"
            )
            self.key_sheet.close_requested.connect(self.close_overlay)
        self.overlay.open(self.key_sheet, "full")
        self.key_sheet.close_button.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_overlay(self) -> None:
        """Closes what lies over the panel and goes back to the composer."""
        self.overlay.close_content()
        self.focus_composer()

    def _search(self, text: str) -> None:
        hits = self.transcript.find(text)
        self._has_hits = bool(hits)
        self.find_bar.set_hits(1 if hits else 0, hits)

    def _hits_changed(self) -> None:
        """Messages came or went while something is looked for: what was not there yet is shown as it comes."""
        if self.find_bar.isVisible():
            position, count = self.transcript.find_position()
            if count and not self._has_hits:
                self.transcript.show_hit()
            self._has_hits = bool(count)
            self.find_bar.set_hits(position, count)

    def _find_step(self, step: int) -> None:
        if self.find_bar.isHidden():
            self.open_find()
            return
        if step > 0:
            self.transcript.find_next()
        else:
            self.transcript.find_prev()
        self.find_bar.set_hits(*self.transcript.find_position())

    def _zoom_by(self, steps: int) -> None:
        self._zoom(self._scale * ZOOM_STEP ** steps)

    def _zoom(self, scale: float) -> None:
        scale = min(2.5, max(0.7, round(scale, 3)))
        if abs(scale - 1.0) < 0.04:
            scale = 1.0
        self.set_font_scale(scale)
        self.zoomed.emit(scale)

    # ------------------------------------------------------------ layout

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        if self.focusWidget() is None:
            self.focus_composer()  # else Qt would give the focus to the first button
        self.visibility_changed.emit(True)

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        super().hideEvent(event)
        self.visibility_changed.emit(False)

    def _build(self) -> None:
        self._stack = QtWidgets.QStackedWidget()
        self._stack.addWidget(self.transcript)
        self._stack.addWidget(self.start)
        column = QtWidgets.QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.header, Hairline(), self.banner, self.find_bar):
            column.addWidget(part)
        column.addWidget(self._stack, 1)
        column.addWidget(Hairline())
        column.addWidget(self.composer)
        self._side_line = Hairline(vertical=True)
        self._row = QtWidgets.QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self.conversations)
        self._row.addWidget(self._side_line)
        self._row.addLayout(column, 1)
        self.conversations.hide()
        self._side_line.hide()
        for first, second in (
            (self.composer.prompt, self.composer.send), (self.composer.send, self.composer.chips),
            (self.composer.attach, self.transcript), (self.transcript, self.header.list),
            (self.header.list, self.header.title), (self.header.title, self.header.new),
            (self.header.new, self.header.find_button), (self.header.find_button, self.header.menu),
        ):
            QtWidgets.QWidget.setTabOrder(first, second)

    def _connect(self) -> None:
        self.header.list.clicked.connect(self.toggle_list)
        self.header.find_button.clicked.connect(self.open_find)
        self.header.menu.clicked.connect(self._open_menu)
        self.header.new.clicked.connect(self._new)
        self.transcript.zoomed.connect(self._zoom_by)
        self.find_bar.changed.connect(self._search)
        self.transcript.hits_changed.connect(self._hits_changed, QtCore.Qt.ConnectionType.QueuedConnection)
        self.find_bar.step.connect(self._find_step)
        self.find_bar.closed.connect(self.close_find)
        self.provider_card.close_requested.connect(self.close_overlay)
        self.text_sheet.close_requested.connect(self.close_overlay)
        self.run_sheet.close_requested.connect(self.close_overlay)
        self.composer.prompt.height_changed.connect(self._place_toast)

    def _new(self) -> None:
        self.command.emit("new")

    def _open_menu(self) -> None:
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill(menu, theme_of(self), self.shortcuts, is_developer=self._is_developer)
        menu.triggered.connect(self._menu_chosen)
        menu.popup(self.header.menu.mapToGlobal(QtCore.QPoint(0, self.header.menu.height())))

    def _menu_chosen(self, action: QtGui.QAction) -> None:
        self._run(str(action.data()))

    def _fit(self) -> None:
        wide = self.width() >= WIDE_PX
        if wide != self._wide:
            self._wide = wide
            if self.overlay.content() is self.conversations:
                self.overlay.close_content()
            self._fit_list()
        self.overlay.follow_parent()
        beside = self.conversations.width() if wide and self._list_wanted else 0
        bar = self.transcript.verticalScrollBar()
        bar_px = bar.width() if self._stack.currentWidget() is self.transcript and bar.isVisible() else 0
        self.composer.set_room(self.height(), self.width() - beside, bar_px=bar_px)
        self._place_toast()

    def _fit_list(self) -> None:
        beside = self._wide and self._list_wanted
        if self._wide:
            if self._row.indexOf(self.conversations) < 0 or self.conversations.parentWidget() is not self:
                self.conversations.setParent(self)
                self._row.insertWidget(0, self.conversations)
            self.conversations.setFixedWidth(theme_of(self).space(62))
        else:
            self._row.removeWidget(self.conversations)
            self.conversations.setMinimumWidth(0)
            self.conversations.setMaximumWidth(1 << 20)
        if self.overlay.content() is not self.conversations:
            self.conversations.setVisible(beside)
        self._side_line.setVisible(beside)

    def _place_toast(self) -> None:
        if self.toast.isVisible():
            bottom = self._stack.mapTo(self, QtCore.QPoint(0, 0))
            self.toast.place(QtCore.QRect(bottom, self._stack.size()))

"""The dialog's pages of fields: a plain one, a provider's with its key and Test, and the one that adds a provider.

Main thread. A page rebuilds its fields only when they are others than before.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .controls import Button, Hairline, Icon, Text
from .line_edit import LineEdit
from .menus import Select
from .panel_values import ConnectionState
from .provider_card import LOOKS
from .scroll_bar import quiet_scrolling
from .settings_fields import SettingField, Switch
from .settings_key import KeySection
from .settings_values import FieldGroup, FormPage, NewProvider, ProviderPage
from .theme import theme_of

Qt = QtCore.Qt


class Page(QtWidgets.QScrollArea, metaclass=QtClass):
    """A heading and a column that scrolls; the field with the focus is always in sight."""

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        quiet_scrolling(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QtWidgets.QWidget()
        self.setWidget(column)
        self.viewport().setAutoFillBackground(False)
        column.setAutoFillBackground(False)
        self.body = QtWidgets.QVBoxLayout(column)
        margin = theme.space(5)
        self.body.setContentsMargins(margin, theme.space(4), margin, margin)
        self.body.setSpacing(theme.space(3))
        self.title = Text("", size="title")
        self.lead = Text("", role="dim")

    def follow_focus(self, widget: QtWidgets.QWidget) -> None:
        """Brings a field of this page into sight."""
        if self.widget().isAncestorOf(widget):
            self.ensureWidgetVisible(widget, 0, theme_of(self).space(8))

    def commit(self) -> None:
        """Tells what was typed and not told yet."""
        for field in self.findChildren(SettingField):
            field.commit()


class FieldColumn(QtWidgets.QWidget, metaclass=QtClass):
    """Groups of fields under headings. `edited(name, text)`."""

    edited = Signal(str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.fields: Dict[str, SettingField] = {}
        self.after: Optional[QtWidgets.QWidget] = None  # what Tab comes from
        self._box = QtWidgets.QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(theme_of(self).space(3))

    def show_groups(self, groups: Tuple[FieldGroup, ...]) -> None:
        """These fields; those that are there already keep what is being typed in them."""
        values = {value.name: value for group in groups for value in group.fields}
        same = list(values) == list(self.fields) and all(
            values[name].kind == field.value.kind for name, field in self.fields.items()
        )
        if same:
            for name, field in self.fields.items():
                field.set_value(values[name])
            return
        while self._box.count():
            widget = self._box.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.fields = {}
        theme = theme_of(self)
        for number, group in enumerate(groups):
            if group.title:
                if number:
                    self._box.addSpacing(theme.space(3))
                self._box.addWidget(Text(group.title, role="dim", size="small"))
                self._box.addWidget(Hairline())
            for value in group.fields:
                field = SettingField(value)
                field.edited.connect(self.edited)
                self.fields[value.name] = field
                self._box.addWidget(field)
        before = self.after
        for field in self.fields.values():
            if before is not None:
                QtWidgets.QWidget.setTabOrder(before, field.editor)
            before = field.editor


class SettingsPage(Page, metaclass=QtClass):
    """A page of fields and nothing else."""

    edited = Signal(str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        self.column = FieldColumn()
        self.column.edited.connect(self.edited)
        self.body.addWidget(self.title)
        self.body.addWidget(self.lead)
        self.body.addWidget(self.column)
        self.body.addStretch(1)

    def show_page(self, page: FormPage) -> None:
        """This page's words and fields."""
        self.title.set_text(page.title)
        self.lead.set_text(page.lead)
        self.lead.setVisible(bool(page.lead))
        self.column.show_groups(page.groups)


class ProviderSettingsPage(SettingsPage, metaclass=QtClass):
    """A provider: `switched`, `tested`, `removed` carry its name; the key's signals are on `key`."""

    switched = Signal(str, bool)
    tested = Signal(str)
    removed = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self.name = ""
        self.power = Switch(tr("Offer this provider"))
        self.power_note = Text("", role="warning", size="small")
        self.test = Button(tr("Test"), kind="outline", tip=tr("Connects, measures and counts the models"))
        self.state = Icon("info")
        self.result = Text("", size="small", middle=True)
        self.key = KeySection()
        self.remove = Button(tr("Remove this provider"), icon="delete", tip=tr("Takes it and its key away"))
        self.remove.set_look(dim=True)
        head = QtWidgets.QHBoxLayout()
        head.setSpacing(theme.space(3))
        head.addWidget(self.title, 1, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self.power)
        found = QtWidgets.QHBoxLayout()
        found.setSpacing(theme.space(2))
        found.addWidget(self.test, 0, Qt.AlignmentFlag.AlignTop)
        found.addWidget(self.state, 0, Qt.AlignmentFlag.AlignVCenter)
        found.addWidget(self.result, 1)
        self.body.removeWidget(self.title)
        self.body.insertLayout(0, head)
        self.body.insertWidget(2, self.power_note)
        self.body.insertLayout(3, found)
        self.body.insertWidget(4, self.key)
        self.body.insertWidget(self.body.count() - 1, self.remove)
        self.column.after = self.key.forget
        self.power.clicked.connect(self._switched)
        self.test.clicked.connect(self._tested)
        self.remove.clicked.connect(self._removed)

    def show_provider(self, page: ProviderPage) -> None:
        """This provider."""
        if page.name != self.name:
            self.remove.setText(tr("Remove this provider"))
        self.name = page.name
        self.show_page(page.form)
        self.power.setChecked(page.is_on)
        self.power.setEnabled(not page.on_locked_by)
        self.power_note.set_text(tr("Decided by {on_locked_by}; it cannot be changed here.",
            on_locked_by=page.on_locked_by))
        self.power_note.setVisible(bool(page.on_locked_by))
        self.key.setVisible(page.key is not None)
        if page.key is not None:
            self.key.show_key(page.name, page.key)
        self.remove.setVisible(page.can_remove)
        self.set_result(page.state, page.sentence)
        self.test.setEnabled(page.is_on and page.state != "connecting")
        self.test.set_tip(tr("Connects, measures and counts the models") if page.is_on else tr("Turn it on to test it"))

    def set_result(self, state: ConnectionState, sentence: str) -> None:
        """The true state, and what was found."""
        icon, role = LOOKS[state]
        self.state.set_icon(icon, role)
        self.state.setVisible(bool(sentence))
        self.result.set_text(sentence, role)
        self.test.setEnabled(self.power.isChecked() and state != "connecting")

    def _switched(self) -> None:
        self.switched.emit(self.name, self.power.isChecked())

    def _tested(self) -> None:
        self.commit()
        self.tested.emit(self.name)

    def _removed(self) -> None:
        if self.remove.text().startswith("Really"):
            self.removed.emit(self.name)
        else:  # a second click is asked for: it takes the key away too
            self.remove.setText(tr("Really remove it and its key?"))
            self.remove.updateGeometry()


class AddProviderPage(Page, metaclass=QtClass):
    """A provider of one's own: `added(name, kind, address)`."""

    added = Signal(str, str, str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self.title.set_text(tr("Add a provider"))
        self.lead.set_text(tr("A server of your own or your studio's. Most of them speak like OpenAI."))
        self.name = LineEdit("studio-llm")
        self.name.setAccessibleName(tr("Name"))
        self.kind = Select(tr("Speaks like"))
        self.address = LineEdit("http://llm.studio.lan:8000/v1")
        self.address.setAccessibleName(tr("Address"))
        self.problem = Text("", role="error", size="small")
        self.add = Button(tr("Add"), kind="primary")
        self.body.addWidget(self.title)
        self.body.addWidget(self.lead)
        for label, field, words in (
            (tr("Name"), self.name, tr("Small letters, digits, - and _; you can give it a title afterwards.")),
            (tr("Speaks like"), self.kind, tr("llama.cpp, vLLM, LM Studio and most services: openai.")),
            (tr("Address"), self.address, tr("Up to the part that every request shares.")),
        ):
            self.body.addWidget(Text(label))
            self.body.addWidget(field)
            self.body.addWidget(Text(words, role="dim", size="small"))
            self.body.addSpacing(theme.space(2))
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.add)
        row.addStretch(1)
        self.body.addWidget(self.problem)
        self.body.addLayout(row)
        self.body.addStretch(1)
        self.add.clicked.connect(self._added)
        for line in (self.name, self.address):
            line.returnPressed.connect(self._added)

    def show_new(self, value: NewProvider) -> None:
        """What can be added; what was typed stays."""
        if not self.kind.value():
            self.kind.set_choices(value.kinds, "openai")
        self.problem.set_text(value.problem)
        self.problem.setVisible(bool(value.problem))

    def clear(self) -> None:
        """Empties the fields once a provider was added."""
        self.name.clear()
        self.address.clear()

    def _added(self) -> None:
        self.added.emit(self.name.text().strip(), self.kind.value(), self.address.text().strip())

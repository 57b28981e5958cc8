"""A provider's API key in the dialog: write-only, with the place where it is to be kept. Main thread.

A stored key never comes back into a widget; only where it is is known. A file that is not encrypted is written only
after a switch says that the artist wants it.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtGui, QtWidgets, Signal
from .controls import Button, Hairline, Text
from .line_edit import LineEdit
from .menus import Select
from .settings_fields import LabelledRow, Switch
from .settings_values import Choices, KeyValue
from .theme import theme_of


class KeySection(QtWidgets.QWidget, metaclass=QtClass):
    """`stored(provider, key, place)` and `forgot(provider)`."""

    stored = Signal(str, str, str)
    forgot = Signal(str)

    def __init__(self, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(parent)
        theme = theme_of(self)
        self._name = ""
        self._locked = False
        self._places: Choices = ()
        # What was typed for the providers that are not on show: (key, place, consent).
        self._typed: Dict[str, Tuple[str, str, bool]] = {}
        self.key = LineEdit(tr("Paste a key"))
        self.key.setAccessibleName(tr("API key"))
        self.key.setEchoMode(QtWidgets.QLineEdit.EchoMode.Password)
        self.place = Select(tr("Where the key is kept"))
        self.consent = Switch(tr("Keep the key in a file that is not encrypted"))
        self.consent_words = Text(tr("I know that the file is not encrypted; only my user can read it."),
            role="warning",
                                  size="small", middle=True)
        self.store = Button(tr("Keep the key"), kind="outline")
        self.forget = Button(tr("Forget the key"), tip=tr("Removes the stored key from this machine"))
        self.forget.set_look(dim=True)
        self.note = Text("", role="dim", size="small")
        self.problem = Text("", role="error", size="small")
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(theme.space(1.5))
        self._consent_row = QtWidgets.QWidget()
        consent = QtWidgets.QHBoxLayout(self._consent_row)
        consent.setContentsMargins(0, 0, 0, 0)
        consent.addWidget(self.consent)
        consent.addWidget(self.consent_words, 1)
        buttons = QtWidgets.QHBoxLayout()
        buttons.setSpacing(theme.space(2))
        buttons.addWidget(self.store)
        buttons.addWidget(self.forget)
        buttons.addStretch(1)
        for part in (self.key, self.place, self._consent_row):
            column.addWidget(part)
        column.addLayout(buttons)
        column.addWidget(self.problem)
        column.addWidget(self.note)
        self._row = LabelledRow(Text(tr("Key"), middle=True), column)
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(theme.space(3))
        box.addWidget(Hairline())
        box.addLayout(self._row)
        self.key.textChanged.connect(self._enable)
        self.key.returnPressed.connect(self._store)
        self.place.chosen.connect(self._enable)
        self.consent.toggled.connect(self._enable)
        self.store.clicked.connect(self._store)
        self.forget.clicked.connect(self._forget)
        self._enable()

    def show_key(self, name: str, value: KeyValue) -> None:
        """What is known about a provider's key; what is being typed stays."""
        known = [place for _, place in value.places]
        if name != self._name:
            self._typed[self._name] = (self.key.text(), self.place.value(), self.consent.isChecked())
            text, place, consents = self._typed.pop(name, ("", known[0], False))
            self.place.set_choices(value.places, place if place in known else known[0])
            self.consent.setChecked(consents)
            self.key.setText(text)
        elif value.places != self._places:
            self.place.set_choices(value.places, self.place.value() if self.place.value() in known else known[0])
        self._name, self._places = name, value.places
        self._locked = bool(value.locked_by)
        self.note.set_text(value.note, "warning" if self._locked else "dim")
        self.note.setVisible(bool(value.note))
        self.problem.set_text(value.problem)
        self.problem.setVisible(bool(value.problem))
        self.forget.setVisible(value.can_forget)
        self.key.setReadOnly(self._locked)
        self.place.setEnabled(not self._locked)
        self._enable()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._row.fit(self.width())

    def typed(self) -> str:
        """A key that was typed and may be kept now; empty when there is none."""
        return self.key.text().strip() if self.store.isEnabled() else ""

    def clear(self, name: str) -> None:
        """A provider's key was kept: empties its field and takes the consent back."""
        self._typed.pop(name, None)
        if name != self._name:
            return
        self.key.clear()
        self.consent.setChecked(False)

    def _enable(self, *_: object) -> None:
        asks = self.place.value() == "file"
        self._consent_row.setVisible(asks and not self._locked)
        may = bool(self.key.text().strip()) and not self._locked and (not asks or self.consent.isChecked())
        self.store.setEnabled(may)

    def _store(self) -> None:
        if self.store.isEnabled():
            self.stored.emit(self._name, self.key.text().strip(), self.place.value())

    def _forget(self) -> None:
        self.forgot.emit(self._name)

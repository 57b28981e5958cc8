"""How to reach a provider: address, key, a Test that really connects, Save. Main thread.

The key field is write-only: a stored key never comes back into a widget.
"""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets, Signal
from .controls import Button, Icon, Text, TextRole
from .line_edit import LineEdit
from .menus import Select
from .panel_values import ConnectionState, ProviderForm
from .sheets import Sheet
from .shortcuts import Shortcuts
from .theme import theme_of

Qt = QtCore.Qt
LOOKS: Mapping[ConnectionState, Tuple[str, TextRole]] = {
    "unknown": ("info", "dim"), "connecting": ("clock", "dim"), "connected": ("check", "connected"),
    "degraded": ("warning", "warning"), "unreachable": ("error", "error"), "needs key": ("key", "warning"),
    "forbidden by policy": ("shield", "error"),
}

PLACES = (
    (later("Keep it in the system's keyring"), "keyring"),
    (later("Only for this session"), "memory"),
    (later("In a private file (not encrypted)"), "file"),
)


class ProviderCard(Sheet, metaclass=QtClass):
    """`saved` and `tested` carry (name, base_url, key, place of the key); an empty key keeps the old one."""

    saved = Signal(str, str, str, str)
    tested = Signal(str, str, str, str)
    forgot = Signal(str)
    provider_changed = Signal(str)

    def __init__(self, shortcuts: Shortcuts, parent: Optional[QtWidgets.QWidget] = None) -> None:
        super().__init__(tr("Provider"), parent)
        theme = theme_of(self)
        self._forms: Tuple[ProviderForm, ...] = ()
        self.provider = Select(tr("Provider"))
        self.base_url = LineEdit(tr("Address of the server"))
        self.key = LineEdit(tr("API key"))
        self.key.setEchoMode(QtWidgets.QLineEdit.EchoMode.Password)
        for field in (self.base_url, self.key):
            field.set_shortcuts(shortcuts)
            field.returnPressed.connect(self._save)
        self.place = Select(tr("Where the key is kept"))
        self.place.set_choices(tuple((tr(words), place) for words, place in PLACES), PLACES[0][1])
        self.hint = Text("", role="dim", size="small")
        self.key_note = Text("", role="dim", size="small")
        self.result = Text("", size="small", middle=True)
        self.save = Button(tr("Save"), kind="primary")
        self.test = Button(tr("Test"), kind="outline", tip=tr("Connects and counts the models"))
        self.forget = Button(tr("Forget the key"), tip=tr("Removes the stored key from this machine"))
        self.forget.set_look(dim=True)
        self._url_label = Text(tr("Address"), role="dim", size="small")
        self._key_label = Text(tr("Key"), role="dim", size="small")
        buttons = QtWidgets.QHBoxLayout()
        buttons.setSpacing(theme.space(2))
        buttons.addWidget(self.save)
        buttons.addWidget(self.test)
        buttons.addStretch(1)
        buttons.addWidget(self.forget)
        self.state = Icon("info")
        found = QtWidgets.QHBoxLayout()
        found.setSpacing(theme.space(1.5))
        found.addWidget(self.state, 0, Qt.AlignmentFlag.AlignTop)
        found.addWidget(self.result, 1)
        self.body.setSpacing(theme.space(1))
        for label, part, note in (
            (Text(tr("Provider"), role="dim", size="small"), self.provider, self.hint),
            (self._url_label, self.base_url, None), (self._key_label, self.key, self.place),
        ):
            self.body.addWidget(label)
            self.body.addWidget(part)
            if note is not None:
                self.body.addSpacing(theme.space(0.5))
                self.body.addWidget(note)
            self.body.addSpacing(theme.space(2))
        self.body.addWidget(self.key_note)
        self.body.addSpacing(theme.space(2))
        self.body.addLayout(buttons)
        self.body.addSpacing(theme.space(1))
        self.body.addLayout(found)
        self.body.addStretch(1)
        self.provider.chosen.connect(self._provider_changed)
        self.save.clicked.connect(self._save)
        self.test.clicked.connect(self._test)
        self.forget.clicked.connect(self._forget)

    def open(self, forms: Tuple[ProviderForm, ...], name: str) -> None:
        """Shows the provider `name`; the others are a choice away."""
        self._forms = forms
        self.provider.set_choices(tuple((form.title, form.name) for form in forms), name)
        self._show_form()

    def form(self) -> Optional[ProviderForm]:
        """The provider on show."""
        return next((form for form in self._forms if form.name == self.provider.value()), None)

    def update_form(self, form: ProviderForm) -> None:
        """New facts about a provider; what was typed stays."""
        self._forms = tuple(form if old.name == form.name else old for old in self._forms)
        current = self.form()
        if current is not None and current.name == form.name:
            self._show_key_note(form)

    def set_result(self, state: ConnectionState, text: str) -> None:
        """What Test or Save found."""
        icon, role = LOOKS[state]
        self.state.set_icon(icon, role)
        self.state.setVisible(bool(text))
        self.result.set_text(text, role)
        self.test.setEnabled(state != "connecting")

    def _show_form(self) -> None:
        form = self.form()
        if form is None:
            return
        self.title.set_text(form.title)
        self.hint.set_text(form.hint)
        self.hint.setVisible(bool(form.hint))
        self.base_url.setText(form.base_url)
        for part in (self._url_label, self.base_url):
            part.setVisible(form.can_edit_url)
        self.key.clear()
        for field in (self._key_label, self.key, self.place, self.key_note):
            field.setVisible(form.needs_key)
        self._show_key_note(form)
        self.set_result("unknown", "")
        first = self.key if form.needs_key else (self.base_url if form.can_edit_url else self.test)
        first.setFocus(Qt.FocusReason.PopupFocusReason)

    def _show_key_note(self, form: ProviderForm) -> None:
        self.forget.setVisible(form.needs_key and form.key_source not in ("", "environment"))
        if form.key_source:
            self.key_note.set_text(tr("A key is known already (from the {key_source}). A new one replaces it.",
                key_source=form.key_source))
        else:
            self.key_note.set_text(tr("Never goes into a script, a log or an export."))

    def _provider_changed(self, name: str) -> None:
        self._show_form()
        self.provider_changed.emit(name)

    def _values(self) -> Tuple[str, str, str]:
        return self.base_url.text().strip(), self.key.text().strip(), self.place.value()

    def _save(self) -> None:
        form = self.form()
        if form is not None:
            self.saved.emit(form.name, *self._values())

    def _test(self) -> None:
        form = self.form()
        if form is not None:
            self.tested.emit(form.name, *self._values())

    def _forget(self) -> None:
        form = self.form()
        if form is not None:
            self.forgot.emit(form.name)

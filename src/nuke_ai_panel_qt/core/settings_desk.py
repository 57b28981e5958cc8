"""The settings dialog's presenter: what is typed goes down to settings and keys, what is true comes up. Main thread.

Disk, key store and network are all elsewhere. A text that cannot be saved stays in its field as a draft with what is
wrong with it, as long as the panel lives; everything else is saved when the field is left. After a save only the
providers whose row changed connect anew.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Callable, Dict, Optional, Tuple

from nuke_ai_panel.core.provider_manager import ProviderStatus
from nuke_ai_panel.errors import NukeAIError, SettingsError
from nuke_ai_panel.keys import KEYLESS_KINDS, Key
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.registry import provider_kinds
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.settings.layers import checked_value, dotted_name, setting_row
from nuke_ai_panel.settings.words import value_of
from nuke_ai_panel.words import later, tr

from ..qt import is_valid
from ..ui.chat_panel import ChatPanel
from ..ui.settings_dialog import SettingsDialog
from ..ui.settings_values import ListRow, NewProvider
from .chat_session import ChatSession
from .event_bridge import outcome
from .provider_setup import key_place, on_thread, status_sentence
from .settings_forms import (
    ADD,
    ANSWERS,
    GENERAL,
    KEYBOARD,
    PROVIDER,
    Draft,
    KeyFacts,
    answers_page,
    general_page,
    kinds_to_add,
    list_rows,
    provider_page,
    shortcut_rows,
    unknown_commands,
)

KEEPING = later("Keeping the key …")


class SettingsDesk:
    """One panel's. The dialog is made when it is first opened."""

    def __init__(self, session: ChatSession, panel: ChatPanel) -> None:
        self._session = session
        self._panel = panel
        self._page = GENERAL
        self._drafts: Dict[str, Draft] = {}
        self._keys: Dict[str, KeyFacts] = {}
        self._said: Dict[str, str] = {}
        self._add_problem = ""
        self.dialog: Optional[SettingsDialog] = None
        session.writer.committers.append(self.commit)

    def commit(self) -> None:
        """Saves what was typed and not left yet: the panel or the session goes."""
        if self.dialog is not None and is_valid(self.dialog):
            self.dialog.commit()

    def close(self) -> None:
        """The panel goes, and the window with it."""
        self.commit()
        self.left()
        if self.dialog is not None and is_valid(self.dialog):
            self.dialog.close()

    def left(self) -> None:
        """Nobody asks it any more for what is typed. Idempotent."""
        if self.commit in self._session.writer.committers:
            self._session.writer.committers.remove(self.commit)

    def open(self, provider: str = "") -> None:
        """The window, at a provider's page if one is named."""
        if provider in self._session.app.settings.providers:
            self._page = f"{PROVIDER}{provider}"
        dialog = self._made()
        dialog.setPalette(self._panel.palette())
        dialog.setFont(self._panel.font())
        dialog.set_rows(self._rows())
        dialog.list.choose(self._page)
        self._turned(self._page)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        dialog.focus_page()

    def status_changed(self, status: ProviderStatus) -> None:
        """A provider's true state."""
        if self._is_open():
            self._show_rows()
            if self._page == f"{PROVIDER}{status.name}":
                self._show(self._page)

    def settings_changed(self) -> None:
        """Settings were read anew, whoever changed them."""
        dialog = self.dialog
        if dialog is None or not self._is_open():
            return
        dialog.setFont(self._panel.font())
        name = self._provider()
        if name and name not in self._session.app.settings.providers:
            self._page = GENERAL
        self._show_rows()
        self._show(self._page)

    # ------------------------------------------------------------ fields

    def edit(self, name: str, text: str) -> None:
        """A field was left with another text: saves it, or keeps it with what is wrong."""
        try:
            value = self._value(name, text)
        except SettingsError as error:
            self._drafts[name] = Draft(text, _problem(error, name))
            self._show(self._page)
            return
        changes: Dict[str, Json] = {name: value}
        if name == "default_provider":
            changes["default_model"] = None  # the model belonged to the provider that was chosen before
        self._save(changes, lambda error: self._edited(name, text, error))

    def _edited(self, name: str, text: str, error: Optional[BaseException]) -> None:
        if error is None:
            self._drafts.pop(name, None)
        else:
            self._drafts[name] = Draft(text, _problem(error, name))
        self.settings_changed()
        if name.startswith("providers."):
            self._look_for_key(dotted_name(name)[1])  # a key belongs to an address and has a variable

    def _value(self, name: str, text: str) -> Json:
        """What a text means; None takes the setting out. Raises SettingsError."""
        if not text.strip():
            return None
        row = setting_row(name, self._session.app.settings)
        value, problem = value_of(row, text)
        if problem:
            raise SettingsError(problem)
        return checked_value(dotted_name(name), value, name)

    def switch(self, provider: str, is_on: bool) -> None:
        """Offers a provider, or no longer."""
        self._save({f"providers.{provider}.enabled": is_on}, lambda error: self._switched(provider, error))

    def _switched(self, provider: str, error: Optional[BaseException]) -> None:
        self._said[provider] = _sentence(error) if error is not None else ""
        self.settings_changed()

    def rebind(self, command: str, keys: Optional[Tuple[str, ...]]) -> None:
        """Gives a command other keys; None those that it came with."""
        self._save({f"panel.shortcuts.{command}": None if keys is None else list(keys)}, self._rebound)

    def reset_keys(self) -> None:
        """Every command as it came."""
        self._save({"panel.shortcuts": None}, self._rebound)

    def _rebound(self, error: Optional[BaseException]) -> None:
        if self.dialog is not None:
            self.dialog.set_trouble(_sentence(error) if error is not None else "")
        self.settings_changed()

    # ------------------------------------------------------------ providers

    def add(self, name: str, kind: str, address: str) -> None:
        """A provider of the artist's own."""
        self._add_problem = ""
        if name in self._session.app.settings.providers:
            self._add_problem = tr("There is a provider called {name} already.", name=name)
        elif not name or not address:
            self._add_problem = tr("A provider needs a name and an address.")
        if self._add_problem:
            self._show(ADD)
            return
        base = f"providers.{name}"
        self._save({f"{base}.kind": kind, f"{base}.base_url": address}, lambda error: self._added(name, error))

    def _added(self, name: str, error: Optional[BaseException]) -> None:
        dialog = self._made()
        if error is not None:
            step = error.next_step if isinstance(error, NukeAIError) else ""
            self._add_problem = f"{name} {_problem(error, f'providers.{name}')}. {step}".strip()
            self._show(ADD)
            return
        dialog.add.clear()
        self._page = f"{PROVIDER}{name}"
        self.settings_changed()
        dialog.list.choose(self._page)
        dialog.focus_page()

    def remove(self, provider: str) -> None:
        """Takes a provider of the artist's own away, with its key."""
        row = self._row(provider)
        if row is None:
            return
        keys = self._session.app.keys
        gone: ProviderSettings = row
        self._session.bridge.when_done(
            on_thread(lambda: keys.forget(gone)), lambda done: self._key_gone(provider, done), owner=self._panel
        )

    def _key_gone(self, provider: str, future: Future[None]) -> None:
        # A key store that does not answer is no reason to keep the provider.
        for name in [name for name in self._drafts if name.startswith(f"providers.{provider}.")]:
            del self._drafts[name]
        if self.dialog is not None:
            self.dialog.provider.key.clear(provider)
        self._save({f"providers.{provider}": None}, lambda error: self._switched(provider, error))

    def test(self, provider: str) -> None:
        """Keeps a typed key, writes what was typed, connects for real and says what was found."""
        dialog = self._made()
        typed = dialog.provider.key.typed()
        if typed:
            self.store_key(provider, typed, dialog.provider.key.place.value(), then_test=True)
            return
        self._say(provider, tr("Connecting …"))
        self._save({}, lambda _: self._check(provider))

    def _check(self, provider: str) -> None:
        keys = self._session.app.keys
        keys.ask_again()
        if self._row(provider) is None:
            return
        self._said.pop(provider, None)
        self._session.bridge.when_done(
            self._session.app.providers.check(provider), lambda done: self._checked(provider, done), owner=self._panel
        )

    def _checked(self, provider: str, future: Future[ProviderStatus]) -> None:
        error = outcome(future).error
        if error is not None:
            self._said[provider] = _sentence(error)
        self._session.rebuild_models()
        self._look_for_key(provider)
        self.settings_changed()

    # ------------------------------------------------------------ keys

    def store_key(self, provider: str, text: str, place: str, *, then_test: bool = False) -> None:
        """Keeps a key where the artist chose."""
        row = self._row(provider)
        if row is None:
            return
        keys, kept, where = self._session.app.keys, row, key_place(place)
        self._say(provider, tr(KEEPING))
        self._session.bridge.when_done(
            on_thread(lambda: keys.store(kept, text, where=where)),
            lambda done: self._stored(provider, done, then_test=then_test), owner=self._panel,
        )

    def _stored(self, provider: str, future: Future[Key], *, then_test: bool) -> None:
        error = outcome(future).error
        self._said.pop(provider, None)
        if error is not None:
            self._keys[provider] = KeyFacts(self._keys.get(provider, KeyFacts()).source, problem=_sentence(error))
            self.settings_changed()
            return
        if self.dialog is not None:
            self.dialog.provider.key.clear(provider)
        self._session.app.providers.reset(provider)
        self._look_for_key(provider)
        if then_test:
            self.test(provider)

    def forget_key(self, provider: str) -> None:
        """Takes a stored key away."""
        row = self._row(provider)
        if row is None:
            return
        keys, gone = self._session.app.keys, row
        self._session.bridge.when_done(
            on_thread(lambda: keys.forget(gone)), lambda done: self._forgotten(provider, done), owner=self._panel
        )

    def _forgotten(self, provider: str, future: Future[None]) -> None:
        error = outcome(future).error
        self._session.app.providers.reset(provider)
        self._look_for_key(provider, problem=_sentence(error) if error is not None else "")

    def _look_for_key(self, provider: str, *, problem: str = "") -> None:
        row = self._row(provider)
        if row is None or row.kind in KEYLESS_KINDS:
            return
        keys, asked = self._session.app.keys, row
        self._session.bridge.when_done(
            on_thread(lambda: keys.source(asked)), lambda done: self._key_found(provider, problem, done),
            owner=self._panel,
        )

    def _key_found(self, provider: str, problem: str, future: Future[Optional[str]]) -> None:
        result = outcome(future)
        if result.error is not None:
            problem = _sentence(result.error)
        self._keys[provider] = KeyFacts(result.value or "", self._session.app.keys.trouble, problem)
        if self._is_open() and self._provider() == provider:
            self._show(self._page)

    # ------------------------------------------------------------ showing

    def _made(self) -> SettingsDialog:
        if self.dialog is None:
            dialog = self.dialog = SettingsDialog(self._panel)
            dialog.page_chosen.connect(self._turned)
            dialog.edited.connect(self.edit)
            page = dialog.provider
            page.switched.connect(self.switch)
            page.tested.connect(self.test)
            page.removed.connect(self.remove)
            page.key.stored.connect(self.store_key)
            page.key.forgot.connect(self.forget_key)
            dialog.keyboard.rebound.connect(self.rebind)
            dialog.keyboard.all_reset.connect(self.reset_keys)
            dialog.add.added.connect(self.add)
        return self.dialog

    def _turned(self, page: str) -> None:
        self._page = page
        self._show(page)
        provider = self._provider()
        if provider:
            self._look_for_key(provider)

    def _show(self, page: str) -> None:
        dialog, settings = self._made(), self._session.app.settings
        name = self._provider()
        if page == ANSWERS:
            dialog.show_form(answers_page(settings, self._drafts))
        elif page == KEYBOARD:
            dialog.show_keyboard(shortcut_rows(settings, self._panel.shortcuts), unknown_commands(settings))
        elif page == ADD:
            dialog.show_add(NewProvider(kinds_to_add(provider_kinds()), self._add_problem))
        elif name and name in settings.providers:
            status = self._session.app.providers.status(name)
            sentence = self._said.get(name) or status_sentence(self._session, status)
            dialog.show_provider(provider_page(
                settings, name, self._drafts, status=status, sentence=sentence, key=self._keys.get(name, KeyFacts())
            ))
        else:
            dialog.show_form(general_page(settings, self._drafts))

    def _rows(self) -> Tuple[ListRow, ...]:
        settings, providers = self._session.app.settings, self._session.app.providers
        return list_rows(settings, {name: providers.status(name) for name in settings.providers})

    def _show_rows(self) -> None:
        dialog = self._made()
        dialog.set_rows(self._rows())
        if dialog.list.current() != self._page:
            dialog.list.choose(self._page)

    def _say(self, provider: str, sentence: str) -> None:
        self._said[provider] = sentence
        if self._is_open() and self._provider() == provider:
            self._show(self._page)

    def _save(self, changes: Dict[str, Json], done: Callable[[Optional[BaseException]], None]) -> None:
        self._session.writer.save(changes, done)

    def _provider(self) -> str:
        return self._page[len(PROVIDER):] if self._page.startswith(PROVIDER) else ""

    def _row(self, name: str) -> Optional[ProviderSettings]:
        return self._session.app.settings.providers.get(name)

    def _is_open(self) -> bool:
        return self.dialog is not None and self.dialog.isVisible()


def _sentence(error: BaseException) -> str:
    if isinstance(error, NukeAIError):
        stop = "" if error.user_text.endswith((".", "?", "!", ":")) else "."
        return f"{error.user_text}{stop} {error.next_step}".strip()
    return str(error)


def _problem(error: BaseException, name: str) -> str:
    """What is wrong, to stand after the field's own name."""
    words = error.user_text if isinstance(error, NukeAIError) else str(error)
    _, found, rest = words.partition(f"{name} ")
    return (rest if found else words).rstrip(".")

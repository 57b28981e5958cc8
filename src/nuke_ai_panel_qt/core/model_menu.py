"""What can be done with one model: load, unload, pull, think more or less, take another route, read about it.

Main thread. What is on offer depends on the provider's kind and on what the model is known to do; every entry works.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, List, Optional, Tuple

from nuke_ai_panel.core.model_facts import model_facts
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.providers.base import ModelInfo
from nuke_ai_panel.words import later, tr

from ..qt import QtCore, QtGui, is_valid
from ..ui.panel_values import MenuEntry
from .event_bridge import outcome
from .server_desk import OLLAMA, OPENROUTER

if TYPE_CHECKING:
    from ..ui.chat_panel import ChatPanel
    from .chat_session import ChatSession
    from .model_desk import ModelDesk

# What is sent as the reasoning effort, and what it is called; "" sends nothing.
EFFORTS: Tuple[Tuple[str, str], ...] = (
    ("", later("As the model likes")), ("none", later("Off")), ("on", later("On")), ("low", later("Low")),
    ("medium", later("Medium")), ("high", later("High")),
)
_ROUTES = (("nitro", later("Fastest vendor")), ("floor", later("Cheapest vendor")),
    ("exacto", later("Best vendor for tools")))
_VARIANTS = ("free", "extended", "thinking", "beta", "nitro", "floor", "exacto", "online")


class ModelActions:
    """One panel's; fills the picker's menu and does what is picked."""

    def __init__(self, session: ChatSession, panel: ChatPanel, desk: ModelDesk) -> None:
        self._session = session
        self._panel = panel
        self._desk = desk
        self._choice = ModelChoice("")
        panel.picker.menu_requested.connect(self.open)
        panel.picker.menu.chosen.connect(self.run)
        self._pulling: Optional[ModelChoice] = None
        session.servers.listen(lambda: is_valid(panel), self._pull_moved)

    def open(self, provider: str, model: str, place: QtCore.QPoint) -> None:
        """Opens the menu of a model."""
        self._choice = ModelChoice(provider, model)
        self._panel.picker.menu.open_at(self._entries(self._choice), place)

    def run(self, command: str) -> None:
        """Does what was picked, to the model whose menu is open."""
        choice, session = self._choice, self._session
        head, _, tail = command.partition(":")
        if head == "use":
            self._desk.choose_model(choice)
        elif head == "route":
            self._desk.choose_model(ModelChoice(choice.provider, f"{choice.model}:{tail}"))
        elif head == "star":
            self._panel.picker.starred.emit(choice.provider, choice.model)
        elif head == "effort":
            session.state.set_effort((choice.provider, choice.model), tail)
            self._desk.show_choice()
        elif head == "copy":
            QtGui.QGuiApplication.clipboard().setText(choice.model)
            self._panel.say(tr("Copied {model}", model=choice.model))
        elif head == "facts":
            self._show_facts(choice)
        elif head == "pull":
            self._pull(choice)
        elif head == "cancel":
            session.servers.cancel(choice)
        elif head in ("load", "keep", "unload"):
            self._at_server(head, choice)

    # ------------------------------------------------------------ what is on offer

    def _entries(self, choice: ModelChoice) -> Tuple[MenuEntry, ...]:
        row = self._session.app.settings.providers.get(choice.provider)
        known = self._session.known_model(choice)
        is_starred = (choice.provider, choice.model) in self._session.state.memory.favourites
        entries = [
            MenuEntry(tr("Use this model"), "use", "check"),
            MenuEntry(tr("Take the star away") if is_starred else tr("Add a star"), "star",
            f"star{'-filled' * is_starred}"),
        ]
        if row is not None and row.kind == OLLAMA:
            entries += self._server_entries(choice, known)
        if known is None or known.capabilities is None or "reasoning" in known.capabilities:
            entries.append(MenuEntry(tr("Thinking"), icon="brain", inner=self._efforts(choice, known, is_ollama=(
                row is not None and row.kind == OLLAMA))))
        if row is not None and row.kind == OPENROUTER and choice.model.rpartition(":")[2] not in _VARIANTS:
            entries.append(MenuEntry(tr("Route"), icon="node", inner=tuple(
                MenuEntry(f"{tr(words)}  (:{route})", f"route:{route}") for route, words in _ROUTES
            )))
        return (*entries, MenuEntry(), MenuEntry(tr("What is known about it"), "facts", "info"),
                MenuEntry(tr("Copy the id"), "copy", "copy"))

    def _server_entries(self, choice: ModelChoice, known: Optional[ModelInfo]) -> List[MenuEntry]:
        if self._session.servers.work(choice) is not None:
            return [MenuEntry(), MenuEntry(tr("Cancel the pull"), "cancel", "stopped"), MenuEntry()]
        if known is None:
            return [MenuEntry(), MenuEntry(tr("Pull it"), "pull", "download"), MenuEntry()]
        if not known.local:
            return [MenuEntry()]
        if known.loaded:
            return [MenuEntry(), MenuEntry(tr("Unload from memory"), "unload", "arrow-down"),
                    MenuEntry(tr("Keep in memory"), "keep", "clock"), MenuEntry()]
        return [MenuEntry(), MenuEntry(tr("Load into memory"), "load", "local"),
                MenuEntry(tr("Load and keep in memory"), "keep", "clock"), MenuEntry()]

    def _efforts(self, choice: ModelChoice, known: Optional[ModelInfo], *, is_ollama: bool) -> Tuple[MenuEntry, ...]:
        chosen = self._session.state.effort((choice.provider, choice.model))
        levels = [one for one in EFFORTS if one[0] != "on" or is_ollama]
        if known is not None and known.efforts:
            words = dict(EFFORTS)
            levels = [("", words[""]), *((one, words.get(one, one.capitalize())) for one in known.efforts)]
        return tuple(MenuEntry(text, f"effort:{level}", is_checked=level == chosen) for level, text in levels)

    # ------------------------------------------------------------ what is done

    def _pull(self, choice: ModelChoice) -> None:
        self._pulling = choice
        self._session.servers.pull(choice, lambda: None)

    def _pull_moved(self, provider: str) -> None:
        choice = self._pulling
        if choice is None or choice.provider != provider:
            return
        work = self._session.servers.work(choice)
        if work is not None:
            self._panel.say(work.note, action=tr("Cancel"), run=lambda: self._session.servers.cancel(choice))
            return
        self._pulling = None
        self._panel.say(self._session.servers.said(choice) or tr("{model} is ready.", model=choice.model))

    def _at_server(self, action: str, choice: ModelChoice) -> None:
        servers = self._session.app.model_servers
        if action == "unload":
            future, words = servers.unload(choice), tr("{model} is out of memory.", model=choice.model)
        elif action == "keep":
            future, words = servers.load(choice, keep_alive=-1), tr("{model} stays in memory.", model=choice.model)
        else:
            future, words = servers.load(choice), tr("{model} is in memory.", model=choice.model)
        if action != "unload":
            self._panel.say(tr("Loading {model} …", model=choice.model))
        self._session.bridge.when_done(future, lambda done: self._done(words, done), owner=self._panel)

    def _done(self, words: str, future: Future[None]) -> None:
        error = outcome(future).error
        self._session.rebuild_models()
        if error is not None:
            words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
        self._panel.say(words.strip())

    def _show_facts(self, choice: ModelChoice) -> None:
        known = self._session.known_model(choice) or ModelInfo(choice.model, choice.provider)
        text = "\n".join(f"{name}: {words}" for name, words in model_facts(known))
        self._panel.open_text_sheet()
        self._panel.text_sheet.show_text(choice.model, known.name or choice.model, text, facts=self._session.title_of(
            choice.provider), is_editable=False)

"""Who answers next in one panel: picking, starring, going round the favourites, setting providers up. Main thread.

A pick counts for the next request of the shown conversation and is stored with it; nothing else changes who
answers.
"""

from __future__ import annotations

from typing import Callable, Optional, Tuple

from nuke_ai_panel.app import Parameters
from nuke_ai_panel.core.provider_manager import ProviderStatus
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.words import later, tr

from ..ui.chat_panel import ChatPanel
from ..ui.panel_values import ConnectionValue
from .chat_session import ChatSession
from .conversation_parameters import words_of
from .model_menu import ModelActions
from .provider_setup import ProviderSetup, state_sentence

CHOOSE_FIRST = later("Choose a model first: the button below opens the list.")


class ModelDesk:
    """`on_chosen` is called after another model was picked."""

    def __init__(self, session: ChatSession, panel: ChatPanel, on_chosen: Callable[[], None]) -> None:
        self._session = session
        self._panel = panel
        self._on_chosen = on_chosen
        self._choice: Optional[ModelChoice] = None
        self._conversation_id = ""
        self._is_closed = False
        self._held: Optional[Tuple[str, Callable[[], None]]] = None  # the provider that is looked after for this panel
        self._setup = ProviderSetup(session, panel.provider_card, self._provider_ready)
        panel.picker.chosen.connect(self._picked)
        panel.picker.starred.connect(self._starred)
        panel.picker.refresh_requested.connect(self.refresh_models)
        panel.composer.pick_model_requested.connect(self.open_picker)
        self.model_actions = ModelActions(session, panel, self)

    def open(self, conversation_id: str) -> None:
        """Another conversation: its own model counts."""
        self._conversation_id, self._choice = conversation_id, None

    def status_changed(self, status: ProviderStatus) -> None:
        """A provider's true state changed."""
        self.show_choice()
        self._setup.status_changed(status)

    def show_choice(self) -> None:
        """Who answers next and the truth about the way there, in the chip and the composer."""
        choice = self.choice()
        self._hold(choice.provider if choice is not None else "")
        tip = self._panel.shortcuts.tip(tr("Choose the model"), "pick_model")
        self._panel.composer.set_blocked("" if choice is not None else tr(CHOOSE_FIRST))
        if choice is None:
            self._panel.composer.status.set_value(ConnectionValue(), tip)
            self._panel.composer.set_placeholder(tr("Choose a model, then ask …"))
            return
        status = self._session.app.providers.status(choice.provider)
        row = self._session.app.settings.providers.get(choice.provider)
        effort = self._session.state.effort((choice.provider, choice.model))
        thinking = tr("\nThinking: {more}", more='off' if effort == 'none' else effort) if effort else ""
        here = words_of(self._session.craft.parameters.get(self._conversation_id, Parameters()))
        own = tr("\nIn this conversation: {here}", here=here) if here else ""
        sentence = f"{choice.model}{thinking}{own}\n{state_sentence(status, row)}"
        self._panel.composer.status.set_value(
            ConnectionValue(status.state, status.title, choice.model, sentence), tip
        )
        self._panel.composer.set_placeholder(tr("Ask anything …"))

    def close(self) -> None:
        """The panel goes; nobody looks after its provider for it any more."""
        self._hold("")
        self._is_closed = True

    def _hold(self, name: str) -> None:
        held = self._held
        if self._is_closed or (held is not None and held[0] == name):
            self._session.app.providers.keep_watching()
            return
        self._held = (name, self._session.app.providers.hold(name)) if name else None
        if held is not None:
            held[1]()

    def choice(self) -> Optional[ModelChoice]:
        """Who answers next here: what was picked, else the conversation's, else the last used, else a set default."""
        if self._choice is not None:
            return self._choice
        app, names = self._session.app, self._session.app.providers.names()
        conversation = self._session.conversation(self._conversation_id)
        if conversation is not None and conversation.provider in names and conversation.model:
            return ModelChoice(conversation.provider, conversation.model)
        last = self._session.state.memory.last_model
        if last is not None and last[0] in names:
            return ModelChoice(*last)
        is_set = {"default_provider", "default_model"} & set(app.settings.sources)
        if not is_set:
            return None
        try:
            return app.choice()
        except NukeAIError:
            return None

    def picked(self) -> Optional[ModelChoice]:
        """What was picked here since the conversation was opened."""
        return self._choice

    def take_back(self, choice: ModelChoice) -> None:
        """What another panel of this conversation had picked."""
        self._choice = choice
        self.show_choice()

    def choose_model(self, choice: ModelChoice) -> None:
        """The next request of this conversation goes there."""
        self._choice = choice
        self._session.state.used_model((choice.provider, choice.model))
        self._session.rebuild_models()
        conversation = self._session.conversation(self._conversation_id)
        if conversation is not None:
            self._session.app.store.update_conversation(
                conversation.id, provider=choice.provider, model=choice.model
            )
        self._session.learn_model(choice)
        self._panel.overlay.close_content()
        self.show_choice()
        self._on_chosen()
        self._panel.focus_composer()

    def open_picker(self) -> None:
        """The list of models, at once from what is known; asks for newer lists in the background."""
        self._session.refresh_models()
        self._panel.picker.set_providers(tuple(
            (name, self._session.title_of(name)) for name in self._session.app.providers.names()
        ))
        choice = self.choice()
        self._panel.open_picker()
        self._panel.picker.open((choice.provider, choice.model) if choice is not None else None)

    def open_provider(self, name: str = "") -> None:
        """The provider card, at the current provider when none is named."""
        choice = self.choice()
        self._setup.open(name or (choice.provider if choice is not None else "openrouter"))
        self._panel.open_provider_card()

    def next_favourite(self) -> None:
        """Goes round the favourites."""
        names = self._session.app.providers.names()
        favourites = [key for key in self._session.state.memory.favourites if key[0] in names]
        if not favourites:
            self._panel.composer.nudge(tr("No favourites yet: star a model in the list."))
            return
        choice = self.choice()
        now = (choice.provider, choice.model) if choice is not None else None
        place = favourites.index(now) + 1 if now in favourites else 0
        self.choose_model(ModelChoice(*favourites[place % len(favourites)]))

    def _picked(self, provider: str, model: str) -> None:
        self.choose_model(ModelChoice(provider, model))

    def _starred(self, provider: str, model: str) -> None:
        self._session.state.toggle_favourite((provider, model))
        self._session.rebuild_models()

    def refresh_models(self) -> None:
        """Asks every provider for its models again."""
        self._session.refresh_models(force=True)

    def _provider_ready(self, name: str) -> None:
        """A provider was set up from the card: go on to its models, unless one of them is chosen already."""
        choice = self.choice()
        if choice is not None and choice.provider == name:
            self._panel.close_overlay()
        elif self._panel.overlay.content() is self._panel.provider_card:
            self.open_picker()
            self._panel.picker.query.setText(self._session.title_of(name))

"""The three ways to begin: the artist's Ollama, a key, the built-in tiny model. Main thread; fetching runs on the loop.

Each choice says what leaves the machine. Nothing is fetched or asked before its button is pressed, except for one look
whether an Ollama answers on its own address.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Callable, Optional, Tuple
from urllib.parse import urlsplit

from nuke_ai_panel.core.provider_manager import ProviderStatus
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.events import Progress
from nuke_ai_panel.providers.model_files import CATALOGUE, find_model, models_dir
from nuke_ai_panel.providers.model_pull import pull_for
from nuke_ai_panel.providers.urls import ollama_base_url
from nuke_ai_panel.settings import is_loopback_url
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..qt import is_valid
from ..ui.panel_values import StartChoice
from ..ui.start_page import StartPage
from .chat_session import ChatSession
from .event_bridge import outcome
from .host_door import find_host

log = logging.getLogger(__name__)

TITLE = later("Choose who answers")
LEAD = later("You can change this at any time, also in the middle of a conversation.")
EMPTY_TITLE = later("Ask about your comp")
EMPTY_LEAD = later("Attach a file or a script with + Context, or begin with one of these.")
SUGGESTIONS = (
    later("Why does my despill eat the edge of the hair?"),
    later("Write a Python snippet that lists every Read node with missing frames"),
    later("Explain premultiplication with a small example"),
    later("Write an expression that makes a light flicker"),
)
# With nodes selected the first two are about them, and take them along.
ABOUT_ONE = (later("What does {names} do here, and would you set it otherwise?"),
             later("Why could {names} give a wrong result?"))
ABOUT_SOME = (later("What do {names} do together, and is their order right?"),
              later("Write a Python snippet that builds {names} again"))
TINY = "smollm2"
OLLAMA, CLOUD, LOCAL = "ollama", "openrouter", "local"
# What an Ollama without a model is offered.
FIRST_PULL = ModelChoice(OLLAMA, "qwen2.5-coder:7b")


class FirstSteps:
    """Fills the start page of one panel; `on_chosen` gets the model, `on_add_key` opens the provider card."""

    def __init__(
        self, session: ChatSession, page: StartPage, *, on_chosen: Callable[[ModelChoice], None],
        on_add_key: Callable[[str], None],
    ) -> None:
        self._session = session
        self._page = page
        self._on_chosen = on_chosen
        self._on_add_key = on_add_key
        self._pulling: Optional[Future[Path]] = None
        self._progress = 0.0
        self._pull_note = ""
        self._has_looked = False
        self._is_choosing = False
        self._about_selection: Tuple[str, ...] = ()
        page.chosen.connect(self.choose)
        page.entered.connect(self._entered)
        session.servers.listen(lambda: is_valid(page), self._server_moved)

    def show(self) -> None:
        """The choices as they stand; looks for an Ollama the first time."""
        if not self._has_looked and OLLAMA in self._session.app.providers.names():
            self._has_looked = True
            self._session.app.providers.check(OLLAMA)
        self._is_choosing = True
        self._page.show_choices(tr(TITLE), tr(LEAD), self._choices())

    def show_suggestions(self) -> None:
        """An empty conversation."""
        self._is_choosing = False
        host = find_host()
        names = host.selected() if host is not None else ()
        said = names[0] if len(names) == 1 else tr("the {count} selected nodes", count=len(names))
        about = () if not names else ABOUT_ONE if len(names) == 1 else ABOUT_SOME
        self._about_selection = tuple(tr(one, names=said) for one in about)
        rest = tuple(tr(one) for one in SUGGESTIONS)
        self._page.show_suggestions(
            tr(EMPTY_TITLE), tr(EMPTY_LEAD), (*self._about_selection, *rest)[:len(SUGGESTIONS)])

    def is_about_selection(self, text: str) -> bool:
        """Whether a suggestion means the selected nodes."""
        return text in self._about_selection

    def _entered(self) -> None:
        """The pointer comes from the node graph: something else may be selected."""
        if not self._is_choosing:
            self.show_suggestions()

    def choose(self, choice_id: str) -> None:
        """One click on a choice."""
        if choice_id == OLLAMA:
            self._choose_ollama()
        elif choice_id == CLOUD:
            self._on_add_key(CLOUD)
        elif choice_id == LOCAL:
            self._choose_local()

    def _server_moved(self, provider: str) -> None:
        if provider == OLLAMA and self._is_choosing:
            self.show()

    # ------------------------------------------------------------ what each choice says

    def _choices(self) -> Tuple[StartChoice, ...]:
        names = self._session.app.providers.names()
        made = []
        if OLLAMA in names:
            made.append(self._ollama(self._session.app.providers.status(OLLAMA)))
        made.append(StartChoice(
            CLOUD, "key", tr("Add a key"),
            tr("Anthropic, Google, OpenAI, OpenRouter and more, or any address that speaks like OpenAI."),
            tr("Leaves this machine: your questions and what you attach, to the provider you choose."), tr("Add a key"),
        ))
        if LOCAL in names:
            made.append(self._local())
        return tuple(made)

    def _ollama(self, status: ProviderStatus) -> StartChoice:
        url = self._session.app.providers.settings(OLLAMA).base_url or ""
        host = _address(url)
        leaves = (
            tr("Leaves this machine: nothing.") if is_loopback_url(url)
            else tr("Leaves this machine: your questions and what you attach, to {host}.", host=host)
        )
        is_there = status.state in ("connected", "degraded")
        count = len(self._session.app.providers.models(OLLAMA).models) if is_there else 0
        sentence = tr("Models that run on your own machine or server.")
        if status.state == "connecting" or (status.state == "unknown" and not status.error):
            return StartChoice(OLLAMA, "local", tr("Use my Ollama"), sentence, leaves, tr("Looking …"),
                is_enabled=False)
        if count:
            found = tr("Found at {host} with {count} model{more}.", host=host, count=count, more='s' if count > 1
                else '')
            return StartChoice(OLLAMA, "local", tr("Use my Ollama"), found, leaves, tr("Use Ollama"))
        servers = self._session.servers
        work, said = servers.work(FIRST_PULL), servers.said(FIRST_PULL)
        title = tr("Use my Ollama")
        if work is not None:
            return StartChoice(OLLAMA, "local", title, sentence, work.note, tr("Cancel"), progress=work.share or 0.0)
        if is_there:
            note = said or tr("Ollama runs at {host} but has no model yet. {model} is 4.7 GB and a good start.",
                host=host, model=FIRST_PULL.model)
            return StartChoice(
                OLLAMA, "local", title, sentence, tr("{leaves} The model comes from ollama.com.", leaves=leaves),
                tr("Pull {model}", model=FIRST_PULL.model), note=note,
            )
        if is_loopback_url(url) and servers.can_start(OLLAMA):
            note = said or tr("Ollama is not running at {host}.", host=host)
            return StartChoice(OLLAMA, "local", title, sentence, leaves, tr("Start Ollama"), note=note)
        note = tr("No Ollama answers at {host}. Start it, then look again.", host=host)
        if is_loopback_url(url):
            note = tr("No Ollama answers at {host}. Start it, or get it at ollama.com/download; then look again.",
                host=host)
        return StartChoice(OLLAMA, "local", title, sentence, leaves, tr("Look again"), note=said or note)

    def _local(self) -> StartChoice:
        entry = CATALOGUE[TINY]
        size = tr("{wheel_size_bytes:.0f} MB", wheel_size_bytes=entry.wheel_size_bytes / 1e6)
        sentence = (
            tr("SmolLM2, {parameter_size}: it is tiny. Good to see the panel work, not for real questions; for those "
               "use Ollama or a key.", parameter_size=entry.parameter_size)
        )
        leaves = tr("Leaves this machine: nothing.")
        if self._pulling is not None:
            return StartChoice(
                LOCAL, "spark", tr("Try the built-in tiny model"), sentence,
                self._pull_note or tr("Fetching {size} from PyPI …", size=size), tr("Cancel"), progress=self._progress,
            )
        if self._tiny_is_here():
            return StartChoice(LOCAL, "spark", tr("Try the built-in tiny model"), sentence, leaves, tr("Use it"))
        return StartChoice(
            LOCAL, "spark", tr("Try the built-in tiny model"), sentence,
            tr("{leaves} The model is fetched once from PyPI ({size}).", leaves=leaves, size=size),
            tr("Fetch and use it"), note=self._pull_note,
        )

    # ------------------------------------------------------------ what each choice does

    def _choose_ollama(self) -> None:
        providers, servers = self._session.app.providers, self._session.servers
        models = [one for one in providers.models(OLLAMA).models if not one.unavailable_reason]
        is_connected = providers.status(OLLAMA).state in ("connected", "degraded")
        if not (is_connected and models) and servers.work(FIRST_PULL) is not None:
            servers.cancel(FIRST_PULL)
            return
        if is_connected and not models:
            servers.pull(FIRST_PULL, lambda: self._on_chosen(FIRST_PULL))
            return
        if not is_connected and servers.can_start(OLLAMA):
            servers.start(OLLAMA, self.show)
            return
        if not is_connected:
            providers.check(OLLAMA)
            self.show()
            return
        wanted = providers.settings(OLLAMA).default_model
        best = next((one for one in models if one.id == wanted), None) or next(
            (one for one in models if one.loaded), models[0]
        )
        self._on_chosen(ModelChoice(OLLAMA, best.id))

    def _choose_local(self) -> None:
        if self._pulling is not None:
            self._pulling.cancel()
            return
        if self._tiny_is_here():
            self._on_chosen(ModelChoice(LOCAL, TINY))
            return
        self._progress, self._pull_note = 0.0, ""
        bridge = self._session.bridge
        settings = self._session.app.settings
        self._pulling = create_task(pull_for(
            settings.provider(LOCAL), TINY, models_dir(settings.home),
            progress=lambda one: bridge.call(lambda: self._pull_moved(one)),
        ))
        bridge.when_done(self._pulling, self._pulled, owner=self._page)
        self.show()

    def _pull_moved(self, progress: Progress) -> None:
        if self._pulling is None or not is_valid(self._page):
            return
        if progress.done is not None and progress.total:
            share = progress.done / progress.total
            if progress.detail == "downloading":
                self._progress = share
                self._pull_note = tr("{done:.0f} of {total:.0f} MB from PyPI", done=progress.done / 1e6,
                    total=progress.total / 1e6)
        if progress.detail in ("checking", "unpacking"):
            self._pull_note = tr("Checking what arrived …") if progress.detail == "checking" else tr("Unpacking …")
        self.show()

    def _pulled(self, future: Future[Path]) -> None:
        self._pulling = None
        result = outcome(future)
        path, error = result.value, result.error
        if path is not None:
            self._pull_note = ""
            self._session.app.providers.check(LOCAL)
            self._on_chosen(ModelChoice(LOCAL, TINY))
            return
        if isinstance(error, CancelledError):
            self._pull_note = tr("Cancelled. What arrived is kept; fetching again goes on from there.")
        elif isinstance(error, NukeAIError):
            self._pull_note = f"{error.user_text} {error.next_step}".strip()
        else:
            log.error("the built-in model could not be fetched", exc_info=error)
            self._pull_note = tr("The model could not be fetched: {error}", error=error)
        self.show()

    def _tiny_is_here(self) -> bool:
        return find_model(TINY, models_dir(self._session.app.settings.home)) is not None


def _address(base_url: str) -> str:
    """host:port of an address as people write it."""
    try:
        return urlsplit(ollama_base_url(base_url)).netloc
    except NukeAIError:
        return base_url

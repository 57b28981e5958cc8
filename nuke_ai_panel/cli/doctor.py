"""`doctor`: what the product knows about itself, with keys left out, for a bug report or a TD."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import exits
from .console import Console
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..diagnosis import Report

PATIENCE_S = 60.0


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command."""
    parser = add_command(commands, "doctor", "say what is installed, what is missing and what is wrong")
    parser.add_argument("--connect", action="store_true", help=(
        "also connect to every provider that is on, and say how it answers"))
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the report; the exit code says whether anything is wrong."""
    from ..diagnosis import make_report

    if arguments.connect:
        report = _connected(console)
    else:
        console.wait("Looking …")
        report = make_report()
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(report.json()))
    else:
        console.say(report.text().rstrip("\n"))
    return exits.COMPLETE if report.is_well else exits.FAILED


def _connected(console: Console) -> Report:
    """The report after every provider was asked; without an App, which the report then says, as it is."""
    from ..app import App
    from ..diagnosis import make_report
    from ..errors import NukeAIError

    try:
        app = App.open()
    except (NukeAIError, ImportError):
        return make_report()
    try:
        console.wait("Asking every provider …")
        checks = [app.providers.check(name) for name in app.providers.names()]
        for check in checks:
            check.result(PATIENCE_S)
        return make_report()
    finally:
        app.close()

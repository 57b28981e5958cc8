"""`ask`: one question, its answer on standard output."""

from __future__ import annotations

import argparse
from typing import Tuple

from ..errors import NukeAIError
from ..messages import Attachment
from . import exits
from .console import Console, read_stdin
from .exits import UsageError
from .models import offer_download
from .options import add_common_options, overrides_of, text_of
from .program import Parser, add_command, say_error


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command."""
    parser = add_command(commands, "ask", "ask one question and print the answer")
    parser.add_argument("prompt", metavar="PROMPT", help="the question; - reads it from standard input")
    parser.add_argument("--file", metavar="PATH", action="append", default=[], help=(
        "attach a text file, a picture or a PDF; may be given several times"))
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the text")
    add_common_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Asks and prints. Raises what ends the command before there is an answer."""
    prompt = read_stdin() if arguments.prompt == "-" else text_of(arguments.prompt, what="The prompt")
    from .attachments import read_attachments

    files = read_attachments(arguments.file)
    if not prompt.strip() and not files:
        raise UsageError("The prompt is empty.", next_step="Type a question, or - and pipe one in.")
    if not arguments.json:
        return _ask(arguments, console, prompt, files)
    try:
        return _ask(arguments, console, prompt, files)
    except UsageError:
        raise
    except NukeAIError as error:
        from .answer_json import dumps, failure_object

        console.raw(dumps(failure_object(error, provider=getattr(arguments, 'provider', None), model=arguments.model)))
        say_error(console, error)
        return exits.code_of(error)


def _ask(arguments: argparse.Namespace, console: Console, prompt: str, files: Tuple[Attachment, ...]) -> int:
    overrides = overrides_of(arguments)
    from ..app import App
    from ..core.request import TurnRequest
    from .turn_view import follow

    app = App.open(overrides=overrides)
    try:
        if not arguments.json:
            offer_download(app, console)
        request = TurnRequest(
            text=prompt, attachments=files, retries=arguments.retries, wait_for_server_s=arguments.wait or 0.0
        )
        outcome = follow(app, request, console, is_quiet=arguments.json)
    finally:
        app.close()
    if arguments.json:
        from .answer_json import answer_object, dumps

        console.raw(dumps(answer_object(outcome)))
    return outcome.code


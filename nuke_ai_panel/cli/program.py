"""Builds the parser, runs one command, and turns every error into one sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Iterable, NoReturn, Optional, Sequence

from ..errors import NukeAIError
from . import exits
from .console import Console
from .exits import OutputLostError, UsageError
from .interrupts import ignore_interrupts
from .log_file import keep_log

PROG = "nuke-ai-panel"
# Each is a module beside this one with `register(commands)`.
_HELP_COLUMN = 26
COMMANDS = ("ask", "chat", "batch", "models", "history", "config", "ledger", "doctor", "install")


class Parser(argparse.ArgumentParser):
    """An argument parser that says one sentence, and looks the same on every Python."""

    def error(self, message: str) -> NoReturn:
        self.exit(exits.USAGE, f"{self.prog}: {message}. Try {self.prog} --help.\n")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Eighty columns everywhere, `--option VALUE` once for each option, and a usage of what cannot be left out."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN, width=80)
        # Python 3.13 counts a sub-command's indent otherwise: with a fixed column nothing is counted.
        self._action_max_length = _HELP_COLUMN - 2

    def add_usage(
        self, usage: Optional[str], actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup], prefix: Optional[str] = None,
    ) -> None:
        """One line: every Python wraps a longer one in its own way, and the options are listed below it."""
        listed = [action for action in actions if action.help is not argparse.SUPPRESS]
        # An empty prefix asks for the words that come before a sub-command's name.
        words = [self._prog] if prefix == "" else [self._prog, "[options]"]
        words += [f"({' | '.join(map(self._usage_of, group._group_actions))})" for group in groups if group.required]
        words += [self._usage_of(action) for action in listed if action.option_strings and action.required]
        words += [self._usage_of(action) for action in listed if not action.option_strings]
        super().add_usage(" ".join(words).replace("%", "%%"), listed, groups, prefix)

    def _usage_of(self, action: argparse.Action) -> str:
        value = "" if action.nargs == 0 else self._format_args(action, action.dest.upper())
        return " ".join(word for word in (*action.option_strings[-1:], value) if word)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, action.dest.upper())}"


def run(argv: Optional[Sequence[str]] = None) -> int:
    """Runs one command. A `None` argv means that the process is ours, to its end."""
    console = Console()
    keep_log()
    try:
        return _run(argv, console)
    except KeyboardInterrupt:
        console.clear_wait()
        return exits.INTERRUPTED
    finally:
        if argv is None:
            ignore_interrupts()
            _last_flush(console)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    codes = "\n".join(f"  {code:<4} {meaning}" for code, meaning in exits.EXPLAINED)
    parser = Parser(
        prog=PROG, description="Talk to AI models from the terminal; the same conversations are in the panel.",
        epilog=f"exit codes:\n{codes}", formatter_class=HelpFormatter, allow_abbrev=False,
    )
    _name_groups(parser)
    parser.add_argument("--version", action=_Version, help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    for name in COMMANDS:
        import_module(f"{__package__}.{name}").register(commands)
    return parser


def add_command(commands: argparse._SubParsersAction[Parser], name: str, summary: str) -> Parser:
    """A sub-command's parser, in the house's form."""
    parser: Parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    _name_groups(parser)
    return parser


def _name_groups(parser: argparse.ArgumentParser) -> None:
    # Python 3.9 calls it "optional arguments".
    parser._optionals.title = "options"


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("nuke-ai-panel")
        except PackageNotFoundError:
            number = "in the source tree"
        sys.stdout.write(f"{PROG} {number}\n")
        parser.exit(exits.COMPLETE)


def _run(argv: Optional[Sequence[str]], console: Console) -> int:
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.error("a command is missing")
        return int(arguments.run(arguments, console))
    except SystemExit as exc:
        return int(exc.code or 0)
    except OutputLostError as gone:
        console.abandon()
        if gone.reason:
            console.note(gone.reason)
        return exits.PARTIAL
    except NukeAIError as error:
        say_error(console, error)
        return exits.code_of(error)
    except Exception as exc:  # noqa: BLE001  # the end of the program: a bug becomes a sentence, its traceback a file
        return _bug(console, exc)


def say_error(console: Console, error: NukeAIError) -> None:
    """An error of ours on standard error: what is wrong, and what to do."""
    prefix = f"{PROG}: " if isinstance(error, UsageError) else ""
    stop = "" if error.user_text.endswith((".", "?", "!", ":")) else "."
    console.note(f"{prefix}{error.user_text}{stop} {error.next_step}".rstrip())


def _bug(console: Console, exc: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="nuke-ai-panel-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write("".join(traceback.format_exception(type(exc), exc, exc.__traceback__)))
    console.note(f"{PROG}: this is a bug: {type(exc).__name__}: {exc}. Please report it with the file {file.name}.")
    return exits.FAILED


def _last_flush(console: Console) -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        console.abandon()

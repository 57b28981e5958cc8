"""What the verbs of `batch` share: their errors' codes, the App they open, the rows they are given, and the plan."""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Optional

from ..errors import MissingKeyError, NukeAIError, PolicyError, SettingsError
from . import exits
from .batch_options import restore, settle
from .console import Console
from .exits import OutputLostError, UsageError
from .options import overrides_of
from .program import Parser, add_command, say_error

if TYPE_CHECKING:
    from ..app import App
    from ..batch.planning import Plan
    from ..batch.rows import Source


def add_verb(
    verbs: argparse._SubParsersAction[Parser], name: str, summary: str,
    run: Callable[[argparse.Namespace, Console], int],
) -> Parser:
    """One verb; what goes wrong in it ends as `_guarded` says."""
    parser = add_command(verbs, name, summary)
    parser.set_defaults(run=lambda arguments, console: _guarded(run, arguments, console))
    return parser


def add_out(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """--out DIR."""
    parser.add_argument("--out", metavar="DIR", required=is_needed, help="the run directory")


def add_folder(parser: argparse.ArgumentParser) -> None:
    """The run directory as the first argument."""
    parser.add_argument("out", metavar="DIR", help="the run directory")


def _guarded(
    run: Callable[[argparse.Namespace, Console], int], arguments: argparse.Namespace, console: Console
) -> int:
    """Runs a verb; every error of ours becomes one sentence and a code of the batch's own."""
    from ..batch.errors import BatchError
    from ..batch.values import INVALID, REFUSED

    try:
        return run(arguments, console)
    except OutputLostError as gone:
        console.abandon()
        if gone.reason:
            console.note(gone.reason)
        return exits.FAILED
    except BatchError as error:
        say_error(console, error)
        return error.code
    except UsageError:
        raise
    except (MissingKeyError, PolicyError) as error:
        say_error(console, error)
        return REFUSED
    except SettingsError as error:
        say_error(console, error)
        return INVALID
    except NukeAIError as error:
        say_error(console, error)
        return exits.FAILED
    except OSError as exc:
        if exc.filename is None:
            raise
        console.note(f"{exc.filename} cannot be used: {exc.strerror or exc}. Check the place, then run it again.")
        return exits.FAILED


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[App]:
    """An App for what the command line says; closed at the end of the block."""
    from ..app import App as Opened

    settle(arguments)
    given = argparse.Namespace(**{
        name: getattr(arguments, name) for name in (
            "provider", "model", "base_url", "system", "temperature", "max_tokens", "timeout")
        if getattr(arguments, name, None) is not None
    })
    begun_with = getattr(arguments, "default_provider", None)
    if "base_url" in given and "provider" not in given and begun_with:
        given.provider = begun_with
    app = Opened.open(overrides=overrides_of(given))
    try:
        yield app
    finally:
        app.close()


def planned(
    app: App, arguments: argparse.Namespace, *, samples: int = 0, rows: Optional[tuple[int, int]] = None
) -> Plan:
    """The plan that the command line asks for. Raises what `make_plan` raises, and UsageError."""
    from ..batch.commands import plan_of

    first, last = rows if rows is not None else (0, None)
    given = dict(vars(arguments), base_url=None)  # it is in the App's settings already
    if arguments.verb == "plan":
        given["sample"] = None  # what `plan` calls a sample is shown; only a run draws one
    return plan_of(app, given, samples=samples, rows=rows_of(arguments), first=first, last=last)


def rows_of(arguments: argparse.Namespace) -> Source:
    """The rows that the command line names. Raises UsageError, InvalidBatchError."""
    from ..batch.rows import source_of
    from ..batch.script_rows import glob_source, nodes_source

    arguments.input = arguments.input or arguments.input_option
    given = [name for name in ("input", "glob", "nk") if getattr(arguments, name)]
    if len(given) != 1:
        raise UsageError(
            "The rows are missing." if not given else "There is more than one input.",
            next_step="Give INPUT, --glob PATTERN or --nk PATH.",
        )
    if arguments.glob:
        return glob_source(arguments.glob)
    if arguments.nk:
        return nodes_source(Path(arguments.nk), arguments.nodes)
    return source_of(arguments.input, kind=arguments.format or "")


def names_rows(arguments: argparse.Namespace) -> bool:
    """Whether the command line says which rows."""
    return bool(arguments.input or arguments.input_option or arguments.glob or arguments.nk)


def go_on(arguments: argparse.Namespace, out: Path) -> None:
    """Fills in what run.json keeps. Raises InvalidBatchError when the rows are not kept anywhere."""
    from ..batch.errors import InvalidBatchError

    restore(arguments, command_of_run(out))
    if arguments.input == "-":
        raise InvalidBatchError(
            "the rows came from standard input", user_text="The rows of this run came from another program.",
            next_step=f"Give them again: … | nuke-ai-panel batch run - --out {out} with the same options.",
        )


def command_of_run(out: Path, *, is_needed: bool = True) -> dict[str, object]:
    """What run.json keeps of the command line. Raises InvalidBatchError."""
    from ..batch.errors import InvalidBatchError
    from ..batch.run_folder import RunFolder

    found = RunFolder(out).read().get("command")
    known = found if isinstance(found, dict) else {}
    if not known and is_needed:
        raise InvalidBatchError(
            f"{out} does not say how it was run.", next_step="Give the input and the template as for batch run."
        )
    return dict(known)

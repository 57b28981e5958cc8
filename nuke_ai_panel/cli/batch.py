"""`batch`: prompts as scripts, over rows, nodes and scripts; one directory for each run."""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Optional

from ..errors import MissingKeyError, NukeAIError, PolicyError, SettingsError
from . import exits
from .batch_options import (
    add_rows_options,
    add_run_options,
    restore,
    schema_of,
    variables_of,
)
from .batch_run import carry_out, say_plan, say_report
from .console import Console
from .exits import UsageError
from .options import overrides_of
from .program import Parser, add_command, say_error

if TYPE_CHECKING:
    from ..app import App
    from ..batch.planning import Plan
    from ..batch.rows import Source

_EPILOG = """exit codes:
  0    every row has an answer
  1    a defect of the program, or a disk that is full; run again to go on
  2    the input, the template, the price or the schema is wrong; nothing was sent
  3    finished, and some rows have no answer: report.md lists them
  4    stopped: the provider refuses for good, or too many rows failed
  5    stopped at the budget or the time
  6    another process writes to the run directory
  130  interrupted with Ctrl-C; 143 ended from outside; run again to go on"""
_SHOWN_GAPS = 10


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its verbs."""
    parser = add_command(commands, "batch", "ask one prompt about many rows, nodes or scripts")
    parser.epilog = _EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", parser_class=Parser, required=True)
    plan = _verb(verbs, "plan", "make every request, count and show some; send nothing", _plan)
    add_rows_options(plan)
    plan.add_argument("--out-file", metavar="NAME", help="check the names of the pages too")
    plan.add_argument("--sample", metavar="COUNT", type=int, default=3, help="how many requests to show (3)")
    plan.add_argument("--json", action="store_true", help="print one JSON object")
    for name, summary in (("run", "run, or go on where a run stopped"),
                          ("resume", "go on with a run directory: resume DIR, or as run with its --out")):
        one = _verb(verbs, name, summary, _run)
        add_rows_options(one)
        _add_out(one, is_needed=name == "run")
        add_run_options(one)
    chunk = _verb(verbs, "run-chunk", "a farm's part: some rows, a terminal record for each", _run_chunk)
    add_rows_options(chunk)
    _add_out(chunk)
    chunk.add_argument("--rows", metavar="A-B", required=True, help="the rows, counted from 0, both included")
    add_run_options(chunk)
    merge = _verb(verbs, "merge", "join the chunks of a farm, count, and write the reports", _merge)
    _add_folder(merge)
    retry = _verb(verbs, "retry", "ask the rows again that failed", _retry)
    _add_folder(retry)
    retry.add_argument("--only", metavar="CLASSES", default="", help=(
        "only these classes of errors, such as rate,timeout,5xx,network,schema"))
    add_rows_options(retry)
    add_run_options(retry)
    status = _verb(verbs, "status", "how far a run is, also while another process runs it", _status)
    _add_folder(status)
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.add_argument("--watch", action="store_true", help="go on telling until it has ended")
    export = _verb(verbs, "export", "write the requests for a provider's own batch service", _export)
    add_rows_options(export)
    _add_out(export)
    export.add_argument("--to", choices=("openai", "openrouter", "vllm"), required=True, help="for which service")
    importing = _verb(verbs, "import", "take a service's results into a run directory", _import)
    importing.add_argument("results", metavar="FILE", nargs="+", help="what the service gave back")
    add_rows_options(importing)
    importing.set_defaults(input=None)
    _add_out(importing)


def _verb(
    verbs: argparse._SubParsersAction[Parser], name: str, summary: str,
    run: Callable[[argparse.Namespace, Console], int],
) -> Parser:
    parser = add_command(verbs, name, summary)
    parser.set_defaults(run=lambda arguments, console: _guarded(run, arguments, console))
    return parser


def _add_out(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    parser.add_argument("--out", metavar="DIR", required=is_needed, help="the run directory")


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="DIR", help="the run directory")


def _guarded(
    run: Callable[[argparse.Namespace, Console], int], arguments: argparse.Namespace, console: Console
) -> int:
    """Runs a verb; every error of ours becomes one sentence and a code of the batch's own."""
    from ..batch.errors import BatchError
    from ..batch.values import INVALID, REFUSED

    try:
        return run(arguments, console)
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


# ---------------------------------------------------------------- the verbs


def _plan(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.planning import check

    with _opened(arguments) as app:
        plan = _planned(app, arguments, samples=arguments.sample)
        if arguments.json:
            console.raw(json.dumps(plan.as_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            say_plan(plan, console)
        check(plan)
    return exits.COMPLETE


def _run(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.errors import InvalidBatchError
    from ..batch.run_folder import RunFolder

    if arguments.out is None:
        arguments.out, arguments.input = arguments.input, None
    if not arguments.out:
        raise UsageError("The run directory is missing.", next_step="Say batch resume DIR.")
    if arguments.verb == "resume" and not RunFolder(Path(arguments.out)).exists():
        raise InvalidBatchError(f"{arguments.out} holds no run.", next_step="Start one with batch run.")
    if arguments.verb == "resume" and not _names_rows(arguments):
        restore(arguments, _command_of_run(Path(arguments.out)))
    with _opened(arguments) as app:
        plan = _planned(app, arguments)
        return carry_out(plan, Path(arguments.out), arguments, console)


def _retry(arguments: argparse.Namespace, console: Console) -> int:
    if not _names_rows(arguments):
        restore(arguments, _command_of_run(Path(arguments.out)))
    with _opened(arguments) as app:
        plan = _planned(app, arguments)
        kinds = tuple(one.strip() for one in arguments.only.split(",") if one.strip())
        return carry_out(plan, Path(arguments.out), arguments, console, retry_only=kinds)


def _run_chunk(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.shards import chunk_folder, chunk_of, is_complete, seal
    from ..batch.values import DONE, SOME_FAILED

    out, chunk = Path(arguments.out).absolute(), chunk_of(arguments.rows)
    if is_complete(out, chunk):
        console.note(f"Rows {arguments.rows} are done already.")
        return exits.COMPLETE
    arguments.yes = True
    with _opened(arguments) as app:
        plan = _planned(app, arguments, rows=(chunk.first, chunk.last))
        code = carry_out(plan, chunk_folder(out, chunk), arguments, console)
        if code not in (DONE, SOME_FAILED):
            return code
        seal(out, chunk)
    # Every row has its end, also a failed one; asking the farm to try again would not help. `merge` tells.
    return exits.COMPLETE


def _merge(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.shards import merge

    out = Path(arguments.out).absolute()
    command = _command_of_run(out, is_needed=False)
    source: Optional[Source] = None
    if command:
        made = argparse.Namespace(input=None, input_option=None, glob=None, nk=None, nodes="all", format=None)
        restore(made, command)
        source = _source(made) if made.input != "-" else None
    report, problems = merge(out, source)
    for problem in problems[:_SHOWN_GAPS]:
        console.note(problem)
    say_report(report, console)
    return report.code


def _status(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.errors import InvalidBatchError
    from ..batch.run_folder import RunFolder, lines_of

    folder = RunFolder(Path(arguments.out))
    if not folder.exists():
        raise InvalidBatchError(f"{arguments.out} holds no run.", next_step="Check the path.")
    while True:
        facts, is_running = folder.read(), folder.is_locked()
        answered = sum(1 for _ in lines_of(folder.results))
        failed = sum(1 for _ in lines_of(folder.errors))
        rows = facts.get("rows")
        if arguments.json:
            console.raw(json.dumps({
                "running": is_running, "rows": rows, "answered": answered, "failed": failed, "run": facts,
            }, ensure_ascii=False, default=str) + "\n")
        else:
            total = "" if rows is None else f" of {rows:,}"
            what = "running" if is_running else "ended" if facts.get("finished") else "stopped before its end"
            console.say(f"{answered:,}{total} rows have an answer, {failed:,} failed; {what}.")
        if not arguments.watch or not is_running:
            return exits.COMPLETE
        time.sleep(2.0)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.exchange import export
    from ..batch.planning import check

    with _opened(arguments) as app:
        plan = _planned(app, arguments)
        check(plan)
        for path in export(plan, Path(arguments.out), arguments.to):
            console.say(str(path))
    return exits.COMPLETE


def _import(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.exchange import import_results

    with _opened(arguments) as app:
        plan = _planned(app, arguments)
        answers, errors, strange = import_results(
            plan, Path(arguments.out).absolute(), [Path(one) for one in arguments.results])
    console.say(f"{answers:,} answers and {errors:,} errors taken in.")
    if strange:
        console.note(f"{len(strange):,} ids are in no row, for example {strange[0]}.")
    return exits.COMPLETE


# ---------------------------------------------------------------- what they share


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[App]:
    from ..app import App as Opened

    given = argparse.Namespace(**{
        name: getattr(arguments, name) for name in (
            "provider", "model", "base_url", "system", "temperature", "max_tokens", "timeout")
        if getattr(arguments, name, None) is not None
    })
    app = Opened.open(overrides=overrides_of(given))
    try:
        yield app
    finally:
        app.close()


def _planned(
    app: App, arguments: argparse.Namespace, *, samples: int = 0, rows: Optional[tuple[int, int]] = None
) -> Plan:
    from ..batch.feed import Selection
    from ..batch.planning import make_plan
    from ..providers.base import Parameters

    first, last = rows if rows is not None else (0, None)
    return make_plan(
        app, _source(arguments), template=Path(arguments.template) if arguments.template else None,
        provider=getattr(arguments, "provider", None), model=arguments.model, system=arguments.system,
        schema=schema_of(arguments.schema), variables=variables_of(arguments.var), roots=arguments.root,
        parameters=Parameters(temperature=arguments.temperature, max_tokens=arguments.max_tokens), id=arguments.id,
        images=arguments.image, page=getattr(arguments, "out_file", None), price_in=arguments.price_in,
        price_out=arguments.price_out, samples=samples,
        selection=Selection(arguments.limit, first, last, arguments.repeat),
    )


def _source(arguments: argparse.Namespace) -> Source:
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


def _names_rows(arguments: argparse.Namespace) -> bool:
    return bool(arguments.input or arguments.input_option or arguments.glob or arguments.nk)


def _command_of_run(out: Path, *, is_needed: bool = True) -> dict[str, object]:
    from ..batch.errors import InvalidBatchError
    from ..batch.run_folder import RunFolder

    found = RunFolder(out).read().get("command")
    if not found and is_needed:
        raise InvalidBatchError(
            f"{out} does not say how it was run.", next_step="Give the input and the template as for batch run."
        )
    return dict(found or {})

"""`batch export` and `import`: requests for a provider's own batch service, and what it answered. Main thread."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, List, Sequence

from . import exits
from .batch_options import add_rows_options, command_of
from .batch_rows import add_out, add_verb, opened, planned
from .console import Console
from .program import Parser

if TYPE_CHECKING:
    from ..batch.values import Reject

_SHOWN = 10


def add_exchange_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    """Adds the two verbs."""
    export = add_verb(verbs, "export", "write the requests for a provider's own batch service", _export)
    add_rows_options(export)
    add_out(export)
    export.add_argument("--to", choices=("openai", "openrouter", "vllm"), required=True, help="for which service")
    importing = add_verb(verbs, "import", "take a service's results into a run directory", _import)
    importing.add_argument("results", metavar="FILE", nargs="+", help="what the service gave back")
    add_rows_options(importing)
    importing.set_defaults(input=None)
    add_out(importing)


def _export(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.exchange import export
    from ..batch.planning import check
    from ..batch.values import SOME_FAILED

    rejects: List[Reject] = []
    with opened(arguments) as app:
        plan = planned(app, arguments)
        check(plan)
        for path in export(plan, Path(arguments.out), arguments.to, rejects.append):
            console.say(str(path))
    _note(console, [one.words for one in rejects], f"{len(rejects):,} lines were no rows.")
    return SOME_FAILED if rejects else exits.COMPLETE


def _import(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.exchange import import_results
    from ..batch.values import DEFECT, SOME_FAILED

    with opened(arguments) as app:
        plan = planned(app, arguments)
        found = import_results(
            plan, Path(arguments.out).absolute(), [Path(one) for one in arguments.results],
            command=command_of(arguments, plan))
    console.say(f"{found.answers:,} answers and {found.errors:,} errors taken in.")
    if found.strange:
        console.note(f"{len(found.strange):,} ids are in no row, for example {found.strange[0]}.")
    _note(console, found.rejects, f"{len(found.rejects):,} lines of the results cannot be used.")
    for problem in found.report.problems[:_SHOWN]:
        console.note(problem)
    return SOME_FAILED if found.rejects else DEFECT if found.report.code == DEFECT else exits.COMPLETE


def _note(console: Console, lines: Sequence[str], total: str) -> None:
    """Some lines of what was left aside, and how many they are."""
    for one in lines[:_SHOWN]:
        console.note(one)
    if lines:
        console.note(total)

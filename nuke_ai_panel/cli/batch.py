"""`batch`: prompts as scripts, over rows, nodes and scripts; one directory for each run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

from . import exits
from .batch_exchange import add_exchange_verbs
from .batch_farm import add_farm_verbs
from .batch_gallery import add_gallery_verb
from .batch_options import add_rows_options, add_run_options
from .batch_rows import add_folder, add_out, add_verb, go_on, names_rows, opened, planned
from .batch_run import carry_out, say_plan
from .console import Console
from .exits import UsageError
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..batch.run_folder import RunFolder

_EPILOG = """exit codes:
  0    every row has an answer
  1    a defect of the program, or a disk that is full; run again to go on
  2    the input, the template, the price or the schema is wrong; nothing was sent
  3    finished, and some rows have no answer: report.md lists them
  4    stopped: the provider refuses for good, or too many rows failed
  5    stopped at the budget or the time
  6    another process writes to the run directory
  130  interrupted with Ctrl-C; 143 ended from outside; run again to go on"""


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its verbs."""
    parser = add_command(commands, "batch", "ask one prompt about many rows, nodes or scripts")
    parser.epilog = _EPILOG
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", parser_class=Parser, required=True)
    plan = add_verb(verbs, "plan", "make every request, count and show some; send nothing", _plan)
    add_rows_options(plan)
    plan.add_argument("--out-file", metavar="NAME", help="check the names of the pages too")
    plan.add_argument("--sample", metavar="COUNT", type=int, default=3, help="how many requests to show (3)")
    plan.add_argument("--json", action="store_true", help="print one JSON object")
    for name, summary in (("run", "run, or go on where a run stopped"),
                          ("resume", "go on with a run directory: resume DIR, or as run with its --out")):
        one = add_verb(verbs, name, summary, _run)
        add_rows_options(one)
        add_out(one, is_needed=name == "run")
        add_run_options(one)
    add_gallery_verb(verbs)
    add_farm_verbs(verbs)
    retry = add_verb(verbs, "retry", "ask the rows again that failed", _retry)
    add_folder(retry)
    retry.add_argument("--only", metavar="CLASSES", default="", help=(
        "only these classes of errors, such as rate,timeout,5xx,network,schema"))
    add_rows_options(retry)
    add_run_options(retry)
    status = add_verb(verbs, "status", "how far a run is, also while another process runs it", _status)
    add_folder(status)
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.add_argument("--watch", action="store_true", help="go on telling until it has ended")
    add_exchange_verbs(verbs)


# ---------------------------------------------------------------- the verbs


def _plan(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.planning import check, surveyed

    with opened(arguments) as app:
        plan = surveyed(planned(app, arguments, samples=arguments.sample), samples=arguments.sample)
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
    if arguments.verb == "resume" and not names_rows(arguments):
        go_on(arguments, Path(arguments.out))
    with opened(arguments) as app:
        plan = planned(app, arguments)
        return carry_out(plan, Path(arguments.out), arguments, console)


def _retry(arguments: argparse.Namespace, console: Console) -> int:
    if not names_rows(arguments):
        go_on(arguments, Path(arguments.out))
    with opened(arguments) as app:
        plan = planned(app, arguments)
        kinds = tuple(one.strip() for one in arguments.only.split(",") if one.strip())
        return carry_out(plan, Path(arguments.out), arguments, console, retry_only=kinds)


def _status(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.errors import InvalidBatchError
    from ..batch.run_folder import RunFolder

    folder = RunFolder(Path(arguments.out))
    if not folder.exists():
        raise InvalidBatchError(f"{arguments.out} holds no run.", next_step="Check the path.")
    while True:
        found = _state_of(folder)
        if arguments.json:
            console.raw(json.dumps(found, ensure_ascii=False, default=str) + "\n")
        else:
            total = "" if found["rows"] is None else f" of {found['rows']:,}"
            what = f"{found['state']}: {found['reason']}" if found["reason"] else f"{found['state']}."
            console.say(f"{found['answered']:,}{total} rows have an answer, {found['failed']:,} failed; {what}")
        if not arguments.watch or not found["running"]:
            return exits.COMPLETE
        time.sleep(2.0)


def _state_of(folder: RunFolder) -> Dict[str, Any]:  # Any: what JSON holds
    """How far a run is, and why it is no farther."""
    from ..batch.reporting import REPORT
    from ..batch.shards import counted
    from ..batch.values import DONE, SOME_FAILED

    facts, is_running = folder.read(), folder.is_locked()
    answered, failed, is_chunk_running = counted(folder.path)
    is_running = is_running or is_chunk_running
    rows, counts = facts.get("rows"), facts.get("counts")
    rows = rows if isinstance(rows, int) else None
    code = counts.get("code", DONE) if isinstance(counts, dict) else None
    has_ended = code in (DONE, SOME_FAILED) and (rows is None or answered + failed >= rows)
    is_stopped = not is_running and bool(facts.get("finished")) and not has_ended
    return {
        "running": is_running, "rows": rows, "answered": answered, "failed": failed,
        "state": "running" if is_running else "ended" if has_ended else "stopped before its end",
        "reason": str(folder.read(REPORT).get("message") or "") if is_stopped else "", "run": facts,
    }

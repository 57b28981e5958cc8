"""`batch farm`, `run-chunk` and `merge`: the job for a farm, one worker's part of it, and the end. Main thread."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from . import exits
from .batch_options import add_rows_options, add_run_options, command_of, restore, settle
from .batch_rows import add_folder, add_out, add_verb, command_of_run, go_on, names_rows, opened, planned, rows_of
from .batch_run import carry_out, options_given, say_report
from .console import Console
from .exits import UsageError
from .options import count
from .program import Parser

if TYPE_CHECKING:
    from ..batch.rows import Source

# What is in the requests already.
_MADE = ("glob", "nk", "nodes", "template", "var", "schema", "id", "image", "root", "limit", "repeat", "out_file",
         "system", "shuffle", "sample", "seed", "temperature", "max_tokens", "keep_requests")


def add_farm_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    """Adds the three verbs."""
    farm = add_verb(verbs, "farm", "write a run as a job for a farm: its requests and a job folder", _farm)
    add_rows_options(farm, format_option="--input-format")
    add_out(farm)
    farm.add_argument("--format", dest="farm_format", choices=("openjd",), default="openjd", help=(
        "the form of the job: openjd (AWS Deadline Cloud, openjd run)"))
    farm.add_argument("--chunk-rows", metavar="COUNT", type=count(1, 1_000_000), default=50, help=(
        "how many rows the first chunks have (50)"))
    farm.add_argument("--chunk-seconds", metavar="SECONDS", type=count(0, 86_400), default=180, help=(
        "how long a chunk should last (180); 0 keeps to --chunk-rows"))
    farm.add_argument("--slots", metavar="COUNT", type=count(1, 10_000), default=1, help=(
        "how many chunks the farm's limit lets run at once (1); --rpm and --tpm are shared among them"))
    farm.add_argument("--limit-name", metavar="NAME", default="amount.llm_slots", help=(
        "what the farm's limit is called (amount.llm_slots)"))
    farm.add_argument("--python", metavar="PATH", help="a worker's Python that has nuke_ai_panel (this one)")
    add_run_options(farm)
    chunk = add_verb(verbs, "run-chunk", "a worker's part: some rows, a terminal record for each", _run_chunk)
    add_rows_options(chunk)
    add_out(chunk)
    chunk.add_argument("--rows", metavar="A-B", required=True, help="the rows, counted from 0, both included")
    add_run_options(chunk)
    merge = add_verb(verbs, "merge", "join the chunks of a farm, count, and write the reports", _merge)
    add_folder(merge)


def _farm(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.farm import Farm, write_job
    from ..batch.planning import check
    from ..batch.run_folder import REJECTS, REQUESTS, RunFolder
    from ..batch.targets import refuse_foreign

    out = Path(arguments.out).absolute()
    with opened(arguments) as app:
        plan = planned(app, arguments)
        check(plan, budget=options_given(arguments).budget)
        refuse_foreign(RunFolder(out), plan.source, targets=[arguments.csv])
        command = {
            name: value for name, value in command_of(arguments, plan).items()
            if name not in _MADE
        }
        command.update(input=str(out / REQUESTS), format="requests", provider=plan.recipe.provider,
                       model=plan.recipe.model)
        for name in ("rpm", "tpm"):
            if command.get(name) is not None:
                command[name] /= arguments.slots
        job, rows, rejected = write_job(plan, out, Farm(
            arguments.chunk_rows, arguments.chunk_seconds, arguments.limit_name, arguments.python,
            out.name), command)
    if rejected:
        console.note(f"{rejected:,} lines of the input are no rows: {out / REJECTS} says why. The merge counts them.")
    console.say(f"{rows:,} requests in {out / REQUESTS}. The job is in {job}:")
    console.say("  " + shlex.join(["openjd", "run", str(job / "template.json"), "-p", f"RunDir={out}"]))
    console.say("  " + shlex.join(["deadline", "bundle", "submit", str(job)]))
    return exits.COMPLETE


def _run_chunk(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.planning import jobs_of
    from ..batch.run_folder import RunFolder
    from ..batch.shards import adopt, chunk_file, chunk_folder, chunk_of, insist_same, is_complete, seal
    from ..batch.targets import refuse_foreign
    from ..batch.values import DONE, SOME_FAILED

    out, chunk = Path(arguments.out).absolute(), chunk_of(arguments.rows)
    known = RunFolder(out).read()
    if not names_rows(arguments):
        budget = arguments.budget
        go_on(arguments, out)
        if budget is None and arguments.budget is not None and known.get("rows"):
            # The whole budget is shared by the rows: no chunk knows what the others spend.
            arguments.budget *= min(1.0, (chunk.last - chunk.first + 1) / known["rows"])
    _insist_on_all_rows(arguments)
    arguments.yes = True
    with opened(arguments) as app:
        plan = planned(app, arguments, rows=(chunk.first, chunk.last))
        refuse_foreign(RunFolder(out), plan.source, targets=[arguments.csv])
        if not plan.source.is_made:
            insist_same(known, plan.template_hash, plan.fingerprint)
        if is_complete(out, chunk):
            console.note(f"Rows {arguments.rows} are done already.")
            return exits.COMPLETE
        adopted = adopt(out, chunk, lambda: {job.custom_id: job.key for job in jobs_of(plan)})
        if adopted:
            console.note(f"{adopted:,} rows are answered already, in chunks of other borders.")
        code = carry_out(plan, chunk_folder(out, chunk), arguments, console, becomes=chunk_file(out, chunk))
        if code not in (DONE, SOME_FAILED):
            return code
        seal(out, chunk)
    # Every row has its end, also a failed one; asking the farm to try again would not help. `merge` tells.
    return exits.COMPLETE


def _insist_on_all_rows(arguments: argparse.Namespace) -> None:
    """A chunk's rows are numbered as the input has them. Raises UsageError."""
    said = [f"--{name}" for name in ("limit", "sample", "shuffle", "repeat") if getattr(arguments, name)]
    if said:
        raise UsageError(
            f"run-chunk does not take {', '.join(said)}: a chunk is rows A to B of the whole input.",
            next_step="Write the job with batch farm, which takes them, then run its chunks.",
        )


def _merge(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.reporting import write_csv
    from ..batch.run_folder import RunFolder
    from ..batch.shards import merge

    out = Path(arguments.out).absolute()
    command = command_of_run(out, is_needed=False)
    source: Optional[Source] = None
    if command:
        made = argparse.Namespace(input=None, input_option=None, glob=None, nk=None, nodes=None, format=None)
        restore(made, command)
        settle(made)
        source = rows_of(made) if made.input != "-" else None
    report = merge(out, source)
    if command.get("csv"):
        write_csv(RunFolder(out), Path(str(command.get("cwd") or "."), str(command["csv"])))
    say_report(report, console)
    return report.code

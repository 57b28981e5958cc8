"""Carries a planned batch out for the command line: signals, progress, the last words. Main thread."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from concurrent.futures import wait as wait_for_futures
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional

from . import exits
from .batch_options import command_of
from .console import Console
from .exits import OutputLostError
from .log_file import keep_log_in

if TYPE_CHECKING:
    from ..batch.planning import Plan
    from ..batch.reporting import Report
    from ..batch.session import Session
    from ..batch.values import Options
    from .batch_view import BatchView

_LOOK_S = 0.2


def options_given(arguments: argparse.Namespace, *, retry_only: Optional[tuple[str, ...]] = None) -> Options:
    """What the command line says about how a plan is carried out. Raises InvalidBatchError."""
    from ..batch.commands import options_of_command

    return options_of_command(vars(arguments), retry_only=retry_only)


def carry_out(
    plan: Plan, out: Path, arguments: argparse.Namespace, console: Console, *,
    retry_only: Optional[tuple[str, ...]] = None, becomes: Optional[Path] = None,
) -> int:
    """Runs a plan to its end, whatever that is, and says how it went; the exit code. Raises what is wrong before.

    `becomes` is the file that the whole directory is made into when every row has its end.
    """
    from ..batch.handle import Handle
    from ..batch.planning import check
    from ..batch.session import Session
    from .batch_view import BatchView

    options = options_given(arguments, retry_only=retry_only)
    check(plan, budget=options.budget)
    _insist_on_targets(plan, out, arguments)
    if not _may_start(plan, arguments, console):
        return exits.INTERRUPTED
    if arguments.log_file:
        keep_log_in(Path(arguments.log_file))
    view = BatchView(console, "none" if arguments.quiet else arguments.progress)
    session = Session(plan, out.absolute(), options, view.heard, command=command_of(arguments, plan))
    with _signals(session) as came:
        handle = Handle(session, plan.app.main_thread)
        try:
            while not handle.done():
                wait_for_futures([handle.finished], _LOOK_S)
                if came and not arguments.quiet and came.pop(0):
                    console.note("Ending what is under way; once more to drop it.")
                view.show()
        except OutputLostError:
            session.cancel(exits.FAILED)
            handle.result()
            raise
        report = handle.result()
    _say_end(report, view, arguments, console, becomes)
    return report.code


def _say_end(
    report: Report, view: BatchView, arguments: argparse.Namespace, console: Console, becomes: Optional[Path]
) -> None:
    """The last words, as they were asked for."""
    view.show(is_last=True)
    if arguments.progress == "json" and not arguments.quiet:
        console.raw(json.dumps(report.as_json(), default=str) + "\n")
    elif not arguments.quiet:
        say_report(report, console, becomes=becomes)
    elif report.code and report.message:
        console.note(report.message)


def _insist_on_targets(plan: Plan, out: Path, arguments: argparse.Namespace) -> None:
    """Whether all that is to be written can be, and is nobody else's. Raises InvalidBatchError."""
    from ..batch.run_folder import RunFolder
    from ..batch.targets import insist_log, insist_table, refuse_foreign

    refuse_foreign(
        RunFolder(out), plan.source, targets=[arguments.csv, arguments.log_file],
        read=[one for one in (arguments.template, arguments.schema) if one],
    )
    if arguments.csv:
        insist_table(Path(arguments.csv))
    if arguments.log_file:
        insist_log(Path(arguments.log_file))


@contextmanager
def _signals(session: Session) -> Iterator[list[bool]]:
    """The first Ctrl-C drains, the second drops. Yields a list that holds True once a signal came."""
    count = 0
    came: list[bool] = []

    def answer(number: int, frame: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            came.append(True)
            session.cancel(128 + number)
        else:
            session.drop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, answer) for number in numbers}
    except ValueError:  # not the main thread: whoever has it gets the signals
        yield came
        return
    try:
        yield came
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _may_start(plan: Plan, arguments: argparse.Namespace, console: Console) -> bool:
    """Asks on a terminal, unless --yes was given or a program reads along."""
    is_asked = console.shows_wait and sys.stdin is not None and sys.stdin.isatty() and not arguments.yes
    if not is_asked or arguments.input == "-" or arguments.progress == "json":
        return True
    say_plan(plan, console)
    console.stream("Start? [Y/n] ")
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def say_plan(plan: Plan, console: Console) -> None:
    """What would be asked, for people."""
    survey = plan.survey
    console.say(f"{plan.recipe.provider}, {plan.recipe.model}; {plan.source.title}")
    if survey is None:
        console.say("The rows can be read only once, so they are counted as it runs.")
        return
    console.say(f"{survey.rows:,} rows, {survey.distinct:,} different requests, {survey.rejects:,} lines that are no "
                f"rows ({survey.duplicates:,} ids twice)")
    console.say(f"between {survey.input_tokens[0]:,} and {survey.input_tokens[1]:,} tokens in, at most "
                f"{survey.output_tokens[1]:,} out")
    if survey.cost_usd is None:
        console.say("price unknown (--price-in and --price-out say it)")
    else:
        console.say(f"between ${survey.cost_usd[0]:,.4f} and ${survey.cost_usd[1]:,.4f}")
    for reject in survey.first_rejects:
        console.say(reject.words)
    for sample in survey.samples:
        console.say(json.dumps(sample, ensure_ascii=False, indent=2))


def say_report(report: Report, console: Console, *, becomes: Optional[Path] = None) -> None:
    """How it went, in a line or two, and which file says more."""
    from ..batch.reporting import PAGE, cost_words
    from ..batch.values import DONE, SOME_FAILED

    if report.code and report.message:
        console.note(report.message)
    failed = f", {report.failed:,} failed" if report.failed else ""
    rejected = f", {report.rejected:,} lines were no rows" if report.rejected else ""
    missing = f", {report.missing:,} are still to do" if report.missing else ""
    is_whole = report.code in (DONE, SOME_FAILED)
    place = becomes if becomes is not None and is_whole else Path(report.folder) / PAGE
    console.say(f"{report.answered:,} rows have an answer{failed}{rejected}{missing}. "
                f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out, {cost_words(report)}. "
                f"{place}")

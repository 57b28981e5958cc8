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
from .log_file import keep_log_in

if TYPE_CHECKING:
    from ..batch.planning import Plan
    from ..batch.reporting import Report
    from ..batch.session import Session
    from ..batch.values import Options

_LOOK_S = 0.2


def options_given(arguments: argparse.Namespace, *, retry_only: Optional[tuple[str, ...]] = None) -> Options:
    """What the command line says about how a plan is carried out. Raises InvalidBatchError."""
    from ..batch.commands import options_of_command

    return options_of_command(vars(arguments), retry_only=retry_only)


def carry_out(
    plan: Plan, out: Path, arguments: argparse.Namespace, console: Console, *,
    retry_only: Optional[tuple[str, ...]] = None,
) -> int:
    """Runs a plan to its end, whatever that is, and says how it went; the exit code. Raises what is wrong before."""
    from ..batch.handle import Handle
    from ..batch.planning import check
    from ..batch.session import Session
    from .batch_view import BatchView

    options = options_given(arguments, retry_only=retry_only)
    check(plan, budget=options.budget)
    how = "none" if arguments.quiet else arguments.progress
    if not _may_start(plan, arguments, console):
        return exits.INTERRUPTED
    if arguments.log_file:
        keep_log_in(Path(arguments.log_file))
    view = BatchView(console, how)
    session = Session(plan, out.absolute(), options, view.heard, command=command_of(arguments))
    with _signals(session) as came:
        handle = Handle(session, plan.app.main_thread)
        while not handle.done():
            wait_for_futures([handle.finished], _LOOK_S)
            if came and not arguments.quiet and came.pop(0):
                console.note("Ending what is under way; once more to drop it.")
            view.show()
        report = handle.result()
    view.show(is_last=True)
    if not arguments.quiet:
        say_report(report, console)
    elif report.code and report.message:
        console.note(report.message)
    return report.code


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
    """Asks on a terminal, unless --yes was given."""
    is_asked = console.shows_wait and sys.stdin is not None and sys.stdin.isatty() and not arguments.yes
    if not is_asked or arguments.input == "-":
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
        console.say(f"line {reject.line}: {reject.reason}")
    for sample in survey.samples:
        console.say(json.dumps(sample, ensure_ascii=False, indent=2))


def say_report(report: Report, console: Console) -> None:
    """How it went, in a line or two."""
    if report.code and report.message:
        console.note(report.message)
    failed = f", {report.failed:,} failed" if report.failed else ""
    rejected = f", {report.rejected:,} lines were no rows" if report.rejected else ""
    missing = f", {report.missing:,} are still to do" if report.missing else ""
    console.say(f"{report.answered:,} rows have an answer{failed}{rejected}{missing}. "
                f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out, ${report.cost_usd:,.4f}. "
                f"{Path(report.folder) / 'report.md'}")

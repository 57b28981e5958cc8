"""`ledger`: what left this machine, request by request or summed up. Reads the ledger's files and nothing else."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import re
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Dict, Iterator, List, Optional

from ..errors import StoreError
from ..messages import Json
from . import exits
from .console import Console, visible
from .program import add_command

if TYPE_CHECKING:
    from ..core.studio_gate import StudioGate
    from ..store.ledger_rows import LedgerEntry
    from .program import Parser

_WAIT_S = 60.0
_AGE = re.compile(r"^(\d{1,6})([hdw])$")
_SECONDS = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command."""
    parser = add_command(commands, "ledger", "show what left this machine, and what it cost")
    parser.add_argument(
        "--since", metavar="WHEN", type=moment, default=None,
        help="a day (2026-11-21), a time (2026-11-21T14:30), an age (12h, 7d, 4w) or today; without it everything",
    )
    parser.add_argument("--provider", metavar="NAME", help="only this provider; * stands for any text")
    parser.add_argument("--model", metavar="MODEL", help="only this model; * stands for any text")
    parser.add_argument("--outside", action="store_true", help="only what went beyond the local network")
    parser.add_argument("--sums", choices=("day", "provider", "model"), help="only the sums by this")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a JSON list")
    shape.add_argument("--csv", action="store_true", help="print a table for a spreadsheet")
    shape.add_argument("--verify", action="store_true", help="check that no line was changed or removed")
    parser.set_defaults(run=run)


def moment(text: str) -> float:
    """Seconds since the epoch for what `--since` was given."""
    age = _AGE.match(text.strip())
    if age:
        return max(0.0, time.time() - int(age.group(1)) * _SECONDS[age.group(2)])
    if text.strip().lower() == "today":
        return datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    try:
        return max(0.0, datetime.fromisoformat(text.strip()).timestamp())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no day, time or age such as 2026-11-21, 12h or 7d") from None


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the ledger in the asked shape."""
    gate = _open_gate()
    try:
        if arguments.verify:
            return _verify(gate, console)
        found = gate.entries(arguments.since or 0.0).result(_WAIT_S)
        entries = [one for one in found if _is_wanted(one, arguments)]
        if arguments.json or arguments.csv:
            _print_data(entries, arguments, console)
        else:
            _print_lines(entries, arguments, console)
            for line in _budget_lines(gate):
                console.say(line)
    except FutureTimeoutError as exc:
        raise StoreError(
            "The ledger did not answer in time.", next_step="Check the disk that it lies on, then try again."
        ) from exc
    finally:
        gate.close(1.0)
    return exits.COMPLETE


@contextlib.contextmanager
def kept_ledger() -> Iterator[None]:
    """Keeps the ledger for a command that sends something without an App."""
    from ..providers.gate import install_gate, remove_gate

    gate = _open_gate()
    install_gate(gate)
    try:
        yield
    finally:
        remove_gate(gate)
        gate.close(1.0)


def _open_gate() -> StudioGate:
    from ..core.studio_gate import StudioGate
    from ..settings.home import home_dir
    from ..settings.policy_source import PolicySource
    from ..store.ledger import Ledger

    folder = home_dir() / "ledger"
    return StudioGate(PolicySource(), Ledger(folder), folder)


def _is_wanted(entry: LedgerEntry, arguments: argparse.Namespace) -> bool:
    def fits(pattern: Optional[str], *names: str) -> bool:
        return pattern is None or any(fnmatchcase(name.lower(), pattern.lower()) for name in names)

    return (
        fits(arguments.provider, entry.provider, entry.title) and fits(arguments.model, entry.model or "")
        and (entry.left_house or not arguments.outside)
    )


def _print_data(entries: List[LedgerEntry], arguments: argparse.Namespace, console: Console) -> None:
    from ..core.ledger_sums import sums

    if arguments.sums:
        rows: List[Dict[str, Json]] = [asdict(one) for one in sums(entries, arguments.sums)]
        rows = [{arguments.sums: row.pop("key"), **row} for row in rows]
        names = list(rows[0]) if rows else [arguments.sums]
    else:
        rows = [{**asdict(one), "tokens": one.tokens, "left_house": one.left_house} for one in entries]
        names = list(rows[0]) if rows else ["id"]
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(rows))
        return
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    console.raw(text.getvalue())


def _cell(value: Json) -> Json:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _print_lines(entries: List[LedgerEntry], arguments: argparse.Namespace, console: Console) -> None:
    from ..core.ledger_sums import PLACES, cost_text, outcome_text, size_text, sums, tokens_text, total, when_text

    if not entries:
        console.note("Nothing is in the ledger yet." if arguments.since is None else "Nothing since then.")
        return
    if not arguments.sums:
        for one in entries:
            is_unknown = one.cost_usd is None
            facts = [
                when_text(one.at), f"{one.provider:12}", one.model or one.method, one.origin,
                PLACES.get(one.trust, one.trust), size_text(one.bytes_sent),
            ]
            if one.purpose == "answer":
                cost = cost_text(one.cost_usd or 0.0, is_unknown=is_unknown, is_estimated=one.is_estimated)
                facts += [f"{tokens_text(one)} tok", cost]
            if one.redacted:
                facts.append(f"{one.redacted} hidden")
            facts.append(outcome_text(one))
            if one.conversation_id:
                facts.append(one.conversation_id)
            console.say(visible("  ".join(facts)))
        console.say("")
    for by in (arguments.sums,) if arguments.sums else ("day", "provider", "model"):
        console.say(f"By {by}:")
        for each in sums(entries, by):
            cost = cost_text(each.cost_usd, is_estimated=each.is_estimated)
            rest = f" and {each.unknown_costs} of unknown price" if each.unknown_costs else ""
            console.say(visible(
                f"  {each.key:32} {each.requests:6,} requests ({each.left_house:,} outside)  "
                f"{size_text(each.bytes_sent):>9}  {each.tokens:10,} tok  {cost}{rest}"
            ))
    whole = total(entries)
    console.say(
        f"Altogether {whole.requests:,} requests, {whole.left_house:,} of them beyond the local network, "
        f"{size_text(whole.bytes_sent)} sent, {whole.tokens:,} tokens, {cost_text(whole.cost_usd)}."
    )


def _budget_lines(gate: StudioGate) -> List[str]:
    from ..core.budget import PERIODS, amount

    lines = []
    for one in gate.spending().result(_WAIT_S):
        limit = f"of {amount(one.unit, one.hard)}" if one.hard is not None else "with no hard limit"
        soft = f", warned from {amount(one.unit, one.soft)}" if one.soft is not None else ""
        lines.append(f"Budget {dict(PERIODS)[one.period]}: {amount(one.unit, one.spent)} {limit}{soft}.")
    return lines


def _verify(gate: StudioGate, console: Console) -> int:
    faults = gate.verify().result(_WAIT_S)
    for one in faults:
        console.say(f"{one.file}, line {one.line}: {one.problem}")
    if not faults:
        console.say("The ledger is whole: no line was changed or removed.")
        return exits.COMPLETE
    console.note(f"{len(faults)} place{'' if len(faults) == 1 else 's'} in {gate.folder} are not as they were written.")
    return exits.FAILED

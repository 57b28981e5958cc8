"""The options of `batch`: which rows, what is asked, how it is carried out; and what is kept of them to go on later."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Mapping

from ..messages import Json
from .options import add_reaching_options, count, number

if TYPE_CHECKING:
    from ..batch.planning import Plan

PROGRESS = ("auto", "bar", "plain", "json", "openjd", "none")
# What run.json keeps, so that `retry`, `resume` and `merge` need the directory alone. Never a key.
KEPT = (
    "input", "glob", "nk", "nodes", "format", "template", "var", "system", "schema", "provider", "model", "base_url",
    "default_provider", "default_model",
    "temperature", "max_tokens", "id", "image", "root", "limit", "repeat", "out_file", "csv", "host",
    "max_concurrency", "rpm", "tpm", "max_attempts", "max_wait", "budget", "price_in", "price_out", "max_failures",
    "stop_after", "stream", "cache", "ordered", "shuffle", "sample", "seed",
    "no_dedupe", "no_history", "keep_requests", "timeout", "cwd",
)
# What holds where neither the command line nor run.json says anything.
_DEFAULTS = {"nodes": "all", "repeat": 1, "max_concurrency": 64, "max_attempts": 6, "max_wait": 120.0,
             "stream": "auto", "cache": "off", "seed": 0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)\Z")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_rows_options(parser: argparse.ArgumentParser, *, format_option: str = "--format") -> None:
    """Which rows, and what is asked of each."""
    parser.add_argument("input", metavar="INPUT", nargs="?", help=(
        "the rows: a JSONL or CSV file, lines of an OpenAI batch, or - for standard input"))
    parser.add_argument("--input", dest="input_option", metavar="PATH", help="the same as INPUT")
    parser.add_argument(format_option, dest="format", choices=("jsonl", "csv", "requests"), help=(
        "the form of INPUT, where its name does not tell; requests are those that farm writes"))
    parser.add_argument("--glob", metavar="PATTERN", help="a row for each file, such as '/show/**/*.nk'")
    parser.add_argument("--nk", metavar="PATH", help="a row for each node of a Nuke script")
    parser.add_argument("--nodes", metavar="WHICH", help="which nodes: class:Read, name:Write* or all")
    parser.add_argument("--template", metavar="PATH", help="the prompt, a Jinja2 template")
    parser.add_argument("--var", metavar="NAME=VALUE", action="append", default=[], help=(
        "a value for the template, the same for every row; may be given again"))
    parser.add_argument("--system", metavar="TEXT", help="the system prompt; a template too")
    parser.add_argument("--schema", metavar="PATH", help="a JSON Schema that every answer must match")
    add_reaching_options(parser)
    parser.add_argument("--model", metavar="ID", help="the model, by the provider's own id")
    parser.add_argument("--temperature", metavar="NUMBER", type=number(0, 2), help="how freely to choose words, 0 to 2")
    parser.add_argument("--max-tokens", metavar="COUNT", type=count(1, 10_000_000), help="the most an answer may hold")
    parser.add_argument("--id", metavar="TEMPLATE", help="the id of a row, such as '{{ shot }}'; else its custom_id")
    parser.add_argument("--image", metavar="COLUMN", action="append", default=[], help=(
        "a column that names a picture for the model to see; may be given again"))
    parser.add_argument("--root", metavar="FOLDER", action="append", default=[], help=(
        "a folder that templates may read from, beside those of the input and the template"))
    parser.add_argument("--limit", metavar="COUNT", type=count(1, 10**9), help="the first so many rows")
    parser.add_argument("--shuffle", action="store_true", help="take the rows in an order of chance")
    parser.add_argument("--seed", metavar="NUMBER", type=int, help="the seed of --shuffle and of a sample (0)")
    parser.add_argument("--repeat", metavar="COUNT", type=count(1, 10_000), help="ask every row so often")
    parser.add_argument("--price-in", metavar="USD", type=number(0, 1e6), help="dollars for a million tokens in")
    parser.add_argument("--price-out", metavar="USD", type=number(0, 1e6), help="dollars for a million tokens out")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How it is carried out."""
    parser.add_argument("--sample", metavar="COUNT", type=count(1, 10**9), help="only so many rows, drawn by chance")
    parser.add_argument("--stream", choices=("auto", "on", "off"), help=(
        "whether answers are streamed; auto: all but short ones (--max-tokens of 512 or less) of near servers"))
    parser.add_argument("--cache", choices=("off", "read", "write", "rw"), help=(
        "whether answers of former runs on this machine are used (read), remembered (write), or both (rw)"))
    parser.add_argument("--ordered", action="store_true", help="at the end, put the results into the rows' order")
    parser.add_argument("--host", metavar="URL=SLOTS", action="append", default=[], help=(
        "a server, and how many requests it answers at once; may be given again"))
    parser.add_argument("--max-concurrency", metavar="COUNT", type=count(1, 4096), help=(
        "the most requests at once (64)"))
    parser.add_argument("--rpm", metavar="COUNT", type=number(0.1, 1e7), help="the most requests a minute")
    parser.add_argument("--tpm", metavar="COUNT", type=number(1, 1e10), help="the most tokens a minute")
    parser.add_argument("--max-attempts", metavar="COUNT", type=count(1, 100), help=(
        "how often a row is tried (6)"))
    parser.add_argument("--max-wait", metavar="TIME", type=seconds, help=(
        "the longest pause that a server may ask for (120 s)"))
    parser.add_argument("--budget", metavar="USD", type=number(0, 1e9), help="stop before this is spent")
    parser.add_argument("--max-failures", metavar="N|P%", type=failures, help="stop when more rows than this fail")
    parser.add_argument("--stop-after", metavar="TIME", type=seconds, help="stop after a time, such as 90s, 30m or 2h")
    parser.add_argument("--no-dedupe", action="store_true", help="ask equal rows again instead of sharing the answer")
    parser.add_argument("--no-history", action="store_true", help="keep the answers in the run directory alone")
    parser.add_argument("--keep-requests", action="store_true", help="write every request to requests.jsonl")
    parser.add_argument("--resume", choices=("changed", "strict"), default="changed", help=(
        "what to do when rows changed since: ask them anew, or refuse (strict)"))
    parser.add_argument("--out-file", metavar="NAME", help="also a Markdown page for each row, such as '{{ shot }}.md'")
    parser.add_argument("--csv", metavar="PATH", help="also all answers as CSV, at the end")
    add_progress_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask before it starts")


def add_progress_options(parser: argparse.ArgumentParser) -> None:
    """How much is told meanwhile."""
    parser.add_argument("--progress", choices=PROGRESS, default="auto", help=(
        f"how to tell how far it is: {', '.join(PROGRESS)}"))
    parser.add_argument("--log-file", metavar="PATH", help="also append what happens, line by line, to this file")
    parser.add_argument("--quiet", action="store_true", help="tell nothing but errors")


def seconds(text: str) -> float:
    """A converter for times."""
    found = _TIME.match(text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 30m or 2h")
    return float(found.group(1)) * _SECONDS[found.group(2)]


def failures(text: str) -> str:
    """A converter for N or P%."""
    if not re.match(r"\d+(\.\d+)?%\Z|\d+\Z", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor a percentage")
    return text


def command_of(arguments: argparse.Namespace, plan: Plan) -> Dict[str, Json]:
    """What run.json keeps of the command line, and whom the plan asks where neither it nor the template says."""
    given = {**vars(arguments), "cwd": str(Path.cwd()), "default_provider": plan.recipe.provider,
             "default_model": plan.recipe.model}
    kept = {name: given[name] for name in KEPT if _is_said(given.get(name))}
    if "@" in str(kept.get("base_url", "")):
        kept.pop("base_url")  # a name and a password may stand in it
    return kept


def restore(arguments: argparse.Namespace, command: Mapping[str, Json]) -> None:
    """Fills in what run.json kept; what is given now wins."""
    base = Path(str(command.get("cwd") or "."))
    for name, value in command.items():
        if name not in KEPT or name == "cwd":
            continue
        if name in ("input", "template", "nk", "schema", "csv") and value not in ("-", None):
            value = str(base / os.path.expanduser(str(value)))
        if name == "glob":
            value = str(base / os.path.expanduser(str(value)))
        if name == "root":
            value = [str(base / os.path.expanduser(one)) for one in value]
        if not _is_said(getattr(arguments, name, None)):
            setattr(arguments, name, value)


def _is_said(value: object) -> bool:
    """Whether an option was given; a nought was."""
    return value is not None and value is not False and value != []


def settle(arguments: argparse.Namespace) -> None:
    """Fills in the defaults of what was said nowhere. Called once all is read that could say it."""
    for name, value in _DEFAULTS.items():
        if getattr(arguments, name, None) is None:
            setattr(arguments, name, value)

"""`history search`, `export`, `import` and `stats`: what can be found, taken out, put in and counted."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import List, Optional, Tuple

from ..errors import NukeAIError
from . import exits
from .console import Console
from .exits import UsageError
from .history_store import KINDS, LONG_WAIT_S, WAIT_S, add_filters, filter_of, find, local_time, open_store, short
from .options import count, text_of
from .program import Parser, add_command

_FORMATS = ("json", "markdown", "html")
_ENDINGS = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
_PAGE_S = 30.0
_HEADINGS = f"{'':32}{'messages':>10}{'chats':>8}{'tokens in':>12}{'out':>12}{'cost':>10}"


def register(actions: argparse._SubParsersAction[Parser]) -> None:
    """Adds the four sub-commands."""
    search = add_command(actions, "search", "find messages by their words")
    search.add_argument("words", metavar="WORDS", nargs="+", help=(
        "all of these words; \"a phrase\", a pre* and a -without are understood; after -- words may begin with -"))
    search.add_argument("--kind", choices=KINDS, help="only conversations of this kind")
    add_filters(search)
    search.add_argument("--limit", metavar="COUNT", type=count(1, 100_000), default=20, help="show so many at most")
    search.add_argument("--json", action="store_true", help="print a JSON object")
    search.set_defaults(run=run_search)
    export = add_command(actions, "export", "write conversations as JSON, Markdown or one HTML page")
    export.add_argument("ids", metavar="ID", nargs="*", help="the conversations' ids, or how they begin")
    export.add_argument("--all", action="store_true", help="every conversation, as JSON")
    export.add_argument("--format", choices=_FORMATS, help="as what; without it the file's name decides, else JSON")
    export.add_argument("--output", metavar="FILE", help="write here instead of to standard output")
    export.add_argument("--reasoning", action="store_true", help="with what models thought, in Markdown and HTML")
    export.add_argument("--json", action="store_true", help="print what was written as a JSON object")
    export.set_defaults(run=run_export)
    importing = add_command(actions, "import", "add conversations from an exported JSON file")
    importing.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    importing.add_argument("--json", action="store_true", help="print a JSON object")
    importing.set_defaults(run=run_import)
    stats = add_command(actions, "stats", "count messages, tokens and cost by day, model, provider and script")
    stats.add_argument("--kind", choices=KINDS, help="only conversations of this kind")
    add_filters(stats)
    stats.add_argument("--json", action="store_true", help="print a JSON object")
    stats.set_defaults(run=run_stats)


def run_search(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the hits, the newest first."""
    words = " ".join(_word(one) for one in arguments.words)
    with open_store() as store:
        wanted = filter_of(arguments, kinds=(arguments.kind,) if arguments.kind else KINDS)
        store.build_index().result(LONG_WAIT_S)
        page = store.search(text_of(words), wanted, limit=arguments.limit, time_s=_PAGE_S).result(LONG_WAIT_S)
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps({
            "query": words, "is_complete": page.is_complete, "is_slow": page.is_slow, "note": page.note,
            "hits": [dataclasses.asdict(one) for one in page.hits],
        }))
        return exits.COMPLETE
    for hit in page.hits:
        console.say(f"{hit.conversation_id}  {local_time(hit.created_at)}  {hit.role or 'title':9}  {short(hit.title)}")
        console.say(f"    {_marked(hit.snippet, hit.highlights) if console.is_terminal else hit.snippet}")
    if page.note:
        console.note(page.note)
    if not page.hits:
        console.note(f"Nothing was found for {words!r}.")
    elif page.cursor is not None:
        console.note(f"There is more; --limit shows more than {arguments.limit}.")
    return exits.COMPLETE


def run_export(arguments: argparse.Namespace, console: Console) -> int:
    """Writes conversations to a file or to standard output."""
    form = arguments.format or _ENDINGS.get(Path(arguments.output or "").suffix.lower(), "json")
    if bool(arguments.ids) == arguments.all:
        raise UsageError("Name the conversations to export, or say --all.",
                         next_step="See nuke-ai-panel history list for their ids.")
    if form != "json" and (arguments.all or len(arguments.ids) != 1):
        raise UsageError(f"As {form} one conversation is written at a time.", next_step="Give one id, or use JSON.")
    if arguments.json and not arguments.output:
        raise UsageError("--json tells what was written to a file.", next_step="Add --output FILE.")
    with open_store() as store:
        if arguments.all:
            from ..store.values import EVERYTHING

            ids = [one.id for one in store.conversations(wanted=EVERYTHING, limit=1_000_000).result(LONG_WAIT_S)]
        else:
            ids = [find(store, one).id for one in arguments.ids]
        if form == "json":
            text = store.export_json(ids).result(LONG_WAIT_S)
        elif form == "markdown":
            text = store.export_markdown(ids[0], reasoning=arguments.reasoning).result(WAIT_S)
        else:
            text = store.export_html(ids[0], reasoning=arguments.reasoning).result(WAIT_S)
    if arguments.output is None:
        console.raw(text)
        return exits.COMPLETE
    _write(Path(arguments.output), text)
    _told(arguments, console, {"file": arguments.output, "format": form, "conversations": len(ids)},
          f"{len(ids):,} conversation{'s' if len(ids) != 1 else ''} written to {arguments.output}.")
    return exits.COMPLETE


def run_import(arguments: argparse.Namespace, console: Console) -> int:
    """Adds what a file holds."""
    text = _read(arguments.file)
    with open_store() as store:
        added = store.import_json(text).result(LONG_WAIT_S)
    for problem in added.problems:
        console.note(f"{arguments.file}: {problem}.")
    skipped = added.skipped_conversations
    there = f" {skipped:,} {'was' if skipped == 1 else 'were'} there already." if skipped else ""
    _told(arguments, console, dataclasses.asdict(added),
          f"{_count(added.conversations, 'conversation')} with {_count(added.messages, 'message')} added.{there}")
    return exits.PARTIAL if added.problems else exits.COMPLETE


def run_stats(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the sums as tables."""
    with open_store() as store:
        wanted = filter_of(arguments, kinds=(arguments.kind,) if arguments.kind else KINDS)
        found = store.statistics(wanted).result(LONG_WAIT_S)
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(dataclasses.asdict(found)))
        return exits.COMPLETE
    for title, counts in (
        ("", (found.total,)), ("by day", found.by_day), ("by model", found.by_model),
        ("by provider", found.by_provider), ("by script", found.by_script),
    ):
        if not counts:
            continue
        console.say(f"\n{title}" if title else _HEADINGS)
        for one in counts:
            about = "~" if one.has_estimates else ""
            cost = "–" if one.cost_usd is None else f"${one.cost_usd:,.4f}"
            console.say(f"{short(one.name)[:31]:32}{one.messages:>10,}{one.conversations:>8,}"
                        f"{_number(one.input_tokens, about):>12}{_number(one.output_tokens, about):>12}{cost:>10}")
    return exits.COMPLETE


def _word(word: str) -> str:
    # The shell has taken the quotes of a phrase; a word with spaces was one.
    bare = word.lstrip("-")
    return f'{word[: len(word) - len(bare)][:1]}"{bare}"' if " " in bare and '"' not in bare else word


def _number(value: Optional[int], about: str) -> str:
    return "–" if value is None else f"{about}{value:,}"


def _marked(text: str, spans: Tuple[Tuple[int, int], ...]) -> str:
    """Matches in brackets, which every terminal shows."""
    pieces: List[str] = []
    at = 0
    for start, end in spans:
        if start >= at:
            pieces += [text[at:start], "[", text[start:end], "]"]
            at = end
    return "".join([*pieces, text[at:]])


def _told(arguments: argparse.Namespace, console: Console, facts: dict[str, object], sentence: str) -> None:
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(facts))
    else:
        console.note(sentence)


def _read(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{name} is not UTF-8 text.", next_step="Choose a file that was made with export.") from exc
    except OSError as exc:
        raise UsageError(f"{name} cannot be read: {exc.strerror or exc}.", next_step="Check the file's name.") from exc


def _write(file: Path, text: str) -> None:
    """The whole file, or the old one."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(text.encode("utf-8"))
        partial.replace(file)
    except OSError as exc:
        raise NukeAIError(
            str(exc), user_text=f"{file} cannot be written: {exc.strerror or exc}.",
            next_step="Choose another place with --output.",
        ) from exc


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"

"""What the history commands share: the opened store, its filters as options, a conversation by how its id begins."""

from __future__ import annotations

import argparse
import contextlib
import re
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Dict, Iterator, List, Sequence, Tuple

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Json
from .exits import UsageError
from .program import Parser

if TYPE_CHECKING:
    from ..store import HistoryFilter, Store

KINDS: Tuple[ConversationKind, ...] = ("chat", "api", "batch")
WAIT_S = 30.0
# Copies, checks and imports of a large history take their time.
LONG_WAIT_S = 3600.0
_TITLE_WIDTH = 60
_AGO = re.compile(r"(\d{1,5})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@contextlib.contextmanager
def open_store(*, must_open: bool = True) -> Iterator[Store]:
    """The user's history. Raises StoreError when it cannot be read, unless `must_open` is False."""
    from ..settings.home import history_path, home_dir
    from ..store import Store

    store = Store(history_path(home_dir()))
    try:
        opened = store.open()
        if must_open:
            opened.result(LONG_WAIT_S)
        yield store
    except FutureTimeoutError as exc:
        raise StoreError(
            "The history did not answer in time.", next_step="Close other sessions that write to it, then try again."
        ) from exc
    finally:
        store.close()


def add_filters(parser: Parser) -> None:
    """The options that say which conversations."""
    for name, word, help_text in (
        ("provider", "NAME", "only what this provider answered"), ("model", "ID", "only what this model answered"),
        ("project", "NAME", "only this project"), ("script", "PATH", "only what was asked in this Nuke script"),
        ("run-id", "ID", "only this script's or batch's run"),
    ):
        parser.add_argument(f"--{name}", metavar=word, help=help_text)
    parser.add_argument("--tag", metavar="NAME", action="append", default=[], help="only with this tag; repeatable")
    for name in ("since", "until"):
        parser.add_argument(f"--{name}", metavar="DATE", type=_moment, help=(
            "only from this day on: 2026-02-28, or 7d, 2w, 3m, 1y ago" if name == "since" else "only before this day"))
    for name, help_text in (
        ("pinned", "only pinned conversations"), ("unread", "only those with an unseen answer"),
        ("archived", "only archived conversations"), ("has-code", "only with a code block"),
        ("has-error", "only with a failed answer"), ("bin", "only deleted conversations"),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=help_text)


def filter_of(arguments: argparse.Namespace, *, kinds: Sequence[ConversationKind]) -> HistoryFilter:
    """The filter that the options ask for."""
    from ..store import HistoryFilter

    return HistoryFilter(
        kinds=tuple(kinds), provider=arguments.provider, model=arguments.model, project=arguments.project,
        script=arguments.script, run_id=arguments.run_id, tags=tuple(arguments.tag), since=arguments.since,
        until=arguments.until, pinned=arguments.pinned or None, unread=arguments.unread or None,
        archived=arguments.archived, has_code=arguments.has_code or None, has_error=arguments.has_error or None,
        deleted=arguments.bin,
    )


def find(store: Store, asked: str) -> Conversation:
    """The conversation with this id, or the only one whose id begins so. Raises UsageError."""
    exact = store.conversation(asked).result(WAIT_S)
    if exact is not None:
        return exact
    near: List[Conversation] = store.conversations_by_prefix(asked.lower()).result(WAIT_S) if asked else []
    if len(near) == 1:
        return near[0]
    if near:
        raise UsageError(
            f"{len(near)} conversations have an id that begins with {asked!r}.", next_step="Give more of the id."
        )
    raise UsageError(
        f"There is no conversation {asked!r}.", next_step="See nuke-ai-panel history list for their ids."
    )


def row_of(one: Conversation) -> Dict[str, Json]:
    """A conversation as a JSON object."""
    return {
        "id": one.id, "title": one.title, "kind": one.kind, "created_at": one.created_at, "updated_at": one.updated_at,
        "provider": one.provider, "model": one.model, "message_count": one.message_count, "snippet": one.snippet,
        "run_id": one.run_id, "project": one.project, "script": one.script, "tags": list(one.tags),
        "pinned": one.pinned, "archived": one.archived, "unread": one.is_unread, "deleted_until": one.deleted_until,
    }


def local_time(seconds: float) -> str:
    """A moment on this machine's clock; a stored number that is no moment shows as the first one."""
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        moment = datetime.fromtimestamp(0, timezone.utc)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def short(title: str) -> str:
    """A title on one line."""
    line = " ".join(title.split())
    return line if len(line) <= _TITLE_WIDTH else f"{line[:_TITLE_WIDTH - 1]}…"


def _moment(text: str) -> float:
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return time.time() - int(ago.group(1)) * _DAYS[ago.group(2)] * 86_400.0
    for shape in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text, shape).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    raise argparse.ArgumentTypeError(f"{text!r} is not a day; write 2026-02-28, or 7d for seven days ago")

"""`history`: the stored conversations, as lines or as JSON. Opens the store and nothing else."""

from __future__ import annotations

import argparse
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Dict, List, Tuple

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Json, Message
from . import exits
from .console import Console
from .exits import UsageError
from .options import count
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..store import Store

KINDS: Tuple[ConversationKind, ...] = ("chat", "api", "batch")
_WAIT_S = 30.0
_ALL = 1_000_000
_TITLE_WIDTH = 60


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its two sub-commands."""
    parser = add_command(commands, "history", "list the stored conversations, or show one")
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", title="actions", required=True, parser_class=Parser
    )
    listing = add_command(actions, "list", "list the conversations, the newest first")
    listing.add_argument("--kind", choices=KINDS, help="only conversations of this kind")
    listing.add_argument("--limit", metavar="COUNT", type=count(1, _ALL), default=_ALL, help="show so many at most")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    listing.set_defaults(run=run_list)
    show = add_command(actions, "show", "show one conversation")
    show.add_argument("id", metavar="ID", help="the conversation's id, or how it begins")
    show.add_argument("--json", action="store_true", help="print a JSON object")
    show.set_defaults(run=run_show)


def run_list(arguments: argparse.Namespace, console: Console) -> int:
    """Prints one line, or one object, for each conversation."""
    store = _open_store()
    try:
        kinds = (arguments.kind,) if arguments.kind else KINDS
        found = store.conversations(kinds=kinds, limit=arguments.limit).result(_WAIT_S)
    except FutureTimeoutError as exc:
        raise _silent() from exc
    finally:
        store.close()
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps([_row(one) for one in found]))
        return exits.COMPLETE
    for one in found:
        console.say(f"{one.id}  {_local_time(one.updated_at)}  {one.kind:5}  {_short(one.title)}")
    if not found:
        console.note("There are no conversations yet.")
    return exits.COMPLETE


def run_show(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the shown path of one conversation."""
    store = _open_store()
    try:
        conversation = _find(store, arguments.id)
        messages = store.path(conversation.id).result(_WAIT_S)
    except FutureTimeoutError as exc:
        raise _silent() from exc
    finally:
        store.close()
    if arguments.json:
        from .answer_json import dumps, message_object

        console.raw(dumps({
            **_row(conversation), "system": conversation.system, "messages": [message_object(one) for one in messages],
        }))
        return exits.COMPLETE
    console.say(f"{conversation.title}  ({conversation.kind}, {_local_time(conversation.updated_at)})")
    for message in messages:
        console.say(f"\n{_heading(message)}")
        console.say(message.text or "(no text)")
    return exits.COMPLETE


def _open_store() -> Store:
    from ..settings.home import history_path, home_dir
    from ..store import Store

    store = Store(history_path(home_dir()))
    store.open().result(_WAIT_S)
    return store


def _find(store: Store, asked: str) -> Conversation:
    exact = store.conversation(asked).result(_WAIT_S)
    if exact is not None:
        return exact
    every = store.conversations(kinds=KINDS, limit=_ALL).result(_WAIT_S)
    near = [one for one in every if asked and one.id.startswith(asked.lower())]
    if len(near) == 1:
        return near[0]
    if near:
        raise UsageError(
            f"{len(near)} conversations have an id that begins with {asked!r}.", next_step="Give more of the id."
        )
    raise UsageError(
        f"There is no conversation {asked!r}.", next_step="See nuke-ai-panel history list for their ids."
    )


def _row(one: Conversation) -> Dict[str, Json]:
    return {
        "id": one.id, "title": one.title, "kind": one.kind, "created_at": one.created_at, "updated_at": one.updated_at,
        "provider": one.provider, "model": one.model, "message_count": one.message_count, "snippet": one.snippet,
    }


def _heading(message: Message) -> str:
    facts: List[str] = [message.role]
    facts += [fact for fact in (message.provider, message.model) if fact]
    if message.status != "complete":
        facts.append(message.status)
    if message.error is not None:
        facts.append(message.error.user_text or message.error.kind)
    facts += [f"attached: {one.name}" for one in message.attachments]
    return f"── {' · '.join(facts)}"


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M")


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= _TITLE_WIDTH else f"{line[:_TITLE_WIDTH - 1]}…"


def _silent() -> StoreError:
    return StoreError(
        "The history did not answer in time.", next_step="Close other sessions that write to it, then try again."
    )

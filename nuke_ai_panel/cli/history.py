"""`history`: the stored conversations, as lines or as JSON. Opens the store and nothing else."""

from __future__ import annotations

import argparse
from typing import List

from ..messages import Message
from . import exits, history_keeping, history_reading
from .console import Console
from .history_store import KINDS, WAIT_S, add_filters, filter_of, find, local_time, open_store, row_of, short
from .options import count
from .program import Parser, add_command

_ALL = 1_000_000


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its sub-commands."""
    parser = add_command(commands, "history", "list, search, export, back up and check the stored conversations")
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", title="actions", required=True, parser_class=Parser
    )
    listing = add_command(actions, "list", "list the conversations, the newest first")
    listing.add_argument("--kind", choices=KINDS, help="only conversations of this kind")
    add_filters(listing)
    listing.add_argument("--limit", metavar="COUNT", type=count(1, _ALL), default=_ALL, help="show so many at most")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    listing.set_defaults(run=run_list)
    show = add_command(actions, "show", "show one conversation")
    show.add_argument("id", metavar="ID", help="the conversation's id, or how it begins")
    show.add_argument("--json", action="store_true", help="print a JSON object")
    show.set_defaults(run=run_show)
    history_reading.register(actions)
    history_keeping.register(actions)


def run_list(arguments: argparse.Namespace, console: Console) -> int:
    """Prints one line, or one object, for each conversation."""
    with open_store() as store:
        kinds = (arguments.kind,) if arguments.kind else KINDS
        wanted = filter_of(arguments, kinds=kinds)
        found = store.conversations(wanted=wanted, limit=arguments.limit).result(WAIT_S)
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps([row_of(one) for one in found]))
        return exits.COMPLETE
    for one in found:
        marks = "".join(mark for mark, is_so in (("*", one.pinned), ("!", one.is_unread)) if is_so)
        tags = "".join(f"  #{tag}" for tag in one.tags)
        console.say(f"{one.id}  {local_time(one.updated_at)}  {one.kind:5}  {marks}{short(one.title)}{tags}")
    if not found:
        console.note("There are no conversations yet.")
    return exits.COMPLETE


def run_show(arguments: argparse.Namespace, console: Console) -> int:
    """Prints the shown path of one conversation."""
    with open_store() as store:
        conversation = find(store, arguments.id)
        messages = store.path(conversation.id).result(WAIT_S)
    if arguments.json:
        from .answer_json import dumps, message_object

        console.raw(dumps({
            **row_of(conversation), "system": conversation.system,
            "messages": [message_object(one) for one in messages],
        }))
        return exits.COMPLETE
    console.say(f"{conversation.title}  ({conversation.kind}, {local_time(conversation.updated_at)})")
    for message in messages:
        console.say(f"\n{_heading(message)}")
        console.say(message.text or "(no text)")
    return exits.COMPLETE


def _heading(message: Message) -> str:
    facts: List[str] = [message.role]
    facts += [fact for fact in (message.provider, message.model) if fact]
    if message.status != "complete":
        facts.append(message.status)
    if message.error is not None:
        facts.append(message.error.user_text or message.error.kind)
    facts += [f"attached: {one.name}" for one in message.attachments]
    return f"── {' · '.join(facts)}"

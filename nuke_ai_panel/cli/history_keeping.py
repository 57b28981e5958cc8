"""`history backup`, `restore` and `check`: keeping the history safe, and having it back."""

from __future__ import annotations

import argparse
import dataclasses

from . import exits
from .console import Console
from .exits import UsageError
from .history_store import LONG_WAIT_S, local_time, open_store
from .program import Parser, add_command


def register(actions: argparse._SubParsersAction[Parser]) -> None:
    """Adds the three sub-commands."""
    backup = add_command(actions, "backup", "make a checked copy of the history now, or list those there are")
    backup.add_argument("--list", action="store_true", help="list the backups, the newest first")
    backup.add_argument("--json", action="store_true", help="print a JSON object, or a list")
    backup.set_defaults(run=run_backup)
    restore = add_command(actions, "restore", "make a backup the history; the present one becomes a backup first")
    restore.add_argument("name", metavar="NAME", nargs="?", help="the backup, by its name; the newest without one")
    restore.add_argument("--confirm", action="store_true", help=(
        "keep what was restored: automatic backups, which a restore pauses, go on"))
    restore.add_argument("--json", action="store_true", help="print a JSON object")
    restore.set_defaults(run=run_restore)
    check = add_command(actions, "check", "look whether the history is sound, and mend it if it is not")
    check.add_argument("--json", action="store_true", help="print a JSON object")
    check.set_defaults(run=run_check)


def run_backup(arguments: argparse.Namespace, console: Console) -> int:
    """Makes a backup, or lists them."""
    with open_store(must_open=not arguments.list) as store:
        found = store.backups() if arguments.list else [store.back_up().result(LONG_WAIT_S)]
    if arguments.json:
        from .answer_json import dumps

        every = [dataclasses.asdict(one) for one in found]
        console.raw(dumps(every if arguments.list else every[0]))
        return exits.COMPLETE
    for one in found:
        console.say(f"{one.name}  {local_time(one.created_at)}  {one.size_bytes:>14,} bytes")
    if not found:
        console.note("There is no backup yet.")
    return exits.COMPLETE


def run_restore(arguments: argparse.Namespace, console: Console) -> int:
    """Restores a backup, or confirms that it was the right one."""
    if arguments.confirm and arguments.name:
        raise UsageError("--confirm keeps what was restored; it takes no name.", next_step="Leave one of them out.")
    with open_store(must_open=False) as store:
        if arguments.confirm:
            store.confirm_restore()
            console.note("Automatic backups go on.")
            return exits.COMPLETE
        restored = store.restore_backup(arguments.name).result(LONG_WAIT_S)
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(dataclasses.asdict(restored)))
        return exits.COMPLETE
    console.say(f"Restored {restored.name} of {local_time(restored.created_at)}.")
    console.note("Automatic backups wait until you have looked at it: nuke-ai-panel history restore --confirm. "
                 "What was there before is the newest backup.")
    return exits.COMPLETE


def run_check(arguments: argparse.Namespace, console: Console) -> int:
    """Says how the history is; a damaged one is mended by opening it."""
    with open_store(must_open=False) as store:
        found = store.check().result(LONG_WAIT_S)
        notice = store.notice
    is_well = found.is_sound and found.trouble is None
    if arguments.json:
        from .answer_json import dumps

        facts = dataclasses.asdict(found)
        facts["notice"] = None if notice is None else dataclasses.asdict(notice)
        console.raw(dumps(facts))
        return exits.COMPLETE if is_well else exits.FAILED
    console.say(f"{found.path}  {found.size_bytes:,} bytes")
    console.say(f"{found.conversations:,} conversations, {found.messages:,} messages, schema {found.schema}")
    console.say(f"SQLite {found.sqlite}, journal {found.journal}, full-text search {'yes' if found.full_text else 'no'}"
                f"{', on a network disk' if found.is_network else ''}")
    made = local_time(found.last_backup_at) if found.last_backup_at is not None else "never"
    console.say(f"{found.backups} backups, the last {made}{'; automatic ones are paused' * found.backups_paused}")
    for problem in found.problems:
        console.say(f"damaged: {problem}")
    for one in (found.trouble, notice):
        if one is not None:
            console.note(f"{one.user_text} {one.next_step}".strip())
    console.say("sound" if is_well else "not sound")
    return exits.COMPLETE if is_well else exits.FAILED

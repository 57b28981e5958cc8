"""`config key`: keeps an API key, forgets it, says where it is. It comes from a prompt or a pipe, never from argv."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Dict, Optional

from ..messages import Json
from . import exits
from .console import Console, read_stdin
from .exits import UsageError
from .options import text_of
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..keys import Keys
    from ..settings import ProviderSettings

_PLACES = {"memory": "this session", "keyring": "the system's key store"}


def register(actions: argparse._SubParsersAction[Parser]) -> None:
    """Adds `key` with its three sub-commands."""
    parser = add_command(actions, "key", "keep a provider's API key, forget it, or say where it is")
    verbs = parser.add_subparsers(dest="verb", metavar="ACTION", title="actions", required=True, parser_class=Parser)
    setting = add_command(verbs, "set", "keep a key; it is asked for, or read from standard input")
    setting.add_argument("--in-file", action="store_true", help=(
        "keep it in a private file, not encrypted, instead of the system's key store"))
    setting.set_defaults(run=run_set)
    forgetting = add_command(verbs, "forget", "take the stored key away; the environment is left alone")
    forgetting.set_defaults(run=run_forget)
    where = add_command(verbs, "where", "say where the key comes from, never the key")
    where.set_defaults(run=run_where)
    for one in (setting, forgetting, where):
        one.add_argument("provider", metavar="PROVIDER", help="the provider, for example openrouter")
        # So that a key that was given here can be refused without being repeated.
        one.add_argument("surplus", nargs="*", help=argparse.SUPPRESS)
        one.add_argument("--json", action="store_true", help="print a JSON object")


def run_set(arguments: argparse.Namespace, console: Console) -> int:
    """Keeps a key and reads it back."""
    keys, row = _opened(arguments, console)
    if row.kind in _keyless():
        raise UsageError(f"{row.label} needs no key.", next_step="Nothing is to be done.")
    text = _asked(row)
    keys.store(row, text, where="file" if arguments.in_file else "keyring")
    return _say_where(arguments, console, keys, row, done="Kept.")


def run_forget(arguments: argparse.Namespace, console: Console) -> int:
    """Takes it out of the key store and the file."""
    keys, row = _opened(arguments, console)
    if row.kind not in _keyless():
        keys.forget(row)
    _say_where(arguments, console, keys, row, done="Forgotten.")
    return exits.COMPLETE


def run_where(arguments: argparse.Namespace, console: Console) -> int:
    """Says the place; without a key it fails as a missing key does."""
    keys, row = _opened(arguments, console)
    return _say_where(arguments, console, keys, row)


# ---------------------------------------------------------------- inside


def _opened(arguments: argparse.Namespace, console: Console) -> tuple[Keys, ProviderSettings]:
    from ..keys import Keys
    from ..settings import load_settings

    if arguments.surplus:
        raise UsageError(
            "A key is never given as an argument: it would stay in the shell's history and in the list of processes.",
            next_step="Leave it out and type it when asked, or pipe it in.",
        )
    settings = load_settings()
    row = settings.provider(text_of(arguments.provider, what="The provider"))
    keys = Keys(home=settings.home)
    if keys.warning:
        console.note(keys.warning)
    return keys, row


def _asked(row: ProviderSettings) -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        return read_stdin()
    import getpass

    try:
        return getpass.getpass(f"API key of {row.label} (it is not shown): ")
    except EOFError:
        return ""


def _say_where(
    arguments: argparse.Namespace, console: Console, keys: Keys, row: ProviderSettings, *, done: str = ""
) -> int:
    source: Optional[str] = keys.source(row)
    needs_none = row.kind in _keyless()
    if arguments.json:
        from .answer_json import dumps

        found: Dict[str, Json] = {
            "provider": row.name, "source": source, "key_env": row.key_env, "needs_key": not needs_none,
            "trouble": keys.trouble or None,
        }
        console.raw(dumps(found))
    elif needs_none:
        console.say(f"{row.label} runs on this machine and needs no key.")
    elif source is not None:
        console.say(f"{done} The key of {row.label} comes from {_words(source, keys, row)}.".strip())
    else:
        steps = f"Run: nuke-ai-panel config key set {row.name}, or set {row.key_env}."
        console.note(f"{done} There is no key of {row.label}. {keys.trouble} {steps}".strip().replace("  ", " "))
    return exits.COMPLETE if needs_none or source is not None else exits.SETTINGS


def _words(source: str, keys: Keys, row: ProviderSettings) -> str:
    if source == row.key_env:
        return f"{source} in the environment"
    return _PLACES.get(source) or f"the private file {keys.file}"


def _keyless() -> frozenset[str]:
    from ..keys import KEYLESS_KINDS

    return KEYLESS_KINDS

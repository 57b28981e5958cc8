"""`config`: reads and writes settings, and says where each value comes from. Keys have `config key`, see config_key."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List

from ..messages import Json
from . import config_edit, config_key, exits
from .console import Console, read_stdin
from .exits import UsageError
from .options import text_of
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..settings import Settings


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command and its sub-commands."""
    parser = add_command(commands, "config", "read and write settings, and keep API keys")
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", title="actions", required=True, parser_class=Parser
    )
    getting = add_command(actions, "get", "print one setting, or all of a table")
    getting.add_argument("name", metavar="NAME", help="the setting, for example panel.font_scale or providers.ollama")
    getting.set_defaults(run=run_get)
    setting = add_command(actions, "set", "write one setting into your file")
    setting.add_argument("name", metavar="NAME", help="the setting, for example providers.ollama.base_url")
    setting.add_argument("value", metavar="VALUE", help=(
        "the value as text; a list or a table as JSON; - reads it from standard input"))
    setting.set_defaults(run=run_set)
    taking = add_command(actions, "unset", "take a setting, or a whole table, out of your file")
    taking.add_argument("name", metavar="NAME", help="the setting, or for example providers.studio")
    taking.set_defaults(run=run_unset)
    listing = add_command(actions, "list", "print every setting that somebody has set, and where")
    listing.add_argument("--all", action="store_true", help="print the defaults too")
    listing.set_defaults(run=run_list)
    paths = add_command(actions, "path", "print the path of your settings file")
    paths.set_defaults(run=run_path)
    for one in (getting, setting, taking, listing, paths):
        one.add_argument("--json", action="store_true", help="print a JSON object")
    config_edit.register(actions)
    config_key.register(actions)


def run_get(arguments: argparse.Namespace, console: Console) -> int:
    """One value as it would be typed, or one line for each of a table."""
    from ..settings import load_settings
    from ..settings.lookup import look_up, names_under
    from ..settings.words import text_of as typed

    settings = load_settings()
    name = text_of(arguments.name, what="The name")
    names = [one for one in names_under(settings, name) if one != name]
    if names and not _is_value(settings, name):
        _print(arguments, console, settings, names)
        return exits.COMPLETE
    if name.startswith("providers.") and name.count(".") == 1:
        settings.provider(name.partition(".")[2])  # there is no such row, and this says which there are
    row, value = look_up(settings, name)
    if arguments.json:
        _dump(console, _object(settings, name))
    elif value not in (None, (), {}):
        console.say(typed(row, value))
    else:
        console.note(f"{name} is not set.")
    return exits.COMPLETE


def run_set(arguments: argparse.Namespace, console: Console) -> int:
    """Checks, writes, and says so when a stronger layer decides all the same."""
    from ..errors import SettingsError
    from ..settings import load_settings, save_settings
    from ..settings.layers import dotted_name, setting_row
    from ..settings.words import value_of

    # The answers below never repeat the value: it may be a key that was put in the wrong place.
    name, text = text_of(arguments.name, what="The name"), text_of(arguments.value, what="The value")
    if text == "-":
        text = read_stdin().rstrip("\n")
    row, parts = setting_row(name, _readable_settings()), dotted_name(name)
    value: Json = text
    problem = ""
    if row.kind == "a table of lists of texts" and len(parts) == 3:
        value, problem = value_of(replace(row, kind="a list of texts", shape=""), text)
    elif row.kind != "a table of texts" or len(parts) < 4:
        value, problem = value_of(row, text)
    if problem:
        raise SettingsError(f"{name} {problem}", user_text=f"{name} {problem}.", next_step="Correct the value.")
    save_settings({name: value})
    return _said(arguments, console, load_settings(), name)


def run_unset(arguments: argparse.Namespace, console: Console) -> int:
    """Takes a name out; one that is not in the file is no error of the file, but of the command."""
    from ..settings import home_dir, load_settings, save_settings, settings_path
    from ..settings.layers import dotted_name
    from ..settings.toml_file import read_toml

    name = text_of(arguments.name, what="The name")
    file = settings_path(home_dir())
    held: Json = read_toml(file, missing_ok=True).data
    for part in dotted_name(name):
        held = held.get(part) if isinstance(held, dict) else None
    if held is None:
        raise UsageError(f"{name} is not in {file}.", next_step="See nuke-ai-panel config list.")
    save_settings({name: None})
    settings = load_settings()
    parts = dotted_name(name)
    is_gone = len(parts) < 3 and parts[0] == "providers" and parts[-1] not in settings.providers
    if is_gone or not _is_value(settings, name):
        if arguments.json:
            _dump(console, {"name": name, "removed": True})
        else:
            console.say(f"Took {name} out of {file}.")
        return exits.COMPLETE
    return _said(arguments, console, settings, name)


def run_list(arguments: argparse.Namespace, console: Console) -> int:
    """One line, or one object, for each setting."""
    from ..settings import load_settings
    from ..settings.lookup import DEFAULT, names_under, source_of

    settings = load_settings()
    names = [one for one in names_under(settings) if arguments.all or source_of(settings, one) != DEFAULT]
    _print(arguments, console, settings, names)
    if not names:
        console.note("Nothing is set; every setting has its default. See nuke-ai-panel config list --all.")
    return exits.COMPLETE


def run_path(arguments: argparse.Namespace, console: Console) -> int:
    """The file that `set` writes; with --json everything that is read."""
    import os

    from ..settings import home_dir, settings_path
    from ..settings.layers import studio_files

    home = home_dir()
    if not arguments.json:
        console.say(str(settings_path(home)))
        return exits.COMPLETE
    studio: List[Path] = studio_files(os.environ)
    _dump(console, {
        "settings": str(settings_path(home)), "home": str(home), "keys": str(home / "keys.toml"),
        "studio": [str(path) for path in studio],
    })
    return exits.COMPLETE


# ---------------------------------------------------------------- inside


def _readable_settings() -> Settings:
    """The settings; without the user's file where a value in it is wrong, so that it can be mended."""
    from ..errors import SettingsError
    from ..settings import home_dir, load_settings, settings_path
    from ..settings.toml_file import read_toml

    try:
        return load_settings()
    except SettingsError:
        read_toml(settings_path(home_dir()), missing_ok=True)  # a file that is not TOML cannot be written to
        return load_settings(user_text="")


def _is_value(settings: Settings, name: str) -> bool:
    from ..errors import SettingsError
    from ..settings.lookup import look_up

    try:
        look_up(settings, name)
    except (SettingsError, AttributeError):
        return False
    return True


def _said(arguments: argparse.Namespace, console: Console, settings: Settings, name: str) -> int:
    from ..settings.lookup import look_up, stronger_source
    from ..settings.words import line_of

    if arguments.json:
        _dump(console, _object(settings, name))
    else:
        console.say(f"{name} = {line_of(look_up(settings, name)[1])}")
    stronger = stronger_source(settings, name)
    if stronger:
        console.note(f"Saved, but {stronger} decides {name} in this environment.")
    return exits.COMPLETE


def _print(arguments: argparse.Namespace, console: Console, settings: Settings, names: List[str]) -> None:
    from ..settings.words import line_of

    found = [_object(settings, name) for name in names]
    if arguments.json:
        _dump(console, found)
        return
    for one in found:
        value = "(not set)" if one["value"] is None else line_of(one["value"])
        console.say(f"{one['name']} = {value}  ({one['source']})")


def _object(settings: Settings, name: str) -> Dict[str, Json]:
    from ..settings.lookup import look_up, source_of

    return {"name": name, "value": look_up(settings, name)[1], "source": source_of(settings, name)}


def _dump(console: Console, value: Json) -> None:
    from .answer_json import dumps

    console.raw(dumps(value))

"""`config edit`: opens the settings in an editor, and takes what comes back only if it can be read."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List

from . import exits
from .console import Console
from .exits import UsageError
from .program import Parser, add_command

_EDITORS = ("nano", "vi", "notepad")


def register(actions: argparse._SubParsersAction[Parser]) -> None:
    """Adds `edit`."""
    parser = add_command(actions, "edit", "open your settings file in an editor ($VISUAL or $EDITOR)")
    parser.set_defaults(run=run_edit)


def run_edit(arguments: argparse.Namespace, console: Console) -> int:
    """Edits a copy; a copy that is wrong is kept beside the file, which stays as it was."""
    from ..errors import SettingsError
    from ..settings import home_dir, load_settings, settings_path
    from ..settings.saving import file_lock
    from ..settings.toml_file import read_text, write_atomically

    command = _editor()
    file = settings_path(home_dir())
    before = read_text(file, missing_ok=True)
    copy = _copy(before)
    ended = subprocess.run([*command, str(copy)], check=False).returncode
    after = read_text(copy, missing_ok=False)
    if ended or after == before:
        copy.unlink()
        console.note("Nothing was changed." if not ended else "The editor failed; nothing was changed.")
        return exits.FAILED if ended else exits.COMPLETE
    try:
        load_settings(user_text=after)
    except SettingsError as error:
        raise SettingsError(
            error.message, user_text=error.user_text, next_step=f"Nothing was changed; what you wrote is in {copy}."
        ) from error
    with file_lock(file):
        if read_text(file, missing_ok=True) != before:
            raise SettingsError(
                f"{file} was changed by another session meanwhile", next_step=f"What you wrote is in {copy}."
            )
        write_atomically(file, after)
    copy.unlink()
    console.say(f"Saved {file}.")
    return exits.COMPLETE


def _editor() -> List[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        return shlex.split(named, posix=os.name == "posix")
    found = next((one for one in _EDITORS if shutil.which(one)), None)
    if found is None:
        raise UsageError("There is no editor here.", next_step="Set EDITOR to the command of one.")
    return [found]


def _copy(text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="nuke-ai-panel-settings-", suffix=".toml")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return Path(name)

"""Writes settings: one change or several at once into the user's file, whole or not at all. Any thread; may wait.

Reading, changing and writing happen under a lock between processes, so that two sessions that save in the same
moment lose nothing.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Callable, Iterator, Mapping, Optional

from ..errors import SettingsError
from ..messages import Json
from ..words import tr
from .home import home_dir, settings_path
from .layers import checked_value, dotted_name, load_settings
from .toml_file import edited, read_text, write_atomically

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 10.0


def save_setting(path: str, value: Json, *, home: Optional[Path] = None) -> None:
    """Writes one setting, by its dotted name, to the user's file; None takes it out. Comments stay.

    The row that it belongs to may be another layer's, also one that only this process has.
    """
    _save({path: value}, home or home_dir(), lambda before, after: None)


def save_settings(
    changes: Mapping[str, Json], *, home: Optional[Path] = None, env: Optional[Mapping[str, str]] = None
) -> None:
    """Writes several settings in one step; None takes one, or a whole table, out. Raises SettingsError.

    What would leave a file that can no longer be read with the studio's is refused before it is written.
    """

    def refuse_worse(before: str, after: str) -> None:
        problem = _problem(after, env)
        if problem is not None and _problem(before, env) is None:
            raise problem

    _save(changes, home or home_dir(env), refuse_worse)


def _save(changes: Mapping[str, Json], home: Path, check: Callable[[str, str], None]) -> None:
    file = settings_path(home)
    named = {dotted_name(path): value for path, value in changes.items()}
    checked = {
        name: None if value is None else checked_value(name, value, str(file)) for name, value in named.items()
    }
    with file_lock(file):
        before = read_text(file, missing_ok=True)
        after = edited(file, before, checked)
        if after != before:
            check(before, after)
            write_atomically(file, after)


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds the lock of a file in the user's folder against other sessions. Raises SettingsError when it is kept."""
    # Not at the top: it brings asyncio along, and reading settings must stay cheap.
    import filelock

    lock = filelock.FileLock(str(path.with_name(f".{path.name}.lock")), timeout=LOCK_TIMEOUT_S)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as exc:
        raise SettingsError(
            tr("{path} is being written by another session", path=path),
            next_step=tr("Try again; if it stays, close other sessions.")
        ) from exc
    except NotImplementedError:
        # Some network file systems have no locks; a single writer is safe without one.
        log.info("%s lies on a file system without locks", path)
        yield
        return
    except OSError as exc:
        raise SettingsError(
            tr("{path} cannot be written: {exc}", path=path, exc=exc.strerror or exc),
            next_step=tr("Check the folder's rights and the free space, or set NUKE_AI_PANEL_HOME."),
        ) from exc
    try:
        yield
    finally:
        lock.release()


def _problem(text: str, env: Optional[Mapping[str, str]]) -> Optional[SettingsError]:
    try:
        load_settings(env=env, user_text=text)
    except SettingsError as error:
        return error
    return None

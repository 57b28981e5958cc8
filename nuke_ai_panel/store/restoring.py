"""Puts a backup in the place of the history, and checks what is there. Jobs of the store thread."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import List, Optional

from ..errors import StoreError
from ..words import tr
from . import backups
from .database import Database, identity_of, locked, sqlite_version, write_lock
from .filesystems import is_network_path
from .migrations import STEPS, migrate, schema_version
from .values import Backup, Check


def back_up(database: Database, why: str) -> Backup:
    """A verified copy of the history as it is now. Raises StoreError, sqlite3.Error, OSError."""
    if database.mode == "memory":
        raise _again(database) or _no_history(database.path)
    partial = backups.partial_file(database.path)
    try:
        backups.copy_into(database.connection, partial)
        return backups.accept(partial, database.path, why)
    finally:
        backups.discard(partial)


def restore(database: Database, name: Optional[str]) -> Backup:
    """Makes the backup `name`, or the newest, the history; the present one becomes a backup first.

    Automatic backups pause until the restored history is confirmed. Other sessions see it at once.
    """
    path = database.path
    chosen = _chosen(path, name)
    backups.verify(Path(chosen.path))
    with contextlib.closing(sqlite3.connect(chosen.path)) as source:
        if schema_version(source) > len(STEPS):
            raise StoreError(
                "the backup is newer", code="newer", user_text=tr("The backup {name} was made by a newer version.",
                name=chosen.name),
                next_step=tr("Update Nuke AI Panel, then restore it."),
            )
        backups.pause(path, f"{chosen.name} was restored.")
        if database.mode == "disk":
            back_up(database, "before-restore")
            with locked(write_lock(path, database.busy_timeout_s), path):
                source.backup(database.connection)
                migrate(database.connection, None)
            _begin_generation(database.connection)
        else:
            _replace_file(source, path)
    database.wants_reopening = True
    return chosen


def check(database: Database, *, full_text: bool) -> Check:
    """The state of the file, with SQLite's whole integrity check."""
    path, connection = database.path, database.connection
    problems: List[str] = []
    with contextlib.suppress(sqlite3.Error):
        problems = [str(one) for (one,) in connection.execute("PRAGMA integrity_check(20)") if one != "ok"]
        problems += [f"a message without its conversation: {row}" for row in connection.execute(
            "PRAGMA foreign_key_check").fetchmany(5)]
    conversations, messages = (
        int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        for table in ("conversations", "messages")
    )
    made = backups.listed(path)
    trouble = database.trouble
    return Check(
        path=str(path), mode=database.mode, journal=database.journal, sqlite=".".join(map(str, sqlite_version())),
        schema=schema_version(connection), is_sound=not problems, problems=tuple(problems),
        conversations=conversations, messages=messages,
        size_bytes=path.stat().st_size if identity_of(path) is not None else 0, full_text=full_text,
        is_network=is_network_path(path), backups=len(made), last_backup_at=made[0].created_at if made else None,
        backups_paused=backups.is_paused(path), trouble=None if trouble is None else trouble.info(),
    )


def _chosen(path: Path, name: Optional[str]) -> Backup:
    every = backups.listed(path)
    found = next((one for one in every if name in (None, one.name, one.path)), None)
    if found is not None:
        return found
    raise StoreError(
        f"no backup {name}", code="no_backup",
        user_text=tr("There is no backup {name}.", name=name) if name else tr("There is no backup yet."),
        next_step=tr("See nuke-ai-panel history backup --list for those that there are."),
    )


def _replace_file(source: sqlite3.Connection, path: Path) -> None:
    """For a history that cannot be opened: the file itself makes way, and is kept."""
    partial = backups.partial_file(path)
    backups.copy_into(source, partial)
    backups.verify(partial)
    with contextlib.closing(sqlite3.connect(str(partial))) as new:
        migrate(new, None)
        _begin_generation(new)
    if path.exists():
        folder = path.parent / "quarantine"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for ending in ("-journal", "-wal", "-shm", ""):
            side = path.with_name(path.name + ending)
            if side.exists():
                os.replace(side, folder / f"{side.name}-before-restore-{os.getpid()}")
    os.replace(partial, path)


def _begin_generation(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO facts VALUES ('generation', lower(hex(randomblob(16))))")
    connection.commit()


def _again(database: Database) -> Optional[StoreError]:
    error = database.trouble
    if error is None:
        return None
    return StoreError(error.message, code=error.code, user_text=error.user_text, next_step=error.next_step)


def _no_history(path: Path) -> StoreError:
    return StoreError(f"{path} is not open", code="unopenable",
        user_text=tr("The chat history {path} is not open.", path=path))

"""What to do when the history's file is deleted or replaced while it is open. Store thread.

A file that is gone by name is still there by handle: it is copied back. When another file stands in its place, that
one is the history from now on; the old one is kept aside, and the chats of this session are brought along.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from ..messages import ErrorInfo
from ..words import tr
from . import backups
from .database import Database
from .salvage import copy_conversations


def put_back(old: Database, path: Path) -> ErrorInfo:
    """Writes the deleted history to its place again. Raises sqlite3.Error, OSError, StoreError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.returning-{os.getpid()}")
    try:
        backups.copy_into(old.connection, partial)
        backups.verify(partial)
        if not path.exists():
            os.replace(partial, path)
    finally:
        backups.discard(partial)
    return ErrorInfo(
        kind="store", code="deleted", message=f"{path} was deleted while it was open",
        user_text=tr("The chat history {path} was deleted by another program and has been put back.", path=path),
        next_step=tr("Nothing is lost. To delete chats, use the list of conversations."),
    )


def bring_along(old: Database, new: Database, *, since_seq: int) -> ErrorInfo:
    """Keeps the replaced history aside and adds what was said since `since_seq` to the new one."""
    folder = new.path.parent / "quarantine"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = folder / f"history-replaced-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}.db"
    backups.copy_into(old.connection, kept)
    count = 0
    if new.mode == "disk":
        with contextlib.closing(sqlite3.connect(str(kept), isolation_level=None)) as source:
            rows = source.execute(
                "SELECT DISTINCT conversation_id FROM messages WHERE seq > ?", (since_seq,)
            ).fetchall()
            with new.writing() as connection:
                count = copy_conversations(source, connection, [one for (one,) in rows])
    return ErrorInfo(
        kind="store", code="replaced", message=f"{new.path} was replaced while it was open",
        user_text=tr("The chat history {path} was replaced by another file. This session's chats were added to it "
                     "({count:,} messages).", path=new.path, count=count),
        next_step=tr("The history as it was before is kept as {kept}.", kept=kept),
    )

"""The schema as append-only steps: a step that has shipped is never edited. Store thread.

Each step is one transaction that also raises `user_version`; the file is copied aside before its first step. To change
the schema, append a step. The next ones have their room: tags, pins and archive beside `conversations`, full-text
tables beside `messages`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import Optional, Sequence, Tuple

from ..errors import StoreError

log = logging.getLogger(__name__)

APPLICATION_ID = 0x4E414950  # "NAIP"

Step = Tuple[str, ...]

# `seq` orders (clocks jump). `chosen` remembers the leaf per fork: among siblings the highest is shown.
# `deleted_root` is the message whose deletion hid this one; `writer` holds a lock file while the row streams.
_FIRST: Step = (
    """
    CREATE TABLE conversations (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        title_is_manual INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        activity INTEGER NOT NULL,
        provider TEXT,
        model TEXT,
        system TEXT,
        deleted_at REAL
    )
    """,
    "CREATE INDEX conversations_activity ON conversations (activity)",
    """
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversations (id),
        parent_id TEXT,
        chosen INTEGER NOT NULL,
        deleted_root TEXT,
        deleted_at REAL,
        role TEXT NOT NULL,
        status TEXT NOT NULL,
        writer TEXT,
        created_at REAL NOT NULL,
        provider TEXT,
        model TEXT,
        finish TEXT,
        raw_finish TEXT,
        usage TEXT,
        error TEXT,
        warnings TEXT,
        response_id TEXT,
        keepalives INTEGER NOT NULL DEFAULT 0,
        first_token_s REAL,
        total_s REAL,
        reported_model TEXT,
        tool_call_id TEXT,
        tool_calls TEXT,
        attachments TEXT,
        reasoning_opaque TEXT,
        reasoning TEXT NOT NULL DEFAULT '',
        text TEXT NOT NULL
    )
    """,
    "CREATE INDEX messages_visible ON messages (conversation_id, deleted_root)",
    "CREATE INDEX messages_chosen ON messages (conversation_id, chosen)",
    "CREATE INDEX messages_streaming ON messages (writer) WHERE status = 'streaming'",
    """
    CREATE TRIGGER messages_raise_conversation AFTER INSERT ON messages
    BEGIN
        UPDATE conversations
        SET activity = (SELECT max(activity) + 1 FROM conversations),
            updated_at = CASE WHEN NEW.created_at > 0 THEN NEW.created_at ELSE updated_at END
        WHERE id = NEW.conversation_id;
    END
    """,
    """
    CREATE TABLE drafts (
        conversation_id TEXT PRIMARY KEY,
        text TEXT NOT NULL,
        attachments TEXT,
        caret INTEGER NOT NULL DEFAULT 0,
        updated_at REAL NOT NULL
    )
    """,
)

# Who really answered behind a router, and the context window that a local server was asked for.
_SECOND: Step = (
    "ALTER TABLE messages ADD COLUMN upstream TEXT",
    "ALTER TABLE messages ADD COLUMN window_tokens INTEGER",
)

STEPS: Tuple[Step, ...] = (_FIRST, _SECOND)


def schema_version(connection: sqlite3.Connection) -> int:
    """The number of steps that the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, path: Optional[Path], steps: Sequence[Step] = STEPS) -> None:
    """Brings the file to the newest schema, step by step; a kill in between loses nothing and the rest runs next time.

    `path` is None in memory. Raises StoreError when the copy cannot be made, sqlite3.Error when a step cannot.
    """
    found = schema_version(connection)
    if path is not None and 0 < found < len(steps):
        back_up(connection, path.with_name(f"{path.name}.before-schema-{len(steps)}"))
    for number in range(found + 1, len(steps) + 1):
        _run_step(connection, number, steps[number - 1])


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """A verified copy at `target`, put in place at once or not at all. Raises StoreError, sqlite3.Error, OSError."""
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        with contextlib.closing(sqlite3.connect(str(partial))) as copy:
            connection.backup(copy)
            verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise StoreError(
                f"quick_check of the copy: {verdict}", code="corrupt",
                user_text=f"The chat history could not be copied to {target} before its update; it is damaged.",
                next_step="Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.",
            )
        os.replace(partial, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _run_step(connection: sqlite3.Connection, number: int, step: Step) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if schema_version(connection) < number:  # else another session was faster
            for statement in step:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            log.debug("chat history schema raised to %d", number)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

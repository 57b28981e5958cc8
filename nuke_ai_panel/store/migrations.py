"""The schema as append-only steps: a step that has shipped is never edited. Store thread.

Each step is one transaction that also raises `user_version`; the file is copied aside before its first step. To change
the schema, append a step; `tests/data/schemas` holds a file of every version that has shipped.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Optional, Sequence, Tuple

from . import backups

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

# `unindexed` lists what the search index has not seen: a message by its seq, a conversation's title by its negative
# seq. What still streams is not listed, so that a running answer's flushes cost the index nothing. The index itself is
# another file: a session without full-text search, or a damaged index, must never stop a message from being stored.
# `generation` changes when the file is restored or salvaged, and with it the index starts anew.
_TOLD = "NEW.status <> 'streaming' AND NEW.role IN ('user', 'assistant')"
# Not OR IGNORE: inside a trigger the outer statement's own ON CONFLICT would overrule it.
_NOTE = "INSERT INTO unindexed SELECT {seq} WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE seq = {seq});"
_THIRD: Step = (
    "ALTER TABLE conversations ADD COLUMN run_id TEXT",
    "ALTER TABLE conversations ADD COLUMN project TEXT",
    "ALTER TABLE conversations ADD COLUMN script TEXT",
    "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN archived INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN unread INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN deleted_until REAL",
    "ALTER TABLE conversations ADD COLUMN source_id TEXT",
    "ALTER TABLE conversations ADD COLUMN source_message_id TEXT",
    "UPDATE conversations SET deleted_until = deleted_at + 2592000 WHERE deleted_at IS NOT NULL",
    "CREATE INDEX conversations_run ON conversations (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX conversations_pinned ON conversations (activity) WHERE pinned",
    "CREATE TABLE tags (conversation_id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (conversation_id, name))"
    " WITHOUT ROWID",
    "CREATE INDEX tags_name ON tags (name)",
    "CREATE TABLE blobs (hash TEXT PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE blob_uses (owner TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (owner, hash)) WITHOUT ROWID",
    "CREATE INDEX blob_uses_hash ON blob_uses (hash)",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "INSERT INTO facts VALUES ('generation', lower(hex(randomblob(16))))",
    "CREATE TABLE unindexed (seq INTEGER PRIMARY KEY)",
    "INSERT INTO unindexed SELECT seq FROM messages WHERE text <> ''",
    "INSERT INTO unindexed SELECT -seq FROM conversations WHERE title <> ''",
    f"CREATE TRIGGER messages_told AFTER INSERT ON messages WHEN {_TOLD} AND NEW.text <> ''"
    f" BEGIN {_NOTE.format(seq='NEW.seq')} END",
    f"CREATE TRIGGER messages_retold AFTER UPDATE OF text, status ON messages"
    f" WHEN {_TOLD} AND (NEW.text IS NOT OLD.text OR OLD.status = 'streaming')"
    f" BEGIN {_NOTE.format(seq='NEW.seq')} END",
    "CREATE TRIGGER conversations_named AFTER INSERT ON conversations WHEN NEW.title <> ''"
    f" BEGIN {_NOTE.format(seq='-NEW.seq')} END",
    "CREATE TRIGGER conversations_renamed AFTER UPDATE OF title ON conversations WHEN NEW.title IS NOT OLD.title"
    f" BEGIN {_NOTE.format(seq='-NEW.seq')} END",
    # An answer that ends raises its conversation too, so that other sessions hear of it.
    """
    CREATE TRIGGER messages_ended AFTER UPDATE OF status ON messages
    WHEN OLD.status = 'streaming' AND NEW.status <> 'streaming'
    BEGIN
        UPDATE conversations SET activity = (SELECT max(activity) + 1 FROM conversations)
        WHERE id = NEW.conversation_id;
    END
    """,
    "CREATE INDEX messages_code ON messages (conversation_id) WHERE instr(text, '```') > 0",
    # Which texts are so long that a list had better not load them for a snippet.
    "CREATE INDEX messages_long ON messages (conversation_id) WHERE length(text) > 100000",
    "CREATE INDEX messages_errors ON messages (conversation_id) WHERE error IS NOT NULL",
)

STEPS: Tuple[Step, ...] = (_FIRST, _SECOND, _THIRD)


def schema_version(connection: sqlite3.Connection) -> int:
    """The number of steps that the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, path: Optional[Path], steps: Sequence[Step] = STEPS) -> None:
    """Brings the file to the newest schema, step by step; a kill in between loses nothing and the rest runs next time.

    `path` is None in memory. Raises StoreError when the copy cannot be made, sqlite3.Error when a step cannot.
    """
    found = schema_version(connection)
    if path is not None and 0 < found < len(steps):
        partial = backups.partial_file(path)
        try:
            backups.copy_into(connection, partial)
            backups.accept(partial, path, f"before-schema-{len(steps)}")
        finally:
            backups.discard(partial)
    for number in range(found + 1, len(steps) + 1):
        _run_step(connection, number, steps[number - 1])


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

"""Queries on conversations, their tags and drafts. Each function is one job of the store thread."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union, cast

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Draft, clean_text
from ..words import tr
from . import blobs
from .database import Database
from .filters import where
from .values import Facets, HistoryFilter

_SNIPPET = 160
# Columns of the second schema; a file that may only be read keeps the schema it has.
_LATER = ("run_id", "project", "script", "pinned", "archived", "unread", "deleted_until", "source_id",
          "source_message_id")
_NAMES = ("id", "title", "kind", "created_at", "updated_at", "provider", "model", "system", "title_is_manual",
          "deleted_at", *_LATER)
_COUNT = "(SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.deleted_root IS NULL)"
_SAID = (f"(SELECT substr(m.text, 1, {_SNIPPET}) FROM messages m WHERE m.conversation_id = c.id"
         " AND m.deleted_root IS NULL AND m.text <> '' ORDER BY m.seq DESC LIMIT 1)")
# The same without loading what is very long: SQLite reads a whole text even for its beginning.
_BRIEFLY_SAID = _SAID.replace(
    "m.text <> ''", "CASE WHEN m.seq IN (SELECT l.seq FROM messages l INDEXED BY messages_long"
    " WHERE l.conversation_id = c.id AND length(l.text) > 100000) THEN 0 ELSE m.text <> '' END"
)
_TAGS = "(SELECT group_concat(t.name, char(10)) FROM tags t WHERE t.conversation_id = c.id)"


def create(database: Database, conversation: Conversation) -> Conversation:
    """Stores a new conversation and answers with it."""
    c = conversation
    database.connection.execute(
        "INSERT INTO conversations (id, kind, title, title_is_manual, created_at, updated_at, activity, provider,"
        " model, system, run_id, project, script, source_id, source_message_id)"
        " VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(activity), 0) + 1 FROM conversations),"
        " ?, ?, ?, ?, ?, ?, ?, ?)",
        (c.id, c.kind, c.title, c.title_is_manual, c.created_at, c.updated_at, c.provider, c.model, c.system,
         c.run_id, c.project, c.script, c.source_id, c.source_message_id),
    )
    set_tags(database, c.id, c.tags)
    return conversation


def conversations(database: Database, wanted: HistoryFilter, *, limit: int, offset: int) -> List[Conversation]:
    """One page, the one that was written to last first; `offset` skips."""
    condition, values = where(_answerable(database, wanted))
    rows = database.rows(
        f"{_select(database)} WHERE {condition} ORDER BY c.activity DESC, c.seq DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [_conversation(row) for row in rows]


def count(database: Database, wanted: HistoryFilter) -> int:
    """How many conversations the filter lets through."""
    condition, values = where(_answerable(database, wanted))
    row = database.connection.execute(f"SELECT count(*) FROM conversations c WHERE {condition}", values).fetchone()
    return int(row[0])


def conversation(database: Database, conversation_id: str) -> Optional[Conversation]:
    """The conversation, also while it is in the bin; None when there is none."""
    rows = database.rows(f"{_select(database)} WHERE c.id = ?", (conversation_id,))
    return _conversation(rows[0]) if rows else None


def by_prefix(database: Database, prefix: str, *, limit: int) -> List[Conversation]:
    """The conversations whose id begins so, in any state."""
    rows = database.rows(
        f"{_select(database)} WHERE c.id >= ? AND c.id < ? ORDER BY c.id LIMIT ?",
        (prefix, prefix + "\U0010ffff", limit),
    )
    return [_conversation(row) for row in rows]


def update(
    database: Database, conversation_id: str, values: Mapping[str, Union[str, float, None]]
) -> Conversation:
    """Sets columns and answers with the whole. `values` has our own column names as keys."""
    if values:
        names = ", ".join(f"{name} = ?" for name in values)
        bound = [clean_text(value) if isinstance(value, str) else value for value in values.values()]
        database.connection.execute(f"UPDATE conversations SET {names} WHERE id = ?", (*bound, conversation_id))
    found = conversation(database, conversation_id)
    if found is None:
        raise unknown(conversation_id)
    return found


def set_tags(database: Database, conversation_id: str, tags: Sequence[str]) -> None:
    """Makes these the conversation's tags."""
    database.connection.execute("DELETE FROM tags WHERE conversation_id = ?", (conversation_id,))
    database.connection.executemany(
        "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(conversation_id, tag) for tag in map(tag_from, tags) if tag]
    )


def tags(database: Database) -> List[Tuple[str, int]]:
    """Every tag in use and on how many conversations, by name."""
    return database.connection.execute(
        "SELECT t.name, count(*) FROM tags t JOIN conversations c ON c.id = t.conversation_id"
        " WHERE c.deleted_at IS NULL GROUP BY t.name ORDER BY t.name"
    ).fetchall()


def facets(database: Database) -> Facets:
    """What conversations can be filtered by. Models and providers are those of conversations, not of every answer."""
    def used(column: str) -> Tuple[Tuple[str, int], ...]:
        if column not in database.columns("conversations"):
            return ()
        return tuple(database.rows(
            f"SELECT {column}, count(*) FROM conversations WHERE deleted_at IS NULL AND {column} <> ''"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        ))

    found = tuple(tags(database)) if database.columns("tags") else ()
    return Facets(used("provider"), used("model"), used("script"), found)


def tag_from(text: str) -> str:
    """A tag as it is kept: one line without surplus space."""
    return " ".join(clean_text(text).split())


def save_draft(database: Database, draft: Draft) -> None:
    """Keeps what stands unsent in a composer; an empty one is forgotten."""
    connection, owner = database.connection, f"draft:{draft.conversation_id}"
    blobs.release(connection, owner)
    if not draft.text and not draft.attachments:
        connection.execute("DELETE FROM drafts WHERE conversation_id = ?", (draft.conversation_id,))
        return
    connection.execute(
        "INSERT OR REPLACE INTO drafts (conversation_id, text, attachments, caret, updated_at) VALUES (?, ?, ?, ?, ?)",
        (draft.conversation_id, clean_text(draft.text), blobs.keep(connection, owner, draft.attachments), draft.caret,
         time.time()),
    )


def draft(database: Database, conversation_id: str) -> Optional[Draft]:
    """What stands unsent in a conversation's composer."""
    rows = database.rows("SELECT text, attachments, caret FROM drafts WHERE conversation_id = ?", (conversation_id,))
    if not rows:
        return None
    text, attachments, caret = rows[0]
    try:
        found = blobs.attachments_from(attachments, blobs.load(database.connection, [attachments]))
    except (ValueError, TypeError, KeyError, AttributeError):
        found = ()  # the words matter more than a chip that cannot be read
    return Draft(conversation_id, text, found, caret)


def unknown(conversation_id: str) -> StoreError:
    """There is no such conversation."""
    return StoreError(
        f"no conversation {conversation_id}", code="unknown_conversation",
        user_text=tr("This conversation is not in the chat history any more."),
    )


def _answerable(database: Database, wanted: HistoryFilter) -> HistoryFilter:
    if "archived" in database.columns("conversations"):
        return wanted
    return replace(
        wanted, archived=None, pinned=None, unread=None, tags=(), project=None, script=None, run_id=None
    )


def _select(database: Database) -> str:
    there = database.columns("conversations")
    names = ", ".join(f"c.{name}" if name in there else f"NULL AS {name}" for name in _NAMES)
    if not database.columns("tags"):
        return f"SELECT {names}, {_COUNT}, {_SAID}, NULL FROM conversations c"
    return f"SELECT {names}, {_COUNT}, {_BRIEFLY_SAID}, {_TAGS} FROM conversations c"


def _conversation(row: Sequence[Any]) -> Conversation:  # Any: a database row
    said: Dict[str, Any] = dict(zip(_NAMES, row))  # Any: a database row
    message_count, snippet, tag_lines = row[len(_NAMES) :]
    return Conversation(
        id=str(said["id"]), title=_text(said["title"]), kind=cast(ConversationKind, said["kind"]),
        created_at=_number(said["created_at"]), updated_at=_number(said["updated_at"]), provider=said["provider"],
        model=said["model"], system=said["system"], message_count=message_count,
        snippet=" ".join(_text(snippet).split()), title_is_manual=bool(said["title_is_manual"]),
        deleted_at=said["deleted_at"], run_id=said["run_id"], project=said["project"], script=said["script"],
        tags=tuple(sorted(tag_lines.split("\n"))) if tag_lines else (), pinned=bool(said["pinned"]),
        archived=bool(said["archived"]), is_unread=bool(said["unread"]), deleted_until=said["deleted_until"],
        source_id=said["source_id"], source_message_id=said["source_message_id"],
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ("" if value is None else str(value))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0

"""Queries on conversations and drafts. Each function is one job of the store thread."""

from __future__ import annotations

import time
from typing import Any, List, Mapping, Optional, Sequence, Union, cast

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Draft, clean_text
from .database import Database
from .rows import attachments_from, encode_all

_SNIPPET = 160
_SELECT = f"""
    SELECT c.id, c.title, c.kind, c.created_at, c.updated_at, c.provider, c.model, c.system, c.title_is_manual,
        c.deleted_at,
        (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.deleted_root IS NULL),
        (SELECT substr(m.text, 1, {_SNIPPET}) FROM messages m
         WHERE m.conversation_id = c.id AND m.deleted_root IS NULL AND m.text <> '' ORDER BY m.seq DESC LIMIT 1)
    FROM conversations c
"""


def create(database: Database, conversation: Conversation) -> Conversation:
    """Stores a new conversation and answers with it."""
    c = conversation
    database.connection.execute(
        "INSERT INTO conversations (id, kind, title, title_is_manual, created_at, updated_at, activity, provider,"
        " model, system)"
        " VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(activity), 0) + 1 FROM conversations), ?, ?, ?)",
        (c.id, c.kind, c.title, c.title_is_manual, c.created_at, c.updated_at, c.provider, c.model, c.system),
    )
    return conversation


def conversations(
    database: Database, kinds: Sequence[ConversationKind], *, include_deleted: bool, limit: int, offset: int
) -> List[Conversation]:
    """One page, the one that was written to last first."""
    marks = ", ".join("?" * len(kinds))
    alive = "" if include_deleted else "AND c.deleted_at IS NULL"
    rows = database.connection.execute(
        f"{_SELECT} WHERE c.kind IN ({marks}) {alive} ORDER BY c.activity DESC LIMIT ? OFFSET ?",
        (*kinds, limit, offset),
    )
    return [_conversation(row) for row in rows.fetchall()]


def conversation(database: Database, conversation_id: str) -> Optional[Conversation]:
    """The conversation, also while it is in the bin; None when there is none."""
    row = database.connection.execute(f"{_SELECT} WHERE c.id = ?", (conversation_id,)).fetchone()
    return None if row is None else _conversation(row)


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
        raise StoreError(
            f"no conversation {conversation_id}", code="unknown_conversation",
            user_text="This conversation is not in the chat history any more.",
        )
    return found


def save_draft(database: Database, draft: Draft) -> None:
    """Keeps what stands unsent in a composer; an empty one is forgotten."""
    if not draft.text and not draft.attachments:
        database.connection.execute("DELETE FROM drafts WHERE conversation_id = ?", (draft.conversation_id,))
        return
    database.connection.execute(
        "INSERT OR REPLACE INTO drafts (conversation_id, text, attachments, caret, updated_at) VALUES (?, ?, ?, ?, ?)",
        (draft.conversation_id, clean_text(draft.text), encode_all(draft.attachments), draft.caret, time.time()),
    )


def draft(database: Database, conversation_id: str) -> Optional[Draft]:
    """What stands unsent in a conversation's composer."""
    row = database.connection.execute(
        "SELECT text, attachments, caret FROM drafts WHERE conversation_id = ?", (conversation_id,)
    ).fetchone()
    if row is None:
        return None
    text, attachments, caret = row
    try:
        return Draft(conversation_id, text, attachments_from(attachments), caret)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Draft(conversation_id, text, (), caret)  # the words matter more than a chip that cannot be read


def _conversation(row: Sequence[Any]) -> Conversation:  # Any: a database row
    (conversation_id, title, kind, created_at, updated_at, provider, model, system, is_manual, deleted_at, count,
     snippet) = row
    return Conversation(
        id=conversation_id, title=title, kind=cast(ConversationKind, kind), created_at=created_at,
        updated_at=updated_at, provider=provider, model=model, system=system, message_count=count,
        snippet=" ".join((snippet or "").split()), title_is_manual=bool(is_manual), deleted_at=deleted_at,
    )

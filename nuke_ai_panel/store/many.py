"""Changes to many conversations at once, each with its undo, and the bin that forgets. Jobs of the store thread."""

from __future__ import annotations

import time
from typing import Iterable, List, Optional, Sequence

from . import blobs
from .conversations import set_tags, tag_from, unknown
from .database import Database
from .unindexed import note_conversation
from .values import BIN_DAYS, Former, Undo

_DAY_S = 86_400.0


def change(
    database: Database, ids: Sequence[str], *, pinned: Optional[bool] = None, archived: Optional[bool] = None,
    unread: Optional[bool] = None, deleted: Optional[bool] = None, add_tags: Sequence[str] = (),
    remove_tags: Sequence[str] = (),
) -> Undo:
    """Changes what is given in all of them or, when one is not there, in none. Raises StoreError."""
    former = [_former(database, one) for one in dict.fromkeys(ids)]
    now = time.time()
    removed = {tag_from(tag) for tag in remove_tags}
    for one in former:
        for name, value in (("pinned", pinned), ("archived", archived), ("unread", unread)):
            if value is not None:
                database.connection.execute(
                    f"UPDATE conversations SET {name} = ? WHERE id = ?", (int(value), one.id)
                )
        if deleted is not None:
            _set_deleted(database, one.id, now if deleted else None)
        if add_tags or remove_tags:
            set_tags(database, one.id, [tag for tag in (*one.tags, *map(tag_from, add_tags)) if tag not in removed])
    return Undo(tuple(former))


def undo(database: Database, undo: Undo) -> int:
    """Puts everything back as it was; how many conversations still were there to be put back."""
    found = 0
    for one in undo.former:
        cursor = database.connection.execute(
            "UPDATE conversations SET pinned = ?, archived = ?, unread = ?, deleted_at = ?, deleted_until = ?"
            " WHERE id = ?",
            (one.pinned, one.archived, one.unread, one.deleted_at, one.deleted_until, one.id),
        )
        if cursor.rowcount:
            set_tags(database, one.id, one.tags)
            found += 1
    return found


def mark_read(database: Database, conversation_id: str, *, unread: bool) -> None:
    """Notes whether there is something in it that nobody has seen; one that is gone does not matter."""
    database.connection.execute(
        "UPDATE conversations SET unread = ? WHERE id = ? AND unread <> ?", (unread, conversation_id, unread)
    )


def purge(database: Database, *, now: float) -> int:
    """Forgets for good what has been in the bin for its time; how many conversations."""
    rows = database.connection.execute(
        "SELECT id FROM conversations WHERE deleted_at IS NOT NULL AND deleted_until <= ?", (now,)
    ).fetchall()
    return forget(database, [one for (one,) in rows])


def empty_bin(database: Database, ids: Optional[Sequence[str]]) -> int:
    """Forgets what is in the bin, or these of it, before its time."""
    rows = database.connection.execute("SELECT id FROM conversations WHERE deleted_at IS NOT NULL").fetchall()
    return forget(database, [one for (one,) in rows if ids is None or one in ids])


def forget(database: Database, ids: Iterable[str]) -> int:
    """Removes conversations from the file; what they held is overwritten with zeros."""
    gone: List[str] = list(ids)
    connection = database.connection
    connection.execute("PRAGMA secure_delete = ON").close()
    for one in gone:
        connection.execute(
            "DELETE FROM blob_uses WHERE owner IN (SELECT id FROM messages WHERE conversation_id = ?) OR owner = ?",
            (one, f"draft:{one}"),
        )
        note_conversation(connection, one)
        for table, column in (
            ("messages", "conversation_id"), ("tags", "conversation_id"), ("drafts", "conversation_id"),
            ("conversations", "id"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (one,))
    if gone:
        blobs.sweep(connection)
    connection.execute("PRAGMA secure_delete = OFF").close()
    return len(gone)


def _former(database: Database, conversation_id: str) -> Former:
    row = database.connection.execute(
        "SELECT pinned, archived, unread, deleted_at, deleted_until FROM conversations WHERE id = ?",
        (conversation_id,),
    ).fetchone()
    if row is None:
        raise unknown(conversation_id)
    tags = database.connection.execute("SELECT name FROM tags WHERE conversation_id = ?", (conversation_id,)).fetchall()
    pinned, archived, unread, deleted_at, deleted_until = row
    return Former(
        conversation_id, bool(pinned), bool(archived), bool(unread), deleted_at, deleted_until,
        tuple(tag for (tag,) in tags),
    )


def _set_deleted(database: Database, conversation_id: str, when: Optional[float]) -> None:
    until = None if when is None else when + BIN_DAYS * _DAY_S
    database.connection.execute(
        "UPDATE conversations SET deleted_at = ?, deleted_until = ? WHERE id = ?", (when, until, conversation_id)
    )

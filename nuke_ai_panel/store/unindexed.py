"""Notes what the search index has yet to see or to forget, where the history's triggers do not. Store thread.

A message stands there by its seq, a conversation's title by its negative seq. See migrations.py.
"""

from __future__ import annotations

import sqlite3
from typing import Sequence


def note_all(connection: sqlite3.Connection) -> None:
    """The index begins anew: everything is to be seen."""
    note_messages(connection, "text <> ''")
    connection.execute("INSERT OR IGNORE INTO unindexed SELECT -seq FROM conversations WHERE title <> ''")


def note_messages(connection: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> None:
    """The messages for which this SQL holds are to be looked at."""
    connection.execute(f"INSERT OR IGNORE INTO unindexed SELECT seq FROM messages WHERE {where}", values)


def note_conversation(connection: sqlite3.Connection, conversation_id: str) -> None:
    """Its title and all its messages are to be looked at."""
    note_messages(connection, "conversation_id = ?", (conversation_id,))
    connection.execute(
        "INSERT OR IGNORE INTO unindexed SELECT -seq FROM conversations WHERE id = ?", (conversation_id,)
    )

"""Queries on messages. Each function is one job of the store thread, inside the transaction that its caller opened."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple, Union

from ..errors import StoreError
from ..messages import Message
from ..words import tr
from .blobs import keep
from .blobs import load as load_blobs
from .database import Database
from .rows import ATTACHMENTS, COLUMNS, SELECTED, WRITER, Row, message_from, message_values, placeholder
from .titles import title_from
from .tree import Node, Tree
from .unindexed import note_messages

log = logging.getLogger(__name__)

_MARKS = ", ".join("?" * len(COLUMNS))
_INSERT = f"INSERT INTO messages ({SELECTED}, chosen) VALUES ({_MARKS}, "
_CHOSEN = "(SELECT coalesce(max(chosen), 0) + 1 FROM messages WHERE conversation_id = ?))"
_FIXED = ("id", "conversation_id", "parent_id", "created_at")
_UPDATED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in _FIXED)
_ADD_SELECTED = _INSERT + _CHOSEN
_ADD_ASIDE = _INSERT + "0)"
_UPSERT = f"{_ADD_SELECTED} ON CONFLICT (id) DO UPDATE SET {_UPDATED}"
_CHUNK = 500


def add(database: Database, message: Message, *, select: bool) -> None:
    """Stores a new message; with `select` it is the one that its fork shows."""
    values = _values(database, message)
    if select:
        database.connection.execute(_ADD_SELECTED, (*values, message.conversation_id))
    else:
        database.connection.execute(_ADD_ASIDE, values)
    if message.role == "user" and message.parent_id is None:
        _name_conversation(database.connection, message)


def update(database: Database, message: Message) -> None:
    """Stores the newest state of a message; one whose first write failed is added now. One statement."""
    values = _values(database, message)
    database.connection.execute(_UPSERT, (*values, message.conversation_id))


def message(database: Database, message_id: str) -> Optional[Message]:
    """The message, or None when there is none or it is deleted."""
    sql = f"SELECT {_selected(database)} FROM messages WHERE id = ? AND deleted_root IS NULL"
    rows = database.rows(sql, (message_id,))
    return _messages(database, rows)[0] if rows else None


def path(
    database: Database, conversation_id: str, leaf_id: Optional[str] = None, *, limit: Optional[int] = None,
    before: Optional[str] = None,
) -> List[Message]:
    """The messages from the root to the remembered leaf, or to exactly `leaf_id`; of them the last `limit`
    that stand before the message `before`."""
    tree = load_tree(database, conversation_id)
    for asked in (leaf_id, before):
        if asked is not None and asked not in tree.nodes:
            raise _unknown(asked)
    nodes = tree.visible_path() if leaf_id is None else tree.path_to(leaf_id)
    if before is not None:
        places = [place for place, node in enumerate(nodes) if node.id == before]
        if not places:
            raise _unknown(before)
        nodes = nodes[: places[0]]
    if limit is not None:
        nodes = nodes[max(0, len(nodes) - limit) :]
    return _load(database, nodes, conversation_id)


def everything(database: Database, conversation_id: str) -> List[Message]:
    """Every message that is not deleted, in all branches, in the order they were stored."""
    tree = load_tree(database, conversation_id)
    return _load(database, [node for node in sorted(tree.nodes.values()) if not node.deleted], conversation_id)


def shape(database: Database, conversation_id: str) -> List[Tuple[str, Optional[str], int]]:
    """(id, parent, `chosen`) of every message that is not deleted: enough to find text in any branch, or to copy."""
    tree = load_tree(database, conversation_id)
    return [(node.id, node.parent_id, node.chosen) for node in sorted(tree.nodes.values()) if not node.deleted]


def recent(database: Database, *, limit: int) -> List[Message]:
    """The newest messages of all conversations that are not in the bin, the newest first."""
    rows = database.connection.execute(
        "SELECT m.seq, m.id, m.parent_id, m.conversation_id FROM messages m"
        " JOIN conversations c ON c.id = m.conversation_id"
        " WHERE m.deleted_root IS NULL AND c.deleted_at IS NULL AND m.role IN ('user', 'assistant')"
        " ORDER BY m.seq DESC LIMIT ?", (limit,)
    ).fetchall()
    found: List[Message] = []
    for seq, message_id, parent_id, conversation_id in rows:
        found += _load(database, [Node(seq, message_id, parent_id, 0, False)], conversation_id)
    return found


def branches(database: Database, conversation_id: str) -> Dict[str, Tuple[int, int]]:
    """For the visible path: message id → (position from 1, number of siblings)."""
    tree = load_tree(database, conversation_id)
    return tree.branches(tree.visible_path())


def select_branch(database: Database, conversation_id: str, message_id: str, step: int) -> List[Message]:
    """Shows the sibling `step` places further (stops at the ends) and what was last shown below it."""
    tree = load_tree(database, conversation_id)
    node = _node(tree, message_id)
    siblings = tree.siblings(node)
    place = min(max(siblings.index(node) + step, 0), len(siblings) - 1)
    _choose(database.connection, conversation_id, [siblings[place]])
    return path(database, conversation_id)


def show(database: Database, conversation_id: str, message_id: str) -> List[Message]:
    """Makes a message visible, whatever branch it is in, and what was last shown below it."""
    tree = load_tree(database, conversation_id)
    _choose(database.connection, conversation_id, tree.path_to(_node(tree, message_id).id))
    return path(database, conversation_id)


def delete(database: Database, message_id: str) -> int:
    """Hides a message and all below it; how many of those were in branches that were not shown."""
    tree = load_tree(database, _conversation_of(database.connection, message_id))
    node = _node(tree, message_id)
    shown = {visible.seq for visible in tree.visible_path()}
    gone = tree.subtree(node)
    _set_deleted(database.connection, gone, message_id)
    return sum(child.seq not in shown for child in gone if child is not node)


def restore(database: Database, message_id: str) -> List[Message]:
    """Undoes the deletion of a message: everything that went with it is back, the same branch shown."""
    conversation_id = _conversation_of(database.connection, message_id)
    # A search meanwhile has passed them over.
    note_messages(database.connection, "deleted_root = ? AND text <> ''", (message_id,))
    database.connection.execute(
        "UPDATE messages SET deleted_root = NULL, deleted_at = NULL WHERE deleted_root = ?", (message_id,)
    )
    return path(database, conversation_id)


def load_tree(database: Database, conversation_id: str) -> Tree:
    """The shape of a conversation."""
    rows = database.rows(
        "SELECT seq, id, parent_id, chosen, deleted_root IS NOT NULL FROM messages WHERE conversation_id = ?",
        (conversation_id,),
    )
    return Tree(map(Node._make, rows))


def _conversation_of(connection: sqlite3.Connection, message_id: str) -> str:
    row = connection.execute("SELECT conversation_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        raise _unknown(message_id)
    return str(row[0])


def _node(tree: Tree, message_id: str) -> Node:
    node = tree.nodes.get(message_id)
    if node is None or node.deleted:
        raise _unknown(message_id)
    return node


def _choose(connection: sqlite3.Connection, conversation_id: str, nodes: Sequence[Node]) -> None:
    connection.executemany(
        "UPDATE messages SET chosen = (SELECT max(chosen) + 1 FROM messages WHERE conversation_id = ?) WHERE seq = ?",
        [(conversation_id, node.seq) for node in nodes],
    )


def _set_deleted(connection: sqlite3.Connection, nodes: Sequence[Node], root: str) -> None:
    now = time.time()
    connection.executemany(
        "UPDATE messages SET deleted_root = ?, deleted_at = ? WHERE seq = ?", [(root, now, node.seq) for node in nodes]
    )


def _name_conversation(connection: sqlite3.Connection, message: Message) -> None:
    unnamed = "SELECT 1 FROM conversations WHERE id = ? AND title = '' AND NOT title_is_manual"
    if connection.execute(unnamed, (message.conversation_id,)).fetchone() is None:
        return
    names = " ".join(attachment.name for attachment in message.attachments)
    title = title_from(message.text) or title_from(names)
    if title:
        connection.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, message.conversation_id))


def _writer(database: Database, message: Message) -> Optional[str]:
    return database.writers.own() if message.status == "streaming" else None


def _load(database: Database, nodes: Sequence[Node], conversation_id: str) -> List[Message]:
    found: Dict[str, Message] = {}
    for start in range(0, len(nodes), _CHUNK):
        chunk = nodes[start : start + _CHUNK]
        try:
            rows = database.rows(_by_seq(database, chunk), ())
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                raise
            rows = _readable_rows(database, chunk)
        found.update((message.id, message) for message in _messages(database, rows))
    return [found.get(node.id) or _hole(node, conversation_id) for node in nodes]


def _by_seq(database: Database, nodes: Sequence[Node]) -> str:
    return f"SELECT {_selected(database)} FROM messages WHERE seq IN ({', '.join(str(node.seq) for node in nodes)})"


def _selected(database: Database) -> str:
    """The columns, with NULL for those that a file of an older schema, open for reading only, does not have."""
    there = database.columns("messages")
    return SELECTED if there.issuperset(COLUMNS) else ", ".join(
        name if name in there else f"NULL AS {name}" for name in COLUMNS
    )


def _readable_rows(database: Database, nodes: Sequence[Node]) -> List[Row]:
    rows: List[Row] = []
    for node in nodes:
        try:
            rows += database.rows(_by_seq(database, [node]), ())
        except sqlite3.DatabaseError:
            database.is_damaged = True
            log.info("message %s of the chat history cannot be read", node.id, exc_info=True)
    return rows


def _hole(node: Node, conversation_id: str) -> Message:
    return placeholder(node.id, conversation_id, node.parent_id, reason="the database page is damaged")


def _messages(database: Database, rows: Sequence[Row]) -> List[Message]:
    blobs = load_blobs(database.connection, (row[ATTACHMENTS] for row in rows))
    return [_alive(database, message_from(row, blobs), row[WRITER]) for row in rows]


def _alive(database: Database, message: Message, writer: Optional[str]) -> Message:
    if message.status == "streaming" and writer != database.writers.own_or_none and database.writers.is_dead(writer):
        return replace(message, status="interrupted")
    return message


def _values(database: Database, message: Message) -> Tuple[Union[str, float, None], ...]:
    attachments = keep(database.connection, message.id, message.attachments) if message.attachments else None
    return message_values(message, _writer(database, message), attachments)


def _unknown(message_id: str) -> StoreError:
    return StoreError(
        f"no message {message_id}", code="unknown_message",
        user_text=tr("This message is not in the chat history any more."),
    )

"""The full-text index: a file of its own beside the history, made from it and never missed. Reader thread only.

It holds no text, only which words stand in which message, so it is small, and matching never locks the history. It can
be deleted at any time; it is built again from `unindexed`, which the history's triggers fill. A document's number is
its message's seq times 256 plus a version, so that the newest come first and a changed message is a new document; a
conversation's title has its seq's negative. Documents without a row in `docs` are dead.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .search_words import Query, indexed

log = logging.getLogger(__name__)

_VERSION = "1"
_VERSIONS = 256
HAS_CODE, HAS_ERROR, IS_TITLE = 1, 2, 4
_SCHEMA = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE docs (id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, provider TEXT, model TEXT, at REAL,"
    " flags INTEGER NOT NULL)",
    "CREATE VIRTUAL TABLE words USING fts5(body, content='', columnsize=0, prefix='2 3',"
    " tokenize='unicode61 remove_diacritics 0')",
)


class Document(NamedTuple):
    """A message, or a title with a negative `key`, as the index takes it; an empty text removes it."""

    key: int
    conversation: int
    provider: Optional[str]
    model: Optional[str]
    at: float
    flags: int
    text: str


class Match(NamedTuple):
    """A document that holds what was searched for."""

    id: int
    conversation: int
    provider: Optional[str]
    model: Optional[str]
    at: float
    flags: int

    @property
    def key(self) -> int:
        return self.id // _VERSIONS if self.id > 0 else -(-self.id // _VERSIONS)


def has_full_text() -> bool:
    """Whether this SQLite was built with FTS5."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(body)")
        except sqlite3.OperationalError:
            return False
    return True


def index_path(path: Path) -> Path:
    """Where the index of the history at `path` lies."""
    return path.with_name(f"{path.stem}-search.db")


class SearchIndex:
    """An open index. Any sqlite3.DatabaseError from it means: `remove` it and open it anew."""

    def __init__(self, path: Path, generation: str) -> None:
        self.is_new = False
        self.connection = sqlite3.connect(str(path), isolation_level=None, timeout=2.0)
        try:
            self._begin(generation)
        except BaseException:
            self.connection.close()
            raise

    def take(self, documents: Sequence[Document]) -> None:
        """Puts documents in, or in the place of their former versions, in one transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            for one in sorted(documents, key=lambda one: abs(one.key)):
                self._put(one)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def matches(self, query: Query, *, before: Optional[int]) -> Iterator[Match]:
        """The messages that match, the newest first; lazily, so that the first cost little."""
        limit = (1 << 62) if before is None else before * _VERSIONS
        return self._select(query, "words.rowid > 0 AND words.rowid < ? ORDER BY words.rowid DESC", (limit,))

    def titles(self, query: Query, *, limit: int) -> List[Match]:
        """The titles that match, the newest first."""
        return list(self._select(query, "words.rowid < 0 ORDER BY words.rowid ASC LIMIT ?", (limit,)))

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()

    def _select(self, query: Query, rest: str, values: Tuple[int, ...]) -> Iterator[Match]:
        rows = self.connection.execute(
            "SELECT d.id, d.conversation, d.provider, d.model, d.at, d.flags FROM words"
            f" CROSS JOIN docs d ON d.id = words.rowid WHERE words MATCH ? AND {rest}", (query.fts(), *values)
        )
        return map(Match._make, rows)

    def _put(self, one: Document) -> None:
        first, last = abs(one.key) * _VERSIONS, abs(one.key) * _VERSIONS + _VERSIONS - 1
        low, high = (first, last) if one.key > 0 else (-last, -first)
        row = self.connection.execute("SELECT id FROM docs WHERE id BETWEEN ? AND ?", (low, high)).fetchone()
        version = 0
        if row is not None:
            version = (abs(int(row[0])) % _VERSIONS + 1) % _VERSIONS
            self.connection.execute("DELETE FROM docs WHERE id BETWEEN ? AND ?", (low, high))
        if not one.text:
            return
        number = (first + version) if one.key > 0 else -(first + version)
        self.connection.execute(
            "INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?)",
            (number, one.conversation, one.provider, one.model, one.at, one.flags),
        )
        self.connection.execute("INSERT INTO words (rowid, body) VALUES (?, ?)", (number, indexed(one.text)))

    def _begin(self, generation: str) -> None:
        connection = self.connection
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = OFF")  # it can always be built again
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("BEGIN IMMEDIATE")
        try:
            wanted = f"{_VERSION}:{generation}"
            found = self._about()
            if found != wanted:
                self.is_new = True
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('about', 'docs', 'words')"
                ).fetchall():
                    connection.execute(f"DROP TABLE {name}")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO about VALUES ('of', ?)", (wanted,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _about(self) -> Optional[str]:
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            return None
        row = self.connection.execute("SELECT value FROM about WHERE name = 'of'").fetchone()
        return None if row is None else str(row[0])


def remove(path: Path) -> None:
    """Deletes an index that cannot be used."""
    for ending in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            index_path(path).with_name(index_path(path).name + ending).unlink()


def waiting(history: sqlite3.Connection, *, limit: int) -> List[Document]:
    """What the index has not seen, the newest first. Deleted and unfinished messages come with an empty text."""
    rows = history.execute(
        "SELECT u.seq, c.seq, m.provider, m.model, m.created_at,"
        " CASE WHEN m.deleted_root IS NULL AND m.status <> 'streaming' AND m.role IN ('user', 'assistant')"
        " THEN m.text ELSE '' END, m.error IS NOT NULL"
        " FROM unindexed u LEFT JOIN messages m ON m.seq = u.seq LEFT JOIN conversations c ON c.id = m.conversation_id"
        " WHERE u.seq > 0 ORDER BY u.seq DESC LIMIT ?", (limit,)
    ).fetchall()
    found = [
        Document(seq, conversation or 0, provider, model, at or 0.0,
                 (HAS_CODE if "```" in (text or "") else 0) | (HAS_ERROR if has_error else 0), _text(text))
        for seq, conversation, provider, model, at, text, has_error in rows
    ]
    titles = history.execute(
        "SELECT u.seq, c.seq, c.provider, c.model, c.updated_at, c.title FROM unindexed u"
        " LEFT JOIN conversations c ON c.seq = -u.seq WHERE u.seq < 0 ORDER BY u.seq LIMIT ?",
        (max(0, limit - len(found)),),
    ).fetchall()
    return found + [
        Document(key, conversation or -key, provider, model, at or 0.0, IS_TITLE, _text(title))
        for key, conversation, provider, model, at, title in titles
    ]


def mark_indexed(connection: sqlite3.Connection, documents: Iterable[Document]) -> None:
    """Takes from `unindexed` what the index has seen, unless it has changed since."""
    for one in documents:
        if one.key < 0:
            connection.execute(
                "DELETE FROM unindexed WHERE seq = ? AND NOT EXISTS"
                " (SELECT 1 FROM conversations WHERE seq = ? AND title <> ?)", (one.key, -one.key, one.text)
            )
        else:
            connection.execute(
                "DELETE FROM unindexed WHERE seq = ? AND (? = '' OR NOT EXISTS"
                " (SELECT 1 FROM messages WHERE seq = ? AND text <> ?))", (one.key, one.text, one.key, one.text)
            )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

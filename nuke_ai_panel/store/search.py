"""Finds messages: by the index where there is one, else by reading them all. Reader thread.

Which conversations may be looked at is asked of the history first, in one short query; then the index says which
messages match, and only those of the page are read: the history is never held for long. A search ends by itself when
its time is up and says how far it came.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from ..words import later
from .filters import where
from .search_index import HAS_CODE, HAS_ERROR, Match, SearchIndex
from .search_words import Query, fold, looked_through, may_hold, snippet, spans
from .values import HistoryFilter, Hit, SearchPage

NO_FULL_TEXT = later("This SQLite has no full-text search, so every message is read; that takes longer.")
NO_INDEX = later("The search index cannot be written now, so every message is read; that takes longer.")
ODD_CHARACTERS = later("There is no word in what is searched for, so every message is read; that takes longer.")
_READ_AT_ONCE = 64
_SCANNED_AT_ONCE = 1000
_MOST_TITLES = 8

Found = Tuple[int, str, str, str, str, float, str]
Stopped = Callable[[], bool]


class Scope:
    """The conversations that a filter lets through, by their seq; None for all of them."""

    def __init__(self, history: sqlite3.Connection, wanted: HistoryFilter) -> None:
        self.wanted = wanted
        whole = HistoryFilter(**{**vars(wanted), "has_code": None, "has_error": None, "since": None, "until": None})
        condition, values = where(whole)
        self.seqs: Optional[Set[int]] = None
        if condition != "1":
            self.seqs = {
                seq for (seq,) in history.execute(f"SELECT c.seq FROM conversations c WHERE {condition}", values)
            }

    def lets_through(self, match: Match) -> bool:
        """Whether a message may be a hit, by what is known without reading it."""
        wanted = self.wanted
        if self.seqs is not None and match.conversation not in self.seqs:
            return False
        if wanted.since is not None and match.at < wanted.since:
            return False
        if wanted.until is not None and match.at >= wanted.until:
            return False
        if wanted.has_code is not None and bool(match.flags & HAS_CODE) != wanted.has_code:
            return False
        if wanted.has_error is not None and bool(match.flags & HAS_ERROR) != wanted.has_error:
            return False
        return all(asked is None or found is None or asked == found for asked, found in (
            (wanted.provider, match.provider), (wanted.model, match.model)))


def by_index(
    history: sqlite3.Connection, index: SearchIndex, query: Query, wanted: HistoryFilter, *, limit: int,
    before: Optional[int], until: float, is_stopped: Stopped,
) -> SearchPage:
    """One page from the index. `before` is a cursor, `until` a moment of time.monotonic()."""
    scope = Scope(history, wanted)
    hits: List[Hit] = []
    cursor: Optional[int] = before
    is_complete = has_more = False

    def time_is_up() -> bool:
        return is_stopped() or time.monotonic() > until

    index.connection.set_progress_handler(lambda: int(time_is_up()), 20_000)
    try:
        matches = (one for one in index.matches(query, before=before) if scope.lets_through(one))
        for batch in _batches(matches):
            found = _read(history, [one.key for one in batch])
            for one in batch:
                if len(hits) >= limit:
                    has_more = True
                    break
                cursor = one.key
                hit = _hit(found.get(one.key), query)
                if hit is not None:
                    hits.append(hit)
            if has_more or time_is_up():
                break
        else:
            is_complete = True
        if before is None:
            hits = _title_hits(history, index, query, scope, {hit.conversation_id for hit in hits}) + hits
    except sqlite3.OperationalError as exc:
        if "interrupted" not in str(exc):
            raise
    finally:
        index.connection.set_progress_handler(None, 0)
    return SearchPage(tuple(hits), None if is_complete else cursor, is_complete=is_complete or has_more)


def by_reading(
    history: Callable[[], sqlite3.Connection], query: Query, wanted: HistoryFilter, *, limit: int,
    before: Optional[int], until: float, is_stopped: Stopped, note: str,
) -> SearchPage:
    """One page by reading every message, a thousand at a time."""
    scope = Scope(history(), wanted)
    hits: List[Hit] = []
    cursor = before
    while True:
        rows = history().execute(
            "SELECT m.seq, c.seq, m.provider, m.model, m.created_at, m.error IS NOT NULL, m.id, c.id, m.role, m.text,"
            " c.title FROM messages m JOIN conversations c ON c.id = m.conversation_id"
            " WHERE m.seq < ? AND m.role IN ('user', 'assistant') AND m.deleted_root IS NULL AND m.text <> ''"
            " ORDER BY m.seq DESC LIMIT ?", ((1 << 62) if cursor is None else cursor, _SCANNED_AT_ONCE)
        ).fetchall()
        for seq, conversation, provider, model, at, has_error, message_id, name, role, text, title in rows:
            if len(hits) >= limit:
                return SearchPage(tuple(hits), cursor, is_slow=True, note=note)
            cursor = seq
            flags = (HAS_CODE if "```" in text else 0) | (HAS_ERROR if has_error else 0)
            match = Match(seq * 256, conversation, provider, model, at, flags)
            if scope.lets_through(match) and may_hold(fold(text), query):
                hit = _hit((seq, message_id, name, role, text, at, title), query)
                if hit is not None:
                    hits.append(hit)
        if len(rows) < _SCANNED_AT_ONCE:
            return SearchPage(tuple(hits), None, is_slow=True, note=note)
        if is_stopped() or time.monotonic() > until:
            return SearchPage(tuple(hits), cursor, is_complete=False, is_slow=True, note=note)


def _batches(matches: Iterator[Match]) -> Iterator[List[Match]]:
    batch: List[Match] = []
    for one in matches:
        batch.append(one)
        if len(batch) >= _READ_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _read(history: sqlite3.Connection, seqs: Sequence[int]) -> Dict[int, Found]:
    if not seqs:
        return {}
    rows: Iterable[Found] = history.execute(
        "SELECT m.seq, m.id, c.id, m.role, m.text, m.created_at, c.title FROM messages m"
        " JOIN conversations c ON c.id = m.conversation_id"
        f" WHERE m.seq IN ({', '.join(map(str, seqs))}) AND m.deleted_root IS NULL"
    ).fetchall()
    return {row[0]: row for row in rows}


def _hit(found: Optional[Found], query: Query) -> Optional[Hit]:
    if found is None:
        return None
    _, message_id, conversation_id, role, text, at, title = found
    part = looked_through(text)
    places = spans(part, query)
    if places is None:
        if len(part) == len(text):
            return None  # the index remembers a former text
        places = []
    line, marks = snippet(text, places)
    return Hit(conversation_id, message_id, role, title, at, line, marks)


def _title_hits(
    history: sqlite3.Connection, index: SearchIndex, query: Query, scope: Scope, shown: Set[str]
) -> List[Hit]:
    if scope.wanted.has_code or scope.wanted.has_error:
        return []
    hits: List[Hit] = []
    for match in index.titles(query, limit=4 * _MOST_TITLES):
        if not scope.lets_through(match._replace(provider=None, model=None, flags=0)):
            continue
        row = history.execute(
            "SELECT id, title, updated_at FROM conversations WHERE seq = ?", (match.conversation,)
        ).fetchone()
        places = spans(row[1], query) if row is not None else None
        if row is not None and places and row[0] not in shown and len(hits) < _MOST_TITLES:
            line, marks = snippet(row[1], places)
            hits.append(Hit(row[0], None, "", row[1], row[2], line, marks))
    return hits

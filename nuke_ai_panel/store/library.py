"""What the explorer and the command line ask of the history. Any thread may call; answers are futures.

Changes of many conversations answer with an `Undo`. A search's and a statistic's future may be cancelled at any time.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Callable, Iterable, List, Optional, Sequence, Tuple

from ..messages import Conversation, ErrorInfo, Message
from . import backups, many, restoring
from . import conversations as conversation_rows
from . import messages as message_rows
from .database import Database
from .exporting import as_html, as_json, as_markdown
from .importing import from_json
from .reader import Reader
from .search_words import Query, spans
from .values import (
    Backup,
    Check,
    Facets,
    FoundInConversation,
    HistoryFilter,
    Imported,
    SearchPage,
    Statistics,
    StoreChange,
    Undo,
)
from .worker import Worker

SEARCH_TIME_S = 0.35


class Library:
    """The part of the Store that looks at all conversations."""

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.file = path
        self._worker = Worker(path, busy_timeout_s=busy_timeout_s)
        self._reader = Reader(path, self._worker)
        self._worker.on_fork = self._reader.begin_in_child

    # ------------------------------------------------------------ news

    @property
    def notice(self) -> Optional[ErrorInfo]:
        """What was mended last or ought to be known: salvaged, deleted, replaced, missing, sync_folder, …"""
        return self._worker.board.notice

    def changes(self, listener: Callable[[StoreChange], None]) -> Callable[[], None]:
        """Calls `listener` within a second of what other sessions write, and when saving fails or works again.

        It is called on the store's thread and must not wait. The answer ends it. With a listener the search index is
        kept fresh too.
        """
        leave = self._worker.board.listen(listener)
        self._worker.submit(_nothing, writes=False)  # wakes the thread, so that it begins to look
        self._reader.keep_fresh()
        return leave

    # ------------------------------------------------------------ lists

    def count(self, wanted: HistoryFilter = HistoryFilter()) -> Future[int]:  # noqa: B008 - a frozen value
        """How many conversations the filter lets through."""
        return self._worker.submit(lambda db: conversation_rows.count(db, wanted), writes=False)

    def conversations_by_prefix(self, prefix: str, *, limit: int = 50) -> Future[List[Conversation]]:
        """The conversations whose id begins so, in any state."""
        return self._worker.submit(lambda db: conversation_rows.by_prefix(db, prefix, limit=limit), writes=False)

    def tags(self) -> Future[List[Tuple[str, int]]]:
        """Every tag in use, and on how many conversations."""
        return self._worker.submit(conversation_rows.tags, writes=False)

    def recent_messages(self, *, limit: int = 20) -> Future[List[Message]]:
        """The newest messages of all chats, the newest first."""
        return self._worker.submit(lambda db: message_rows.recent(db, limit=limit), writes=False)

    def facets(self) -> Future[Facets]:
        """What there is to filter conversations by."""
        return self._worker.submit(conversation_rows.facets, writes=False)

    # ------------------------------------------------------------ many at once

    def change_conversations(
        self, ids: Sequence[str], *, pinned: Optional[bool] = None, archived: Optional[bool] = None,
        unread: Optional[bool] = None, deleted: Optional[bool] = None, add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
    ) -> Future[Undo]:
        """Changes what is given in all of them; `undo` takes the answer. Raises StoreError when one is not there."""
        wanted = tuple(ids)
        return self._worker.submit(
            lambda db: many.change(
                db, wanted, pinned=pinned, archived=archived, unread=unread, deleted=deleted, add_tags=add_tags,
                remove_tags=remove_tags,
            ),
            writes=True,
        )

    def undo(self, undo: Undo) -> Future[int]:
        """Takes back such a change; how many conversations are as they were."""
        return self._worker.submit(lambda db: many.undo(db, undo), writes=True)

    def set_tags(self, id: str, tags: Sequence[str]) -> Future[Conversation]:
        """Makes these the conversation's tags."""
        return self._worker.submit(lambda db: _set_tags(db, id, tags), writes=True)

    def empty_bin(self, ids: Optional[Iterable[str]] = None) -> Future[int]:
        """Forgets for good what is in the bin, or these of it; how many conversations. There is no undo."""
        chosen = None if ids is None else tuple(ids)
        return self._worker.submit(lambda db: many.empty_bin(db, chosen), writes=True)

    # ------------------------------------------------------------ finding

    def search(
        self, text: str, wanted: HistoryFilter = HistoryFilter(), *, limit: int = 50,  # noqa: B008 - a frozen value
        cursor: Optional[int] = None, as_typed: bool = False, time_s: float = SEARCH_TIME_S,
    ) -> Future[SearchPage]:
        """Messages that hold all words of `text`, the newest first: words, "phrases", pre*fixes, -exclusions.

        `as_typed` lets the last word go on, for a search while it is being typed. `cursor` is a former page's. After
        `time_s` it answers with what it has.
        """
        return self._reader.search(text, wanted, limit=limit, cursor=cursor, as_typed=as_typed, time_s=time_s)

    def latest(
        self, wanted: HistoryFilter = HistoryFilter(), *, limit: int = 50, cursor: Optional[int] = None,  # noqa: B008
        time_s: float = SEARCH_TIME_S,
    ) -> Future[SearchPage]:
        """The newest messages that the filter lets through, page by page; each with the beginning of its text."""
        return self._reader.latest(wanted, limit=limit, cursor=cursor, time_s=time_s)

    def find(self, conversation_id: str, text: str) -> Future[List[FoundInConversation]]:
        """Where the shown path of a conversation holds `text`, from the top; the letters as they are, in any case."""
        return self._worker.submit(lambda db: _find(db, conversation_id, text), writes=False)

    def has_full_text(self) -> bool:
        """Whether the host's SQLite has full-text search; without it `search` reads every message and says so."""
        return self._reader.has_full_text()

    def build_index(self) -> Future[bool]:
        """Brings the search index up to date now."""
        return self._reader.build_index()

    def statistics(self, wanted: HistoryFilter = HistoryFilter(kinds=())) -> Future[Statistics]:  # noqa: B008
        """Use of the history: messages, conversations, tokens and cost by day, model, provider and script."""
        return self._reader.statistics(wanted)

    # ------------------------------------------------------------ out and in

    def export_json(self, ids: Sequence[str]) -> Future[str]:
        """These conversations with everything in them, as `docs/data.md` describes; `import_json` takes it back."""
        wanted = tuple(ids)
        return self._worker.submit(lambda db: as_json(db, wanted), writes=False)

    def export_markdown(self, id: str, *, reasoning: bool = False) -> Future[str]:
        """The shown path as Markdown."""
        return self._worker.submit(lambda db: as_markdown(db, id, reasoning=reasoning), writes=False)

    def export_html(self, id: str, *, reasoning: bool = False) -> Future[str]:
        """The shown path as one page that needs nothing else: no script, nothing from elsewhere."""
        return self._worker.submit(lambda db: as_html(db, id, reasoning=reasoning), writes=False)

    def import_json(self, text: str) -> Future[Imported]:
        """Adds exported conversations; those that are there already stay as they are. Raises StoreError."""
        return self._worker.submit(lambda db: from_json(db, text), writes=True)

    # ------------------------------------------------------------ backups

    def backups(self) -> List[Backup]:
        """The verified copies, the newest first. Reads a folder's names only."""
        return backups.listed(self.file)

    def back_up(self, *, why: str = "manual") -> Future[Backup]:
        """A verified copy now."""
        return self._worker.submit(lambda db: restoring.back_up(db, why), writes=False)

    def restore_backup(self, name: Optional[str] = None) -> Future[Backup]:
        """Makes a backup, by default the newest, the history. The present one becomes a backup first."""
        return self._worker.submit(lambda db: restoring.restore(db, name), writes=False)

    def confirm_restore(self) -> None:
        """Lets automatic backups go on after a restore."""
        backups.unpause(self.file)

    def backups_are_paused(self) -> bool:
        """Whether automatic backups wait for `confirm_restore`. Looks at a folder."""
        return backups.is_paused(self.file)

    def check(self) -> Future[Check]:
        """The state of the history, with SQLite's whole integrity check."""
        return self._worker.submit(lambda db: restoring.check(db, full_text=self.has_full_text()), writes=False)


def _nothing(database: Database) -> None:
    """Opens the history, no more."""


def _set_tags(database: Database, conversation_id: str, tags: Sequence[str]) -> Conversation:
    found = conversation_rows.update(database, conversation_id, {})
    conversation_rows.set_tags(database, conversation_id, tags)
    return conversation_rows.conversation(database, conversation_id) or found


def _find(database: Database, conversation_id: str, text: str) -> List[FoundInConversation]:
    wanted = text.strip()
    if not wanted:
        return []
    literal = Query(literal=wanted)
    found = []
    for position, message in enumerate(message_rows.path(database, conversation_id)):
        places = spans(message.text, literal)
        if places:
            found.append(FoundInConversation(message.id, position, tuple(places)))
    return found

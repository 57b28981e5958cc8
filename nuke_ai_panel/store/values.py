"""What the history answers with: filters, search hits, statistics, reports. Frozen and plain; any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

from ..messages import ConversationKind, ErrorInfo

BIN_DAYS = 30


@dataclass(frozen=True)
class HistoryFilter:
    """Which conversations, and in a search which of their messages. None, or an empty tuple, asks nothing.

    `since` and `until` are UTC seconds, the first included, the last not. Every one of `tags` must be there.
    A listing looks for provider, model, code and errors anywhere in a conversation; a search wants code and errors in
    the very message, and takes a question along with the provider and model of its conversation.
    """

    kinds: Tuple[ConversationKind, ...] = ("chat",)
    provider: Optional[str] = None
    model: Optional[str] = None
    since: Optional[float] = None
    until: Optional[float] = None
    tags: Tuple[str, ...] = ()
    project: Optional[str] = None
    script: Optional[str] = None
    run_id: Optional[str] = None
    pinned: Optional[bool] = None
    archived: Optional[bool] = False
    unread: Optional[bool] = None
    has_code: Optional[bool] = None
    has_error: Optional[bool] = None
    deleted: Optional[bool] = False


EVERYTHING = HistoryFilter(kinds=(), archived=None)


@dataclass(frozen=True)
class Hit:
    """A message, or with `message_id` None a conversation's title, that holds what was searched for.

    `snippet` is a line of text around the first match; `highlights` are (start, end) in it.
    """

    conversation_id: str
    message_id: Optional[str]
    role: str
    title: str
    created_at: float
    snippet: str
    highlights: Tuple[Tuple[int, int], ...]


@dataclass(frozen=True)
class SearchPage:
    """Some hits, the newest first. `cursor` asks for the next page; None when there is none.

    `is_complete` is False when time ran out before the page was full: what was found is there, and `cursor` goes on.
    `note` is a sentence for the artist, for example that this search reads every message because the host's SQLite
    has no full-text search (`is_slow`).
    """

    hits: Tuple[Hit, ...]
    cursor: Optional[int] = None
    is_complete: bool = True
    is_slow: bool = False
    note: str = ""


@dataclass(frozen=True)
class FoundInConversation:
    """A match of find-in-conversation on the shown path: which message, and where in its text."""

    message_id: str
    position: int
    spans: Tuple[Tuple[int, int], ...]


@dataclass(frozen=True)
class Facets:
    """What conversations outside the bin can be filtered by: (value, how many conversations), the most used first."""

    providers: Tuple[Tuple[str, int], ...]
    models: Tuple[Tuple[str, int], ...]
    scripts: Tuple[Tuple[str, int], ...]
    tags: Tuple[Tuple[str, int], ...]


@dataclass(frozen=True)
class Count:
    """One line of a statistic. `cost_usd` is None when no provider stated a cost; `tokens` likewise."""

    name: str
    messages: int
    conversations: int
    input_tokens: Optional[int]
    output_tokens: Optional[int]
    cost_usd: Optional[float]
    has_estimates: bool = False


@dataclass(frozen=True)
class Statistics:
    """Use of the history. Days are local calendar days as YYYY-MM-DD, the oldest first; the others most used first."""

    total: Count
    by_day: Tuple[Count, ...]
    by_model: Tuple[Count, ...]
    by_provider: Tuple[Count, ...]
    by_script: Tuple[Count, ...]


@dataclass(frozen=True)
class Former:
    """How a conversation was before a change, for `Store.undo`."""

    id: str
    pinned: bool
    archived: bool
    unread: bool
    deleted_at: Optional[float]
    deleted_until: Optional[float]
    tags: Tuple[str, ...]


@dataclass(frozen=True)
class Undo:
    """Takes back one change of many conversations."""

    former: Tuple[Former, ...]

    def __len__(self) -> int:
        return len(self.former)


@dataclass(frozen=True)
class Backup:
    """A verified copy of the history. `why` is auto, manual, before-schema-N or before-restore."""

    name: str
    path: str
    created_at: float
    size_bytes: int
    why: str


@dataclass(frozen=True)
class Salvage:
    """What became of a damaged history: how many conversations and messages came from where.

    `quarantine` is the damaged file as it was; nothing in it was changed. `lost` counts what is known to be missing.
    """

    quarantine: str
    conversations: int
    messages: int
    read: int
    recovered: int
    from_backup: int
    lost: int
    backup: Optional[str] = None


@dataclass(frozen=True)
class Check:
    """The state of the history file, for `history check` and diagnostics."""

    path: str
    mode: str
    journal: str
    sqlite: str
    schema: int
    is_sound: bool
    problems: Tuple[str, ...]
    conversations: int
    messages: int
    size_bytes: int
    full_text: bool
    is_network: bool
    backups: int
    last_backup_at: Optional[float]
    backups_paused: bool
    trouble: Optional[ErrorInfo] = None


@dataclass(frozen=True)
class StoreChange:
    """Something in the history changed that this process did not ask for.

    `conversation_ids` are those that got or finished messages in another session; empty when a title, a tag or the
    like changed. `trouble` is why history is not being saved now, `notice` what was just mended or ought to be known.
    """

    conversation_ids: Tuple[str, ...] = ()
    trouble: Optional[ErrorInfo] = None
    notice: Optional[ErrorInfo] = None
    kind: Literal["messages", "trouble", "notice"] = "messages"


@dataclass(frozen=True)
class Imported:
    """What an import added; what was there already, by its id, was left as it is."""

    conversations: int
    messages: int
    skipped_conversations: int
    problems: Tuple[str, ...] = ()

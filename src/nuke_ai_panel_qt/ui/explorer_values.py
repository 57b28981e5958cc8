"""What the memory explorer shows and asks for. Frozen values; its presenter makes them, widgets read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Literal, Optional, Tuple, Union

from nuke_ai_panel.words import later, tr

Span = Tuple[int, int]
Page = Literal["chats", "recent", "use"]
Measure = Literal["messages", "sessions", "tokens", "cost"]

MEASURES: Tuple[Tuple[str, Measure], ...] = (
    (later("Messages"), "messages"), (later("Sessions"), "sessions"), (later("Tokens"), "tokens"),
    (later("Cost"), "cost"),
)
DATES: Tuple[Tuple[str, str], ...] = (
    (later("Any time"), ""), (later("Today"), "today"), (later("Yesterday"), "yesterday"),
    (later("Last 7 days"), "7 days"),
    (later("Last 30 days"), "30 days"), (later("Last 12 months"), "12 months"),
)
KINDS: Tuple[Tuple[str, str], ...] = (
    (later("Chats"), "chat"), (later("Scripts (API)"), "api"), (later("Batches"), "batch"),
    (later("Everything"), "all"),
)
# Claims that are either asked for or not, in the order of the menu.
FLAGS: Tuple[Tuple[str, str], ...] = (
    (later("Pinned"), "pinned"), (later("Unread"), "unread"), (later("With code"), "has_code"),
    (later("With errors"), "has_error"),
    (later("Archived"), "archived"), (later("In the bin"), "deleted"),
)


@dataclass(frozen=True)
class ExplorerRow:
    """A conversation, or with `message_id` a message in it. `group` is its heading, `when` its time as text.

    `highlights` are (start, end) in `snippet`. Every text is plain and shows what would be invisible.
    """

    id: str
    group: str
    conversation_id: str
    title: str
    when: str = ""
    message_id: Optional[str] = None
    speaker: str = ""
    snippet: str = ""
    highlights: Tuple[Span, ...] = ()
    tags: Tuple[str, ...] = ()
    is_running: bool = False
    is_unread: bool = False
    is_pinned: bool = False
    is_archived: bool = False
    is_deleted: bool = False

    @property
    def spoken(self) -> str:
        """The row for a screen reader."""
        marks = (
            (tr("running"), self.is_running), (tr("unread"), self.is_unread), (tr("pinned"), self.is_pinned),
            (tr("archived"), self.is_archived), (tr("in the bin"), self.is_deleted),
        )
        parts = [self.title, self.when, *(name for name, holds in marks if holds)]
        if self.tags:
            parts.append(tr("tags {names}", names=", ".join(self.tags)))
        said = f"{self.speaker}: {self.snippet}" if self.speaker else self.snippet
        return ", ".join(part for part in (*parts, said) if part)


@dataclass(frozen=True)
class Filters:
    """What the artist wants to see; empty texts and False ask nothing. A `date` is one of DATES or YYYY-MM-DD."""

    kind: str = "chat"
    provider: str = ""
    model: str = ""
    date: str = ""
    tags: Tuple[str, ...] = ()
    script: str = ""
    pinned: bool = False
    unread: bool = False
    archived: bool = False
    has_code: bool = False
    has_error: bool = False
    deleted: bool = False

    def chosen(self) -> Tuple[Tuple[str, str], ...]:
        """(key, words) of what is asked for beyond the default; `without(key)` takes it away."""
        found = []
        if self.kind != "chat":
            found.append(("kind", next((tr(words) for words, kind in KINDS if kind == self.kind), self.kind)))
        found += [(name, str(getattr(self, name))) for name in ("provider", "model") if getattr(self, name)]
        if self.date:
            found.append(("date", next((tr(words) for words, date in DATES if date == self.date), self.date)))
        found += [(f"tag:{tag}", f"#{tag}") for tag in self.tags]
        if self.script:
            found.append(("script", short_path(self.script)))
        return (*found, *((name, tr(words)) for words, name in FLAGS if getattr(self, name)))

    def without(self, key: str) -> Filters:
        """The same without one of `chosen`."""
        if key.startswith("tag:"):
            return replace(self, tags=tuple(tag for tag in self.tags if tag != key[4:]))
        changes: Dict[str, Union[str, bool]] = {key: getattr(Filters(), key)}
        return replace(self, **changes)  # type: ignore[arg-type]  # a field's own default


@dataclass(frozen=True)
class FilterChoices:
    """What there is to filter by: (words, value)."""

    providers: Tuple[Tuple[str, str], ...] = ()
    models: Tuple[Tuple[str, str], ...] = ()
    tags: Tuple[Tuple[str, str], ...] = ()
    scripts: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class UseLine:
    """One day, model, provider or script: its amounts by measure (None is unknown) and the words for them."""

    name: str
    amounts: Dict[Measure, Optional[float]]
    words: Dict[Measure, str]


@dataclass(frozen=True)
class UsePage:
    """The statistics. `days` has every day between the first and the last, also those without use."""

    total: UseLine
    days: Tuple[UseLine, ...] = ()
    models: Tuple[UseLine, ...] = ()
    providers: Tuple[UseLine, ...] = ()
    scripts: Tuple[UseLine, ...] = ()


def short_path(path: str) -> str:
    """The last part of a path of either system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path


def amount_text(amount: Optional[float], measure: Measure, *, is_estimated: bool = False) -> str:
    """An amount in words; a dash where nobody stated it, never a guess."""
    if amount is None:
        return "–"
    mark = "~" if is_estimated else ""
    if measure != "cost":
        return f"{mark}{amount:,.0f}"
    return f"{mark}${amount:,.2f}" if amount >= 0.1 or not amount else f"{mark}${amount:.4f}"

"""Turns what the history answers with into the explorer's rows, figures and filters. Pure."""

from __future__ import annotations

import time
from typing import AbstractSet, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from nuke_ai_panel.messages import Conversation, ConversationKind
from nuke_ai_panel.store import Count, Facets, HistoryFilter, Hit, Statistics
from nuke_ai_panel.words import later, tr

from ..ui.explorer_values import (
    ExplorerRow,
    FilterChoices,
    Filters,
    Measure,
    Span,
    UseLine,
    UsePage,
    amount_text,
    short_path,
)
from ..ui.safe_text import visible_prose
from .conversation_rows import when_text

_KINDS: Dict[str, Tuple[ConversationKind, ...]] = {"chat": ("chat",), "api": ("api",), "batch": ("batch",), "all": ()}
_SPEAKERS = {"user": later("You"), "assistant": later("Answer")}
_LATEST_DAYS = 3660
DAY_S = 86_400
_NO_DAY, _LAST_MOMENT = later("Another time"), 1e15


def wanted_of(filters: Filters, *, now: float) -> HistoryFilter:
    """The history's filter; a date is one of local calendar days. The bin shows what is archived too."""
    since, until = date_range(filters.date, now=now)
    return HistoryFilter(
        kinds=_KINDS.get(filters.kind, ()), provider=filters.provider or None, model=filters.model or None,
        since=since, until=until, tags=filters.tags, script=filters.script or None,
        pinned=filters.pinned or None, archived=None if filters.deleted else filters.archived,
        unread=filters.unread or None, has_code=filters.has_code or None, has_error=filters.has_error or None,
        deleted=filters.deleted,
    )


def date_range(date: str, *, now: float) -> Tuple[Optional[float], Optional[float]]:
    """The first moment and the one after the last; None for no bound."""
    today = _midnight(now)
    if date == "today":
        return today, None
    if date == "yesterday":
        return _midnight(today - DAY_S / 2), today
    days = {"7 days": 7, "30 days": 30, "12 months": 365}.get(date)
    if days is not None:
        return _midnight(today - (days - 1) * DAY_S + DAY_S / 2), None
    try:
        begins = time.mktime(time.strptime(date, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        return None, None
    return begins, _midnight(begins + 1.5 * DAY_S)


class Days:
    """Names moments as seen from now; asked for thousands, so each quarter of an hour is named once."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._today = time.localtime(now)
        self._yesterday = time.localtime(_midnight(now) - DAY_S / 2)
        self._headings: Dict[int, str] = {}  # every zone's midnight falls on a quarter of an hour

    def heading(self, then: float) -> str:
        """The heading of a moment's calendar day."""
        if not abs(then) < _LAST_MOMENT:
            return tr(_NO_DAY)  # a damaged clock: beyond any calendar, or no number at all
        quarter = int(then // 900)
        if quarter not in self._headings:
            self._headings[quarter] = self._named(then)
        return self._headings[quarter]

    def when(self, then: float) -> str:
        """A moment in a word or two; nothing for one that no calendar has."""
        try:
            return when_text(then, now=self._now)
        except (OverflowError, ValueError, OSError):
            return ""

    def _named(self, then: float) -> str:
        try:
            local = time.localtime(then)
        except (OverflowError, ValueError, OSError):
            return tr(_NO_DAY)
        if local[:3] == self._today[:3]:
            return tr("Today")
        if local[:3] == self._yesterday[:3]:
            return tr("Yesterday")
        shape = "%A, {} %B" if local.tm_year == self._today.tm_year else "{} %B %Y"
        return time.strftime(shape, local).replace("{}", str(local.tm_mday))


def conversation_rows(
    conversations: Iterable[Conversation], *, running: AbstractSet[str], unread: AbstractSet[str], now: float
) -> Tuple[ExplorerRow, ...]:
    """One row each under its day; those of a batch under its run, wherever in the list they stand."""
    days, kept = Days(now), tuple(conversations)
    rows = [
        ExplorerRow(
            one.id, _group_of(one, days), one.id, visible_prose(one.title) or tr("New conversation"),
            days.when(one.updated_at), snippet=visible_prose(one.snippet), tags=one.tags,
            is_running=one.id in running, is_unread=one.id in unread or one.is_unread, is_pinned=one.pinned,
            is_archived=one.archived, is_deleted=one.deleted_at is not None,
        )
        for one in kept
    ]
    order: Dict[str, int] = {}
    for row in rows:
        order.setdefault(row.group, len(order))
    has_runs = any(one.kind == "batch" and one.run_id for one in kept)
    return tuple(sorted(rows, key=lambda row: order[row.group]) if has_runs else rows)


def hit_rows(
    hits: Iterable[Hit], *, running: AbstractSet[str], unread: AbstractSet[str], now: float, in_bin: bool = False
) -> Tuple[ExplorerRow, ...]:
    """One row for each message that was found, and before them one for each title."""
    rows: List[ExplorerRow] = []
    days = Days(now)
    for one in hits:
        snippet, marks = visible_marks(one.snippet, one.highlights)
        title = visible_prose(one.title) or tr("New conversation")
        rows.append(ExplorerRow(
            one.message_id or f"title:{one.conversation_id}",
            days.heading(one.created_at) if one.message_id else tr("In the title"), one.conversation_id, title,
            days.when(one.created_at), message_id=one.message_id, speaker=tr(_SPEAKERS.get(one.role, "")),
            snippet=snippet, highlights=marks, is_running=one.conversation_id in running,
            is_unread=one.conversation_id in unread, is_deleted=in_bin,
        ))
    return tuple(rows)


def visible_marks(text: str, marks: Sequence[Span]) -> Tuple[str, Tuple[Span, ...]]:
    """A text with deceptive characters written out, and its marks where they stand then."""
    made, moved, at = "", [], 0
    for first, last in marks:
        if first < at:
            continue
        made += visible_prose(text[at:first])
        begins = len(made)
        made += visible_prose(text[first:last])
        moved.append((begins, len(made)))
        at = last
    return made + visible_prose(text[at:]), tuple(moved)


def choices_of(facets: Facets, statistics: Optional[Statistics], title_of: Callable[[str], str]) -> FilterChoices:
    """What there is to filter by: what conversations say, and what statistics found in their messages."""
    providers = _names(facets.providers, statistics.by_provider if statistics is not None else ())
    models = _names(facets.models, statistics.by_model if statistics is not None else ())
    return FilterChoices(
        tuple((title_of(name), name) for name in providers), tuple((name, name) for name in models),
        tuple((f"{tag}  ({count})", tag) for tag, count in facets.tags),
        tuple((short_path(name), name) for name, _ in facets.scripts),
    )


def use_page(statistics: Statistics) -> UsePage:
    """The figures with their words; days without use are there, with nothing."""
    days = {one.name: one for one in statistics.by_day}
    return UsePage(
        use_line(statistics.total), tuple(use_line(days.get(name) or _nothing(name)) for name in _every_day(days)),
        tuple(map(use_line, statistics.by_model)), tuple(map(use_line, statistics.by_provider)),
        tuple(map(use_line, statistics.by_script)),
    )


def use_line(count: Count) -> UseLine:
    """One line's amounts; tokens or cost that nobody stated are unknown, and a day without use has none."""
    tokens: Optional[float] = None
    if count.input_tokens is not None or count.output_tokens is not None:
        tokens = float((count.input_tokens or 0) + (count.output_tokens or 0))
    amounts: Dict[Measure, Optional[float]] = {
        "messages": float(count.messages), "sessions": float(count.conversations), "tokens": tokens,
        "cost": count.cost_usd,
    }
    words = {
        measure: amount_text(amount, measure, is_estimated=count.has_estimates and measure in ("tokens", "cost"))
        for measure, amount in amounts.items()
    }
    return UseLine(visible_prose(count.name), amounts, words)


def count_text(count: int) -> str:
    """1 chat, 2,000 chats."""
    return tr("{count:,} chat", "{count:,} chats", count=count)


def _nothing(name: str) -> Count:
    return Count(name, 0, 0, None, None, None)


def _every_day(days: Iterable[str]) -> List[str]:
    names = sorted(days)
    if not names:
        return []
    found, at = [names[0]], time.mktime(time.strptime(names[0], "%Y-%m-%d")) + DAY_S / 2
    while found[-1] < names[-1] and len(found) < _LATEST_DAYS:
        at += DAY_S
        found.append(time.strftime("%Y-%m-%d", time.localtime(at)))
    return found if found[-1] >= names[-1] else names  # dates beyond any sense: only the days that there are


def _names(first: Iterable[Tuple[str, int]], more: Iterable[Count]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys([name for name, _ in first] + [one.name for one in more]))


def _group_of(one: Conversation, days: Days) -> str:
    if one.kind == "batch" and one.run_id:
        return tr("Run {name}", name=visible_prose(one.run_id))
    return days.heading(one.updated_at)


def _midnight(then: float) -> float:
    local = time.localtime(then)
    return time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1))

"""Turns conversations into the list's rows, grouped by date. Pure."""

from __future__ import annotations

import time
from typing import AbstractSet, Iterable, Tuple

from nuke_ai_panel.messages import Conversation
from nuke_ai_panel.words import tr

from ..ui.panel_values import ConversationRow

DAY_S = 86_400


def rows_of(
    conversations: Iterable[Conversation], *, running: AbstractSet[str], unread: AbstractSet[str], now: float,
    asking: AbstractSet[str] = frozenset(),
) -> Tuple[ConversationRow, ...]:
    """One row each, in the given order (newest first)."""
    return tuple(
        ConversationRow(
            one.id, one.title or tr("New conversation"), group_of(one.updated_at, now=now),
            when_text(one.updated_at, now=now), one.snippet, is_running=one.id in running, is_unread=one.id in unread,
            needs_approval=one.id in asking,
        )
        for one in conversations
    )


def group_of(then: float, *, now: float) -> str:
    """The date group of a moment, by local calendar days."""
    days = _day(now) - _day(then)
    if days <= 0:
        return tr("Today")
    if days == 1:
        return tr("Yesterday")
    if days < 7:
        return tr("Last 7 days")
    if days < 30:
        return tr("Last 30 days")
    return time.strftime("%B %Y", time.localtime(then))


def when_text(then: float, *, now: float) -> str:
    """A time today, a weekday this week, else a date."""
    days = _day(now) - _day(then)
    shape = "%H:%M" if days <= 1 else ("%a" if days < 7 else "%d %b")
    return time.strftime(shape, time.localtime(then))


def _day(seconds: float) -> int:
    local = time.localtime(seconds)
    return int((seconds + local.tm_gmtoff) // DAY_S)

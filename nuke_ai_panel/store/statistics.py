"""How much the history was used: by day, model, provider and script. Reader thread; reads in short slices."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Callable, Dict, List, Optional, Set, Tuple

from ..messages import Json
from .filters import where
from .values import Count, HistoryFilter, Statistics

_SLICE = 1000


class _Tally:
    """Adds up one line."""

    def __init__(self) -> None:
        self.messages = 0
        self.conversations: Set[int] = set()
        self.input: Optional[int] = None
        self.output: Optional[int] = None
        self.cost: Optional[float] = None
        self.has_estimates = False

    def add(self, conversation: int, usage: Optional[Dict[str, Json]]) -> None:
        self.messages += 1
        self.conversations.add(conversation)
        if not usage:
            return
        self.input = _sum(self.input, usage.get("input"))
        self.output = _sum(self.output, usage.get("output"))
        cost = usage.get("cost_usd")
        if isinstance(cost, (int, float)):
            self.cost = (self.cost or 0.0) + cost
        self.has_estimates = self.has_estimates or bool(usage.get("estimated"))

    def count(self, name: str) -> Count:
        return Count(
            name, self.messages, len(self.conversations), self.input, self.output,
            None if self.cost is None else round(self.cost, 9), self.has_estimates,
        )


def statistics(
    history: Callable[[], sqlite3.Connection], wanted: HistoryFilter, *, is_stopped: Callable[[], bool]
) -> Statistics:
    """The sums over every message of the conversations that the filter lets through, in all branches.

    Dates ask when a message was said. Deleted messages count: their tokens were spent.
    """
    whole = HistoryFilter(**{**vars(wanted), "since": None, "until": None, "provider": None, "model": None})
    condition, values = where(whole)
    scripts: Dict[str, Tuple[int, str]] = {
        name: (seq, script or "")
        for name, seq, script in history().execute(
            f"SELECT c.id, c.seq, c.script FROM conversations c WHERE {condition}", values
        )
    }
    total = _Tally()
    tables: Tuple[Dict[str, _Tally], ...] = ({}, {}, {}, {})
    days: Dict[int, str] = {}
    seq = 0
    while not is_stopped():
        rows = history().execute(
            "SELECT seq, conversation_id, role, created_at, provider, model, usage FROM messages WHERE seq > ?"
            " AND role IN ('user', 'assistant') ORDER BY seq LIMIT ?", (seq, _SLICE)
        ).fetchall()
        for _, conversation_id, role, at, provider, model, usage in rows:
            place = scripts.get(conversation_id)
            if place is None or not _is_wanted(wanted, role, at, provider, model):
                continue
            facts = _facts(usage)
            names = (_day(at, days), model if role == "assistant" else None,
                     provider if role == "assistant" else None, place[1] or None)
            total.add(place[0], facts)
            for table, name in zip(tables, names):
                if name:
                    table.setdefault(name, _Tally()).add(place[0], facts)
        if len(rows) < _SLICE:
            break
        seq = rows[-1][0]
        time.sleep(0)  # a panel that is drawn meanwhile comes first
    by_day, by_model, by_provider, by_script = tables
    return Statistics(
        total.count("total"), tuple(by_day[name].count(name) for name in sorted(by_day)), _ranked(by_model),
        _ranked(by_provider), _ranked(by_script),
    )


def _is_wanted(
    wanted: HistoryFilter, role: str, at: float, provider: Optional[str], model: Optional[str]
) -> bool:
    if wanted.since is not None and at < wanted.since:
        return False
    if wanted.until is not None and at >= wanted.until:
        return False
    if wanted.provider is not None and (role != "assistant" or provider != wanted.provider):
        return False
    return wanted.model is None or (role == "assistant" and model == wanted.model)


def _ranked(table: Dict[str, _Tally]) -> Tuple[Count, ...]:
    counts: List[Count] = [tally.count(name) for name, tally in table.items()]
    return tuple(sorted(counts, key=lambda one: (-one.messages, one.name)))


def _facts(usage: Optional[str]) -> Optional[Dict[str, Json]]:
    if not usage:
        return None
    try:
        facts = json.loads(usage)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def _sum(so_far: Optional[int], more: Json) -> Optional[int]:
    return (so_far or 0) + more if isinstance(more, int) else so_far


def _day(at: float, known: Dict[int, str]) -> str:
    hour = int(at // 900)  # every zone's midnight falls on a quarter of an hour
    if hour not in known:
        try:
            known[hour] = time.strftime("%Y-%m-%d", time.localtime(at))
        except (OverflowError, ValueError, OSError):
            known[hour] = "1970-01-01"
    return known[hour]

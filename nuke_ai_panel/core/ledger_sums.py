"""What the ledger adds up to, by day, provider or model, and how its figures are written for people. Pure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Dict, Iterable, List, Literal, Tuple

from ..store.ledger_rows import LedgerEntry
from ..words import later, tr

SumBy = Literal["day", "provider", "model"]
SUM_BY: Tuple[SumBy, ...] = ("day", "provider", "model")
PLACES = {"machine": later("this machine"), "house": later("the house"), "cloud": later("outside")}


@dataclass(frozen=True)
class LedgerSum:
    """Several requests together. `unknown_costs` counts those whose price nobody said."""

    key: str
    requests: int = 0
    left_house: int = 0
    bytes_sent: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    unknown_costs: int = 0
    is_estimated: bool = False


def sums(entries: Iterable[LedgerEntry], by: SumBy) -> List[LedgerSum]:
    """The sums, the newest day or the most bytes first."""
    found: Dict[str, LedgerSum] = {}
    for entry in entries:
        key = _key(entry, by)
        if key:
            found[key] = _added(found.get(key, LedgerSum(key)), entry)
    if by == "day":
        return sorted(found.values(), key=lambda one: one.key, reverse=True)
    return sorted(found.values(), key=lambda one: (-one.bytes_sent, one.key))


def total(entries: Iterable[LedgerEntry]) -> LedgerSum:
    """All together."""
    whole = LedgerSum("")
    for entry in entries:
        whole = _added(whole, entry)
    return whole


def when_text(at: float) -> str:
    """A moment by the local clock."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def size_text(size: int) -> str:
    """A size in bytes: 812 B, 12.3 kB, 4.0 MB."""
    if size < 1000:
        return f"{size} B"
    return tr("{size:.1f} kB", size=size / 1000) if size < 1_000_000 else tr("{size:.1f} MB", size=size / 1e6)


def tokens_text(entry: LedgerEntry) -> str:
    """What was used; a dash where nobody said, ~ before a guess."""
    if entry.tokens is None:
        return "–"
    return f"{'~' if entry.is_estimated and entry.tokens else ''}{entry.tokens:,}"


def cost_text(cost_usd: float, *, is_unknown: bool = False, is_estimated: bool = False) -> str:
    """A price; a dash where nobody said."""
    if is_unknown:
        return "–"
    if not cost_usd:
        return tr("free")
    mark = "~" if is_estimated else ""
    return f"{mark}${cost_usd:,.2f}" if cost_usd >= 0.1 else f"{mark}${cost_usd:.4f}"


def outcome_text(entry: LedgerEntry) -> str:
    """How it ended."""
    if entry.ended_at is None:
        return tr("end unknown")
    if entry.outcome == "answered" and entry.status is not None and entry.status >= 300:
        return tr("refused ({status})", status=entry.status)
    return tr(entry.outcome.replace("_", " "))


def _key(entry: LedgerEntry, by: SumBy) -> str:
    if by == "day":
        return when_text(entry.at)[:10]
    return entry.provider if by == "provider" else entry.model or ""


def _added(one: LedgerSum, entry: LedgerEntry) -> LedgerSum:
    is_answer = entry.purpose == "answer"
    return LedgerSum(
        one.key, one.requests + 1, one.left_house + entry.left_house, one.bytes_sent + entry.bytes_sent,
        one.tokens + (entry.tokens or 0), one.cost_usd + (entry.cost_usd or 0.0),
        one.unknown_costs + (is_answer and entry.cost_usd is None), one.is_estimated or entry.is_estimated,
    )

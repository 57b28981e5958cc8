"""A HistoryFilter as SQL on `conversations c`. Pure."""

from __future__ import annotations

from typing import List, Tuple, Union

from .values import HistoryFilter

Value = Union[str, float]

CODE = "instr(m.text, '```') > 0"
_SEEN = "m.conversation_id = c.id AND m.deleted_root IS NULL"


def where(wanted: HistoryFilter) -> Tuple[str, List[Value]]:
    """The condition and its values; "1" for everything. Every part is about the conversation as a whole."""
    parts: List[str] = []
    values: List[Value] = []

    def add(condition: str, *bound: Value) -> None:
        parts.append(condition)
        values.extend(bound)

    if wanted.kinds:
        add(f"c.kind IN ({', '.join('?' * len(wanted.kinds))})", *wanted.kinds)
    for name in ("provider", "model"):
        value = getattr(wanted, name)
        if value is not None:
            add(f"(c.{name} = ? OR EXISTS (SELECT 1 FROM messages m WHERE {_SEEN} AND m.{name} = ?))", value, value)
    for name in ("project", "script", "run_id"):
        value = getattr(wanted, name)
        if value is not None:
            add(f"c.{name} = ?", value)
    if wanted.since is not None:
        add("c.updated_at >= ?", wanted.since)
    if wanted.until is not None:
        add("c.updated_at < ?", wanted.until)
    for tag in wanted.tags:
        add("EXISTS (SELECT 1 FROM tags t WHERE t.conversation_id = c.id AND t.name = ?)", tag)
    for name in ("pinned", "archived", "unread"):
        claim = getattr(wanted, name)
        if claim is not None:
            add(f"c.{name} = {int(claim)}")
    if wanted.has_code is not None:
        add(f"{_not(wanted.has_code)}EXISTS (SELECT 1 FROM messages m WHERE {_SEEN} AND {CODE})")
    if wanted.has_error is not None:
        add(f"{_not(wanted.has_error)}EXISTS (SELECT 1 FROM messages m WHERE {_SEEN} AND m.error IS NOT NULL)")
    if wanted.deleted is not None:
        add(f"c.deleted_at IS {'NOT ' if wanted.deleted else ''}NULL")
    return " AND ".join(parts) or "1", values


def _not(claim: bool) -> str:
    return "" if claim else "NOT "

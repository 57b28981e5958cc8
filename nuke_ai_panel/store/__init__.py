"""Conversations that outlive the process: one SQLite file, two threads. Names load on first use, sqlite3 with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ids import new_id
    from .store import KEEP, Keep, Store
    from .titles import title_from
    from .values import (
        Backup,
        Check,
        Count,
        Facets,
        FoundInConversation,
        HistoryFilter,
        Hit,
        Imported,
        Salvage,
        SearchPage,
        Statistics,
        StoreChange,
        Undo,
    )

__all__ = [
    "KEEP", "Backup", "Check", "Count", "Facets", "FoundInConversation", "HistoryFilter", "Hit", "Imported", "Keep",
    "Salvage", "SearchPage", "Statistics", "Store", "StoreChange", "Undo", "new_id", "title_from",
]


def __getattr__(name: str) -> object:
    if name == "new_id":
        from .ids import new_id

        return new_id
    if name == "title_from":
        from .titles import title_from

        return title_from
    if name in ("Store", "KEEP", "Keep"):
        from . import store

        return getattr(store, name)
    if name in __all__:
        from . import values

        return getattr(values, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""When the history is copied: after half an hour of use, whichever session was in use. Store thread.

The copy itself is made on the store's thread in small steps; its check runs on a thread of its own.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from pathlib import Path
from typing import Callable, Optional

from ..errors import StoreError
from . import backups, notices
from .board import Board
from .jobs import code_of

log = logging.getLogger(__name__)

FIRST_BACKUP_S = 60.0


class Upkeep:
    """One open history's. `copy_is_damaged` is set when a copy fails its check: then the history is damaged too."""

    def __init__(self, path: Path, board: Board) -> None:
        self._path = path
        self._board = board
        self.due_at: Optional[float] = None
        self.copy_is_damaged = threading.Event()

    def begin(self) -> None:
        """From now on the history is in use."""
        if self.due_at is None:
            made = backups.last_at(self._path)
            age_s = backups.EVERY_S if made is None else max(0.0, time.time() - made)
            self.due_at = time.monotonic() + max(FIRST_BACKUP_S, backups.EVERY_S - age_s)

    def is_due(self) -> bool:
        """Whether a copy should be made now."""
        return self.due_at is not None and time.monotonic() >= self.due_at

    def back_up(self, connection: sqlite3.Connection, serve_waiting: Callable[[], None]) -> bool:
        """Makes a copy unless another session has just done so; whether one is on its way."""
        self.due_at = time.monotonic() + backups.EVERY_S
        if backups.is_paused(self._path):
            return False
        made = backups.last_at(self._path)
        if made is not None and 0 <= time.time() - made < backups.EVERY_S:
            return False
        partial = None
        try:
            partial = backups.partial_file(self._path)
            backups.copy_into(connection, partial, between=serve_waiting)
        except (sqlite3.Error, OSError, StoreError) as exc:
            if partial is not None:
                backups.discard(partial)
            self._failed(exc)
            return False
        threading.Thread(target=self._accept, args=(partial,), name="nuke-ai-backup-check", daemon=True).start()
        return True

    def _accept(self, partial: Path) -> None:
        try:
            backups.accept(partial, self._path, "auto")
        except (sqlite3.DatabaseError, StoreError, OSError) as exc:
            self._failed(exc)
            if not isinstance(exc, OSError):
                self.copy_is_damaged.set()

    def _failed(self, exc: Exception) -> None:
        log.info("a backup of the chat history could not be made", exc_info=exc)
        self.due_at = time.monotonic() + backups.EVERY_S / 6
        if code_of(exc) != "busy_copy":
            self._board.set_notice(notices.backup_failed(exc))

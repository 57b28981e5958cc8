"""Answers that batches got before, on this machine, by what was asked: a file of its own beside the history.

It is there to save money, not to keep anything: whoever deletes it loses nothing but that. Blocking; any thread.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path
from typing import List, Optional, Tuple

log = logging.getLogger(__name__)

FILE_NAME = "answers.db"
MOST_ANSWERS = 200_000
_BUSY_S = 5.0


class AnswerCache:
    """Texts by key. What cannot be read or written is as good as absent, and is said once in the log."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._connection: Optional[sqlite3.Connection] = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(
                str(self._path), timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS answers (number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, text TEXT)")
        except (OSError, sqlite3.Error) as exc:
            self._give_up(exc)

    def get(self, key: str) -> Optional[str]:
        """What is kept for `key`, None when nothing is."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                found = self._connection.execute("SELECT text FROM answers WHERE key = ?", (key,)).fetchone()
            except sqlite3.Error as exc:
                self._give_up(exc)
                return None
        return str(found[0]) if found is not None else None

    def put(self, pairs: List[Tuple[str, str]]) -> None:
        """Keeps texts by their keys, and lets the oldest go."""
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO answers (key, text) VALUES (?, ?)", pairs)
                self._connection.execute(
                    "DELETE FROM answers WHERE number <= (SELECT max(number) FROM answers) - ?", (MOST_ANSWERS,))
                self._connection.execute("COMMIT")
            except sqlite3.Error as exc:
                self._give_up(exc)

    def close(self) -> None:
        """Lets the file go. Idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _give_up(self, exc: Exception) -> None:
        log.warning("answers of former batches are not used: %s: %s", self._path, exc)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

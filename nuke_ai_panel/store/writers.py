"""Who is writing an answer right now: one locked file per store that streams. Store thread only.

A row that streams carries its writer's id. The writer holds `writers/<id>.lock` for as long as it lives, and the system
lets go of it even after kill -9; so a row whose writer's lock can be taken belongs to nobody, and its answer was
interrupted. Ids are never used twice, so dead is dead for ever.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from pathlib import Path
from typing import Optional, Set

from filelock import FileLock, Timeout

from .ids import new_id

log = logging.getLogger(__name__)

_STALE_AFTER_S = 24 * 3600.0
_ID = re.compile(r"[0-9a-f-]{36}")


class Writers:
    """This store's own writer id, and what is known of the others'. `folder` is None in memory: nobody else looks."""

    def __init__(self, folder: Optional[Path]) -> None:
        self.dead: Set[str] = set()
        self._folder = folder
        self._own: Optional[str] = None
        self._lock: Optional[FileLock] = None

    def own(self) -> str:
        """Our id; from the first call on it is locked."""
        if self._own is None:
            self._own = new_id()
            if self._folder is not None:
                self._lock = self._locked(self._own)
        return self._own

    @property
    def own_or_none(self) -> Optional[str]:
        """Our id when something of ours has streamed."""
        return self._own

    def is_dead(self, writer: Optional[str]) -> bool:
        """Whether nobody can be writing under this id any more."""
        if writer is None or writer in self.dead:
            return True
        if writer == self._own:
            return False
        if self._folder is None or not _ID.fullmatch(writer) or not _is_held(self._file(writer)):
            self.dead.add(writer)
            return True
        return False

    @staticmethod
    def mark_interrupted(connection: sqlite3.Connection, writers: Set[Optional[str]]) -> None:
        """Marks every row that streams for one of `writers`. Wants a transaction around it."""
        connection.executemany(
            "UPDATE messages SET status = 'interrupted', writer = NULL WHERE status = 'streaming' AND writer IS ?",
            [(writer,) for writer in writers],
        )

    def lost_streams(self, connection: sqlite3.Connection) -> Set[Optional[str]]:
        """The dead writers that rows still stream for; normally one index look-up that finds nothing."""
        rows = connection.execute(
            "SELECT DISTINCT writer FROM messages WHERE status = 'streaming' AND writer IS NOT ?", (self._own or "",)
        ).fetchall()
        return {writer for (writer,) in rows if self.is_dead(writer)}

    def forget(self, writers: Set[Optional[str]]) -> None:
        """Removes the lock files of dead writers whose rows are marked, and those left over from long ago."""
        if self._folder is None:
            return
        for writer in writers:
            if writer is not None and _ID.fullmatch(writer):
                _remove(self._file(writer))
        for file in self._folder.glob("*.lock"):
            if file.stem != self._own and _age_s(file) > _STALE_AFTER_S and not _is_held(file):
                _remove(file)

    def keep(self) -> None:
        """Forgets who is dead, because the history is opened anew; our own lock stays held."""
        self.dead.clear()

    def close(self) -> None:
        """Lets go of our own lock; rows that still stream are nobody's from here on."""
        if self._lock is not None and self._own is not None:
            self._lock.release()
            self._lock = None
            _remove(self._file(self._own))
            self._own = None

    def _file(self, writer: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{writer}.lock"

    def _locked(self, writer: str) -> Optional[FileLock]:
        lock = FileLock(str(self._file(writer)), timeout=0)
        try:
            self._file(writer).parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (OSError, NotImplementedError) as exc:
            # Another session may call our answer interrupted while it runs; its end sets that right.
            log.warning("no lock for running answers in %s: %s", self._folder, exc)
            return None
        return lock


def _is_held(file: Path) -> bool:
    if not file.exists():
        return False
    probe = FileLock(str(file), timeout=0)
    try:
        probe.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError) as exc:
        log.warning("cannot tell whether %s is held: %s", file, exc)
        return True
    probe.release()
    return False


def _age_s(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return 0.0


def _remove(file: Path) -> None:
    try:
        file.unlink()
    except OSError:
        log.debug("left %s behind", file, exc_info=True)

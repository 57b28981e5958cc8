"""Verified copies of the history in the folder `backups` beside it: made, listed, rotated. No thread of its own.

A copy counts only once `quick_check` has found nothing wrong with it and it has its final name; until then it is a
`.partial` file that nobody lists. Rotation keeps the newest ones, then one a day, then one a week, and never more
bytes than it should; the newest good copy is never removed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, List, Optional, Set

from ..errors import StoreError
from ..words import tr
from .values import Backup

log = logging.getLogger(__name__)

EVERY_S = 30 * 60.0
_NEWEST, _DAYS, _WEEKS = 6, 7, 4
_MOST_BYTES = 2 << 30
_STEP_PAGES = 512
_MOST_RESTARTS = 3
_PAUSE = "AUTOMATIC-BACKUPS-PAUSED.txt"
_NAME = re.compile(r"history-(\d{8}T\d{6}\d{3}Z)-([a-z0-9-]+)\.db")


def folder_of(path: Path) -> Path:
    """Where the copies of the history at `path` lie."""
    return path.parent / "backups"


def listed(path: Path) -> List[Backup]:
    """The verified copies, the newest first."""
    found = []
    try:
        files = list(folder_of(path).iterdir())
    except (OSError, ValueError):
        return []
    for file in files:
        name = _NAME.fullmatch(file.name)
        if name is None:
            continue
        made = datetime.strptime(name.group(1)[:-1] + "000", "%Y%m%dT%H%M%S%f").replace(tzinfo=timezone.utc)
        with contextlib.suppress(OSError):
            found.append(Backup(file.name, str(file), made.timestamp(), file.stat().st_size, name.group(2)))
    return sorted(found, key=lambda one: (one.created_at, one.name), reverse=True)


def partial_file(path: Path) -> Path:
    """Where a copy is written before it counts. Raises OSError."""
    folder_of(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder_of(path) / f"copy-{os.getpid()}-{time.monotonic_ns()}.partial"


def copy_into(
    connection: sqlite3.Connection, partial: Path, *, between: Optional[Callable[[], None]] = None
) -> None:
    """Copies the open history in small steps; `between` runs after each, so that chats are not kept waiting.

    Raises sqlite3.Error, OSError, and StoreError when other sessions write faster than it copies.
    """
    highest = restarts = 0

    def after_step(status: int, remaining: int, total: int) -> None:
        nonlocal highest, restarts
        done = total - remaining
        restarts += done < highest
        highest = max(highest, done)
        if between is not None:
            if restarts > _MOST_RESTARTS:
                raise StoreError(tr("other sessions write too fast to copy"), code="busy_copy")
            between()

    os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    with contextlib.closing(sqlite3.connect(str(partial))) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # one flush at the end, before it counts
        connection.backup(copy, pages=_STEP_PAGES if between is not None else -1, progress=after_step, sleep=0.01)


def accept(partial: Path, path: Path, why: str) -> Backup:
    """Checks a copy and gives it its name. Raises StoreError when it is damaged, sqlite3.Error, OSError."""
    try:
        verify(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        now = time.time()
        stamp = datetime.fromtimestamp(now, timezone.utc).strftime("%Y%m%dT%H%M%S")
        target = folder_of(path) / f"history-{stamp}{int(now * 1000) % 1000:03d}Z-{why}.db"
        os.replace(partial, target)
    finally:
        discard(partial)
    rotate(path)
    return Backup(target.name, str(target), now, target.stat().st_size, why)


def verify(file: Path) -> None:
    """Raises StoreError when the database in `file` is damaged, sqlite3.Error when it cannot be read."""
    with contextlib.closing(sqlite3.connect(str(file))) as copy:
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreError(
            f"quick_check of a copy: {verdict}", code="corrupt",
            user_text=tr("The chat history is damaged: a copy of it did not pass its check."),
            next_step=tr("It is being mended; the older backups are untouched."),
        )


def discard(partial: Path) -> None:
    """Removes a copy that does not count."""
    for name in (partial, partial.with_name(f"{partial.name}-journal")):
        with contextlib.suppress(OSError):
            name.unlink()


def rotate(path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
    """Removes copies that are not worth their room, and what crashed copies left behind."""
    every = listed(path)
    kept = _worth_keeping(every)
    size = 0
    for number, one in enumerate(every):
        size += one.size_bytes
        if one.name not in kept or (number > 1 and size > most_bytes):
            with contextlib.suppress(OSError):
                os.unlink(one.path)
    with contextlib.suppress(OSError):
        for file in folder_of(path).glob("*.partial*"):
            if time.time() - file.stat().st_mtime > 24 * 3600:
                file.unlink()


def _worth_keeping(every: List[Backup]) -> Set[str]:
    kept = {one.name for one in every[:_NEWEST]}
    kept |= {one.name for one in every if one.why == "manual"}
    kept |= {one.name for one in [one for one in every if one.why.startswith("before-")][:4]}
    for shape, most in (("%Y-%j", _DAYS), ("%G-%V", _WEEKS)):
        firsts: dict[str, str] = {}
        for one in every:
            firsts.setdefault(time.strftime(shape, time.localtime(one.created_at)), one.name)
        kept |= set(list(firsts.values())[:most])
    return kept


def last_at(path: Path) -> Optional[float]:
    """When the newest copy was made, by whichever session."""
    newest = listed(path)
    return newest[0].created_at if newest else None


def is_paused(path: Path) -> bool:
    """Whether automatic copies wait until a restored history has been looked at."""
    return (folder_of(path) / _PAUSE).exists()


def pause(path: Path, reason: str) -> None:
    """Stops automatic copies, so that rotation cannot push out the good ones. Raises OSError."""
    (folder_of(path) / _PAUSE).write_text(
        f"{reason}\nAutomatic backups go on after `nuke-ai-panel history restore --confirm`.\n", encoding="utf-8"
    )


def unpause(path: Path) -> None:
    """Lets automatic copies go on."""
    with contextlib.suppress(FileNotFoundError):
        (folder_of(path) / _PAUSE).unlink()

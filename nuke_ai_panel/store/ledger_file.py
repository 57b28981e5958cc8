"""The ledger on disk: a folder with one file of JSON lines a day, to which lines are only ever added. Blocks.

One `write` a turn, under a lock file, so that several sessions take turns and a killed process leaves whole lines. Each
line carries a hash over itself and the line before, across the days: who changes or removes one breaks the chain, and
`verify` names the place. Nothing of this needs SQLite, so a network home, a fork and a farm are all the same to it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ..errors import StoreError
from ..messages import Json
from ..words import tr
from .ledger_rows import START, LedgerEntry, add_record, folded, is_linked, line_of, parse_line

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_S = 5.0
_LOCK_POLL_S = 0.002
_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})\.jsonl$")
_TAIL_BYTES = 1 << 16
_DAY_S = 86400.0
_COARSE_S = 3.0

Charge = Tuple[float, int]  # US dollars and tokens


@dataclass(frozen=True)
class Fault:
    """A place where the ledger is not what was written. A torn line is what a crashed machine leaves."""

    file: str
    line: int
    problem: str


class LedgerFile:
    """One user's ledger. One thread at a time; any number of processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: Optional[FileLock] = None
        self._tail: Optional[Tuple[Path, int, str]] = None
        self._handle: Optional[int] = None
        self._place: Tuple[Path, int] = (folder, 0)
        self._is_held = False
        self._pending: List[bytes] = []
        self._seen: Tuple[Optional[float], Path] = (None, folder)
        self._offsets: Dict[Path, int] = {}
        self._known: Dict[str, LedgerEntry] = {}
        self._charges: Dict[Tuple[str, str], Charge] = {}
        self._since = 0.0

    @contextlib.contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Holds the lock of all sessions and writes at the end; one inside another is part of it. Raises StoreError.

        What it gives writes at once what was added so far; it raises StoreError, too, and then nothing was written.
        """
        if self._is_held:
            yield self._write
            return
        import filelock  # takes longer than the whole library may, so not before the first line

        lock = self._lock = self._lock or filelock.FileLock(str(self.folder / "lock"), timeout=LOCK_S)
        try:
            if not os.path.isdir(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire(poll_interval=_LOCK_POLL_S)
        except (OSError, filelock.Timeout) as exc:
            raise trouble(self.folder, exc) from exc
        self._is_held = True
        try:
            yield self._write
            self._write()
        finally:
            self._is_held = False
            self._pending.clear()
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None
            lock.release()

    def append(self, record: Dict[str, Json]) -> None:
        """Adds a line; it is with the system when the turn has ended. Inside `turn`. Raises StoreError."""
        try:
            if self._handle is None or self._tail is None:
                chain, is_torn = self._open_last()
            else:  # still our turn: nobody else has written since
                chain, is_torn = self._tail[2], False
        except OSError as exc:
            self._tail = None
            raise trouble(self.folder, exc) from exc
        line, link = line_of(record, chain)
        data = f"{chr(10) if is_torn else ''}{line}".encode("ascii")
        self._pending.append(data)
        path, size = self._place
        self._place = (path, size + len(data))
        self._tail = (path, size + len(data), link)

    def _write(self) -> None:
        """Gives the system what was added so far: all of it, or StoreError and nothing."""
        data = b"".join(self._pending)
        if not data:
            return
        assert self._handle is not None
        try:
            written = os.write(self._handle, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
        except OSError as exc:
            self._tail = None
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._place[1] - len(data))
            raise trouble(self.folder, exc) from exc
        self._pending.clear()

    def entries(self, since: float = 0.0) -> List[LedgerEntry]:
        """Every entry sent at or after `since`. Raises StoreError."""
        self._write()
        try:
            files = self._files(since)
            found = folded(record for path in files for record in _records(path, 0)[0])
        except OSError as exc:
            raise trouble(self.folder, exc) from exc
        return [one for one in found if one.at >= since]

    def charges(self, since: float) -> Mapping[Tuple[str, str], Charge]:
        """What counts against budgets, by user and local day; reads only what is new since the last call."""
        self._write()
        if since != self._since:
            self._since, self._offsets, self._known, self._charges = since, {}, {}, {}
        try:
            for path in self._files(since):
                if os.stat(path).st_size == self._offsets.get(path, 0):
                    continue
                records, self._offsets[path] = _records(path, self._offsets.get(path, 0))
                for record in records:
                    self._charge(record)
        except OSError as exc:
            raise trouble(self.folder, exc) from exc
        return self._charges

    def _charge(self, record: Dict[str, Json]) -> None:
        before = self._known.get(record["id"])
        key = add_record(self._known, record)
        if key is None:
            return
        entry = self._known[key]
        day = (entry.user, local_day(entry.at))
        usd, tokens = self._charges.get(day, (0.0, 0))
        usd += entry.charged_usd - (before.charged_usd if before is not None else 0.0)
        tokens += entry.charged_tokens - (before.charged_tokens if before is not None else 0)
        self._charges[day] = (usd, tokens)

    def verify(self) -> List[Fault]:
        """Every place where a line was changed, removed or torn. Raises StoreError."""
        self._write()
        faults: List[Fault] = []
        chain = START
        try:
            for path in self._files(0.0):
                with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                    for number, line in enumerate(file, start=1):
                        is_whole, link = is_linked(line, chain)
                        if is_whole:
                            chain = link
                        elif parse_line(line) is None:
                            faults.append(Fault(path.name, number, "the line is torn or unreadable"))
                        else:
                            faults.append(Fault(path.name, number, "this line or the one before was changed"))
                            chain = link
        except OSError as exc:
            raise trouble(self.folder, exc) from exc
        return faults

    # ------------------------------------------------------------ how

    def _open_last(self) -> Tuple[str, bool]:
        """Opens the file that the next line goes into; the link that it hangs on, and whether the last line is torn."""
        # Never into an older file than there is: a clock that was set back must not break the chain.
        path = max(self.folder / f"{utc_day(time.time())}.jsonl", self._newest())
        if self._handle is not None:
            os.close(self._handle)
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        self._place = (path, os.fstat(self._handle).st_size)
        return self._chain(*self._place)

    def _newest(self) -> Path:
        """The last file that there is, else the folder; looks into the folder only when something in it changed."""
        changed = os.stat(self.folder).st_mtime
        if self._seen[0] != changed:
            newest = self._files(0.0)[-1:]
            # Clocks of file systems are coarse: what changes a moment after the look may bear the same time.
            self._seen = (changed if changed < time.time() - _COARSE_S else None, newest[0] if newest else self.folder)
        return self._seen[1]

    def _files(self, since: float) -> List[Path]:
        """The files that can hold entries from `since` on, or their ends; the oldest first."""
        try:
            there = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        first = utc_day(max(0.0, since - _DAY_S))
        names = sorted(name for name in there if _NAME.match(name))
        return [self.folder / name for name in names if name[:10] >= first]

    def _chain(self, path: Path, size: int) -> Tuple[str, bool]:
        """The link that the next line of `path` hangs on, and whether its last line was never finished."""
        if self._tail is not None and self._tail[:2] == (path, size):
            return self._tail[2], False
        is_torn = False
        for place in reversed([one for one in self._files(0.0) if one <= path]):
            lines, has_rest = _last_lines(place)
            is_torn = is_torn or (has_rest and place == path)
            link = next(filter(None, (is_linked(line, "")[1] for line in reversed(lines))), "")
            if link:
                return link, is_torn
        return START, is_torn


def utc_day(at: float) -> str:
    """The day that names a file."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def local_day(at: float) -> str:
    """The day as artists count it, such as 2026-11-21."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def trouble(folder: Path, exc: BaseException) -> StoreError:
    """Why the ledger cannot be used."""
    if isinstance(exc, TimeoutError):  # what filelock's own is one of
        reason = "another program holds its lock"
    else:
        reason = (getattr(exc, "strerror", None) or str(exc)) if isinstance(exc, OSError) else str(exc)
    return StoreError(
        f"the ledger in {folder} cannot be used: {reason}", code="ledger",
        user_text=tr("The ledger of what leaves this machine cannot be used: {reason}.", reason=reason),
        next_step=tr("Check the folder {folder} and the free space.", folder=folder),
    )


def _records(path: Path, offset: int) -> Tuple[List[Dict[str, Json]], int]:
    """The whole records from `offset` on, and where the first unfinished line begins."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.decode("utf-8", "replace").split("\n")
    return [one for one in map(parse_line, lines) if one is not None], offset + len(whole)


def _last_lines(path: Path) -> Tuple[List[str], bool]:
    """The last whole lines of a file, and whether something unfinished follows them."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    whole, _, rest = text.rpartition("\n")
    return whole.split("\n") if whole else [], bool(rest)

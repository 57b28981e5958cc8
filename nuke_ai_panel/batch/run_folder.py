"""The directory of one run: who writes to it, what is done, what a kill left half-written. Blocking; any thread.

`results.jsonl` and `errors.jsonl` are appended to, a line at a time; all else is written whole and renamed. A row is
done when a line has its id and its request key, so a changed row runs again and an unchanged one never does.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import BatchError, DiskError, InvalidBatchError, LockedRunError
from .line_shape import is_end, is_reject

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger(__name__)

SCHEMA = 1
RESULTS, ERRORS, REJECTS = "results.jsonl", "errors.jsonl", "rejects.jsonl"
REQUESTS, RUN, LOCK = "requests.jsonl", "run.json", "lock"
_FLOCK = ".lock"
_LAST = 1 << 62


@dataclass
class Past:
    """What a run directory holds already. `answered` maps ids to keys (see `mark`), `places` keys to lines' offsets.

    `torn` counts lines that were taken out: one that a kill tore, and those that are damaged.
    """

    answered: CompactMap = field(default_factory=CompactMap)
    failed: CompactMap = field(default_factory=CompactMap)
    places: CompactMap = field(default_factory=CompactMap)
    results: int = 0
    errors: int = 0
    torn: int = 0
    spent_usd: float = 0.0
    is_stale: bool = False


class RunFolder:
    """`NAME.run/`. `lock` before anything is written; `close` lets the next one in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: Optional[FileLock] = None

    @property
    def results(self) -> Path:
        """The answers."""
        return self.path / RESULTS

    @property
    def errors(self) -> Path:
        """The rows that ended in an error."""
        return self.path / ERRORS

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return os.path.isfile(self.path / RUN)

    def lock(self) -> None:
        """Makes the directory this process's. Raises LockedRunError, InvalidBatchError."""
        import filelock

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Taken on one thread and given back on another.
            lock = filelock.FileLock(str(self.path / _FLOCK), timeout=0, thread_local=False)
            lock.acquire()
        except filelock.Timeout as exc:
            raise LockedRunError(
                f"{self.path} is locked",
                user_text=tr("{path} is being written by {holder}.", path=self.path, holder=self._holder()),
                next_step=tr("Wait for it, or choose another directory."),
            ) from exc
        except NotImplementedError:
            log.info("%s lies on a file system without locks", self.path)
        except OSError as exc:
            raise InvalidBatchError(
                tr("{path} cannot be made: {reason}.", path=self.path, reason=exc.strerror or exc),
                next_step=tr("Choose another directory for the run."),
            ) from exc
        else:
            self._lock = lock
        try:
            self.write(LOCK, {"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()})
        except BatchError:
            self.close()
            raise

    def close(self) -> None:
        """Lets the next writer in. Idempotent."""
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                (self.path / LOCK).unlink()
            except OSError:
                log.info("%s could not be removed", self.path / LOCK)
            lock.release()

    def is_locked(self) -> bool:
        """Whether another process writes here now."""
        import filelock

        if not (self.path / _FLOCK).exists():
            return False
        lock = filelock.FileLock(str(self.path / _FLOCK), timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            return True
        except (OSError, NotImplementedError):
            return False
        lock.release()
        return False

    def read(self, name: str = RUN) -> Dict[str, Json]:
        """One of the JSON files; empty when there is none. Raises InvalidBatchError for one that is broken."""
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as exc:
            raise InvalidBatchError(
                tr("{path} cannot be read: {reason}.", path=self.path / name,
                   reason=exc.strerror if isinstance(exc, OSError) and exc.strerror else exc),
                next_step=tr("Restore it, or choose another directory for the run."),
            ) from exc
        return found if isinstance(found, dict) else {}

    def write(self, name: str, data: Json) -> None:
        """Writes a JSON file whole. Raises BatchError."""
        self.write_text(name, json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a file whole: it is there as before, or complete. Raises BatchError."""
        replace_file(self.path / name, [text.encode("utf-8", "replace")])

    def write_lines(self, name: str, lines: Iterable[Mapping[str, Json]]) -> None:
        """Writes a file of JSON lines whole; none at all removes it. Raises BatchError."""
        first = True

        def encoded() -> Iterator[bytes]:
            nonlocal first
            for one in lines:
                first = False
                yield as_line(one)

        replace_file(self.path / name, encoded())
        if first:
            (self.path / name).unlink()

    def scan(self) -> Past:
        """Reads what is there, after taking out a line that a kill tore, and damaged ones. Raises BatchError."""
        torn = sum(repair(path) for path in (self.results, self.errors))
        past = self._read_lines()
        if past.torn:
            torn += past.torn
            for path in (self.results, self.errors):
                is_answer = path == self.results
                replace_file(path, (as_line(line) for _, line in lines_of(path) if _is_of(line, is_answer=is_answer)))
            past = self._read_lines()
        past.torn = torn
        return past

    def _read_lines(self) -> Past:
        past = Past()
        for offset, line in lines_of(self.results):
            if not _is_of(line, is_answer=True):
                past.torn += 1
                continue
            number, key = number_of(str(line.get("custom_id"))), key_in(line)
            past.is_stale |= past.answered.get(number) is not None
            past.answered.put(number, mark(key))
            if not extra_in(line).get("dedup_of"):
                past.places.put(number_of(key), offset)
                past.spent_usd += extra_in(line).get("cost_usd") or 0.0
            past.results += 1
        for _, line in lines_of(self.errors):
            if not _is_of(line, is_answer=False):
                past.torn += 1
                continue
            key = key_in(line)
            past.failed.put(number_of(str(line.get("custom_id"))), mark(key))
            past.spent_usd += extra_in(line).get("cost_usd") or 0.0
            past.errors += 1
        return past

    def sort(self, order: CompactMap) -> None:
        """Puts the lines into the order of the input, those of other rows at the end. Raises BatchError."""
        for path in (self.results, self.errors):
            places = sorted((order.get(number_of(str(line.get("custom_id")))) or _LAST, offset)
                            for offset, line in lines_of(path))
            if places:
                with path.open("rb") as file:
                    replace_file(path, (_line_from(file, offset) for _, offset in places))

    def _holder(self) -> str:
        try:
            info = self.read(LOCK)
            return tr("the process {pid} on {host}", pid=info["pid"], host=info["host"])
        except (InvalidBatchError, KeyError):
            return tr("another process")


def mark(key: str, *, is_seen: bool = False) -> int:
    """A request key as the maps of a Past hold it; the last bit says that this pass over the input met the row."""
    return ((number_of(key) >> 1) << 1 | is_seen) if key else int(is_seen)


def is_same(found: Optional[int], key: str) -> bool:
    """Whether what a map holds is this key."""
    return found is not None and found >> 1 == mark(key) >> 1


def as_line(data: Mapping[str, Json]) -> bytes:
    """One line of JSON."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace") + b"\n"


def extra_in(line: Mapping[str, Json]) -> Mapping[str, Any]:  # Any: what the line holds
    """The `x` of a line, empty where it has none."""
    found = line.get("x")
    return found if isinstance(found, dict) else {}


def key_in(line: Mapping[str, Json]) -> str:
    """The key of the request that a line ends."""
    return str(extra_in(line).get("request_key", ""))


def lines_of(path: Path) -> Iterator[Tuple[int, Dict[str, Json]]]:
    """Every whole line with its offset; a damaged one is empty. A file that is absent has none. Raises BatchError."""
    try:
        with path.open("rb") as file:
            offset = 0
            for raw in file:
                if not raw.endswith(b"\n"):
                    return
                yield offset, _sound(raw)
                offset += len(raw)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def repair(path: Path) -> int:
    """Cuts a torn last line off; 1 when there was one. Raises BatchError."""
    try:
        with path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            place = end
            while place:
                start = max(0, place - 65536)
                file.seek(start)
                found = file.read(place - start).rfind(b"\n")
                if found >= 0:
                    place = start + found + 1
                    break
                place = start
            if place == end:
                return 0
            file.truncate(place)
            return 1
    except FileNotFoundError:
        return 0
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def replace_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes `path` under another name and renames it. Raises BatchError when the disk does not take it."""
    # Two hosts of a farm may have the same process id.
    made = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        with made.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    except OSError as exc:
        raise disk_error(path, exc) from exc
    finally:
        with suppress(OSError):
            made.unlink()


def disk_error(path: Path, exc: OSError) -> BatchError:
    """What is said when a file of the run cannot be written."""
    return DiskError(
        f"{path} cannot be written: {exc}",
        user_text=tr("{path} cannot be written: {reason}.", path=path, reason=exc.strerror or exc),
        next_step=tr("Make room or mend the disk, then run it again: it goes on where it stopped."),
    )


def _unreadable(path: Path, exc: OSError) -> BatchError:
    return DiskError(
        f"{path} cannot be read: {exc}",
        user_text=tr("{path} cannot be read: {reason}.", path=path, reason=exc.strerror or exc),
        next_step=tr("Check who may read it, then go on with this run."),
    )


def _sound(raw: bytes) -> Dict[str, Json]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and (is_end(found) or is_reject(found)) else {}


def _is_of(line: Mapping[str, Json], *, is_answer: bool) -> bool:
    """Whether a line belongs among the answers, or among the errors."""
    return bool(line) and "custom_id" in line and (line.get("response") is not None) == is_answer


def _line_from(file: IO[bytes], offset: int) -> bytes:
    file.seek(offset)
    return file.readline()

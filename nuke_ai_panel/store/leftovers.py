"""Journals and write-ahead logs that a killed session left beside the history, and those that are not its own.

SQLite plays any log into the file that it lies beside, whoever wrote it. So before the history is opened, one that
cannot be ours is put aside: another page size, or a first page that belongs to another program. Side files carry no
locks, so that reading them here is harmless. Store thread.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import BinaryIO, Iterator

from .migrations import APPLICATION_ID

log = logging.getLogger(__name__)

_PAGE = 4096  # what SQLite gives every file that we make
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_LOOKED_AT = 20_000


def has_leftovers(path: Path) -> bool:
    """Whether a journal or a log stands there that SQLite will play; one that is another file's is put aside first.

    Raises OSError.
    """
    found = False
    for ending, head_size in (("-wal", 32), ("-journal", 28)):
        side = path.with_name(path.name + ending)
        if not side.is_file() or side.stat().st_size <= head_size:
            continue
        if may_be_ours(side):
            found = True
            continue
        folder = path.parent / "quarantine"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(side, folder / f"{side.name}-{time.time_ns()}")
        found = True  # a mix of files: the history is looked at more closely
        log.info("%s did not belong to %s and was put aside", side.name, path)
    return found


def may_be_ours(side: Path) -> bool:
    """Whether a journal or a write-ahead log may belong to a history, by its page size and its copies of page one."""
    with side.open("rb") as file:
        head = file.read(32)
        if int.from_bytes(head[:4], "big") in _LOG_MAGIC:
            size, pages = int.from_bytes(head[8:12], "big"), _first_pages_of_log(file)
        elif head[:8] == _JOURNAL_MAGIC:
            size, pages = int.from_bytes(head[24:28], "big"), _first_pages_of_journal(file, head)
        else:
            return True  # SQLite itself ignores what is neither
        return size == _PAGE and all(_is_ours(page) for page in pages)


def _first_pages_of_log(file: BinaryIO) -> Iterator[bytes]:
    for number in range(_LOOKED_AT):
        file.seek(32 + number * (24 + _PAGE))
        frame = file.read(24 + 100)
        if len(frame) < 124:
            return
        if frame[:4] == b"\0\0\0\1":
            yield frame[24:]


def _first_pages_of_journal(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    start = int.from_bytes(head[20:24], "big") or 512
    for number in range(_LOOKED_AT):
        file.seek(start + number * (8 + _PAGE))
        record = file.read(4 + 100)
        if len(record) < 104:
            return
        if record[:4] == b"\0\0\0\1":
            yield record[4:]


def _is_ours(page: bytes) -> bool:
    owner = page[68:72]
    return owner == APPLICATION_ID.to_bytes(4, "big") or (owner == b"\0\0\0\0" and page[60:64] == b"\0\0\0\0")

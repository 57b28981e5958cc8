"""Reads rows straight from a database file's bytes, page by page, when SQLite itself can no longer find them. Pure.

Every leaf page of a table says for itself which rows it holds, so a destroyed header, index or inner page costs
nothing here. The format is SQLite's published one. A row whose overflow chain is broken comes back cut, and says so.
"""

from __future__ import annotations

import struct
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

Value = Union[None, int, float, str, bytes]

_LEAF = 0x0D
_HEADER = 100
_MOST_COLUMNS = 200
_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class RawRow(NamedTuple):
    """A row as it lies in the file. `is_cut` means that the end of its content is lost."""

    rowid: int
    values: List[Value]
    is_cut: bool


def page_size_of(data: bytes) -> int:
    """The page size that the header states; where it is destroyed, our own 4096."""
    size = struct.unpack(">H", data[16:18])[0] if len(data) >= _HEADER else 0
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else 4096


def table_rows(data: bytes, page_size: int) -> Iterator[RawRow]:
    """Every row on every leaf page of a table, live or left over."""
    for number in range(len(data) // page_size):
        page = data[number * page_size : (number + 1) * page_size]
        yield from _rows_of(page, _HEADER if number == 0 else 0, data, page_size)


def log_rows(log: bytes, data: bytes) -> Iterator[RawRow]:
    """The rows in a write-ahead log's pages, the newest first. `data` is the database itself."""
    if len(log) < 32:
        return
    page_size = struct.unpack(">I", log[8:12])[0]
    if page_size < 512 or page_size > 65536 or page_size & (page_size - 1):
        return
    frame = 24 + page_size
    for at in range(32 + (len(log) - 32) // frame * frame - frame, 31, -frame):
        is_first = log[at : at + 4] == b"\0\0\0\1"
        yield from _rows_of(log[at + 24 : at + frame], _HEADER if is_first else 0, data, page_size)


def _rows_of(page: bytes, start: int, data: bytes, page_size: int) -> Iterator[RawRow]:
    if len(page) < page_size or page[start] != _LEAF:
        return
    count = struct.unpack(">H", page[start + 3 : start + 5])[0]
    pointers = page[start + 8 : start + 8 + 2 * min(count, page_size // 4)]
    for at in range(0, len(pointers) - 1, 2):
        try:
            row = _cell(page, struct.unpack(">H", pointers[at : at + 2])[0], data, page_size)
        except (IndexError, struct.error, ValueError):
            continue
        if row is not None:
            yield row


def _cell(page: bytes, at: int, data: bytes, usable: int) -> Optional[RawRow]:
    size, at = _varint(page, at)
    rowid, at = _varint(page, at)
    if size < 2 or size > len(data) + usable:
        return None
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    here = size
    if size > most:
        here = least + (size - least) % (usable - 4)
        here = here if here <= most else least
    payload = page[at : at + here]
    if size > here:
        payload += _overflow(page[at + here : at + here + 4], size - here, data, usable)
    values = _record(payload)
    return None if values is None else RawRow(rowid, values, len(payload) < size)


def _overflow(pointer: bytes, wanted: int, data: bytes, page_size: int) -> bytes:
    pieces: List[bytes] = []
    seen = set()
    while wanted > 0 and len(pointer) == 4:
        number = struct.unpack(">I", pointer)[0]
        start = (number - 1) * page_size
        if number < 2 or number in seen or start + page_size > len(data):
            break
        seen.add(number)
        piece = data[start + 4 : start + 4 + min(wanted, page_size - 4)]
        pieces.append(piece)
        wanted -= len(piece)
        pointer = data[start : start + 4]
    return b"".join(pieces)


def _record(payload: bytes) -> Optional[List[Value]]:
    length, at = _varint(payload, 0)
    if length < 2 or length > len(payload):
        return None
    types: List[int] = []
    while at < length:
        kind, at = _varint(payload, at)
        types.append(kind)
        if len(types) > _MOST_COLUMNS:
            return None
    return _values(payload, length, types)


def _values(payload: bytes, at: int, types: Sequence[int]) -> Optional[List[Value]]:
    values: List[Value] = []
    for kind in types:
        if kind in _INTS:
            size = _INTS[kind]
            values.append(int.from_bytes(payload[at : at + size], "big", signed=True))
        elif kind == 7:
            size = 8
            raw = payload[at : at + 8]
            values.append(struct.unpack(">d", raw)[0] if len(raw) == 8 else None)
        elif kind >= 12:
            size = (kind - 12) // 2
            raw = payload[at : at + size]
            values.append(raw if kind % 2 == 0 else raw.decode("utf-8", "replace"))
        elif kind in (0, 8, 9):
            size = 0
            values.append(None if kind == 0 else kind - 8)
        else:
            return None
        at += size
    return values


def _varint(data: bytes, at: int) -> Tuple[int, int]:
    value = 0
    for place in range(8):
        byte = data[at + place]
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + place + 1
    return value << 8 | data[at + 8], at + 9

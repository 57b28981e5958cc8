"""Appends finished rows to the files of a run, on a thread of its own, so that a slow disk never holds up the loop.

Lines that come together are one `write`, of which a kill tears the last line at most; the disk is told to keep them
every 200 ms. Who adds a line gets its place back once it is written. The thread ends with `close`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import threading
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ..messages import Json
from .run_folder import as_line, disk_error

FLUSH_S = 0.2


@dataclass(frozen=True)
class _Order:
    """A line to add; with `copy_of` its body is the one that stands there already."""

    path: Path
    line: Mapping[str, Json]
    written: asyncio.Future[Tuple[int, Mapping[str, Json]]]
    copy_of: Optional[int] = None


@dataclass
class _File:
    """An open file, and its size: nobody else adds to it."""

    number: int
    size: int


_Outcome = Tuple[_Order, Optional[Tuple[int, Mapping[str, Json]]], Optional[Exception]]


class LineWriter:
    """The one writer of a run's files. Made and used on the loop thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[Optional[_Order]] = queue.SimpleQueue()
        self._files: Dict[Path, _File] = {}
        self._thread = threading.Thread(target=self._serve, name="nuke-ai-batch-writer", daemon=True)
        self._thread.start()

    async def add(self, path: Path, line: Mapping[str, Json]) -> int:
        """Appends a line and answers with its offset. Raises BatchError."""
        return (await self._order(_Order(path, line, self._loop.create_future())))[0]

    async def copy(self, path: Path, offset: int, line: Mapping[str, Json]) -> Mapping[str, Json]:
        """Appends the line at `offset` once more with the values of `line`, and answers with it. Raises BatchError."""
        return (await self._order(_Order(path, line, self._loop.create_future(), offset)))[1]

    def close(self) -> None:
        """Writes what is left and ends the thread. Blocks for as long as that takes."""
        self._orders.put(None)
        self._thread.join()

    async def _order(self, order: _Order) -> Tuple[int, Mapping[str, Json]]:
        self._orders.put(order)
        return await order.written

    def _serve(self) -> None:
        dirty_since: Optional[float] = None
        is_open = True
        while is_open:
            orders: List[_Order] = []
            try:
                wait_s = None if dirty_since is None else max(0.0, dirty_since + FLUSH_S - time.monotonic())
                first = self._orders.get(timeout=wait_s)
                is_open = self._gather(first, orders)
            except queue.Empty:
                pass
            if orders:
                self._write(orders)
                dirty_since = dirty_since or time.monotonic()
            if dirty_since is not None and (not is_open or time.monotonic() >= dirty_since + FLUSH_S):
                for file in self._files.values():
                    os.fsync(file.number)
                dirty_since = None
        for file in self._files.values():
            os.close(file.number)

    def _gather(self, first: Optional[_Order], orders: List[_Order]) -> bool:
        while first is not None:
            orders.append(first)
            try:
                first = self._orders.get_nowait()
            except queue.Empty:
                return True
        return False

    def _write(self, orders: List[_Order]) -> None:
        outcomes: List[_Outcome] = []
        for path, together in groupby(orders, key=lambda order: order.path):
            group = list(together)
            try:
                outcomes += [(order, found, None) for order, found in zip(group, self._append(path, group))]
            except OSError:  # each by itself: what there is room for is written, and the others are told
                outcomes += [self._append_alone(order) for order in group]
        try:
            self._loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:  # the loop has ended, and nobody waits any more
            pass

    def _append_alone(self, order: _Order) -> _Outcome:
        try:
            return order, self._append(order.path, [order])[0], None
        except OSError as exc:
            return order, None, disk_error(order.path, exc)

    def _append(self, path: Path, orders: List[_Order]) -> List[Tuple[int, Mapping[str, Json]]]:
        """All of them or, with OSError, none."""
        file = self._files.get(path)
        if file is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            number = os.open(path, flags, 0o644)
            file = self._files[path] = _File(number, os.lseek(number, 0, os.SEEK_END))
        found: List[Tuple[int, Mapping[str, Json]]] = []
        pieces: List[bytes] = []
        offset = file.size
        for order in orders:
            line = order.line if order.copy_of is None else _merged(_line_at(path, order.copy_of), order.line)
            pieces.append(as_line(line))
            found.append((offset, line))
            offset += len(pieces[-1])
        data = b"".join(pieces)
        try:
            written = os.write(file.number, data)
            while written < len(data):
                written += os.write(file.number, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(file.number, file.size)
            file.size = os.lseek(file.number, 0, os.SEEK_END)
            raise
        file.size = offset
        return found


def _line_at(path: Path, offset: int) -> Mapping[str, Json]:
    with path.open("rb") as file:
        file.seek(offset)
        found: Mapping[str, Json] = json.loads(file.readline())
        return found


def _merged(line: Mapping[str, Json], new: Mapping[str, Json]) -> Mapping[str, Json]:
    leader = line["x"].get("dedup_of") or line["custom_id"]
    return {**line, **new, "x": {**line["x"], **new["x"], "dedup_of": leader}}


def _settle(outcomes: List[_Outcome]) -> None:
    for order, found, error in outcomes:
        if order.written.done():
            continue
        if error is not None:
            order.written.set_exception(error)
        else:
            order.written.set_result(found or (0, {}))

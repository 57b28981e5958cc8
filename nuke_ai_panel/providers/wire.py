"""Bytes → server-sent events or JSON lines, however they were cut. Pure and incremental; used on the loop thread.

A parser takes chunks as the network delivers them and returns the frames that they complete: the plain bytes of an
unnamed event's data (nearly every event), or a `NamedFrame`. The result never depends on how the bytes were cut, and
text is decoded only from whole frames. The rules are the WHATWG's with four deviations that real servers need: a
clean end flushes what is pending, a field called `error` is an error event, lines of no known field are kept (some
servers write a bare JSON error into the stream), and nothing grows without bound: 8 MiB an event, 64 MiB an answer.
"""

from __future__ import annotations

import json
import re
from typing import Callable, List, NamedTuple, Optional, Protocol, Tuple, Union

from ..messages import Json

MAX_EVENT_BYTES = 8 << 20
MAX_ANSWER_BYTES = 64 << 20
MAX_DEPTH = 200
BOM = b"\xef\xbb\xbf"


class NamedFrame(NamedTuple):
    """An event with a name, an error field, a whole body, or a comment."""

    name: str
    data: bytes


Frame = Union[bytes, NamedFrame]
COMMENT = NamedFrame(":", b"")
# Names that no server can send: an event's name never holds a line end.
ERROR_FIELD = "\nerror"
WHOLE_BODY = "\nbody"
STRAY_LINES = "\nstray"


class FrameTooLarge(Exception):  # noqa: N818  # the name says what it is
    """A frame or an answer outgrew its cap; the reading loop turns it into a ProviderError."""


class Parser(Protocol):
    """Chunks in, frames out."""

    def feed(self, chunk: bytes) -> List[Frame]:
        """The frames that `chunk` completes. Raises FrameTooLarge."""
        ...

    def finish(self) -> List[Frame]:
        """The frames that a clean end completes."""
        ...

    def salvage(self) -> List[Frame]:
        """The frames that are whole although the connection broke."""
        ...


def parse_json(payload: bytes) -> Json:
    """`payload` as JSON; invalid UTF-8 becomes U+FFFD, NaN and 1e400 are let through. Raises ValueError."""
    text = payload.decode("utf-8", "replace")
    if len(payload) > MAX_DEPTH and payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        _check_depth(payload)
    try:
        value, end = _scan_once(text, 0)
    except StopIteration:  # not even the start of a value: maybe blanks before it
        return _decode(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    if end != len(text) and text[end:].strip():
        raise ValueError("more than one JSON value")
    return value


_decoder = json.JSONDecoder()
_scan_once: Callable[[str, int], Tuple[Json, int]] = _decoder.scan_once  # type: ignore[attr-defined]  # not in typeshed
_decode = _decoder.decode
_MARKS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def _check_depth(payload: bytes) -> None:
    """One mark at a time: a pattern for whole strings remembers each of their characters, 60 times the size."""
    depth, is_inside = 0, False
    for found in _MARKS.finditer(payload):
        mark = found.group()
        if mark == b'"':
            is_inside = not is_inside
        elif not is_inside and len(mark) == 1:
            depth += 1 if mark in b"[{" else -1
            if depth > MAX_DEPTH:
                raise ValueError("nested too deeply")


class SseParser:
    """Server-sent events."""

    def __init__(self) -> None:
        self._tail: List[bytes] = []  # pieces of an unfinished line
        self._data: List[bytes] = []
        self._name = ""
        self._stray: List[bytes] = []
        self._event_bytes = self._answer_bytes = self._stray_bytes = 0
        self._skip_lf = False
        self._started = False
        self._between_events = False

    def feed(self, chunk: bytes) -> List[Frame]:
        """The events that `chunk` completes. Raises FrameTooLarge."""
        frames: List[Frame] = []
        self._answer_bytes += len(chunk)
        if self._answer_bytes > MAX_ANSWER_BYTES:
            raise FrameTooLarge(f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        if not self._between_events or b"\r" in chunk or len(chunk) > MAX_EVENT_BYTES:
            self._feed_lines(chunk, frames)
            return frames
        *blocks, rest = chunk.split(b"\n\n")  # the usual case: whole events, each one line
        for block in blocks:
            if block[:6] == b"data: " and b"\n" not in block:
                frames.append(block[6:])
                continue
            for line in block.split(b"\n"):
                self._line(line, frames)
            self._dispatch(frames)
        if rest:
            self._feed_lines(rest, frames)
        return frames

    def finish(self) -> List[Frame]:
        """The pending event, although its blank line never came, and the lines that belong to no field."""
        frames: List[Frame] = []
        if self._tail:
            line = b"".join(self._tail)
            self._tail = []
            self._first_line(line, frames)
        self._dispatch(frames)
        if self._stray:
            frames.append(NamedFrame(STRAY_LINES, b"\n".join(self._stray)))
            self._stray = []
        return frames

    def salvage(self) -> List[Frame]:
        """The pending event if its data is whole."""
        self._stray = []
        return [frame for frame in self.finish() if frame is not COMMENT and _is_whole(frame)]

    def _feed_lines(self, data: bytes, frames: List[Frame]) -> None:
        if self._skip_lf and data:
            self._skip_lf = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._skip_lf = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines:
            if self._tail:
                lines[0] = b"".join((*self._tail, lines[0]))
                self._tail = []
                self._event_bytes = sum(map(len, self._data))
            first = iter(lines)
            if not self._started:
                self._first_line(next(first), frames)
            for line in first:
                self._line(line, frames)
        if rest:
            self._tail.append(rest)
            self._grow(len(rest))
        self._between_events = self._started and not (rest or self._tail or self._data or self._name or self._skip_lf)

    def _first_line(self, line: bytes, frames: List[Frame]) -> None:
        if not self._started:
            self._started = True
            if line[:3] == BOM:
                line = line[3:]
        self._line(line, frames)

    def _line(self, line: bytes, frames: List[Frame]) -> None:
        if not line:
            self._dispatch(frames)
            return
        if line[:1] == b":":
            frames.append(COMMENT)
            return
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            self._data.append(value)
            self._grow(len(value))
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"error":
            self._name = ERROR_FIELD
            self._data.append(value)
            self._grow(len(value))
        elif field not in (b"id", b"retry") and line.strip():
            self._stray.append(line)
            self._stray_bytes += len(line)
            if self._stray_bytes > MAX_EVENT_BYTES:
                raise FrameTooLarge(f"more than {MAX_EVENT_BYTES >> 20} MiB of lines that are no events")

    def _dispatch(self, frames: List[Frame]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            frames.append(NamedFrame(self._name, data) if self._name else data)
            self._data = []
        self._name = ""
        self._event_bytes = 0

    def _grow(self, count: int) -> None:
        self._event_bytes += count
        if self._event_bytes > MAX_EVENT_BYTES:
            raise FrameTooLarge(f"one event is longer than {MAX_EVENT_BYTES >> 20} MiB")


class NdjsonParser:
    """One JSON value a line."""

    def __init__(self) -> None:
        self._tail: List[bytes] = []
        self._tail_bytes = self._answer_bytes = 0
        self._started = False

    def feed(self, chunk: bytes) -> List[Frame]:
        """The lines that `chunk` completes, without blanks around them. Raises FrameTooLarge."""
        self._answer_bytes += len(chunk)
        if self._answer_bytes > MAX_ANSWER_BYTES:
            raise FrameTooLarge(f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._tail:
            lines[0] = b"".join((*self._tail, lines[0]))
            self._tail, self._tail_bytes = [], 0
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
            if self._tail_bytes > MAX_EVENT_BYTES:
                raise FrameTooLarge(f"one line is longer than {MAX_EVENT_BYTES >> 20} MiB")
        return self._stripped(lines)

    def finish(self) -> List[Frame]:
        """The last line, although its line end never came."""
        tail, self._tail = b"".join(self._tail), []
        return self._stripped([tail])

    def salvage(self) -> List[Frame]:
        """The last line if it is whole."""
        return [frame for frame in self.finish() if _is_whole(frame)]

    def _stripped(self, lines: List[bytes]) -> List[Frame]:
        frames: List[Frame] = []
        for line in lines:
            if not self._started:
                self._started = True
                if line[:3] == BOM:
                    line = line[3:]
            line = line.strip()
            if line:
                frames.append(line)
        return frames


class BodyParser:
    """A body that is one JSON value although a stream was asked for: one frame, at the end."""

    def __init__(self) -> None:
        self._parts: List[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> List[Frame]:
        """Nothing yet. Raises FrameTooLarge."""
        self._size += len(chunk)
        if self._size > MAX_ANSWER_BYTES:
            raise FrameTooLarge(f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        self._parts.append(chunk)
        return []

    def finish(self) -> List[Frame]:
        """The whole body."""
        body = b"".join(self._parts)
        return [NamedFrame(WHOLE_BODY, body[3:] if body[:3] == BOM else body)]

    def salvage(self) -> List[Frame]:
        """The body if it is whole."""
        return [frame for frame in self.finish() if _is_whole(frame)]


class SniffingParser:
    """Decides by the first byte that is no blank: a brace is a whole body, anything else server-sent events."""

    def __init__(self) -> None:
        self._head = b""
        self._chosen: Optional[Parser] = None

    def feed(self, chunk: bytes) -> List[Frame]:
        """The frames that `chunk` completes. Raises FrameTooLarge."""
        if self._chosen is not None:
            return self._chosen.feed(chunk)
        self._head += chunk
        start = self._head[3:] if self._head[:3] == BOM else self._head
        first = start.lstrip()[:1]
        if len(self._head) < 4096 and (not first or (first == BOM[:1] and len(start) < 3)):
            return []
        return self._choose(first).feed(self._head)

    def finish(self) -> List[Frame]:
        """The frames that a clean end completes."""
        return self._settled().finish()

    def salvage(self) -> List[Frame]:
        """The frames that are whole although the connection broke."""
        return self._settled().salvage()

    def _settled(self) -> Parser:
        if self._chosen is not None:
            return self._chosen
        parser = self._choose(b"")
        parser.feed(self._head)
        return parser

    def _choose(self, first: bytes) -> Parser:
        self._chosen = BodyParser() if first in (b"{", b"[") else SseParser()
        return self._chosen


def _is_whole(frame: Frame) -> bool:
    data = frame.data if isinstance(frame, NamedFrame) else frame
    if data.strip() == b"[DONE]":
        return True
    try:
        return isinstance(parse_json(data), (dict, list))
    except ValueError:
        return False

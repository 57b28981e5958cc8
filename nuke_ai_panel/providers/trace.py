"""Writes one request and its answer into a file, byte for byte but for keys: for a TD who asks what really went over
the wire. Armed from any thread; what is written, is written on threads of its own and not on the loop's.

Only a question is traced, not the looks at whether a server is there.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence

from .gate import Passage
from .redact import MASK, masked

log = logging.getLogger(__name__)

MOST_BYTES = 4 << 20
_KEY_HEADERS = frozenset({
    "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie",
})


class _Armed:
    """The file that the next question goes into."""

    path: Optional[Path] = None
    lock = threading.Lock()


def trace_next(path: Path) -> None:
    """Has the next question and its answer written to `path`."""
    with _Armed.lock:
        _Armed.path = path


def traced(
    passage: Passage, method: str, url: str, *, headers: Mapping[str, str], data: Optional[bytes],
    secrets: Sequence[str],
) -> Passage:
    """`passage`, or one that writes down what passes, if this request is the one that is waited for."""
    if _Armed.path is None or method != "POST":
        return passage
    path = _disarm()
    if path is None:  # another request was quicker
        return passage
    return TracedPassage(passage, path, f"{method} {url}", headers, data=data, secrets=secrets)


def _disarm() -> Optional[Path]:
    with _Armed.lock:
        path, _Armed.path = _Armed.path, None
        return path


class TracedPassage:
    """Passes on to another passage, and writes the request at once and the answer when it has ended. Loop thread."""

    def __init__(
        self, passage: Passage, path: Path, line: str, headers: Mapping[str, str], *, data: Optional[bytes],
        secrets: Sequence[str],
    ) -> None:
        self._passage, self._path, self._secrets = passage, path, tuple(secrets)
        self._started = time.monotonic()
        self._answer: List[str] = []
        self._pieces: List[bytes] = []
        self._left = MOST_BYTES
        self._is_over = False
        body = bytes(data or b"")[:MOST_BYTES]
        head = [time.strftime("%Y-%m-%d %H:%M:%S %z"), "", f"> {line}", *_header_lines(">", headers), ""]
        self._write("w", lambda: [*head, *body.decode("utf-8", "replace").split("\n"), ""])

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer has begun."""
        self._answer += [f"< {status} after {self._seconds()}", *_header_lines("<", headers), ""]

    def received(self, data: bytes) -> None:
        """A piece of the answer has come."""
        if self._left > 0:
            self._pieces.append(data[:self._left])
            self._left -= len(data)

    def ended(
        self, outcome: str, *, status: Optional[int] = None, received_bytes: int = 0, is_unsent: bool = False
    ) -> None:
        """See Passage."""
        if not self._is_over:
            self._is_over = True
            whole = b"".join(self._pieces)
            cut = [f"(only the first {MOST_BYTES:,} bytes are kept)"] if self._left < 0 else []
            end = f"= {outcome} after {self._seconds()}, {received_bytes:,} bytes"
            self._write("a", lambda: [
                *self._answer, *whole.decode("utf-8", "replace").split("\n"), *cut, "", end, "",
            ])
        self._passage.ended(outcome, status=status, received_bytes=received_bytes, is_unsent=is_unsent)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._started:.3f} s"

    def _write(self, mode: str, lines: Callable[[], List[str]]) -> None:
        before = getattr(self, "_writing", None)

        def write() -> None:
            if before is not None:
                before.join()
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open(mode, encoding="utf-8", newline="\n") as file:
                    file.write("\n".join(masked(line, self._secrets) for line in lines()))
            except OSError as error:
                log.warning("the trace could not be written to %s: %s", self._path, error)

        self._writing = threading.Thread(target=write, name="nuke-ai-trace", daemon=True)
        self._writing.start()


def _header_lines(mark: str, headers: Mapping[str, str]) -> List[str]:
    return [f"{mark} {name}: {MASK if name.lower() in _KEY_HEADERS else value}" for name, value in headers.items()]

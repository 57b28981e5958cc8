"""Reads the end of the log file into entries: a line that begins with a time begins one. Pure but for the reading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Sequence, Tuple

from ..ui.panel_values import LogEntry

READ_BYTES = 512 << 10
MOST_ENTRIES = 2000
_HEAD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")


def read_entries(files: Sequence[Path]) -> Tuple[LogEntry, ...]:
    """The newest entries of the files, which are given newest first; the oldest entry first."""
    text = ""
    for path in files:
        room = READ_BYTES - len(text)
        if room <= 0:
            break
        text = _end_of(path, room) + text
    return entries_of(text)[-MOST_ENTRIES:]


def entries_of(text: str) -> Tuple[LogEntry, ...]:
    """The entries in `text`; what stands before the first head is the rest of one that was cut, and left out."""
    found: List[LogEntry] = []
    lines: List[str] = []
    level = ""
    for line in text.split("\n"):
        head = _HEAD.match(line)
        if head is not None:
            if level:
                found.append(LogEntry(level, "\n".join(lines).rstrip()))
            level = "error" if head.group(1) == "CRITICAL" else head.group(1).lower()
            lines = []
        lines.append(line)
    if level:
        found.append(LogEntry(level, "\n".join(lines).rstrip()))
    return tuple(found)


def _end_of(path: Path, size_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - size_bytes))
            return file.read().decode("utf-8", "replace")
    except OSError:  # rotated away a moment ago
        return ""

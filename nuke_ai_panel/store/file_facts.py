"""What the history's file says about itself, read from its first bytes: nothing is opened, locked or changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

_MAGIC = b"SQLite format 3\0"
_JOURNALS = {1: "rollback journal", 2: "write-ahead log"}


def file_facts(path: Path) -> Dict[str, str]:
    """Size, rights, journal and schema, in words; what cannot be found out says why."""
    if not path.exists():
        return {"state": "not there yet; the first question makes it"}
    facts: Dict[str, str] = {}
    try:
        facts["size"] = f"{path.stat().st_size:,} bytes"
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        return {**facts, "problem": f"it cannot be read: {error.strerror or error}"}
    if len(head) < 100 or not head.startswith(_MAGIC):
        return {**facts, "problem": "it is no SQLite file, or damaged"}
    facts["journal"] = _JOURNALS.get(head[19], f"unknown ({head[19]})")
    facts["schema"] = str(int.from_bytes(head[60:64], "big"))
    if not os.access(path, os.W_OK):
        facts["problem"] = "it may not be written to: chats go on unsaved"
    elif not os.access(path.parent, os.W_OK):
        facts["problem"] = "its folder may not be written to: chats go on unsaved"
    return facts

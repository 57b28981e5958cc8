"""Reads the text files that a question takes along: whole, bounded, and never binary."""

from __future__ import annotations

import uuid
from typing import Sequence, Tuple

from ..messages import Attachment
from .console import decoded
from .exits import UsageError

FILE_LIMIT_BYTES = 1 << 20
TOTAL_LIMIT_BYTES = 4 << 20


def read_attachments(paths: Sequence[str]) -> Tuple[Attachment, ...]:
    """The files as attachments, in order. Raises UsageError."""
    found = tuple(_read(path) for path in paths)
    if sum(len(one.text) for one in found) > TOTAL_LIMIT_BYTES:
        raise UsageError(
            f"The files hold more than {TOTAL_LIMIT_BYTES >> 20} MB together.", next_step="Attach fewer files."
        )
    return found


def _read(path: str) -> Attachment:
    name = path.encode("utf-8", "replace").decode("utf-8")
    try:
        with open(path, "rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a usable path"
        raise UsageError(f"{name} cannot be read: {reason}.", next_step="Check the path.") from exc
    if len(raw) > FILE_LIMIT_BYTES:
        raise UsageError(
            f"{name} is larger than {FILE_LIMIT_BYTES >> 20} MB.", next_step="Attach the part that matters."
        )
    text = decoded(raw)
    if text is None:
        raise UsageError(f"{name} is not a text file.", next_step="Only UTF-8 text can be attached here.")
    short = name.replace("\\", "/").rstrip("/").rpartition("/")[2] or name
    return Attachment(id=uuid.uuid4().hex, kind="file", name=short, text=text)

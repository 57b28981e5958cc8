"""Reads the files that a question takes along: text, pictures and PDF, whole and bounded, and nothing else binary."""

from __future__ import annotations

import base64
import uuid
from typing import Sequence, Tuple

from ..core.media_files import media_type_of
from ..messages import Attachment
from .console import decoded
from .exits import UsageError

FILE_LIMIT_BYTES = 1 << 20
TOTAL_LIMIT_BYTES = 4 << 20
MEDIA_LIMIT_BYTES = 20 << 20


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
            media_type = media_type_of(raw)
            if media_type is not None:
                raw += file.read(MEDIA_LIMIT_BYTES - FILE_LIMIT_BYTES)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "not a usable path"
        raise UsageError(f"{name} cannot be read: {reason}.", next_step="Check the path.") from exc
    short = name.replace("\\", "/").rstrip("/").rpartition("/")[2] or name
    limit = FILE_LIMIT_BYTES if media_type is None else MEDIA_LIMIT_BYTES
    if len(raw) > limit:
        raise UsageError(f"{name} is larger than {limit >> 20} MB.", next_step="Attach the part that matters.")
    if media_type is not None:
        return Attachment(
            id=uuid.uuid4().hex, kind="image" if media_type.startswith("image/") else "file", name=short,
            media_type=media_type, data_base64=base64.b64encode(raw).decode("ascii"),
        )
    text = decoded(raw)
    if text is None:
        raise UsageError(
            f"{name} is not a text file.",
            next_step="Only UTF-8 text, PNG, JPEG, GIF, WebP and PDF can be attached here.",
        )
    return Attachment(id=uuid.uuid4().hex, kind="file", name=short, text=text)

"""Tells pictures and PDF files from everything else, by how they begin; names lie. Pure."""

from __future__ import annotations

from typing import Optional

# Enough of a file's beginning to know it by.
START_BYTES = 16
_MEDIA = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def media_type_of(start: bytes) -> Optional[str]:
    """The type of what models see or read as it is; None for every other file."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for mark, media_type in _MEDIA if start.startswith(mark)), None)

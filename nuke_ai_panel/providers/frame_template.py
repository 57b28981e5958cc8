"""The bytes around the text of a plain frame, which most frames of an answer share. Pure."""

from __future__ import annotations

from typing import NamedTuple, Optional

_KEYS = (b'"content":"', b'"content": "')


class FrameTemplate(NamedTuple):
    """A frame that starts with `before`, ends with `after` and has plain text between differs in that text alone."""

    before: bytes
    after: bytes


def template_of(data: bytes, content: str) -> Optional[FrameTemplate]:
    """The template of a frame whose only content is `content`; None unless the text stands there once, unescaped."""
    text = content.encode("utf-8", "surrogatepass")
    if b"\\" in text or b'"' in text or data.count(b'"content"') != 1:
        return None
    for key in _KEYS:
        start = data.find(key) + len(key)
        end = start + len(text)
        if start >= len(key) and data[start:end + 1] == text + b'"':
            return FrameTemplate(data[:start], data[end:])
    return None

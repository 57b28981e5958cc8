"""A conversation's first title: the first words of its first question. Pure."""

from __future__ import annotations

import re
import unicodedata

from ..messages import clean_text

MAX_TITLE = 48
_FENCE = re.compile(r"(?m)^\s*(?:`{3,}|~{3,})[^\n]*$")
# Control characters, and the two marks that end a line or a paragraph.
_UNPRINTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_MARK = re.compile(r"(?m)^\s*(?:#{1,6}\s+|>\s*|[-*+]\s+|\d+[.)]\s+)")


def title_from(text: str, *, limit: int = MAX_TITLE) -> str:
    """The first words of `text` on one line, at most `limit` characters; "" when it holds no word."""
    plain = _LINE_MARK.sub("", _FENCE.sub(" ", clean_text(text[:4000])))
    plain = " ".join(_UNPRINTED.sub(" ", plain).replace("`", "").split())
    if len(plain) <= limit:
        return plain
    head = plain[: limit - 1]
    words = head.rsplit(" ", 1)[0] if plain[limit - 1] != " " and " " in head[limit // 2 :] else head
    return _without_broken_tail(words).rstrip(" ,;:.-") + "…"


def _without_broken_tail(text: str) -> str:
    # A cut in front of an accent or inside a joined emoji leaves half a character behind.
    while text and (unicodedata.combining(text[-1]) or text[-1] in "\u200d\ufe0f"):
        text = text[:-1]
    return text

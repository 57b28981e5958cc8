"""A conversation of the history as text that goes along with another question. Pure.

What was asked and answered, the newest kept: where it is too long the oldest goes, and the text says so.
"""

from __future__ import annotations

from typing import List, Sequence

from ..messages import Message
from ..nk.context_text import Told
from ..words import tr
from .tokens import estimate

LIMIT_TOKENS = 6000
_SAID_BY = {"user": "Question", "assistant": "Answer"}


def chat_text(title: str, path: Sequence[Message], limit_tokens: int = LIMIT_TOKENS) -> Told:
    """The questions and answers of a path, at most about `limit_tokens` long; thoughts and tools' results are not."""
    said = [one for one in path if one.role in _SAID_BY and (one.text.strip() or one.attachments)]
    kept: List[str] = []
    spent = 40
    for at, message in enumerate(reversed(said)):
        part = _told(message)
        cost = estimate(part)
        if spent + cost > limit_tokens:
            if not kept:  # even the last one is too long: its end
                kept.append("… " + part[-3 * (limit_tokens - spent):])
                at += 1
            rest = len(said) - at
            left = (_older(rest),) if rest else (tr("the beginning of the last message"),)
            return Told("\n\n".join([_head(title), tr("Left out: {what}.", what=left[0]), *reversed(kept)]), left)
        kept.append(part)
        spent += cost
    return Told("\n\n".join([_head(title), *reversed(kept)]))


def _head(title: str) -> str:
    return f"# An earlier conversation: {title}"


def _told(message: Message) -> str:
    names = ", ".join(one.name for one in message.attachments)
    with_them = f" (with {names})" if names else ""
    return f"## {_SAID_BY[message.role]}{with_them}\n{message.text.strip()}"


def _older(count: int) -> str:
    return tr("the oldest message", "the {count} oldest messages", count=count)

"""Marks in a conversation's path: from here on another system prompt holds, or a summary stands for the rest. Pure.

A mark is a message of role `system` in the tree, so that it belongs to its branch, is exported, imported and found like
everything else, and nothing above it is ever changed. What is sent is derived from the path alone.
"""

from __future__ import annotations

import time
from typing import List, Optional, Sequence

from ..messages import Message, clean_text
from ..store.ids import new_id

SUMMARY = "summary"
SUMMARY_LEAD = "Summary of our conversation so far (the messages themselves are not repeated here):"


def system_mark(conversation_id: str, parent_id: Optional[str], text: str) -> Message:
    """From here on `text` is the system prompt; empty is none at all."""
    return Message(
        new_id(), conversation_id, parent_id, "system", clean_text(text), created_at=time.time()
    )


def summary_mark(
    conversation_id: str, parent_id: Optional[str], text: str, *, provider: Optional[str] = None,
    model: Optional[str] = None,
) -> Message:
    """From here on `text`, which that model wrote, stands for everything above it."""
    return Message(
        new_id(), conversation_id, parent_id, "system", clean_text(text), created_at=time.time(), provider=provider,
        model=model, warnings=(SUMMARY,),
    )


def is_summary(message: Message) -> bool:
    """Whether it stands for what is above it."""
    return message.role == "system" and SUMMARY in message.warnings


def is_system_mark(message: Message) -> bool:
    """Whether it changes the system prompt."""
    return message.role == "system" and SUMMARY not in message.warnings


def system_of(path: Sequence[Message], begun_with: Optional[str]) -> Optional[str]:
    """The system prompt at the end of `path`; `begun_with` is the conversation's own. None for none."""
    mark = next((one for one in reversed(path) if is_system_mark(one)), None)
    return (begun_with if mark is None else mark.text) or None


def after_summary(path: Sequence[Message]) -> List[Message]:
    """What is sent of `path`: the last summary as a question, and what follows it; the whole where there is none."""
    at = next((number for number in range(len(path) - 1, -1, -1) if is_summary(path[number])), None)
    if at is None:
        return list(path)
    summary = path[at]
    said = Message(
        summary.id, summary.conversation_id, None, "user", f"{SUMMARY_LEAD}\n\n{summary.text}",
        created_at=summary.created_at,
    )
    return [said, *path[at + 1:]]

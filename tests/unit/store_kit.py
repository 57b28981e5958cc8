"""What the store's tests share: a conversation in a few words, and a second process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

import nuke_ai_panel.messages as messages_module
from nuke_ai_panel.messages import Message, Status
from nuke_ai_panel.store import Store, new_id

REPO = Path(messages_module.__file__).resolve().parents[1]
WAIT_S = 20.0


def said(
    conversation_id: str, text: str, *, after: Optional[Message] = None, role: str = "user", status: Status = "complete"
) -> Message:
    """A message below `after`, not stored yet."""
    return Message(
        id=new_id(), conversation_id=conversation_id, parent_id=after.id if after else None, role=role,  # type: ignore[arg-type]  # a test's word
        text=text, status=status, created_at=1.0,
    )


def talk(store: Store, conversation_id: str, *texts: str, after: Optional[Message] = None) -> List[Message]:
    """Stores questions and answers, one below the other."""
    messages: List[Message] = []
    for number, text in enumerate(texts):
        parent = messages[-1] if messages else after
        messages.append(said(conversation_id, text, after=parent, role="assistant" if number % 2 else "user"))
        store.add_message(messages[-1]).result(WAIT_S)
    return messages


def texts(path: List[Message]) -> List[str]:
    """What a path says."""
    return [message.text for message in path]


def new_conversation(store: Store, title: str = "") -> str:
    """The id of a new, stored conversation."""
    return store.create_conversation(title=title).result(WAIT_S).id


def other_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another interpreter that runs `code` on this library, warnings as errors; talk to it through its pipes."""
    env = dict(os.environ, PYTHONPATH=str(REPO))
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments], env=env, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )

"""Conversations as lossless JSON, as Markdown and as one HTML page. Jobs of the store thread.

The JSON's format is described in docs/data.md and has a version of its own. Nothing that is a secret of ours is ever
in the history, so none can be in an export.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import time
from dataclasses import fields
from typing import Dict, List, Optional, Sequence, Tuple

from ..messages import Attachment, Conversation, Json, Message
from ..utils.fences import closed
from . import conversations as conversation_rows
from . import messages as message_rows
from .conversations import unknown
from .database import Database

FORMAT = "nuke-ai-panel.conversations"
VERSION = 1
_NOT_STORED = ("exact_text", "exact_reasoning", "conversation_id", "attachments")
_COUNTED = ("message_count", "snippet")


def as_json(database: Database, ids: Sequence[str]) -> str:
    """These conversations with every branch. Raises StoreError when one is not there."""
    contents: Dict[str, Json] = {}
    conversations = []
    for one in ids:
        conversation, messages = _read(database, one)
        chosen = {name: rank for name, _, rank in message_rows.shape(database, one)}
        conversations.append({
            **_plain(conversation, _COUNTED),
            "messages": [{
                **_plain(message, _NOT_STORED), "chosen": chosen.get(message.id, 0),
                "attachments": [_attachment(each, contents) for each in message.attachments],
            } for message in messages],
        })
    return json.dumps({
        "format": FORMAT, "version": VERSION, "exported_at": time.time(), "conversations": conversations,
        "contents": contents,
    }, ensure_ascii=False, indent=1) + "\n"


def as_markdown(database: Database, conversation_id: str, *, reasoning: bool) -> str:
    """The shown path. A code block that a stopped answer left open is closed, so that it swallows nothing."""
    conversation, _ = _read(database, conversation_id, everything=False)
    parts = [f"# {_one_line(conversation.title) or 'Conversation'}\n", _facts_line(conversation)]
    for message in message_rows.path(database, conversation_id):
        parts.append(f"\n## {heading(message)}\n")
        if reasoning and message.reasoning:
            parts.append("".join(f"> {line}\n" for line in message.reasoning.splitlines()))
        parts.append(closed(message.text))
        for each in message.attachments:
            if each.text:
                fence = _fence_for(each.text)
                parts.append(f"Attached: {_one_line(each.name)}\n\n{fence}\n{each.text.rstrip()}\n{fence}\n")
            else:
                parts.append(f"Attached: {_one_line(each.name)} ({each.media_type})\n")
        if message.error is not None:
            parts.append(f"*{_one_line(message.error.user_text or message.error.kind)}*\n")
    return "\n".join(parts)


def as_html(database: Database, conversation_id: str, *, reasoning: bool) -> str:
    """The shown path as a page of its own."""
    conversation, _ = _read(database, conversation_id, everything=False)
    path = message_rows.path(database, conversation_id)
    # Loaded now: the Markdown library is not needed to store a chat.
    page = importlib.import_module(".html_page", __package__)
    return str(page.page(conversation, path, reasoning=reasoning))


def heading(message: Message) -> str:
    """Who speaks, and how it ended."""
    who = {"user": "You", "assistant": "Assistant", "system": "System", "tool": "Tool"}.get(message.role, message.role)
    facts = [who, *(fact for fact in (message.provider, message.model) if fact and message.role == "assistant")]
    if message.status != "complete":
        facts.append(message.status)
    return " · ".join(map(_one_line, facts))


def _read(
    database: Database, conversation_id: str, *, everything: bool = True
) -> Tuple[Conversation, List[Message]]:
    conversation = conversation_rows.conversation(database, conversation_id)
    if conversation is None:
        raise unknown(conversation_id)
    return conversation, message_rows.everything(database, conversation_id) if everything else []


def _plain(value: object, without: Sequence[str]) -> Dict[str, Json]:
    """A frozen value as JSON, without what is at its default."""
    found: Dict[str, Json] = {}
    for one in fields(value):  # type: ignore[arg-type]  # only dataclasses come here
        said = getattr(value, one.name)
        if one.name not in without and said is not None and said != ():
            found[one.name] = _value(said)
    return found


def _value(said: object) -> Json:
    if hasattr(said, "__dataclass_fields__"):
        return _plain(said, ())
    if isinstance(said, (list, tuple)):
        return [_value(each) for each in said]
    return dict(said) if isinstance(said, dict) else said


def _attachment(one: Attachment, contents: Dict[str, Json]) -> Dict[str, Json]:
    found: Dict[str, Json] = {"id": one.id, "kind": one.kind, "name": one.name, "media_type": one.media_type}
    for name, said, form in (("text", one.text, "text"), ("data", one.data_base64, "base64")):
        if said:
            key = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
            contents[key] = {form: said}
            found[name] = key
    return found


def _facts_line(conversation: Conversation) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.created_at))
    facts = [when, conversation.provider, conversation.model, conversation.script, *conversation.tags]
    return f"*{' · '.join(_one_line(one) for one in facts if one)}*\n"


def _one_line(text: Optional[str]) -> str:
    return " ".join((text or "").split())


def _fence_for(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)

"""Takes exported conversations back in. A job of the store thread: all of a file's, or none.

What is there already, by its id, stays as it is. Unknown fields are ignored and unknown values tolerated, as in a
stored row; what cannot be read at all is named in `problems`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from typing import Callable, Dict, List, Mapping, Optional, Set, Tuple, cast, get_args

from ..errors import StoreError
from ..messages import (
    Attachment,
    Conversation,
    ConversationKind,
    ErrorInfo,
    FinishReason,
    Json,
    Message,
    Role,
    Status,
    Timings,
    ToolCall,
    Usage,
)
from ..words import tr
from . import conversations as conversation_rows
from . import messages as message_rows
from .database import Database
from .exporting import FORMAT, VERSION
from .ids import new_id
from .values import Imported

_ROLES, _STATUSES, _KINDS = (frozenset(get_args(one)) for one in (Role, Status, ConversationKind))
_FINISHES = frozenset(get_args(FinishReason))


def from_json(database: Database, text: str) -> Imported:
    """Adds what `exporting.as_json` wrote. Raises StoreError when it is no such thing."""
    data = _loaded(text)
    problems: List[str] = []
    contents = _contents(data.get("contents"), problems)
    added = said = skipped = 0
    for item in data["conversations"]:
        try:
            conversation = _conversation(item)
            messages = [(_message(one, conversation.id, contents), one) for one in item.get("messages", ())]
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            problems.append(f"a conversation could not be read: {type(exc).__name__}: {exc}")
            continue
        if conversation_rows.conversation(database, conversation.id) is not None:
            skipped += 1
            continue
        conversation_rows.create(database, conversation)
        said += _add(database, messages)
        _finish(database, conversation)
        added += 1
    return Imported(added, said, skipped, tuple(problems))


def _loaded(text: str) -> Mapping[str, Json]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _not_ours(f"it is not JSON: {exc}") from exc
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("conversations"), list):
        raise _not_ours("it has another format")
    version = data.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise StoreError(
            f"export version {version}", code="newer", user_text=tr("This export was made by a newer version."),
            next_step=tr("Update Nuke AI Panel, then import it."),
        )
    return data


def _add(database: Database, messages: List[Tuple[Message, Mapping[str, Json]]]) -> int:
    taken = {one.id for one, _ in messages if _exists(database, one.id)}
    names: Dict[str, str] = {one: new_id() for one in taken}  # ids of another conversation: ours get new ones
    there: Set[str] = set()
    for message, item in messages:
        if message.id in there:
            continue
        there.add(message.id)
        parent = None if message.parent_id is None else names.get(message.parent_id, message.parent_id)
        renamed = replace(message, id=names.get(message.id, message.id), parent_id=parent)
        message_rows.add(database, renamed, select=False)
        rank = item.get("chosen")
        database.connection.execute(
            "UPDATE messages SET chosen = ? WHERE id = ?", (rank if isinstance(rank, int) else 0, renamed.id)
        )
    return len(there)


def _finish(database: Database, conversation: Conversation) -> None:
    """The facts that adding messages has changed, as they were exported."""
    c = conversation
    database.connection.execute(
        "UPDATE conversations SET title = ?, title_is_manual = ?, updated_at = ?, pinned = ?, archived = ?, unread = ?,"
        " deleted_at = ?, deleted_until = ? WHERE id = ?",
        (c.title, c.title_is_manual, c.updated_at, c.pinned, c.archived, c.is_unread, c.deleted_at, c.deleted_until,
         c.id),
    )


def _exists(database: Database, message_id: str) -> bool:
    return database.connection.execute("SELECT 1 FROM messages WHERE id = ?", (message_id,)).fetchone() is not None


def _conversation(item: Mapping[str, Json]) -> Conversation:
    known = _known(Conversation, item, without=("tags", "message_count", "snippet"))
    if not isinstance(known.get("id"), str) or not known["id"]:
        raise ValueError("it has no id")
    known["title"] = str(known.get("title") or "")
    if known.get("kind") not in _KINDS:
        known["kind"] = "chat"
    for name in ("created_at", "updated_at"):
        known[name] = _number(known.get(name)) or 0.0
    for name in ("deleted_at", "deleted_until"):
        known[name] = _number(known.get(name))
    return Conversation(**known, tags=tuple(str(one) for one in item.get("tags") or ()))


def _message(item: Mapping[str, Json], conversation_id: str, contents: Mapping[str, Mapping[str, Json]]) -> Message:
    known = _known(Message, item, without=("attachments", "conversation_id", "exact_text", "exact_reasoning"))
    if not isinstance(known.get("id"), str) or not isinstance(known.get("text", ""), str):
        raise ValueError("a message has no id or no text")
    if known.get("role") not in _ROLES:
        raise ValueError(f"unknown role {known.get('role')!r}")
    known["text"] = known.get("text", "")
    status = known.get("status", "complete")
    known["status"] = status if status in _STATUSES and status != "streaming" else "interrupted"
    if known.get("finish") is not None and known["finish"] not in _FINISHES:
        known["finish"] = "other"
    known["created_at"] = _number(known.get("created_at")) or 0.0
    known["usage"] = _built(Usage, known.get("usage"))
    known["error"] = _built(ErrorInfo, known.get("error"))
    known["timings"] = _built(Timings, known.get("timings")) or Timings()
    known["tool_calls"] = tuple(
        cast(ToolCall, _built(ToolCall, {"arguments": None, **one})) for one in known.get("tool_calls") or ())
    known["warnings"] = tuple(str(one) for one in known.get("warnings") or ())
    known["reasoning_opaque"] = tuple(known.get("reasoning_opaque") or ())
    known.setdefault("parent_id", None)
    attachments = tuple(_attachment(one, contents) for one in item.get("attachments") or ())
    return Message(conversation_id=conversation_id, attachments=attachments, **known)


def _attachment(item: Mapping[str, Json], contents: Mapping[str, Mapping[str, Json]]) -> Attachment:
    text, data = contents.get(str(item.get("text")), {}), contents.get(str(item.get("data")), {})
    return Attachment(
        str(item["id"]), item["kind"], str(item["name"]), str(text.get("text", "")),
        str(item.get("media_type", "text/plain")), data.get("base64"),
    )


def _contents(items: Json, problems: List[str]) -> Dict[str, Mapping[str, Json]]:
    found: Dict[str, Mapping[str, Json]] = {}
    for key, item in items.items() if isinstance(items, dict) else ():
        said = item.get("text", item.get("base64")) if isinstance(item, dict) else None
        if not isinstance(said, str):
            problems.append(f"the content {key} cannot be read")
            continue
        if hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest() != key:
            problems.append(f"the content {key} was changed after the export")
        found[key] = item
    return found


def _known(kind: Callable[..., object], item: Mapping[str, Json], *, without: Tuple[str, ...]) -> Dict[str, Json]:
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # only dataclasses come here
    return {name: value for name, value in item.items() if name in names and name not in without}


def _built(kind: Callable[..., Json], item: Optional[Mapping[str, Json]]) -> Json:
    return None if not isinstance(item, Mapping) else kind(**_known(kind, item, without=()))


def _number(value: Json) -> Optional[float]:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _not_ours(reason: str) -> StoreError:
    return StoreError(
        f"not an export: {reason}", code="not_an_export",
        user_text=tr("This file is not a conversation that Nuke AI Panel exported."),
        next_step=tr("Choose a .json file that was made with Export, or nuke-ai-panel history export."),
    )

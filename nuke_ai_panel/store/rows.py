"""Messages as rows and back. A row that cannot be read becomes a message that says so, never a hole. Pure."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union, get_args

from ..messages import (
    ErrorInfo,
    FinishReason,
    Json,
    Message,
    Role,
    Status,
    Timings,
    ToolCall,
    Usage,
    clean_text,
)
from ..words import tr
from .blobs import Blobs, attachments_from

COLUMNS: Tuple[str, ...] = (
    "id", "conversation_id", "parent_id", "role", "status", "writer", "created_at", "text", "reasoning", "attachments",
    "reasoning_opaque", "tool_calls", "tool_call_id", "provider", "model", "finish", "raw_finish", "usage", "error",
    "warnings", "response_id", "keepalives", "first_token_s", "total_s",
    "reported_model", "upstream", "window_tokens",
)
SELECTED = ", ".join(COLUMNS)
WRITER, ATTACHMENTS = COLUMNS.index("writer"), COLUMNS.index("attachments")
_ROLES = frozenset(get_args(Role))
_STATUSES = frozenset(get_args(Status))
_FINISHES = frozenset(get_args(FinishReason))

Row = Sequence[Any]  # a database row: each column has its own type
Flat = TypeVar("Flat", ErrorInfo, ToolCall, Usage)


def message_values(
    message: Message, writer: Optional[str], attachments: Optional[str]
) -> Tuple[Union[str, float, None], ...]:
    """The row of `message`, in the order of COLUMNS. Lone surrogates are replaced, NUL stays.

    `attachments` is their column, made by `blobs.keep`.
    """
    m = message
    return (
        m.id, m.conversation_id, m.parent_id, m.role, m.status, writer, m.created_at, clean_text(m.text),
        clean_text(m.reasoning), attachments, encode(list(m.reasoning_opaque)), encode_all(m.tool_calls),
        _text(m.tool_call_id), _text(m.provider), _text(m.model), m.finish, _text(m.raw_finish), encode_flat(m.usage),
        encode_flat(m.error), encode(list(m.warnings)), _text(m.response_id), m.keepalives, m.timings.first_token_s,
        m.timings.total_s, _text(m.reported_model), _text(m.upstream), m.window_tokens,
    )


def message_from(row: Row, blobs: Blobs) -> Message:
    """The message in a row selected by COLUMNS; unknown values are tolerated, an unreadable row is a placeholder."""
    try:
        return _decoded(row, blobs)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        text = row[7] if isinstance(row[7], str) else ""
        role: Role = row[3] if row[3] in _ROLES else "assistant"
        reason = f"{type(exc).__name__}: {exc}"
        return placeholder(str(row[0]), str(row[1]), row[2], role=role, text=text, reason=reason)


def placeholder(
    message_id: str, conversation_id: str, parent_id: Optional[str], *, role: Role = "assistant", text: str = "",
    reason: str,
) -> Message:
    """What stands where a message cannot be read."""
    error = ErrorInfo(
        kind="store", message=reason, code="unreadable",
        user_text=tr("This message could not be read from the chat history."),
        next_step=tr("The other messages are unharmed; keep a copy of the history file."),
    )
    return Message(
        id=message_id, conversation_id=conversation_id, parent_id=parent_id, role=role, text=text, status="failed",
        error=error,
    )


def encode(value: Json) -> Optional[str]:
    """JSON text for a column, None for nothing. What JSON cannot say is kept as its text."""
    if not value:
        return None
    return clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain))


def encode_all(values: Iterable[ToolCall]) -> Optional[str]:
    """JSON text for a column of several values."""
    return encode([_without_none(value) for value in values])


def _decoded(row: Row, blobs: Blobs) -> Message:
    (message_id, conversation_id, parent_id, role, status, _writer, created_at, text, reasoning, attachments, opaque,
     tool_calls, tool_call_id, provider, model, finish, raw_finish, usage, error, warnings, response_id, keepalives,
     first_token_s, total_s, reported_model, upstream, window_tokens) = row
    if role not in _ROLES:
        raise ValueError(f"unknown role {role!r}")
    if not isinstance(text, str) or not isinstance(reasoning, str):
        raise TypeError("the text is not text")
    return Message(
        id=message_id, conversation_id=conversation_id, parent_id=parent_id, role=role, text=text,
        status=status if status in _STATUSES else "interrupted", created_at=created_at,
        attachments=attachments_from(attachments, blobs) if attachments is not None else (),
        reasoning=reasoning, reasoning_opaque=tuple(_items(opaque)) if opaque is not None else (),
        tool_calls=tuple(_tool_call(item) for item in _items(tool_calls)) if tool_calls is not None else (),
        tool_call_id=tool_call_id, provider=provider, model=model,
        finish=finish if finish is None or finish in _FINISHES else "other", raw_finish=raw_finish,
        usage=_built(Usage, json.loads(usage)) if usage is not None else None,
        error=_built(ErrorInfo, json.loads(error)) if error is not None else None,
        warnings=tuple(str(item) for item in _items(warnings)) if warnings is not None else (),
        response_id=response_id, keepalives=keepalives,
        reported_model=reported_model, upstream=upstream, window_tokens=window_tokens,
        timings=Timings(first_token_s, total_s) if first_token_s is not None or total_s is not None else _NO_TIMINGS,
    )


_NO_TIMINGS = Timings()
_NAMES = {kind: frozenset(item.name for item in fields(kind)) for kind in (ErrorInfo, ToolCall, Usage)}


def _built(kind: Type[Flat], data: Mapping[str, Json]) -> Flat:
    known = _NAMES[kind]
    return kind(**{name: value for name, value in data.items() if name in known})


def _tool_call(data: Mapping[str, Json]) -> ToolCall:
    return _built(ToolCall, {"arguments": None, **data})


def _items(text: Optional[str]) -> Sequence[Json]:
    if text is None:
        return ()
    items = json.loads(text)
    if not isinstance(items, list):
        raise ValueError("not a list")
    return items


def encode_flat(value: Union[Usage, ErrorInfo, None]) -> Optional[str]:
    """JSON text for a column of one value."""
    return None if value is None else clean_text(json.dumps(_without_none(value), ensure_ascii=False, default=_plain))


def _without_none(value: object) -> Mapping[str, Json]:
    return {name: item for name, item in vars(value).items() if item is not None}


def _plain(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _text(value: Optional[str]) -> Optional[str]:
    return None if value is None else clean_text(value)

"""The values that a conversation is made of. Frozen and plain: they cross threads, layers and reloads.

Text fields may hold a lone surrogate only while an answer streams (a vendor may cut an escape in two);
`clean_text` mends it before text reaches the database, a terminal or a widget.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Mapping, Optional, Tuple

Role = Literal["system", "user", "assistant", "tool"]
Status = Literal["streaming", "complete", "stopped", "failed", "interrupted"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "pause", "load", "unload", "other"]
ConversationKind = Literal["chat", "api", "batch"]

# JSON as it came from or goes to a vendor; its shape is the vendor's, so it cannot be narrower.
Json = Any


def clean_text(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


@dataclass(frozen=True)
class Attachment:
    """Text or an image that travels with a user message; `text` is exactly what the model reads.

    `origin` is where a draft's text was taken from in the host, so that it is taken again when it is sent.
    """

    id: str
    kind: Literal["file", "paste", "text", "nodes", "script", "image"]
    name: str
    text: str = ""
    media_type: str = "text/plain"
    data_base64: Optional[str] = None
    origin: str = ""


@dataclass(frozen=True)
class ToolCall:
    """A complete call that a model asked for. `arguments` is None when they were not valid JSON: never run it."""

    id: str
    name: str
    arguments: Optional[Mapping[str, Json]]
    raw_arguments: Optional[str] = None


@dataclass(frozen=True)
class Usage:
    """Token counts as the provider reported them. `input` includes cache reads and writes, `output` reasoning.

    None means not reported. `cost_usd` only where the provider states it. `estimated` marks our own guess.
    """

    input: Optional[int] = None
    output: Optional[int] = None
    total: Optional[int] = None
    reasoning: Optional[int] = None
    cache_read: Optional[int] = None
    cache_write: Optional[int] = None
    cost_usd: Optional[float] = None
    estimated: bool = False


@dataclass(frozen=True)
class Timings:
    """Seconds from the moment the request left: to the first visible token, and to the end."""

    first_token_s: Optional[float] = None
    total_s: Optional[float] = None


@dataclass(frozen=True)
class ErrorInfo:
    """An error as a value: what the store keeps and the error card shows.

    `message` is the vendor's or the system's own sentence (redacted), `user_text` ours, `next_step` what to do.
    """

    kind: str
    message: str
    user_text: str = ""
    next_step: str = ""
    provider: Optional[str] = None
    model: Optional[str] = None
    status: Optional[int] = None
    code: Optional[str] = None
    type: Optional[str] = None
    retryable: bool = False
    retry_after_s: Optional[float] = None
    request_id: Optional[str] = None


@dataclass(frozen=True)
class Message:
    """One node of a conversation's tree. Ids are UUIDs as text; `created_at` is UTC seconds since the epoch.

    `model` is the one that was chosen, `reported_model` what the server called itself, `upstream` who really computed
    behind a router, `window_tokens` the context window that a local server was asked for. `exact_text` and
    `exact_reasoning` are what was sent, where a half character in it had to be replaced; they are never stored.
    """

    id: str
    conversation_id: str
    parent_id: Optional[str]
    role: Role
    text: str
    status: Status = "complete"
    created_at: float = 0.0
    attachments: Tuple[Attachment, ...] = ()
    reasoning: str = ""
    reasoning_opaque: Tuple[Json, ...] = ()
    tool_calls: Tuple[ToolCall, ...] = ()
    tool_call_id: Optional[str] = None
    provider: Optional[str] = None
    model: Optional[str] = None
    finish: Optional[FinishReason] = None
    raw_finish: Optional[str] = None
    usage: Optional[Usage] = None
    error: Optional[ErrorInfo] = None
    warnings: Tuple[str, ...] = ()
    response_id: Optional[str] = None
    keepalives: int = 0
    timings: Timings = field(default_factory=Timings)
    reported_model: Optional[str] = None
    exact_text: Optional[str] = None
    exact_reasoning: Optional[str] = None
    upstream: Optional[str] = None
    window_tokens: Optional[int] = None


@dataclass(frozen=True)
class Conversation:
    """A conversation without its messages. `updated_at` is UTC seconds; `deleted_at` is set while it is in the bin.

    `run_id` groups what one script or batch started; `project` and `script` say where in the show it was asked.
    `deleted_until` is when the bin forgets it; `source_id` and `source_message_id` say where a copy branched off.
    """

    id: str
    title: str
    kind: ConversationKind = "chat"
    created_at: float = 0.0
    updated_at: float = 0.0
    provider: Optional[str] = None
    model: Optional[str] = None
    system: Optional[str] = None
    message_count: int = 0
    snippet: str = ""
    title_is_manual: bool = False
    deleted_at: Optional[float] = None
    run_id: Optional[str] = None
    project: Optional[str] = None
    script: Optional[str] = None
    tags: Tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False
    is_unread: bool = False
    deleted_until: Optional[float] = None
    source_id: Optional[str] = None
    source_message_id: Optional[str] = None


@dataclass(frozen=True)
class Draft:
    """What stands unsent in a conversation's composer. `caret` is a character offset into `text`."""

    conversation_id: str
    text: str
    attachments: Tuple[Attachment, ...] = ()
    caret: int = 0

"""How a server of Anthropic's Messages API answers, and what it refuses: strict, as the vendor is."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .server import Request

_KEYS = frozenset({
    "model", "messages", "max_tokens", "stream", "system", "temperature", "top_p", "top_k", "stop_sequences", "tools",
    "tool_choice", "thinking", "output_config", "metadata", "service_tier", "cache_control",
})
_BLOCKS = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
}
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_SIGNATURE = "c2lnbmVk"
_REASONS = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
}


class AnthropicDialect:
    """The events of one answer."""

    content_type = b"text/event-stream"

    def __init__(self, request: Request) -> None:
        self.model = str(request.json().get("model", "fake-model"))
        self._index = -1
        self._kind = ""

    def start(self, usage: Tuple[int, int]) -> List[bytes]:
        """What comes before the first token."""
        message = {**self._message([], None, (usage[0], 1)), "content": []}
        return [self._event("message_start", message=message), self._event("ping")]

    def token(self, text: str) -> bytes:
        """A piece of the text."""
        return self._in("text", {"text": ""}) + self._delta({"type": "text_delta", "text": text})

    def thinking(self, text: str) -> bytes:
        """A piece of what it thinks."""
        start = self._in("thinking", {"thinking": "", "signature": ""})
        return start + self._delta({"type": "thinking_delta", "thinking": text})

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        """A whole tool call."""
        start = self._close() + self._in("tool_use", {"id": call_id, "name": name, "input": {}})
        half = len(arguments) // 2
        pieces = ("", arguments[:half], arguments[half:])
        return start + b"".join(self._delta({"type": "input_json_delta", "partial_json": piece}) for piece in pieces)

    def end(self, reason: str, usage: Tuple[int, int]) -> List[bytes]:
        """What comes after the last token."""
        delta = {"stop_reason": _reason(reason), "stop_sequence": None}
        counted = {"output_tokens": usage[1]}
        return [self._close() + self._event("message_delta", delta=delta, usage=counted) + self._event("message_stop")]

    def whole(self, text: str, reason: str, usage: Tuple[int, int]) -> Dict[str, Any]:
        """The answer in one piece."""
        return self._message([{"type": "text", "text": text}], _reason(reason), usage)

    def _message(self, content: List[Any], reason: Optional[str], usage: Tuple[int, int]) -> Dict[str, Any]:
        return {
            "id": "msg_fake", "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": reason, "stop_sequence": None, "usage": {
                "input_tokens": usage[0], "output_tokens": usage[1], "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        }

    def _in(self, kind: str, empty: Dict[str, Any]) -> bytes:
        """Opens a block of `kind` unless it is the open one."""
        if self._kind == kind:
            return b""
        closed = self._close()
        self._index, self._kind = self._index + 1, kind
        block = {"type": kind, **empty}
        return closed + self._event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> bytes:
        kind, self._kind = self._kind, ""
        if not kind:
            return b""
        signed = self._delta({"type": "signature_delta", "signature": _SIGNATURE}) if kind == "thinking" else b""
        return signed + self._event("content_block_stop", index=self._index)

    def _delta(self, delta: Dict[str, Any]) -> bytes:
        return self._event("content_block_delta", index=self._index, delta=delta)

    @staticmethod
    def _event(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def model_row(name: str, context_tokens: int) -> Dict[str, Any]:
    """A model as the vendor lists it."""
    can, cannot = {"supported": True}, {"supported": False}
    return {
        "id": name, "type": "model", "display_name": name.title(), "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": context_tokens, "max_tokens": 4096, "lifecycle": "active", "capabilities": {
            "image_input": can, "pdf_input": can, "structured_outputs": can,
            "thinking": {"supported": True, "types": {"adaptive": can, "enabled": can, "disabled": can}},
            "effort": {"supported": True, "low": can, "medium": can, "high": can, "xhigh": cannot, "max": cannot},
        },
    }


def error_body(kind: str, message: str) -> Dict[str, Any]:
    """An error as the vendor words it."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}


def refusal(body: Mapping[str, Any], headers: Mapping[str, str]) -> Optional[Tuple[int, Dict[str, Any]]]:
    """The status and the body with which the vendor refuses this request; None if it does not."""
    if "x-api-key" not in headers and "authorization" not in headers:
        return 401, error_body("authentication_error", "x-api-key header is required")
    problem = "anthropic-version: header is required" if "anthropic-version" not in headers else _problem(body)
    return (400, error_body("invalid_request_error", problem)) if problem else None


def _problem(body: Mapping[str, Any]) -> str:
    unknown = set(body) - _KEYS
    if unknown:
        return f"{sorted(unknown)[0]}: Extra inputs are not permitted"
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        return "max_tokens: Field required"
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled" and not 1024 <= thinking.get("budget_tokens", 0) < limit:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    if thinking.get("type") in ("enabled", "adaptive") and body.get("temperature", 1) != 1:
        return "`temperature` may only be set to 1 when thinking is enabled"
    if str(body).count("'cache_control'") > 4:
        return "A maximum of 4 blocks with cache_control may be provided."
    return _messages_problem(body.get("messages") or [])


def _messages_problem(messages: List[Mapping[str, Any]]) -> str:
    if not messages or messages[0].get("role") != "user":
        return 'messages: first message must use the "user" role'
    waiting: List[str] = []
    used: List[str] = []
    for at, message in enumerate(messages):
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message.get("role") not in _BLOCKS or not isinstance(blocks, list) or not blocks:
            return f"messages.{at}: Input should be a valid message"
        for block in blocks:
            if block.get("type") not in _BLOCKS[message["role"]]:
                return f"messages.{at}.content: unexpected block {block.get('type')!r}"
            if block["type"] == "text" and not block.get("text", "").strip():
                return "messages: text content blocks must contain non-whitespace text"
            if block["type"] in ("tool_use", "tool_result") and not _ID.fullmatch(_id_of(block)):
                return f"messages.{at}.content: String should match pattern '^[a-zA-Z0-9_-]+$'"
        answered = [_id_of(block) for block in blocks if block["type"] == "tool_result"]
        if waiting and answered[: len(waiting)] != waiting:
            return f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after"
        waiting = [_id_of(block) for block in blocks if block["type"] == "tool_use"]
        used += waiting
        if len(used) != len(set(used)):
            return f"messages.{at}.content: `tool_use` ids must be unique"
    return ""


def _id_of(block: Mapping[str, Any]) -> str:
    return str(block.get("tool_use_id", block.get("id", "")))


def _reason(word: str) -> str:
    return _REASONS.get(word, word)

"""How Mistral's server answers, and what it refuses: unknown keys, foreign call ids, a question after a tool."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .server import Request

_KEYS = frozenset({
    "model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata",
    "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction",
    "parallel_tool_calls", "prompt_mode", "reasoning_effort", "safe_prompt", "guardrails", "prompt_cache_key",
})
_MESSAGE_KEYS = {
    "system": {"role", "content"}, "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"}, "tool": {"role", "content", "tool_call_id", "name"},
}
_ID = re.compile(r"[a-zA-Z0-9]{9}")


class MistralDialect:
    """The chunks of one answer. Thoughts are chunks of the content, calls arrive whole, the last one counts."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, request: Request) -> None:
        model = str(request.json().get("model", "fake-model"))
        self.base = {"id": "cmpl-fake", "created": 1766000000, "model": model}
        self._calls = 0

    def start(self, usage: Tuple[int, int]) -> List[bytes]:
        """What comes before the first token."""
        return [self._event({"role": "assistant", "content": ""})]

    def token(self, text: str) -> bytes:
        """A piece of the text."""
        return self._event({"content": text})

    def thinking(self, text: str) -> bytes:
        """A piece of what it thinks."""
        return self._event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]})

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        """A whole tool call."""
        call = {"id": call_id, "function": {"name": name, "arguments": arguments}, "index": self._calls}
        self._calls += 1
        return self._event({"content": "", "tool_calls": [call]})

    def end(self, reason: str, usage: Tuple[int, int]) -> List[bytes]:
        """What comes after the last token."""
        return [self._event({"content": ""}, reason, usage=_usage(usage)), b"data: [DONE]\n\n"]

    def whole(self, text: str, reason: str, usage: Tuple[int, int]) -> Dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": text, "tool_calls": None}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {**self.base, "object": "chat.completion", "choices": [choice], "usage": _usage(usage)}

    def _event(self, delta: Mapping[str, Any], reason: Optional[str] = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        payload = {**self.base, "object": "chat.completion.chunk", "choices": [choice], **more}
        return b"data: " + json.dumps(payload).encode() + b"\n\n"


def model_row(name: str, context_tokens: int) -> Dict[str, Any]:
    """A model as the vendor lists it."""
    return {
        "id": name, "object": "model", "type": "base", "created": 1766000000, "owned_by": "mistralai", "name": name,
        "max_context_length": context_tokens, "aliases": [f"{name}-latest"], "deprecation": None, "capabilities": {
            "completion_chat": True, "function_calling": True, "reasoning": True, "completion_fim": False,
            "fine_tuning": False, "vision": True, "ocr": False, "classification": False, "moderation": False,
            "audio": False,
        },
    }


def refusal(body: Mapping[str, Any], headers: Mapping[str, str]) -> Optional[Tuple[int, Dict[str, Any]]]:
    """The status and the body with which the vendor refuses this request; None if it does not."""
    if not headers.get("authorization", "").startswith("Bearer "):
        return 401, {"message": "Unauthorized", "request_id": "fake"}
    unknown = [("body", name) for name in sorted(set(body) - _KEYS)]
    for at, message in enumerate(body.get("messages") or ()):
        allowed = _MESSAGE_KEYS.get(message.get("role"), set())
        unknown += [("body", f"messages.{at}.{name}") for name in sorted(set(message) - allowed)]
    if unknown:
        return 422, {"object": "error", "type": "invalid_request_error", "param": None, "code": None, "message": {
            "detail": [{"type": "extra_forbidden", "loc": list(loc), "msg": "Extra inputs are not permitted"}
                       for loc in unknown]}}
    problem = _messages_problem(body.get("messages") or [])
    if not problem:
        return None
    return 400, {"object": "error", "message": problem, "type": "invalid_request_message_order", "code": "3230"}


def _messages_problem(messages: List[Mapping[str, Any]]) -> str:
    before = ""
    for message in messages:
        role = message["role"]
        if role == "user" and before == "tool":
            return "Unexpected role 'user' after role 'tool'"
        ids = [call.get("id", "") for call in message.get("tool_calls") or ()]
        for call_id in [*ids, message["tool_call_id"]] if role == "tool" else ids:
            if not _ID.fullmatch(call_id):
                return f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
        before = role
    return "" if before in ("user", "tool") else f"Expected last role User or Tool for serving but got {before}"


def _usage(usage: Tuple[int, int]) -> Dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}

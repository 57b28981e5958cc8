"""How each vendor's server words an answer, for `FakeModelServer`: one class a dialect, found by the request's path."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple
from urllib.parse import unquote

from . import anthropic_dialect, mistral_dialect
from .anthropic_dialect import AnthropicDialect
from .mistral_dialect import MistralDialect
from .server import Request

Call = Tuple[str, str, str]  # a tool call's id, its name, and its arguments as JSON text
Counts = Tuple[int, int]  # tokens in and out


class Dialect(Protocol):
    """One answer in the making. What a method returns goes on the wire as it stands, `start` before all else."""

    content_type: bytes

    def start(self, usage: Counts) -> List[bytes]:
        """What comes before the first token."""
        ...

    def token(self, text: str) -> bytes: ...

    def thinking(self, text: str) -> bytes: ...

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        """A whole tool call."""
        ...

    def end(self, reason: str, usage: Counts) -> List[bytes]:
        """The end of a good answer; `reason` is OpenAI's word."""
        ...

    def whole(self, text: str, reason: str, usage: Counts) -> Mapping[str, Any]:  # a vendor's body
        """The answer for a client that wants no stream."""
        ...


def is_chat(request: Request) -> bool:
    """Whether the request asks for an answer."""
    return any(pattern.search(request.path.partition("?")[0]) for pattern, _ in CHATS)


def dialect_of(request: Request) -> Dialect:
    """The dialect that answers a chat."""
    path = request.path.partition("?")[0]
    return next(make for pattern, make in CHATS if pattern.search(path))(request)


def refusal_of(request: Request) -> Optional[Tuple[int, Mapping[str, Any]]]:  # a vendor's body
    """The status and the body with which a strict vendor refuses a chat; None if it takes it."""
    check = _STRICT.get(request.path.partition("?")[0])
    return None if check is None else check(request.json(), request.headers)


def wants_stream(request: Request) -> bool:
    """Whether the client asked for a stream, in the way of its dialect."""
    if ":generateContent" in request.path:
        return False
    return bool(request.json().get("stream", ":streamGenerateContent" in request.path or request.path == "/api/chat"))


def model_of(request: Request) -> str:
    """The model that a chat names: in its body, or in its path."""
    found = re.search(r"/models/([^?]+):\w+Content|/deployments/([^/?]+)/", request.path)
    return unquote(found[1] or found[2]) if found else str(request.json().get("model", "fake-model"))


def question_of(body: Mapping[str, Any]) -> str:  # a request body
    """The text of the last message, whatever the dialect."""
    messages: Sequence[Any] = body.get("messages") or body.get("contents") or ()  # any dialect's
    last = messages[-1] if messages else {}
    content = last.get("content") or last.get("parts") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content)


class OpenAI:
    """`/v1/chat/completions`, and Azure's deployments."""

    content_type = b"text/event-stream"

    def __init__(self, request: Request) -> None:
        self.base = {"id": "chatcmpl-fake", "created": 1766000000, "model": model_of(request)}
        self._calls = 0
        self.is_azure = "/deployments/" in request.path
        self.wants_usage = bool((request.json().get("stream_options") or {}).get("include_usage"))

    def start(self, usage: Counts) -> List[bytes]:
        filtered = {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
        return [self._event([], prompt_filter_results=[filtered])] if self.is_azure else []

    def token(self, text: str) -> bytes:
        return self._event([{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def thinking(self, text: str) -> bytes:
        return self._event([{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}])

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        half = len(arguments) // 2
        index, self._calls = self._calls, self._calls + 1
        opening = {"index": index, "id": call_id, "type": "function",
                   "function": {"name": name, "arguments": arguments[:half]}}
        rest = {"index": index, "function": {"arguments": arguments[half:]}}
        deltas = [{"index": 0, "delta": {"tool_calls": [one]}, "finish_reason": None} for one in (opening, rest)]
        return b"".join(self._event([delta]) for delta in deltas)

    def end(self, reason: str, usage: Counts) -> List[bytes]:
        parts = [self._event([{"index": 0, "delta": {}, "finish_reason": reason}])]
        if self.wants_usage:
            parts.append(self._event([], usage=_openai_usage(usage)))
        return [*parts, b"data: [DONE]\n\n"]

    def whole(self, text: str, reason: str, usage: Counts) -> Dict[str, Any]:  # a vendor's body
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        return {**self.base, "object": "chat.completion", "choices": [choice], "usage": _openai_usage(usage)}

    def _event(self, choices: List[Any], **more: Any) -> bytes:  # a vendor's chunk
        return _event({**self.base, "object": "chat.completion.chunk", "choices": choices, **more})


class Ollama:
    """`/api/chat`."""

    content_type = b"application/x-ndjson"

    def __init__(self, request: Request) -> None:
        self.base = {"model": model_of(request), "created_at": "2026-01-01T00:00:00.000000Z"}

    def start(self, usage: Counts) -> List[bytes]:
        return []

    def token(self, text: str) -> bytes:
        return self._line({"role": "assistant", "content": text})

    def thinking(self, text: str) -> bytes:
        return self._line({"role": "assistant", "content": "", "thinking": text})

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        row = {"id": call_id, "function": {"name": name, "arguments": json.loads(arguments)}}
        return self._line({"role": "assistant", "content": "", "tool_calls": [row]})

    def end(self, reason: str, usage: Counts) -> List[bytes]:
        word = "stop" if reason == "tool_calls" else reason
        return [json.dumps(self.whole("", word, usage)).encode() + b"\n"]

    def whole(self, text: str, reason: str, usage: Counts) -> Dict[str, Any]:  # a vendor's body
        return {
            **self.base, "message": {"role": "assistant", "content": text}, "done": True, "done_reason": reason,
            "total_duration": 1000, "prompt_eval_count": usage[0], "eval_count": usage[1],
        }

    def _line(self, message: Mapping[str, Any]) -> bytes:  # a vendor's message
        return json.dumps({**self.base, "message": message, "done": False}).encode() + b"\n"


class Gemini:
    """`/v1beta/models/NAME:streamGenerateContent?alt=sse`; without alt=sse, a list, as the real one."""

    def __init__(self, request: Request) -> None:
        self.base = {"modelVersion": model_of(request), "responseId": "gemini-fake"}
        self.is_sse = "alt=sse" in request.path
        self.content_type = b"text/event-stream" if self.is_sse else b"application/json"
        self._is_first = True
        self._calls = 0

    def start(self, usage: Counts) -> List[bytes]:
        return []

    def token(self, text: str) -> bytes:
        return self._chunk([{"text": text}])

    def thinking(self, text: str) -> bytes:
        return self._chunk([{"text": text, "thought": True}])

    def call(self, call_id: str, name: str, arguments: str) -> bytes:
        part: Dict[str, Any] = {"functionCall": {"id": call_id, "name": name, "args": json.loads(arguments)}}
        if not self._calls:  # the first call of a round is the one that is signed
            part["thoughtSignature"] = "c2lnbmVk"
        self._calls += 1
        return self._chunk([part])

    def end(self, reason: str, usage: Counts) -> List[bytes]:
        word = _GEMINI_REASONS[reason]
        last = self._chunk([{"text": ""}], finish=word, usageMetadata=_gemini_usage(usage))
        return [last] if self.is_sse else [last, b"]"]

    def whole(self, text: str, reason: str, usage: Counts) -> Dict[str, Any]:  # a vendor's body
        content = {"role": "model", "parts": [{"text": text}]}
        candidate = {"index": 0, "content": content, "finishReason": _GEMINI_REASONS[reason]}
        return {**self.base, "candidates": [candidate], "usageMetadata": _gemini_usage(usage)}

    def _chunk(self, parts: Sequence[Any], *, finish: str = "", **more: Any) -> bytes:  # a vendor's chunk
        candidate: Dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
        if finish:
            candidate["finishReason"] = finish
        payload = {"candidates": [candidate], **self.base, **more}
        if self.is_sse:
            return b"data: " + json.dumps(payload).encode() + b"\r\n\r\n"
        mark, self._is_first = b"[" if self._is_first else b",\r\n", False
        return mark + json.dumps(payload, indent=2).encode()


CHATS: Tuple[Tuple[re.Pattern[str], Callable[[Request], Dialect]], ...] = (
    (re.compile(r"^/mistral/v1/chat/completions$"), MistralDialect),
    (re.compile(r"/chat/completions$"), OpenAI),
    (re.compile(r"^/v1/messages$"), AnthropicDialect),
    (re.compile(r"^/api/chat$"), Ollama),
    (re.compile(r":(?:streamG|g)enerateContent$"), Gemini),
)
_STRICT = {"/v1/messages": anthropic_dialect.refusal, "/mistral/v1/chat/completions": mistral_dialect.refusal}
_GEMINI_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}


def _event(payload: Any) -> bytes:  # any JSON
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _openai_usage(usage: Counts) -> Dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def _gemini_usage(usage: Counts) -> Dict[str, int]:
    return {"promptTokenCount": usage[0], "candidatesTokenCount": usage[1], "totalTokenCount": sum(usage)}

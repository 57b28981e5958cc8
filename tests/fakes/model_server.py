"""A well-behaved model server: streams on command, in OpenAI's and in Ollama's dialect, on one port."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from .server import Behaviour, Connection, Request, Server

Words = Union[Sequence[str], Callable[[Mapping[str, Any]], Sequence[str]]]  # Any: a request body


class FakeModelServer(Server):
    """Answers every chat with `words`. Its knobs may be turned while it runs, from any thread.

    `words`: the tokens, or a function from the request body to them. `tokens_per_s` None: as fast as it goes.
    `delay_s`: before the head; `first_token_delay_s`: after it. `hold_after`: number of tokens after which a stream
    waits for `release()`. `thinking`: reasoning tokens before the words. `error`: (status, body, headers) for the
    next `fail_times` chat requests. `drop_after`: RST after so many tokens.
    """

    def __init__(self, words: Words = ("Hello", ", ", "artist", "."), *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.words = words
        self.models: Tuple[str, ...] = ("fake-model", "fake-model-2")
        self.tokens_per_s: Optional[float] = None
        self.delay_s = 0.0
        self.first_token_delay_s = 0.0
        self.hold_after: Optional[int] = None
        self.drop_after: Optional[int] = None
        self.thinking: Sequence[str] = ()
        self.finish_reason = "stop"
        self.context_tokens = 8192
        self.error: Optional[Tuple[int, Mapping[str, Any], Mapping[str, str]]] = None  # Any: a vendor's error body
        self.fail_times = 0
        self._released = threading.Event()

    @property
    def base_url(self) -> str:
        """The base URL of the OpenAI dialect; Ollama's is `url`."""
        return f"{self.url}/v1"

    @property
    def chats(self) -> List[Request]:
        """The chat requests so far."""
        return [request for request in tuple(self.requests) if request.path in _CHATS]

    def hold(self, after: int = 0) -> None:
        """From now on streams wait after `after` tokens until `release()`."""
        self._released.clear()
        self.hold_after = after

    def release(self) -> None:
        """Lets every held stream go on, and later ones pass."""
        self.hold_after = None
        self._released.set()

    def fail(
        self, status: int, body: Optional[Mapping[str, Any]] = None, headers: Optional[Mapping[str, str]] = None,
        times: int = 1,
    ) -> None:
        """The next `times` chat requests are answered with this error."""
        self.error = (status, body or {"error": {"message": f"error {status}"}}, headers or {})
        self.fail_times = times

    def behaviour_for(self, request: Request) -> Behaviour:
        """By path."""
        path = request.path.partition("?")[0]
        if path in _CHATS:
            if self.fail_times > 0 and self.error is not None:
                self.fail_times -= 1
                status, body, headers = self.error
                return _json(body, status, headers)
            return self._chat
        answers: Dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]},
            "/api/tags": {"models": [_ollama_model(name) for name in self.models]},
            "/api/ps": {"models": [_ollama_model(self.models[0])]},
            "/api/version": {"version": "0.12.0"},
            "/api/show": {
                "details": {"family": "fake"}, "capabilities": ["completion", "tools"],
                "model_info": {"general.architecture": "fake", "fake.context_length": self.context_tokens},
            },
        }
        if path in answers:
            return _json(answers[path])
        return _json({"error": {"message": f"no such path: {path}"}}, 404)

    async def _chat(self, connection: Connection, request: Request) -> None:
        body = request.json()
        dialect = _Ollama(body) if request.path == "/api/chat" else _OpenAI(body)
        words = list(self.words(body) if callable(self.words) else self.words)
        await connection.pause(self.delay_s)
        usage = (sum(len(str(message.get("content", ""))) for message in body.get("messages", ())) // 4, len(words))
        if not body.get("stream", isinstance(dialect, _Ollama)):
            await _json(dialect.whole("".join(words), self.finish_reason, usage))(connection, request)
            return
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: " + dialect.content_type + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await connection.pause(self.first_token_delay_s)
        for token in self.thinking:
            await connection.send(_chunk(dialect.thinking(token)))
        for count, word in enumerate(words):
            await self._maybe_hold(connection, count)
            if self.drop_after is not None and count >= self.drop_after:
                await connection.pause(0.05)
                connection.reset()
                return
            await connection.send(_chunk(dialect.token(word)))
            if self.tokens_per_s is not None:
                await connection.pause(1.0 / self.tokens_per_s)
        await self._maybe_hold(connection, len(words))
        await connection.send(b"".join(_chunk(part) for part in dialect.end(self.finish_reason, usage)) + b"0\r\n\r\n")

    async def _maybe_hold(self, connection: Connection, count: int) -> None:
        while self.hold_after is not None and count >= self.hold_after and not self._released.is_set():
            await connection.pause(0.005)
        await asyncio.sleep(0)


class _OpenAI:
    content_type = b"text/event-stream"

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.base = {"id": "chatcmpl-fake", "created": 1766000000, "model": body.get("model", "fake-model")}
        self.wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))

    def token(self, text: str) -> bytes:
        return self._event([{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def thinking(self, text: str) -> bytes:
        return self._event([{"index": 0, "delta": {"reasoning_content": text}, "finish_reason": None}])

    def end(self, reason: str, usage: Tuple[int, int]) -> List[bytes]:
        parts = [self._event([{"index": 0, "delta": {}, "finish_reason": reason}])]
        if self.wants_usage:
            parts.append(self._event([], usage=_openai_usage(usage)))
        return [*parts, b"data: [DONE]\n\n"]

    def whole(self, text: str, reason: str, usage: Tuple[int, int]) -> Dict[str, Any]:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        return {**self.base, "object": "chat.completion", "choices": [choice], "usage": _openai_usage(usage)}

    def _event(self, choices: List[Any], **more: Any) -> bytes:
        payload = {**self.base, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: " + json.dumps(payload).encode() + b"\n\n"


class _Ollama:
    content_type = b"application/x-ndjson"

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.base = {"model": body.get("model", "fake-model"), "created_at": "2026-01-01T00:00:00.000000Z"}

    def token(self, text: str) -> bytes:
        return self._line({"role": "assistant", "content": text})

    def thinking(self, text: str) -> bytes:
        return self._line({"role": "assistant", "content": "", "thinking": text})

    def end(self, reason: str, usage: Tuple[int, int]) -> List[bytes]:
        return [json.dumps(self.whole("", reason, usage)).encode() + b"\n"]

    def whole(self, text: str, reason: str, usage: Tuple[int, int]) -> Dict[str, Any]:
        return {
            **self.base, "message": {"role": "assistant", "content": text}, "done": True, "done_reason": reason,
            "total_duration": 1000, "prompt_eval_count": usage[0], "eval_count": usage[1],
        }

    def _line(self, message: Mapping[str, str]) -> bytes:
        return json.dumps({**self.base, "message": message, "done": False}).encode() + b"\n"


_CHATS = frozenset({"/v1/chat/completions", "/api/chat"})


def _openai_usage(usage: Tuple[int, int]) -> Dict[str, int]:
    return {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}


def _ollama_model(name: str) -> Dict[str, Any]:
    return {"name": name, "model": name, "size": 1000, "digest": "fake", "details": {"parameter_size": "1B"}}


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _json(payload: Any, status: int = 200, headers: Optional[Mapping[str, str]] = None) -> Behaviour:  # any JSON
    async def behave(connection: Connection, request: Request) -> None:
        body = json.dumps(payload).encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await connection.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    return behave

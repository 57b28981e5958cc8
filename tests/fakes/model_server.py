"""A well-behaved model server: streams on command, in each vendor's dialect, on one port."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import anthropic_dialect, mistral_dialect
from .dialects import Call, dialect_of, is_chat, question_of, refusal_of, wants_stream
from .server import Behaviour, Connection, Request, Server

Words = Union[Sequence[str], Callable[[Mapping[str, Any]], Sequence[str]]]  # Any: a request body


class FakeModelServer(Server):
    """Answers every chat with `words`. Its knobs may be turned while it runs, from any thread.

    `words`: the tokens, or a function from the request body to them. `tokens_per_s` None: as fast as it goes.
    `delay_s`: before the head; `first_token_delay_s`: after it. `hold_after`: number of tokens after which a stream
    waits for `release()`. `thinking`: reasoning tokens before the words. `calls`: (id, name, arguments as JSON text) of
    the tools that it calls after them; the finish is then the vendor's for that. `error`: (status, body, headers) for
    the next `fail_times` chat requests. `drop_after`: RST after so many tokens. `is_cut`: the body ends well before the
    answer does. `is_framed` off: it has no length, so that nothing but the answer's own end tells. `prompt_tokens`: how
    many it counts, None for a quarter of the question's letters.
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
        self.calls: Sequence[Call] = ()
        self.is_cut = False
        self.is_framed = True
        self.finish_reason = "stop"
        self.context_tokens = 8192
        self.prompt_tokens: Optional[int] = None
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
        return [request for request in tuple(self.requests) if is_chat(request)]

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
        if is_chat(request):
            if self.fail_times > 0 and self.error is not None:
                self.fail_times -= 1
                status, body, headers = self.error
                return _json(body, status, headers)
            refused = refusal_of(request)
            return self._chat if refused is None else _json(refused[1], refused[0])
        answers: Dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]},
            "/mistral/v1/models": {
                "object": "list",
                "data": [mistral_dialect.model_row(name, self.context_tokens) for name in self.models],
            },
            "/v1beta/models": {"models": [_gemini_model(name, self.context_tokens) for name in self.models]},
            "/openai/deployments": {"data": [
                {"id": name, "model": "gpt", "status": "succeeded", "object": "deployment"} for name in self.models
            ]},
            "/api/tags": {"models": [_ollama_model(name) for name in self.models]},
            "/api/ps": {"models": [_ollama_model(name) for name in self.models[:1]]},
            "/api/version": {"version": "0.12.0"},
            "/api/show": {
                "details": {"family": "fake"}, "capabilities": ["completion", "tools"],
                "model_info": {"general.architecture": "fake", "fake.context_length": self.context_tokens},
            },
        }
        if path == "/v1/models" and "anthropic-version" in request.headers:
            rows = [anthropic_dialect.model_row(name, self.context_tokens) for name in self.models]
            return _json({"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]})
        if path in answers:
            return _json(answers[path])
        return _json({"error": {"message": f"no such path: {path}"}}, 404)

    async def _chat(self, connection: Connection, request: Request) -> None:
        body = request.json()
        dialect = dialect_of(request)
        words = list(self.words(body) if callable(self.words) else self.words)
        reason = "tool_calls" if self.calls and self.finish_reason == "stop" else self.finish_reason
        await connection.pause(self.delay_s)
        counted = len(question_of(body)) // 4 if self.prompt_tokens is None else self.prompt_tokens
        usage = (counted, len(words))
        if not wants_stream(request):
            await _json(dialect.whole("".join(words), reason, usage))(connection, request)
            return
        framing = b"Transfer-Encoding: chunked" if self.is_framed else b"Connection: close"
        piece: Callable[[bytes], bytes] = _chunk if self.is_framed else bytes
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: " + dialect.content_type + b"\r\n" + framing + b"\r\n\r\n"
        )
        for part in dialect.start(usage):
            await connection.send(piece(part))
        await connection.pause(self.first_token_delay_s)
        for token in self.thinking:
            await connection.send(piece(dialect.thinking(token)))
        for count, word in enumerate(words):
            await self._maybe_hold(connection, count)
            if self.drop_after is not None and count >= self.drop_after:
                await connection.pause(0.05)
                connection.reset()
                return
            await connection.send(piece(dialect.token(word)))
            if self.tokens_per_s is not None:
                await connection.pause(1.0 / self.tokens_per_s)
        await self._maybe_hold(connection, len(words))
        for call in self.calls:
            await connection.send(piece(dialect.call(*call)))
        parts = [] if self.is_cut else dialect.end(reason, usage)
        await connection.send(b"".join(piece(part) for part in parts) + (b"0\r\n\r\n" if self.is_framed else b""))
        if not self.is_framed:
            connection.transport.close()

    async def _maybe_hold(self, connection: Connection, count: int) -> None:
        while self.hold_after is not None and count >= self.hold_after and not self._released.is_set():
            await connection.pause(0.005)
        await asyncio.sleep(0)


def _gemini_model(name: str, window: int) -> Dict[str, Any]:  # a vendor's row
    return {
        "name": f"models/{name}", "displayName": name.title(), "inputTokenLimit": window, "outputTokenLimit": 1024,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


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

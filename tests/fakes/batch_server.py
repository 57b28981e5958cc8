"""A model server that counts: how often each prompt was asked, how many at once, and what it let through.

Speaks OpenAI's dialect, streamed or not, and Ollama's, over the raw server of `server.py`. Its knobs may be turned
while it runs.
"""

from __future__ import annotations

import asyncio
import collections
import json
import time
from typing import Any, Callable, Counter, Dict, List, Mapping, Optional, Tuple

from .server import Behaviour, Connection, Request, Server

# (status, body, headers) instead of an answer.
Refusal = Tuple[int, Mapping[str, Any], Mapping[str, str]]  # Any: a vendor's error body


class BatchServer(Server):
    """`delay_s` is how long an answer takes, `slots` how many it computes at once while the others wait in its queue.

    `per_s` lets so many through a second, refuses the rest with `refusal_headers`; `tells_limit` has answers say what
    is left; `refuse` may refuse by prompt and number of times asked; `say` is the answer to a prompt, `finish` why it
    ended; `broken` answers a prompt with raw bytes instead, and is silent for `silence_s` after them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delay_s = 0.0
        self.slots: Optional[int] = None
        self.queue_limit: Optional[int] = None
        self.per_s: Optional[float] = None
        self.stock = 10.0
        self.tells_limit = False
        self.refusal_headers: Callable[[], Mapping[str, str]] = lambda: {"Retry-After": "2"}
        self.refuse: Callable[[str, int], Optional[Refusal]] = lambda prompt, times: None
        self.say: Callable[[str], str] = lambda prompt: f"ok {prompt}"
        self.broken: Callable[[str, int], Optional[bytes]] = lambda prompt, times: None
        self.silence_s = 0.0
        self.finish = "stop"
        self.usage: Callable[[str], Tuple[int, int]] = lambda prompt: (max(1, len(prompt) // 4), 2)
        self.asked: Counter[str] = collections.Counter()
        self.refused = 0
        self.refused_at: List[float] = []
        self.times: List[float] = []
        self.bodies: List[Dict[str, Any]] = []
        self.running = self.most_running = 0
        self.in_flight: List[int] = []
        self._semaphore: Optional[asyncio.Semaphore] = None
        self._level = self.stock
        self._filled_at = 0.0

    @property
    def base_url(self) -> str:
        """For `--base-url`."""
        return f"{self.url}/v1"

    def behaviour_for(self, request: Request) -> Behaviour:
        """Chats are answered, and whoever asks for models gets one."""
        return self._chat if request.method == "POST" and request.path != "/api/show" else self._models

    async def _models(self, connection: Connection, request: Request) -> None:
        await self._plain(connection, 200, {
            "object": "list", "data": [{"id": "m", "object": "model"}], "models": [{"name": "m", "model": "m"}],
            "model_info": {"general.architecture": "x", "x.context_length": 8192}, "capabilities": ["completion"],
        }, {})

    async def _chat(self, connection: Connection, request: Request) -> None:
        body = request.json()
        prompt = prompt_of(body)
        self.bodies.append(body)
        self.asked[prompt] += 1
        self.times.append(time.monotonic())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.in_flight.append(self.running)
        try:
            if not self._lets_through() or (self.queue_limit is not None and self.running > self.queue_limit):
                self.refused += 1
                self.refused_at.append(time.monotonic())
                status = 429 if self.queue_limit is None else 503
                await self._plain(connection, status, {"error": {"message": "slow down"}}, self.refusal_headers())
                return
            refusal = self.refuse(prompt, self.asked[prompt])
            if refusal is not None:
                await self._plain(connection, *refusal)
                return
            await self._compute(connection)
            raw = self.broken(prompt, self.asked[prompt])
            if raw is not None:
                await connection.send(raw)
                if self.silence_s:
                    await connection.pause(self.silence_s)
                connection.finish()
                return
            await self._answer(connection, body, prompt, request.path)
        finally:
            self.running -= 1

    async def _compute(self, connection: Connection) -> None:
        if self.slots is None:
            if self.delay_s:
                await connection.pause(self.delay_s)
            return
        if self._semaphore is None:
            self._semaphore = asyncio.Semaphore(self.slots)
        async with self._semaphore:
            await asyncio.sleep(self.delay_s)

    def _lets_through(self) -> bool:
        if self.per_s is None:
            return True
        now = time.monotonic()
        if not self._filled_at:
            self._level = self.stock
        else:
            self._level = min(self.stock, self._level + (now - self._filled_at) * self.per_s)
        self._filled_at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    async def _answer(
        self, connection: Connection, body: Mapping[str, Any], prompt: str, request_path: str
    ) -> None:
        tokens = self.usage(prompt)
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        if request_path.startswith("/api/"):
            said, none = ({"role": "assistant", "content": text} for text in (self.say(prompt), ""))
            lines = [{"model": body["model"], "message": said, "done": False},
                     {"model": body["model"], "message": none, "done": True, "done_reason": "stop",
                      "prompt_eval_count": tokens[0], "eval_count": tokens[1]}]
            await connection.send(raw_answer(200, b"".join(json.dumps(one).encode() + b"\n" for one in lines),
                                             {"Content-Type": "application/x-ndjson", **self._limit_headers()}))
            return
        base = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            said = {"role": "assistant", "content": self.say(prompt)}
            choice = {"index": 0, "finish_reason": self.finish, "message": said}
            await self._plain(connection, 200, {**base, "object": "chat.completion", "choices": [choice],
                                                "usage": usage}, self._limit_headers())
            return
        events = [
            {**base, "object": "chat.completion.chunk",
             "choices": [{"index": 0, "delta": {"content": self.say(prompt)}, "finish_reason": None}]},
            {**base, "object": "chat.completion.chunk",
             "choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}], "usage": usage},
        ]
        stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + b"data: [DONE]\n\n"
        await connection.send(raw_answer(200, stream, {"Content-Type": "text/event-stream", **self._limit_headers()}))

    def _limit_headers(self) -> Dict[str, str]:
        if not self.tells_limit or self.per_s is None:
            return {}
        return {
            "x-ratelimit-limit-requests": f"{self.stock:.0f}", "x-ratelimit-remaining-requests": f"{int(self._level)}",
            "x-ratelimit-reset-requests": f"{(self.stock - self._level) / self.per_s * 1e3:.0f}ms",
        }

    async def _plain(
        self, connection: Connection, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:
        await connection.send(raw_answer(status, json.dumps(body).encode(),
                                         {"Content-Type": "application/json", **headers}))


def prompt_of(body: Mapping[str, Any]) -> str:
    """The last question in a body."""
    content = body["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def raw_answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole HTTP answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body

"""An OpenRouter that behaves: a catalogue with prices, a key with limits, and answers that name who computed them."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional

from .model_server import FakeModelServer, _chunk, _json
from .server import Behaviour, Connection, Request

CATALOGUE: Dict[str, Any] = {"data": [
    {
        "id": "acme/smart", "name": "Acme: Smart", "context_length": 200000, "expiration_date": "2027-03-01T00:00:00Z",
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.0000025", "completion": "0.00001", "request": "0", "input_cache_read": "0.00000025"},
        "top_provider": {"max_completion_tokens": 8192},
        "supported_parameters": ["tools", "reasoning", "response_format", "temperature"],
        "reasoning": {"supported_efforts": ["low", "high"]},
    },
    {
        "id": "acme/gift:free", "name": "Acme: Gift (free)", "context_length": 32000,
        "architecture": {"input_modalities": ["text"]}, "pricing": {"prompt": "0", "completion": "0"},
        "supported_parameters": [],
    },
    {"id": "openrouter/auto", "name": "Auto Router", "pricing": {"prompt": "-1", "completion": "-1"}},
]}


class FakeOpenRouter(FakeModelServer):
    """A `FakeModelServer` under /v1 with OpenRouter's additions.

    `upstream` computes, and charges `cost` in dollars (None: says nothing). `key` and `credits` are the two answers
    about money. `stream_error` ends the next stream with an error after its first word.
    """

    def __init__(self) -> None:
        super().__init__()
        self.upstream = "DeepInfra"
        self.cost: Optional[float] = 0.0042
        self.key: Mapping[str, Any] = {"data": {
            "label": "sk-or-v1-abc...def", "limit": 20, "limit_remaining": 12.5, "limit_reset": "monthly",
            "usage": 7.5, "usage_daily": 0.25, "usage_weekly": 1, "usage_monthly": 7.5, "is_free_tier": False,
            "free_model_daily_requests": {"used": 3, "limit": 1000, "remaining": 997},
        }}
        self.credits: Optional[Mapping[str, Any]] = {"data": {"total_credits": 50, "total_usage": 37.66}}
        self.stream_error: Optional[Mapping[str, Any]] = None

    def behaviour_for(self, request: Request) -> Behaviour:
        if request.path == "/v1/models":
            return _json(CATALOGUE)
        if request.path == "/v1/key":
            return _json(self.key)
        if request.path == "/v1/credits":
            if self.credits is None:
                return _json({"error": {"code": 403, "message": "Only management keys can do this"}}, 403)
            return _json(self.credits)
        if request.path == "/v1/chat/completions" and self.fail_times <= 0:
            return self._answer
        return super().behaviour_for(request)

    async def _answer(self, connection: Connection, request: Request) -> None:
        body = request.json()
        words = list(self.words(body) if callable(self.words) else self.words)
        base = {"id": "gen-1", "model": "acme/smart-2026", "provider": self.upstream, "object": "chat.completion.chunk"}
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await connection.send(_chunk(b": OPENROUTER PROCESSING\n\n"))
        for word in words[:1] if self.stream_error is not None else words:
            await connection.send(_chunk(_event({**base, "choices": [{"index": 0, "delta": {"content": word}}]})))
        if self.stream_error is not None:
            last = {"delta": {"content": ""}, "finish_reason": "error"}
            end = {**base, "error": self.stream_error, "choices": [last]}
            self.stream_error = None
            await connection.send(_chunk(_event(end)) + b"0\r\n\r\n")
            return
        usage = {"prompt_tokens": 12, "completion_tokens": len(words), "total_tokens": 12 + len(words)}
        if self.cost is not None:
            usage["cost"] = self.cost  # type: ignore[assignment]  # dollars beside counts
        finish = {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP"}
        ends = _event({**base, "choices": [finish]}) + _event({**base, "choices": [], "usage": usage})
        await connection.send(_chunk(ends + b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"

"""An Ollama that behaves: it knows what is on its disk and in its memory, pulls layer by layer, and loads slowly.

Run as a program (`python -m tests.fakes.ollama_server serve`), it is an `ollama` that can be started and killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .model_server import FakeModelServer, _chunk, _json
from .server import Behaviour, Connection, Request

GIB = 1 << 30


class FakeOllama(FakeModelServer):
    """A `FakeModelServer` whose Ollama side has a disk (`models`) and a memory (`memory`: model → window).

    `library`: what can be pulled, as {model: layer sizes}. `pulled`: the bytes of each layer that arrived, which stay
    when a client leaves. `bytes_per_step` and `step_s` pace a pull; `break_pull_after` bytes resets the connection
    once; `load_s` is how long a model that is not in memory takes; `memory_models` how many fit, older ones go.
    `counts_only` is the share of the prompt that is reported as read, `refuses_host` the guard against foreign names.
    """

    def __init__(self, words: Any = ("Hello", ", ", "artist", "."), *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(words, host=host)
        self.port = port
        self.models = ("qwen3:4b", "llama3.2:1b")
        self.library: Dict[str, Tuple[int, ...]] = {"gemma3:1b": (4000, 2000)}
        self.pulled: Dict[str, int] = {}
        self.bytes_per_step = 1000
        self.step_s = 0.0
        self.break_pull_after: Optional[int] = None
        self.memory: Dict[str, int] = {}
        self.memory_models = 1
        self.load_s = 0.0
        self.counts_only: Optional[float] = None
        self.capabilities: Tuple[str, ...] = ("completion", "tools", "thinking")
        self.lists_capabilities = False
        self.parameters = ""
        self.refuses_host = False
        self.context_tokens = 32768
        self._pull_gate = threading.Event()
        self._pull_gate.set()

    def hold_pulls(self) -> None:
        """Pulls stand still until `release_pulls`."""
        self._pull_gate.clear()

    def release_pulls(self) -> None:
        """Pulls go on."""
        self._pull_gate.set()

    @property
    def pulls(self) -> List[Request]:
        """The pulls so far."""
        return [one for one in tuple(self.requests) if one.path == "/api/pull"]

    def behaviour_for(self, request: Request) -> Behaviour:
        path = request.path
        body: Mapping[str, Any] = request.json() if request.body else {}
        model = str(body.get("model", ""))
        if self.refuses_host:
            return _text("", "403 Forbidden")
        if path == "/":
            return _text("Ollama is running")
        if path == "/api/tags":
            return _json({"models": [self._tag(name) for name in self.models]})
        if path == "/api/ps":
            return _json({"models": [self._running(name) for name in self.memory]})
        if path == "/api/pull":
            return self._pull
        if path in ("/api/chat", "/api/show", "/api/generate") and self._known(model) is None:
            return _json({"error": f"model '{model}' not found"}, 404)
        if path == "/api/show":
            return _json({
                "details": {"family": "fake", "parameter_size": "4B"}, "capabilities": list(self.capabilities),
                "parameters": self.parameters,
                "model_info": {"general.architecture": "fake", "fake.context_length": self.context_tokens},
            })
        if path == "/api/chat" and self.fail_times <= 0:
            return self._load_or_chat
        return super().behaviour_for(request)

    async def _load_or_chat(self, connection: Connection, request: Request) -> None:
        body = request.json()
        model = self._known(str(body["model"])) or ""
        if "think" in body and body["think"] and "thinking" not in self.capabilities:
            await _json({"error": f'"{model}" does not support thinking'}, 400)(connection, request)
            return
        base = {"model": model, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": ""}}
        if not body.get("messages") and body.get("keep_alive") == 0:
            self.memory.pop(model, None)
            await _json({**base, "done": True, "done_reason": "unload"})(connection, request)
            return
        window = int(body.get("options", {}).get("num_ctx", 4096))
        if self.memory.get(model) != window:
            await connection.pause(self.load_s)
            self.memory.pop(model, None)
            while len(self.memory) >= self.memory_models:
                del self.memory[next(iter(self.memory))]
            self.memory[model] = window
        if not body.get("messages"):
            await _json({**base, "done": True, "done_reason": "load"})(connection, request)
            return
        if self.counts_only is None:
            await self._chat(connection, request)
            return
        words = list(self.words(body) if callable(self.words) else self.words)
        read = sum(len(str(one.get("content", ""))) for one in body["messages"]) / 4
        end = {**base, "done": True, "done_reason": "stop", "prompt_eval_count": int(read * self.counts_only),
               "eval_count": len(words)}
        lines = [{**base, "message": {"role": "assistant", "content": word}, "done": False} for word in words]
        await self._lines(connection, [*lines, end])

    async def _pull(self, connection: Connection, request: Request) -> None:
        model = str(request.json()["model"])
        layers = self.library.get(model)
        steps: List[Dict[str, Any]] = [{"status": "pulling manifest"}]
        if layers is None:
            await self._lines(connection, [*steps, {"error": "pull model manifest: file does not exist"}])
            return
        await self._head(connection)
        await connection.send(_line(steps[0]))
        for number, size in enumerate(layers):
            digest = f"{number:012x}"
            status = {"status": f"pulling {digest}", "digest": f"sha256:{digest}", "total": size}
            await connection.send(_line(status))
            while self.pulled.get(digest, 0) < size:
                while not self._pull_gate.is_set():
                    await connection.pause(0.01)
                await connection.pause(self.step_s)
                self.pulled[digest] = min(size, self.pulled.get(digest, 0) + self.bytes_per_step)
                await connection.send(_line({**status, "completed": self.pulled[digest]}))
                if self.break_pull_after is not None and sum(self.pulled.values()) >= self.break_pull_after:
                    self.break_pull_after = None
                    await connection.pause(0.05)
                    connection.reset()
                    return
        self.models = (*self.models, model)
        last = [{"status": word} for word in ("verifying sha256 digest", "writing manifest", "success")]
        await connection.send(b"".join(_line(one) for one in last) + b"0\r\n\r\n")

    async def _lines(self, connection: Connection, lines: List[Dict[str, Any]]) -> None:
        await self._head(connection)
        await connection.send(b"".join(_line(one) for one in lines) + b"0\r\n\r\n")

    async def _head(self, connection: Connection) -> None:
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await asyncio.sleep(0)

    def _known(self, model: str) -> Optional[str]:
        return next((name for name in self.models if name in (model, f"{model}:latest")), None)

    def _tag(self, name: str) -> Dict[str, Any]:
        row = {"name": name, "model": name, "size": 3 * GIB, "digest": name, "details": {"parameter_size": "4B"}}
        return {**row, "capabilities": list(self.capabilities)} if self.lists_capabilities else row

    def _running(self, name: str) -> Dict[str, Any]:
        return {
            "name": name, "model": name, "size": 4 * GIB, "size_vram": 4 * GIB, "context_length": self.memory[name],
            "expires_at": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() + 240)),
        }


def _line(value: Mapping[str, Any]) -> bytes:
    return _chunk(json.dumps(value).encode() + b"\n")


def _text(text: str, status: str = "200 OK") -> Behaviour:
    async def behave(connection: Connection, request: Request) -> None:
        body = text.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        await connection.send(head + body)

    return behave


def main() -> None:
    """Serves at OLLAMA_HOST until it is killed; FAKE_OLLAMA_WORDS is what it says, FAKE_OLLAMA_FAILS why not."""
    trouble = os.environ.get("FAKE_OLLAMA_FAILS")
    if trouble:
        sys.stderr.write(f"Error: {trouble}\n")
        raise SystemExit(1)
    host, _, port = os.environ["OLLAMA_HOST"].rpartition(":")
    words = os.environ.get("FAKE_OLLAMA_WORDS", "Hello, artist.").split("|")
    server = FakeOllama(words, host=host or "127.0.0.1", port=int(port))
    server.tokens_per_s = float(os.environ.get("FAKE_OLLAMA_RATE", "0")) or None
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()

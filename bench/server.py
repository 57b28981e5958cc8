"""A model server for benchmarks, in its own process: every chat request is answered with `tokens` small events.

Speaks OpenAI's /v1/chat/completions and Ollama's /api/chat, over raw asyncio so that it stays far below its clients.
A request without a stream gets the same text in one piece, `PLAIN_S` later.
Prints its port on one line and ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import List

PLAIN_S = 0.05


def openai_answer(tokens: int) -> bytes:
    """The whole answer as one object."""
    return json.dumps({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1766000000, "model": "bench-model",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "".join(f"token{n} " for n in range(tokens))}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens},
    }).encode()


def openai_events(tokens: int) -> List[bytes]:
    """One SSE event per token, then the finish, the usage and the sentinel."""
    base = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1766000000, "model": "bench-model"}
    deltas = [{"content": f"token{n} "} for n in range(tokens)]
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    chunks.append({**base, "choices": [], "usage": usage})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def ollama_lines(tokens: int) -> List[bytes]:
    """One NDJSON line per token, then the line with the counters."""
    base = {"model": "bench-model", "created_at": "2026-01-01T00:00:00.000000Z"}
    lines = [{**base, "message": {"role": "assistant", "content": f"token{n} "}, "done": False} for n in range(tokens)]
    lines.append({**base, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop",
                  "total_duration": 1, "prompt_eval_count": 9, "eval_count": tokens})
    return [json.dumps(line).encode() + b"\n" for line in lines]


class BenchServer:
    """Answers on one port; each event is its own HTTP chunk and, as a rule, its own read at the client."""

    def __init__(self, tokens: int) -> None:
        self.plain = openai_answer(tokens)
        self.bodies = {
            "/v1/chat/completions": (b"text/event-stream", openai_events(tokens)),
            "/api/chat": (b"application/x-ndjson", ollama_lines(tokens)),
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1]
                fields = [line.split(":", 1) for line in head.lower().split("\r\n")]
                lengths = [field[1] for field in fields if field[0] == "content-length"]
                body = await reader.readexactly(int(lengths[0]) if lengths else 0)
                if path == "/v1/chat/completions" and not json.loads(body).get("stream"):
                    await asyncio.sleep(PLAIN_S)
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                    writer.write(b"content-length: %d\r\n\r\n" % len(self.plain) + self.plain)
                    continue
                await self.answer(path, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path not in self.bodies:
            body = json.dumps({
                "object": "list", "data": [{"id": "bench-model", "object": "model"}], "models": [],
                "model_info": {"general.architecture": "x", "x.context_length": 8192}, "capabilities": ["completion"],
            }).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
            return
        kind, events = self.bodies[path]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in events:
            writer.write(b"%x\r\n" % len(event) + event + b"\r\n")
            await asyncio.sleep(0.001)
        writer.write(b"0\r\n\r\n")


async def main(tokens: int) -> None:
    bench = BenchServer(tokens)
    server = await asyncio.start_server(bench.serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(closed.set)), daemon=True).start()
    await closed.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

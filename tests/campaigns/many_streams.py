"""Many streams at once over real sockets: a server that counts, and a client that counts after it. Two programs.

    python -m tests.campaigns.many_streams serve RATE                    # prints its port; ends with its input
    python -m tests.campaigns.many_streams listen URL STREAMS SECONDS    # prints one JSON object

Each stream says 0, 1, 2 … so that a lost, doubled or swapped event shows. The client is the product's own provider on
one loop; how late that loop is at its own timers is measured all the while.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, Dict, List

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import TextDelta
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.openai_provider import OpenAIProvider
from nuke_ai_panel.settings import ProviderSettings
from tests.fakes import fault_server as fake

TICK_S = 0.005


def counting(rate: float) -> fake.Behaviour:
    """Numbers, `rate` a second, until the number of seconds that the question names is over."""

    async def behave(connection: fake.Connection, request: fake.Request) -> None:
        seconds = float(request.json()["messages"][-1]["content"])
        await connection.send(fake.head(200, {"Content-Type": fake.EVENT_STREAM, "Transfer-Encoding": "chunked"}))
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while loop.time() - began < seconds:
            delta = {"choices": [{"index": 0, "delta": {"content": f"{number} "}, "finish_reason": None}]}
            await connection.send(fake.chunk(fake.event(delta)))
            number += 1
            await connection.pause(began + number / rate - loop.time())
        end = {"choices": [{"index": 0, "delta": {"content": f"of {number}"}, "finish_reason": "stop"}]}
        await connection.send(fake.chunk(fake.event(end) + b"data: [DONE]\n\n") + b"0\r\n\r\n")

    return behave


def serve(rate: float) -> None:
    """Serves until standard input ends."""
    with fake.FaultServer(counting(rate)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


async def listen(url: str, streams: int, seconds: float) -> Dict[str, Any]:  # any JSON
    """What arrived, and how late the loop was."""
    provider = OpenAIProvider(ProviderSettings("load", kind="openai", base_url=f"{url}/v1"))
    request = ChatRequest("m", (Message("q", "c", None, "user", str(seconds)),))
    lags: List[float] = []
    wrong: List[str] = []
    pieces = 0

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            lags.append(loop.time() - due)

    async def one(number: int) -> int:
        nonlocal pieces
        await asyncio.sleep(number * 0.002)
        text = ""
        try:
            async for event in provider.stream(request):
                if isinstance(event, TextDelta):
                    text += event.text
                    pieces += 1
        except ProviderError as error:
            wrong.append(f"stream {number}: {error.kind}: {error.message}")
            return 0
        words = text.split()
        count = int(words[-1])
        if words != [*map(str, range(count)), "of", str(count)]:
            wrong.append(f"stream {number}: {text[:200]}")
        return count

    watching = asyncio.ensure_future(watch())
    began, cpu = time.monotonic(), time.process_time()
    counts = await asyncio.gather(*(one(number) for number in range(streams)))
    passed, cpu = time.monotonic() - began, time.process_time() - cpu
    watching.cancel()
    await provider.close()
    lags.sort()
    return {
        "streams": streams, "seconds": round(passed, 1), "events": sum(counts), "pieces": pieces, "wrong": wrong,
        "lag_p50_ms": round(lags[len(lags) // 2] * 1000, 2), "lag_p99_ms": round(lags[int(len(lags) * 0.99)] * 1000, 2),
        "lag_max_ms": round(lags[-1] * 1000, 2), "cpu_share": round(cpu / passed, 2),
    }


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(float(sys.argv[2]))
    else:
        print(json.dumps(asyncio.run(listen(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))

"""One client variant in a fresh process: `python -m bench.clients VARIANT PORT REQUESTS AT_ONCE`. Prints one JSON line.

The line holds the median seconds to the first token, CPU seconds per 1,000 requests, wall seconds and the peak
resident memory in MiB. The first 64 requests warm the client up and are not counted.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Awaitable, Callable, Dict, List, Tuple

# One request: the seconds to its first token, and the text it got.
Ask = Callable[[], Awaitable[Tuple[float, str]]]
QUESTION = "Why is my despill eating the edge?"
MODEL = "bench-model"


def peak_mib() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 1024 / 1024


async def measure(ask: Ask, requests: int, at_once: int) -> Dict[str, float]:
    """Runs `requests` requests with `at_once` of them open all the time."""

    async def worker(count: int) -> List[float]:
        firsts = []
        for _ in range(count):
            first, text = await ask()
            assert text.count("token") == 64, text
            firsts.append(first)
        return firsts

    await asyncio.gather(*(worker(1) for _ in range(at_once)))
    wall, cpu = time.perf_counter(), time.process_time()
    groups = await asyncio.gather(*(worker(requests // at_once) for _ in range(at_once)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    firsts = [first for group in groups for first in group]
    return {
        "first_token_s": statistics.median(firsts), "cpu_per_1000_s": cpu / len(firsts) * 1000,
        "wall_s": wall, "peak_mib": peak_mib(),
    }


def bare_aiohttp(port: int, path: str, separator: bytes, prefix: bytes) -> Tuple[Ask, Callable[[], Awaitable[None]]]:
    """The peer: the least that a careful person writes with aiohttp and json."""
    import aiohttp

    sessions: List[aiohttp.ClientSession] = []
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    url = f"http://127.0.0.1:{port}{path}"

    async def ask() -> Tuple[float, str]:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        start, first, parts, rest = time.perf_counter(), 0.0, [], b""
        async with sessions[0].post(url, json=body) as response:
            async for chunk in response.content.iter_any():
                *events, rest = (rest + chunk).split(separator)
                for event in events:
                    data = event[len(prefix):]
                    if not data or data == b"[DONE]":
                        continue
                    got = json.loads(data)
                    text = got["message"]["content"] if "message" in got else "".join(
                        choice["delta"].get("content", "") for choice in got["choices"]
                    )
                    if text:
                        first = first or time.perf_counter() - start
                        parts.append(text)
        return first, "".join(parts)

    async def close() -> None:
        for session in sessions:
            await session.close()

    return ask, close


def bare_plain(port: int) -> Tuple[Ask, Callable[[], Awaitable[None]]]:
    """The peer of answers in one piece."""
    import aiohttp

    sessions: List[aiohttp.ClientSession] = []
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}

    async def ask() -> Tuple[float, str]:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        start = time.perf_counter()
        async with sessions[0].post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as response:
            text = (await response.json())["choices"][0]["message"]["content"]
        return time.perf_counter() - start, text

    async def close() -> None:
        for session in sessions:
            await session.close()

    return ask, close


def ours(port: int, kind: str, *, streams: bool = True) -> Tuple[Ask, Callable[[], Awaitable[None]]]:
    """The provider path: request values in, events out."""
    from nuke_ai_panel.events import TextDelta
    from nuke_ai_panel.messages import Message
    from nuke_ai_panel.providers.base import ChatRequest
    from nuke_ai_panel.providers.registry import provider_class
    from nuke_ai_panel.settings import ProviderSettings

    base = f"http://127.0.0.1:{port}" + ("/v1" if kind == "openai" else "")
    provider = provider_class(kind)(ProviderSettings(name=kind, kind=kind, base_url=base), key=None)
    question = Message("q", "c", None, "user", QUESTION)
    window = 4096 if kind == "ollama" else None
    request = ChatRequest(MODEL, (question,), window_tokens=window, streams=streams)

    async def ask() -> Tuple[float, str]:
        start, first, parts = time.perf_counter(), 0.0, []
        async for event in provider.stream(request):
            if type(event) is TextDelta:
                first = first or time.perf_counter() - start
                parts.append(event.text)
        return first, "".join(parts)

    return ask, provider.close


def openai_sdk(port: int) -> Tuple[Ask, Callable[[], Awaitable[None]]]:
    import openai

    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk-bench", max_retries=0)

    async def ask() -> Tuple[float, str]:
        start, first, parts = time.perf_counter(), 0.0, []
        stream = await client.chat.completions.create(
            model=MODEL, stream=True, messages=[{"role": "user", "content": QUESTION}]
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.perf_counter() - start
                parts.append(chunk.choices[0].delta.content)
        return first, "".join(parts)

    return ask, client.close


def ollama_sdk(port: int) -> Tuple[Ask, Callable[[], Awaitable[None]]]:
    import ollama

    client = ollama.AsyncClient(host=f"http://127.0.0.1:{port}")

    async def ask() -> Tuple[float, str]:
        start, first, parts = time.perf_counter(), 0.0, []
        messages = [{"role": "user", "content": QUESTION}]
        async for chunk in await client.chat(model=MODEL, messages=messages, stream=True):
            if chunk.message.content:
                first = first or time.perf_counter() - start
                parts.append(chunk.message.content)
        return first, "".join(parts)

    async def close() -> None:
        await client._client.aclose()

    return ask, close


def whole_turn(port: int, requests: int, at_once: int) -> Dict[str, float]:
    """Turns through App with the store on disk; the loop thread does the work, this thread only waits."""
    from nuke_ai_panel.app import App
    from nuke_ai_panel.core.provider_manager import ModelChoice
    from nuke_ai_panel.core.turn import TurnRequest
    from nuke_ai_panel.events import TERMINAL_EVENTS, AnswerStored, TextAdded

    with tempfile.TemporaryDirectory() as home:
        env = {"NUKE_AI_PANEL_HOME": home, "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
        app = App.open(env=env)
        choice = ModelChoice("openai", MODEL)

        async def ask() -> Tuple[float, str]:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[str] = loop.create_future()
            start, firsts = time.perf_counter(), []

            def sink(event: object) -> None:
                if type(event) is TextAdded and not firsts:
                    firsts.append(time.perf_counter() - start)
                elif isinstance(event, TERMINAL_EVENTS):
                    assert isinstance(event, AnswerStored), event
                    loop.call_soon_threadsafe(done.set_result, event.answer.text)

            app.start_turn(TurnRequest(QUESTION, choice=choice, kind="batch"), sink)
            text = await done
            return firsts[0], text

        got = asyncio.run(measure(ask, requests, at_once))
        app.close()
        got["database_mib"] = sum(p.stat().st_size for p in Path(home).rglob("*.db*")) / 2**20
        return got


def whole_batch(port: int, requests: int, at_once: int) -> Dict[str, float]:
    """A batch through plan, lanes, run directory and history; `requests` rows after a warm-up of as many as at once.

    A lane begins with eight at once and doubles; `full_wall_s` is what the rows would take if all were under way from
    the start, by the rate of those after the first `4 * at_once`.
    """
    from nuke_ai_panel.app import App
    from nuke_ai_panel.batch import calls

    with tempfile.TemporaryDirectory() as home:
        base_url = f"http://127.0.0.1:{port}/v1"
        app = App.open(env={"NUKE_AI_PANEL_HOME": home, "OPENAI_BASE_URL": base_url})

        def run(count: int, name: str) -> None:
            rows = ({"custom_id": f"r{number}", "n": number} for number in range(count))
            plan = calls.plan(rows, template="Row {{ n }}: " + QUESTION, provider="openai", model=MODEL, app=app)
            report = calls.run(plan, out=Path(home) / name, max_concurrency=at_once)
            assert report.code == 0 and report.answered == count, report

        run(at_once, "warm.run")
        wall, cpu = time.perf_counter(), time.process_time()
        run(requests, "measured.run")
        cpu, wall, peak = time.process_time() - cpu, time.perf_counter() - wall, peak_mib()
        lines = (Path(home) / "measured.run" / "results.jsonl").read_text().splitlines()
        told = [json.loads(line)["x"] for line in lines]
        ended = sorted(one["at"] for one in told)
        counted = len(ended) - 4 * at_once
        got = {"first_token_s": statistics.median(one["first_token_ms"] / 1e3 for one in told),
               "cpu_per_1000_s": cpu / requests * 1000, "wall_s": wall, "peak_mib": peak,
               "full_wall_s": (ended[-1] - ended[-counted - 1]) / counted * requests}
        app.close()
        return got


def main(variant: str, port: int, requests: int, at_once: int) -> None:
    if variant == "turn":
        got = whole_turn(port, requests, at_once)
    elif variant == "batch":
        got = whole_batch(port, requests, at_once)
    else:
        async def timed() -> Dict[str, float]:
            ask, close = {
                "bare": lambda: bare_aiohttp(port, "/v1/chat/completions", b"\n\n", b"data: "),
                "bare-ollama": lambda: bare_aiohttp(port, "/api/chat", b"\n", b""),
                "bare-plain": lambda: bare_plain(port),
                "provider": lambda: ours(port, "openai"),
                "provider-plain": lambda: ours(port, "openai", streams=False),
                "provider-ollama": lambda: ours(port, "ollama"),
                "openai-sdk": lambda: openai_sdk(port),
                "ollama-sdk": lambda: ollama_sdk(port),
            }[variant]()
            try:
                return await measure(ask, requests, at_once)
            finally:
                await close()

        got = asyncio.run(timed())
    print(json.dumps(got))


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:5]))

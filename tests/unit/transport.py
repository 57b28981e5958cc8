"""Runs a coroutine with an HttpClient as the product would: on one loop, closed at the end, nothing left behind."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, List, Mapping, Optional, TypeVar

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers.http import HttpClient, HttpOptions

T = TypeVar("T")
KEY = "sk-canary-0123456789abcdef"
BODY = {"model": "m", "messages": [{"role": "user", "content": "Why is my despill eating the edge?"}]}
QUICK = HttpOptions(proxy="none", connect_timeout_s=2.0, first_event_timeout_s=5.0, idle_timeout_s=5.0)


def run(main: Callable[[HttpClient], Awaitable[T]], options: HttpOptions = QUICK) -> T:
    """What `main(client)` returns; fails if the client leaves a task behind."""

    async def body() -> T:
        client = HttpClient("studio", options, secrets=(KEY,))
        try:
            return await asyncio.wait_for(main(client), 30)
        finally:
            await client.close()
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, left

    return asyncio.run(body())


@dataclass
class Outcome:
    """How one streamed request went, seconds from its start to its end."""

    status: Optional[int] = None
    body: bytes = b""
    pieces: List[bytes] = field(default_factory=list)
    error: Optional[ProviderError] = None
    seconds: float = 0.0

    @property
    def kind(self) -> Optional[str]:
        """The error's kind, None when it went well."""
        return self.error.kind if self.error is not None else None


async def stream(
    client: HttpClient, url: str, *, body: Any = BODY, headers: Optional[Mapping[str, str]] = None
) -> Outcome:
    """Posts and reads to the end the way a provider does: events end with a blank line, comments are keep-alives."""
    outcome, started = Outcome(), time.monotonic()
    try:
        response = await client.post_stream(url, body, headers=headers or {})
        outcome.status = response.status
        try:
            async for chunk in response.chunks():
                outcome.pieces.append(chunk)
                if chunk.startswith(b":"):
                    response.keepalive_seen()
                elif chunk.endswith(b"\n\n"):
                    response.event_seen()
        finally:
            response.close()
    except ProviderError as exc:
        outcome.error = exc
    outcome.body = b"".join(outcome.pieces)
    outcome.seconds = time.monotonic() - started
    return outcome


def ask(url: str, options: HttpOptions = QUICK, **more: Any) -> Outcome:
    """One streamed request with a client of its own."""
    return run(lambda client: stream(client, url, **more), options)


def failure(main: Callable[[HttpClient], Awaitable[object]], options: HttpOptions = QUICK) -> ProviderError:
    """The ProviderError that `main` ends with."""
    try:
        run(main, options)
    except ProviderError as exc:
        return exc
    raise AssertionError("it did not fail")

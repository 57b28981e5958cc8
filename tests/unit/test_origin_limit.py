"""A server that asks for patience gets it from everybody, nothing is lost or doubled, and who waits may be stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Awaitable, Callable, Dict, List, Optional, TypeVar

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.core.origin_limit import MOST_AT_ONCE, OriginLimit, limit_of
from nuke_ai_panel.core.slots import MOST_BY_HAND, MOST_IN_BATCH
from nuke_ai_panel.errors import ErrorKind, provider_error
from nuke_ai_panel.events import TurnStopped, WaitChanged
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes import fault_server as fake
from tests.fakes.fault_server import FaultServer
from tests.fakes.model_server import FakeModelServer
from tests.fakes.server import Connection, Request

from .turn_kit import OVERRIDES, Chat, Events

T = TypeVar("T")
FAKE = ModelChoice("openai", "fake-model")


def on_a_loop(main: Callable[[], Awaitable[T]]) -> T:
    async def body() -> T:
        return await asyncio.wait_for(main(), 20)

    return asyncio.run(body())


def slow_down(limit: OriginLimit, *, started_at: float, kind: ErrorKind = "rate_limit",
              pause_s: Optional[float] = None) -> None:
    limit.refused(provider_error(kind, "x"), started_at=started_at, pause_s=pause_s)


def test_refusals_of_one_round_halve_once_and_answers_recover_slowly() -> None:
    async def main() -> List[int]:
        limit = OriginLimit(16)
        started = [await limit.take(lambda pause_s: None) for _ in range(16)]
        for one in started:
            slow_down(limit, started_at=one)
        after_first = limit.at_once
        later = asyncio.get_running_loop().time() + 0.01
        slow_down(limit, started_at=later)
        after_second = limit.at_once
        rounds = 0
        while limit.at_once < 16:
            limit.answered()
            rounds += 1
        return [after_first, after_second, rounds]

    first, second, rounds = on_a_loop(main)
    assert (first, second) == (8, 4)
    assert rounds > 16 * 4


@pytest.mark.parametrize(("kind", "expected"), [
    ("rate_limit", 4), ("overloaded", 4), ("server_error", 8), ("network", 8), ("auth", 8),
])
def test_only_a_server_that_asks_for_patience_slows_us_down(kind: ErrorKind, expected: int) -> None:
    async def main() -> int:
        limit = OriginLimit(8)
        started = [await limit.take(lambda pause_s: None) for _ in range(8)]
        slow_down(limit, started_at=started[0], kind=kind)
        return limit.at_once

    assert on_a_loop(main) == expected


def test_nobody_starts_before_a_pause_is_over_and_the_refused_goes_first() -> None:
    async def main() -> List[str]:
        limit, order, waits = OriginLimit(1), [], []
        began = await limit.take(waits.append)
        slow_down(limit, started_at=began, pause_s=0.2)
        limit.give_back()
        asked_at = asyncio.get_running_loop().time()

        async def go(name: str, is_again: bool) -> None:
            started = await limit.take(waits.append, is_again=is_again)
            assert started - asked_at >= 0.19
            order.append(name)
            limit.give_back()

        tasks = [asyncio.ensure_future(go(name, name == "again")) for name in ("new", "newer", "again")]
        await asyncio.gather(*tasks)
        assert len(waits) == 3 and all(0 < one <= 0.2 for one in waits)
        return order

    assert on_a_loop(main) == ["again", "new", "newer"]


def test_very_long_pause_is_left_to_the_human() -> None:
    async def main() -> float:
        limit = OriginLimit(1)
        began = await limit.take(lambda pause_s: None)
        slow_down(limit, started_at=began, pause_s=99_999_999.0)
        limit.give_back()
        return await asyncio.wait_for(limit.take(lambda pause_s: None), 1)

    assert on_a_loop(main) > 0


def test_who_is_stopped_while_waiting_takes_no_place() -> None:
    async def main() -> int:
        limit = OriginLimit(1)
        await limit.take(lambda pause_s: None)
        waiting = [asyncio.ensure_future(limit.take(lambda pause_s: None)) for _ in range(5)]
        await asyncio.sleep(0)
        for one in waiting[:3]:
            one.cancel()
        limit.give_back()
        waiting[3].cancel()  # stopped in the moment in which it was let in
        await asyncio.wait(waiting[:4])
        await asyncio.wait_for(waiting[4], 1)
        limit.give_back()
        return limit._running

    assert on_a_loop(main) == 0


def test_one_origin_has_one_limit_on_its_loop() -> None:
    async def main() -> bool:
        return limit_of("http://a:1") is limit_of("http://a:1") is not limit_of("http://b:1")

    assert on_a_loop(main)
    assert MOST_AT_ONCE == 64


# ---------------------------------------------------------------- whole turns


class TokenBucket:
    """A server that allows `rate` answers a second and says 429 to the rest. It counts what it answered.

    After its first burst it refuses `least` requests, however slowly a busy machine sends them.
    """

    def __init__(self, rate: float, burst: int, *, takes_s: float = 0.01, least: int = 0) -> None:
        self.rate, self.burst, self.takes_s, self.least = rate, burst, takes_s, least
        self.answered: Dict[str, int] = {}
        self.refused = 0
        self.most_at_once = self._running = 0
        self._left, self._at = float(burst), time.monotonic()

    async def __call__(self, connection: Connection, request: Request) -> None:
        now = time.monotonic()
        self._left = min(float(self.burst), self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1 or (len(self.answered) >= self.burst and self.refused < self.least):
            self.refused += 1
            await fake.rate_limited("0.2")(connection, request)
            return
        self._left -= 1
        question = request.json()["messages"][-1]["content"]
        self.answered[question] = self.answered.get(question, 0) + 1
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        await connection.pause(self.takes_s)
        self._running -= 1
        word = {"choices": [{"index": 0, "delta": {"content": question}, "finish_reason": "stop"}]}
        await fake.sse([word])(connection, request)


def online(server: Any, **more: Any) -> App:  # any fake server; settings of any type
    return App.open(overrides={**OVERRIDES, "providers.openai.base_url": f"{server.url}/v1", **more})


def run_batch(app: App, count: int, *, kind: Any = "batch") -> List[Events]:  # a ConversationKind
    sinks = [Events() for _ in range(count)]
    for number, sink in enumerate(sinks):
        app.start_turn(TurnRequest(f"line {number}", choice=FAKE, kind=kind), sink)
    for sink in sinks:
        sink.end(60)
    return sinks


def test_storm_of_refusals_loses_and_doubles_nothing() -> None:
    bucket = TokenBucket(rate=150, burst=20, least=8)
    with FaultServer(bucket) as server:
        app = online(server)
        sinks = run_batch(app, 150)
        app.close()
        shutdown_event_loop()
    assert [sink.text() for sink in sinks] == [f"line {number}" for number in range(150)]
    assert bucket.answered == {f"line {number}": 1 for number in range(150)}
    assert 0 < bucket.refused < 150


def test_panels_have_16_places_and_batches_64() -> None:
    assert (MOST_BY_HAND, MOST_IN_BATCH) == (16, 64)
    counts = {}
    for kind in ("chat", "batch"):
        bucket = TokenBucket(rate=1e9, burst=10**9, takes_s=0.3)
        with FaultServer(bucket) as server:
            app = online(server)
            sinks = run_batch(app, 128, kind=kind)
            app.close()
            shutdown_event_loop()
        assert [sink.text() for sink in sinks] == [f"line {number}" for number in range(128)]
        assert set(bucket.answered.values()) == {1} and len(bucket.answered) == 128
        waited = sum(any(wait.phase == "queued" for wait in sink.of(WaitChanged)) for sink in sinks)
        counts[kind] = (bucket.most_at_once, waited)
    assert counts["chat"][0] <= 16 < counts["batch"][0] <= 64
    assert counts["chat"][1] >= 128 - 16 > counts["batch"][1] > 0


def test_turn_that_waits_for_a_pause_says_so_and_stops_at_once() -> None:
    with FaultServer(fake.rate_limited("30"), fake.sse([])) as server:
        app = online(server)
        first, second = Chat(app), Chat(app)
        running = first.start("q", choice=FAKE)
        first.events.wait_for(WaitChanged, where=lambda event: event.phase == "retrying")
        waiting = second.start("q", choice=FAKE)
        told = second.events.wait_for(WaitChanged, where=lambda event: event.phase == "queued")
        assert told.detail == "OpenAI asks for a pause" and 25 < (told.retry_in_s or 0) <= 30
        for chat, handle in ((first, running), (second, waiting)):
            began = time.monotonic()
            handle.stop()
            assert isinstance(chat.events.end(), TurnStopped)
            assert chat.events.times[-1] - began < 0.4
        assert len(server.requests) == 1
        app.close()
        shutdown_event_loop()


def test_two_providers_at_one_origin_share_its_patience(model_server: FakeModelServer) -> None:
    model_server.fail(429, headers={"Retry-After": "30"})
    url = model_server.base_url
    app = online(model_server, **{"providers.other.kind": "openai", "providers.other.base_url": url})
    first, second = Chat(app), Chat(app)
    one = first.start("q", choice=FAKE)
    first.events.wait_for(WaitChanged, where=lambda event: event.phase == "retrying")
    two = second.start("q", choice=ModelChoice("other", "fake-model"))
    second.events.wait_for(WaitChanged, where=lambda event: event.phase == "queued")
    for handle in (one, two):
        handle.stop()
    first.events.end(), second.events.end()
    app.close()
    shutdown_event_loop()
    assert len(model_server.chats) == 1
    assert threading.active_count() < 50

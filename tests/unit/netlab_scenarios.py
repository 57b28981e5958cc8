"""What happens to a client when the wire between two machines is bad; each runs in a process of its own (netlab)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any, Dict

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers import http_connector
from nuke_ai_panel.providers.http import HttpClient, HttpOptions
from tests.fakes import fault_server as fake
from tests.fakes.netlab import Lab, Wire

from .transport import Outcome, run, stream

EVENT = fake.event({"a": 1})
OPTIONS = HttpOptions(proxy="none", connect_timeout_s=10.0, first_event_timeout_s=30.0, idle_timeout_s=30.0)


def told(outcome: Outcome, **more: Any) -> Dict[str, Any]:  # any JSON
    """How a stream went."""
    return {
        "kind": outcome.kind, "body": outcome.body.decode(), "seconds": outcome.seconds,
        "message": outcome.error.message if outcome.error is not None else "", **more,
    }


def blackhole() -> Dict[str, Any]:  # any JSON
    """Nobody answers a SYN."""
    lab = Lab(Wire(), lambda host: fake.FaultServer(fake.sse([1]), host=host))
    lab.wire.cut()
    return told(run(lambda client: stream(client, lab.url), replace(OPTIONS, connect_timeout_s=1.0)))


def gone_in_mid_stream() -> Dict[str, Any]:  # any JSON
    """The other end disappears without a word, and comes back later."""
    lab = Lab(Wire(), lambda host: fake.FaultServer(
        fake.stream([EVENT] * 600, pause_s=0.1), fake.sse([1]), host=host))

    async def ask(client: HttpClient) -> Dict[str, Any]:  # any JSON
        asyncio.get_running_loop().call_later(0.5, lab.wire.cut)
        lost = await stream(client, lab.url)
        lab.wire.mend()
        return told(lost, again=(await stream(client, lab.url)).kind, requests=len(lab.requests()))

    return run(ask, replace(OPTIONS, idle_timeout_s=1.0))


def gone_while_asleep() -> Dict[str, Any]:  # any JSON
    """The machine wakes after an hour, and its connection is dead; the event deadline is far away."""
    lab = Lab(Wire(), lambda host: fake.FaultServer(
        fake.stream([EVENT] * 3, pause_s=0.05, end="stall"), fake.sse([1]), host=host))
    http_connector.LOOK_EVERY_S = 1.0
    real = time.time
    slept = [0.0]
    time.time = lambda: real() + slept[0]  # the steady clock stands still in a sleep, the wall clock goes on

    def sleep() -> None:
        lab.wire.cut()
        slept[0] = 3600.0

    async def ask(client: HttpClient) -> Dict[str, Any]:  # any JSON
        asyncio.get_running_loop().call_later(0.5, sleep)
        lost = await stream(client, lab.url)
        lab.wire.mend()
        return told(lost, again=(await stream(client, lab.url)).kind)

    return run(ask, OPTIONS)


def alive_after_sleep() -> Dict[str, Any]:  # any JSON
    """The machine wakes, and the connection has survived: nothing is ended."""

    async def pause_between(connection: fake.Connection, request: fake.Request) -> None:
        await connection.send(fake.head(200, {"Content-Type": fake.EVENT_STREAM, "Connection": "close"}) + EVENT)
        await connection.pause(5.0)
        await connection.send(EVENT)
        connection.finish()

    lab = Lab(Wire(), lambda host: fake.FaultServer(pause_between, host=host))
    http_connector.LOOK_EVERY_S = 1.0
    real = time.time
    slept = [0.0]
    time.time = lambda: real() + slept[0]

    async def ask(client: HttpClient) -> Dict[str, Any]:  # any JSON
        asyncio.get_running_loop().call_later(0.5, lambda: slept.__setitem__(0, 3600.0))
        return told(await stream(client, lab.url))

    return run(ask, OPTIONS)


def slow_and_lossy() -> Dict[str, Any]:  # any JSON
    """5 % loss, 300 ms +- 100 ms, 56 kbit/s, both ways; a large question and a streamed answer."""
    wire = Wire(loss=0.05, delay_s=0.3, jitter_s=0.1, bytes_per_s=7000.0)
    words = [fake.event({"n": number}) for number in range(60)]
    lab = Lab(wire, lambda host: fake.FaultServer(
        fake.stream([*words, b"data: [DONE]\n\n"], pause_s=0.02), fake.json_answer({"ok": 1}), host=host))

    async def ask(client: HttpClient) -> Dict[str, Any]:  # any JSON
        outcome = await stream(client, lab.url, body={"text": "x" * 20_000})
        after = await client.get_json(f"{lab.url}/after", timeout_s=60)
        return told(outcome, after=after, requests=lab.requests(), expected=b"".join(words).decode())

    return run(ask, replace(OPTIONS, first_event_timeout_s=60.0, idle_timeout_s=60.0))


def no_resolver() -> Dict[str, Any]:  # any JSON
    """A machine without any network."""

    async def ask(client: HttpClient) -> Dict[str, Any]:  # any JSON
        began = time.monotonic()
        try:
            await client.get_json("http://api.vendor.test/v1", timeout_s=30)
        except ProviderError as error:
            return {"kind": error.kind, "text": error.user_text, "seconds": time.monotonic() - began}
        return {}

    return run(ask, OPTIONS)

"""A sleep of the machine is noticed and what it broke is found; a clock that somebody sets breaks nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import List

import pytest

from nuke_ai_panel.providers import http_connector
from nuke_ai_panel.providers.http import HttpClient
from nuke_ai_panel.providers.http_wake import HASTY_PROBES, SleepWatch, probe
from tests.fakes import fault_server as fake
from tests.fakes.fixtures import StartFaultServer

from .transport import BODY, run, stream

DAY_S = 86400.0


class Clocks:
    """A wall clock and a steady one, set by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = 1.7e9, 1000.0

    def pass_by(self, wall_s: float, steady_s: float) -> None:
        self.wall += wall_s
        self.steady += steady_s


@pytest.mark.parametrize(("wall_s", "steady_s", "slept"), [
    (5, 5, False), (3600, 3600, False), (5.5, 5, False), (3600, 5, True), (DAY_S + 5, 5, True), (-DAY_S, 5, False),
    (5, 3600, False), (9, 0, False), (11, 0, True),
])
def test_gap_between_the_clocks_is_a_sleep(wall_s: float, steady_s: float, slept: bool) -> None:
    clocks = Clocks()
    watch = SleepWatch(wall=lambda: clocks.wall, steady=lambda: clocks.steady)
    clocks.pass_by(wall_s, steady_s)
    assert watch.slept() is slept
    assert watch.slept() is False


def test_timer_that_is_an_hour_late_is_a_sleep_too() -> None:
    clocks = Clocks()
    watch = SleepWatch(wall=lambda: clocks.wall, steady=lambda: clocks.steady)
    clocks.pass_by(3600, 3600)
    assert watch.slept(due_in_s=5) is True
    clocks.pass_by(6, 6)
    assert watch.slept(due_in_s=5) is False


def jump_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> List[float]:
    """Adds what is appended to the returned list to the wall clock from now on."""
    real, added = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + added[-1])
    return added


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S], ids=["a day forward", "a day back"])
def test_clock_that_is_set_in_the_middle_of_a_stream_ends_nothing(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    added = jump_after(monkeypatch, jump_s)
    monkeypatch.setattr(http_connector, "LOOK_EVERY_S", 0.1)
    event = fake.event({"a": 1})
    server = fault_server(fake.stream([event] * 10, pause_s=0.05), fake.sse([1]))

    async def ask(client: HttpClient) -> None:
        asyncio.get_running_loop().call_later(0.1, added.append, jump_s)
        outcome = await stream(client, server.url)
        assert (outcome.kind, outcome.body) == (None, event * 10)
        assert (await stream(client, server.url)).kind is None

    run(ask)


def test_idle_connections_from_before_a_sleep_are_not_used(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = jump_after(monkeypatch, 0)
    server = fault_server(fake.json_answer({"ok": 1}))

    async def ask(client: HttpClient) -> None:
        await client.get_json(server.url)
        await client.get_json(server.url)
        added.append(3600.0)
        await client.get_json(server.url)

    run(ask)
    assert [one.connection for one in server.requests] == [1, 1, 2]


def test_open_connections_are_probed_hastily_after_a_sleep(
    fault_server: StartFaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = jump_after(monkeypatch, 0)
    monkeypatch.setattr(http_connector, "LOOK_EVERY_S", 0.05)
    server = fault_server(fake.stall(fake.event({"a": 1})))

    async def ask(client: HttpClient) -> List[int]:
        response = await client.post_stream(server.url, BODY)
        await response.__anext__()
        assert response._transport is not None
        connected = response._transport.get_extra_info("socket")

        def idle() -> int:
            found: int = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            return found

        before = idle()
        added.append(3600.0)
        await asyncio.sleep(0.3)
        after = idle()
        response.close()
        return [before, after, connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]

    if hasattr(socket, "TCP_KEEPIDLE"):
        assert run(ask) == [30, HASTY_PROBES["TCP_KEEPIDLE"], 1]


def test_probing_a_closed_socket_is_no_error() -> None:
    gone = socket.socket()
    gone.close()
    probe(gone, HASTY_PROBES)
    probe(None, HASTY_PROBES)

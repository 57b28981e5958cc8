"""Names are looked up apart from all other work, with a deadline, and a failure is not asked for again at once."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any, Awaitable, Callable, List

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.providers import http_resolver
from nuke_ai_panel.providers.http import HttpClient

from .transport import BODY, QUICK, failure, run

UNKNOWN = "http://nobody.invalid/v1"


class Names:
    """Stands in for the system's resolver: `says` is an exception, or seconds to hang; every lookup is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: Any) -> None:
        self.says = says
        self.asked: List[float] = []
        monkeypatch.setattr("socket.getaddrinfo", self._look_up)

    def _look_up(self, *where: Any, **how: Any) -> List[Any]:
        self.asked.append(time.monotonic())
        if isinstance(self.says, BaseException):
            raise self.says
        time.sleep(self.says)
        return []


NOT_KNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def refused(client: HttpClient, url: str = UNKNOWN) -> ProviderError:
    try:
        await client.get_json(url, timeout_s=30)
    except ProviderError as error:
        return error
    raise AssertionError("it did not fail")


def test_unknown_name_is_looked_up_once_more_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, NOT_KNOWN)
    error = failure(lambda client: client.get_json(UNKNOWN))
    assert (error.kind, error.user_text) == ("network", "No address is known for nobody.invalid.")
    assert len(names.asked) == 2 and names.asked[1] - names.asked[0] >= 0.95


def test_failed_name_is_remembered_for_ten_seconds_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, NOT_KNOWN)
    monkeypatch.setattr(http_resolver, "RETRY_AFTER_S", 0.01)
    assert http_resolver.FAILURE_KEPT_S == 10.0
    monkeypatch.setattr(http_resolver, "FAILURE_KEPT_S", 0.5)

    async def again(client: HttpClient) -> List[int]:
        counts = []
        for wait_s in (0.0, 0.0, 0.6):
            await asyncio.sleep(wait_s)
            await refused(client)
            counts.append(len(names.asked))
        return counts

    assert run(again) == [2, 2, 4]


def test_name_that_comes_back_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, NOT_KNOWN)
    monkeypatch.setattr(http_resolver, "RETRY_AFTER_S", 0.05)
    real = socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9)

    def known(*where: Any, **how: Any) -> List[Any]:
        names.asked.append(time.monotonic())
        if len(names.asked) == 1:
            raise NOT_KNOWN
        return [real]

    monkeypatch.setattr("socket.getaddrinfo", known)
    assert "refuses" in failure(lambda client: client.get_json("http://back.test:9/")).message
    assert len(names.asked) == 2


def test_silent_name_server_is_given_up_after_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, 1.5)
    assert http_resolver.LOOKUP_S == 5.0
    monkeypatch.setattr(http_resolver, "LOOKUP_S", 0.3)
    began = time.monotonic()
    error = failure(lambda client: client.get_json("http://slow.test/", timeout_s=30))
    assert 0.25 < time.monotonic() - began < 1.2
    assert error.kind == "network" and "slow.test" in error.user_text
    assert "did not answer" in error.user_text


def test_hanging_lookups_do_not_pile_up_or_hold_up_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, 1.0)
    monkeypatch.setattr(http_resolver, "LOOKUP_S", 0.3)

    async def many(client: HttpClient) -> float:
        asking = [asyncio.ensure_future(refused(client, f"http://slow{number % 2}.test/")) for number in range(40)]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.run_in_executor(None, lambda: 42), 2) == 42
        passed = time.monotonic() - began
        assert {error.kind for error in await asyncio.gather(*asking)} == {"network"}
        return passed

    assert run(many) < 0.2
    assert len(names.asked) == 2


def test_failed_name_is_not_tried_again_by_the_turn() -> None:
    async def look(client: HttpClient) -> bool:
        return (await refused(client)).retryable

    work: Callable[[HttpClient], Awaitable[bool]] = look
    assert run(work) is False


def test_stop_ends_the_wait_for_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, NOT_KNOWN)

    async def stop(client: HttpClient) -> float:
        task = asyncio.ensure_future(client.post_stream(UNKNOWN, BODY))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        return time.monotonic() - began

    assert run(stop, QUICK) < 0.2

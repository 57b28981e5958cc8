"""What providers with services of their own promise, beside the contract that all keep."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Tuple, TypeVar

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, Progress
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.registry import provider_class, provider_kinds
from nuke_ai_panel.providers.services import Metered, ModelServer, Startable
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.fault_server import closed_port
from ..fakes.ollama_server import FakeOllama
from ..fakes.openrouter_server import FakeOpenRouter
from .subjects import KEY

T = TypeVar("T")


def run(kind: str, url: str, work: Callable[[Any], Awaitable[T]]) -> T:  # a provider with its services
    async def inside() -> T:
        settings = ProviderSettings(name=f"my-{kind}", kind=kind, title="Studio", base_url=url, proxy="none")
        provider: Provider = provider_class(kind)(settings, key=KEY)
        try:
            return await work(provider)
        finally:
            await provider.close()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(inside())


def test_who_has_which_service() -> None:
    def having(service: Any) -> Tuple[str, ...]:  # a runtime-checkable protocol
        rows = {kind: ProviderSettings(name="x", kind=kind, base_url="http://127.0.0.1:1") for kind in provider_kinds()}
        return tuple(kind for kind, row in rows.items() if isinstance(provider_class(kind)(row), service))

    assert having(ModelServer) == having(Startable) == ("ollama",)
    assert having(Metered) == ("openrouter",)


def test_a_pull_is_progress_and_one_finish() -> None:
    async def pull(provider: ModelServer) -> Any:  # events
        return [event async for event in provider.pull("gemma3:1b")]

    with FakeOllama() as server:
        events = run("ollama", server.url, pull)

    assert all(isinstance(event, Progress) for event in events[:-1]) and events[-1] == Finish("stop", "success")


def test_a_closed_pull_leaves_the_server() -> None:
    async def pull(provider: ModelServer) -> None:
        events: Any = provider.pull("gemma3:1b")  # a generator, which the contract does not name
        async for _ in events:
            break
        await events.aclose()

    with FakeOllama() as server:
        server.hold_pulls()
        run("ollama", server.url, pull)
        server.wait_for_disconnect()


@pytest.mark.parametrize("service", ["loaded", "load", "unload"])
def test_a_server_that_is_not_there_is_an_error_with_a_sentence(service: str) -> None:
    async def ask(provider: Any) -> None:  # see run
        await getattr(provider, service)(*(() if service == "loaded" else ("m",)))

    with pytest.raises(ProviderError) as caught:
        run("ollama", f"http://127.0.0.1:{closed_port()}", ask)

    assert (caught.value.kind, caught.value.code) == ("network", "not_running")


def test_an_account_needs_its_key_and_names_no_key() -> None:
    with FakeOpenRouter() as server:
        account = run("openrouter", f"{server.url}/v1", lambda provider: provider.account())
        asked = [one for one in server.requests if one.path in ("/v1/key", "/v1/credits")]

    assert account.credit_left_usd is not None and KEY not in repr(account)
    assert {one.headers["authorization"] for one in asked} == {f"Bearer {KEY}"}

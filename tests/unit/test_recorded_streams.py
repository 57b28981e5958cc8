"""Every recorded answer, replayed over a real socket, becomes the recorded result: provider, door and wire together."""

from __future__ import annotations

import asyncio
from typing import Callable, List, Optional, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import StreamEvent, TextDelta
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.base import ChatRequest, Provider
from nuke_ai_panel.providers.registry import provider_class
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.fault_server import FaultServer, replay
from ..normalised import differences, normalised
from ..streams import OPENAI_FAMILY, TERMINATOR, Case, load_cases

StartFaultServer = Callable[..., FaultServer]
CASES = [case for case in load_cases(OPENAI_FAMILY | {"ollama", "gemini", "anthropic"}) if case.end != "cancel"]
CHUNKINGS = [(case, chunking) for case in CASES for chunking in ("whole", "bytes", "random")
             if chunking == "whole" or len(case.body) < 5000]
CANCELLED = [case for case in load_cases() if case.end == "cancel"]
KINDS = {
    "ollama": "ollama", "openrouter": "openrouter", "gemini": "google", "anthropic": "anthropic", "mistral": "mistral",
}
PATHS = {"ollama": "", "openrouter": "/api/v1", "openai": "/v1", "google": "/v1beta", "anthropic": "", "mistral": "/v1"}
# The door words what broke in its own way, and the recorded times are not now.
LOOSE = {"reset": ("message", "code"), "idle_timeout": ("message",)}


def row(case: Case, server: FaultServer) -> ProviderSettings:
    kind = KINDS.get(case.api, "openai")
    patience_s = 0.4 if case.end == "idle_timeout" else 20.0
    return ProviderSettings(
        name=kind, kind=kind, base_url=server.url + PATHS[kind], first_event_timeout_s=patience_s,
        idle_timeout_s=patience_s,
    )


def request_of(case: Case) -> ChatRequest:
    return ChatRequest("m", (Message("q", "c", None, "user", "hello"),), think_tags=case.think_tags)


async def collect(
    settings: ProviderSettings, request: ChatRequest
) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    provider = provider_class(settings.kind)(settings, key="sk-test")
    try:
        return await listen(provider, request)
    finally:
        await provider.close()


async def listen(provider: Provider, request: ChatRequest) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    events: List[StreamEvent] = []
    try:
        async for event in provider.stream(request):
            events.append(event)
    except ProviderError as error:
        return events, error
    return events, None


@pytest.mark.parametrize(("case", "chunking"), CHUNKINGS, ids=lambda value: getattr(value, "id", value))
def test_recorded_answer_over_a_socket(case: Case, chunking: str, fault_server: StartFaultServer) -> None:
    server = fault_server(replay(
        status=case.status, headers=case.headers, body=case.body, end=case.end, chunking=chunking, seed=11
    ))

    got = normalised(*asyncio.run(collect(row(case, server), request_of(case))))

    ignore = LOOSE.get(case.end, ())
    if case.now is not None:
        ignore = (*ignore, "retry_after")
    assert differences(got, case, ignore=ignore) == []
    assert server.connections == 1


CUTTABLE = [
    case for case in CASES if case.status == 200 and case.end in ("eof", "reset") and 97 < len(case.body) < 5000
]


@pytest.mark.parametrize("case", CUTTABLE, ids=lambda case: case.id)
def test_recorded_answer_that_breaks_off_over_a_socket_is_never_a_false_success(
    case: Case, fault_server: StartFaultServer
) -> None:
    cuts = [(end, ("eof", "reset")[end % 2]) for end in range(97, len(case.body), 97)]
    server = fault_server(*(
        replay(status=200, headers=case.headers, body=case.body[:end], end=how, chunking="random", seed=end)
        for end, how in cuts
    ))

    async def read_all() -> List[Tuple[List[StreamEvent], Optional[ProviderError]]]:
        settings = row(case, server)
        provider = provider_class(settings.kind)(settings, key="sk-test")
        try:
            return [await listen(provider, request_of(case)) for _ in cuts]
        finally:
            await provider.close()

    wrong = []
    for (end, how), (events, error) in zip(cuts, asyncio.run(read_all())):
        got = normalised(events, error)
        is_early = got["finish"] is not None and not TERMINATOR.search(case.body[:end])
        if is_early or (got["error"] is not None and got["tool_calls"]):
            wrong.append((end, how, got["finish"], got["tool_calls"]))
    assert wrong == []


@pytest.mark.parametrize("case", CANCELLED, ids=lambda case: case.id)
def test_closing_the_iterator_closes_the_socket(case: Case, fault_server: StartFaultServer) -> None:
    server = fault_server(replay(status=200, headers=case.headers, body=case.body, end=case.end))

    async def read_some() -> str:
        provider = provider_class("openai")(row(case, server), key=None)
        events = provider.stream(request_of(case))
        said = ""
        async for event in events:
            if isinstance(event, TextDelta):
                said += event.text
                break
        await events.aclose()  # type: ignore[attr-defined]  # a generator, which the contract does not promise
        await asyncio.to_thread(server.wait_until, lambda: bool(server.disconnects), 5.0)
        await provider.close()
        return said

    assert asyncio.run(read_some()) == case.expect["text"]

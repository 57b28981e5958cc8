"""Stop works at every moment: at once, with the socket closed and what arrived kept."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Callable, Iterator, List

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnHandle, TurnRequest
from nuke_ai_panel.events import (
    ApprovalAsked,
    Finish,
    TextAdded,
    TextDelta,
    TurnStarted,
    TurnStopped,
    WaitChanged,
)
from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.tools import Risk, Tool, Toolbox
from nuke_ai_panel.utils.event_loop_manager import get_event_loop, shutdown_event_loop

from ..fakes.model_server import FakeModelServer
from .turn_kit import OVERRIDES, Chat, choose

SCRIPTS = ScriptedProvider.scripts
# 200 ms is the promise; the rest is for a machine that does other things too.
BOUND_S = 0.2 + 0.2
FAKE = ModelChoice("openai", "fake-model")


def stopped(chat: Chat, handle: TurnHandle) -> TurnStopped:
    """Stops, and checks what is true in every phase."""
    began = time.monotonic()
    handle.stop()
    handle.stop()
    end = chat.events.end()
    assert isinstance(end, TurnStopped), chat.events.all
    assert chat.events.times[-1] - began < BOUND_S
    assert (end.answer.status, end.answer.error, end.answer.text) == ("stopped", None, chat.events.text())
    assert handle.result(1) == end.answer and handle.error() is None
    return end


def stored(chat: Chat) -> list[tuple[str, str, str]]:
    return [(one.role, one.text, one.status) for one in chat.path()]


@pytest.fixture
def online(model_server: FakeModelServer) -> Iterator[App]:
    opened = App.open(overrides={**OVERRIDES, "providers.openai.base_url": model_server.base_url})
    yield opened
    opened.close()
    shutdown_event_loop()


@pytest.fixture
def busy_store(app: App) -> Iterator[Callable[[], None]]:
    """Makes the store unresponsive until the test ends its wait with the returned function."""
    release = threading.Event()
    app.store.open().result(5)
    app.store._worker.submit(lambda db: release.wait(5), writes=False)
    yield release.set
    release.set()


def test_stop_before_the_task_began(app: App) -> None:
    get_event_loop().call_soon_threadsafe(time.sleep, 0.1)
    chat = Chat(app)
    stopped(chat, chat.start("q"))
    assert stored(chat) == [("user", "q", "complete"), ("assistant", "", "stopped")]
    assert "demo" not in app.providers._live


def test_stop_while_the_question_is_being_stored(app: App, busy_store: Callable[[], None]) -> None:
    chat = Chat(app)
    handle = chat.start("q")
    time.sleep(0.05)
    stopped(chat, handle)
    busy_store()
    for _ in range(100):
        if len(chat.path()) == 2 and chat.path()[1].status == "stopped":
            break
        time.sleep(0.02)
    assert stored(chat) == [("user", "q", "complete"), ("assistant", "", "stopped")]


def test_stop_while_connecting() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        app = App.open(overrides={**OVERRIDES, "providers.openai.base_url": url})
        chat = Chat(app)
        handle = chat.start("q", choice=FAKE)
        chat.events.wait_for(WaitChanged, where=lambda event: event.phase == "connecting")
        time.sleep(0.1)
        stopped(chat, handle)
        assert stored(chat)[1] == ("assistant", "", "stopped")
        assert app.providers.status("openai").state == "unknown"
        app.close()
        for one in fillers:
            one.close()


@pytest.mark.parametrize("phase", ["headers", "first token", "stream"])
def test_stop_during_a_request_closes_the_socket(online: App, model_server: FakeModelServer, phase: str) -> None:
    words = {"headers": 0, "first token": 0, "stream": 2}[phase]
    if phase == "headers":
        model_server.delay_s = 30
    model_server.hold(words)
    chat = Chat(online)
    handle = chat.start("q", choice=FAKE)
    model_server.wait_for_requests(1)
    if words:
        chat.events.wait_for(TextAdded, where=lambda event: event.text.endswith(", "))
    time.sleep(0.05)
    began = time.monotonic()
    stopped(chat, handle)
    assert model_server.wait_for_disconnect(1) - began < 1
    assert stored(chat)[1] == ("assistant", "Hello, " if words else "", "stopped")
    model_server.delay_s = 0
    model_server.release()
    assert chat.ask("again", choice=FAKE).text == "Hello, artist."


def test_stop_during_back_off(online: App, model_server: FakeModelServer) -> None:
    model_server.fail(503, headers={"Retry-After": "30"}, times=5)
    chat = Chat(online)
    handle = chat.start("q", choice=FAKE)
    chat.events.wait_for(WaitChanged, where=lambda event: event.phase == "retrying")
    stopped(chat, handle)
    time.sleep(0.1)
    assert len(model_server.chats) == 1


def test_stop_under_a_flood(app: App) -> None:
    class Flood(ScriptedProvider):
        async def stream(self, request):  # type: ignore[no-untyped-def]  # the base class types it
            while True:
                yield TextDelta("token ")
                if len(chat.events.all) % 64 == 0:
                    await asyncio.sleep(0)

    app.providers._classes = lambda kind: Flood
    chat = Chat(app)
    handle = chat.start("q")
    chat.events.wait_for(TextAdded, where=lambda event: len(chat.events.all) > 500)
    assert stopped(chat, handle).answer.text.startswith("token token ")


def test_stop_with_a_provider_that_does_not_let_go(app: App) -> None:
    class Stubborn(ScriptedProvider):
        async def stream(self, request):  # type: ignore[no-untyped-def]  # the base class types it
            try:
                yield TextDelta("said")
                await asyncio.sleep(30)
            finally:
                await asyncio.sleep(0.6)

    app.providers._classes = lambda kind: Stubborn
    chat = Chat(app)
    handle = chat.start("q")
    chat.events.wait_for(TextAdded)
    stopped(chat, handle)
    assert chat.path()[1].text == "said"
    time.sleep(0.7)


def test_stop_while_the_answer_is_being_stored(app: App) -> None:
    release = threading.Event()

    def script(request: ChatRequest) -> List[str]:
        app.store._worker.submit(lambda db: release.wait(5), writes=False)
        return ["said"]

    SCRIPTS["block"] = script
    chat = Chat(app)
    handle = chat.start("q", choice=choose("block"))
    chat.events.wait_for(TextAdded)
    time.sleep(0.05)
    stopped(chat, handle)
    release.set()
    assert stored(chat)[1] == ("assistant", "said", "stopped")


@pytest.mark.parametrize("risk", [Risk.READ, Risk.EDIT])
def test_stop_while_a_tool_waits(app: App, risk: Risk) -> None:
    """A reading tool waits for the main thread, which nobody serves here; an editing one for a human."""
    ran: List[int] = []

    def look() -> str:
        ran.append(1)
        return "seen"

    tool = Tool("look", "Looks.", risk, look)
    object.__setattr__(app._services, "toolbox", Toolbox([tool]))
    SCRIPTS["tool"] = ["I look. ", ToolCall("c1", "look", {}), Finish("tool_calls", "tool_calls")]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("tool"))
    if risk is Risk.EDIT:
        chat.events.wait_for(ApprovalAsked)
    else:
        chat.events.wait_for(TextAdded)
        time.sleep(0.05)
    began = time.monotonic()
    handle.stop()
    assert isinstance(chat.events.end(), TurnStopped) and chat.events.times[-1] - began < BOUND_S
    assert ran == [] and chat.path()[1].text == "I look. "


def test_stop_of_an_ended_turn_does_nothing(app: App) -> None:
    chat = Chat(app)
    handle = chat.start("q")
    end = chat.events.end()
    handle.stop()
    time.sleep(0.05)
    assert chat.events.end() is end and chat.path()[1].status == "complete"


def test_stop_comes_from_within_the_sink(app: App) -> None:
    SCRIPTS["slow"] = ["a", 30.0]
    chat = Chat(app)
    ended = threading.Event()

    def sink(event: object) -> None:
        if isinstance(event, TextAdded):
            handle.stop()
        if isinstance(event, TurnStopped):
            ended.set()

    handle = app.start_turn(TurnRequest("q", choice=choose("slow")), sink)
    assert ended.wait(5) and chat.events.all == []


def test_the_loop_going_away_ends_the_turn_once(app: App) -> None:
    SCRIPTS["slow"] = ["a", 30.0]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("slow"))
    chat.events.wait_for(TurnStarted)
    shutdown_event_loop()
    end = chat.events.end()
    assert isinstance(end, TurnStopped) and end.answer.status == "interrupted"
    assert handle.done() and chat.path()[1].status == "interrupted"
    assert app.turns() == ()
    assert Chat(app).ask("after").status == "complete"

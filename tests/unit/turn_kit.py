"""What the tests of turns share: an App on scripts, and a sink that can be waited for."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, List, Optional, Type, TypeVar

from nuke_ai_panel.app import App, ModelChoice, TurnHandle, TurnRequest
from nuke_ai_panel.events import TERMINAL_EVENTS, TextAdded, TurnEvent
from nuke_ai_panel.messages import Message
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider

E = TypeVar("E")
OVERRIDES = {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "say"}


class Events:
    """A sink that remembers all events and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: List[TurnEvent] = []
        self.times: List[float] = []
        self._changed = threading.Condition()

    def __call__(self, event: TurnEvent) -> None:
        with self._changed:
            self.all.append(event)
            self.times.append(time.monotonic())
            self._changed.notify_all()

    def of(self, kind: Type[E]) -> List[E]:
        return [event for event in self.all if isinstance(event, kind)]

    def wait_for(self, kind: Type[E], *, where: Callable[[Any], bool] = lambda _: True, timeout_s: float = 10) -> E:
        """The first event of that kind; fails the test when it does not come."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(where(event) for event in self.of(kind)), timeout_s), self.all
        return next(event for event in self.of(kind) if where(event))

    def end(self, timeout_s: float = 10) -> TurnEvent:
        """The terminal event, after making sure that it is the only one and the last."""
        self.wait_for(object, where=lambda event: isinstance(event, TERMINAL_EVENTS), timeout_s=timeout_s)
        time.sleep(0.01)
        terminal = [event for event in self.all if isinstance(event, TERMINAL_EVENTS)]
        assert len(terminal) == 1 and self.all[-1] is terminal[0], self.all
        return terminal[0]

    def text(self) -> str:
        return "".join(event.text for event in self.of(TextAdded))


class Chat:
    """One conversation with a scripted App, driven as a front end would."""

    def __init__(self, app: App, conversation_id: Optional[str] = None) -> None:
        self.app = app
        self.conversation_id = conversation_id
        self.events = Events()

    def start(self, text: str = "", **request: Any) -> TurnHandle:  # the fields of TurnRequest
        self.events = Events()
        handle = self.app.start_turn(
            TurnRequest(text, conversation_id=self.conversation_id, **request), self.events)
        self.conversation_id = handle.conversation_id
        return handle

    def ask(self, text: str = "", **request: Any) -> Message:  # the fields of TurnRequest
        handle = self.start(text, **request)
        self.events.end()
        return handle.result(5)

    def path(self) -> List[Message]:
        assert self.conversation_id is not None
        return self.app.store.path(self.conversation_id).result(5)

    def sent(self) -> List[List[tuple[str, str]]]:
        """Role and text of every message of every request so far."""
        return [[(one.role, one.text) for one in request.messages] for request in provider(self.app).requests]


def provider(app: App, name: str = "demo") -> ScriptedProvider:
    """The live scripted provider."""
    live: ScriptedProvider = app.providers._live[name].provider  # type: ignore[assignment]  # the demo row is scripted
    return live


def choose(model: str) -> ModelChoice:
    return ModelChoice("demo", model)

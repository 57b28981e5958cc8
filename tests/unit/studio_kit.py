"""What the tests of the studio's rules share: a policy file, and an App whose provider is a real server."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable, List

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.core.studio_gate import StudioGate
from nuke_ai_panel.events import TurnEvent
from nuke_ai_panel.messages import Message
from nuke_ai_panel.store.ledger_rows import LedgerEntry

from .turn_kit import Events

CHOICE = ModelChoice("openai", "fake-model")


def write_policy(path: Path, text: str) -> Path:
    """A whole policy file; its time differs from the one that it replaces."""
    path.write_text(f"{text}\n[end]\n", encoding="utf-8")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    return path


def open_app(base_url: str, **overrides: Any) -> App:  # settings of any type, with __ for dots
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return App.open(overrides={
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": base_url,
        "providers.openai.retries": 0, **given,
    })


def ask(app: App, text: str = "hi", **request: Any) -> tuple[Message, List[TurnEvent]]:  # fields of TurnRequest
    events = Events()
    handle = app.start_turn(TurnRequest(text, request.pop("choice", CHOICE), **request), events)
    answer = handle.result(30)
    events.end(20)
    return answer, events.all


def ledger_of(
    gate: StudioGate, *, count: int = 0, where: Callable[[LedgerEntry], bool] = lambda _: True
) -> List[LedgerEntry]:
    """The ledger's entries, as soon as there are `count` whose end is known."""
    deadline = time.monotonic() + 10
    while True:
        found = [one for one in gate.entries().result(10) if where(one)]
        if sum(1 for one in found if one.ended_at is not None) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def answers(app: App, count: int = 1) -> List[LedgerEntry]:
    return ledger_of(app.gate, count=count, where=lambda one: one.purpose == "answer")

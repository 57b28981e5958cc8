"""Whatever a provider does and whenever somebody stops: one terminal event, the last one, and the store agrees."""

from __future__ import annotations

import threading
from typing import Iterator, List, Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.app import App, TurnHandle, TurnRequest
from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import (
    TERMINAL_EVENTS,
    AnswerReset,
    Finish,
    Keepalive,
    Progress,
    Restarted,
    StreamStarted,
    StreamWarning,
    TextAdded,
    TextDelta,
    ThinkingAdded,
    ThinkingDelta,
    ThinkingOpaque,
    TurnStarted,
    UsageReport,
)
from nuke_ai_panel.messages import ToolCall, Usage
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step

from ..conftest import LogLines
from .turn_kit import Chat, choose

EVENTS: List[Step] = [
    TextDelta("text "), TextDelta("\ud83d"), TextDelta("\ude00"), TextDelta("naïve"), ThinkingDelta("hm "),
    ThinkingOpaque({"signature": "s"}), StreamStarted("r", "m"), Keepalive("ping"), Progress("loading"),
    StreamWarning("unknown_delta"), Restarted(), UsageReport(Usage(input=3)), ToolCall("c", "look", {}), 0.0, 0.001,
]
ENDS: List[Step] = [
    Finish("stop"), Finish("length"), Finish("tool_calls"), provider_error("network", "gone"),
    provider_error("overloaded", "busy", retry_after_s=0.001), provider_error("auth", "no"), KeyError("bug"), 0.0,
]


@pytest.fixture
def quiet(app: App, log_lines: LogLines) -> Iterator[App]:
    yield app
    log_lines.lines = [one for one in log_lines.lines if "this is a bug" not in one.getMessage()]


@given(
    steps=st.lists(st.sampled_from(EVENTS), max_size=12), end=st.sampled_from(ENDS),
    stop_at=st.one_of(st.none(), st.integers(0, 14)), is_sink_broken=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_turn_ends_exactly_once(
    quiet: App, log_lines: LogLines, steps: List[Step], end: Step, stop_at: Optional[int], is_sink_broken: bool
) -> None:
    ScriptedProvider.scripts["any"] = [*steps, end]
    chat = Chat(quiet)
    ended = threading.Event()
    handles: List[TurnHandle] = []

    def sink(event: object) -> None:
        chat.events(event)  # type: ignore[arg-type]  # what a turn tells
        if len(chat.events.all) == stop_at and handles:
            handles[0].stop()
        if isinstance(event, TERMINAL_EVENTS):
            ended.set()
        if is_sink_broken and len(chat.events.all) == 2:
            raise ValueError("a widget is gone")

    handle = quiet.start_turn(TurnRequest("q", choice=choose("any")), sink)
    handles.append(handle)
    chat.conversation_id = handle.conversation_id
    if stop_at == 0:
        handle.stop()
    assert ended.wait(10)
    final = handle.result(5)
    log_lines.lines = [one for one in log_lines.lines if "receiver" not in one.getMessage()]
    terminal = [event for event in chat.events.all if isinstance(event, TERMINAL_EVENTS)]
    assert len(terminal) == 1 and chat.events.all[-1] is terminal[0]
    assert isinstance(chat.events.all[0], TurnStarted)
    resets = [number for number, event in enumerate(chat.events.all) if isinstance(event, AnswerReset)]
    since = chat.events.all[resets[-1]:] if resets else chat.events.all
    assert "".join(one.text for one in since if isinstance(one, TextAdded)) == final.text
    assert "".join(one.text for one in since if isinstance(one, ThinkingAdded)) == final.reasoning
    assert final.text.encode("utf-8").decode() == final.text
    assert (final.status == "failed") == (final.error is not None)
    kept = chat.path()
    assert (kept[0].text, kept[1].text, kept[1].status, kept[1].id) == ("q", final.text, final.status, final.id)
    assert quiet.turns() == ()

"""The room for tools: bounded, approved by a human, run on the main thread; an empty toolbox ends the turn plainly."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Iterator

import pytest

from nuke_ai_panel.app import App, Approval, TurnRequest
from nuke_ai_panel.errors import ToolError
from nuke_ai_panel.events import (
    AnswerStored,
    ApprovalAsked,
    Finish,
    RoundStarted,
    ToolFinished,
    WarningRaised,
)
from nuke_ai_panel.messages import ToolCall
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.tools import Risk, Tool, Toolbox, problem_with
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..conftest import LogLines
from .turn_kit import OVERRIDES, Chat, Events, choose, provider

SCRIPTS = ScriptedProvider.scripts
SCHEMA = {
    "type": "object", "properties": {"node": {"type": "string"}, "gain": {"type": "number"}}, "required": ["node"],
}


def read(node: str, gain: float = 1.0) -> str:
    assert threading.current_thread() is threading.main_thread()
    return f"{node} has gain {gain}"


def fail(node: str) -> str:
    raise ToolError(f"there is no node {node}")


def crash(node: str) -> str:
    raise ZeroDivisionError("inside")


@pytest.fixture
def tooled() -> Iterator[App]:
    box = Toolbox([
        Tool("read", "Reads a knob.", Risk.READ, read, SCHEMA), Tool("fail", "Fails.", Risk.READ, fail, SCHEMA),
        Tool("crash", "Crashes.", Risk.READ, crash, SCHEMA),
        Tool("edit", "Edits.", Risk.EDIT, read, SCHEMA, lambda node, gain=1.0: f"Set the gain of {node}"),
    ])
    kept = dict(ScriptedProvider.scripts)
    opened = App.open(overrides=OVERRIDES, toolbox=box)
    yield opened
    opened.close()
    shutdown_event_loop()
    ScriptedProvider.scripts.clear()
    ScriptedProvider.scripts.update(kept)


def asks(*calls: ToolCall) -> None:
    """The script `tool` asks for `calls` until it has read a result, and then repeats what it read."""
    def script(request: ChatRequest) -> list:  # type: ignore[type-arg]  # script steps
        results = [message.text for message in request.messages if message.role == "tool"]
        if results:
            return [f"I read: {'; '.join(results)}"]
        return ["I look. ", *calls, Finish("tool_calls", "tool_calls")]

    SCRIPTS["tool"] = script


def ask(app: App) -> tuple[Chat, str]:
    chat = Chat(app)
    handle = chat.start("q", choice=choose("tool"))
    text = handle.result(5).text  # the main thread serves the tools here
    chat.events.end()
    return chat, text


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall("call_1", name, arguments, str(arguments))


def test_a_call_nobody_can_run_ends_the_turn_and_is_reported_once(app: App) -> None:
    asks(call("read", node="Blur1"), ToolCall("call_2", "paint", None, "{not json"))
    chat, text = ask(app)
    answer = chat.path()[1]
    assert (text, answer.finish, answer.status) == ("I look. ", "tool_calls", "complete")
    assert [one.name for one in answer.tool_calls] == ["read", "paint"]
    warnings = chat.events.of(WarningRaised)
    assert [one.code for one in warnings] == ["tool_calls_unanswered"] and "read, paint" in warnings[0].text
    assert len(provider(app).requests) == 1 and answer.warnings == ("tool_calls_unanswered",)
    chat.ask("and then?", choice=choose("echo"))
    assert chat.sent()[-1] == [("user", "q"), ("assistant", "I look. "), ("user", "and then?")]


def test_a_reading_tool_runs_on_the_main_thread_and_the_model_reads_its_result(tooled: App) -> None:
    asks(call("read", node="Blur1", gain=2))
    chat, text = ask(tooled)
    assert text == "I read: Blur1 has gain 2"
    assert [(one.role, one.text) for one in chat.path()] == [
        ("user", "q"), ("assistant", "I look. "), ("tool", "Blur1 has gain 2"), ("assistant", text)]
    assert [(one.result, one.is_error) for one in chat.events.of(ToolFinished)] == [("Blur1 has gain 2", False)]
    assert chat.events.of(RoundStarted)[0].answer.id == chat.path()[3].id
    assert isinstance(chat.events.end(), AnswerStored) and chat.path()[1].tool_calls[0].name == "read"


@pytest.mark.parametrize(("made", "part"), [
    (call("nothing", node="x"), "no tool called nothing"),
    (call("read"), "'node' is missing"),
    (call("read", node=3), "'node' must be string"),
    (call("read", node="x", colour=1), "'colour' is not an argument"),
    (ToolCall("call_1", "read", None, "{cut"), "not valid JSON"),
    (call("fail", node="Blur9"), "there is no node Blur9"),
])
def test_what_cannot_be_run_is_told_to_the_model(tooled: App, made: ToolCall, part: str) -> None:
    asks(made)
    chat, text = ask(tooled)
    assert part in text and chat.events.of(ToolFinished)[0].is_error
    stored = tooled.store.path(chat.conversation_id or "").result(5)
    assert [one.status for one in stored if one.role == "tool"] == ["failed"]


def test_a_crash_in_a_tool_is_logged_and_the_turn_goes_on(tooled: App, log_lines: LogLines) -> None:
    asks(call("crash", node="x"))
    assert "ZeroDivisionError" in ask(tooled)[1]
    log_lines.take("the tool crash failed")


@pytest.mark.parametrize(("approval", "result"), [
    (Approval(True), "Blur1 has gain 1.0"), (Approval(False, "Not now."), "The user did not allow this call. Not now."),
])
def test_a_changing_tool_waits_for_a_human(tooled: App, approval: Approval, result: str) -> None:
    asks(call("edit", node="Blur1"))
    events = Events()

    def sink(event: object) -> None:
        events(event)  # type: ignore[arg-type]  # what a turn tells
        if isinstance(event, ApprovalAsked):
            assert event.summary == "Set the gain of Blur1"
            handle.answer("no such call", Approval(True))
            handle.answer(event.call_id, approval)

    handle = tooled.start_turn(TurnRequest("q", choice=choose("tool")), sink)
    assert handle.result(5).text == f"I read: {result}"


def test_tool_rounds_are_bounded(tooled: App) -> None:
    tooled.settings = replace(tooled.settings, max_tool_rounds=3)
    SCRIPTS["tool"] = [call("read", node="Blur1"), Finish("tool_calls", "tool_calls")]
    chat, _ = ask(tooled)
    assert len(provider(tooled).requests) == 4
    assert [one.code for one in chat.events.of(WarningRaised)] == ["tool_rounds"]


@pytest.mark.parametrize(("arguments", "problem"), [
    ({"a": 1}, ""), ({"a": True}, "'a' must be integer"), ({"a": 1, "b": "z"}, "'b' must be one of 'x', 'y'"),
    ({}, "'a' is missing"), ({"a": 1, "c": []}, ""), ({"a": 1, "c": None}, ""),
])
def test_arguments_are_checked_against_the_schema(arguments: dict[str, object], problem: str) -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}, "c": {"type": ["array", "null"]}},
              "required": ["a"]}
    assert problem_with(arguments, schema) == problem

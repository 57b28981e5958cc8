"""A question, a thought, a tool, a result: through turn, store and socket to vendors that want their thoughts back."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping

import pytest

from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.tools import Risk, Tool, Toolbox
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..fakes.model_server import FakeModelServer
from .turn_kit import Chat

SCHEMA = {"type": "object", "properties": {"node": {"type": "string"}}, "required": ["node"]}
MODEL = "fake-model"


def open_app(server: FakeModelServer, kind: str) -> App:
    base = server.url + ("/mistral/v1" if kind == "mistral" else "")
    box = Toolbox([Tool("read", "Reads a node.", Risk.READ, lambda node: f"{node} is red", SCHEMA)])
    overrides = {
        "default_provider": kind, "default_model": MODEL, f"providers.{kind}.base_url": base,
        "parameters.reasoning_effort": "low",
    }
    return App.open(overrides=overrides, toolbox=box)


@pytest.fixture
def server(model_server: FakeModelServer, monkeypatch: pytest.MonkeyPatch) -> FakeModelServer:
    """A model that thinks, asks for one tool, and answers once it has read the result."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
    monkeypatch.setenv("MISTRAL_API_KEY", "m0123456789")

    def words(body: Mapping[str, Any]) -> List[str]:  # a request body
        has_result = "tool_result" in str(body["messages"]) or any(one["role"] == "tool" for one in body["messages"])
        model_server.calls = () if has_result else (("toolCall1", "read", '{"node": "Grade1"}'),)
        return ["It is red."] if has_result else ["I look. "]

    model_server.thinking = ("hm", " ok")
    model_server.words = words
    return model_server


@pytest.fixture(autouse=True)
def loop_ends() -> Iterator[None]:
    """The background loop of this test's apps does not outlive it."""
    yield
    shutdown_event_loop()


def sent(server: FakeModelServer) -> List[Mapping[str, Any]]:  # request bodies
    return [one.json() for one in server.chats]


def test_claude_gets_its_signed_thought_back_with_the_result_and_after_the_program_started_anew(
    server: FakeModelServer,
) -> None:
    app = open_app(server, "anthropic")
    chat = Chat(app)
    handle = chat.start("which colour?", choice=ModelChoice("anthropic", MODEL))
    answer = handle.result(10)
    chat.events.end()
    app.close()
    again = open_app(server, "anthropic")
    later = Chat(again, chat.conversation_id).ask("sure?", choice=ModelChoice("anthropic", MODEL))
    again.close()

    first, second, third = sent(server)
    thought = {"type": "thinking", "thinking": "hm ok", "signature": "c2lnbmVk"}
    call = {"type": "tool_use", "id": "toolCall1", "name": "read", "input": {"node": "Grade1"}}
    assert (answer.text, later.text) == ("It is red.", "It is red.")
    assert first["thinking"]["type"] == "adaptive" and first["tools"][0]["input_schema"] == SCHEMA
    assert second["messages"][1]["content"] == [thought, {"type": "text", "text": "I look. "}, call]
    assert second["messages"][2]["content"][0]["content"] == "Grade1 is red"
    assert third["messages"][1]["content"] == second["messages"][1]["content"]
    assert third["messages"][3]["content"][0] == thought
    assert [one["role"] for one in third["messages"]] == ["user", "assistant", "user", "assistant", "user"]


def test_mistral_gets_its_thought_back_with_the_result(server: FakeModelServer) -> None:
    app = open_app(server, "mistral")
    chat = Chat(app)
    handle = chat.start("which colour?", choice=ModelChoice("mistral", MODEL))
    answer = handle.result(10)
    chat.events.end()
    app.close()

    _, second = sent(server)
    assert answer.text == "It is red." and answer.reasoning == "hm ok"
    _, asked, result = second["messages"]
    assert asked["content"][0] == {"type": "thinking", "thinking": [{"type": "text", "text": "hm ok"}]}
    assert (result["tool_call_id"], result["content"]) == ("toolCall1", "Grade1 is red")

"""Every body that a provider sends is one that the vendor's own SDK could have sent, down to the last key.

Run by `make proof` (`python .ci/legs.py proof`); the file's name keeps it out of the ordinary tests, which have no SDK.
"""

from __future__ import annotations

import asyncio
from typing import Dict, FrozenSet, Mapping

import pytest

from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, Provider, ToolSpec

from ..contract.subjects import MODEL, REMOTE, Subject
from ..fakes.model_server import FakeModelServer
from .sdks import problems_with

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = Attachment("i", "image", "plate.png", media_type="image/png", data_base64=PNG)
PDF = Attachment("p", "file", "brief.pdf", media_type="application/pdf", data_base64="JVBERi0xLjQKJSVFT0YK")
SCHEMA: Dict[str, Json] = {
    "type": "object", "title": "Shots", "additionalProperties": False, "required": ["names"],
    "properties": {"names": {"type": "array", "items": {"type": "string"}}},
}
TOOLS = (
    ToolSpec("look", "Looks at a node.", {"type": "object", "properties": {"node": {"type": "string"}}}),
    ToolSpec("now", "Tells the time.", {"type": "object", "properties": {}}),
)
CALLS = (ToolCall("a1b2c3d4e", "look", {"node": "Blur1"}), ToolCall("f5g6h7i8j", "now", {}))
# What a vendor documents beyond the SDK's types, which in the SDK goes into `extra_body` or is not there yet.
BEYOND: Mapping[str, FrozenSet[str]] = {
    "openai": frozenset({"chat_template_kwargs"}),  # a server that nobody named
    "openai-deepseek": frozenset({"messages.reasoning_content", "thinking"}),
    "openai-llamacpp": frozenset({"return_progress", "chat_template_kwargs"}),
    "openai-lmstudio": frozenset({"chat_template_kwargs"}), "openai-vllm": frozenset({"chat_template_kwargs"}),
    # gone from the newest types, still in the API: sent only to whoever set them
    "anthropic": frozenset({"temperature", "top_p"}),
    # api/types.go of the server has both; the Python types are behind it
    "ollama": frozenset({"messages.tool_call_id", "messages.tool_calls.id"}),
}


def user(text: str, *attachments: Attachment) -> Message:
    return Message("u", "c", None, "user", text, attachments=attachments)


def round_of(subject: Subject) -> tuple[Message, ...]:
    """A question, two calls, their results, and the answer that is asked for."""
    return (
        user("Look."),
        Message("a", "c", None, "assistant", "Looking.", tool_calls=CALLS, reasoning="Hm.", provider=subject.row_name),
        Message("t", "c", None, "tool", "A blur.", tool_call_id=CALLS[0].id),
        Message("s", "c", None, "tool", "Noon.", tool_call_id=CALLS[1].id),
    )


EVERYTHING = Parameters(temperature=0.5, top_p=0.9, max_tokens=2048, seed=7, stop=("END",))
REQUESTS: Mapping[str, ChatRequest] = {
    "a question": ChatRequest(MODEL, (user("Hi"),)),
    "every parameter": ChatRequest(MODEL, (user("Hi"),), system="Be brief.", parameters=EVERYTHING),
    "an effort": ChatRequest(MODEL, (user("Hi"),), parameters=Parameters(reasoning_effort="low")),
    "no effort": ChatRequest(MODEL, (user("Hi"),), parameters=Parameters(reasoning_effort="none")),
    "a picture": ChatRequest(MODEL, (user("What is it?", IMAGE),)),
    "a PDF": ChatRequest(MODEL, (user("What is it?", PDF),)),
    "a schema": ChatRequest(MODEL, (user("Which shots?"),), schema=SCHEMA),
    "tools": ChatRequest(MODEL, (user("Look."),), tools=TOOLS),
    "a conversation": ChatRequest(MODEL, (
        user("Hi"), Message("a", "c", None, "assistant", "Hello."), user("And?")), system="Be brief."),
}
TAKES_PDF = {"openai-openai", "openai-azure", "openai-litellm", "openrouter", "google", "anthropic", "mistral"}


def sent_by(subject: Subject, server: FakeModelServer, request: ChatRequest) -> Dict[str, Json]:
    """The body that the provider really sends."""
    async def ask(provider: Provider) -> None:
        try:
            async for _ in provider.stream(request):
                pass
        finally:
            await provider.close()

    asyncio.run(ask(subject.build(server)))
    body: Dict[str, Json] = server.chats[-1].json()
    return body


def without(body: Json, names: FrozenSet[str]) -> Json:
    """`body` without the keys at these paths, list positions left out."""
    if isinstance(body, list):
        return [without(one, names) for one in body]
    if not isinstance(body, dict):
        return body
    inner = {key: frozenset(name.partition(".")[2] for name in names if name.partition(".")[0] == key) for key in body}
    return {key: without(value, inner[key]) for key, value in body.items() if key not in names}


@pytest.mark.parametrize("subject", [one for one in REMOTE if not one.vendor], ids=lambda subject: subject.name)
def test_check_finds_a_key_that_no_vendor_knows_and_a_value_of_the_wrong_type(
    subject: Subject, model_server: FakeModelServer
) -> None:
    body = without(sent_by(subject, model_server, REQUESTS["a question"]), frozenset())
    turns = "contents" if "contents" in body else "messages"

    assert problems_with(subject.kind, body) == []
    assert problems_with(subject.kind, {**body, "made_up": 1})
    assert problems_with(subject.kind, {**body, turns: [{**body[turns][0], "made_up": 1}]})
    assert problems_with(subject.kind, {**body, turns: "text"})


@pytest.mark.parametrize("what", [*REQUESTS, "a round of tools"])
@pytest.mark.parametrize("subject", REMOTE, ids=lambda subject: subject.name)
def test_sdk_knows_every_key_of_our_request(subject: Subject, what: str, model_server: FakeModelServer) -> None:
    if what == "a PDF" and subject.name not in TAKES_PDF:
        what = "a picture"  # this vendor reads no PDF, which the contract tests hold
    request = REQUESTS.get(what) or ChatRequest(MODEL, round_of(subject), tools=TOOLS)

    body = without(sent_by(subject, model_server, request), BEYOND.get(subject.name, frozenset()))

    assert problems_with(subject.kind, body) == []

"""What goes out: the bodies that providers send, for each dialect."""

from __future__ import annotations

import json
from typing import Dict, Optional, Tuple

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec
from nuke_ai_panel.providers.error_facts import read_error
from nuke_ai_panel.providers.ollama_dialect import OllamaOptions, encode_chat, read_options
from nuke_ai_panel.providers.openai_dialect import Dialect, encode
from nuke_ai_panel.providers.openai_repairs import repair_for

IMAGE = Attachment("i", "image", "plate.png", media_type="image/png", data_base64="QUJD")
PASTED = Attachment("t", "paste", "error", text="Traceback …")
DETAILS = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "D"}]}
ALL = Parameters(temperature=0.5, top_p=0.9, max_tokens=100, seed=7, stop=("END",), reasoning_effort="high")
TOOLS = (ToolSpec("f", "Does it.", {"type": "object", "properties": {}}),)


def message(role: str, text: str, **more: Json) -> Message:
    return Message("id", "c", None, role, text, **more)  # type: ignore[arg-type]  # a role as text


def request(*messages: Message, **more: Json) -> ChatRequest:
    return ChatRequest("m", messages or (message("user", "hi"),), **more)


def tool_turn() -> Tuple[Message, ...]:
    call = ToolCall("c1", "f", {"x": 1})
    asked = message(
        "assistant", "", tool_calls=(call,), provider="openrouter", reasoning="hm", reasoning_opaque=(DETAILS,)
    )
    return message("user", "hi"), asked, message("tool", "42", tool_call_id="c1")


# ---------------------------------------------------------------- OpenAI family


def test_only_what_the_user_set_is_sent() -> None:
    body = encode(request(), Dialect(asks_for_usage=False), provider="openai")

    assert body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_every_parameter_has_its_name() -> None:
    body = encode(request(parameters=ALL, tools=TOOLS, system="Be brief."), Dialect(), provider="openai")

    assert {
        name: body[name] for name in ("temperature", "top_p", "max_tokens", "seed", "stop", "reasoning_effort")
    } == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 100,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "high",
    }
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["stream_options"] == {"include_usage": True}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "Does it.", "parameters": {"type": "object", "properties": {}}},
        }
    ]


def test_openrouter_effort_is_an_object_and_no_fallback_model_is_named() -> None:
    dialect = Dialect(asks_for_usage=False, effort_is_object=True)
    body = encode(request(parameters=Parameters(reasoning_effort="low")), dialect, provider="openrouter")

    assert body["reasoning"] == {"effort": "low"}
    assert not {"reasoning_effort", "stream_options", "models", "route"} & set(body)


def test_images_are_parts_after_the_text() -> None:
    asked = message("user", "What is wrong?", attachments=(IMAGE, PASTED))

    (sent,) = encode(request(asked), Dialect(), provider="p")["messages"]

    assert sent["content"] == [
        {"type": "text", "text": "Traceback …\n\nWhat is wrong?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
    ]


def test_tool_turn_goes_back_with_arguments_as_text() -> None:
    _, asked, result = encode(request(*tool_turn()), Dialect(), provider="openrouter")["messages"]

    assert asked["content"] is None
    assert asked["tool_calls"] == [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    assert result == {"role": "tool", "tool_call_id": "c1", "content": "42"}
    assert "reasoning_details" not in asked


def test_reasoning_goes_back_only_to_the_provider_that_said_it() -> None:
    dialect = Dialect(replays_details=True)

    own = encode(request(*tool_turn()), dialect, provider="openrouter")["messages"][1]
    other = encode(request(*tool_turn()), dialect, provider="other")["messages"][1]

    assert own["reasoning_details"] == DETAILS["reasoning_details"]
    assert "reasoning_details" not in other


def test_extra_body_is_merged_last() -> None:
    body = encode(request(), Dialect(extra_body={"ttl": 60, "stream_options": {}}), provider="p")

    assert (body["ttl"], body["stream_options"]) == (60, {})


def refusal(message: str, *, param: Optional[str] = None, code: str = "unsupported_parameter") -> bytes:
    return json.dumps({"error": {"message": message, "param": param, "code": code}}).encode()


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (
            refusal(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                param="max_tokens",
            ),
            "max_tokens",
        ),
        (
            refusal(
                "'temperature' does not support 0.5 with this model.", param="temperature", code="unsupported_value"
            ),
            "temperature",
        ),
        (refusal("Unrecognized request argument supplied: seed"), "seed"),
        (b'{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}', "stream_options"),
        (refusal("top_p is not supported"), "top_p"),
        (refusal("'n' is not supported"), None),
        (refusal("max_tokens is too large: 5000", param="max_tokens"), None),
        (b"<html>Bad Request</html>", None),
    ],
)
def test_refused_parameter_is_found_in_the_error(body: bytes, refused: Optional[str]) -> None:
    sent = encode(request(parameters=ALL), Dialect(), provider="p")

    assert repair_for(read_error(body), sent) == refused


def test_repaired_request_renames_or_drops() -> None:
    old = encode(request(parameters=ALL), Dialect(), provider="p", repairs=frozenset({"max_tokens", "temperature"}))
    new = encode(
        request(parameters=ALL),
        Dialect("max_completion_tokens"),
        provider="p",
        repairs=frozenset({"max_completion_tokens"}),
    )

    assert old["max_completion_tokens"] == new["max_tokens"] == 100
    assert not {"max_tokens", "temperature"} & set(old)


# ---------------------------------------------------------------- Ollama


def ollama(sent: ChatRequest, *, num_ctx: Optional[int] = None, **options: Json) -> Dict[str, Json]:
    return encode_chat(sent, OllamaOptions(**options), num_ctx=num_ctx)


def test_ollama_gets_only_what_was_set() -> None:
    assert ollama(request()) == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_ollama_parameters_are_options() -> None:
    body = ollama(request(parameters=ALL, tools=TOOLS), num_ctx=8192, keep_alive="10m", model_options={"top_k": 3})

    assert body["options"] == {
        "top_k": 3,
        "num_ctx": 8192,
        "temperature": 0.5,
        "top_p": 0.9,
        "num_predict": 100,
        "seed": 7,
        "stop": ["END"],
    }
    assert (body["keep_alive"], body["think"]) == ("10m", "high")
    assert body["tools"][0]["function"]["name"] == "f"


def test_ollama_images_are_bare_base64() -> None:
    head = Attachment("i", "image", "a.png", media_type="image/png", data_base64="data:image/png;base64,QUJD")

    (sent,) = ollama(request(message("user", "hi", attachments=(IMAGE, head))))["messages"]

    assert sent == {"role": "user", "content": "hi", "images": ["QUJD", "QUJD"]}


def test_ollama_tool_turn_has_objects_and_names() -> None:
    _, asked, result = ollama(request(*tool_turn()))["messages"]

    assert asked["tool_calls"] == [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}}]
    assert asked["thinking"] == "hm"
    assert result == {"role": "tool", "content": "42", "tool_name": "f", "tool_call_id": "c1"}


@pytest.mark.parametrize(
    ("effort", "option", "think"),
    [
        (None, None, None),
        (None, True, True),
        (None, "off", False),
        ("none", True, False),
        ("minimal", None, "low"),
        ("xhigh", None, "max"),
        ("high", False, "high"),
    ],
)
def test_ollama_thinks_as_asked(effort: Optional[str], option: Json, think: Json) -> None:
    body = ollama(request(parameters=Parameters(reasoning_effort=effort)), think=option)

    assert body.get("think") == think


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (0, 0),
        (-1, -1),
        (300, 300),
        ("300", 300),
        ("5m", "5m"),
        ("-1s", "-1s"),
        ("1h30m", "1h30m"),
        (" 10m ", "10m"),
        (None, None),
    ],
)
def test_keep_alive_is_sent_as_the_server_reads_it(value: Json, sent: Json) -> None:
    assert read_options({"keep_alive": value}, "ollama").keep_alive == sent


@pytest.mark.parametrize(
    "options",
    [
        {"keep_alive": "1d"},
        {"keep_alive": "soon"},
        {"keep_alive": True},
        {"num_ctx": "8k"},
        {"num_ctx": 0},
        {"think": "hard"},
        {"model_options": 7},
    ],
)
def test_bad_ollama_option_is_named(options: Dict[str, Json]) -> None:
    (name,) = options

    with pytest.raises(SettingsError, match=name):
        read_options(options, "ollama")

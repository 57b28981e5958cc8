"""What is sent to Anthropic: the Messages API to the letter, and nothing that was not asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Sequence

import pytest

from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.messages import Attachment, Message, ToolCall
from nuke_ai_panel.providers.anthropic_dialect import (
    NO_TRAITS,
    AnthropicOptions,
    Traits,
    clean_id,
    encode,
    lost,
    read_options,
)
from nuke_ai_panel.providers.anthropic_models import traits_of
from nuke_ai_panel.providers.anthropic_replay import placed
from nuke_ai_panel.providers.anthropic_schema import claude_schema
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec

Body = Dict[str, Any]  # a request body
PLAIN = AnthropicOptions(cache_ttl=None)
MODEL = "claude-x"
NO_PARAMETERS = Parameters()
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
PNG = "iVBORw0KGgoAAAA"


def user(text: str, *attachments: Attachment) -> Message:
    return Message("u", "c", None, "user", text, attachments=attachments)


def said(text: str, **more: Any) -> Message:  # fields of Message
    return replace(Message("a", "c", None, "assistant", text, provider="anthropic", model=MODEL), **more)


def result(text: str, call_id: str) -> Message:
    return Message("t", "c", None, "tool", text, tool_call_id=call_id)


def body_of(
    messages: Sequence[Message], options: AnthropicOptions = PLAIN, traits: Traits = NO_TRAITS, *,
    parameters: Parameters = NO_PARAMETERS, room: Any = None, **more: Any,  # an int or None; fields of ChatRequest
) -> Body:
    request = ChatRequest(MODEL, tuple(messages), parameters=parameters, **more)
    return encode(request, options, traits, provider="anthropic", label="Anthropic", room=room)


def contents(body: Body) -> List[Any]:  # blocks
    return [message["content"] for message in body["messages"]]


def test_plain_question_sends_four_fields_and_no_more() -> None:
    assert body_of([user("hi")]) == {
        "model": MODEL, "max_tokens": 8192, "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


def test_parameters_are_called_as_the_vendor_calls_them() -> None:
    body = body_of([user("hi")], parameters=Parameters(temperature=0.0, top_p=0.5, max_tokens=9, stop=("END",)))

    assert (body["temperature"], body["top_p"], body["max_tokens"], body["stop_sequences"]) == (0.0, 0.5, 9, ["END"])


def test_what_the_vendor_has_no_field_for_is_reported_as_lost() -> None:
    parameters = Parameters(seed=7, temperature=1.5, stop=("END", "\n\n"))
    request = ChatRequest(MODEL, (user("hi"),), parameters=parameters)
    body = encode(request, PLAIN, provider="anthropic")

    assert lost(request, body, NO_TRAITS) == ["seed", "stop", "temperature"]
    assert "temperature" not in body and body["stop_sequences"] == ["END"]


def test_cache_marks_stand_on_tools_system_and_the_last_block() -> None:
    tools = (ToolSpec("one", "", {}), ToolSpec("two", "", {}))
    body = body_of([user("a"), said("b"), user("c")], AnthropicOptions(), system="Be brief.", tools=tools)

    mark = {"type": "ephemeral"}
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, mark]
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    assert [block.get("cache_control") for content in contents(body) for block in content] == [None, None, mark]


def test_cache_for_an_hour_and_no_cache() -> None:
    hour = body_of([user("a")], AnthropicOptions(cache_ttl="1h"))
    none = body_of([user("a")], AnthropicOptions(cache_ttl=None), system="s")
    refused = body_of([user("a")], AnthropicOptions(), Traits(refused=frozenset({"cache_control"})), system="s")

    assert contents(hour)[0][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert "cache_control" not in str(none) and none["system"] == "s"
    assert refused == none


def test_results_of_a_round_stand_first_in_one_user_message() -> None:
    calls = (ToolCall("toolu_1", "look", {"at": 1}), ToolCall("toolu_2", "now", {}))
    body = body_of([user("q"), said("Looking.", tool_calls=calls), result("seen", "toolu_1"), result("", "toolu_2"),
                    user("and?")])

    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in contents(body)[1]] == ["text", "tool_use", "tool_use"]
    assert contents(body)[2] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": ""},
        {"type": "text", "text": "and?"},
    ]


def test_result_of_a_call_that_failed_says_so() -> None:
    failed = replace(result("no such node", "t1"), status="failed")
    body = body_of([user("q"), said("", tool_calls=(ToolCall("t1", "look", {}),)), failed])

    assert contents(body)[2][0]["is_error"] is True


def test_call_of_another_vendor_gets_an_id_that_fits_on_both_sides() -> None:
    call = ToolCall("functions.look:0", "look", None, raw_arguments='{"at": ')
    body = body_of([user("q"), said("", tool_calls=(call,)), result("no", "functions.look:0")])

    assert contents(body)[1][0] == {
        "type": "tool_use", "id": "functions_look_0", "name": "look", "input": {"INVALID_JSON": '{"at": '}}
    assert contents(body)[2][0]["tool_use_id"] == clean_id("functions.look:0") == "functions_look_0"


def test_vendor_that_numbers_its_calls_anew_in_every_answer_is_told_apart() -> None:
    call = ToolCall("call_0", "look", {})
    turn = [user("q"), said("", tool_calls=(call, replace(call, name="now"))), result("a", "call_0"),
            result("b", "call_0")]

    body = body_of([*turn, said("Done."), *turn])

    uses = [block for content in contents(body) for block in content if block["type"] == "tool_use"]
    results = [block for content in contents(body) for block in content if block["type"] == "tool_result"]
    assert [one["id"] for one in uses] == ["call_0", "call_0_2", "call_0_3", "call_0_4"]
    assert [(one["tool_use_id"], one["content"]) for one in results] == list(zip(
        ["call_0", "call_0_2", "call_0_3", "call_0_4"], ["a", "b", "a", "b"]))


def test_thoughts_go_back_unchanged_and_where_they_stood() -> None:
    opaque = (
        placed(THOUGHT, text_before=0, calls_before=0), placed(HIDDEN, text_before=4, calls_before=0),
        placed({**THOUGHT, "thinking": ""}, text_before=4, calls_before=1), {"reasoning_details": []},
    )
    calls = (ToolCall("t1", "look", {}), ToolCall("t2", "now", {}))
    body = body_of([user("q"), said("One. Two.", reasoning_opaque=opaque, tool_calls=calls), result("", "t1"),
                    result("", "t2")])

    blocks = contents(body)[1]
    assert blocks[0] == THOUGHT and blocks[2] == HIDDEN
    assert [block.get("text", block["type"]) for block in blocks] == [
        "thinking", "One.", "redacted_thinking", "tool_use", "thinking", " Two.", "tool_use"]


@pytest.mark.parametrize("stranger", [{"provider": "openai"}, {"model": "claude-y"}])
def test_thoughts_of_another_model_stay_home(stranger: Mapping[str, str]) -> None:
    opaque = (placed(THOUGHT, text_before=0, calls_before=0),)

    body = body_of([user("q"), said("A.", reasoning_opaque=opaque, **stranger), user("r")])

    assert contents(body)[1] == [{"type": "text", "text": "A."}]


def test_blank_text_is_never_a_block() -> None:
    call = ToolCall("t1", "look", {})

    body = body_of([user("q"), said(" \n", tool_calls=(call,)), result("x", "t1"), user("  ")])

    assert [[block["type"] for block in content] for content in contents(body)] == [
        ["text"], ["tool_use"], ["tool_result"]]


def test_nothing_to_send_is_said_before_anything_leaves() -> None:
    with pytest.raises(ProviderError, match="empty"):
        body_of([user(" ")])


def test_images_and_documents_come_before_the_text_with_the_type_that_they_are() -> None:
    picture = Attachment("i", "image", "a.jpg", media_type="image/jpeg", data_base64=f"data:image/jpeg;base64,{PNG}")
    paper = Attachment("p", "file", "spec.pdf", media_type="application/pdf", data_base64="JVBERi0xLjc=")

    (content,) = contents(body_of([user("What?", picture, paper)]))

    assert content == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "document", "title": "spec.pdf",
         "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="}},
        {"type": "text", "text": "What?"},
    ]


def test_picture_that_the_vendor_cannot_read_is_refused_by_name() -> None:
    plate = Attachment("i", "image", "plate.tif", media_type="image/tiff", data_base64="SUkqAA==")

    with pytest.raises(ProviderError) as caught:
        body_of([user("What?", plate)])

    assert caught.value.kind == "unsupported_feature"
    assert "plate.tif" in caught.value.user_text and "PNG" in caught.value.next_step


def test_schema_goes_closed_into_the_output_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {}},
                                               "type": {"type": "string"}}, "required": ["a"]}

    config = body_of([user("q")], schema=schema)["output_config"]

    assert config["format"]["type"] == "json_schema"
    assert config["format"]["schema"]["additionalProperties"] is False
    assert config["format"]["schema"]["properties"]["a"]["additionalProperties"] is False


def test_bounds_of_a_schema_are_said_in_words_because_the_vendor_refuses_them() -> None:
    schema = {
        "$schema": "x", "type": "object", "additionalProperties": True, "required": ["gain"], "properties": {
            "gain": {"type": "number", "minimum": 0, "maximum": 4, "description": "The gain."},
            "minimum": {"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]},
            "day": {"type": "string", "format": "date"}, "mail": {"type": "string", "format": "nuke"},
            "all": {"type": "array", "items": {"$ref": "#/$defs/one"}, "minItems": 1, "maxItems": 3},
        }, "$defs": {"one": {"type": "object", "properties": {}}},
    }

    assert claude_schema(schema) == {
        "type": "object", "additionalProperties": False, "required": ["gain"], "properties": {
            "gain": {"type": "number", "description": "The gain. (minimum: 0, maximum: 4)"},
            "minimum": {"anyOf": [{"type": "string", "description": '(pattern: "^a")'}, {"type": "null"}]},
            "day": {"type": "string", "format": "date"}, "mail": {"type": "string", "description": '(format: "nuke")'},
            "all": {"type": "array", "items": {"$ref": "#/$defs/one"}, "minItems": 1, "description": "(maxItems: 3)"},
        }, "$defs": {"one": {"type": "object", "properties": {}, "additionalProperties": False}},
    }


def test_model_that_cannot_be_held_to_a_schema_is_told_of_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = ChatRequest(MODEL, (user("q"),), system="Be brief.", schema=schema)
    traits = Traits(schema=False)
    body = encode(request, PLAIN, traits, provider="anthropic")

    assert "output_config" not in body and lost(request, body, traits) == ["response_format"]
    assert body["system"].startswith("Be brief.\n\n") and json.dumps(schema) in body["system"]


# ---------------------------------------------------------------- thinking

OLD = Traits(max_output=64_000, adaptive=False, budgeted=True, efforts=frozenset())
NEW = Traits(max_output=64_000, adaptive=True, budgeted=False, efforts=frozenset({"low", "medium", "high"}))
NEVER = Traits(max_output=4096, adaptive=False, budgeted=False, efforts=frozenset())


@pytest.mark.parametrize(("effort", "options", "traits", "thinking", "level"), [
    (None, PLAIN, NEW, None, None),
    ("high", PLAIN, NEW, {"type": "adaptive", "display": "summarized"}, "high"),
    ("max", PLAIN, NEW, {"type": "adaptive", "display": "summarized"}, "high"),
    ("minimal", PLAIN, NEW, {"type": "adaptive", "display": "summarized"}, "low"),
    ("high", PLAIN, OLD, {"type": "enabled", "budget_tokens": 16_384}, None),
    ("high", PLAIN, NEVER, None, None),
    ("none", PLAIN, NEW, {"type": "disabled"}, None),
    ("high", PLAIN, NO_TRAITS, {"type": "adaptive", "display": "summarized"}, "high"),
    (None, replace(PLAIN, thinking="adaptive"), NEW, {"type": "adaptive", "display": "summarized"}, None),
    (None, replace(PLAIN, thinking="adaptive"), OLD, {"type": "enabled", "budget_tokens": 8192}, None),
    (None, replace(PLAIN, thinking="enabled", thinking_budget=2000), OLD,
     {"type": "enabled", "budget_tokens": 2000}, None),
    (None, replace(PLAIN, thinking="off"), NEW, {"type": "disabled"}, None),
    ("low", replace(PLAIN, thinking="off"), NEW, {"type": "adaptive", "display": "summarized"}, "low"),
    ("low", PLAIN, replace(NEW, refused=frozenset({"display", "effort"})), {"type": "adaptive"}, None),
])
def test_thinking_is_asked_for_as_the_model_takes_it(
    effort: Any, options: AnthropicOptions, traits: Traits, thinking: Any, level: Any
) -> None:
    body = body_of([user("q")], options, traits, parameters=Parameters(reasoning_effort=effort))

    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == level


def test_budget_fits_below_the_limit_of_the_answer() -> None:
    roomy = body_of([user("q")], PLAIN, OLD, parameters=Parameters(reasoning_effort="max"))
    tight = body_of([user("q")], PLAIN, OLD, parameters=Parameters(reasoning_effort="max", max_tokens=3000))
    none = body_of([user("q")], PLAIN, OLD, parameters=Parameters(reasoning_effort="max", max_tokens=1024))

    assert roomy["thinking"]["budget_tokens"] == 32_000 < roomy["max_tokens"]
    assert tight["thinking"]["budget_tokens"] == 1976 and tight["max_tokens"] == 3000
    assert "thinking" not in none and none["max_tokens"] == 1024


def test_thinking_takes_no_temperature_but_one() -> None:
    warm = body_of([user("q")], PLAIN, OLD, parameters=Parameters(0.2, 0.5, reasoning_effort="low"))
    one = body_of([user("q")], PLAIN, OLD, parameters=Parameters(1.0, 0.96, reasoning_effort="low"))

    assert "temperature" not in warm and "top_p" not in warm
    assert (one["temperature"], one["top_p"]) == (1.0, 0.96)


def test_tool_loop_that_began_without_thoughts_goes_on_without() -> None:
    call = ToolCall("t1", "look", {})
    bare = [user("q"), said("", tool_calls=(call,)), result("x", "t1")]
    thought = [user("q"), said("", tool_calls=(call,), reasoning_opaque=(placed(THOUGHT, text_before=0,
                                                                                 calls_before=0),)), result("x", "t1")]
    effort = Parameters(reasoning_effort="low")

    assert "thinking" not in body_of(bare, PLAIN, OLD, parameters=effort)
    assert body_of(thought, PLAIN, OLD, parameters=effort)["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(("asked", "traits", "room", "sent"), [
    (None, NO_TRAITS, None, 8192), (None, Traits(max_output=4096), None, 4096),
    (None, Traits(max_output=128_000), None, 32_000), (100_000, Traits(max_output=64_000), None, 64_000),
    (500, Traits(max_output=64_000), None, 500), (None, NO_TRAITS, 700, 700),
])
def test_limit_is_the_users_within_what_model_and_window_have(
    asked: Any, traits: Traits, room: Any, sent: int
) -> None:
    assert body_of([user("q")], traits=traits, parameters=Parameters(max_tokens=asked), room=room)["max_tokens"] == sent


def test_names_of_old_models_tell_their_limit() -> None:
    assert traits_of("claude-3-haiku-20240307").max_output == 4096
    assert traits_of("anthropic/claude-opus-4-1-20250805").max_output == 32_000
    assert traits_of("claude-of-tomorrow") == NO_TRAITS


@pytest.mark.parametrize(("option", "value"), [
    ("prompt_cache", "2h"), ("thinking", "much"), ("thinking_budget", 10), ("beta", "x"), ("auth", "basic"),
    ("prompt_cache", ["5m"]), ("auth", {}),
])
def test_bad_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=option):
        read_options({option: value}, "anthropic")


def test_extra_body_comes_last() -> None:
    body = body_of([user("q")], replace(PLAIN, extra_body={"service_tier": "standard_only", "max_tokens": 5}))

    assert (body["service_tier"], body["max_tokens"]) == ("standard_only", 5)

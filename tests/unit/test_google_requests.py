"""What goes to Gemini: nothing unset, everything in its shape, signatures on the very parts that they came on."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

import pytest

from nuke_ai_panel.core.answer import GrowingAnswer
from nuke_ai_panel.events import TextDelta, ThinkingDelta, ThinkingOpaque
from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec
from nuke_ai_panel.providers.google_decoder import GoogleDecoder
from nuke_ai_panel.providers.google_dialect import GoogleOptions, encode
from nuke_ai_panel.providers.google_parts import FOREIGN_SIGNATURE
from nuke_ai_panel.providers.wire import SseParser

from .test_google_decoder import body_of, chunk, part

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PNG = Attachment("a", "image", "a.png", media_type="image/png", data_base64="iVBORw0KGgo=")
PDF = Attachment("b", "file", "b.pdf", media_type="application/pdf", data_base64="data:application/pdf;base64,JVBERi0=")


def user(text: str, *attachments: Attachment) -> Message:
    return Message("u", "c", None, "user", text, attachments=attachments)


def assistant(text: str = "", calls: Tuple[ToolCall, ...] = (), opaque: Tuple[Json, ...] = (),
              provider: str = "google", reasoning: str = "") -> Message:
    return Message("a", "c", None, "assistant", text, tool_calls=calls, reasoning_opaque=opaque, provider=provider,
                   reasoning=reasoning)


def result(call_id: str, text: str) -> Message:
    return Message("t", "c", None, "tool", text, tool_call_id=call_id)


def sent(
    *messages: Message, model: str = "m", options: Optional[GoogleOptions] = None,
    repairs: FrozenSet[str] = frozenset(), **more: Any,  # the fields of a request
) -> Dict[str, Json]:
    request = ChatRequest(model, messages or (user("hi"),), **more)
    return encode(request, options or GoogleOptions(), provider="google", repairs=repairs)


def test_what_is_not_set_is_not_sent() -> None:
    assert sent() == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def test_every_parameter_has_its_name() -> None:
    parameters = Parameters(temperature=0.0, top_p=0.5, max_tokens=9, seed=0, stop=("END",))

    body = sent(system="Be brief.", parameters=parameters)

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {
        "temperature": 0.0, "topP": 0.5, "maxOutputTokens": 9, "stopSequences": ["END"], "seed": 0}


def test_image_and_pdf_go_inline_before_the_text() -> None:
    assert sent(user("what?", PNG, PDF))["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        {"text": "what?"},
    ]


def test_schema_asks_for_json_of_that_shape() -> None:
    assert sent(schema=SCHEMA)["generationConfig"] == {
        "responseMimeType": "application/json", "responseJsonSchema": SCHEMA}


def test_schema_goes_to_an_older_model_as_the_openapi_subset() -> None:
    schema = {
        "$schema": "x", "type": "object", "additionalProperties": False, "$defs": {"K": {"type": "string"}},
        "properties": {"k": {"$ref": "#/$defs/K"}, "n": {"type": ["integer", "null"]}, "c": {"const": "v"},
                       "o": {"oneOf": [{"type": "number"}, {"type": "null"}]},
                       "l": {"type": "array", "items": {"type": "boolean"}}},
    }

    config = sent(schema=schema, repairs=frozenset({"responseJsonSchema"}))["generationConfig"]

    assert config["responseSchema"] == {"type": "OBJECT", "properties": {
        "k": {"type": "STRING"}, "n": {"type": "INTEGER", "nullable": True}, "c": {"enum": ["v"]},
        "o": {"nullable": True, "anyOf": [{"type": "NUMBER"}]}, "l": {"type": "ARRAY", "items": {"type": "BOOLEAN"}},
    }}


def test_schema_that_refers_to_itself_ends() -> None:
    schema = {"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {"t": {"$ref": "#/$defs/T"}}}}}

    assert sent(schema=schema, repairs=frozenset({"responseJsonSchema"}))["generationConfig"]["responseSchema"]


def test_schema_goes_into_the_prompt_of_a_model_without_json_mode() -> None:
    body = sent(schema=SCHEMA, repairs=frozenset({"responseMimeType", "systemInstruction"}))

    assert "generationConfig" not in body and "systemInstruction" not in body
    assert "JSON Schema" in body["contents"][0]["parts"][0]["text"]


def test_tools_are_declared_with_their_schema_and_without_an_empty_one() -> None:
    tools = (ToolSpec("f", "Does f.", SCHEMA), ToolSpec("g", "Does g.", {"type": "object", "properties": {}}))

    assert sent(tools=tools)["tools"] == [{"functionDeclarations": [
        {"name": "f", "description": "Does f.", "parametersJsonSchema": SCHEMA},
        {"name": "g", "description": "Does g."},
    ]}]


@pytest.mark.parametrize(("model", "effort", "config"), [
    ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
    ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
    ("gemini-2.5-pro", "4096", {"thinkingBudget": 4096, "includeThoughts": True}),
    ("gemini-3-pro-preview", "high", {"thinkingLevel": "high", "includeThoughts": True}),
    ("gemini-3-flash", "none", {"thinkingLevel": "minimal"}),
    ("gemini-3-flash", "max", {"thinkingLevel": "high", "includeThoughts": True}),
    ("gemini-2.5-flash", None, {"includeThoughts": True}),
    ("gemini-2.5-flash-image", None, None), ("gemini-2.0-flash", None, None), ("gemma-3-27b-it", None, None),
])
def test_thinking_is_asked_for_in_the_models_own_way(
    model: str, effort: Optional[str], config: Optional[Mapping[str, Json]]
) -> None:
    body = sent(model=model, parameters=Parameters(reasoning_effort=effort))

    assert body.get("generationConfig", {}).get("thinkingConfig") == config


def test_row_can_keep_thoughts_out_and_add_what_is_its_own() -> None:
    options = GoogleOptions(
        thoughts=False, safety={"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"}, cached_content="cachedContents/x",
        extra_body={"generationConfig": {"topK": 5}, "labels": {"shot": "010"}},
    )

    body = sent(model="gemini-2.5-pro", options=options, parameters=Parameters(temperature=1.0))

    assert body["generationConfig"] == {"temperature": 1.0, "topK": 5}
    assert body["safetySettings"] == [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    assert (body["cachedContent"], body["labels"]) == ("cachedContents/x", {"shot": "010"})


# ---------------------------------------------------------------- rounds of tools


def heard(*chunks: Json) -> Message:
    """The assistant message that an answer becomes."""
    decoder, answer = GoogleDecoder("Gemini"), GrowingAnswer(assistant())
    for event in [*decoder.feed(SseParser().feed(body_of(chunks))), *decoder.finish()]:
        if isinstance(event, TextDelta):
            answer.text.add(event.text)
        elif isinstance(event, ThinkingDelta):
            answer.thinking.add(event.text)
        elif isinstance(event, ThinkingOpaque):
            answer.add_opaque(event)
        elif isinstance(event, ToolCall):
            answer.tool_calls.append(event)
    return answer.message("complete")


@pytest.mark.parametrize("parts", [
    [{"text": "Hello", "thoughtSignature": "S"}],
    [{"text": "Hel"}, {"text": "lo", "thoughtSignature": "S"}],
    [{"text": "Hello"}, {"text": "", "thoughtSignature": "S"}],
    [{"text": "why", "thought": True, "thoughtSignature": "S"}, {"text": "so"}],
    [{"functionCall": {"id": "x", "name": "f", "args": {"a": 1}}, "thoughtSignature": "S"},
     {"functionCall": {"id": "y", "name": "g", "args": {}}}],
    [{"text": "Look."}, {"functionCall": {"id": "x", "name": "f", "args": {}}, "thoughtSignature": "S"},
     {"text": "", "thoughtSignature": "T"}],
    [{"functionCall": {"id": "x", "name": "f", "args": {}}, "thoughtSignature": "S"}, {"text": "After."}],
])
def test_signed_parts_go_back_as_they_came(parts: List[Json]) -> None:
    answer = heard(*(chunk(one) for one in parts), chunk(finish="STOP"))

    (_, replayed) = sent(user("q"), answer)["contents"]

    assert replayed == {"role": "model", "parts": parts}


def test_results_of_one_round_go_back_together_under_the_names_of_their_calls() -> None:
    answer = heard(chunk(part(name="f", args={}), part(name="g", args={"n": 1})), chunk(finish="STOP"))

    contents = sent(user("q"), answer, result("call_0", "one"), result("call_1", "two"), user("and?"))["contents"]

    assert contents[2] == {"role": "user", "parts": [
        {"functionResponse": {"name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"name": "g", "response": {"output": "two"}}},
    ]}
    assert contents[3] == {"role": "user", "parts": [{"text": "and?"}]}
    assert "id" not in contents[1]["parts"][0]["functionCall"]  # that id was ours


def test_result_carries_the_id_that_gemini_gave() -> None:
    answer = heard(chunk(part(id="fc-1", name="f", args={})), chunk(finish="STOP"))

    contents = sent(user("q"), answer, result("fc-1", "one"))["contents"]

    assert contents[2]["parts"][0]["functionResponse"]["id"] == "fc-1"


def test_same_made_up_id_in_two_rounds_names_the_call_of_its_own_round() -> None:
    first = heard(chunk(part(name="f", args={})), chunk(finish="STOP"))
    second = heard(chunk(part(name="g", args={})), chunk(finish="STOP"))

    contents = sent(user("q"), first, result("call_0", "1"), second, result("call_0", "2"))["contents"]

    assert [contents[at]["parts"][0]["functionResponse"]["name"] for at in (2, 4)] == ["f", "g"]


def test_calls_of_another_provider_go_with_the_signature_that_is_not_checked() -> None:
    opaque = ({"google": {"place": "call", "calls": 0}, "thoughtSignature": "not ours"},)
    foreign = assistant("", (ToolCall("x", "f", {}), ToolCall("y", "g", {})), opaque, provider="openai")

    parts = sent(user("q"), foreign, result("x", "1"), result("y", "2"))["contents"][1]["parts"]

    assert [one.get("thoughtSignature") for one in parts] == [FOREIGN_SIGNATURE, None]


@pytest.mark.parametrize("opaque", [
    ({"reasoning_details": [{"type": "reasoning.text"}]},), ("text",), ({"google": 5, "thoughtSignature": "S"},),
    ({"google": {"place": "elsewhere"}, "thoughtSignature": "S"},), ({"google": {"place": "text"}},),
])
def test_opaque_items_of_others_are_left_out(opaque: Tuple[Json, ...]) -> None:
    assert sent(user("q"), assistant("Hello", opaque=opaque))["contents"][1]["parts"] == [{"text": "Hello"}]


def test_place_beyond_an_edited_text_loses_no_text() -> None:
    opaque = ({"google": {"place": "text", "start": 90, "end": 95, "calls": 7}, "thoughtSignature": "S"},)

    parts = sent(user("q"), assistant("Short.", opaque=opaque))["contents"][1]["parts"]

    assert "".join(one["text"] for one in parts) == "Short."

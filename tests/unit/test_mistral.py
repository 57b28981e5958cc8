"""Mistral: what is sent to a strict server, chunks of content, models with many names, errors in its own shapes."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Tuple

import pytest

from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.core.model_cache import load_models, save_models
from nuke_ai_panel.errors import ProviderError, SettingsError
from nuke_ai_panel.events import StreamEvent, StreamWarning, ThinkingOpaque
from nuke_ai_panel.messages import Attachment, Json, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec
from nuke_ai_panel.providers.classify import classify_error
from nuke_ai_panel.providers.mistral_decoder import CHUNK, MistralDecoder
from nuke_ai_panel.providers.mistral_dialect import MistralOptions, encode, read_options, short_id
from nuke_ai_panel.providers.mistral_models import read_models
from nuke_ai_panel.providers.mistral_provider import MistralProvider
from nuke_ai_panel.providers.wire import SseParser
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import create_task

from ..fakes.fault_server import FaultServer, json_answer, sse
from ..normalised import cuttings, differences, drained, normalised
from ..streams import Case, load_cases

StartFaultServer = Callable[..., FaultServer]
CASES = load_cases(frozenset({"mistral"}))
MODEL = "mistral-x"
KEY = "canary0123456789abcdefcanary0123"
PLAIN = MistralOptions()
NOTHING: Mapping[str, bool] = {}
QUESTION = Message("1", "c", None, "user", "hi")


def body_of(*messages: Message, options: MistralOptions = PLAIN, **more: Any) -> Dict[str, Any]:  # ChatRequest's fields
    return encode(ChatRequest(MODEL, messages, **more), options, provider="mistral", label="Mistral")


def decode(chunks: List[bytes]) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    return drained(SseParser(), MistralDecoder("Mistral", model=MODEL), chunks)


def chunk(delta: Mapping[str, Json], reason: Optional[str] = None, **more: Json) -> Dict[str, Json]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "cmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice], **more}


def wire(*chunks: Mapping[str, Json]) -> List[bytes]:
    return [*(f"data: {json.dumps(one)}\n\n".encode() for one in chunks), b"data: [DONE]\n\n"]


def thought(text: str, **more: Json) -> Dict[str, Json]:
    return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}]}


# ---------------------------------------------------------------- what is sent


def test_plain_question_sends_three_fields_and_no_more() -> None:
    assert body_of(QUESTION) == {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True}


def test_parameters_are_called_as_the_vendor_calls_them() -> None:
    schema = {"title": "Shot", "type": "object", "properties": {}, "required": [], "additionalProperties": False}
    body = body_of(
        QUESTION, schema=schema, system="Be brief.", options=MistralOptions(True, "reasoning", {"n": 1}),
        parameters=Parameters(0.0, 0.5, 9, 7, ("END",), "high"),
    )

    assert {name: body[name] for name in body if name not in ("model", "messages", "stream")} == {
        "temperature": 0.0, "top_p": 0.5, "max_tokens": 9, "random_seed": 7, "stop": ["END"],
        "reasoning_effort": "high", "safe_prompt": True, "prompt_mode": "reasoning", "n": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "Shot", "schema": schema, "strict": True}},
    }
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_call_ids_of_other_vendors_become_nine_letters_and_digits() -> None:
    calls = (ToolCall("toolu_01AbC", "look", {"a": 1}), ToolCall("D681PevKs", "now", None, raw_arguments='{"x'))
    body = body_of(
        QUESTION, Message("2", "c", "1", "assistant", "", tool_calls=calls),
        Message("3", "c", "2", "tool", "seen", tool_call_id="toolu_01AbC"),
        Message("4", "c", "3", "tool", "", tool_call_id="D681PevKs"),
        tools=(ToolSpec("look", "Looks.", {"type": "object"}),),
    )

    made = short_id("toolu_01AbC")
    assert len(made) == 9 and made.isalnum()
    _, asked, first, second = body["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == [made, "D681PevKs"]
    assert [call["function"]["arguments"] for call in asked["tool_calls"]] == ['{"a": 1}', '{"x']
    assert first == {"role": "tool", "tool_call_id": made, "name": "look", "content": "seen"}
    assert second["tool_call_id"] == "D681PevKs"
    assert body["tools"][0]["function"]["name"] == "look"


def test_vendor_that_numbers_its_calls_anew_in_every_answer_is_told_apart() -> None:
    asked = Message("2", "c", "1", "assistant", "", tool_calls=(ToolCall("call_0", "now", {}),))
    result = Message("3", "c", "2", "tool", "noon", tool_call_id="call_0")
    body = body_of(QUESTION, asked, result, asked, result)

    made = [one["tool_calls"][0]["id"] for one in body["messages"] if one["role"] == "assistant"]
    assert made == [one["tool_call_id"] for one in body["messages"] if one["role"] == "tool"]
    assert len(set(made)) == 2 and all(len(one) == 9 and one.isalnum() for one in made)


def test_question_never_follows_a_result() -> None:
    body = body_of(
        QUESTION, Message("2", "c", "1", "assistant", "", tool_calls=(ToolCall("D681PevKs", "now", {}),)),
        Message("3", "c", "2", "tool", "noon", tool_call_id="D681PevKs"), Message("4", "c", "3", "user", "well?"),
    )

    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "tool", "assistant", "user"]


def test_signed_thoughts_go_back_to_their_own_model_only() -> None:
    signed = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "signature": "c2ln"}
    own = Message("2", "c", "1", "assistant", "Yes.", reasoning="Hm.", reasoning_opaque=({CHUNK: signed},),
                  provider="mistral", model=MODEL)
    other = Message("4", "c", "3", "assistant", "No.", reasoning="Hm.", reasoning_opaque=({CHUNK: signed},),
                    provider="mistral", model="mistral-y")
    body = body_of(QUESTION, own, QUESTION, other, QUESTION)

    assert body["messages"][1]["content"] == [signed, {"type": "text", "text": "Yes."}]
    assert body["messages"][3]["content"] == "No."


def test_unsigned_thoughts_go_back_while_their_tools_are_answered() -> None:
    call = ToolCall("D681PevKs", "now", {})
    asked = Message("2", "c", "1", "assistant", "", reasoning="Hm.", tool_calls=(call,), provider="mistral",
                    model=MODEL)
    result = Message("3", "c", "2", "tool", "noon", tool_call_id="D681PevKs")
    answer = Message("4", "c", "3", "assistant", "Noon.", reasoning="So.", provider="mistral", model=MODEL)

    running, over = body_of(QUESTION, asked, result), body_of(QUESTION, asked, result, answer, QUESTION)

    assert running["messages"][1]["content"] == [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]
    assert [one["content"] for one in over["messages"]] == ["hi", "", "noon", "Noon.", "hi"]


def test_images_and_documents_follow_the_text() -> None:
    picture = Attachment("i", "image", "a.png", media_type="image/png", data_base64="iVBORw0KGgoAAAA")
    paper = Attachment("p", "file", "spec.pdf", media_type="application/pdf", data_base64="JVBERi0xLjc=")
    body = body_of(Message("1", "c", None, "user", "What?", attachments=(picture, paper)))

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgoAAAA"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0xLjc=",
         "document_name": "spec.pdf"},
    ]


def test_file_that_the_vendor_cannot_read_is_refused_by_name() -> None:
    sound = Attachment("s", "file", "take.wav", media_type="audio/wav", data_base64="UklGRgAA")
    archive = Attachment("s", "file", "take.zip", media_type="application/zip", data_base64="UEsDBA==")

    with pytest.raises(ProviderError, match=r"take\.zip"):
        body_of(Message("1", "c", None, "user", "What?", attachments=(archive,)))
    with pytest.raises(ProviderError, match=r"take\.wav"):
        body_of(Message("1", "c", None, "user", "What?", attachments=(sound,)))


@pytest.mark.parametrize(("option", "value"), [("safe_prompt", "yes"), ("prompt_mode", 3), ("extra_body", [])])
def test_bad_option_is_named(option: str, value: Json) -> None:
    with pytest.raises(SettingsError, match=option):
        read_options({option: value}, "mistral")


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_answer_becomes_the_recorded_result(case: Case) -> None:
    if case.status != 200:
        error = classify_error(case.status, case.body, case.headers, provider="Mistral")
        assert differences(normalised([], error), case) == []
        return
    for chunks in cuttings(case.body):
        assert differences(normalised(*decode(chunks)), case) == []


def test_whole_call_end_and_counters_in_one_chunk() -> None:
    call = {"id": "D681PevKs", "function": {"name": "look", "arguments": {"at": 1}}, "index": 0}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}

    got = normalised(*decode(wire(chunk({"content": "", "tool_calls": [call]}, "tool_calls", usage=usage))))

    (told,) = got["tool_calls"]
    assert (told["id"], told["name"], told["arguments"]) == ("D681PevKs", "look", {"at": 1})
    assert (got["finish"], got["usage"]) == ("tool_calls", {"input": 10, "output": 5, "total": 15})


def test_call_in_fragments_without_type_or_index_is_put_together() -> None:
    deltas: List[Dict[str, Json]] = [
        {"tool_calls": [{"id": "D681PevKs", "function": {"name": "look", "arguments": '{"at"'}}]},
        {"tool_calls": [{"id": "null", "function": {"name": "", "arguments": ": 1}"}}]},
    ]

    got = normalised(*decode(wire(*map(chunk, deltas), chunk({"content": ""}, "tool_calls"))))

    assert [(one["id"], one["arguments"]) for one in got["tool_calls"]] == [("D681PevKs", {"at": 1})]


def test_signature_closes_a_thought_and_keeps_it_whole() -> None:
    events, error = decode(wire(
        chunk(thought("Basic ")), chunk(thought("sum.", signature="c2ln")), chunk({"content": "4"}), chunk({}, "stop")))

    got = normalised(events, error)
    assert (got["reasoning"], got["text"]) == ("Basic sum.", "4")
    assert [event.payload for event in events if isinstance(event, ThinkingOpaque)] == [{CHUNK: {
        "type": "thinking", "thinking": [{"type": "text", "text": "Basic sum."}], "signature": "c2ln"}}]


@pytest.mark.parametrize(("word", "ours"), [("stop", "stop"), ("length", "length"), ("model_length", "length")])
def test_finish_reasons_mean_what_they_say(word: str, ours: str) -> None:
    assert normalised(*decode(wire(chunk({"content": "x"}, word))))["finish"] == ours


def test_finish_error_is_an_error() -> None:
    assert normalised(*decode(wire(chunk({"content": "x"}, "error"))))["error"]["kind"] == "server_error"


def test_references_are_no_text() -> None:
    parts = [{"type": "text", "text": "A"}, {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "B"}]

    assert normalised(*decode(wire(chunk({"content": parts}), chunk({}, "stop"))))["text"] == "AB"


@pytest.mark.parametrize(("status", "body", "kind"), [
    (401, {"message": "Unauthorized", "request_id": "x"}, "auth"), (401, {"detail": "Unauthorized"}, "auth"),
    (429, {"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}, "rate_limit"),
    (429, {"object": "error", "message": "Service tier capacity exceeded for this model.",
           "type": "service_tier_capacity_exceeded", "code": "3505"}, "overloaded"),
    (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
     "model_not_found"),
    (400, {"object": "error", "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with "
           "32768 maximum context length", "type": "invalid_request_prompt", "code": "3051"}, "context_too_long"),
    (422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"],
           "msg": "Extra inputs are not permitted"}]}, "type": "invalid_request_error"}, "bad_request"),
    (422, {"detail": [{"loc": ["body", "temperature"], "msg": "Input should be less than or equal to 1.5"}]},
     "bad_request"),
    (503, {"object": "error", "message": "Service unavailable.", "type": "unreachable_backend"}, "overloaded"),
])
def test_error_has_its_kind_in_every_shape(status: int, body: Json, kind: str) -> None:
    error = classify_error(status, json.dumps(body).encode(), {}, provider="Mistral")

    assert error.kind == kind and error.message


# ---------------------------------------------------------------- models


def listed(model: str, *, can: Mapping[str, bool] = NOTHING, **more: Json) -> Dict[str, Json]:
    abilities = {"completion_chat": True, "function_calling": True, "vision": False, "reasoning": False, **can}
    return {"id": model, "object": "model", "capabilities": abilities, "max_context_length": 131_072, **more}


def test_names_of_one_model_are_one_row_and_what_does_not_chat_is_none() -> None:
    body = {"object": "list", "data": [
        listed("mistral-large-2411", aliases=["mistral-large-latest"], name="mistral-large-2411"),
        listed("mistral-large-latest", aliases=["mistral-large-2411"]),
        listed("pixtral-12b", can={"vision": True, "reasoning": True}, deprecation="2027-01-31T12:00:00Z"),
        listed("mistral-embed", can={"completion_chat": False}), listed("pixtral-12b"), {"id": "bare"},
    ]}

    large, pixtral, bare = read_models(body, "mistral", is_local=False)

    assert (large.id, large.aliases, large.name) == ("mistral-large-2411", ("mistral-large-latest",), "")
    assert (large.context_tokens, large.capabilities, large.price_input) == (131_072, {"tools", "json"}, None)
    assert pixtral.capabilities == {"tools", "json", "vision", "reasoning", "pdf"} and pixtral.expires == "2027-01-31"
    assert (bare.id, bare.capabilities, bare.context_tokens) == ("bare", None, None)


def test_every_name_of_a_model_leads_to_its_window_from_the_cache_too(app: App) -> None:
    row, home = app.settings.provider("mistral"), app.settings.home
    models = tuple(read_models({"data": [listed("large-2411", aliases=["large-latest"])]}, "mistral", is_local=False))
    save_models(home, row, 1.0, models)

    known = create_task(app.providers.known_model(ModelChoice("mistral", "large-latest"))).result(5)

    assert known is not None and (known.id, known.context_tokens) == ("large-2411", 131_072)
    assert load_models(home, row) == (1.0, models)


# ---------------------------------------------------------------- behind a socket


def run(base: str, work: Callable[[MistralProvider], Awaitable[Any]]) -> Any:  # the work's own
    async def inside() -> Any:  # see above
        provider = MistralProvider(ProviderSettings("mistral", "mistral", title="Mistral", base_url=base), key=KEY)
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(inside())


async def collect(provider: MistralProvider, parameters: Parameters) -> List[StreamEvent]:
    return [event async for event in provider.stream(ChatRequest(MODEL, (QUESTION,), parameters=parameters))]


def test_refused_field_is_left_out_once_remembered_and_said(fault_server: StartFaultServer) -> None:
    refusal = {"detail": [{"type": "extra_forbidden", "loc": ["body", "reasoning_effort"],
                           "msg": "Extra inputs are not permitted"}]}
    good = sse([chunk({"content": "ok"}, "stop")])
    server = fault_server(json_answer(refusal, 422), good, good)

    async def ask_twice(provider: MistralProvider) -> List[List[StreamEvent]]:
        return [await collect(provider, Parameters(reasoning_effort="high", seed=1)) for _ in range(2)]

    answers = run(server.url + "/v1", ask_twice)

    said = [[event.code for event in events if isinstance(event, StreamWarning)] for events in answers]
    assert said == [["parameter_dropped:reasoning_effort"]] * 2
    assert ["reasoning_effort" in one.json() for one in server.requests] == [True, False, False]
    assert [one.json()["random_seed"] for one in server.requests] == [1, 1, 1]


def test_host_alone_is_enough_of_an_address(fault_server: StartFaultServer) -> None:
    server = fault_server(sse([chunk({"content": "ok"}, "stop")]))

    run(server.url, lambda provider: collect(provider, Parameters()))

    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_model_is_known_under_each_of_its_names(fault_server: StartFaultServer) -> None:
    server = fault_server(json_answer({"data": [listed("mistral-large-2411", aliases=["mistral-large-latest"])]}))

    info = run(server.url, lambda provider: provider.model_info("mistral-large-latest"))

    assert (info.id, info.context_tokens) == ("mistral-large-latest", 131_072)


def test_error_names_the_vendors_id_for_support(fault_server: StartFaultServer) -> None:
    server = fault_server(json_answer({"message": f"no: {KEY}"}, 500, {"mistral-correlation-id": "abc"}))

    with pytest.raises(ProviderError) as caught:
        run(server.url, lambda provider: collect(provider, Parameters()))

    assert (caught.value.kind, caught.value.request_id) == ("server_error", "abc")
    assert KEY not in str(caught.value.info())

"""What every provider promises, held against each of them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Awaitable, Callable, Iterator, List, Mapping, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import Finish, StreamEvent, StreamStarted, TextDelta, ThinkingDelta, UsageReport
from nuke_ai_panel.messages import Attachment, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, Provider, ToolSpec
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider

from ..fakes.dialects import model_of
from ..fakes.model_server import FakeModelServer
from .subjects import KEY, MODEL, REMOTE, SERVED, SUBJECTS, Subject

every = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
every_served = pytest.mark.parametrize("subject", SERVED, ids=lambda subject: subject.name)
every_remote = pytest.mark.parametrize("subject", REMOTE, ids=lambda subject: subject.name)
WORDS = ("Hello", ", ", "artist", ".")


@pytest.fixture(autouse=True)
def scripts() -> Iterator[None]:
    """The scripts of the scripted provider are this test's own."""
    kept = dict(ScriptedProvider.scripts)
    yield
    ScriptedProvider.scripts.clear()
    ScriptedProvider.scripts.update(kept)


def request(text: str = "hi", *, model: str = MODEL) -> ChatRequest:
    return ChatRequest(model, (Message("1", "c", None, "user", text),))


async def collect(provider: Provider, asked: ChatRequest) -> List[StreamEvent]:
    return [event async for event in provider.stream(asked)]


def question_in(body: Mapping[str, Any]) -> str:  # a request body
    """The last question in a request, in whichever vendor's shape."""
    last = (body.get("messages") or body["contents"])[-1]
    content = last.get("content", last.get("parts"))
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def text_of(events: List[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def run(subject: Subject, server: FakeModelServer, work: Callable[[Provider], Awaitable[Any]]) -> Any:  # the work's own
    """What `work` returns; the provider is closed afterwards, and nothing is left running."""
    async def inside() -> Any:  # see above
        provider = subject.build(server)
        try:
            return await work(provider)
        finally:
            await provider.close()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(inside())


@every
def test_answer_is_text_and_one_finish_at_its_end(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    events = run(subject, model_server, lambda provider: collect(provider, request()))

    assert text_of(events) == "".join(WORDS)
    assert [event.reason for event in events if isinstance(event, Finish)] == ["stop"]
    assert isinstance(events[-1], Finish)


@every
def test_answer_says_which_model_speaks_and_what_it_cost(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    events = run(subject, model_server, lambda provider: collect(provider, request()))

    assert [event.model for event in events if isinstance(event, StreamStarted)] == [MODEL]
    if subject.kind != "openrouter":  # which counts without being asked; the fake counts only when asked
        assert [event.usage.output for event in events if isinstance(event, UsageReport)] == [len(WORDS)]


@every
def test_thinking_is_not_text(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS, thinking=("hm", " ok"))

    events = run(subject, model_server, lambda provider: collect(provider, request()))

    assert "".join(event.text for event in events if isinstance(event, ThinkingDelta)) == "hm ok"
    assert text_of(events) == "".join(WORDS)


@every
def test_building_and_closing_touch_nothing(subject: Subject, model_server: FakeModelServer) -> None:
    async def close_twice(provider: Provider) -> None:
        await provider.close()
        await provider.close()

    run(subject, model_server, close_twice)

    assert model_server.connections == 0


@every
def test_models_are_listed_and_described(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    async def look(provider: Provider) -> Tuple[Any, Any]:  # models, model
        return await provider.models(), await provider.model_info(MODEL)

    models, info = run(subject, model_server, look)

    assert MODEL in [model.id for model in models]
    assert {model.provider for model in models} == {subject.row_name}
    assert (info.id, info.provider) == (MODEL, subject.row_name)


@every
@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limit"), (500, "server_error")])
def test_error_has_a_kind_and_no_key_in_it(
    subject: Subject, model_server: FakeModelServer, status: int, kind: str
) -> None:
    subject.fail(model_server, status, f"no: {KEY if subject.has_server else 'no'}")

    with pytest.raises(ProviderError) as caught:
        run(subject, model_server, lambda provider: collect(provider, request()))

    assert (caught.value.kind, caught.value.status, caught.value.provider) == (kind, status, "Studio")
    assert KEY not in repr(caught.value) + str(caught.value.info())


@every
def test_provider_answers_again_after_an_error(subject: Subject, model_server: FakeModelServer) -> None:
    async def fail_and_ask(provider: Provider) -> List[StreamEvent]:
        subject.fail(model_server, 500, "boom")
        with pytest.raises(ProviderError):
            await collect(provider, request())
        subject.say(model_server, WORDS)
        return await collect(provider, request())

    assert text_of(run(subject, model_server, fail_and_ask)) == "".join(WORDS)


@every
def test_closed_iterator_ends_the_answer(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    async def read_one(provider: Provider) -> bool:
        events: Any = provider.stream(request())  # a generator, which the contract does not name
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()
        return [event async for event in events] == []

    assert run(subject, model_server, read_one)


@every
def test_answers_at_once_do_not_mix(subject: Subject, model_server: FakeModelServer) -> None:
    def echo(body: Mapping[str, Any]) -> List[str]:  # a request body
        said = question_in(body)
        return [f"{said}{n} " for n in range(20)]

    model_server.words = echo
    ScriptedProvider.scripts[MODEL] = lambda asked: echo({"messages": [{"content": asked.messages[-1].text}]})

    async def ask_many(provider: Provider) -> List[str]:
        answers = await asyncio.gather(*(collect(provider, request(f"q{n}-")) for n in range(8)))
        return [text_of(events) for events in answers]

    said = run(subject, model_server, ask_many)

    assert said == ["".join(f"q{n}-{m} " for m in range(20)) for n in range(8)]


# ---------------------------------------------------------------- those with a server


@every_served
def test_conversation_needs_one_connection(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    async def ask_often(provider: Provider) -> List[str]:
        return [text_of(await collect(provider, request(f"question {n}"))) for n in range(20)]

    said = run(subject, model_server, ask_often)

    assert said == ["".join(WORDS)] * 20
    assert model_server.connections == 1


@every_served
def test_cancelled_task_closes_the_socket_at_once(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)
    model_server.hold(after=2)

    async def cancel(provider: Provider) -> float:
        task = asyncio.ensure_future(collect(provider, request()))
        await asyncio.to_thread(model_server.wait_for_requests)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(model_server.wait_until, lambda: bool(model_server.disconnects))
        return model_server.disconnects[0] - started

    assert run(subject, model_server, cancel) < 0.2


@every_served
def test_cancelled_wait_for_the_head_closes_the_socket(subject: Subject, model_server: FakeModelServer) -> None:
    model_server.delay_s = 30.0

    async def cancel(provider: Provider) -> float:
        task = asyncio.ensure_future(collect(provider, request()))
        await asyncio.to_thread(model_server.wait_for_requests)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(model_server.wait_until, lambda: bool(model_server.disconnects))
        return model_server.disconnects[0] - started

    assert run(subject, model_server, cancel) < 0.2


@every_served
def test_dropped_connection_is_an_error_after_what_was_said(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)
    model_server.drop_after = 2

    async def read(provider: Provider) -> Tuple[str, str]:
        said = ""
        try:
            async for event in provider.stream(request()):
                said += event.text if isinstance(event, TextDelta) else ""
        except ProviderError as error:
            return said, error.kind
        return said, "success"

    assert run(subject, model_server, read) == ("".join(WORDS[:2]), "network")


@every_served
def test_server_that_is_not_there_is_named(subject: Subject, model_server: FakeModelServer) -> None:
    model_server.stop()

    with pytest.raises(ProviderError) as caught:
        run(subject, model_server, lambda provider: collect(provider, request()))

    assert caught.value.kind == "network"
    assert str(model_server.port) in caught.value.message


@every_served
def test_tool_calls_arrive_whole_in_their_order_and_before_the_end(
    subject: Subject, model_server: FakeModelServer
) -> None:
    model_server.calls = (("a1b2c3d4e", "look", '{"at": "Ünder"}'), ("f5g6h7i8j", "now", "{}"))

    events = run(subject, model_server, lambda provider: collect(provider, request()))

    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        ("a1b2c3d4e", "look", {"at": "Ünder"}), ("f5g6h7i8j", "now", {})]
    assert isinstance(events[-1], Finish) and events[-1].reason == "tool_calls"


@every_served
def test_tool_round_goes_back_in_a_shape_that_the_vendor_takes(
    subject: Subject, model_server: FakeModelServer
) -> None:
    calls = (ToolCall("functions.look:0", "look", {"at": 1}), ToolCall("call_1", "now", {}))
    path = (
        Message("1", "c", None, "user", "look"),
        Message("2", "c", "1", "assistant", "", tool_calls=calls, provider="another", model="other"),
        Message("3", "c", "2", "tool", "seen", tool_call_id="functions.look:0"),
        Message("4", "c", "3", "tool", "", tool_call_id="call_1"),
        Message("5", "c", "4", "user", "and?"),
    )
    tools = (ToolSpec("look", "Looks.", {"type": "object", "properties": {}}),)
    asked = ChatRequest(MODEL, path, system="Be brief.", tools=tools, parameters=Parameters(
        temperature=0.5, top_p=0.9, max_tokens=64, seed=7, stop=("END",), reasoning_effort="low"))

    events = run(subject, model_server, lambda provider: collect(provider, asked))

    assert text_of(events) == "".join(WORDS)


@every_remote
def test_request_names_exactly_the_chosen_model(subject: Subject, model_server: FakeModelServer) -> None:
    subject.say(model_server, WORDS)

    run(subject, model_server, lambda provider: collect(provider, request(model="vendor/other:tag")))

    (sent,) = model_server.chats
    assert model_of(sent) == "vendor/other:tag"
    assert "models" not in sent.json()


@every_served
@pytest.mark.parametrize("is_framed", [True, False], ids=["chunked", "no length"])
def test_body_that_just_ends_is_no_success_and_its_calls_are_never_run(
    subject: Subject, model_server: FakeModelServer, is_framed: bool
) -> None:
    subject.say(model_server, WORDS, calls=(("a1b2c3d4e", "look", '{"at": 1}'),))
    model_server.is_cut, model_server.is_framed = True, is_framed

    async def read(provider: Provider) -> Tuple[List[StreamEvent], str]:
        events: List[StreamEvent] = []
        try:
            async for event in provider.stream(request()):
                events.append(event)
        except ProviderError as error:
            return events, error.kind
        return events, "success"

    events, kind = run(subject, model_server, read)

    assert (text_of(events), kind) == ("".join(WORDS), "truncated")
    assert not [event for event in events if isinstance(event, (ToolCall, Finish))]


@every_served
def test_answer_without_a_length_is_whole_when_it_says_its_own_end(
    subject: Subject, model_server: FakeModelServer
) -> None:
    subject.say(model_server, WORDS)
    model_server.is_framed = False

    events = run(subject, model_server, lambda provider: collect(provider, request()))

    assert text_of(events) == "".join(WORDS)
    assert isinstance(events[-1], Finish)


@every_served
def test_schema_reaches_the_vendor_in_the_field_that_it_has_for_it(
    subject: Subject, model_server: FakeModelServer
) -> None:
    subject.say(model_server, ('{"shot": ', '"sh010"}'))
    schema = {"type": "object", "properties": {"shot": {"type": "string"}}, "required": ["shot"]}
    asked = ChatRequest(MODEL, (Message("1", "c", None, "user", "which?"),), schema=schema)

    events = run(subject, model_server, lambda provider: collect(provider, asked))

    sent = model_server.chats[-1].json()
    assert '"shot"' in json.dumps(sent).replace("\\", "")
    assert {"response_format", "format", "generationConfig", "output_config"} & set(sent)
    assert json.loads(text_of(events)) == {"shot": "sh010"}


@every_served
def test_picture_is_sent_and_a_pdf_is_sent_or_refused_but_never_left_out(
    subject: Subject, model_server: FakeModelServer
) -> None:
    subject.say(model_server, WORDS)
    picture = Attachment("a", "image", "a.png", media_type="image/png", data_base64="iVBORw0KGgoAAAA=")
    brief = Attachment("b", "file", "b.pdf", media_type="application/pdf", data_base64="JVBERi0xLjQK")

    async def show(provider: Provider) -> List[str]:
        answers = []
        for one in (picture, brief):
            asked = ChatRequest(MODEL, (Message("1", "c", None, "user", "what?", attachments=(one,)),))
            try:
                answers.append(text_of(await collect(provider, asked)))
            except ProviderError as error:
                answers.append(f"{error.kind}: {error.user_text}")
        return answers

    shown, read = run(subject, model_server, show)

    bodies = [chat.body for chat in model_server.chats]
    assert shown == "".join(WORDS) and b"iVBORw0KGgoAAAA=" in bodies[0]
    was_sent = len(bodies) > 1 and b"JVBERi0xLjQK" in bodies[-1]
    assert was_sent or read == "unsupported_feature: Studio cannot read PDF files, so b.pdf was not sent."

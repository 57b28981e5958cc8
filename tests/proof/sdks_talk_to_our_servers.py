"""The vendors' SDKs understand our fake servers: text, thinking, tools, counters, lists and refusals.

So what the ordinary tests hold our providers against is what the vendors' own clients take for the vendor. Run by
`make proof` (`python .ci/legs.py proof`); the file's name keeps it out of the ordinary tests, which have no SDK.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import pytest

from ..contract.subjects import KEY, MODEL
from ..fakes.model_server import FakeModelServer
from .sdks import sdk

WORDS = ("Cześć", ", ", "artist", ".")
CALLS = (("a1b2c3d4e", "look", '{"at": "Ünder"}'), ("f5g6h7i8j", "now", "{}"))
# Some SDKs leave a socket to the garbage collector when an answer fails; that is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
MESSAGES = [{"role": "user", "content": "hi"}]


class Heard(NamedTuple):
    """What an SDK understood."""

    text: str = ""
    thinking: str = ""
    calls: Tuple[Tuple[str, Any], ...] = ()  # names and arguments
    output_tokens: Optional[int] = None
    finish: Optional[str] = None
    model: Optional[str] = None


class Client(NamedTuple):
    """An SDK pointed at the fake server. `finishes` are its words for a stop and for tools."""

    ask: Callable[[FakeModelServer], Heard]
    models: Callable[[FakeModelServer], List[str]]
    finishes: Tuple[str, str]
    tells_thinking: bool = True


# ---------------------------------------------------------------- one SDK after another


def _openai_client(server: FakeModelServer) -> Any:  # an SDK's client
    return sdk("openai").OpenAI(base_url=server.base_url, api_key=KEY, max_retries=0)


def _azure_client(server: FakeModelServer) -> Any:  # an SDK's client
    return sdk("openai").AzureOpenAI(azure_endpoint=server.url, api_key=KEY, api_version="2024-10-21", max_retries=0)


def _ask_openai(opened: Any) -> Heard:  # an SDK's client
    with opened as client:
        chunks = list(client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    return _openai_style(chunks, tells=lambda delta: getattr(delta, "reasoning_content", None))


def _ask_openrouter(server: FakeModelServer) -> Heard:
    with sdk("openrouter").OpenRouter(api_key=KEY, server_url=server.base_url) as client:
        chunks = list(client.chat.send(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    return _openai_style(chunks, tells=lambda delta: getattr(delta, "reasoning", None))


def _list_as_openai(server: FakeModelServer) -> List[str]:
    with _openai_client(server) as client:
        return [row.id for row in client.models.list()]


def _openai_style(chunks: List[Any], *, tells: Callable[[Any], Optional[str]]) -> Heard:  # an SDK's chunks
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    names: List[str] = []
    arguments: List[str] = []
    for delta in deltas:
        for call in getattr(delta, "tool_calls", None) or ():
            if call.function and call.function.name:
                names.append(call.function.name)
                arguments.append("")
            arguments[-1] += (call.function.arguments if call.function else "") or ""
    usage = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    return Heard(
        "".join(delta.content or "" for delta in deltas), "".join(tells(delta) or "" for delta in deltas),
        tuple(zip(names, map(json.loads, arguments))), int(usage[-1].completion_tokens), str(finishes[-1]),
        chunks[0].model,
    )


def _ask_anthropic(server: FakeModelServer) -> Heard:
    with sdk("anthropic").Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client, \
            client.messages.stream(model=MODEL, messages=MESSAGES, max_tokens=64) as stream:
        message = stream.get_final_message()
    text = "".join(block.text for block in message.content if block.type == "text")
    thinking = "".join(block.thinking for block in message.content if block.type == "thinking")
    calls = tuple((block.name, block.input) for block in message.content if block.type == "tool_use")
    return Heard(text, thinking, calls, message.usage.output_tokens, message.stop_reason, message.model)


def _anthropic_models(server: FakeModelServer) -> List[str]:
    with sdk("anthropic").Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        return [row.id for row in client.models.list()]


def _ask_ollama(server: FakeModelServer) -> Heard:
    with sdk("ollama").Client(host=server.url) as client:
        lines = list(client.chat(model=MODEL, messages=MESSAGES, stream=True))
    messages = [line.message for line in lines]
    functions = [one.function for said in messages for one in said.tool_calls or ()]
    calls = tuple((one.name, dict(one.arguments)) for one in functions)
    return Heard(
        "".join(said.content or "" for said in messages), "".join(said.thinking or "" for said in messages), calls,
        lines[-1].eval_count, lines[-1].done_reason, lines[-1].model,
    )


def _ollama_models(server: FakeModelServer) -> List[str]:
    with sdk("ollama").Client(host=server.url) as client:
        return [row.model for row in client.list().models]


def _google_client(server: FakeModelServer) -> Any:  # an SDK's client
    types = sdk("google.genai.types")
    options = types.HttpOptions(base_url=server.url, api_version="v1beta")
    return sdk("google.genai").Client(api_key=KEY, http_options=options)


def _ask_google(server: FakeModelServer) -> Heard:
    with _google_client(server) as client:
        chunks = list(client.models.generate_content_stream(model=MODEL, contents="hi"))
    parts = [part for chunk in chunks for one in chunk.candidates or () for part in one.content.parts or ()]
    return Heard(
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        tuple((part.function_call.name, part.function_call.args) for part in parts if part.function_call),
        chunks[-1].usage_metadata.candidates_token_count, chunks[-1].candidates[0].finish_reason.value,
        chunks[-1].model_version,
    )


def _google_models(server: FakeModelServer) -> List[str]:
    with _google_client(server) as client:
        return [row.name.partition("/")[2] for row in client.models.list()]


def _mistral_client(server: FakeModelServer) -> Any:  # an SDK's client
    return sdk("mistralai.client").Mistral(api_key=KEY, server_url=f"{server.url}/mistral")


def _ask_mistral(server: FakeModelServer) -> Heard:
    with _mistral_client(server) as client:
        chunks = [event.data for event in client.chat.stream(model=MODEL, messages=MESSAGES)]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    text, thinking = "", ""
    for delta in deltas:
        if isinstance(delta.content, str):
            text += delta.content
        else:
            thinking += "".join(one.text for part in delta.content or () for one in part.thinking)
    calls = tuple((one.function.name, json.loads(one.function.arguments)) for delta in deltas
                  for one in delta.tool_calls or ())
    last = chunks[-1]
    return Heard(text, thinking, calls, last.usage.completion_tokens, last.choices[0].finish_reason, last.model)


def _mistral_models(server: FakeModelServer) -> List[str]:
    with _mistral_client(server) as client:
        return [row.id for row in client.models.list().data]


CLIENTS: Mapping[str, Client] = {
    "openai": Client(lambda server: _ask_openai(_openai_client(server)),
                     _list_as_openai, ("stop", "tool_calls")),
    "azure": Client(lambda server: _ask_openai(_azure_client(server)),
                    lambda server: list(server.models), ("stop", "tool_calls")),
    "openrouter": Client(_ask_openrouter, _list_as_openai, ("stop", "tool_calls"), tells_thinking=False),
    "anthropic": Client(_ask_anthropic, _anthropic_models, ("end_turn", "tool_use")),
    "ollama": Client(_ask_ollama, _ollama_models, ("stop", "stop")),
    "google": Client(_ask_google, _google_models, ("STOP", "STOP")),
    "mistral": Client(_ask_mistral, _mistral_models, ("stop", "tool_calls")),
}
each = pytest.mark.parametrize("name", sorted(CLIENTS))


@pytest.fixture
def server(model_server: FakeModelServer) -> Iterator[FakeModelServer]:
    model_server.words = WORDS
    yield model_server


@each
def test_sdk_hears_the_words_their_number_and_the_model(name: str, server: FakeModelServer) -> None:
    heard = CLIENTS[name].ask(server)

    assert (heard.text, heard.output_tokens, heard.model) == ("".join(WORDS), len(WORDS), MODEL)
    assert (heard.finish, heard.calls, heard.thinking) == (CLIENTS[name].finishes[0], (), "")


@each
def test_sdk_hears_thoughts_apart_from_words(name: str, server: FakeModelServer) -> None:
    server.thinking = ("Hm", " so.")

    heard = CLIENTS[name].ask(server)

    assert heard.text == "".join(WORDS)
    assert heard.thinking == ("Hm so." if CLIENTS[name].tells_thinking else "")


@each
def test_sdk_hears_whole_tool_calls_in_their_order(name: str, server: FakeModelServer) -> None:
    server.calls = CALLS

    heard = CLIENTS[name].ask(server)

    assert heard.calls == (("look", {"at": "Ünder"}), ("now", {}))
    assert heard.finish == CLIENTS[name].finishes[1]


@each
def test_sdk_lists_the_models(name: str, server: FakeModelServer) -> None:
    assert set(server.models) <= set(CLIENTS[name].models(server))


@each
def test_sdk_takes_a_refusal_for_one(name: str, server: FakeModelServer) -> None:
    server.fail(429, {"error": {"message": "slow down", "code": 429, "status": "RESOURCE_EXHAUSTED", "type": "x"}},
                times=10)

    with pytest.raises(Exception, match=r"(?i)slow down|429|rate"):
        CLIENTS[name].ask(server)

"""The Script Editor's way in."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Iterator, List

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.errors import ProviderError, SettingsError, provider_error
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop

SCRIPTS = ScriptedProvider.scripts


@pytest.fixture(autouse=True)
def demo(home: Path) -> Iterator[None]:
    (home / "settings.toml").write_text(
        'default_provider = "demo"\n[providers.demo]\nkind = "scripted"\ndefault_model = "echo"\n')
    kept = dict(SCRIPTS)
    yield
    ai.close()
    shutdown_event_loop()
    SCRIPTS.clear()
    SCRIPTS.update(kept)


def test_an_answer_reads_as_its_text_and_knows_where_it_came_from() -> None:
    answer = ai.ask("hello")
    assert str(answer) == answer.text == "hello"
    assert (answer.provider, answer.model, answer.finish) == ("demo", "echo", "stop")
    stored = api.shared_app().store.conversation(answer.conversation_id).result(5)
    assert stored is not None and stored.kind == "api"


def test_a_conversation_can_be_continued() -> None:
    first = ai.ask("one")
    second = ai.ask("two", conversation_id=first.conversation_id)
    assert second.conversation_id == first.conversation_id and second.message.parent_id != first.message.parent_id


def test_many_threads_may_ask_at_once() -> None:
    answers = {}

    def ask(number: int) -> None:
        answers[number] = str(ai.ask(f"question {number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert answers == {n: f"question {n}" for n in range(16)}


def test_a_failure_is_raised() -> None:
    SCRIPTS["fail"] = [provider_error("auth", "no", provider="Demo")]
    with pytest.raises(ProviderError) as caught:
        ai.ask("q", model="fail")
    assert caught.value.kind == "auth"
    with pytest.raises(SettingsError):
        ai.ask("q", provider="nowhere")


def test_a_time_limit_stops_the_answer_and_keeps_it() -> None:
    SCRIPTS["slow"] = ["half ", 30.0]
    with pytest.raises(ProviderError) as caught:
        ai.ask("q", model="slow", timeout_s=0.3)
    assert caught.value.kind == "timeout" and api.shared_app().turns() == ()
    listed = api.shared_app().store.conversations(kinds=("api",)).result(5)
    assert api.shared_app().store.path(listed[0].id).result(5)[1].text == "half "


def test_a_schema_goes_along_with_the_question() -> None:
    asked: List[ChatRequest] = []

    def shaped(request: ChatRequest) -> List[Step]:
        asked.append(request)
        return ['{"shot": "sh010"}']

    SCRIPTS["shaped"] = shaped
    schema = {"type": "object", "properties": {"shot": {"type": "string"}}}

    assert ai.ask("which?", model="shaped", schema=schema).text == '{"shot": "sh010"}'
    assert [request.schema for request in asked] == [schema]


def test_asking_on_the_loop_is_refused() -> None:
    async def ask() -> None:
        with pytest.raises(RuntimeError):
            ai.ask("q")

    run_coroutine(ask(), 5)


def test_the_status_tells_the_truth() -> None:
    assert ai.status()["providers"]["demo"]["state"] == "unknown"
    ai.ask("q")
    status = ai.status()
    assert status["providers"]["demo"]["state"] == "connected" and status["running_turns"] == 0
    assert status["providers"]["openai"]["state"] == "unknown"


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(AttributeError):
        ai.no_such_name  # noqa: B018
    assert ai.__version__ == "0.1.0" and set(ai.__all__) <= {*dir(api), *dir(ai), "NukeAIError", "troubleshooter"}

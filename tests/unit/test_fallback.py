"""Somebody else is asked only when told to: before the first word, no further out than was meant, never in silence."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import pytest

from nuke_ai_panel.app import App, ModelChoice
from nuke_ai_panel.core.fallback import choice_named, objection
from nuke_ai_panel.core.provider_status import Trust, trust_of
from nuke_ai_panel.errors import ErrorKind, SettingsError, provider_error
from nuke_ai_panel.events import Finish, StandInAsked, TextDelta, TurnFailed, WarningRaised
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes import fault_server as fake
from tests.fakes.model_server import FakeModelServer

from .turn_kit import OVERRIDES, Chat, choose

SCRIPTS = ScriptedProvider.scripts
TWO = {**OVERRIDES, "providers.second.kind": "scripted", "providers.second.title": "Second"}
BUSY = provider_error("overloaded", "full", provider="demo", retryable=False)


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    kept = dict(SCRIPTS)
    SCRIPTS.update({"say": ["Hello", ", ", "artist."], "busy": [BUSY]})
    opened = App.open(overrides={**TWO, **getattr(request, "param", {})})
    yield opened
    opened.close()
    shutdown_event_loop()
    SCRIPTS.clear()
    SCRIPTS.update(kept)


def asked(app: App, name: str) -> List[str]:
    live = app.providers._live.get(name)
    return [one.model for one in live.provider.requests] if live is not None else []  # type: ignore[attr-defined]  # scripted


def ask_with(app: App, model: str, *fallback: ModelChoice) -> Tuple[Chat, Any]:  # the message
    chat = Chat(app)
    return chat, chat.ask("q", choice=choose(model), fallback=fallback or None, retries=0)


SECOND = ModelChoice("second", "say")


def test_nobody_stands_in_unless_told(app: App) -> None:
    _, answer = ask_with(app, "busy")
    assert (answer.status, answer.provider, answer.warnings) == ("failed", "demo", ())
    assert asked(app, "second") == []


@pytest.mark.parametrize("app", [{"fallback": ["second/say"]}], indirect=True)
def test_settings_name_who_stands_in_and_the_answer_says_so(app: App) -> None:
    chat, answer = ask_with(app, "busy")
    assert (answer.status, answer.text) == ("complete", "Hello, artist.")
    assert (answer.provider, answer.model, answer.reported_model) == ("second", "say", "say")
    told = chat.events.of(StandInAsked)
    assert [one.text for one in told] == ["demo is busy. say of Second was asked instead."]
    assert (told[0].answer.provider, told[0].answer.model) == ("second", "say")
    assert answer.warnings == (f"stood_in:{told[0].text}",)
    stored = chat.path()[1]
    assert (stored.provider, stored.model, stored.warnings) == ("second", "say", answer.warnings)
    conversation = app.store.conversation(chat.conversation_id or "").result(5)
    assert conversation is not None and (conversation.provider, conversation.model) == ("demo", "busy")


def test_request_names_who_stands_in_and_an_empty_list_turns_it_off(app: App) -> None:
    object.__setattr__(app.settings, "fallback", ("second/say",))
    _, answer = ask_with(app, "busy", ModelChoice("demo", "say"))
    assert (answer.provider, answer.model) == ("demo", "say")
    off = Chat(app).ask("q", choice=choose("busy"), fallback=(), retries=0)
    assert off.status == "failed" and asked(app, "second") == []


@pytest.mark.parametrize("kind", ["auth", "permission", "bad_request", "content_filter", "context_too_long",
                                  "unsupported_feature", "protocol", "tls"])
def test_what_was_refused_for_a_reason_is_not_asked_elsewhere(app: App, kind: ErrorKind) -> None:
    SCRIPTS["no"] = [provider_error(kind, "no", provider="demo")]
    _, answer = ask_with(app, "no", SECOND)
    assert answer.error.kind == kind and asked(app, "second") == []


@pytest.mark.parametrize("kind", ["network", "timeout", "overloaded", "server_error", "rate_limit", "truncated",
                                  "model_not_found", "credits"])
def test_what_is_not_available_is_asked_elsewhere(app: App, kind: ErrorKind) -> None:
    SCRIPTS["no"] = [provider_error(kind, "no", provider="demo")]
    _, answer = ask_with(app, "no", SECOND)
    assert (answer.provider, answer.text) == ("second", "Hello, artist.")


def test_nobody_stands_in_after_the_first_word(app: App) -> None:
    SCRIPTS["half"] = ["Half an ", BUSY]
    chat, answer = ask_with(app, "half", SECOND)
    assert (answer.status, answer.text, answer.provider) == ("failed", "Half an ", "demo")
    assert asked(app, "second") == [] and chat.events.of(StandInAsked) == []


def test_retries_come_before_somebody_else(app: App) -> None:
    tries: List[int] = []

    def script(request: ChatRequest) -> List[Any]:  # steps of any kind
        tries.append(1)
        return [provider_error("overloaded", "full", provider="demo", retry_after_s=0.0)]

    SCRIPTS["busy"] = script
    answer = Chat(app).ask("q", choice=choose("busy"), fallback=(SECOND,), retries=2)
    assert len(tries) == 3 and answer.provider == "second"


def test_second_stand_in_is_asked_when_the_first_fails_too(app: App) -> None:
    _, answer = ask_with(app, "busy", ModelChoice("second", "busy"), SECOND)
    assert (answer.provider, answer.model, answer.text) == ("second", "say", "Hello, artist.")
    names = [code.partition(":")[0] for code in answer.warnings]
    assert names == ["not_asked_instead", "stood_in"]


def test_when_nobody_answers_the_chosen_models_error_stays(app: App) -> None:
    chat, answer = ask_with(app, "busy", ModelChoice("second", "busy"))
    end = chat.events.end()
    assert isinstance(end, TurnFailed)
    assert (answer.provider, answer.model, end.error.provider, end.error.kind) == ("demo", "busy", "demo", "overloaded")
    assert [code.partition(":")[0] for code in answer.warnings] == ["not_asked_instead"]
    assert chat.events.of(StandInAsked)[-1].text == ""


@pytest.mark.parametrize("named", ["nobody/m", "second", "", "/m"])
def test_name_that_means_nobody_is_said_beside_the_real_error(named: str) -> None:
    opened = App.open(overrides={**TWO, "fallback": [named]})
    SCRIPTS["busy"] = [BUSY]
    chat, answer = ask_with(opened, "busy")
    opened.close()
    shutdown_event_loop()
    assert answer.error.kind == "overloaded"
    assert len(chat.events.of(WarningRaised)) == 1


def test_a_continuation_is_never_finished_by_somebody_else(app: App) -> None:
    calls: List[int] = []

    def script(request: ChatRequest) -> List[Any]:  # steps of any kind
        calls.append(1)
        return ["Half", provider_error("network", "cut", provider="demo")] if len(calls) == 1 else [BUSY]

    SCRIPTS["half"] = script
    chat, cut = ask_with(app, "half")
    again = chat.ask("", choice=choose("half"), continue_of=cut.id, fallback=(SECOND,), retries=0)
    assert (again.status, again.text, again.provider) == ("failed", "Half", "demo") and asked(app, "second") == []


def test_stand_in_sees_the_same_question_and_its_tools_rounds_stay_with_it(app: App) -> None:
    SCRIPTS["echo"] = lambda request: [TextDelta(request.messages[-1].text), Finish("stop", "stop")]
    chat = Chat(app)
    answer = chat.ask("the very question", choice=choose("busy"), fallback=(ModelChoice("second", "echo"),), retries=0)
    assert answer.text == "the very question"
    assert [one.role for one in chat.path()] == ["user", "assistant"]


# ---------------------------------------------------------------- how far a prompt may travel

ROWS = {
    "local": (ProviderSettings("local", kind="local"), Trust.MACHINE),
    "ollama": (ProviderSettings("ollama", kind="ollama", base_url="http://127.0.0.1:11434"), Trust.MACHINE),
    "host without a scheme": (ProviderSettings("o", kind="ollama", base_url="localhost:11434"), Trust.MACHINE),
    "lan": (ProviderSettings("lan", kind="openai", base_url="http://192.168.1.5:8000/v1"), Trust.HOUSE),
    "bare name": (ProviderSettings("farm", kind="openai", base_url="http://llm:8000/v1"), Trust.HOUSE),
    "openai": (ProviderSettings("openai", kind="openai", base_url="https://api.openai.com/v1"), Trust.OUTSIDE),
    "default address": (ProviderSettings("a", kind="anthropic"), Trust.OUTSIDE),
    "third party": (ProviderSettings("x", kind="somebody"), Trust.OUTSIDE),
    "looks local": (ProviderSettings("e", kind="openai", base_url="http://127.0.0.1.evil.com/v1"), Trust.OUTSIDE),
    "no address": (ProviderSettings("e", kind="openai", base_url="http://[::1"), Trust.OUTSIDE),
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_how_far_a_prompt_travels(name: str) -> None:
    row, expected = ROWS[name]
    assert trust_of(row) is expected


@pytest.mark.parametrize("goes", sorted(ROWS))
@pytest.mark.parametrize("meant", sorted(ROWS))
def test_only_the_same_trust_may_stand_in(meant: str, goes: str) -> None:
    (chosen, trust), (other, others) = ROWS[meant], ROWS[goes]
    assert (objection(chosen, other) is None) == (trust is others)


def test_prompt_meant_for_this_machine_never_leaves_it(model_server: FakeModelServer) -> None:
    port = fake.closed_port()
    opened = App.open(overrides={
        **OVERRIDES, "providers.ollama.base_url": f"http://127.0.0.1:{port}",
        "providers.cloud.kind": "openai", "providers.cloud.title": "Cloud",
        "providers.cloud.base_url": "http://cloud.vendor.test/v1", "providers.cloud.proxy": model_server.url,
        "fallback": ["cloud/fake-model"],
    })
    chat = Chat(opened)
    answer = chat.ask("secret", choice=ModelChoice("ollama", "m"), retries=0)
    assert answer.error is not None and answer.error.kind == "network" and answer.provider == "ollama"
    warned = chat.events.of(WarningRaised)
    assert "Cloud was not asked instead: it runs outside" in warned[0].text
    opened.close()
    shutdown_event_loop()
    assert model_server.connections == 0


def test_names_of_stand_ins_are_read_as_written() -> None:
    opened = App.open(overrides={**TWO, "providers.second.default_model": "say"})
    assert choice_named(opened.settings, "second/a/b:c") == ModelChoice("second", "a/b:c")
    assert choice_named(opened.settings, " second ") == ModelChoice("second", "say")
    with pytest.raises(SettingsError):
        choice_named(opened.settings, "nobody/x")
    opened.close()

"""One turn from a question to its stored answer, on a real loop, a real store and scripts."""

from __future__ import annotations

import time
from typing import Iterator, List, Tuple

import pytest

from nuke_ai_panel.app import App, Parameters, TurnRequest
from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.core.turn_words import warning_text
from nuke_ai_panel.errors import BusyError, ErrorKind, ProviderError, SettingsError, provider_error
from nuke_ai_panel.events import (
    AnswerReset,
    AnswerStored,
    ContextTrimmed,
    Finish,
    Keepalive,
    Progress,
    Restarted,
    StreamStarted,
    StreamWarning,
    TextDelta,
    ThinkingAdded,
    ThinkingDelta,
    TurnFailed,
    TurnStarted,
    UsageReport,
    WaitChanged,
    WarningRaised,
)
from nuke_ai_panel.messages import Attachment, Usage
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step
from nuke_ai_panel.utils.event_loop_manager import get_event_loop_manager

from ..conftest import LogLines
from .turn_kit import Chat, Events, choose, provider

SCRIPTS = ScriptedProvider.scripts


def test_a_question_becomes_a_stored_answer(app: App) -> None:
    chat = Chat(app)
    answer = chat.ask("Why is my despill eating the edge?")
    assert [type(event).__name__ for event in chat.events.all] == [
        "TurnStarted", "WaitChanged", "WaitChanged", "TextAdded", "TextAdded", "TextAdded", "AnswerStored"]
    assert chat.events.text() == answer.text == "Hello, artist."
    assert [(one.role, one.text, one.status) for one in chat.path()] == [
        ("user", "Why is my despill eating the edge?", "complete"), ("assistant", "Hello, artist.", "complete")]
    assert chat.path()[1] == answer
    assert (answer.provider, answer.model, answer.finish, answer.error) == ("demo", "say", "stop", None)


def test_the_question_is_on_the_disk_before_the_request_leaves(app: App) -> None:
    seen: List[Tuple[str, str]] = []

    def script(request: ChatRequest) -> List[Step]:
        seen.extend((one.role, one.status) for one in app.store.path(chat.conversation_id or "").result(5))
        return ["ok"]

    SCRIPTS["look"] = script
    chat = Chat(app, "given-by-the-front-end")
    chat.ask("Are you there?", choice=choose("look"))
    assert seen == [("user", "complete"), ("assistant", "streaming")]


def test_earlier_turns_are_sent(app: App) -> None:
    chat = Chat(app)
    for text in ("one", "two", "three"):
        chat.ask(text)
    assert chat.sent()[-1] == [("user", "one"), ("assistant", "Hello, artist."), ("user", "two"),
                               ("assistant", "Hello, artist."), ("user", "three")]


def test_two_hundred_messages_stay_one_conversation(app: App) -> None:
    chat = Chat(app)
    for number in range(100):
        chat.ask(f"question {number}")
    path = chat.path()
    assert [one.text for one in path[::2]] == [f"question {number}" for number in range(100)]
    assert {one.text for one in path[1::2]} == {"Hello, artist."}
    assert len(app.providers._live) == 1


def test_two_conversations_at_once_never_mix(app: App) -> None:
    SCRIPTS["long"] = lambda request: [
        piece for n in range(60) for piece in (f"{request.messages[-1].text}{n} ", 0.001)]
    chats = [Chat(app) for _ in range(8)]
    for number, chat in enumerate(chats):
        chat.start(f"chat{number}-", choice=choose("long"))
    for number, chat in enumerate(chats):
        chat.events.end()
        assert chat.events.text() == "".join(f"chat{number}-{n} " for n in range(60))
        assert chat.path()[1].text == chat.events.text()


def test_a_busy_conversation_refuses_a_second_question(app: App) -> None:
    SCRIPTS["slow"] = ["a", 30.0]
    chat = Chat(app)
    handle = chat.start("first", choice=choose("slow"))
    with pytest.raises(BusyError):
        app.start_turn(TurnRequest("second", conversation_id=chat.conversation_id), Events())
    handle.stop()
    chat.events.end()
    assert chat.ask("third", choice=choose("say")).status == "complete"


def test_a_new_conversation_is_named_by_its_first_words(app: App) -> None:
    chat = Chat(app)
    chat.ask("  Why does the *despill* eat the fine hair at the edge of the matte?\nSecond line")
    conversation = app.store.conversation(chat.conversation_id or "").result(5)
    assert conversation is not None
    assert conversation.title.startswith("Why does the") and len(conversation.title) <= 49
    assert (conversation.provider, conversation.model, conversation.kind) == ("demo", "say", "chat")


def test_an_attachment_alone_names_the_conversation(app: App) -> None:
    chat = Chat(app)
    chat.ask("", attachments=(Attachment("1", "file", "grade.py", "a = 1"),))
    conversation = app.store.conversation(chat.conversation_id or "").result(5)
    assert conversation is not None and conversation.title == "grade.py"
    assert "a = 1" in chat.sent()[-1][0][1]


def test_a_title_given_by_hand_stays(app: App) -> None:
    made = app.store.create_conversation(title="").result(5)
    app.store.update_conversation(made.id, title="My shot", title_is_manual=True).result(5)
    Chat(app, made.id).ask("Something else")
    kept = app.store.conversation(made.id).result(5)
    assert kept is not None and kept.title == "My shot"


def test_a_conversation_remembers_its_model(app: App) -> None:
    chat = Chat(app)
    chat.ask("one", choice=choose("echo"))
    assert chat.ask("two").model == "echo"
    assert chat.ask("three", choice=choose("say")).model == "say"
    assert chat.ask("four").model == "say"


def test_the_system_prompt_belongs_to_the_conversation(app: App) -> None:
    chat = Chat(app)
    chat.ask("one", system="Be brief.")
    chat.ask("two")
    chat.ask("three", system="")
    assert [request.system for request in provider(app).requests] == ["Be brief.", "Be brief.", None]


def test_parameters_come_from_the_request_then_from_settings() -> None:
    app = App.open(overrides={"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo",
                              "parameters.temperature": 0.5, "parameters.max_tokens": 99})
    Chat(app).ask("q", parameters=Parameters(temperature=0.0))
    assert provider(app).requests[0].parameters == Parameters(temperature=0.0, max_tokens=99)
    app.close()


def test_thinking_warnings_and_counters_are_kept(app: App) -> None:
    SCRIPTS["rich"] = [
        StreamStarted("r1", "actual-model", "Azure"), Keepalive("comment"), Progress("loading", 1, 2),
        ThinkingDelta("Hm. "), ThinkingDelta("Yes."), TextDelta("Do it."), StreamWarning("unknown_delta"),
        UsageReport(Usage(input=7)),
        UsageReport(Usage(output=3)), Finish("length", "max_tokens"),
    ]
    chat = Chat(app)
    answer = chat.ask("q", choice=choose("rich"))
    assert (answer.text, answer.reasoning, answer.finish, answer.raw_finish) == (
        "Do it.", "Hm. Yes.", "length", "max_tokens")
    assert (answer.usage, answer.warnings, answer.keepalives) == (Usage(input=7, output=3), ("unknown_delta",), 1)
    assert (answer.response_id, answer.model, answer.reported_model) == ("r1", "rich", "actual-model")
    assert answer.upstream == "Azure"
    assert [event.text for event in chat.events.of(ThinkingAdded)] == ["Hm. ", "Yes."]
    assert WaitChanged(chat.events.all[0].turn_id, "loading", done=1, total=2) in chat.events.all
    assert answer.timings.first_token_s is not None and chat.path()[1] == answer


def test_missing_counters_are_estimated_and_marked(app: App) -> None:
    usage = Chat(app).ask("Four words are here")
    assert usage.usage is not None and usage.usage.estimated and (usage.usage.input or 0) > 4


def test_a_restart_upstream_empties_the_answer(app: App) -> None:
    SCRIPTS["again"] = ["wrong", Restarted(), "right"]
    chat = Chat(app)
    assert chat.ask("q", choice=choose("again")).text == "right"
    assert chat.events.of(AnswerReset)


def test_nothing_counts_after_the_end(app: App) -> None:
    class Chatty(ScriptedProvider):
        async def stream(self, request):  # type: ignore[no-untyped-def]  # the base class types it
            yield TextDelta("said")
            yield Finish("stop")
            yield TextDelta("too late")

    app.providers._classes = lambda kind: Chatty
    chat = Chat(app)
    assert chat.ask("q").text == chat.events.text() == "said"


def test_a_stream_without_an_end_is_a_failure(app: App) -> None:
    class Cut(ScriptedProvider):
        async def stream(self, request):  # type: ignore[no-untyped-def]  # the base class types it
            yield TextDelta("half")

    app.providers._classes = lambda kind: Cut
    chat = Chat(app)
    answer = chat.ask("q")
    assert (answer.status, answer.text, answer.error and answer.error.kind) == ("failed", "half", "truncated")


def test_a_failure_keeps_what_was_said_and_names_provider_and_model(app: App) -> None:
    SCRIPTS["break"] = ["half ", provider_error("network", "connection lost", provider="Demo")]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("break"))
    failed = chat.events.wait_for(TurnFailed)
    assert (failed.answer.text, failed.answer.status) == ("half ", "failed")
    assert (failed.error.kind, failed.error.provider, failed.error.model) == ("network", "Demo", "break")
    assert chat.path()[1] == failed.answer == handle.result(5)
    assert isinstance(handle.error(), ProviderError)


def test_nothing_is_retried_after_the_first_token(app: App) -> None:
    SCRIPTS["break"] = ["half ", provider_error("overloaded", "busy")]
    chat = Chat(app)
    assert chat.ask("q", choice=choose("break")).status == "failed"
    assert len(provider(app).requests) == 1


@pytest.mark.parametrize("kind", ["rate_limit", "overloaded"])
def test_a_passing_error_is_retried_visibly(app: App, kind: ErrorKind) -> None:
    error = provider_error(kind, "no", retry_after_s=0.02)
    tries: Iterator[Step] = iter([error, error, "yes"])
    SCRIPTS["later"] = lambda request: [next(tries)]
    chat = Chat(app)
    answer = chat.ask("q", choice=choose("later"))
    waits = [event for event in chat.events.of(WaitChanged) if event.phase == "retrying"]
    assert (answer.status, answer.text) == ("complete", "yes")
    assert [(one.attempt, one.retry_in_s) for one in waits] == [(1, 0.02), (2, 0.02)]
    assert [one.role for one in chat.path()] == ["user", "assistant"]


def test_retries_can_be_turned_off(app: App) -> None:
    SCRIPTS["busy"] = [provider_error("overloaded", "no", retry_after_s=0.01)]
    assert Chat(app).ask("q", choice=choose("busy"), retries=0).status == "failed"
    assert len(provider(app).requests) == 1


def test_a_long_retry_after_fails_at_once_and_says_the_time(app: App) -> None:
    SCRIPTS["busy"] = [provider_error("rate_limit", "no", provider="Demo", retry_after_s=600)]
    answer = Chat(app).ask("q", choice=choose("busy"))
    assert answer.error is not None and "10 minutes" in answer.error.user_text


def test_a_bug_in_a_provider_ends_the_turn_and_is_logged(app: App, log_lines: LogLines) -> None:
    SCRIPTS["bug"] = ["half", KeyError("surprise")]
    answer = Chat(app).ask("q", choice=choose("bug"))
    assert log_lines.take("this is a bug").exc_info is not None
    assert answer.error is not None and (answer.error.kind, answer.text) == ("internal", "half")
    assert "bug" in answer.error.user_text


def test_a_sink_that_raises_does_not_end_the_turn(app: App, log_lines: LogLines) -> None:
    def broken(event: object) -> None:
        raise RuntimeError("widget is gone")

    handle = app.start_turn(TurnRequest("q"), broken)
    assert handle.result(5).text == "Hello, artist."
    log_lines.take("receiver of a turn's events failed")


def test_an_unknown_provider_is_the_turns_own_error_and_the_question_is_kept(app: App) -> None:
    chat = Chat(app)
    answer = chat.ask("q", choice=ModelChoice("nowhere", "m"))
    assert answer.error is not None and answer.error.kind == "settings"
    assert [(one.role, one.status) for one in chat.path()] == [("user", "complete"), ("assistant", "failed")]


def test_no_chosen_model_is_said_before_anything_is_sent(app: App) -> None:
    answer = Chat(app).ask("q", choice=ModelChoice("ollama"))
    assert answer.error is not None and "No model is chosen for Ollama" in answer.error.user_text
    with pytest.raises(SettingsError):
        app.choice("ollama")


def test_a_trim_is_told(app: App) -> None:
    app.providers.refresh_models("demo").result(5)
    chat = Chat(app)
    for number in range(4):
        chat.ask(f"{number}" * 12_000)
    trims = chat.events.of(ContextTrimmed)
    assert [(one.dropped_messages, one.kept_messages, one.window_tokens) for one in trims] == [(4, 3, 8192)]
    assert chat.sent()[-1][0][1][0] == "2"


def test_the_running_answer_is_flushed_every_second(app: App) -> None:
    SCRIPTS["slow"] = [piece for n in range(100) for piece in (f"w{n} ", 0.05)]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("slow"))
    chat.events.wait_for(TurnStarted)
    time.sleep(1.5)
    said, stored = handle.snapshot().text, chat.path()[1]
    assert stored.status == "streaming" and len(said) - len(stored.text) < 100 and stored.text
    handle.stop()
    chat.events.end()


def test_waiting_for_a_turn_on_the_loop_is_refused(app: App) -> None:
    SCRIPTS["slow"] = ["a", 30.0]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("slow"))

    async def wait() -> str:
        with pytest.raises(RuntimeError):
            handle.result(1)
        return "refused"

    assert get_event_loop_manager().run_coroutine(wait(), 5) == "refused"
    with pytest.raises(TimeoutError):
        handle.result(0.05)
    handle.stop()
    chat.events.end()


def test_more_turns_than_slots_wait_their_turn(app: App) -> None:
    app._services.slots["chat"]._free = 1
    SCRIPTS["slow"] = ["a", 30.0]
    first, second = Chat(app), Chat(app)
    running = first.start("q", choice=choose("slow"))
    first.events.wait_for(TurnStarted)
    second.start("q")
    second.events.wait_for(WaitChanged, where=lambda event: event.phase == "queued")
    running.stop()
    assert isinstance(second.events.end(), AnswerStored)


def test_an_answer_of_nothing_is_said(app: App) -> None:
    SCRIPTS["nothing"] = [Finish("stop")]
    chat = Chat(app)
    assert chat.ask("q", choice=choose("nothing")).status == "complete"
    assert [event.code for event in chat.events.of(WarningRaised)] == ["empty_answer"]


def test_a_failed_try_leaves_no_trace_in_the_answer(app: App) -> None:
    first: List[Step] = [StreamWarning("bad_json_event"), UsageReport(Usage(input=9)),
                         provider_error("overloaded", "no", retry_after_s=0.01)]
    tries: Iterator[List[Step]] = iter([first, ["yes", UsageReport(Usage(output=1))]])
    SCRIPTS["later"] = lambda request: next(tries)
    answer = Chat(app).ask("q", choice=choose("later"))
    assert (answer.warnings, answer.usage) == ((), Usage(output=1))


def test_warnings_are_readable_after_reopening() -> None:
    assert "about 1,200 tokens" in warning_text("context_dropped:1200")
    assert warning_text("tool_rounds") and warning_text("unknown_delta") == ""

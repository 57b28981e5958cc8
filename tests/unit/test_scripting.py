"""Answers that a script starts, streams and keeps a conversation of, in a program without windows."""

from __future__ import annotations

import _thread
import gc
import json
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.errors import (
    AnswerShapeError,
    BusyError,
    HostError,
    NukeAIError,
    ProviderError,
    SettingsError,
    StoppedError,
    provider_error,
)
from nuke_ai_panel.events import UsageReport
from nuke_ai_panel.messages import Attachment, Usage
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step
from nuke_ai_panel.utils.event_loop_manager import run_coroutine, shutdown_event_loop
from nuke_ai_panel.utils.generations import of_today
from nuke_ai_panel.utils.main_thread import the_main_thread

from ..conftest import LogLines

SCRIPTS = ScriptedProvider.scripts
SHOT = "Root {\n inputs 0\n name shot.nk\n}\nBlur {\n inputs 0\n size 40\n name Blur1\n}\n"


@pytest.fixture(autouse=True)
def demo(home: Path) -> Iterator[None]:
    (home / "settings.toml").write_text(
        'default_provider = "demo"\n[providers.demo]\nkind = "scripted"\ndefault_model = "echo"\n')
    kept = dict(SCRIPTS)
    SCRIPTS["words"] = ["one ", 0.02, "two ", 0.02, "three", UsageReport(Usage(input=7, output=3))]
    SCRIPTS["slow"] = ["half ", 30.0, "never"]
    yield
    ai.close()
    shutdown_event_loop()
    SCRIPTS.clear()
    SCRIPTS.update(kept)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def in_thread(call: Callable[[], Any]) -> Any:
    """What `call` returns on a thread of its own."""
    found: List[Any] = []
    worker = threading.Thread(target=lambda: found.append(call()))
    worker.start()
    worker.join(10)
    return found[0]


# ---------------------------------------------------------------- start


def test_start_returns_at_once_and_calls_back_on_the_main_thread_while_it_waits() -> None:
    said: List[str] = []
    done: List[Any] = []
    threads = set()
    began = time.monotonic()

    def on_text(text: str) -> None:
        threads.add(threading.current_thread())
        said.append(text)

    running = ai.start("q", model="words", on_text=on_text, on_done=done.append)
    assert time.monotonic() - began < 1 and not done
    answer = running.result(5)

    assert "".join(said) == "one two three" == running.text == str(answer) and done == [answer]
    assert threads == {threading.main_thread()}
    assert (answer.usage.input, answer.usage.output, answer.model) == (7, 3, "words")
    assert running.done() and running.conversation_id == answer.conversation_id
    running.stop()
    assert running.result() is answer


def test_callbacks_of_a_turn_that_a_thread_started_run_on_the_main_thread_when_it_serves() -> None:
    where: List[threading.Thread] = []
    running = in_thread(lambda: ai.start("q", on_done=lambda _: where.append(threading.current_thread())))
    until(running.done)
    assert where == []
    assert str(running.result(5)) == "q" and where == [threading.main_thread()]


def test_exactly_one_end_is_told() -> None:
    SCRIPTS["fail"] = ["a little", provider_error("auth", "no", provider="Demo")]
    told: List[Any] = []
    for model in ("words", "fail", "slow"):
        running = ai.start("q", model=model, on_done=told.append, on_error=told.append)
        if model == "slow":
            while running.text != "half ":
                time.sleep(0.005)
            running.stop()
        try:
            assert running.result(5) is told[-1]
        except NukeAIError as error:
            assert error is told[-1]
    assert [type(one).__name__ for one in told] == ["Answer", "AuthError", "StoppedError"]
    assert told[2].text == "half "


def test_a_callback_that_raises_is_logged_once_and_the_answer_goes_on(log_lines: LogLines) -> None:
    def wrong(value: object) -> None:
        raise RuntimeError("the artist's own mistake")

    SCRIPTS["many"] = [step for _ in range(20) for step in ("word ", 0.005)]
    assert ai.start("q", model="many", on_text=wrong, on_done=wrong).result(5).text == "word " * 20
    assert "the artist's own mistake" in str(log_lines.take("a callback of start() failed").exc_info)


def test_a_callback_may_ask_and_its_own_calls_stay_in_order() -> None:
    said: List[str] = []

    def on_text(text: str) -> None:
        said.append(f"({text.strip()}")
        said.append(str(ai.ask("inner")))
        said.append(")")

    ai.start("q", model="words", on_text=on_text).result(10)
    depth = 0
    for one in said:
        depth += one.startswith("(") - (one == ")")
        assert depth in (0, 1)
    assert "".join(one[1:] for one in said if one.startswith("(")).replace(" ", "") == "onetwothree"


def test_callbacks_of_many_turns_run_one_at_a_time_and_all_may_ask() -> None:
    told: List[str] = []

    def on_done(answer: object) -> None:
        told.append(f"({answer}")
        told.append(str(ai.ask("inner")))
        told.append(")")

    running = [ai.start(f"{number}", on_done=on_done) for number in range(20)]
    for one in running:
        one.result(10)
    assert sorted(one for one in told if one.startswith("(")) == sorted(f"({number}" for number in range(20))
    assert all(told[at:at + 3][1:] == ["inner", ")"] for at in range(0, 60, 3))


def test_a_callback_may_wait_for_another_answer() -> None:
    first, told = ai.start("first", on_done=lambda answer: told.append("first")), []  # type: List[str]
    ai.start("second", on_done=lambda answer: told.append(f"second after {first.result(5)}")).result(5)
    first.result(5)
    assert sorted(told) == ["first", "second after first"]


def test_waits_that_stand_on_each_other_too_deep_are_refused_in_one_sentence() -> None:
    refused: List[NukeAIError] = []
    levels: List[int] = []

    def deeper() -> None:
        """Work for the main thread that asks while somebody asks there."""
        levels.append(1)
        if len(levels) < 12:
            the_main_thread().submit(deeper)
        try:
            ai.ask("q", model="slow", timeout_s=0.5)
        except ProviderError:
            pass
        except NukeAIError as error:
            refused.append(error)

    deeper()
    assert len(refused) == 4
    assert "start()" in refused[0].next_step and "wait for each other" in refused[0].user_text


def test_result_leaves_an_answer_that_is_not_there_in_time() -> None:
    running = ai.start("q", model="slow")
    with pytest.raises(TimeoutError):
        running.result(0.1)
    assert not running.done()
    running.stop()
    with pytest.raises(StoppedError):
        running.result(5)


def test_a_time_limit_holds_without_anybody_waiting() -> None:
    running = ai.start("q", model="slow", timeout_s=0.2)
    until(running.done)
    with pytest.raises(ProviderError) as caught:
        running.result()
    assert caught.value.kind == "timeout" and running.text == "half "


def test_closing_ends_what_runs() -> None:
    told: List[Any] = []
    running = ai.start("q", model="slow", on_error=told.append)
    until(lambda: running.text == "half ")
    ai.close()
    with pytest.raises(StoppedError):
        running.result(5)
    assert len(told) == 1 and str(ai.ask("again")) == "again"


def test_control_c_stops_the_answer_and_keeps_what_arrived() -> None:
    SCRIPTS["wait"] = ["half ", 30.0]
    app = api.shared_app()

    def interrupt() -> None:
        until(lambda: any(handle.snapshot().text for handle in app.turns()))
        _thread.interrupt_main()

    worker = threading.Thread(target=interrupt)
    worker.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ai.ask("q", model="wait")
        time.sleep(1)  # where it arrives late
    worker.join()
    assert time.monotonic() - began < 5
    until(lambda: not app.turns())
    (kept,) = app.store.conversations(kinds=("api",)).result(5)
    assert [(one.text, one.status) for one in app.store.path(kept.id).result(5)][1] == ("half ", "stopped")
    assert str(ai.ask("goes on")) == "goes on"


# ---------------------------------------------------------------- stream


def test_stream_gives_the_text_as_it_comes_and_the_answer_at_the_end() -> None:
    stream = ai.stream("q", model="words")
    pieces = list(stream)
    assert "".join(pieces) == "one two three" and all(pieces) and len(pieces) > 1
    assert str(stream.result()) == "one two three" and list(stream) == []


def test_stream_raises_at_its_end() -> None:
    SCRIPTS["fail"] = ["a little", provider_error("overloaded", "busy", provider="Demo", retryable=False)]
    got: List[str] = []
    with pytest.raises(ProviderError):
        for text in ai.stream("q", model="fail"):
            got.append(text)
    assert got == ["a little"]


def test_leaving_a_stream_early_stops_the_answer() -> None:
    for text in ai.stream("q", model="slow"):
        assert text == "half "
        break
    gc.collect()
    until(lambda: not api.shared_app().turns())
    with ai.stream("q", model="slow") as texts:
        assert next(texts) == "half "
    until(texts.done)


# ---------------------------------------------------------------- chat


def test_a_chat_remembers_and_its_options_count_for_each_question() -> None:
    asked: List[ChatRequest] = []

    def note(request: ChatRequest) -> List[Step]:
        asked.append(request)
        return [f"answer {len(asked)}"]

    SCRIPTS["note"] = note
    chat = ai.chat(model="note", system="Be short.", context="plate is 4k")
    assert chat.messages() == () and chat.conversation_id is None
    assert str(chat.ask("first")) == "answer 1"
    assert "".join(chat.stream("second", system="Be long.")) == "answer 2"
    assert str(chat.start("third").result(5)) == "answer 3"
    assert [one.text for one in chat.messages()] == ["first", "answer 1", "second", "answer 2", "third", "answer 3"]
    assert [request.system for request in asked] == ["Be short.", "Be long.", "Be short."]
    texts = [json.dumps([str(message) for message in request.messages]).count("plate is 4k") for request in asked]
    assert texts == [1, 1, 1], "it goes along once and is read with every question"
    again = ai.chat(conversation_id=chat.conversation_id)
    assert str(again.ask("fourth")) == "answer 4", "the conversation's own model goes on"


def test_an_answer_can_be_gone_on_from() -> None:
    first = ai.ask("one", model="words")
    second = first.chat().ask("two")
    assert second.conversation_id == first.conversation_id and second.model == "words"


def test_a_second_question_in_a_conversation_waits_for_nobody_and_is_refused() -> None:
    chat = ai.chat(model="slow")
    running = chat.start("q")
    with pytest.raises(BusyError) as caught:
        chat.ask("q")
    assert "still being written" in str(caught.value)
    running.stop()
    with pytest.raises(StoppedError):
        running.result(5)


# ---------------------------------------------------------------- what goes along


def test_context_is_text_files_and_scripts(tmp_path: Path) -> None:
    asked: List[ChatRequest] = []

    def note(request: ChatRequest) -> List[Step]:
        asked.append(request)
        return ["ok"]

    SCRIPTS["note"] = note
    (tmp_path / "shot.nk").write_text(SHOT)
    (tmp_path / "notes.txt").write_text("the plate is noisy")
    (tmp_path / "frame.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    digest = ai.script(tmp_path / "shot.nk")
    assert "Blur1 (Blur): size 40" in str(digest) and digest.tokens > 0 and digest.left_out == ()
    own = Attachment("1", "text", "own", text="by hand")
    ai.ask("q", model="note", attachments=(own,), context=[
        "as text", digest, tmp_path / "notes.txt", tmp_path / "shot.nk", tmp_path / "frame.png"])
    (sent,) = asked[0].messages
    assert [(one.kind, one.name) for one in sent.attachments] == [("image", "frame.png")]
    places = [sent.text.index(part) for part in ("by hand", "as text", str(digest), "the plate is noisy")]
    assert places == sorted(places) and sent.text.count(str(digest)) == 2
    kept = api.shared_app().store.conversations(kinds=("api",)).result(5)[0]
    assert [one.name for one in api.messages_of(kept.id)[0].attachments] == [
        "own", "context", "shot.nk", "notes.txt", "shot.nk", "frame.png"]
    ai.ask("q", model="note", context=digest + "and this")
    assert str(digest) in asked[1].messages[0].text and "and this" in asked[1].messages[0].text


def test_a_digest_keeps_to_its_length_and_says_what_is_missing(tmp_path: Path) -> None:
    rows = "".join(f"Grade {{\n inputs 0\n white {number + 2}\n name Grade{number}\n}}\n" for number in range(300))
    (tmp_path / "long.nk").write_text(f"Root {{\n inputs 0\n}}\n{rows}")
    short = ai.script(str(tmp_path / "long.nk"), limit_tokens=300)
    assert short.tokens <= 300 and "nodes" in short.left_out[0] and short.left_out[0] in str(short)


@pytest.mark.parametrize("call,words", [
    (lambda folder: ai.script(), "not Nuke"),
    (lambda folder: ai.nodes("Blur1"), "not Nuke"),
    (lambda folder: ai.script(folder / "none.nk"), "cannot be read"),
    (lambda folder: ai.script(folder / "broken.nk"), "no readable script"),
    (lambda folder: ai.ask("q", context=folder), "cannot be read"),
    (lambda folder: ai.ask("q", context=folder / "noise.bin"), "not a text file"),
])
def test_what_cannot_be_read_is_said_with_a_next_step(
    tmp_path: Path, call: Callable[[Path], Any], words: str
) -> None:
    (tmp_path / "broken.nk").write_text("Blur {\n size 4\n")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    with pytest.raises(HostError) as caught:
        call(tmp_path)
    assert words in str(caught.value) and caught.value.next_step in str(caught.value) != ""


# ---------------------------------------------------------------- JSON


SCHEMA: Dict[str, Any] = {
    "type": "object", "required": ["shot"], "properties": {"shot": {"type": "string"}}, "additionalProperties": False,
}


@pytest.mark.parametrize("said", ['{"shot": "sh010"}', '```json\n{"shot": "sh010"}\n```', ' {"shot":\n"sh010"} '])
def test_json_of_the_shape_comes_parsed(said: str) -> None:
    SCRIPTS["shaped"] = [said]
    answer = ai.ask("which?", model="shaped", schema=SCHEMA)
    assert answer.data == {"shot": "sh010"} and answer.text == said


@pytest.mark.parametrize("said", ["It is sh010.", '{"shot": 10}', '{"plate": "a"}', '{"shot": "a", "b": 1}', "[]"])
def test_anything_else_is_an_error_that_keeps_what_was_said(said: str) -> None:
    SCRIPTS["shaped"] = [said]
    with pytest.raises(AnswerShapeError) as caught:
        ai.ask("which?", model="shaped", schema=SCHEMA)
    assert caught.value.text == said and "Ask again" in str(caught.value)


def test_without_a_schema_there_is_no_data() -> None:
    assert ai.ask('{"a": 1}').data is None


# ---------------------------------------------------------------- what cannot be meant


@pytest.mark.parametrize("arguments,error", [
    (dict(prompt=3), TypeError), (dict(prompt="  "), ValueError), (dict(prompt=None), TypeError),
    (dict(prompt="q", timeout_s=0), ValueError), (dict(prompt="q", timeout_s=-1), ValueError),
    (dict(prompt="q", timeout_s="3"), TypeError), (dict(prompt="q", timeout_s=float("nan")), ValueError),
    (dict(prompt="q", schema="{}"), TypeError), (dict(prompt="q", context=4), TypeError),
    (dict(prompt="q", fallback="a/b"), TypeError), (dict(prompt="q", model=3), TypeError),
    (dict(prompt="q", max_tokens=True), TypeError), (dict(prompt="q", provider="nowhere"), SettingsError),
])
def test_arguments_that_cannot_be_meant_are_refused_before_anything_is_sent(
    arguments: Dict[str, Any], error: type
) -> None:
    for function in (ai.ask, ai.start, ai.stream):
        with pytest.raises(error):
            function(**arguments)
    assert api.shared_app().store.conversations(kinds=("api",)).result(5) == []


def test_options_that_do_not_exist_are_named() -> None:
    for function in (ai.start, ai.stream):
        with pytest.raises(TypeError, match=r"modle.*model"):
            function("q", modle="x")
    with pytest.raises(TypeError, match="modle"):
        ai.chat(modle="x")
    with pytest.raises(TypeError, match="on_text must be a function"):
        ai.start("q", on_text="print")  # type: ignore[arg-type]


def test_tools_of_ones_own_are_reserved() -> None:
    with pytest.raises(NukeAIError, match="schema"):
        ai.register_tool(print)


def test_the_text_of_an_error_is_for_artists() -> None:
    with pytest.raises(NukeAIError, match=r"OpenAI needs an API key\. .*Add the key in Settings"):
        ai.ask("q", provider="openai", model="gpt-x")


def test_everything_that_waits_is_refused_on_the_loop() -> None:
    running = ai.start("q", model="slow")

    async def wait() -> None:
        for call in (lambda: ai.stream("q"), lambda: ai.start("q"), lambda: running.result()):
            with pytest.raises(RuntimeError):
                call()

    run_coroutine(wait(), 5)
    running.stop()


def test_every_public_name_explains_itself() -> None:
    silent = [name for name in api.__all__ if not (getattr(api, name).__doc__ or "").strip()]
    assert silent == [] and "Raises" in (ai.ask.__doc__ or "") and "timeout_s: seconds" in (ai.ask.__doc__ or "")
    assert set(api.__all__) <= set(ai.__all__)


# ---------------------------------------------------------------- after a reload


def test_a_function_of_before_a_reload_does_what_its_namesake_of_today_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def named() -> str:
        return "old"

    old = of_today(named)
    monkeypatch.setattr(f"{__name__}.named", old, raising=False)
    assert old() == "old"
    monkeypatch.setattr(f"{__name__}.named", lambda: "new")
    assert old() == "new"
    monkeypatch.delattr(f"{__name__}.named")
    assert old() == "old"

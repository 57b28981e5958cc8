"""A question that finds its server away waits for it, visibly, and is sent once; Stop ends the wait at once."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.app import App
from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import TurnFailed, TurnStopped, WaitChanged
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from ..fakes.fault_server import closed_port
from ..fakes.model_server import FakeModelServer
from .cli_kit import Cli
from .connection_kit import FAKE, KillableServer, listener_on, opened_at, until
from .turn_kit import Chat, Events

PATIENT = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KillableServer]:
    made = KillableServer(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def app(server: KillableServer) -> Iterator[App]:
    made = opened_at(server.base_url)
    yield made
    made.close()
    shutdown_event_loop()


@pytest.fixture
def cli(home: Path) -> Cli:
    return Cli(home)


def waits(events: Events) -> List[WaitChanged]:
    return [one for one in events.of(WaitChanged) if one.phase == "unreachable"]


def state(app: App) -> str:
    return app.providers.status("openai").state


def test_question_waits_and_is_answered_exactly_once(app: App, server: KillableServer) -> None:
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: len(waits(chat.events)) >= 2)
    told = waits(chat.events)
    assert all(one.detail == "OpenAI" and one.error is not None and 0 <= (one.retry_in_s or 0) <= 1 for one in told)
    assert [one.attempt for one in told] == sorted({one.attempt for one in told})
    assert app.providers.status("openai").waiting == 1 and state(app) == "unreachable"
    up_at = server.start()
    assert handle.result(10).text == "Hello, artist."
    assert time.monotonic() - up_at < 4 and server.questions == ["one"]
    assert app.providers.status("openai").waiting == 0 and state(app) == "connected"


def test_stop_ends_the_wait_at_once_and_nothing_is_sent_later(app: App, server: KillableServer) -> None:
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: waits(chat.events))
    began = time.monotonic()
    handle.stop()
    assert handle.result(5).status == "stopped" and time.monotonic() - began < 0.6
    assert isinstance(chat.events.end(), TurnStopped)
    server.start()
    app.providers.check("openai").result(10)
    time.sleep(1.2)
    assert server.questions == [] and app.providers.status("openai").waiting == 0


def test_many_questions_wait_together_and_each_is_sent_once(app: App, server: KillableServer) -> None:
    chats = [Chat(app) for _ in range(8)]
    handles = [chat.start(f"question {number}", choice=FAKE, wait_for_server_s=PATIENT)
               for number, chat in enumerate(chats)]
    until(lambda: app.providers.status("openai").waiting == 8)
    server.start()
    assert [handle.result(10).status for handle in handles] == ["complete"] * 8
    assert sorted(server.questions) == [f"question {number}" for number in range(8)]


def test_wait_has_an_end_that_says_how_long_it_was(app: App) -> None:
    chat = Chat(app)
    began = time.monotonic()
    answer = chat.ask("one", choice=FAKE, wait_for_server_s=1.5)
    assert 1.4 < time.monotonic() - began < 6
    assert answer.error is not None and answer.error.kind == "network"
    assert "Nothing answers at" in answer.error.user_text and "waited for 2 s" in answer.error.user_text


def test_without_leave_nobody_waits(app: App) -> None:
    chat = Chat(app)
    began = time.monotonic()
    assert isinstance(chat.start("one", choice=FAKE) and chat.events.end(), TurnFailed)
    assert time.monotonic() - began < 5 and waits(chat.events) == []


def test_question_whose_bytes_were_accepted_is_left_to_a_human(tmp_path: Path) -> None:
    deaf = listener_on(closed_port())
    app = opened_at(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    client, _ = deaf.accept()
    while b'"one"' not in client.recv(65536):
        pass
    client.close()
    deaf.close()
    assert handle.result(10).status == "failed" and waits(chat.events) == []
    app.close()
    shutdown_event_loop()


def test_question_that_waited_is_not_sent_a_second_time_when_its_server_dies_with_it(tmp_path: Path) -> None:
    port = closed_port()
    app = opened_at(f"http://127.0.0.1:{port}/v1", **{"providers.openai.retries": 2})
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: waits(chat.events))
    accepted: List[bytes] = []
    listening = listener_on(port)
    listening.settimeout(0.2)
    while not handle.done():
        try:
            client, _ = listening.accept()
        except socket.timeout:
            continue
        data = client.recv(65536)
        if data.startswith(b"GET"):
            client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{"data":[]}')
        elif data:
            accepted.append(data)
        client.close()
    listening.close()
    assert handle.result(1).status == "failed" and len(accepted) == 1
    app.close()
    shutdown_event_loop()


def test_corrected_address_sends_the_waiting_question_there(app: App, model_server: FakeModelServer) -> None:
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: waits(chat.events))
    right = opened_at(model_server.base_url)
    app._reload = lambda: right.settings
    app.reload_settings()
    assert handle.result(5).text == "Hello, artist." and len(model_server.chats) == 1
    right.close()


def test_provider_turned_off_ends_the_wait_with_that_sentence(app: App, server: KillableServer) -> None:
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: waits(chat.events))
    off = opened_at(server.base_url, **{"providers.openai.enabled": False})
    app._reload = lambda: off.settings
    app.reload_settings()
    message = handle.result(5)
    assert message.error is not None and "turned off" in message.error.user_text
    off.close()


def test_whoever_may_stand_in_is_asked_instead_of_waiting(
    server: KillableServer, model_server: FakeModelServer
) -> None:
    app = opened_at(server.base_url, fallback=["lmstudio/fake-model"], **{
        "providers.lmstudio.enabled": True, "providers.lmstudio.base_url": model_server.base_url,
    })
    chat = Chat(app)
    assert chat.ask("one", choice=FAKE, wait_for_server_s=PATIENT).text == "Hello, artist."
    assert waits(chat.events) == [] and server.questions == []
    app.close()
    shutdown_event_loop()


def test_answer_that_breaks_off_is_kept_and_says_that_it_was_interrupted(tmp_path: Path) -> None:
    server = KillableServer(tmp_path, words="|".join(["word "] * 500), rate=40)
    server.start()
    app = opened_at(server.base_url)
    app.providers.hold("openai")
    chat = Chat(app)
    handle = chat.start("one", choice=FAKE, wait_for_server_s=PATIENT)
    until(lambda: "word word" in chat.events.text())
    assert state(app) == "connected"
    gone_at = server.kill()
    until(lambda: state(app) == "unreachable")
    assert time.monotonic() - gone_at < 2
    message = handle.result(5)
    assert message.text.startswith("word word") and message.error is not None
    assert "interrupted" in message.error.user_text
    up_at = server.start()
    until(lambda: state(app) == "connected")
    assert time.monotonic() - up_at < 2 and server.questions == ["one"]
    server.kill()
    app.close()
    shutdown_event_loop()


# ---------------------------------------------------------------- scripts and the command line


def test_script_waits_when_it_says_so(server: KillableServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    with pytest.raises(ProviderError, match="refused"):
        ai.ask("one", provider="openai", model="fake-model")
    threading.Timer(0.7, server.start).start()
    answer = ai.ask("two", provider="openai", model="fake-model", wait_for_server_s=30, timeout_s=30)
    assert str(answer) == "Hello, artist." and server.questions == ["two"]
    api.close()


def test_scripts_timeout_ends_the_wait(server: KillableServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    began = time.monotonic()
    with pytest.raises(ProviderError, match="within 1 s"):
        ai.ask("one", provider="openai", model="fake-model", wait_for_server_s=30, timeout_s=1)
    assert time.monotonic() - began < 4
    api.close()


def test_command_line_waits_when_it_is_told_to(server: KillableServer, cli: Cli) -> None:
    reach = ("--provider", "openai", "--model", "fake-model", "--base-url", server.base_url)
    refused = cli.run("ask", "one", *reach)
    assert refused.returncode not in (0, 1) and "Nothing answers at" in refused.stderr
    with cli.start("ask", "two", *reach, "--wait", "60", "--json") as waiting:
        assert waiting.stderr is not None and b"Nothing answers at" in waiting.stderr.readline()
        server.start()
        said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and json.loads(said)["text"] == "Hello, artist."
    assert server.questions == ["two"]


def test_wait_must_be_a_number_of_seconds(cli: Cli) -> None:
    for wrong in ("soon", "-1", "inf", "90000"):
        done: Any = cli.run("ask", "one", "--wait", wrong)
        assert done.returncode == 2 and "--wait" in done.stderr

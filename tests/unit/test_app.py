"""The composition root: quick to open, complete to close, one connection for a whole conversation."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Iterator, List

import pytest

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.errors import NukeAIError, SettingsError
from nuke_ai_panel.events import TextAdded, TurnStopped, WarningRaised
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.settings import save_setting
from nuke_ai_panel.utils.event_loop_manager import get_event_loop_manager, run_coroutine, shutdown_event_loop

from ..fakes.model_server import FakeModelServer
from .turn_kit import OVERRIDES, Chat, choose, provider

FAKE = ModelChoice("openai", "fake-model")
ROOT = Path(__file__).resolve().parents[2]


def ours() -> List[str]:
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("nuke-ai"))


@pytest.fixture
def online(model_server: FakeModelServer) -> Iterator[App]:
    opened = App.open(overrides={**OVERRIDES, "providers.openai.base_url": model_server.base_url,
                                 "providers.ollama.base_url": model_server.url})
    yield opened
    opened.close()
    shutdown_event_loop()


def test_opening_connects_and_starts_nothing() -> None:
    shutdown_event_loop()
    App.open(overrides=OVERRIDES).close()
    began = time.perf_counter()
    app = App.open(overrides=OVERRIDES)
    assert time.perf_counter() - began < 0.05
    assert ours() == []
    app.close()


def test_two_hundred_messages_take_one_connection(online: App, model_server: FakeModelServer) -> None:
    chat = Chat(online)
    for number in range(100):
        assert chat.ask(f"question {number}", choice=FAKE).text == "Hello, artist."
    assert len(chat.path()) == 200 and model_server.connections == 1


def test_closing_with_32_running_streams_is_quick_and_loses_nothing(model_server: FakeModelServer) -> None:
    app = App.open(overrides={**OVERRIDES, "providers.openai.base_url": model_server.base_url})
    model_server.hold(2)
    chats = [Chat(app) for _ in range(32)]
    for number, chat in enumerate(chats):
        chat.start(f"question {number}", choice=FAKE, kind="batch")
    for chat in chats:
        chat.events.wait_for(TextAdded, where=lambda event: event.text.endswith(", "))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        began = time.monotonic()
        app.close()
        assert time.monotonic() - began < 2
        gc.collect()
    assert [str(one.message) for one in caught] == [] and ours() == []
    for chat in chats:
        end = chat.events.end()
        assert isinstance(end, TurnStopped) and end.answer.status == "interrupted"
    reopened = App.open(overrides=OVERRIDES)
    for number, chat in enumerate(chats):
        path = reopened.store.path(chat.conversation_id or "").result(5)
        assert [(one.text, one.status) for one in path] == [
            (f"question {number}", "complete"), ("Hello, ", "interrupted")]
    reopened.close()
    model_server.wait_for_disconnect(32)


def test_a_closed_app_refuses_and_closes_again() -> None:
    app = App.open(overrides=OVERRIDES)
    app.close()
    app.close()
    with pytest.raises(NukeAIError):
        app.start_turn(TurnRequest("q"), lambda event: None)


def test_another_app_keeps_the_loop(app: App) -> None:
    other = App.open(overrides=OVERRIDES)
    Chat(app).ask("q")
    Chat(other).ask("q")
    other.close()
    assert "nuke-ai-loop" in ours()
    assert Chat(app).ask("still here").status == "complete"


def test_an_app_is_not_closed_from_the_loop(app: App) -> None:
    async def close() -> None:
        with pytest.raises(RuntimeError):
            app.close()

    run_coroutine(close(), 5)


def test_no_task_is_left_after_turns(app: App) -> None:
    async def tasks() -> int:
        await asyncio.sleep(0.05)
        return len(asyncio.all_tasks()) - 1

    for _ in range(3):
        Chat(app).ask("q")
    assert run_coroutine(tasks(), 5) == 0
    assert app.turns() == () and not app._tasks


def test_a_changed_row_connects_anew_and_the_others_do_not(app: App, home: Path) -> None:
    Chat(app).ask("q")
    live = provider(app)
    save_setting("panel.font_scale", 1.5)
    app.reload_settings()
    assert app.settings.panel.font_scale == 1.5
    Chat(app).ask("q")
    assert provider(app) is live
    save_setting("providers.demo.title", "Renamed")
    app.reload_settings()
    Chat(app).ask("q")
    assert provider(app) is not live and app.providers.status("demo").title == "Renamed"


def test_a_running_stream_survives_a_change_of_its_settings(app: App, home: Path) -> None:
    ScriptedProvider.scripts["slow"] = ["one ", 0.3, "two"]
    chat = Chat(app)
    handle = chat.start("q", choice=choose("slow"))
    chat.events.wait_for(TextAdded)
    save_setting("providers.demo.title", "Renamed")
    app.reload_settings()
    assert handle.result(5).text == "one two"


def test_broken_settings_are_refused_and_the_old_stay(app: App, home: Path) -> None:
    (home / "settings.toml").write_text("default_provider = 3\n")
    with pytest.raises(SettingsError):
        app.reload_settings()
    assert Chat(app).ask("q").status == "complete"


def test_ollamas_silent_cut_is_made_visible(online: App, model_server: FakeModelServer) -> None:
    chat = Chat(online)
    model_server.words = ["ok"]
    whole = "word " * 400
    chat.ask(whole, choice=ModelChoice("ollama", "fake-model"))
    assert chat.events.of(WarningRaised) == []
    online._services.ratios.learn("ollama", "fake-model", estimated=1000, reported=2400)
    answer = chat.ask("and again", choice=ModelChoice("ollama", "fake-model"))
    warning = chat.events.of(WarningRaised)[0]
    assert warning.code == "context_dropped" and warning.text.startswith("The server dropped about ")
    assert answer.warnings[0].startswith("context_dropped:") and chat.path()[-1].warnings == answer.warnings


def test_ollamas_window_follows_the_prompt_and_never_shrinks(online: App, model_server: FakeModelServer) -> None:
    model_server.context_tokens = 32768
    chat = Chat(online)
    for text in ("short", "x " * 12_000, "short"):
        chat.ask(text, choice=ModelChoice("ollama", "fake-model"))
        chat.conversation_id = None
    windows = [request.json()["options"]["num_ctx"] for request in model_server.chats]
    assert windows == [4096, 16384, 16384]


PROGRAM = """
import sys, threading
sys.path[:0] = [{root!r}]
import nuke_ai_panel as ai
answer = ai.ask("hi", provider="openai", model="m", base_url={url!r})
print(str(answer), answer.provider, sorted(one.name for one in threading.enumerate())[0])
"""


@pytest.mark.parametrize("ending", ["", "ai.close()", "raise SystemExit(3)"])
def test_a_script_that_forgets_to_close_ends_without_a_warning(
    model_server: FakeModelServer, home: Path, ending: str
) -> None:
    code = PROGRAM.format(root=str(ROOT), url=model_server.base_url) + ending
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True,
                          env=dict(os.environ), timeout=60)
    assert done.stdout.startswith("Hello, artist. openai at http://127.0.0.1:") and done.stderr == ""


def test_the_loop_manager_is_the_processes_own(app: App) -> None:
    Chat(app).ask("q")
    assert get_event_loop_manager().get_event_loop().is_running()

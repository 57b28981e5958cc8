"""When history cannot be written or read the chat goes on, says so once, and heals by itself."""

from __future__ import annotations

import sqlite3
import stat
import threading
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.core import journal
from nuke_ai_panel.events import AnswerStored, StoreTroubled, TurnStarted
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.store import Store
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop

from .turn_kit import OVERRIDES, Chat, choose


@pytest.fixture
def impatient(home: Path) -> Iterator[App]:
    """An App whose store gives up a locked file after 50 ms."""
    ScriptedProvider.scripts["say"] = ["Hello"]
    opened = App.open(overrides=OVERRIDES)
    opened.store.close()
    store = Store(home / "history.db", busy_timeout_s=0.05)
    opened.store = store
    object.__setattr__(opened._services, "store", store)
    yield opened
    opened.close()
    shutdown_event_loop()


def lock(home: Path) -> Any:  # a context manager around an sqlite connection
    connection = sqlite3.connect(str(home / "history.db"), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return closing(connection)


def test_a_locked_history_is_told_once_and_the_chat_goes_on(impatient: App, home: Path) -> None:
    chat = Chat(impatient)
    chat.ask("one")
    with lock(home):
        answer = chat.ask("two")
        troubles = chat.events.of(StoreTroubled)
        assert isinstance(chat.events.end(), AnswerStored) and answer.text == "Hello"
        assert len(troubles) == 1 and troubles[0].error.kind == "store" and troubles[0].error.code == "locked"
        assert chat.events.all.index(troubles[0]) > chat.events.all.index(chat.events.of(TurnStarted)[0])
        chat.ask("three", choice=choose("echo"))
    assert chat.sent()[-1] == [("user", "one"), ("assistant", "Hello"), ("user", "two"), ("assistant", "Hello"),
                               ("user", "three")]


def test_what_a_locked_history_refused_is_there_once_it_opens(impatient: App, home: Path) -> None:
    chat = Chat(impatient)
    chat.ask("one")
    with lock(home):
        chat.ask("two")
    chat.ask("three")
    assert chat.events.of(StoreTroubled) == []
    assert [(one.text, one.status) for one in chat.path()] == [
        ("one", "complete"), ("Hello", "complete"), ("two", "complete"), ("Hello", "complete"), ("three", "complete"),
        ("Hello", "complete")]


def test_a_new_conversation_in_a_locked_history_is_kept(impatient: App, home: Path) -> None:
    impatient.store.open().result(5)
    chat = Chat(impatient)
    with lock(home):
        chat.ask("one")
    chat.ask("two")
    assert [one.text for one in chat.path()] == ["one", "Hello", "two", "Hello"]
    conversation = impatient.store.conversation(chat.conversation_id or "").result(5)
    assert conversation is not None and conversation.title == "one"


def test_a_history_that_is_not_ours_is_left_alone_and_said(home: Path) -> None:
    (home / "history.db").write_bytes(b"not a database" * 100)
    ScriptedProvider.scripts["say"] = ["Hello"]
    app = App.open(overrides=OVERRIDES)
    chat = Chat(app)
    assert chat.ask("one").text == "Hello" and len(chat.events.of(StoreTroubled)) == 1
    chat.ask("two")
    assert chat.sent()[-1] == [("user", "one"), ("assistant", "Hello"), ("user", "two")]
    app.close()
    assert (home / "history.db").read_bytes() == b"not a database" * 100


def test_a_store_that_never_answers_is_not_waited_for(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "PATIENCE_S", 0.1)
    app.store.open().result(5)

    release = threading.Event()
    app.store._worker.submit(lambda db: release.wait(10), writes=False)
    chat = Chat(app)
    assert chat.ask("one").text == "Hello, artist."
    assert len(chat.events.of(StoreTroubled)) == 1
    release.set()
    assert [one.status for one in chat.path()] == ["complete", "complete"]


def test_a_bug_in_the_store_is_logged_and_the_chat_goes_on(app: App, log_lines: Any) -> None:
    app.store._worker.submit(lambda db: None, writes=False).result(5)

    def broken(*args: object, **kwargs: object) -> Any:  # stands for any store method
        future: Any = Future()  # a store's future of whatever type
        future.set_exception(KeyError("bug"))
        return future

    app.store.add_message = broken  # type: ignore[method-assign]  # the bug
    chat = Chat(app)
    assert chat.ask("one").text == "Hello, artist." and len(chat.events.of(StoreTroubled)) == 1
    log_lines.take("unexpected way")
    log_lines.take("unexpected way")


def test_nobody_else_can_read_the_history(app: App, home: Path) -> None:
    Chat(app).ask("one")
    assert stat.S_IMODE((home / "history.db").stat().st_mode) & 0o077 == 0

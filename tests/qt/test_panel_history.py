"""What the panel makes of the history: other sessions' chats, long chats, unread marks, and what is said about it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from nuke_ai_panel.messages import Message
from nuke_ai_panel.settings import history_path
from nuke_ai_panel.store import Store, new_id, open_history
from nuke_ai_panel_qt.qt import QtCore

from .explorer_kit import chat
from .panel_kit import Desk, close_desk

WAIT_S = 20.0
LONG = 2000


@pytest.fixture
def desk(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:  # pytest-qt has no types
    monkeypatch.setattr(open_history, "RETRY_S", 0.1)
    opened = Desk(qtbot, {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"})
    yield opened
    close_desk(opened)


@pytest.fixture
def other(desk: Desk) -> Iterator[Store]:
    """Another Nuke on the same history."""
    store = Store(history_path(desk.session.app.settings.home))
    yield store
    store.close(WAIT_S)


def say(store: Store, conversation_id: str, count: int) -> List[Message]:
    messages: List[Message] = []
    for number in range(count):
        parent = messages[-1].id if messages else None
        role: Any = "assistant" if number % 2 else "user"
        messages.append(Message(new_id(), conversation_id, parent, role, f"message {number} " * 30, created_at=1e9))
    for future in [store.add_message(one) for one in messages]:
        future.result(WAIT_S)
    return messages


def test_another_sessions_chat_appears_in_the_list_and_in_the_open_chat(desk: Desk, other: Store) -> None:
    conversation = other.create_conversation(title="From the other Nuke").result(WAIT_S)
    messages = say(other, conversation.id, 2)
    desk.until(lambda: "From the other Nuke" in desk.titles())
    desk.manager.open_conversation(conversation.id)
    desk.until(lambda: len(desk.items()) == 2)
    more = Message(new_id(), conversation.id, messages[-1].id, "user", "one more", created_at=1e9)
    other.add_message(more).result(WAIT_S)
    desk.until(lambda: desk.texts()[-1:] == ["one more"])


def test_a_long_chat_opens_at_its_end_and_fills_up_without_a_pause(desk: Desk, other: Store) -> None:
    conversation = other.create_conversation(title="Long").result(WAIT_S)
    messages = say(other, conversation.id, LONG)
    desk.until(lambda: "Long" in desk.titles())
    gaps: List[float] = []
    for _ in range(3):
        desk.manager.new_conversation()
        desk.pause(100)
        last, worst = time.perf_counter(), 0.0
        timer = QtCore.QTimer()

        def beat() -> None:
            nonlocal last, worst
            now = time.perf_counter()
            worst, last = max(worst, now - last), now

        timer.timeout.connect(beat)
        timer.start(0)
        desk.manager.open_conversation(conversation.id)
        desk.until(lambda: len(desk.items()) == LONG)
        timer.stop()
        gaps.append(worst)
        assert desk.texts()[-1] == messages[-1].text and desk.texts()[0] == messages[0].text
        assert desk.panel.transcript.is_following()
    assert min(gaps) < 0.1, gaps  # promised: 50 ms


def test_an_unread_mark_outlives_the_session_and_goes_when_it_is_seen(desk: Desk, other: Store) -> None:
    conversation = other.create_conversation(title="Unseen").result(WAIT_S)
    say(other, conversation.id, 2)
    other.mark_unread(conversation.id).result(WAIT_S)
    desk.until(lambda: conversation.id in desk.session.unread)
    desk.manager.open_conversation(conversation.id)
    desk.until(lambda: conversation.id not in desk.session.unread)

    def is_seen() -> bool:
        found = other.conversation(conversation.id).result(WAIT_S)
        return found is not None and not found.is_unread

    desk.until(is_seen)


def test_a_history_that_is_deleted_under_the_panel_is_put_back_and_said(desk: Desk) -> None:
    desk.ask_and_wait("hello there")
    path: Path = history_path(desk.session.app.settings.home)
    os.unlink(path)
    desk.until(lambda: desk.panel.banner.banner() is not None)
    shown = desk.panel.banner.banner()
    assert shown is not None and "put back" in shown.text
    assert path.exists()
    desk.ask_and_wait("still here")
    assert desk.texts() == ["hello there", "hello there", "still here", "still here"]


def test_a_damaged_history_is_mended_under_the_panel_and_the_banner_counts(desk: Desk, other: Store) -> None:
    for number in range(8):
        say(other, other.create_conversation(title=f"Chat {number}").result(WAIT_S).id, 6)
    desk.until(lambda: len(desk.titles()) == 8)
    other.close(WAIT_S)
    path = history_path(desk.session.app.settings.home)
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096, 3):
            file.seek(page * 4096)
            file.write(b"\xaa" * 4096)
    desk.session.app.store._worker.submit(
        lambda db: db.connection.execute("PRAGMA shrink_memory").fetchall(), writes=False
    ).result(WAIT_S)
    desk.ask("anybody there?")
    desk.until(lambda: desk.panel.banner.banner() is not None)
    shown = desk.panel.banner.banner()
    assert shown is not None and "has been mended" in shown.text and "quarantine" in shown.text
    desk.until(desk.is_idle)


def test_the_banner_goes_when_the_disk_takes_chats_again(desk: Desk) -> None:
    desk.ask_and_wait("first")
    store = desk.session.app.store

    def limit(pages: int) -> None:
        store._worker.submit(
            lambda db: db.connection.execute(f"PRAGMA max_page_count = {pages}").fetchone(), writes=False
        ).result(WAIT_S)

    limit(1)
    desk.manager.send("second " * 3000)
    desk.until(lambda: len(desk.items()) == 4 and desk.is_idle())
    desk.until(lambda: desk.panel.banner.banner() is not None)
    shown = desk.panel.banner.banner()
    assert shown is not None and "disk is full" in shown.text
    limit(1_000_000)
    desk.until(lambda: desk.panel.banner.banner() is None)
    assert len(store.path(desk.manager.shown.id).result(WAIT_S)) == 4


def test_words_are_found_in_messages_that_are_still_being_shown(qtbot: Any, home: Path) -> None:
    store = Store(home / "history.db")
    found, messages = chat(store, "Long", *(f"text {number}" + " needle" * (number == 2) for number in range(400)))
    store.close(20.0)
    desk = Desk(qtbot, {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"})
    desk.until(lambda: desk.titles() == ["Long"])
    desk.manager.open_conversation(found)
    desk.until(lambda: desk.items() and not desk.manager.shown.is_loading)
    bar, transcript = desk.panel.find_bar, desk.panel.transcript
    desk.panel.open_find()
    bar.query.setText("needle")  # the newest messages stand there, the oldest are on their way
    desk.until(lambda: bar.count.text() == "1 of 1")
    desk.until(lambda: transcript.anchor() != ("", 0) and any(
        view.isVisible() for key, view in transcript._views.items() if key == messages[2].id))
    close_desk(desk)

"""Conversations, messages and drafts come back from the file as they went in."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Attachment, Draft, ErrorInfo, Message, Timings, ToolCall, Usage
from nuke_ai_panel.store import Store, new_id, title_from

from .store_kit import REPO, WAIT_S, new_conversation, said, talk, texts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db")
    yield store
    store.close(WAIT_S)


def reopened(store: Store) -> Store:
    store.close(WAIT_S)
    return Store(store.file)


def full_message(conversation_id: str) -> Message:
    return Message(
        id=new_id(), conversation_id=conversation_id, parent_id=None, role="assistant", text="Grüße 𝄞 \0 end",
        status="failed", created_at=12.5, attachments=(Attachment("a1", "image", "a.png", data_base64="QUJD"),),
        reasoning="because", reasoning_opaque=({"signature": "x"}, ["y"]),
        tool_calls=(ToolCall("t1", "blur", {"size": 3}), ToolCall("t2", "grade", None, "{broken")), tool_call_id="t0",
        provider="ollama", model="qwen", finish="length", raw_finish="max_tokens",
        usage=Usage(input=1, output=2, total=3, cost_usd=0.25, estimated=True),
        error=ErrorInfo(kind="network", message="gone", retryable=True, status=503), warnings=("late_usage",),
        response_id="r1", keepalives=4, timings=Timings(0.5, 2.0), reported_model="qwen:7b", upstream="DeepInfra",
        window_tokens=8192,
    )


def test_every_field_of_a_message_comes_back(store: Store) -> None:
    message = full_message(new_conversation(store))
    store.add_message(message).result(WAIT_S)
    with_file = reopened(store)
    assert with_file.message(message.id).result(WAIT_S) == message
    with_file.close(WAIT_S)


def test_an_update_replaces_every_field_but_the_place(store: Store) -> None:
    conversation_id = new_conversation(store)
    question = talk(store, conversation_id, "q")[0]
    answer = said(conversation_id, "", after=question, role="assistant", status="streaming")
    store.add_message(answer).result(WAIT_S)
    final = Message(**{**vars(full_message(conversation_id)), "id": answer.id, "parent_id": question.id,
                       "created_at": answer.created_at})
    store.update_message(final).result(WAIT_S)
    assert store.path(conversation_id).result(WAIT_S) == [question, final]


def test_an_update_of_a_message_that_was_never_stored_adds_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    message = said(conversation_id, "late")
    store.update_message(message).result(WAIT_S)
    assert store.path(conversation_id).result(WAIT_S) == [message]


@pytest.mark.parametrize(("text", "stored"), [
    ("cut \ud83d", "cut \ufffd"), ("joined \ud83d\ude00", "joined \U0001f600"), ("nul \0 stays", "nul \0 stays"),
    ("'; DROP TABLE messages; --", "'; DROP TABLE messages; --"), ("שלום مرحبا", "שלום مرحبا"), ("", ""),
    ("x" * 1_000_000, "x" * 1_000_000),
])
def test_odd_text_is_stored_exactly_or_visibly_mended(store: Store, text: str, stored: str) -> None:
    conversation_id = new_conversation(store)
    message = Message(new_id(), conversation_id, None, "user", text, reasoning=text,
                      attachments=(Attachment("a", "paste", "p", text),))
    store.add_message(message).result(WAIT_S)
    found = store.path(conversation_id).result(WAIT_S)[0]
    assert (found.text, found.reasoning, found.attachments[0].text) == (stored, stored, stored)


def test_messages_come_in_the_order_they_were_stored_whatever_the_clock_says(store: Store) -> None:
    conversation_id = new_conversation(store)
    first = Message(new_id(), conversation_id, None, "user", "first", created_at=9e9)
    second = Message(new_id(), conversation_id, first.id, "assistant", "second", created_at=0.0)
    third = Message(new_id(), conversation_id, second.id, "user", "third", created_at=9e9)
    for message in (first, second, third):
        store.add_message(message).result(WAIT_S)
    assert store.path(conversation_id).result(WAIT_S) == [first, second, third]


def test_the_list_shows_the_conversation_written_to_last_first(store: Store) -> None:
    old, new = new_conversation(store, "old"), new_conversation(store, "new")
    assert [c.id for c in store.conversations().result(WAIT_S)] == [new, old]
    talk(store, old, "again", "a   longer\nanswer")
    listed = store.conversations().result(WAIT_S)
    assert [c.id for c in listed] == [old, new]
    assert (listed[0].message_count, listed[0].snippet) == (2, "a longer answer")
    assert (listed[1].message_count, listed[1].snippet) == (0, "")


def test_the_list_pages_and_keeps_kinds_apart(store: Store) -> None:
    chats = [new_conversation(store, str(number)) for number in range(5)]
    batch = store.create_conversation(kind="batch", title="rows").result(WAIT_S)
    assert [c.id for c in store.conversations(limit=2, offset=1).result(WAIT_S)] == [chats[3], chats[2]]
    assert [c.id for c in store.conversations(kinds=("batch",)).result(WAIT_S)] == [batch.id]
    assert len(store.conversations(kinds=("chat", "batch")).result(WAIT_S)) == 6


def test_a_deleted_conversation_is_in_the_bin_and_comes_back_whole(store: Store) -> None:
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "q", "a")
    store.delete_conversation(conversation_id).result(WAIT_S)
    assert store.conversations().result(WAIT_S) == []
    binned = store.conversations(include_deleted=True).result(WAIT_S)
    assert [c.id for c in binned] == [conversation_id] and binned[0].deleted_at is not None
    assert store.restore_conversation(conversation_id).result(WAIT_S).deleted_at is None
    assert texts(store.path(conversation_id).result(WAIT_S)) == ["q", "a"]


def test_a_conversation_changes_only_what_is_given(store: Store) -> None:
    made = store.create_conversation(title="t", provider="ollama", model="m", system="be brief").result(WAIT_S)
    changed = store.update_conversation(made.id, title="mine", title_is_manual=True, system=None).result(WAIT_S)
    assert (changed.title, changed.title_is_manual, changed.system) == ("mine", True, None)
    assert (changed.provider, changed.model) == ("ollama", "m")
    assert store.conversation(made.id).result(WAIT_S) == changed


def test_a_conversation_is_named_after_its_first_question(store: Store) -> None:
    conversation_id = new_conversation(store)
    talk(store, conversation_id, "How do I\nblur an edge?", "With a mask.", "And grow it?")
    found = store.conversation(conversation_id).result(WAIT_S)
    assert found is not None and found.title == "How do I blur an edge?"


def test_a_question_never_overwrites_a_title(store: Store) -> None:
    conversation_id = new_conversation(store, "Named")
    talk(store, conversation_id, "something else")
    found = store.conversation(conversation_id).result(WAIT_S)
    assert found is not None and found.title == "Named"


def test_a_question_without_words_names_its_attachment(store: Store) -> None:
    conversation_id = new_conversation(store)
    message = Message(new_id(), conversation_id, None, "user", "", attachments=(Attachment("a", "file", "comp.nk"),))
    store.add_message(message).result(WAIT_S)
    found = store.conversation(conversation_id).result(WAIT_S)
    assert found is not None and found.title == "comp.nk"


def test_what_does_not_exist_is_said(store: Store) -> None:
    assert store.conversation("nobody").result(WAIT_S) is None
    assert store.message("nobody").result(WAIT_S) is None
    assert store.draft("nobody").result(WAIT_S) is None
    assert store.path("nobody").result(WAIT_S) == []
    for future in (
        store.update_conversation("nobody", title="x"), store.delete_conversation("nobody"),
        store.restore_conversation("nobody"), store.add_message(said("nobody", "x")), store.delete_message("nobody"),
        store.restore_message("nobody"), store.select_branch("nobody", "x", 1), store.path("nobody", leaf_id="x"),
    ):
        with pytest.raises(StoreError) as caught:
            future.result(WAIT_S)
        assert caught.value.code in ("unknown_conversation", "unknown_message")
        assert caught.value.user_text.endswith(".")
    assert store.trouble is None


def test_an_id_cannot_be_stored_twice(store: Store) -> None:
    conversation_id = new_conversation(store)
    message = talk(store, conversation_id, "q")[0]
    with pytest.raises(StoreError) as caught:
        store.add_message(message).result(WAIT_S)
    assert caught.value.code == "duplicate"


def test_a_draft_is_kept_per_conversation_with_chips_and_caret(store: Store) -> None:
    draft = Draft("c1", "half a \ud800 question", (Attachment("a", "nodes", "Blur1", "Blur {}"),), caret=7)
    store.save_draft(draft).result(WAIT_S)
    with_file = reopened(store)
    found = with_file.draft("c1").result(WAIT_S)
    assert found == Draft("c1", "half a \ufffd question", draft.attachments, 7)
    assert with_file.draft("c2").result(WAIT_S) is None
    with_file.save_draft(Draft("c1", "")).result(WAIT_S)
    assert with_file.draft("c1").result(WAIT_S) is None
    with_file.close(WAIT_S)


@pytest.mark.parametrize(("column", "value"), [
    ("usage", "{torn"), ("attachments", '{"not": "a list"}'), ("attachments", "[1]"), ("tool_calls", "[{}]"),
    ("role", "oracle"), ("text", b"\xff\xfe bytes"), ("error", "[]"),
])
def test_an_unreadable_row_is_shown_as_a_placeholder_and_the_rest_is_unharmed(
    store: Store, column: str, value: object
) -> None:
    conversation_id = new_conversation(store)
    first, second, third = talk(store, conversation_id, "q", "a", "q2")
    store.close(WAIT_S)
    connection = sqlite3.connect(store.file)
    connection.execute(f"UPDATE messages SET {column} = ? WHERE id = ?", (value, second.id))
    connection.commit()
    connection.close()
    again = Store(store.file)
    path = again.path(conversation_id).result(WAIT_S)
    assert [m.id for m in path] == [first.id, second.id, third.id]
    assert path[1].status == "failed" and path[1].error is not None and path[1].error.code == "unreadable"
    assert (path[0], path[2]) == (first, third)
    again.close(WAIT_S)


def test_values_of_a_later_version_are_tolerated(store: Store) -> None:
    conversation_id = new_conversation(store)
    message = talk(store, conversation_id, "q")[0]
    store.close(WAIT_S)
    connection = sqlite3.connect(store.file)
    connection.execute("""UPDATE messages SET status = 'pondering', finish = 'bored', usage = '{"input": 3, "new": 1}',
                          error = '{"kind": "store", "message": "m", "weather": "rain"}'""")
    connection.execute("UPDATE messages SET text = CAST(x'62ff64' AS TEXT)")
    connection.commit()
    connection.close()
    again = Store(store.file)
    found = again.message(message.id).result(WAIT_S)
    assert found is not None
    assert (found.status, found.finish, found.usage) == ("interrupted", "other", Usage(input=3))
    assert (found.error, found.text) == (ErrorInfo(kind="store", message="m"), "b\ufffdd")
    again.close(WAIT_S)


def test_ids_are_distinct_uuids_that_sort_by_time() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(len(i) == 36 and i[14] == "7" and i[19] in "89ab" for i in ids)
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)


@pytest.mark.parametrize(("text", "title"), [
    ("Hello", "Hello"),
    ("  two\n\nlines\tand tabs ", "two lines and tabs"),
    ("# Heading\n- item", "Heading item"),
    ("Fix this:\n```python\nimport nuke\n```", "Fix this: import nuke"),
    ("", ""), (" \n\t ", ""), ("\0\x1b[31m", "[31m"),
    ("Please explain why the premultiplied edge of my keyer is dark",
     "Please explain why the premultiplied edge of my…"),
    ("x" * 60, "x" * 47 + "…"),
    ("lone \ud800", "lone \ufffd"),
])
def test_a_title_is_the_first_words_on_one_line(text: str, title: str) -> None:
    assert title_from(text) == title
    assert len(title) <= 48


def test_importing_the_store_loads_no_database() -> None:
    code = "import sys, nuke_ai_panel.store; print(sorted({'sqlite3', 'filelock'} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(REPO)}
    )
    assert shown.stdout.strip() == "[]"

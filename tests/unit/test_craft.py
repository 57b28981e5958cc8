"""Copies of conversations, marks in the path, and what is sent for them: on a real history."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from nuke_ai_panel.core.craft import add_summary, begin_from_summary, change_system, fork
from nuke_ai_panel.core.marks import SUMMARY_LEAD, system_of
from nuke_ai_panel.core.prompt import sendable
from nuke_ai_panel.core.summary import pieces_of
from nuke_ai_panel.core.tokens import estimate
from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Attachment, Message
from nuke_ai_panel.store import Store, new_id

PICTURE = Attachment("a1", "image", "plate.png", media_type="image/png", data_base64="aGVsbG8=")
NODES = Attachment("a2", "nodes", "Blur1", text="Blur {}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "history.db")
    yield made
    made.close()


def run(work: Any) -> Any:  # any coroutine's result
    return asyncio.run(work)


def conversation(store: Store, turns: int = 2) -> List[Message]:
    id = store.create_conversation(title="Keying", system="default", provider="ollama", model="qwen",
                                   tags=("show",)).result(5).id
    path: List[Message] = []
    for number in range(turns):
        parent = path[-1].id if path else None
        question = Message(new_id(), id, parent, "user", f"q{number}", attachments=(PICTURE, NODES))
        answer = Message(new_id(), id, question.id, "assistant", f"a{number}", provider="ollama", model="qwen",
                         reasoning="hm")
        path += [question, answer]
    for message in path:
        store.add_message(message).result(5)
    return path


def test_fork_copies_the_branch_with_attachments_and_leaves_the_source_alone(store: Store) -> None:
    path = conversation(store, 3)
    before = store.messages(path[0].conversation_id).result(5)
    made = run(fork(store, path[0].conversation_id, path[3].id))
    copied = store.path(made.id).result(5)
    assert [(one.role, one.text, one.reasoning) for one in copied] == [
        (one.role, one.text, one.reasoning) for one in path[:4]
    ]
    assert [(each.name, each.text, each.data_base64) for each in copied[2].attachments] == [
        ("plate.png", "", "aGVsbG8="), ("Blur1", "Blur {}", None)
    ]
    assert not {one.id for one in copied} & {one.id for one in path}
    again = store.conversation(made.id).result(5)
    assert again is not None and (again.source_id, again.source_message_id) == (path[0].conversation_id, path[3].id)
    assert (again.title, again.system, again.tags) == ("Keying (fork)", "default", ("show",))
    assert store.messages(path[0].conversation_id).result(5) == before


def test_fork_of_what_is_gone_says_so_and_makes_nothing(store: Store) -> None:
    path = conversation(store)
    with pytest.raises(StoreError):
        run(fork(store, path[0].conversation_id, "nothing"))
    with pytest.raises(StoreError):
        run(fork(store, "nowhere", path[0].id))
    assert len(store.conversations().result(5)) == 1


def test_system_prompt_changes_the_conversation_before_the_first_question_and_marks_the_path_after(
    store: Store
) -> None:
    empty = store.create_conversation(title="x", system="default").result(5)
    assert run(change_system(store, empty.id, "other")) is None
    found = store.conversation(empty.id).result(5)
    assert found is not None and found.system == "other"
    path = conversation(store)
    mark = run(change_system(store, path[0].conversation_id, "other"))
    shown = store.path(path[0].conversation_id).result(5)
    assert shown[-1] == mark
    assert (system_of(shown, "default"), system_of(shown[:-1], "default")) == ("other", "default")
    assert run(change_system(store, path[0].conversation_id, "other")) == mark
    assert run(change_system(store, path[0].conversation_id, "default")) is None
    assert [one.id for one in store.path(path[0].conversation_id).result(5)] == [one.id for one in path]
    none = run(change_system(store, path[0].conversation_id, ""))
    assert none is not None and system_of([*path, none], "default") is None


def test_summary_is_sent_instead_of_what_is_above_it_and_the_last_one_counts(store: Store) -> None:
    path = conversation(store)
    id = path[0].conversation_id
    run(add_summary(store, id, path[1].id, "first", model="qwen"))
    shown = store.path(id, leaf_id=path[1].id).result(5)
    assert next(one.text for one in sendable(shown)).endswith("q0")  # nothing below is sent with that leaf
    run(add_summary(store, id, path[-1].id, "second", provider="ollama", model="qwen"))
    leaf = Message(new_id(), id, store.messages(id).result(5)[-1].id, "user", "and now?")
    store.add_message(leaf).result(5)
    sent = sendable(store.path(id, leaf_id=leaf.id).result(5))
    assert [one.text for one in sent] == [f"{SUMMARY_LEAD}\n\nsecond\n\nand now?"]
    assert [hit.message_id for hit in store.search("q1").result(5).hits] == [path[2].id]


def test_new_conversation_begins_with_the_summary_and_names_its_source(store: Store) -> None:
    path = conversation(store)
    made = run(begin_from_summary(store, path[0].conversation_id, "so far", model="qwen"))
    assert (made.source_id, made.source_message_id) == (path[0].conversation_id, path[-1].id)
    assert [one.text for one in sendable(store.path(made.id).result(5))] == [f"{SUMMARY_LEAD}\n\nso far"]


def test_words_for_a_summary_come_in_pieces_that_fit_and_nothing_is_left_out() -> None:
    path = [
        Message("1", "c", None, "user", "head " + "x" * 9000 + " tail", attachments=(NODES,)),
        Message("2", "c", "1", "assistant", "short"), Message("3", "c", "2", "system", "never sent"),
    ]
    pieces = pieces_of(path, 500)
    assert len(pieces) > 3 and all(estimate(one) <= 501 for one in pieces)
    whole = "".join(pieces)
    assert whole.startswith("Artist:\n") and "Blur {}" in whole and whole.count("x") >= 9000
    assert whole.endswith("Model:\nshort\n\n") and "never sent" not in whole
    assert pieces_of([], 500) == []

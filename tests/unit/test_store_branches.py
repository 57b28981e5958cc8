"""A conversation is a tree: what is shown, what switching brings back, what a deletion takes along."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Optional

import pytest

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.store import Store
from nuke_ai_panel.store.tree import Node, Tree

from .store_kit import WAIT_S, new_conversation, said, talk, texts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db")
    yield store
    store.close(WAIT_S)


def shown(store: Store, conversation_id: str) -> List[str]:
    return texts(store.path(conversation_id).result(WAIT_S))


def test_an_edit_shows_the_new_branch_and_flipping_back_returns_the_old_one_whole(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
    edited = talk(store, conversation_id, "3 edited", "4 new", after=old[1])
    assert shown(store, conversation_id) == ["1", "2", "3 edited", "4 new"]
    assert store.branches(conversation_id).result(WAIT_S) == {
        old[0].id: (1, 1), old[1].id: (1, 1), edited[0].id: (2, 2), edited[1].id: (1, 1)
    }
    path = store.select_branch(conversation_id, edited[0].id, -1).result(WAIT_S)
    assert path == old
    assert store.branches(conversation_id).result(WAIT_S)[old[2].id] == (1, 2)


def test_the_shown_branch_survives_a_restart(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "q", "a")
    talk(store, conversation_id, "a2", after=old[0])
    store.select_branch(conversation_id, old[1].id, 0).result(WAIT_S)
    store.close(WAIT_S)
    again = Store(store.file)
    assert shown(again, conversation_id) == ["q", "a"]
    again.close(WAIT_S)


def test_each_fork_remembers_what_was_last_shown_below_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    first = talk(store, conversation_id, "q", "a", "x")
    talk(store, conversation_id, "y", after=first[1])
    other = talk(store, conversation_id, "b", "z", after=first[0])
    store.select_branch(conversation_id, first[2].id, 0).result(WAIT_S)  # below the hidden a, x is last
    assert shown(store, conversation_id) == ["q", "b", "z"]
    assert texts(store.select_branch(conversation_id, other[0].id, -1).result(WAIT_S)) == ["q", "a", "x"]
    assert texts(store.select_branch(conversation_id, first[1].id, 1).result(WAIT_S)) == ["q", "b", "z"]


@pytest.mark.parametrize(("step", "expected"), [(-5, "a1"), (-1, "a1"), (0, "a2"), (1, "a3"), (9, "a3")])
def test_the_arrows_stop_at_the_ends(store: Store, step: int, expected: str) -> None:
    conversation_id = new_conversation(store)
    question = talk(store, conversation_id, "q")[0]
    answers = [talk(store, conversation_id, text, after=question)[0] for text in ("a1", "a2", "a3")]
    path = store.select_branch(conversation_id, answers[1].id, step).result(WAIT_S)
    assert texts(path) == ["q", expected]
    assert path == store.path(conversation_id).result(WAIT_S)


def test_the_first_question_can_be_edited_too(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "q", "a")
    new = talk(store, conversation_id, "q2")[0]
    assert shown(store, conversation_id) == ["q2"]
    assert store.branches(conversation_id).result(WAIT_S) == {new.id: (2, 2)}
    assert store.select_branch(conversation_id, new.id, -1).result(WAIT_S) == old


def test_a_message_can_be_added_beside_what_is_shown(store: Store) -> None:
    conversation_id = new_conversation(store)
    question, _ = talk(store, conversation_id, "q", "a")
    store.add_message(said(conversation_id, "aside", after=question), select=False).result(WAIT_S)
    assert shown(store, conversation_id) == ["q", "a"]


def test_a_path_to_a_leaf_ends_exactly_there(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "1", "2", "3")
    talk(store, conversation_id, "other", after=old[0])
    assert store.path(conversation_id, leaf_id=old[1].id).result(WAIT_S) == old[:2]


def test_a_hidden_message_can_be_brought_to_view(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "q", "a", "more")
    talk(store, conversation_id, "q2", "a2")
    assert store.show_message(conversation_id, old[1].id).result(WAIT_S) == old


def test_deleting_says_how_many_hidden_messages_go_too_and_can_be_undone(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "1", "2", "3", "4")
    talk(store, conversation_id, "4b", "5b", after=old[2])
    talk(store, conversation_id, "4c", after=old[2])
    before = store.path(conversation_id).result(WAIT_S)
    assert store.delete_message(old[2].id).result(WAIT_S) == 3  # 4, 4b, 5b; 4c was shown
    assert shown(store, conversation_id) == ["1", "2"]
    assert store.message(old[3].id).result(WAIT_S) is None
    listed = store.conversation(conversation_id).result(WAIT_S)
    assert listed is not None and (listed.message_count, listed.snippet) == (2, "2")
    assert store.restore_message(old[2].id).result(WAIT_S) == before


def test_undo_brings_back_only_what_went_with_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    old = talk(store, conversation_id, "1", "2", "3", "4")
    store.delete_message(old[3].id).result(WAIT_S)
    store.delete_message(old[1].id).result(WAIT_S)
    assert texts(store.restore_message(old[1].id).result(WAIT_S)) == ["1", "2", "3"]
    assert texts(store.restore_message(old[3].id).result(WAIT_S)) == ["1", "2", "3", "4"]


def test_deleting_the_shown_sibling_shows_the_one_before_it(store: Store) -> None:
    conversation_id = new_conversation(store)
    question, _ = talk(store, conversation_id, "q", "a1")
    second = talk(store, conversation_id, "a2", after=question)[0]
    store.delete_message(second.id).result(WAIT_S)
    assert shown(store, conversation_id) == ["q", "a1"]


def test_what_is_deleted_cannot_be_selected_or_deleted_again(store: Store) -> None:
    conversation_id = new_conversation(store)
    gone = talk(store, conversation_id, "q")[0]
    store.delete_message(gone.id).result(WAIT_S)
    for future in (store.delete_message(gone.id), store.select_branch(conversation_id, gone.id, 1)):
        with pytest.raises(StoreError):
            future.result(WAIT_S)


def node(seq: int, name: str, parent: Optional[str], *, deleted: bool = False) -> Node:
    return Node(seq, name, parent, seq, deleted)


def test_a_message_whose_parent_is_lost_is_still_shown() -> None:
    tree = Tree([node(2, "b", "lost"), node(3, "c", "b")])
    assert [n.id for n in tree.visible_path()] == ["b", "c"]
    assert [n.id for n in tree.path_to("c")] == ["b", "c"]


def test_a_message_below_a_deleted_one_is_hidden_with_it() -> None:
    tree = Tree([node(1, "a", None), node(2, "b", "a", deleted=True), node(3, "c", "b")])
    assert [n.id for n in tree.visible_path()] == ["a"]


def test_a_ring_of_parents_ends() -> None:
    tree = Tree([node(1, "a", "b"), node(2, "b", "a"), node(3, "c", "c")])
    assert tree.visible_path() == []
    assert {n.id for n in tree.path_to("a")} == {"a", "b"}
    assert {n.id for n in tree.subtree(tree.nodes["a"])} == {"a", "b"}

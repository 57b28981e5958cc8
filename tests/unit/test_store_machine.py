"""Two programs on one history and a plain model of it: after every step they show, and would send, the same.

Each has a store and an App on it. Questions, edits and second answers are real turns, whose requests are compared with
what the model shows. NUKE_AI_PANEL_CAMPAIGN multiplies the number of runs; 34 makes 510 runs of 50 steps.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nuke_ai_panel.app import App, ModelChoice, TurnRequest
from nuke_ai_panel.core.prompt import sendable
from nuke_ai_panel.keys import Keys
from nuke_ai_panel.messages import Message, clean_text
from nuke_ai_panel.providers.base import ChatRequest
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider
from nuke_ai_panel.settings import Settings, load_settings
from nuke_ai_panel.store import Store
from nuke_ai_panel.store.values import Undo

from .store_kit import WAIT_S, new_conversation, said

CAMPAIGN = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
RUNS = 15 * CAMPAIGN
STEPS = 30 if CAMPAIGN == 1 else 50

TEXTS = st.text(max_size=20) | st.sampled_from(["", "\ud800", "\0", "'; --", "𝄞"]) | st.sampled_from(
    ["apple pear", "pear plum", "plum"])
QUESTIONS = TEXTS.filter(bool)
WHICH = st.integers(min_value=0, max_value=1)
PICK = st.integers(min_value=0, max_value=1000)


@dataclass
class Said:
    """A message of the model. `shown_last` lists its children, the one shown last at the end."""

    message: Message
    parent: Optional[Said]
    shown_last: List[Said] = field(default_factory=list)
    born: List[Said] = field(default_factory=list)
    deleted_with: Optional[str] = None


class Conversations(RuleBasedStateMachine):
    """Asks, edits, regenerates, switches, deletes, undoes, bins and searches, by either program."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "history.db"
        self.stores = [Store(path), Store(path)]
        self.apps = [app_on(store, Path(self.folder.name)) for store in self.stores]
        self.sent: List[ChatRequest] = []
        self.answers: List[str] = []
        ScriptedProvider.scripts["machine"] = self.answer
        self.in_bin: Optional[Undo] = None
        self.conversation_id = new_conversation(self.stores[0])
        self.root = Said(said(self.conversation_id, "nothing is above the first question"), None)
        self.everything: Dict[str, Said] = {}
        self.deletions: List[str] = []

    def teardown(self) -> None:
        for app in self.apps:
            app.close(WAIT_S)
        del ScriptedProvider.scripts["machine"]
        self.folder.cleanup()

    def answer(self, request: ChatRequest) -> List[str]:
        """What the model that is asked says: what the rule wants it to."""
        self.sent.append(request)
        return [self.answers.pop()]

    # ------------------------------------------------------------ the model

    def shown(self) -> List[Said]:
        path: List[Said] = []
        at = self.root
        while True:
            alive = [child for child in at.shown_last if child.deleted_with is None]
            if not alive:
                return path
            at = alive[-1]
            path.append(at)

    def shown_by(self, role: str) -> List[Said]:
        return [entry for entry in self.shown() if entry.message.role == role]

    def pick_shown(self, role: str, pick: int) -> Said:
        found = self.shown_by(role)
        return found[pick % len(found)]

    def answered(self) -> List[Said]:
        """The shown answers right below a question: those that can be asked for again."""
        return [entry for entry in self.shown_by("assistant") if entry.parent is not None
                and entry.parent is not self.root and entry.parent.message.role == "user"]

    def put(self, store: Store, parent: Said, text: str, role: str) -> Said:
        above = parent.message if parent is not self.root else None
        message = said(self.conversation_id, text, after=above, role=role)
        store.add_message(message).result(WAIT_S)
        entry = Said(said_cleanly(message), parent)
        parent.shown_last.append(entry)
        parent.born.append(entry)
        self.everything[message.id] = entry
        return entry

    def turn(
        self, which: int, question: str, answer: str, **where: Any  # Any: fields of a request
    ) -> Tuple[Said, ...]:
        """Asks for real and checks what was sent; the question, unless it was there already, and the answer."""
        self.answers.append(answer)
        request = TurnRequest(
            question, ModelChoice("demo", "machine"), conversation_id=self.conversation_id, system="", **where)
        done = self.apps[which].start_turn(request, lambda event: None).result(WAIT_S)
        assert done.status == "complete", done.error
        path = self.stores[which].path(self.conversation_id, leaf_id=done.id).result(WAIT_S)
        new = [message for message in path[-2:] if message.id not in self.everything]
        for message in new:
            parent = self.everything.get(message.parent_id or "", self.root)
            entry = Said(message, parent)
            parent.shown_last.append(entry)
            parent.born.append(entry)
            self.everything[message.id] = entry
        assert said_by(self.sent.pop().messages) == words_of([entry.message for entry in self.shown()][:-1])
        return tuple(self.everything[message.id] for message in new)

    # ------------------------------------------------------------ what a user does

    @rule(which=WHICH, question=QUESTIONS, answer=TEXTS)
    def ask(self, which: int, question: str, answer: str) -> None:
        asked, answered = self.turn(which, question, answer)
        assert [asked.message.text, answered.message.text] == [clean_text(question), clean_text(answer)]
        assert self.shown()[-2:] == [asked, answered]

    @precondition(lambda self: self.shown_by("user"))
    @rule(which=WHICH, pick=PICK, question=QUESTIONS, answer=TEXTS)
    def ask_differently(self, which: int, pick: int, question: str, answer: str) -> None:
        edited = self.pick_shown("user", pick)
        asked, _ = self.turn(which, question, answer, parent_id=edited.message.parent_id, is_edit=True)
        assert asked.parent is edited.parent

    @precondition(lambda self: self.answered())
    @rule(which=WHICH, pick=PICK, answer=TEXTS)
    def ask_again(self, which: int, pick: int, answer: str) -> None:
        answers = self.answered()
        old = answers[pick % len(answers)]
        (again,) = self.turn(which, "", answer, regenerate_of=old.message.id)
        assert again.parent is old.parent

    @precondition(lambda self: self.in_bin is None)
    @rule(which=WHICH)
    def put_into_the_bin(self, which: int) -> None:
        self.in_bin = self.stores[which].change_conversations([self.conversation_id], deleted=True).result(WAIT_S)
        for store in self.stores:
            assert store.conversations().result(WAIT_S) == []

    @precondition(lambda self: self.in_bin is not None)
    @rule(which=WHICH)
    def take_out_of_the_bin(self, which: int) -> None:
        assert self.in_bin is not None
        assert self.stores[which].undo(self.in_bin).result(WAIT_S) == 1
        self.in_bin = None
        for store in self.stores:
            assert [one.id for one in store.conversations().result(WAIT_S)] == [self.conversation_id]

    @rule(which=WHICH, question=TEXTS, answer=TEXTS)
    def append(self, which: int, question: str, answer: str) -> None:
        path = self.shown()
        asked = self.put(self.stores[which], path[-1] if path else self.root, question, "user")
        self.put(self.stores[which], asked, answer, "assistant")

    @precondition(lambda self: self.shown())
    @rule(which=WHICH, pick=PICK, text=TEXTS)
    def edit_or_regenerate(self, which: int, pick: int, text: str) -> None:
        path = self.shown()
        target = path[pick % len(path)]
        assert target.parent is not None
        self.put(self.stores[which], target.parent, text, target.message.role)

    @precondition(lambda self: self.shown())
    @rule(which=WHICH, pick=PICK, step=st.sampled_from([-1, 1]))
    def switch(self, which: int, pick: int, step: int) -> None:
        path = self.shown()
        target = path[pick % len(path)]
        assert target.parent is not None
        siblings = [child for child in target.parent.born if child.deleted_with is None]
        place = min(max(siblings.index(target) + step, 0), len(siblings) - 1)
        target.parent.shown_last.remove(siblings[place])
        target.parent.shown_last.append(siblings[place])
        answer = self.stores[which].select_branch(self.conversation_id, target.message.id, step).result(WAIT_S)
        assert answer == [entry.message for entry in self.shown()]

    @precondition(lambda self: self.shown())
    @rule(which=WHICH, pick=PICK, text=TEXTS)
    def flush(self, which: int, pick: int, text: str) -> None:
        path = self.shown()
        target = path[pick % len(path)]
        newer = Message(**{**vars(target.message), "text": text})
        self.stores[which].update_message(newer).result(WAIT_S)
        target.message = said_cleanly(newer)

    @precondition(lambda self: self.shown())
    @rule(which=WHICH, pick=PICK)
    def delete(self, which: int, pick: int) -> None:
        path = self.shown()
        target = path[pick % len(path)]
        gone = [target]
        for entry in gone:
            gone += [child for child in entry.born if child.deleted_with is None]
        hidden = [entry for entry in gone if entry not in path]
        assert self.stores[which].delete_message(target.message.id).result(WAIT_S) == len(hidden)
        for entry in gone:
            entry.deleted_with = target.message.id
        self.deletions.append(target.message.id)

    @precondition(lambda self: self.deletions)
    @rule(which=WHICH, pick=PICK)
    def undo(self, which: int, pick: int) -> None:
        message_id = self.deletions.pop(pick % len(self.deletions))
        for entry in self.everything.values():
            if entry.deleted_with == message_id:
                entry.deleted_with = None
        answer = self.stores[which].restore_message(message_id).result(WAIT_S)
        assert answer == [entry.message for entry in self.shown()]

    @rule(which=WHICH, word=st.sampled_from(["apple", "pear", "plum"]))
    def search(self, which: int, word: str) -> None:
        page = self.stores[which].search(word, limit=1000, time_s=30).result(WAIT_S)
        found = {hit.message_id for hit in page.hits if hit.message_id is not None}
        assert found == (set() if self.in_bin is not None else {
            entry.message.id for entry in self.everything.values()
            if entry.deleted_with is None and word in entry.message.text.split()
        })

    @rule(which=WHICH, pick=PICK)
    def read_a_part(self, which: int, pick: int) -> None:
        path = [entry.message for entry in self.shown()]
        limit = pick % 4 + 1
        pages: List[Message] = []
        before: Optional[str] = None
        while True:
            page = self.stores[which].path(self.conversation_id, limit=limit, before=before).result(WAIT_S)
            pages[:0] = page
            if len(page) < limit:
                break
            before = page[0].id
        assert pages == path

    # ------------------------------------------------------------ what must hold

    @invariant()
    def both_stores_show_what_the_model_shows(self) -> None:
        path = self.shown()
        expected = [entry.message for entry in path]
        places: Dict[str, Tuple[int, int]] = {}
        for entry in path:
            assert entry.parent is not None
            siblings = [child for child in entry.parent.born if child.deleted_with is None]
            places[entry.message.id] = (siblings.index(entry) + 1, len(siblings))
        for store in self.stores:
            assert store.path(self.conversation_id).result(WAIT_S) == expected
            if path:  # what is shown is what a turn below its last message would send
                sent = store.path(self.conversation_id, leaf_id=path[-1].message.id).result(WAIT_S)
                assert sent == expected
                assert said_by(sendable(sent)) == words_of(expected)
            assert store.branches(self.conversation_id).result(WAIT_S) == places
        listed = self.stores[0].conversation(self.conversation_id).result(WAIT_S)
        assert listed is not None
        assert listed.message_count == sum(entry.deleted_with is None for entry in self.everything.values())


def app_on(store: Store, home: Path) -> App:
    """A program on that history whose one provider says what it is told to."""
    def load() -> Settings:
        return load_settings(env={"NUKE_AI_PANEL_HOME": str(home)}, overrides={"providers.demo.kind": "scripted"})

    return App(load(), keys=Keys({}, home), store=store, reload=load)


def said_by(messages: Sequence[Message]) -> List[Tuple[str, str]]:
    """Who says what in a request."""
    return [(message.role, message.text) for message in messages]


def words_of(path: Sequence[Message]) -> List[Tuple[str, str]]:
    """What a reader of the transcript expects to be sent: all but empty answers; two questions in a row are one."""
    words: List[Tuple[str, str]] = []
    for message in path:
        if message.role == "assistant" and message.text:
            words.append(("assistant", message.text))
        elif message.role == "user" and words and words[-1][0] == "user":
            words[-1] = ("user", "\n\n".join(filter(None, (words[-1][1], message.text))))
        elif message.role == "user":
            words.append(("user", message.text))
    return words


def said_cleanly(message: Message) -> Message:
    return Message(**{**vars(message), "text": clean_text(message.text)})


Conversations.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreAgreesWithTheModel = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")(
    Conversations.TestCase
)

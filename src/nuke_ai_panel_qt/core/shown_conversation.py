"""The conversation that one panel shows: store and events in, transcript items out. Main thread.

The picture is a function of the store and of what was heard of a running turn, so that opening a conversation again,
in this panel or another, shows the same. A reading that was overtaken by another opening is thrown away.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from nuke_ai_panel.events import (
    AnswerReset,
    AnswerStored,
    ContextTrimmed,
    StandInAsked,
    TextAdded,
    ThinkingAdded,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    TurnStopped,
    WaitChanged,
    WarningRaised,
)
from nuke_ai_panel.messages import Message
from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, is_valid
from ..ui.transcript import Transcript
from ..ui.values import MessageItem
from .chat_session import ChatSession
from .event_bridge import outcome
from .message_items import item_of, items_of, wait_text
from .run import Run

WAIT_TICK_MS = 500
FIRST_SHOWN = 50
OLDER_AT_ONCE = 100
OLDER_EVERY_MS = 15


class ShownConversation(QtCore.QObject, metaclass=QtClass):
    """Feeds one transcript. `on_change` is called after the path or its state changed."""

    def __init__(self, session: ChatSession, transcript: Transcript, on_change: Callable[[], None]) -> None:
        super().__init__(transcript)
        self._session = session
        self._transcript = transcript
        self._on_change = on_change
        self._reading = 0
        self._waiting_shown = ""
        self._thinking_open = False
        self.id = ""
        self.path: List[Message] = []
        self.branches: Dict[str, Tuple[int, int]] = {}
        self.is_loading = False
        self._tick = QtCore.QTimer(self)
        self._tick.setInterval(WAIT_TICK_MS)
        self._tick.timeout.connect(self._show_wait)
        self._older: List[Message] = []
        self._older_timer = QtCore.QTimer(self)
        self._older_timer.setInterval(OLDER_EVERY_MS)
        self._older_timer.timeout.connect(self._show_older)
        session.servers.listen(lambda: is_valid(self), self._servers_moved)

    # ------------------------------------------------------------ opening

    def open(self, conversation_id: str, *, is_new: bool = False) -> None:
        """Shows a conversation; a new one is empty at once."""
        self.id = conversation_id
        self._reading += 1
        self.path, self.branches, self._older = [], {}, []
        self._transcript.set_items(())
        self._tick.stop()
        self.is_loading = not is_new
        if is_new:
            self._on_change()
        else:
            self.reload()

    def reload(self) -> None:
        """Reads the shown path again."""
        self._reading += 1
        reading, store = self._reading, self._session.app.store
        path = store.path(self.id)
        branches = store.branches(self.id)
        # One thread answers both in order, so the second one done means both are.
        self._session.bridge.when_done(branches, lambda done: self._read(reading, path, done), owner=self)

    def show_path(self, future: Future[List[Message]]) -> None:
        """Shows the path that a store command answers with, once it does."""
        self._reading += 1
        reading = self._reading
        branches = self._session.app.store.branches(self.id)
        self._session.bridge.when_done(branches, lambda done: self._read(reading, future, done), owner=self)

    def run(self) -> Optional[Run]:
        """The turn that runs here."""
        return self._session.run_in(self.id)

    def message(self, message_id: str) -> Optional[Message]:
        """A shown message by its id."""
        return next((one for one in self.path if one.id == message_id), None)

    def last(self, role: str) -> Optional[Message]:
        """The newest shown message of a role."""
        return next((one for one in reversed(self.path) if one.role == role), None)

    def questions(self) -> Tuple[str, ...]:
        """What was asked here, oldest first: what the composer recalls."""
        return tuple(one.text for one in self.path if one.role == "user" and one.text)

    def _read(
        self, reading: int, path: Future[List[Message]], branches: Future[Dict[str, Tuple[int, int]]]
    ) -> None:
        if reading != self._reading:
            return
        result = outcome(path)
        messages, error = result.value, result.error
        found = outcome(branches).value
        self.is_loading = False
        self.path = [self._session.finished(one) for one in messages or []]
        self.branches = found or {}
        run = self.run()
        if run is not None and run.answer is not None:
            self._splice(run)
        if error is not None:
            self._transcript.set_items((MessageItem("unreadable", "notice", text=tr("History: {error}", error=error)),))
        else:
            self._show_all()
        self._on_change()

    def _show_all(self) -> None:
        """The newest messages at once; the older ones follow in slices, so that a long chat opens without a pause."""
        run = self.run()
        newest = self.path[-FIRST_SHOWN:]
        anchor = self._transcript.anchor()
        if isinstance(anchor, tuple) and anchor and anchor[0] not in {one.id for one in newest}:
            newest = self.path  # somebody reads further up
        self._older = self.path[: len(self.path) - len(newest)]
        self._transcript.set_items(self._items(newest))
        self._follow_wait(run)
        if self._older:
            self._older_timer.start()

    def show_rest(self) -> None:
        """Puts all older messages into the transcript now: somebody wants to go to one of them."""
        while self._older:
            self._show_older()

    def _show_older(self) -> None:
        self._older, next_ones = self._older[:-OLDER_AT_ONCE], self._older[-OLDER_AT_ONCE:]
        if next_ones:
            self._transcript.prepend_items(self._items(next_ones))
        if not self._older:
            self._older_timer.stop()

    def _items(self, messages: Sequence[Message]) -> Tuple[MessageItem, ...]:
        run = self.run()
        shown = {message.id: message for message in messages}
        items = tuple(
            self._session.servers.dressed(shown[item.id], item) for item in items_of(
                messages, titles=self._session.title_of, branches=self.branches, branch_enabled=run is None
            )
        )
        if run is not None and run.answer is not None:
            return tuple(self._run_item(run) if item.id == run.answer.id else item for item in items)
        return items

    # ------------------------------------------------------------ a running turn

    def turn_event(self, run: Run, event: TurnEvent) -> None:
        """One event of the turn that runs here."""
        answer = run.answer
        if answer is None:
            if isinstance(event, (TurnFailed, TurnStopped)):
                self._on_change()
            return
        if isinstance(event, TextAdded):
            self._leave_wait(run)
            if event.text:
                self._transcript.append_text(answer.id, event.text)
        elif isinstance(event, ThinkingAdded):
            self._leave_wait(run)
            self._thinking_open = True
            self._transcript.append_thinking(answer.id, event.text)
        elif isinstance(event, TurnStarted):
            self._begin(run)
        elif isinstance(event, AnswerReset):
            self._transcript.reset_text(answer.id)
        elif isinstance(event, WaitChanged):
            self._follow_wait(run)
            self._show_wait()
        elif isinstance(event, (WarningRaised, StandInAsked, ContextTrimmed)):
            self._transcript.replace_item(self._run_item(run))
        elif isinstance(event, (AnswerStored, TurnFailed, TurnStopped)):
            self._finish(run, answer)

    def _begin(self, run: Run) -> None:
        self._reading += 1  # what is being read now is older than this turn
        self.is_loading = False
        kept = len(self.path)
        self._splice(run)
        shown = {item.id for item in self._transcript.items()}
        last_kept = next((one for one in reversed(self.path) if one.id in shown), None)
        if last_kept is None or kept == 0:
            self._show_all()
        else:
            self._transcript.truncate_after(last_kept.id)
            for message in self.path[self.path.index(last_kept) + 1:]:
                if message.role != "tool":
                    is_answer = run.answer is not None and message.id == run.answer.id
                    self._transcript.append_item(
                        self._run_item(run) if is_answer else self._item(message, branch_enabled=False)
                    )
            if run.answer is not None and last_kept.id == run.answer.id:
                self._transcript.replace_item(self._run_item(run))
        self._transcript.follow()
        self._follow_wait(run)
        self._read_branches()
        self._on_change()

    def _splice(self, run: Run) -> None:
        """Puts the running question and answer where they belong in the path."""
        question, answer = run.question, run.message()
        assert question is not None and answer is not None
        ids = [one.id for one in self.path]
        if answer.id in ids:
            self.path = [*self.path[: ids.index(answer.id)], answer]
            return
        if question.id in ids:
            self.path = self.path[: ids.index(question.id) + 1]
        else:
            at = ids.index(question.parent_id) + 1 if question.parent_id in ids else 0
            self.path = [*self.path[:at], question]
        self.path.append(answer)

    def _finish(self, run: Run, answer: Message) -> None:
        self._tick.stop()
        self.path = [answer if one.id == answer.id else one for one in self.path]
        self._transcript.replace_item(
            self._item(answer, branch=self.branches.get(answer.id, (1, 1)),
                    notices=run.notices, thinking_s=run.thinking_s)
        )
        self._read_branches()
        self._on_change()

    def _read_branches(self) -> None:
        reading = self._reading
        future = self._session.app.store.branches(self.id)
        self._session.bridge.when_done(future, lambda done: self._branches_read(reading, done), owner=self)

    def _branches_read(self, reading: int, future: Future[Dict[str, Tuple[int, int]]]) -> None:
        found = outcome(future).value
        if reading != self._reading or found is None:
            return
        self.branches = found
        run = self.run()
        shown = {item.id: item for item in self._transcript.items()}
        for message in self.path:
            branch, enabled = found.get(message.id, (1, 1)), run is None
            item = shown.get(message.id)
            if item is None or (item.branch, item.branch_enabled) == (branch, enabled):
                continue
            if item.branch == branch and branch[1] == 1:
                continue  # without siblings there are no arrows to enable
            if run is not None and run.answer is not None and message.id == run.answer.id:
                self._transcript.replace_item(self._run_item(run))
            else:
                self._transcript.replace_item(
                    self._item(message, branch=branch, branch_enabled=enabled)
                )

    def _item(self, message: Message, **more: Any) -> MessageItem:  # the keywords of item_of
        """A message as it is shown here, with what its provider's kind adds."""
        return self._session.servers.dressed(message, item_of(message, titles=self._session.title_of, **more))

    def _servers_moved(self, provider: str) -> None:
        """Work at a provider's server went on: its error cards say so."""
        run = self.run()
        shown = {item.id: item for item in self._transcript.items()}
        for message in self.path:
            item = shown.get(message.id)
            if message.provider == provider and item is not None and item.error is not None:
                self._transcript.replace_item(self._item(
                    message, branch=self.branches.get(message.id, (1, 1)), branch_enabled=run is None
                ))

    # ------------------------------------------------------------ waiting

    def _run_item(self, run: Run) -> MessageItem:
        message = run.message()
        assert message is not None
        if run.wait is not None and run.wait.error is not None:  # why it waits, with what an artist can do about it
            message = replace(message, error=run.wait.error)
        return self._item(
            message, branch=self.branches.get(message.id, (1, 1)), branch_enabled=False,
            wait=self._wait_of(run), notices=run.notices, thinking_s=run.thinking_s,
        )

    def _wait_of(self, run: Run) -> str:
        elapsed = time.monotonic() - run.wait_since
        wait = run.wait
        if wait is None:
            message = run.message()
            is_silent = message is not None and not message.text and not message.reasoning
            return wait_text("connecting", elapsed_s=elapsed) if is_silent else ""
        return wait_text(
            wait.phase, detail=wait.detail, elapsed_s=elapsed, done=wait.done, total=wait.total,
            retry_in_s=wait.retry_in_s,
        )

    def _follow_wait(self, run: Optional[Run]) -> None:
        if run is not None and self._wait_of(run):
            self._tick.start()
        else:
            self._tick.stop()

    def _show_wait(self) -> None:
        run = self.run()
        if run is None or run.answer is None:
            self._tick.stop()
            return
        text = self._wait_of(run)
        if text != self._waiting_shown:
            self._waiting_shown = text
            self._transcript.replace_item(self._run_item(run))

    def _leave_wait(self, run: Run) -> None:
        is_thought = self._thinking_open and run.thinking_s is not None
        if not self._tick.isActive() and not is_thought:
            return
        self._tick.stop()
        self._waiting_shown = ""
        if is_thought:
            self._thinking_open = False
        shown = next((item for item in self._transcript.items() if run.answer and item.id == run.answer.id), None)
        if shown is not None:
            self._transcript.replace_item(replace(shown, wait="", error=None, thinking_s=run.thinking_s))

"""Writes one turn into the history and reads its conversation; when the store refuses, memory stands in. Loop thread.

Nothing here cancels a write: a stop may abandon the waiting, never the writing. The first trouble of a turn is kept in
`trouble`; the turn tells it to the front end. What a disk refuses the store writes later by itself, so every final
state is handed to it whatever happened before.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, List, Optional, Tuple, TypeVar

from ..errors import StoreError
from ..messages import Conversation, ErrorInfo, Message
from ..words import tr
from .known_paths import KnownPaths, chain

if TYPE_CHECKING:
    from ..store import Store

log = logging.getLogger(__name__)

# Longer than any healthy disk; a locked database is reported after it and the chat goes on.
PATIENCE_S = 5.0
# Once history is in trouble, nobody waits for it.
TROUBLED_PATIENCE_S = 0.2

T = TypeVar("T")


async def acknowledged(future: Future[T], timeout_s: Optional[float] = None) -> T:
    """The store's answer, without ever cancelling its work. Raises StoreError, also when `timeout_s` is over."""
    if not future.done():
        loop = asyncio.get_running_loop()
        woken = loop.create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        def wake_from_store(_: object) -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the loop has ended, and nobody waits any more
                pass

        future.add_done_callback(wake_from_store)
        timer = None if timeout_s is None else loop.call_later(timeout_s, wake)
        try:
            await woken
        finally:
            if timer is not None:
                timer.cancel()
    if not future.done():
        raise StoreError(
            f"the history did not answer within {timeout_s:g} s", code="locked",
            user_text=tr("The chat history does not answer."),
            next_step=tr("The chat goes on; this turn may not be saved."),
        )
    try:
        return future.result()
    except StoreError:
        raise
    except Exception as exc:
        log.exception("the store failed in an unexpected way")
        raise StoreError(f"{type(exc).__name__}: {exc}", user_text=tr("The chat history failed.")) from exc


class Journal:
    """One turn's way to the store."""

    def __init__(self, store: Store, known: KnownPaths) -> None:
        self._store = store
        self._known = known
        self._flushing: Optional[Future[None]] = None
        self.trouble: Optional[ErrorInfo] = None

    async def read(
        self, conversation_id: str, leaf_id: Optional[str]
    ) -> Tuple[Optional[Conversation], Tuple[Message, ...]]:
        """The conversation (None if there is none) and its path to `leaf_id`, or to what is shown."""
        known = self._known.get(conversation_id)
        try:
            reading = self._store.conversation(conversation_id), self._store.path(conversation_id, leaf_id=leaf_id)
            conversation = await acknowledged(reading[0], PATIENCE_S)
            shown = await acknowledged(reading[1], PATIENCE_S)
            path = tuple(shown) if conversation is not None else ()
            if known is not None and known.unsaved and await self._has(known.unsaved[-1]):
                known.unsaved.clear()  # the store has caught up
        except StoreError as error:
            self._note(error)
            return (known.conversation, known.path(leaf_id)) if known is not None else (None, ())
        if known is None or not known.unsaved:
            return conversation, path
        everything = {**{message.id: message for message in path}, **known.messages}
        return conversation or known.conversation, chain(everything, leaf_id or known.leaf_id) or path

    async def begin(
        self, conversation: Conversation, path: Tuple[Message, ...], *, is_new: bool, added: Tuple[Message, ...],
        reopened: Optional[Message] = None,
    ) -> None:
        """Makes the question and the empty answer durable; `reopened` is an old answer that goes on."""
        self._known.remember(conversation, path)
        # Any: futures of different results, of which only the success counts.
        writes: List[Future[Any]] = []
        if is_new:
            writes.append(self._store.create_conversation(
                id=conversation.id, kind=conversation.kind, title=conversation.title, provider=conversation.provider,
                model=conversation.model, system=conversation.system,
            ))
        writes += [self._store.add_message(message) for message in added]
        if reopened is not None:
            writes.append(self._store.update_message(reopened))
        # The last first: the store keeps the order, so that one waking is enough.
        for write in reversed(writes):
            try:
                await acknowledged(write, PATIENCE_S if self.trouble is None else 0.0)
            except StoreError as error:
                self._note(error)
        for message in (*added, *([reopened] if reopened is not None else [])):
            self._known.update(message, is_saved=self.trouble is None)
        if self.trouble is None:
            self.trouble = self._store.trouble

    def change_conversation(self, conversation_id: str, **changes: Any) -> None:
        """Writes facts that nobody waits for: the title, the provider, the model. Any: the store's own names."""
        self._store.update_conversation(conversation_id, **changes).add_done_callback(_log_failure)

    def flush(self, message: Message) -> bool:
        """Writes a running answer unless the last flush still runs; False then."""
        if self._flushing is not None:
            if not self._flushing.done():
                return False
            failure = self._flushing.exception()
            if isinstance(failure, StoreError):
                self._note(failure)
        self._flushing = self._store.update_message(message) if self.trouble is None else None
        return True

    async def add(self, message: Message) -> None:
        """Makes a further message of the turn durable: a tool's result, the next round's answer."""
        await self._settle(message, self._store.add_message(message), PATIENCE_S)

    async def finish(self, message: Message, *, patience_s: float = PATIENCE_S) -> None:
        """Makes a message's last state durable, or leaves it to the store to do so when it can."""
        await self._settle(message, self._store.update_message(message), patience_s)

    def leave(self, message: Message) -> None:
        """Hands over a message's last state and does not wait."""
        self._known.update(message, is_saved=False)
        self._store.update_message(message)

    async def _has(self, message_id: str) -> bool:
        return await acknowledged(self._store.message(message_id), PATIENCE_S) is not None

    async def _settle(self, message: Message, write: Future[None], patience_s: float) -> None:
        self._known.update(message, is_saved=self.trouble is None)
        try:
            await acknowledged(write, patience_s if self.trouble is None else min(patience_s, TROUBLED_PATIENCE_S))
        except StoreError as error:
            self._note(error)
            self._known.update(message, is_saved=False)

    def _note(self, error: StoreError) -> None:
        if self.trouble is None:
            self.trouble = error.info()


def _log_failure(future: Future[Conversation]) -> None:
    if not future.cancelled() and future.exception() is not None:
        log.info("a conversation's facts were not saved: %s", future.exception())

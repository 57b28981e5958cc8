"""The chat history as its callers see it. Any thread may call; answers are futures from the store's own threads.

Nothing here blocks except `close`. A future that has a result has it from the disk: kill -9 right after loses nothing.
A future fails with StoreError when history cannot be read or written; the chat goes on, and new messages and drafts
that the disk refused are written once it returns. When the file cannot be opened at all (another program's, no
access), it is left untouched, the store goes on in memory until it can be, and `trouble` says why; `open()` says so as
an error, for those who only came to read. A damaged file is mended, see `salvage`.

What every chat needs is here; lists, search, statistics, export and backups are `Library`'s, which Store is as well.
"""

from __future__ import annotations

import enum
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Callable, Dict, Hashable, List, Optional, Sequence, Set, Tuple, TypeVar, Union

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Draft, ErrorInfo, Message, clean_text
from . import conversations as conversation_rows
from . import many
from . import messages as message_rows
from .database import BUSY_TIMEOUT_S, Database
from .ids import new_id
from .library import Library
from .values import HistoryFilter

T = TypeVar("T")


class Keep(enum.Enum):
    """The type of KEEP: a value that `update_conversation` leaves as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


class Store(Library):
    """One history file. Opens it at the first call; several processes may each have one on the same file."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        super().__init__(path, busy_timeout_s=busy_timeout_s)
        self._temporary: Set[str] = set()
        # Asked before a text is stored: while it says yes, what is written goes to memory instead of the disk.
        self.keeps_nothing: Callable[[], bool] = _never

    @property
    def trouble(self) -> Optional[ErrorInfo]:
        """Why history is not being saved right now; None while it is, and before the first call has ended."""
        return self._worker.board.trouble

    def open(self) -> Future[None]:
        """Opens the file now. Raises StoreError when memory stands in for it or it can only be read."""
        return self._worker.submit(_raise_trouble, writes=False)

    def close(self, timeout_s: float = 1.0) -> None:
        """Writes what is queued, waiting at most so long, and ends the threads. Idempotent, from any thread."""
        self._reader.close(timeout_s)
        self._worker.close(timeout_s)

    def keep_in_memory(self, conversation_id: str) -> None:
        """Makes a conversation temporary: it lives until `close`, is in no list, and nothing of it is ever written.

        To be called before anything of it is stored.
        """
        self._temporary.add(conversation_id)

    def is_temporary(self, conversation_id: str) -> bool:
        """Whether nothing of the conversation is written."""
        return conversation_id in self._temporary

    # ------------------------------------------------------------ conversations

    def create_conversation(
        self, *, id: Optional[str] = None, kind: ConversationKind = "chat", title: str = "",
        provider: Optional[str] = None, model: Optional[str] = None, system: Optional[str] = None,
        run_id: Optional[str] = None, project: Optional[str] = None, script: Optional[str] = None,
        tags: Sequence[str] = (), source_id: Optional[str] = None, source_message_id: Optional[str] = None,
    ) -> Future[Conversation]:
        """A new conversation. An empty title becomes the first words of its first question."""
        now = time.time()
        conversation = Conversation(
            id=id or new_id(), title=clean_text(title), kind=kind, created_at=now, updated_at=now, provider=provider,
            model=model, system=_clean(system), run_id=_clean(run_id), project=_clean(project), script=_clean(script),
            tags=tuple(dict.fromkeys(filter(None, map(conversation_rows.tag_from, tags)))), source_id=source_id,
            source_message_id=source_message_id,
        )
        if self.keeps_nothing():
            self.keep_in_memory(conversation.id)
        return self._submit(lambda db: conversation_rows.create(db, conversation), of=conversation.id, is_kept=True)

    def add_conversations(self, whole: Sequence[Tuple[Conversation, Sequence[Message]]]) -> Future[None]:
        """Stores finished conversations with their messages, all in one; one that is there already stays as it is."""
        kept: Sequence[Tuple[Conversation, Sequence[Message]]] = () if self.keeps_nothing() else tuple(whole)
        return self._worker.submit(lambda db: _add_whole(db, kept), writes=True, is_kept=True)

    def conversations(
        self, *, kinds: Sequence[ConversationKind] = ("chat",), include_deleted: bool = False, limit: int = 200,
        offset: int = 0, wanted: Optional[HistoryFilter] = None,
    ) -> Future[List[Conversation]]:
        """One page of the list, the one that was written to last first; `wanted` says which instead of `kinds`."""
        found = wanted or HistoryFilter(
            kinds=tuple(kinds), deleted=None if include_deleted else False, archived=None if include_deleted else False
        )
        return self._worker.submit(
            lambda db: conversation_rows.conversations(db, found, limit=limit, offset=offset), writes=False
        )

    def conversation(self, id: str) -> Future[Optional[Conversation]]:
        """The conversation, also while it is in the bin; None when there is none."""
        return self._read(lambda db: conversation_rows.conversation(db, id), of=id)

    def update_conversation(
        self, id: str, *, title: Union[str, Keep] = KEEP, title_is_manual: Union[bool, Keep] = KEEP,
        provider: Union[str, Keep, None] = KEEP, model: Union[str, Keep, None] = KEEP,
        system: Union[str, Keep, None] = KEEP, run_id: Union[str, Keep, None] = KEEP,
        project: Union[str, Keep, None] = KEEP, script: Union[str, Keep, None] = KEEP,
    ) -> Future[Conversation]:
        """Changes what is given and answers with the whole. Raises StoreError when there is none."""
        given: Dict[str, Union[str, float, Keep, None]] = {
            "title": title, "title_is_manual": title_is_manual, "provider": provider, "model": model, "system": system,
            "run_id": run_id, "project": project, "script": script,
        }
        values = {name: value for name, value in given.items() if not isinstance(value, Keep)}
        return self._submit(lambda db: conversation_rows.update(db, id, values), of=id, is_kept=True)

    def delete_conversation(self, id: str) -> Future[None]:
        """Moves a conversation to the bin, which forgets it after 30 days."""
        return self._submit(lambda db: _bin(db, id), of=id)

    def restore_conversation(self, id: str) -> Future[Conversation]:
        """Takes a conversation out of the bin."""
        return self._submit(lambda db: _unbin(db, id), of=id)

    def mark_unread(self, id: str, *, unread: bool = True) -> Future[None]:
        """Notes whether there is an answer in it that nobody has seen."""
        return self._submit(
            lambda db: many.mark_read(db, id, unread=unread), of=id, key=("unread", id), is_kept=True
        )

    # ------------------------------------------------------------ messages

    def path(
        self, conversation_id: str, *, leaf_id: Optional[str] = None, limit: Optional[int] = None,
        before: Optional[str] = None,
    ) -> Future[List[Message]]:
        """The shown messages from the root to the remembered leaf, or to exactly `leaf_id`: what is shown is sent.

        With `limit` only the last so many of them, and with `before` of those above that message: page by page upwards.
        """
        return self._read(
            lambda db: message_rows.path(db, conversation_id, leaf_id, limit=limit, before=before), of=conversation_id
        )

    def messages(self, conversation_id: str) -> Future[List[Message]]:
        """Every message of a conversation in all its branches, in the order they were stored."""
        return self._read(lambda db: message_rows.everything(db, conversation_id), of=conversation_id)

    def message(self, id: str) -> Future[Optional[Message]]:
        """The message; None when there is none or it is deleted."""
        return self._read(lambda db: message_rows.message(db, id), of=id)

    def branches(self, conversation_id: str) -> Future[Dict[str, Tuple[int, int]]]:
        """For the shown messages: id → (position from 1, count) among its siblings."""
        return self._read(lambda db: message_rows.branches(db, conversation_id), of=conversation_id)

    def add_message(self, message: Message, *, select: bool = True) -> Future[None]:
        """Stores a new message; with `select` its fork shows it from now on."""
        self._note_temporary(message)
        return self._submit(
            lambda db: message_rows.add(db, message, select=select), of=message.conversation_id, is_kept=True,
            is_text=True,
        )

    def update_message(self, message: Message) -> Future[None]:
        """Stores the newest state of a message. Several that wait for the same message are written once."""
        self._note_temporary(message)
        return self._submit(
            lambda db: message_rows.update(db, message), of=message.conversation_id, key=("message", message.id),
            is_kept=True, is_text=True,
        )

    def select_branch(self, conversation_id: str, message_id: str, step: int) -> Future[List[Message]]:
        """Shows the sibling `step` places further (-1 is ‹, 1 is ›) and what was last shown below; the new path."""
        return self._submit(
            lambda db: message_rows.select_branch(db, conversation_id, message_id, step), of=conversation_id
        )

    def show_message(self, conversation_id: str, message_id: str) -> Future[List[Message]]:
        """Switches every fork above a message so that it is shown; the new path."""
        return self._submit(lambda db: message_rows.show(db, conversation_id, message_id), of=conversation_id)

    def delete_message(self, id: str) -> Future[int]:
        """Hides a message and everything below it; how many messages of branches that were not shown went too."""
        return self._submit(lambda db: message_rows.delete(db, id), of=id)

    def restore_message(self, id: str) -> Future[List[Message]]:
        """Undoes `delete_message`: all that went with it is back and the same branch shown; the path."""
        return self._submit(lambda db: message_rows.restore(db, id), of=id)

    # ------------------------------------------------------------ drafts

    def save_draft(self, draft: Draft) -> Future[None]:
        """Keeps what stands unsent in a composer; an empty draft is forgotten."""
        return self._submit(
            lambda db: conversation_rows.save_draft(db, draft), of=draft.conversation_id,
            key=("draft", draft.conversation_id), is_kept=True, is_text=True,
        )

    def draft(self, conversation_id: str) -> Future[Optional[Draft]]:
        """What stands unsent in a conversation's composer."""
        return self._read(lambda db: conversation_rows.draft(db, conversation_id), of=conversation_id)

    # ------------------------------------------------------------ where a job belongs

    def _submit(
        self, run: Callable[[Database], T], *, of: str, key: Optional[Hashable] = None, is_kept: bool = False,
        is_text: bool = False,
    ) -> Future[T]:
        is_temporary = of in self._temporary or (is_text and self.keeps_nothing())
        return self._worker.submit(run, writes=True, key=key, is_kept=is_kept, is_temporary=is_temporary)

    def _read(self, run: Callable[[Database], T], *, of: str) -> Future[T]:
        return self._worker.submit(run, writes=False, is_temporary=of in self._temporary)

    def _note_temporary(self, message: Message) -> None:
        if message.conversation_id in self._temporary:
            self._temporary.add(message.id)


def _never() -> bool:
    return False


def _clean(text: Optional[str]) -> Optional[str]:
    return None if text is None else clean_text(text)


def _bin(database: Database, conversation_id: str) -> None:
    many.change(database, [conversation_id], deleted=True)


def _unbin(database: Database, conversation_id: str) -> Conversation:
    many.change(database, [conversation_id], deleted=False)
    return conversation_rows.update(database, conversation_id, {})


def _add_whole(database: Database, whole: Sequence[Tuple[Conversation, Sequence[Message]]]) -> None:
    for conversation, messages in whole:
        if conversation_rows.conversation(database, conversation.id) is None:
            conversation_rows.create(database, conversation)
            for message in messages:
                message_rows.add(database, message, select=True)


def _raise_trouble(database: Database) -> None:
    error = database.trouble
    if error is not None:
        raise StoreError(error.message, code=error.code, user_text=error.user_text, next_step=error.next_step)

"""The chat history as its callers see it. Any thread may call; answers are futures from the thread `nuke-ai-store`.

Nothing here blocks except `close`. A future that has a result has it from the disk: kill -9 right after loses nothing.
A future fails with StoreError when history cannot be read or written; the chat goes on, and new messages and drafts
that the disk refused are written once it returns. When the file cannot be opened at all (damaged, another program's,
no access), it is left untouched, the store goes on in memory, and `trouble` says why; `open()` says so as an error,
for those who only came to read.
"""

from __future__ import annotations

import enum
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from ..errors import StoreError
from ..messages import Conversation, ConversationKind, Draft, ErrorInfo, Message, clean_text
from . import conversations as conversation_rows
from . import messages as message_rows
from .database import BUSY_TIMEOUT_S, Database
from .ids import new_id
from .worker import Worker


class Keep(enum.Enum):
    """The type of KEEP: a value that `update_conversation` leaves as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


class Store:
    """One history file. Opens it at the first call; several processes may each have one on the same file."""

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.file = path
        self._worker = Worker(path, busy_timeout_s=busy_timeout_s)

    @property
    def trouble(self) -> Optional[ErrorInfo]:
        """Why history is not being saved right now; None while it is, and before the first call has ended."""
        return self._worker.trouble

    def open(self) -> Future[None]:
        """Opens the file now. Raises StoreError when memory stands in for it or it can only be read."""
        return self._worker.submit(_raise_trouble, writes=False)

    def close(self, timeout_s: float = 1.0) -> None:
        """Writes what is queued, waiting at most so long, and ends the thread. Idempotent, from any thread."""
        self._worker.close(timeout_s)

    # ------------------------------------------------------------ conversations

    def create_conversation(
        self, *, id: Optional[str] = None, kind: ConversationKind = "chat", title: str = "",
        provider: Optional[str] = None, model: Optional[str] = None, system: Optional[str] = None,
    ) -> Future[Conversation]:
        """A new conversation. An empty title becomes the first words of its first question."""
        now = time.time()
        conversation = Conversation(
            id=id or new_id(), title=clean_text(title), kind=kind, created_at=now, updated_at=now, provider=provider,
            model=model, system=None if system is None else clean_text(system),
        )
        return self._worker.submit(lambda db: conversation_rows.create(db, conversation), writes=True, is_kept=True)

    def conversations(
        self, *, kinds: Sequence[ConversationKind] = ("chat",), include_deleted: bool = False, limit: int = 200,
        offset: int = 0,
    ) -> Future[List[Conversation]]:
        """One page of the list, the one that was written to last first."""
        return self._worker.submit(
            lambda db: conversation_rows.conversations(
                db, kinds, include_deleted=include_deleted, limit=limit, offset=offset
            ),
            writes=False,
        )

    def conversation(self, id: str) -> Future[Optional[Conversation]]:
        """The conversation, also while it is in the bin; None when there is none."""
        return self._worker.submit(lambda db: conversation_rows.conversation(db, id), writes=False)

    def update_conversation(
        self, id: str, *, title: Union[str, Keep] = KEEP, title_is_manual: Union[bool, Keep] = KEEP,
        provider: Union[str, Keep, None] = KEEP, model: Union[str, Keep, None] = KEEP,
        system: Union[str, Keep, None] = KEEP,
    ) -> Future[Conversation]:
        """Changes what is given and answers with the whole. Raises StoreError when there is none."""
        given: Dict[str, Union[str, float, Keep, None]] = {
            "title": title, "title_is_manual": title_is_manual, "provider": provider, "model": model, "system": system,
        }
        values = {name: value for name, value in given.items() if not isinstance(value, Keep)}
        return self._worker.submit(lambda db: conversation_rows.update(db, id, values), writes=True)

    def delete_conversation(self, id: str) -> Future[None]:
        """Moves a conversation to the bin."""
        now = time.time()
        return self._worker.submit(lambda db: _bin(db, id, now), writes=True)

    def restore_conversation(self, id: str) -> Future[Conversation]:
        """Takes a conversation out of the bin."""
        return self._worker.submit(lambda db: conversation_rows.update(db, id, {"deleted_at": None}), writes=True)

    # ------------------------------------------------------------ messages

    def path(self, conversation_id: str, *, leaf_id: Optional[str] = None) -> Future[List[Message]]:
        """The shown messages from the root to the remembered leaf, or to exactly `leaf_id`: what is shown is sent."""
        return self._worker.submit(lambda db: message_rows.path(db, conversation_id, leaf_id), writes=False)

    def message(self, id: str) -> Future[Optional[Message]]:
        """The message; None when there is none or it is deleted."""
        return self._worker.submit(lambda db: message_rows.message(db, id), writes=False)

    def branches(self, conversation_id: str) -> Future[Dict[str, Tuple[int, int]]]:
        """For the shown messages: id → (position from 1, count) among its siblings."""
        return self._worker.submit(lambda db: message_rows.branches(db, conversation_id), writes=False)

    def add_message(self, message: Message, *, select: bool = True) -> Future[None]:
        """Stores a new message; with `select` its fork shows it from now on."""
        return self._worker.submit(lambda db: message_rows.add(db, message, select=select), writes=True, is_kept=True)

    def update_message(self, message: Message) -> Future[None]:
        """Stores the newest state of a message. Several that wait for the same message are written once."""
        return self._worker.submit(
            lambda db: message_rows.update(db, message), writes=True, key=("message", message.id), is_kept=True
        )

    def select_branch(self, conversation_id: str, message_id: str, step: int) -> Future[List[Message]]:
        """Shows the sibling `step` places further (-1 is ‹, 1 is ›) and what was last shown below; the new path."""
        return self._worker.submit(
            lambda db: message_rows.select_branch(db, conversation_id, message_id, step), writes=True
        )

    def show_message(self, conversation_id: str, message_id: str) -> Future[List[Message]]:
        """Switches every fork above a message so that it is shown; the new path."""
        return self._worker.submit(lambda db: message_rows.show(db, conversation_id, message_id), writes=True)

    def delete_message(self, id: str) -> Future[int]:
        """Hides a message and everything below it; how many messages of branches that were not shown went too."""
        return self._worker.submit(lambda db: message_rows.delete(db, id), writes=True)

    def restore_message(self, id: str) -> Future[List[Message]]:
        """Undoes `delete_message`: all that went with it is back and the same branch shown; the path."""
        return self._worker.submit(lambda db: message_rows.restore(db, id), writes=True)

    # ------------------------------------------------------------ drafts

    def save_draft(self, draft: Draft) -> Future[None]:
        """Keeps what stands unsent in a composer; an empty draft is forgotten."""
        return self._worker.submit(
            lambda db: conversation_rows.save_draft(db, draft), writes=True, key=("draft", draft.conversation_id),
            is_kept=True,
        )

    def draft(self, conversation_id: str) -> Future[Optional[Draft]]:
        """What stands unsent in a conversation's composer."""
        return self._worker.submit(lambda db: conversation_rows.draft(db, conversation_id), writes=False)


def _bin(database: Database, conversation_id: str, now: float) -> None:
    conversation_rows.update(database, conversation_id, {"deleted_at": now})


def _raise_trouble(database: Database) -> None:
    error = database.trouble
    if error is not None:
        raise StoreError(error.message, code=error.code, user_text=error.user_text, next_step=error.next_step)

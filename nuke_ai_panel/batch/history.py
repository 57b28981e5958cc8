"""Puts the answers of a batch into the chat history, many at a time; nobody waits for it. Loop thread.

The run directory is what counts; history is for looking things up. A killed run may miss its last answers there.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from concurrent.futures import Future
from typing import List, Optional, Tuple

from ..app import App, ModelChoice
from ..core.journal import acknowledged
from ..errors import StoreError
from ..messages import Conversation, ErrorInfo, Message, Timings
from ..store.titles import title_from
from ..words import tr
from .asking import messages_of
from .values import Answer, Job

_GROUP = 100
_WAITING_GROUPS = 4
_END_S = 10.0


def conversation_of(run_id: str, job: Job) -> str:
    """The id of a request's conversation: the same each time the run goes on."""
    return str(uuid.uuid5(uuid.UUID(run_id), f"{job.custom_id} {job.key}"))


class BatchHistory:
    """The conversations of one run."""

    def __init__(self, app: App, run_id: str, script: Optional[str]) -> None:
        self._store = app.store
        self._run_id = run_id
        self._script = script
        self._waiting: List[Tuple[Conversation, Tuple[Message, ...]]] = []
        self._writes: List[Future[None]] = []
        self.trouble: Optional[ErrorInfo] = None

    async def add(self, job: Job, choice: ModelChoice, answer: Answer, conversation_id: str) -> None:
        """Takes an answer; waits only while the store is far behind."""
        now = time.time()
        asked = messages_of(job.said, conversation_id)
        said = Message(
            f"{conversation_id[:-2]}{len(asked) % 256:02x}", conversation_id, asked[-1].id, "assistant", answer.text,
            created_at=now, reasoning=answer.reasoning, provider=choice.provider, model=choice.model,
            usage=answer.usage,
            finish=answer.finish if answer.finish in ("stop", "length") else "other",  # type: ignore[arg-type]  # a Literal
            response_id=answer.response_id, reported_model=answer.reported_model,
            timings=Timings(answer.first_token_s, answer.total_s),
        )
        conversation = Conversation(
            conversation_id, title_from(asked[0].text) or job.custom_id, "batch", created_at=now, updated_at=now,
            provider=choice.provider, model=choice.model, system=job.system, run_id=self._run_id, script=self._script,
        )
        self._waiting.append((conversation, (*asked, said)))
        if len(self._waiting) >= _GROUP:
            self._flush()
            while len(self._writes) > _WAITING_GROUPS and self.trouble is None:
                await self._settle(self._writes.pop(0))

    async def close(self) -> None:
        """Writes the rest."""
        self._flush()
        try:
            await asyncio.wait_for(self._settle_all(), _END_S)
        except asyncio.TimeoutError:
            error = StoreError("the history did not answer", user_text=tr("The chat history does not answer."))
            self.trouble = error.info()

    async def _settle_all(self) -> None:
        while self._writes:
            await self._settle(self._writes.pop(0))

    async def _settle(self, write: Future[None]) -> None:
        try:
            await acknowledged(write)
        except StoreError as error:
            self.trouble = self.trouble or error.info()

    def _flush(self) -> None:
        group, self._waiting = self._waiting, []
        if group and self.trouble is None:
            self._writes.append(self._store.add_conversations(group))

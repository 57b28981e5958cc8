"""Summarises a conversation with its own model, in as many requests as it takes to fit the model's window. Loop thread.

The requests are turns of a temporary conversation: they pass the policy, the ledger and the redaction like any other
question, and nothing of them is stored. The conversation itself is only read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Callable, List, Optional, Sequence

from ..errors import NukeAIError
from ..events import AnswerStored, TurnEvent, TurnFailed, TurnStopped
from ..messages import Conversation, Message, clean_text
from ..store.ids import new_id
from ..words import tr
from .craft import add_summary, begin_from_summary
from .handle import TurnHandle
from .marks import after_summary
from .prompt import render_question
from .request import ModelChoice, TurnRequest
from .tokens import estimate

if TYPE_CHECKING:
    from ..store import Store

UNKNOWN_WINDOW = 8192
SMALLEST_PIECE = 256
_SHARE = 0.5  # of the window that one piece may fill; the rest is for the summary so far and the next
_TASK = (
    "Below is {what} of a conversation between an artist (Artist) and a model (Model). Write a summary with which the "
    "conversation can go on without being seen again. Keep what was asked, what was decided and why, the exact names "
    "of nodes, knobs, files and values, code that is still in use (in full when it is short), and what is still open. "
    "Write in the language of the conversation, at most {words} words, nothing but the summary.\n\n"
)
Start = Callable[[TurnRequest, Callable[[TurnEvent], None]], TurnHandle]


class Summary:
    """One summary on its way. `stop` may be called from any thread."""

    def __init__(
        self, start: Start, store: Store, conversation_id: str, path: Sequence[Message], choice: Optional[ModelChoice],
        *, window_tokens: Optional[int] = None,
    ) -> None:
        self._start = start
        self._store = store
        self._path = tuple(path)
        self._choice = choice
        self._piece_tokens = max(SMALLEST_PIECE, int((window_tokens or UNKNOWN_WINDOW) * _SHARE))
        self._handle: Optional[TurnHandle] = None
        self._is_stopped = False
        self.conversation_id = conversation_id
        self.wrote: Optional[ModelChoice] = choice

    def stop(self) -> None:
        """Ends it; nothing is added."""
        self._is_stopped = True
        if self._handle is not None:
            self._handle.stop()

    async def text(self) -> Optional[str]:
        """The summary; None when it was stopped. Raises NukeAIError, the model's own."""
        summary = ""
        pieces = pieces_of(self._path, self._piece_tokens)
        for number, piece in enumerate(pieces):
            what = "all" if len(pieces) == 1 else f"part {number + 1} of {len(pieces)}"
            words = max(80, min(600, self._piece_tokens // 4))
            prompt = _TASK.format(what=what, words=words)
            if summary:
                prompt += f"The summary of the parts before, to be carried on in yours:\n\n{summary}\n\n"
            answer = await self._ask(f"{prompt}The conversation:\n\n{piece}")
            if answer is None:
                return None
            summary = answer
        return summary

    async def into_conversation(self) -> Optional[Message]:
        """Puts the summary under the path that was given. None when it was stopped. Raises NukeAIError."""
        text = await self.text()
        if text is None:
            return None
        wrote = self.wrote
        return await add_summary(
            self._store, self.conversation_id, self._path[-1].id, text, provider=wrote.provider if wrote else None,
            model=wrote.model if wrote else None,
        )

    async def into_new_conversation(self) -> Optional[Conversation]:
        """Begins a conversation with the summary. None when it was stopped. Raises NukeAIError."""
        text = await self.text()
        if text is None:
            return None
        wrote = self.wrote
        return await begin_from_summary(
            self._store, self.conversation_id, text, provider=wrote.provider if wrote else None,
            model=wrote.model if wrote else None,
        )

    async def _ask(self, prompt: str) -> Optional[str]:
        if self._is_stopped:
            return None
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[TurnEvent] = loop.create_future()

        def hear(event: TurnEvent) -> None:
            if isinstance(event, (AnswerStored, TurnFailed, TurnStopped)) and not ended.done():
                ended.set_result(event)

        id = new_id()
        self._store.keep_in_memory(id)
        self._handle = self._start(TurnRequest(prompt, self._choice, conversation_id=id, system=""), hear)
        try:
            event = await ended
        except asyncio.CancelledError:
            self._handle.stop()
            raise
        if isinstance(event, TurnFailed):
            raise self._handle.error() or NukeAIError("the summary failed", user_text=tr("The summary failed."))
        if self._is_stopped or not isinstance(event, AnswerStored):
            return None
        answer = event.answer
        if not answer.text.strip():
            raise NukeAIError(
                "the model summarised nothing", user_text=tr("The model wrote no summary."),
                next_step=tr("Choose another model, or start a new conversation."),
            )
        self.wrote = ModelChoice(answer.provider or "", answer.model or "")
        return clean_text(answer.text).strip()


def pieces_of(path: Sequence[Message], piece_tokens: int) -> List[str]:
    """The words of a path in pieces of about that size, in order; a longer message is cut."""
    pieces: List[str] = []
    held, size = "", 0
    for message in after_summary(path):
        if message.role not in ("user", "assistant"):
            continue
        said = render_question(message).text if message.role == "user" else message.text
        if not said.strip():
            continue
        who = "Artist" if message.role == "user" else "Model"
        for part in _cut(f"{who}:\n{said.strip()}\n\n", piece_tokens):
            tokens = estimate(part)
            if held and size + tokens > piece_tokens:
                pieces.append(held)
                held, size = "", 0
            held += part
            size += tokens
    return [*pieces, held] if held else pieces


def _cut(text: str, piece_tokens: int) -> List[str]:
    tokens = estimate(text)
    if tokens <= piece_tokens:
        return [text]
    step = max(1, len(text) * piece_tokens // (tokens + 1))
    return [text[at : at + step] for at in range(0, len(text), step)]

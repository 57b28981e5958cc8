"""Runs one turn: from a question to its stored answer. Lives on the loop thread; `stop` and `snapshot` on any.

A turn ends with exactly one terminal event, whatever happens: `_end` is the only place that sends one, and it sends
one. A stop cancels the task; should something not let itself be cancelled, the turn ends without it. Storing the
question is never cancelled, so that what an artist typed is kept even if the stop came first.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import Callable, Dict, Optional, Tuple

from ..errors import NukeAIError
from ..events import (
    AnswerStored,
    ApprovalAsked,
    RoundStarted,
    StoreTroubled,
    TextAdded,
    ThinkingAdded,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    TurnStopped,
    WaitChanged,
    WarningRaised,
)
from ..messages import Message, Status, ToolCall
from ..store.ids import new_id
from ..tools import Tool
from ..utils.main_thread import MainThread
from ..words import tr
from .answer import GrowingAnswer
from .approval import Approval
from .asking import Asking
from .joint import JoinedText
from .journal import Journal
from .place import Place, find_place
from .prompt import CONTINUE
from .request import ModelChoice, TurnRequest
from .tool_round import run_call
from .turn_services import TurnServices
from .turn_words import EMPTY_ANSWER, bug, tool_rounds_text, unanswered_calls_text

__all__ = ["ModelChoice", "Turn", "TurnRequest"]

log = logging.getLogger(__name__)

FLUSH_S = 0.5
# A stopped turn waits this long for its last write, and this long altogether.
STOP_WRITE_S = 0.1
STOP_S = 0.15

Sink = Callable[[TurnEvent], None]


class Turn:
    """One question until its stored answer. `finished` holds the final answer, whatever its status."""

    def __init__(
        self, services: TurnServices, request: TurnRequest, sink: Sink, *, conversation_id: str, is_new: bool,
        main_thread: Optional[MainThread], on_end: Callable[[], None],
    ) -> None:
        self.turn_id = new_id()
        self.conversation_id = conversation_id
        self.finished: Future[Message] = Future()
        self.error: Optional[NukeAIError] = None
        self._services = services
        self._request = request
        self._sink = sink
        self._is_new = is_new
        self._main_thread = main_thread
        self._on_end = on_end
        self._question_id = new_id()
        answer_id = request.continue_of or new_id()
        self._answer = GrowingAnswer(Message(answer_id, conversation_id, None, "assistant", "", "streaming"))
        self._journal = Journal(services.store, services.known)
        self._stop_lock = threading.Lock()
        self._stop_status: Optional[Status] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._task: Optional[asyncio.Task[None]] = None
        self._place: Optional[Place] = None
        self._is_stoppable = False
        self._has_ended = False
        self._is_trouble_told = False
        self._is_sink_blamed = False
        self._flush_timer: Optional[asyncio.TimerHandle] = None
        self._stop_timer: Optional[asyncio.TimerHandle] = None
        self._approvals: Dict[str, asyncio.Future[Approval]] = {}
        self._rounds = 0

    # ------------------------------------------------------------ any thread

    def stop(self, status: Status = "stopped") -> None:
        """Ends the turn soon, wherever it is; `status` is what the answer is kept as."""
        with self._stop_lock:
            self._stop_status = self._stop_status or status
            loop = self._loop
        if loop is None or self._has_ended:
            return
        try:
            loop.call_soon_threadsafe(self._stop_now)
        except RuntimeError:  # the loop has ended, and every turn with it
            pass

    def approve(self, call_id: str, approval: Approval) -> None:
        """Passes a human's answer on to the call that waits for it."""
        if self._loop is not None and not self._has_ended:
            self._loop.call_soon_threadsafe(self._approve_now, call_id, approval)

    def snapshot(self) -> Message:
        """The answer as it stands."""
        return self.finished.result() if self.finished.done() else self._answer.message()

    def abandon(self) -> None:
        """Ends a turn whose task is gone, if it has not ended: the loop was shut down under it."""
        if not self._has_ended:
            status = self._stop_status or "interrupted"
            message = self._answer.message(status)
            if self._place is not None:
                self._journal.leave(message)
            self._end(status, message)

    # ------------------------------------------------------------ the path

    async def run(self) -> None:
        """The whole turn. Raises nothing but CancelledError, and that only when the loop is shutting down."""
        with self._stop_lock:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._stop_status is not None:
            self._stop_now()
        slot = False
        slots = self._services.slots[self._request.kind]
        try:
            await self._open()
            if self._stop_status is None:
                self._is_stoppable = True
                slot = await slots.take(lambda: self._tell(WaitChanged(self.turn_id, "queued")))
                await self._converse()
        except asyncio.CancelledError:
            is_ours = self._stop_status is not None
            self._stop_status = self._stop_status or "interrupted"
            await self._close(None)
            if not is_ours:
                raise
        except NukeAIError as error:
            await self._close(error)
        except Exception as exc:
            log.exception("a turn failed: this is a bug")
            await self._close(bug(exc))
        else:
            await self._close(None)
        finally:
            if slot:
                slots.give_back()

    async def _open(self) -> None:
        settings = self._services.settings()
        place = await find_place(
            self._journal, settings, self._request, conversation_id=self.conversation_id, is_new=self._is_new,
            question_id=self._question_id, answer_id=self._answer.id,
        )
        self._place = place
        self._answer = GrowingAnswer(place.answer, JoinedText(place.answer.text) if place.answer.text else None)
        self._tell(TurnStarted(self.turn_id, self.conversation_id, place.question, place.answer))
        self._tell_trouble()

    async def _converse(self) -> None:
        place = self._place
        assert place is not None
        if place.choice is None:
            assert place.refusal is not None
            raise place.refusal
        choice, path = place.choice, place.path
        if self._request.continue_of is not None:
            path = (*path, Message(new_id(), self.conversation_id, place.answer.id, "user", CONTINUE))
        asking = Asking(
            self.turn_id, self._services, self._request, place, tell=self._tell, on_growth=self._grown,
            is_stopped=lambda: self._stop_status is not None,
        )
        while True:
            choice = await asking.ask(self._answer, choice, path, may_stand_in=not self._rounds)
            more = await self._run_tools()
            if not more:
                break
            path = (*path, *more)
        spent = self._services.providers.gate.soft_warning()
        if spent:
            self._warn(f"budget:{spent}", spent)
        said = self._answer.text or self._answer.thinking or self._answer.tool_calls
        if not said and self._answer.finish != "content_filter":
            self._tell(WarningRaised(self.turn_id, "empty_answer", tr(EMPTY_ANSWER)))

    # ------------------------------------------------------------ tools

    async def _run_tools(self) -> Tuple[Message, ...]:
        """The messages that the next request adds; empty when this answer is the last."""
        answer, services = self._answer, self._services
        if answer.finish != "tool_calls" or not answer.tool_calls:
            return ()
        if not len(services.toolbox):
            self._warn("tool_calls_unanswered", unanswered_calls_text(answer.tool_calls))
            return ()
        if self._rounds >= services.settings().max_tool_rounds:
            self._warn("tool_rounds", tool_rounds_text(self._rounds))
            return ()
        self._rounds += 1
        self._tell_rest()
        asked = answer.message("complete")
        self._cancel_flush()
        await self._journal.finish(asked)
        added = [asked]
        for call in asked.tool_calls:
            result = await run_call(
                call, services.toolbox, policy=services.policy, ask=self._ask, main_thread=self._main_thread
            )
            message = Message(
                new_id(), self.conversation_id, added[-1].id, "tool", result.text,
                "failed" if result.is_error else "complete", tool_call_id=call.id, created_at=asked.created_at,
            )
            await self._journal.add(message)
            added.append(message)
            self._tell(ToolFinished(self.turn_id, call, result.text, result.is_error))
        seed = Message(
            new_id(), self.conversation_id, added[-1].id, "assistant", "", "streaming", created_at=asked.created_at,
            provider=asked.provider, model=asked.model,
        )
        await self._journal.add(seed)
        self._answer = GrowingAnswer(seed)
        self._tell(RoundStarted(self.turn_id, seed))
        self._tell_trouble()
        return tuple(added)

    async def _ask(self, tool: Tool, call: ToolCall) -> Approval:
        arguments = call.arguments or {}
        summary = tool.summary(**arguments) if tool.summary is not None else tool.name
        answered: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        self._approvals[call.id] = answered
        try:
            self._tell(ApprovalAsked(self.turn_id, call.id, summary, call.raw_arguments or str(dict(arguments))))
            return await answered
        finally:
            del self._approvals[call.id]

    def _approve_now(self, call_id: str, approval: Approval) -> None:
        answered = self._approvals.get(call_id)
        if answered is not None and not answered.done():
            answered.set_result(approval)

    # ------------------------------------------------------------ the end

    async def _close(self, error: Optional[NukeAIError]) -> None:
        """Stores the final state and ends the turn; a stop that comes meanwhile still wins."""
        self._cancel_flush()
        self._tell_rest()
        self.error = error if self._stop_status is None else None
        status: Status = self._stop_status or ("complete" if error is None else "failed")
        message = self._final(status)
        if self._place is not None:
            try:
                await self._journal.finish(message, **({"patience_s": STOP_WRITE_S} if self._stop_status else {}))
            except asyncio.CancelledError:
                status = self._stop_status = self._stop_status or "interrupted"
                self.error = None
                message = self._final(status)
                self._journal.leave(message)
        self._tell_trouble()
        self._end(status, message)

    def _final(self, status: Status) -> Message:
        message = self._answer.message(status)
        if self.error is None:
            return message
        info = self.error.info()
        info = replace(info, provider=info.provider or message.provider, model=info.model or message.model)
        return replace(message, error=info)

    def _end(self, status: Status, message: Message) -> None:
        if self._has_ended:
            return
        if self._stop_timer is not None:
            self._stop_timer.cancel()
        self._on_end()
        if status == "complete":
            self._tell(AnswerStored(self.turn_id, message))
        elif status == "failed":
            assert message.error is not None
            self._tell(TurnFailed(self.turn_id, message, message.error))
        else:
            self._tell(TurnStopped(self.turn_id, message))
        self._has_ended = True
        self.finished.set_result(message)

    def _stop_now(self) -> None:
        if self._has_ended or self._stop_timer is not None:
            return
        assert self._loop is not None and self._task is not None
        self._stop_timer = self._loop.call_later(STOP_S, self._end_by_force)
        if self._is_stoppable:
            self._task.cancel()

    def _end_by_force(self) -> None:
        """Something in the turn does not let itself be stopped in time: the turn ends, and that goes on alone."""
        status = self._stop_status or "stopped"
        message = self._answer.message(status)
        if self._place is not None:
            self._journal.leave(message)
        self._end(status, message)

    # ------------------------------------------------------------ telling

    def _tell(self, event: TurnEvent) -> None:
        if self._has_ended:
            return
        try:
            self._sink(event)
        except Exception:
            if not self._is_sink_blamed:
                self._is_sink_blamed = True
                log.exception("the receiver of a turn's events failed; it goes on getting them")

    def _tell_rest(self) -> None:
        """Tells what was held back: half a character, the start of a continuation."""
        text, thinking = self._answer.text.end(), self._answer.thinking.end()
        if text:
            self._tell(TextAdded(self.turn_id, text))
        if thinking:
            self._tell(ThinkingAdded(self.turn_id, thinking))

    def _warn(self, code: str, text: str) -> None:
        self._answer.warnings.append(code)
        self._tell(WarningRaised(self.turn_id, code.partition(":")[0], text))

    def _tell_trouble(self) -> None:
        if self._journal.trouble is not None and not self._is_trouble_told:
            self._is_trouble_told = True
            self._tell(StoreTroubled(self.turn_id, self._journal.trouble))

    def _grown(self) -> None:
        if self._flush_timer is None and self._loop is not None:
            self._flush_timer = self._loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        assert self._loop is not None
        self._flush_timer = None
        self._answer.text.compact()
        self._answer.thinking.compact()
        if not self._journal.flush(self._answer.message()):
            self._flush_timer = self._loop.call_later(FLUSH_S / 5, self._flush)
        self._tell_trouble()

    def _cancel_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None


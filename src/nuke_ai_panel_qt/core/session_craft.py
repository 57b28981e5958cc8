"""What the panels share about conversations besides their turns: presets, parameters, summaries on their way.

Main thread; held by the ChatSession.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Dict

from nuke_ai_panel.app import Parameters
from nuke_ai_panel.core.request import TurnRequest
from nuke_ai_panel.core.summary import Summary
from nuke_ai_panel.errors import BusyError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import tr

from .batch_board import BatchBoard
from .conversation_parameters import merged
from .prompt_shelf import PromptShelf

if TYPE_CHECKING:
    from .chat_session import ChatSession


class SessionCraft:
    """`systems` are the system prompts of conversations without a question, `parameters` what each asks of answers."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self.prompts = PromptShelf(session.app, session.bridge)
        self.batches = BatchBoard(session.bridge)
        self.systems: Dict[str, str] = {}
        self.parameters: Dict[str, Parameters] = {}
        self.summaries: Dict[str, Summary] = {}

    def prepared(self, request: TurnRequest, conversation_id: str) -> TurnRequest:
        """A request with what its conversation asks for. Raises BusyError while a summary of it is being written."""
        if conversation_id in self.summaries:
            raise _busy()
        request = replace(request, conversation_id=conversation_id)
        if request.system is None and conversation_id in self.systems:
            request = replace(request, system=self.systems[conversation_id])
        own = self.parameters.get(conversation_id)
        if own is not None:
            request = replace(request, parameters=merged(request.parameters, own))
        if request.choice is not None and request.parameters.reasoning_effort is None:
            effort = self._session.state.effort((request.choice.provider, request.choice.model)) or None
            request = replace(request, parameters=replace(request.parameters, reasoning_effort=effort))
        return request

    def started(self, conversation_id: str) -> None:
        """Its first question is on its way: the conversation remembers its system prompt itself from now on."""
        self.systems.pop(conversation_id, None)

    def summarise(self, summary: Summary, *, is_new: bool) -> Future[Json]:
        """Lets a summary be written; nothing is asked in its conversation meanwhile. Raises BusyError."""
        id = summary.conversation_id
        if id in self.summaries or self._session.run_in(id) is not None:
            raise _busy()
        self.summaries[id] = summary
        future: Future[Json] = (
            create_task(summary.into_new_conversation()) if is_new else create_task(summary.into_conversation())
        )
        self._session.bridge.when_done(future, lambda _: self._summarised(id))
        return future

    def _summarised(self, conversation_id: str) -> None:
        self.summaries.pop(conversation_id, None)
        self._session.refresh_conversations()


def _busy() -> BusyError:
    return BusyError(
        "the conversation is busy", user_text=tr("A summary or an answer is being written here."),
        next_step=tr("Wait for it, or cancel it."),
    )

"""A turn on its way, as far as the main thread has heard of it. Main thread; held by the ChatSession."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Tuple

from nuke_ai_panel.core.handle import TurnHandle
from nuke_ai_panel.events import (
    AnswerReset,
    ApprovalAsked,
    ContextTrimmed,
    StandInAsked,
    TextAdded,
    ThinkingAdded,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnStarted,
    WaitChanged,
    WarningRaised,
)
from nuke_ai_panel.messages import Message
from nuke_ai_panel.words import tr

# What a server that ends in the middle of an answer leaves.
_CUT_KINDS = frozenset({"network", "truncated"})


def was_cut(event: TurnFailed) -> bool:
    """Whether the answer broke off under way: then what is queued behind it goes on, and waits for the server."""
    return event.error.kind in _CUT_KINDS and bool(event.answer.text or event.answer.reasoning)


@dataclass
class Run:
    """A turn on its way, as far as the main thread has heard. `answer` grows; `wait` is the last reason to wait."""

    handle: TurnHandle
    conversation_id: str
    question: Optional[Message] = None
    answer: Optional[Message] = None
    text: List[str] = field(default_factory=list)
    thinking: List[str] = field(default_factory=list)
    notices: Tuple[str, ...] = ()
    stand_in: str = ""
    wait: Optional[WaitChanged] = None
    wait_since: float = field(default_factory=time.monotonic)
    thinking_since: Optional[float] = None
    thinking_s: Optional[float] = None
    carry: str = ""
    approvals: Dict[str, ApprovalAsked] = field(default_factory=dict)

    def message(self) -> Optional[Message]:
        """The answer with everything that was heard."""
        if self.answer is None:
            return None
        return replace(self.answer, text="".join(self.text), reasoning="".join(self.thinking))

    def hear(self, event: TurnEvent) -> None:
        """Takes in one event."""
        if isinstance(event, TextAdded):
            self.text.append(event.text)
            self.wait = None
            if self.thinking_since is not None and self.thinking_s is None:
                self.thinking_s = time.monotonic() - self.thinking_since
        elif isinstance(event, ThinkingAdded):
            self.thinking.append(event.text)
            self.wait = None
            self.thinking_since = self.thinking_since or time.monotonic()
        elif isinstance(event, TurnStarted):
            self.question, self.answer = event.question, event.answer
            self.text, self.thinking = [event.answer.text], [event.answer.reasoning]
        elif isinstance(event, ApprovalAsked):
            self.approvals[event.call_id] = event
        elif isinstance(event, ToolFinished):
            self.approvals.pop(event.call.id, None)
        elif isinstance(event, AnswerReset):
            self.text, self.thinking, self.thinking_s, self.thinking_since = [], [], None, None
        elif isinstance(event, WaitChanged):
            if self.wait is None or self.wait.phase != event.phase or self.wait.attempt != event.attempt:
                self.wait_since = time.monotonic()
            self.wait = event
        elif isinstance(event, StandInAsked):
            if self.answer is not None:
                self.answer = replace(self.answer, provider=event.answer.provider, model=event.answer.model)
            self.notices = tuple(one for one in self.notices if one != self.stand_in)
            self.stand_in = event.text
            if event.text:
                self.notices += (event.text,)
        elif isinstance(event, WarningRaised):
            self.notices += (event.text,)
        elif isinstance(event, ContextTrimmed):
            some = event.dropped_messages
            self.notices += (
                tr("{count} older message did not fit the model's window and was not sent.",
                   "{count} older messages did not fit the model's window and were not sent.", count=some),
            )

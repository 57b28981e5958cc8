"""What a provider says to a turn (`StreamEvent`) and what a turn says to its front end (`TurnEvent`).

A provider's stream is any number of `StreamEvent`s and then exactly one `Finish`, or an exception of ours. A turn
ends with exactly one of `AnswerStored`, `TurnFailed`, `TurnStopped`. Events are values; nothing here has behaviour.
Stream events are NamedTuples, not dataclasses: one is built for every token, and they cost a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple, Union

from .messages import ErrorInfo, FinishReason, Json, Message, ToolCall, Usage

# ---------------------------------------------------------------- provider → turn


class StreamStarted(NamedTuple):
    """The response's identity, as soon as it is known; comes again only when a later chunk says more."""

    response_id: Optional[str] = None
    model: Optional[str] = None
    upstream: Optional[str] = None
    request_id: Optional[str] = None


class TextDelta(NamedTuple):
    """Visible text; never empty."""

    text: str


class ThinkingDelta(NamedTuple):
    """Reasoning text; never empty."""

    text: str


class ThinkingOpaque(NamedTuple):
    """A reasoning item to be stored in order and replayed verbatim to the same provider."""

    payload: Json


class UsageReport(NamedTuple):
    """Counters; the last non-None value of each field wins."""

    usage: Usage


class Keepalive(NamedTuple):
    """The transport lives (an SSE comment or ping). Counted; never ends the wait for the first content."""

    source: str


class Progress(NamedTuple):
    """The server works before it answers: `phase` is loading, prompt or pulling; done/total in tokens or bytes.

    `is_told` off: that is only what its silence is taken for, and nothing was heard from it yet.
    """

    phase: str
    done: Optional[int] = None
    total: Optional[int] = None
    detail: str = ""
    is_told: bool = True


class StreamWarning(NamedTuple):
    """Something tolerated that a TD may want to know; `code` is one of protocols' warning names."""

    code: str


class Quota(NamedTuple):
    """So much of `limit` is left; after `reset_s` all of it is there again, None when nobody says."""

    limit: float
    remaining: float
    reset_s: Optional[float] = None


class Allowance(NamedTuple):
    """What the service allows after this request, as the head of its answer says."""

    requests: Optional[Quota] = None
    tokens: Optional[Quota] = None


class Restarted(NamedTuple):
    """The upstream began again: everything since StreamStarted is void."""


class Finish(NamedTuple):
    """The one successful end of a stream."""

    reason: FinishReason
    raw_reason: Optional[str] = None


StreamEvent = Union[
    StreamStarted, TextDelta, ThinkingDelta, ThinkingOpaque, ToolCall, UsageReport, Keepalive, Progress,
    StreamWarning, Allowance, Restarted, Finish,
]

# ---------------------------------------------------------------- turn → front end


@dataclass(frozen=True)
class TurnStarted:
    """The question is stored (or could not be: see StoreTroubled); the empty answer has an id from here on."""

    turn_id: str
    conversation_id: str
    question: Message
    answer: Message


@dataclass(frozen=True)
class ContextTrimmed:
    """Older messages were left out of the request so that it fits the model's window (tokens, estimated)."""

    turn_id: str
    dropped_messages: int
    kept_messages: int
    window_tokens: int


@dataclass(frozen=True)
class WaitChanged:
    """Why nothing is visible yet: queued, connecting, loading, prompt, waiting, retrying (with its delay and reason).

    Unreachable is waiting for a server that is not there: `detail` is its title, `error` what is wrong with it,
    `retry_in_s` the time until it is looked for again, `attempt` how often that was in vain.
    Queued is waiting for another request's end, or, with `retry_in_s`, until a server's pause is over.
    """

    turn_id: str
    phase: str
    detail: str = ""
    done: Optional[int] = None
    total: Optional[int] = None
    retry_in_s: Optional[float] = None
    attempt: int = 0
    error: Optional[ErrorInfo] = None


@dataclass(frozen=True)
class TextAdded:
    """Text was appended to the running answer."""

    turn_id: str
    text: str


@dataclass(frozen=True)
class ThinkingAdded:
    """Reasoning was appended to the running answer."""

    turn_id: str
    text: str


@dataclass(frozen=True)
class AnswerReset:
    """The upstream restarted: the running answer's text and reasoning are empty again."""

    turn_id: str


@dataclass(frozen=True)
class WarningRaised:
    """Something the artist should see beside the answer; `text` is one plain sentence."""

    turn_id: str
    code: str
    text: str


@dataclass(frozen=True)
class StandInAsked:
    """Another model is asked because the chosen one is not available: `answer` names it, `text` says why."""

    turn_id: str
    answer: Message
    text: str


@dataclass(frozen=True)
class ApprovalAsked:
    """A tool waits for a human's click."""

    turn_id: str
    call_id: str
    summary: str
    preview: str


@dataclass(frozen=True)
class ToolFinished:
    """A tool call has its result, which the model reads next."""

    turn_id: str
    call: ToolCall
    result: str
    is_error: bool


@dataclass(frozen=True)
class RoundStarted:
    """The model reads the tools' results: `answer` is the next, empty message, and text from here on belongs to it."""

    turn_id: str
    answer: Message


@dataclass(frozen=True)
class StoreTroubled:
    """History could not be written; the chat goes on in memory."""

    turn_id: str
    error: ErrorInfo


@dataclass(frozen=True)
class AnswerStored:
    """Terminal: the answer is complete."""

    turn_id: str
    answer: Message


@dataclass(frozen=True)
class TurnFailed:
    """Terminal: the turn ended in an error; `answer` keeps what was said before it."""

    turn_id: str
    answer: Message
    error: ErrorInfo


@dataclass(frozen=True)
class TurnStopped:
    """Terminal: a human stopped it; `answer` keeps what was said."""

    turn_id: str
    answer: Message


TurnEvent = Union[
    TurnStarted, ContextTrimmed, WaitChanged, TextAdded, ThinkingAdded, AnswerReset, WarningRaised, StandInAsked,
    ApprovalAsked, ToolFinished, RoundStarted, StoreTroubled, AnswerStored, TurnFailed, TurnStopped,
]
TERMINAL_EVENTS: Tuple[type, ...] = (AnswerStored, TurnFailed, TurnStopped)

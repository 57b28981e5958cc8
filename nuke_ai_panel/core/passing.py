"""One answer on its way through the gate: the request made fit to leave, the events made fit to read. Loop thread.

What costs something is done once a request: the hot loop of the stream looks at an event's class and nothing else,
unless words were hidden, and then only pieces that could hold a placeholder cost more than a glance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import AsyncGenerator, AsyncIterator, List, Optional

from ..errors import NukeAIError
from ..events import Finish, Restarted, StreamEvent, TextDelta, ThinkingDelta, UsageReport
from ..messages import ToolCall, Usage
from ..providers.base import ChatRequest, ModelInfo, Provider
from ..providers.gate import begin_errand
from ..providers.threads import in_daemon_thread
from ..settings import ProviderSettings
from ..settings.policy_rules import Subject, trust_of
from .answer_errand import AnswerErrand
from .redaction import Redaction, Restorer
from .studio_gate import StudioGate

# Only asked about: a place for providers that do not say where they send what they are given.
_UNNAMED = "https://an.unnamed.place"
# Longer prompts, and prompts for more words, are searched off the loop.
_LONG = 20_000
_MANY = 200


class Passing:
    """Begins with `events`, ends with `end`; `note` takes the last facts of the stream."""

    def __init__(self, gate: StudioGate, errand: AnswerErrand, request: ChatRequest, redaction: Redaction) -> None:
        self._gate = gate
        self._errand = errand
        self._request = request
        self._redaction = redaction
        self._usage: Optional[Usage] = None
        self._is_finished = False

    def events(self, provider: Provider) -> AsyncIterator[StreamEvent]:
        """The provider's events; everything that it sends from here on belongs to this errand."""
        begin_errand(self._errand)
        events = provider.stream(self._request)
        if not self._redaction.hidden:
            return events
        return restored(events, self._redaction, is_json=self._request.schema is not None)

    def note(self, event: StreamEvent) -> None:
        """Takes a report of what was used, or the end."""
        if isinstance(event, UsageReport):
            known, new = self._usage, event.usage
            given = {name: value for name, value in vars(new).items() if value is not None}
            self._usage = new if known is None else replace(known, **given)
        elif isinstance(event, Finish):
            self._is_finished = True

    def end(self, error_kind: str) -> None:
        """The stream is closed; `error_kind` is empty when nothing failed."""
        begin_errand(None)
        self._gate.settle(self._errand, self._usage, error_kind or ("answered" if self._is_finished else "stopped"))


async def pass_gate(
    gate: StudioGate, row: ProviderSettings, provider: Provider, request: ChatRequest, info: Optional[ModelInfo]
) -> Passing:
    """The way of one request; the policy was asked about the provider just before. Raises PolicyError."""
    url = address_of(row, provider)
    level = trust_of(url) if url else "machine"
    subject = Subject(row.name, row.kind, row.label, url, models=(request.model,))
    errand, request = gate.answer_errand(row.name, request, subject, info, is_inside=level != "cloud")
    question = request.messages[-1] if request.messages else None
    redaction = gate.redaction(level, question.conversation_id if question is not None else "")
    if redaction.wanted is not None:
        whole = request
        is_long = len(redaction.wanted.words) > _MANY or sum(len(one.text) for one in whole.messages) > _LONG
        request = await in_daemon_thread(lambda: redaction.request(whole)) if is_long else redaction.request(whole)
    return Passing(gate, replace(errand, hidden=redaction.hidden), request, redaction)


def subject_of_row(row: ProviderSettings, *models: str) -> Subject:
    """The provider as the policy is asked about it, as far as its settings tell."""
    return Subject(row.name, row.kind, row.label, row.base_url or "", models=models)


def address_of(row: ProviderSettings, provider: Provider) -> str:
    """Where the provider sends to; empty for one that sends nothing."""
    default = getattr(provider, "default_base_url", "")
    found = row.base_url or (default if isinstance(default, str) else "")
    return found or ("" if provider.is_local else _UNNAMED)


async def restored(
    events: AsyncIterator[StreamEvent], redaction: Redaction, *, is_json: bool = False
) -> AsyncGenerator[StreamEvent, None]:
    """The events with the real words back in place of placeholders; `is_json` says that the text is JSON."""
    text, thinking = Restorer(redaction, is_json=is_json), Restorer(redaction)
    try:
        async for event in events:
            kind = type(event)
            if kind is TextDelta or kind is ThinkingDelta:
                restorer = text if kind is TextDelta else thinking
                piece = restorer.feed(event.text)  # type: ignore[union-attr]  # narrowed by its exact type
                if piece:
                    yield kind(piece)
                continue
            if kind is Restarted:
                text.clear()
                thinking.clear()
            elif kind is Finish or kind is ToolCall:
                for rest in _rests(text, thinking):
                    yield rest
            yield redaction.restored_call(event) if isinstance(event, ToolCall) else event
    except NukeAIError:
        for rest in _rests(text, thinking):  # what was said before the failure is kept, to its last letter
            yield rest
        raise
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _rests(text: Restorer, thinking: Restorer) -> List[StreamEvent]:
    held: List[StreamEvent] = []
    for restorer, make in ((thinking, ThinkingDelta), (text, TextDelta)):
        rest = restorer.end()
        if rest:
            held.append(make(rest))
    return held

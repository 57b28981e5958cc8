"""What the decoders of all dialects share: text gathered, warnings said once, one end. Pure, on the loop thread."""

from __future__ import annotations

from typing import List, Literal, Optional, Sequence, Set

from ..errors import ProviderError, provider_error
from ..events import Finish, StreamEvent, StreamWarning, TextDelta, ThinkingDelta, UsageReport
from ..messages import FinishReason, Json, ToolCall, Usage
from .classify import classify_error
from .think_tags import ThinkTagSplitter

MAX_BAD_EVENTS = 10


class AnswerDecoder:
    """Gathers what one answer says. `done` is true after its end; then `error` says whether it failed."""

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        self.done = False
        self.error: Optional[ProviderError] = None
        self._provider, self._asked_model, self._request_id = provider, model, request_id
        self._out: List[StreamEvent] = []
        # Text that is not yet an event: thoughts, then words. Neighbours within one chunk become one event.
        self._thoughts: List[str] = []
        self._texts: List[str] = []
        self._warned: Set[str] = set()
        self._bad_events = 0
        self._splitter = ThinkTagSplitter() if think_tags else None

    def _say(self, text: str) -> None:
        """Takes text of the answer, which may still hold thinking between tags."""
        if self._splitter is None:
            self._texts.append(text)
            return
        for kind, piece in self._splitter.feed(text):
            self._add(kind, piece)

    def _add(self, kind: Literal["text", "thinking"], text: str) -> None:
        if kind == "text":
            self._texts.append(text)
            return
        if self._texts:
            self._flush()
        self._thoughts.append(text)

    def _flush(self) -> None:
        if self._thoughts:
            text = "".join(self._thoughts)
            self._thoughts.clear()
            if text:
                self._out.append(ThinkingDelta(text))
        if self._texts:
            text = "".join(self._texts)
            self._texts.clear()
            if text:
                self._out.append(TextDelta(text))

    def _warn(self, code: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            self._flush()
            self._out.append(StreamWarning(code))

    def _bad_event(self) -> None:
        self._bad_events += 1
        self._warn("bad_json_event")
        if self._bad_events >= MAX_BAD_EVENTS:
            self._protocol(f"{self._bad_events} events could not be read")

    def _settle(self) -> None:
        """Lets go of what is held back until the end, whatever the end is."""
        if self._splitter is not None:
            for kind, piece in self._splitter.finish():
                self._add(kind, piece)
        self._flush()

    def _used(self) -> Optional[Usage]:
        """The counters so far."""
        return None

    def _report_usage(self) -> None:
        usage = self._used()
        if usage is not None:
            self._out.append(UsageReport(usage))

    def _end(self, reason: FinishReason, word: Optional[str], calls: Sequence[ToolCall]) -> None:
        """Ends well; an answer that stopped to call tools stopped for them, whatever the vendor's word."""
        self._out += calls
        self._report_usage()
        self._out.append(Finish("tool_calls" if calls and reason == "stop" else reason, word))
        self.done = True

    def _report(self, body: Json, raw_finish: Optional[str]) -> None:
        """Ends with the error that the server reported inside the stream."""
        self._fail(classify_error(
            None, body, {}, provider=self._provider, model=self._asked_model, raw_finish=raw_finish
        ))

    def _truncated(self, message: str) -> None:
        self._fail(provider_error("truncated", message, provider=self._provider, model=self._asked_model))

    def _protocol(self, message: str) -> None:
        self._fail(provider_error("protocol", message, provider=self._provider, model=self._asked_model))

    def _fail(self, error: ProviderError) -> None:
        self._settle()
        self._report_usage()
        error.request_id = error.request_id or self._request_id
        self.error = error
        self.done = True

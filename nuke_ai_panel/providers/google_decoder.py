"""Turns the chunks of a Gemini answer into stream events. Pure; one decoder an answer, on the loop thread.

The stream has no last event: the end of the body is the end, and it is a success only after a finish reason. A finish
reason is not the end: some proxies send an empty one first.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from ..errors import provider_error
from ..events import Finish, StreamEvent, StreamStarted, ThinkingOpaque
from ..messages import Json, Usage
from ..words import tr
from .finish_reasons import failed_finish, finish_reason
from .google_calls import GoogleCalls
from .google_parts import Signature
from .sse_decoder import SseDecoder
from .usage_counts import count
from .wire import parse_json

_COUNTERS = (
    "promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
    "cachedContentTokenCount", "totalTokenCount",
)


class GoogleDecoder(SseDecoder):
    """Feed it frames until `done`; then `error` says whether the answer failed."""

    whole_field = "candidates"

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        super().__init__(provider, model=model, think_tags=think_tags, request_id=request_id)
        self._id: Optional[str] = None
        self._model: Optional[str] = None
        self._finish: Optional[str] = None
        self._counters: Dict[str, int] = {}
        self._calls = GoogleCalls(self._warn)
        self._text_length = self._thought_length = 0

    def finish(self) -> List[StreamEvent]:
        """The events of a clean end, which is the end that this protocol has."""
        self._out = []
        if self.done:
            return self._out
        if self._finish is None:
            self._truncated("stream ended before finishReason")
        else:
            self._complete(self._finish)
        return self._out

    # ------------------------------------------------------------ frames

    def _payload(self, data: bytes) -> None:
        try:
            chunk = parse_json(data)
        except ValueError:
            if data.strip() != b"[DONE]":  # some proxies end so; the end of the body is what counts
                self._bad_event()
            return
        self._value(chunk)

    def _value(self, chunk: Json) -> None:
        """A chunk, or an error with a list around it."""
        if isinstance(chunk, list) and chunk and isinstance(chunk[0], dict) and chunk[0].get("error"):
            self._report(chunk, "error")
        elif type(chunk) is dict:
            self._chunk(chunk)
        else:
            self._bad_event()

    def _body(self, data: bytes) -> None:
        """A whole answer, or the list of all chunks that comes where nobody asked for events."""
        try:
            value = parse_json(data)
        except ValueError:
            value = None
        first = value[0] if isinstance(value, list) and value else value
        if not isinstance(first, dict) or not ("candidates" in first or "promptFeedback" in first):
            super()._body(data)
            return
        self._warn("not_streamed")
        for chunk in value if isinstance(value, list) else [value]:
            if not self.done:
                self._value(chunk)

    # ------------------------------------------------------------ chunks

    def _chunk(self, chunk: Dict[str, Json]) -> None:
        self._has_payload = True
        self._identify(chunk)
        usage = chunk.get("usageMetadata")
        if isinstance(usage, dict):
            counted = {name: count(usage.get(name)) for name in _COUNTERS}
            self._counters.update({name: value for name, value in counted.items() if value is not None})
        candidates = chunk.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict):
                self._candidate(candidate)
            if self.done:
                return
        feedback = chunk.get("promptFeedback")
        blocked = _word(feedback.get("blockReason")) if isinstance(feedback, dict) else None
        if chunk.get("error"):
            self._report(chunk, "error")
        elif blocked is not None:
            self._fail(provider_error(
                "content_filter", f"prompt blocked: {blocked}", provider=self._provider, model=self._asked_model,
                code=blocked, raw_finish=blocked,
            ))

    def _identify(self, chunk: Dict[str, Json]) -> None:
        """The first id stays, the last model counts."""
        known = (self._id, self._model)
        self._id = self._id or _word(chunk.get("responseId"))
        self._model = _word(chunk.get("modelVersion")) or self._model
        if known != (self._id, self._model):
            self._flush()
            self._out.append(StreamStarted(self._id, self._model, None, self._request_id))

    def _candidate(self, candidate: Dict[str, Json]) -> None:
        if candidate.get("index"):
            self._warn("extra_choice_ignored")
            return
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                self._part(part)
        word = _word(candidate.get("finishReason"))
        if word is None:
            return
        kind = failed_finish(word)
        if kind is None:
            self._finish = word
            return
        self._fail(provider_error(
            kind, f"model output rejected: {word}", provider=self._provider, model=self._asked_model, code=word,
            raw_finish=word, user_text=tr("{asked_model} wrote something that {provider} could not use and threw away.",
            asked_model=self._asked_model or tr('The model'), provider=self._provider),
            next_step=tr("Try again; if it stays, choose another model."),
        ))

    def _part(self, part: Dict[str, Json]) -> None:
        text, call = part.get("text"), part.get("functionCall")
        text = text if isinstance(text, str) else ""
        is_thought = part.get("thought") is True
        if self._finish is not None and (text or call):
            self._warn("content_after_finish")
        number: Optional[int] = None
        if isinstance(call, dict):
            number = self._calls.add(call)
        elif is_thought:
            self._thought_length += len(text)
            self._add("thinking", text)
        elif text:
            self._text_length += len(text)
            self._say(text)
        elif "text" not in part and not part.get("thoughtSignature"):
            self._warn("part_ignored")  # pictures and code that the server ran
        self._sign(part, len(text), number, is_thought=is_thought)

    def _sign(self, part: Dict[str, Json], length: int, number: Optional[int], *, is_thought: bool) -> None:
        value = _word(part.get("thoughtSignature"))
        if value is None:
            return
        if "functionCall" in part:
            call = len(self._calls) - 1 if number is None else number
            signature = Signature("call", value, self._text_length, self._text_length, max(call, 0))
        elif is_thought:
            end = self._thought_length
            signature = Signature("thought", value, end - length, end, len(self._calls))
        else:
            end = self._text_length
            signature = Signature("text", value, end - length, end, len(self._calls))
        self._flush()
        self._out.append(ThinkingOpaque(signature.payload()))

    # ------------------------------------------------------------ the end

    def _used(self) -> Optional[Usage]:
        """Cumulative counters. Output includes the thoughts, input what server tools were asked with."""
        counters = self._counters
        if not counters:
            return None
        thoughts = counters.get("thoughtsTokenCount")
        asked = counters.get("promptTokenCount")
        tools = counters.get("toolUsePromptTokenCount")
        return Usage(
            input=asked if tools is None else (asked or 0) + tools,
            output=counters.get("candidatesTokenCount", 0) + (thoughts or 0),
            total=counters.get("totalTokenCount"),
            reasoning=thoughts,
            cache_read=counters.get("cachedContentTokenCount"),
        )

    def _complete(self, word: str) -> None:
        self._settle()
        reason = finish_reason(word)
        calls = self._calls.finish()
        if calls and reason == "stop":
            reason = "tool_calls"
        self._out += calls
        self._report_usage()
        self._out.append(Finish(reason, word))
        self.done = True


def _word(value: Json) -> Optional[str]:
    return value if isinstance(value, str) and value else None

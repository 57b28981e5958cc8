"""Turns the frames of an OpenAI-style answer into stream events. Pure; one decoder an answer, on the loop thread.

Every quirk of every server that speaks this dialect is handled here, so that a turn sees one language. Nearly all
frames differ from the one before in nothing but their text, so the bytes around the text of the last plain frame are
remembered (`frame_template.py`): a frame with the same start and end is decoded without parsing its JSON again.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from ..errors import provider_error
from ..events import Finish, Progress, StreamEvent, StreamStarted, ThinkingOpaque
from ..messages import Json, Usage
from .content_parts import split_parts
from .finish_reasons import failed_finish, finish_reason
from .frame_template import FrameTemplate, template_of
from .reasoning_details import ReasoningDetails
from .sse_decoder import SseDecoder
from .tool_slots import ToolSlots
from .usage_counts import count, read_usage
from .wire import Frame, NamedFrame, parse_json

_MAX_VAIN_TEMPLATES = 6


class OpenAIDecoder(SseDecoder):
    """Feed it frames until `done`; then `error` says whether the answer failed."""

    whole_field = "choices"

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        super().__init__(provider, model=model, think_tags=think_tags, request_id=request_id)
        self._id: Optional[str] = None
        self._model: Optional[str] = None
        self._upstream: Optional[str] = None
        self._finish: Optional[str] = None
        self._usage: Json = None
        self._is_refused = self._is_whole = False
        self._tools = ToolSlots(self._warn)
        self._details = ReasoningDetails()
        self._template: Optional[FrameTemplate] = None
        self._vain_templates = 0

    def feed(self, frames: Sequence[Frame]) -> List[StreamEvent]:
        """The events in `frames`; neighbouring text is one event."""
        self._out = []
        texts, template = self._texts, self._template
        for frame in frames:
            if template is not None and type(frame) is bytes:
                before, after = template
                end = len(frame) - len(after)
                if end >= len(before) and frame.startswith(before) and frame.endswith(after):
                    text = frame[len(before):end].decode("utf-8", "replace")
                    # Printable without quote and backslash: between these bytes it is a JSON string as it stands.
                    if text.isprintable() and '"' not in text and "\\" not in text:
                        texts.append(text)
                        self._vain_templates = 0
                        continue
            if isinstance(frame, NamedFrame):
                self._named(frame)
            else:
                self._payload(frame)
            if self.done:
                break
            template = self._template
        self._flush()
        return self._out

    def finish(self) -> List[StreamEvent]:
        """The events of a clean end that came without the protocol's terminator."""
        self._out = []
        if self.done:
            return self._out
        if self._finish is not None:
            self._warn("no_done_sentinel")
            self._complete(self._finish)
        else:
            self._truncated("stream ended before a finish reason")
        return self._out

    # ------------------------------------------------------------ frames

    def _payload(self, data: bytes) -> None:
        try:
            chunk = parse_json(data)
        except ValueError:
            if data.strip() == b"[DONE]":
                self._terminator()
            else:
                self._bad_event()
            return
        if type(chunk) is dict:
            self._chunk(chunk, data)
        elif isinstance(chunk, list) and chunk and isinstance(chunk[0], dict) and chunk[0].get("error"):
            self._report(chunk, "error")
        else:
            self._bad_event()

    def _whole(self, body: Dict[str, Json]) -> None:
        self._is_whole = True
        self._chunk(body, b"")
        if self.done:
            return
        if self._finish is None:
            self._warn("no_finish_reason")
        self._complete(self._finish)

    def _terminator(self) -> None:
        if not self._has_payload:
            self._protocol("empty stream: it ended before it said anything")
            return
        if self._finish is None:
            self._warn("no_finish_reason")
        self._complete(self._finish)

    # ------------------------------------------------------------ chunks

    def _chunk(self, chunk: Dict[str, Json], data: bytes) -> None:
        self._has_payload = True
        model = chunk.get("model")
        upstream = chunk.get("provider")
        if self._id is None or (model and model != self._model) or (upstream and upstream != self._upstream):
            self._identify(chunk)
        usage = chunk.get("usage")
        if usage:
            self._usage = usage
        choices = chunk.get("choices")
        content: Optional[str] = None
        error = chunk.get("error")
        if not isinstance(choices, list):
            choices = ()
        for choice in choices:
            content = self._choice(choice, is_error=bool(error))
            if self.done:
                return
        if error or chunk.get("object") == "error":
            self._report(chunk, "error")
            return
        progress, groq = chunk.get("prompt_progress"), chunk.get("x_groq")
        if progress or groq:
            self._extras(progress, groq)
        elif content and len(choices) == 1 and self._vain_templates < _MAX_VAIN_TEMPLATES:
            self._remember(data, content)

    def _identify(self, chunk: Dict[str, Json]) -> None:
        """The first id stays, the last model counts: it says what was really used."""
        known = (self._id, self._model, self._upstream)
        self._id = self._id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        self._upstream = _text(chunk.get("provider")) or self._upstream
        if known != (self._id, self._model, self._upstream):
            self._flush()
            self._out.append(StreamStarted(self._id, self._model, self._upstream, self._request_id))

    def _choice(self, choice: Json, *, is_error: bool) -> Optional[str]:
        """Takes one choice; returns its text if it held nothing else."""
        if type(choice) is not dict:
            return None
        if choice.get("index"):
            self._warn("extra_choice_ignored")
            return None
        delta = choice.get("delta") or choice.get("message")
        if type(delta) is not dict:
            delta = {"content": choice.get("text")}
        content = delta.get("content")
        is_plain = len(delta) == ("content" in delta) + ("role" in delta)
        if not is_plain:
            self._rare(delta)
        if type(content) is str:
            if content:
                self._say(content)
        elif isinstance(content, list):
            for kind, text in split_parts(content):
                (self._say if kind == "text" else self._think)(text)
        finish, native, error = choice.get("finish_reason"), choice.get("native_finish_reason"), choice.get("error")
        if not (finish or native or error):
            return content if is_plain and type(content) is str else None
        if not is_error:
            self._ends(_text(finish), _text(native), error)
        return None

    def _rare(self, delta: Dict[str, Json]) -> None:
        """Reasoning, refusals and tool calls."""
        readable = self._details.add(delta.get("reasoning_details"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")) or readable
        if thought:
            self._think(thought)
        refusal = _text(delta.get("refusal"))
        if refusal:
            self._is_refused = True
            self._warn("refusal_field")
            self._say(refusal)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for number, fragment in enumerate(calls):
                is_whole = self._is_whole and isinstance(fragment, dict)
                self._tools.add({**fragment, "index": number} if is_whole else fragment)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            self._tools.add({"index": 0, "function": legacy})
        if self._finish is not None and (calls or legacy):
            self._warn("content_after_finish")

    def _ends(self, finish: Optional[str], native: Optional[str], error: Json) -> None:
        if error:
            self._report({"error": error}, finish or "error")
        word = "error" if native and native.lower() == "error" else finish
        if error or word is None:
            return
        kind = failed_finish(word)
        if kind is not None:
            self._fail(provider_error(
                kind, f"upstream reported {word}", provider=self._provider, model=self._asked_model, code=word,
                raw_finish=finish or native,
            ))
            return
        self._finish = word
        self._template, self._vain_templates = None, _MAX_VAIN_TEMPLATES

    def _extras(self, progress: Json, groq: Json) -> None:
        if isinstance(progress, dict):
            self._flush()
            self._out.append(Progress("prompt", count(progress.get("processed")), count(progress.get("total"))))
        if isinstance(groq, dict):
            self._usage = groq.get("usage") or self._usage
            if groq.get("error"):
                self._report({"error": groq["error"]}, "error")

    def _remember(self, data: bytes, content: str) -> None:
        """Keeps the template of a plain frame, unless text still has to pass the splitter."""
        self._vain_templates += 1
        if self._splitter is None or self._splitter.is_through:
            self._template = template_of(data, content) or self._template

    # ------------------------------------------------------------ what goes out

    def _say(self, text: str) -> None:
        if self._finish is not None and text:
            self._warn("content_after_finish")
        super()._say(text)

    def _think(self, text: str) -> None:
        if self._finish is not None and text:
            self._warn("content_after_finish")
        self._add("thinking", text)

    def _used(self) -> Optional[Usage]:
        return read_usage(self._usage)

    def _complete(self, word: Optional[str]) -> None:
        self._settle()
        reason = finish_reason(word)
        calls = self._tools.finish()
        if calls and reason == "stop":
            reason = "tool_calls"
        if self._is_refused and reason == "stop":
            reason = "content_filter"
        self._out += calls
        if self._details:
            self._out.append(ThinkingOpaque(self._details.payload()))
        self._report_usage()
        self._out.append(Finish(reason, word))
        self.done = True


def _text(value: Json) -> Optional[str]:
    return value if isinstance(value, str) and value else None

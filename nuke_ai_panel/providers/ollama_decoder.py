"""Turns the lines of an Ollama answer into stream events. Pure; one decoder an answer, on the loop thread.

Reads `/api/chat`, `/api/generate` and `/api/pull` alike: a line says which it is by its fields. Tool calls arrive
whole and go out at the end, so that a cut answer never holds one.
"""

from __future__ import annotations

import json
from typing import Dict, List, Optional, Sequence

from ..events import Finish, Keepalive, Progress, StreamEvent, StreamStarted
from ..messages import Json, Usage
from .answer_decoder import AnswerDecoder
from .finish_reasons import failed_finish, finish_reason
from .tool_slots import ToolSlots
from .usage_counts import count
from .wire import Frame, NamedFrame, parse_json


class OllamaDecoder(AnswerDecoder):
    """Feed it lines until `done`; then `error` says whether the answer failed."""

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        super().__init__(provider, model=model, think_tags=think_tags, request_id=request_id)
        self._model: Optional[str] = None
        self._upstream: Optional[str] = None
        self._reason: Optional[str] = None
        self._counters: Dict[str, Json] = {}
        self._tools = ToolSlots(self._warn)
        self._tool_count = 0

    def feed(self, frames: Sequence[Frame]) -> List[StreamEvent]:
        """The events in `frames`; neighbouring text is one event."""
        self._out = []
        for frame in frames:
            if isinstance(frame, NamedFrame):
                self._out.append(Keepalive("comment"))
                continue
            try:
                line = parse_json(frame)
            except ValueError:
                self._bad_event()
            else:
                if type(line) is dict:
                    self._line(line)
                else:
                    self._bad_event()
            if self.done:
                break
        self._flush()
        return self._out

    def finish(self) -> List[StreamEvent]:
        """The events of a clean end that came without `done`."""
        self._out = []
        if self.done:
            return self._out
        if self._reason:
            self._warn("no_done_sentinel")
            self._complete()
        else:
            self._truncated("stream ended before done")
        return self._out

    def _line(self, line: Dict[str, Json]) -> None:
        model = line.get("model")
        if model != self._model and isinstance(model, str) and model:
            self._identify(model, line)
        message = line.get("message")
        if type(message) is dict:
            thought, text = message.get("thinking"), message.get("content")
            calls = message.get("tool_calls")
            if calls:
                self._take_calls(calls)
        else:
            thought, text = line.get("thinking"), line.get("response")
        if thought and isinstance(thought, str):
            self._add("thinking", thought)
        if text and isinstance(text, str):
            self._say(text)
        error = line.get("error")
        if error:
            self._report(line, None)
            return
        if line.get("status"):
            self._pulling(line)
        reason = line.get("done_reason")
        if isinstance(reason, str) and reason:
            self._reason = reason
        if line.get("done") is True or reason:
            self._counters = line
        if line.get("done") is True:
            self._complete()

    def _identify(self, model: str, line: Dict[str, Json]) -> None:
        """The last model counts; a cloud model names the host that really answered."""
        self._model = model
        host = line.get("remote_host")
        if isinstance(host, str) and host:
            self._upstream = host
        self._flush()
        self._out.append(StreamStarted(None, self._model, self._upstream, self._request_id))

    def _take_calls(self, calls: Json) -> None:
        """Each element is a whole call; its index means nothing, older servers send no id."""
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict):
                continue
            arguments = function.get("arguments")
            raw = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
            self._tools.add({
                "index": self._tool_count, "id": call.get("id"),
                "function": {"name": function.get("name"), "arguments": raw},
            })
            self._tool_count += 1

    def _pulling(self, line: Dict[str, Json]) -> None:
        status = str(line["status"])
        self._flush()
        self._out.append(Progress("pulling", count(line.get("completed")), count(line.get("total")), status))
        if status == "success":
            self._reason = "success"
            self._out.append(Finish("stop", status))
            self.done = True

    def _used(self) -> Optional[Usage]:
        given, made = count(self._counters.get("prompt_eval_count")), count(self._counters.get("eval_count"))
        if given is None and made is None:
            return None
        return Usage(input=given or 0, output=made or 0, total=(given or 0) + (made or 0))

    def _complete(self) -> None:
        self._settle()
        word = self._reason
        kind = failed_finish(word) if word else None
        if kind is not None:
            self._report({"error": f"the model ended with {word}"}, word)
            return
        self._end(finish_reason(word) if word else "stop", word, self._tools.finish())

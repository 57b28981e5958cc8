"""Turns the events of an Anthropic Messages stream into ours. Pure; one decoder an answer, on the loop thread.

An answer is a row of content blocks, each started, filled and stopped by its index. Thinking blocks are signed: they
are kept whole, with their place among text and calls, and go back unchanged (`anthropic_replay.py`). Events are told
apart by the `type` in their data, because some servers send no `event:` lines. `message_stop` is the terminator.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from ..events import Keepalive, Restarted, StreamEvent, StreamStarted, StreamWarning, ThinkingOpaque
from ..messages import Json, Usage
from .anthropic_replay import placed
from .error_facts import plain_text
from .finish_reasons import failed_finish, finish_reason
from .sse_decoder import SseDecoder
from .think_tags import ThinkTagSplitter
from .tool_slots import ToolSlots
from .usage_counts import count
from .wire import parse_json

_COUNTERS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_SILENT_DELTAS = frozenset({"citations_delta"})


class _Block:
    """One content block while it grows. `kind` is text, thinking, redacted_thinking, tool_use, or empty for ignored."""

    def __init__(self, kind: str, index: Json) -> None:
        self.kind = kind
        self.index = index
        self.thoughts: List[str] = []
        self.signature = ""
        self.data = ""
        self.input: Json = None


class AnthropicDecoder(SseDecoder):
    """Feed it frames until `done`; then `error` says whether the answer failed."""

    whole_field = "content"

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        super().__init__(provider, model=model, think_tags=think_tags, request_id=request_id)
        self._thinks_in_tags = think_tags
        self._id: Optional[str] = None
        self._is_started = False
        self._handlers: Dict[str, Callable[[Dict[str, Json]], None]] = {
            "content_block_delta": self._delta, "content_block_start": self._block_start,
            "content_block_stop": self._block_stop, "message_start": self._message_start,
            "message_delta": self._message_delta, "message_stop": self._message_stop, "ping": self._ping,
        }
        self._begin()

    def _begin(self) -> None:
        """Forgets what was said: the answer starts, or starts again."""
        self._texts.clear()
        self._thoughts.clear()
        self._counters: Dict[str, int] = {}
        self._thinking_tokens: Optional[int] = None
        self._stop_reason: Optional[str] = None
        self._tools = ToolSlots(self._warn)
        self._blocks: Dict[Any, _Block] = {}  # Any: an index as the vendor sent it
        self._last: Optional[_Block] = None
        self._text_length = self._calls = 0

    def finish(self) -> List[StreamEvent]:
        """The events of a clean end that came without `message_stop`."""
        self._out = []
        if self.done:
            return self._out
        if self._stop_reason is not None:
            self._warn("no_message_stop")
            self._complete()
        else:
            self._truncated("stream ended before message_stop")
        return self._out

    # ------------------------------------------------------------ frames

    def _payload(self, data: bytes) -> None:
        try:
            event = parse_json(data)
        except ValueError:
            if data.strip() == b"[DONE]":  # a proxy that ends every stream like OpenAI
                if self._stop_reason is not None:
                    self._complete()
            else:
                self._bad_event()
            return
        if type(event) is dict:
            self._event(event)
        else:
            self._bad_event()

    def _event(self, event: Dict[str, Json]) -> None:
        kind = event.get("type")
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            self._has_payload = True
            handler(event)
        elif kind == "error" or event.get("error"):
            self._report(event, "error")
        else:
            self._warn("unknown_event")

    def _report(self, body: Json, raw_finish: Optional[str]) -> None:
        """The error event names the request itself; Anthropic's support asks for that id."""
        super()._report(body, raw_finish)
        named = body.get("request_id") if isinstance(body, dict) else None
        if self.error is not None and isinstance(named, str) and named:
            self.error.request_id = named

    def _whole(self, body: Dict[str, Json]) -> None:
        self._message_start({"message": body})
        if self._stop_reason is None:
            self._set_stop(body)
        self._message_stop(body)

    # ------------------------------------------------------------ the message

    def _message_start(self, event: Dict[str, Json]) -> None:
        message = _mapping(event.get("message"))
        response_id = _word(message.get("id"))
        if self._is_started:
            if response_id is None or response_id == self._id:
                self._warn("duplicate_message_start")
                self._count(message.get("usage"))
                return
            self._begin()
            if self._thinks_in_tags:
                self._splitter = ThinkTagSplitter()
            self._out.append(Restarted())
            self._warn("stream_restarted")
        self._is_started, self._id = True, response_id
        self._flush()
        self._out.append(StreamStarted(response_id, _word(message.get("model")), None, self._request_id))
        self._count(message.get("usage"))
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            self._block_start({"index": index, "content_block": block})
            self._block_stop({"index": index})

    def _message_delta(self, event: Dict[str, Json]) -> None:
        self._count(event.get("usage"))
        self._set_stop(_mapping(event.get("delta")))

    def _set_stop(self, delta: Dict[str, Json]) -> None:
        reason = _word(delta.get("stop_reason"))
        if reason is None:
            return
        self._stop_reason = reason
        details = _mapping(delta.get("stop_details"))
        why = _word(details.get("explanation")) or _word(details.get("category"))
        if reason == "refusal" and why:
            self._flush()
            self._out.append(StreamWarning(f"refusal:{plain_text(why)}"))

    def _message_stop(self, event: Dict[str, Json]) -> None:
        if not self._is_started and self._stop_reason is None and not self._blocks:
            self._protocol("empty stream: it ended before it said anything")
            return
        if self._stop_reason is None:
            self._warn("no_finish_reason")
        self._complete()

    def _ping(self, event: Dict[str, Json]) -> None:
        self._flush()
        self._out.append(Keepalive("ping"))

    def _count(self, usage: Json) -> None:
        """Counters are cumulative, and a later event may revise each of them: the last value wins."""
        known = _mapping(usage)
        for name in _COUNTERS:
            number = count(known.get(name))
            if number is not None:
                self._counters[name] = number
        thought = count(_mapping(known.get("output_tokens_details")).get("thinking_tokens"))
        self._thinking_tokens = self._thinking_tokens if thought is None else thought

    # ------------------------------------------------------------ blocks

    def _block_start(self, event: Dict[str, Json]) -> None:
        start = _mapping(event.get("content_block"))
        kind, index = start.get("type"), event.get("index")
        block = _Block(kind if isinstance(kind, str) else "", index)
        if kind == "text":
            self._say_if(start.get("text"))
        elif kind == "thinking":
            self._think(block, start.get("thinking"))
            block.signature = _word(start.get("signature")) or ""
        elif kind == "redacted_thinking":
            block.data = _word(start.get("data")) or ""
        elif kind == "tool_use":
            block.input = start.get("input")
            self._calls += 1
            self._tools.add({"index": index, "id": start.get("id"), "function": {"name": start.get("name")}})
        else:
            block.kind = ""
            is_server = str(kind).endswith(("server_tool_use", "mcp_tool_use", "_tool_result"))
            self._warn("server_block_ignored" if is_server else "unknown_block")
        self._blocks[_key(index)] = self._last = block

    def _delta(self, event: Dict[str, Json]) -> None:
        delta = event.get("delta")
        if type(delta) is not dict:
            return
        index = event.get("index")
        block = self._blocks.get(_key(index)) if index is not None else self._last
        if block is not None and not block.kind:
            return
        kind = delta.get("type")
        if kind == "text_delta":
            self._say_if(delta.get("text"))
        elif kind == "thinking_delta":
            self._think(block, delta.get("thinking"))
        elif kind == "input_json_delta":
            self._fill_call(block, index, delta.get("partial_json"))
        elif kind == "signature_delta":
            if block is not None:
                block.signature = _word(delta.get("signature")) or block.signature
        elif kind not in _SILENT_DELTAS:
            self._warn("unknown_delta")

    def _fill_call(self, block: Optional[_Block], index: Json, part: Json) -> None:
        if isinstance(part, str):
            if part and block is not None:
                block.input = None  # what streams replaces what the start held
            self._tools.add({"index": index, "function": {"arguments": part}})

    def _block_stop(self, event: Dict[str, Json]) -> None:
        index = event.get("index")
        block = self._blocks.get(_key(index)) if index is not None else self._last
        if block is not None:
            self._close(block)

    def _close(self, block: _Block) -> None:
        """Lets go of what only a whole block gives: a signed thought, arguments that came with the start."""
        kind, block.kind = block.kind, ""
        if kind == "thinking" and block.signature:
            payload = {"type": kind, "thinking": "".join(block.thoughts), "signature": block.signature}
            self._keep(payload)
        elif kind == "redacted_thinking" and block.data:
            self._keep({"type": kind, "data": block.data})
        elif kind == "tool_use" and isinstance(block.input, dict) and block.input:
            self._tools.add({"index": block.index, "function": {"arguments": block.input}})

    def _keep(self, payload: Dict[str, Json]) -> None:
        self._flush()
        self._out.append(ThinkingOpaque(placed(payload, text_before=self._text_length, calls_before=self._calls)))

    # ------------------------------------------------------------ what goes out

    def _say_if(self, text: Json) -> None:
        if isinstance(text, str) and text:
            self._say(text)

    def _think(self, block: Optional[_Block], text: Json) -> None:
        if isinstance(text, str) and text:
            if block is not None:
                block.thoughts.append(text)
            self._add("thinking", text)

    def _flush(self) -> None:
        self._text_length += sum(map(len, self._texts))
        super()._flush()

    def _used(self) -> Optional[Usage]:
        known = self._counters
        if not known:
            return None
        made, read, written = (known.get(name) for name in _COUNTERS[1:])
        given = known.get("input_tokens")
        if given is not None:
            given += (read or 0) + (written or 0)
        total = None if given is None or made is None else given + made
        return Usage(given, made, total, reasoning=self._thinking_tokens, cache_read=read, cache_write=written)

    def _complete(self) -> None:
        self._settle()
        for block in self._blocks.values():
            self._close(block)
        word = self._stop_reason
        kind = failed_finish(word) if word else None
        if kind is not None:
            self._report({"type": "error", "error": {"message": f"the model ended with {word}"}}, word)
            return
        self._end(finish_reason(word), word, self._tools.finish())


def _key(index: Json) -> Any:  # a dictionary key of any type
    return index if isinstance(index, (int, str)) else None


def _mapping(value: Json) -> Dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _word(value: Json) -> Optional[str]:
    return value if isinstance(value, str) and value else None

"""Puts placeholders in place of what should not leave, and the real words back into what returns. Loop thread.

A placeholder is made from the conversation's id and the word, so it stays the same for the whole conversation, also
after a restart, and tells nothing to anybody who does not know the id. Text that looks like a placeholder already is
hidden behind one of its own: what comes back is exactly what went in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from dataclasses import replace
from typing import Callable, Dict, FrozenSet, List, Optional, TypeVar

from ..messages import Attachment, Json, Message, ToolCall
from ..providers.base import ChatRequest
from .secret_words import PLACEHOLDER, Wanted, finds_in, holds_word, names_in_paths

T = TypeVar("T")

_UNFINISHED = re.compile(r"<(?:<(?:[A-Z]{1,8}(?:_(?:\d{0,5}|\d{6}>?))?)?)?$")
_OTHER_LABELS = ("HIDDEN", "ITEM", "Q", "Z")
_MOST_TRIES = 200
_STRIDE = 381_966


class Redaction:
    """One conversation's placeholders. `hidden` counts those in use; with `wanted` None nothing is ever hidden."""

    def __init__(self, conversation_id: str, wanted: Optional[Wanted]) -> None:
        self.wanted = wanted
        self._key = conversation_id.encode("utf-8", "surrogatepass") or b"no conversation"
        self._lock = threading.Lock()
        self._placeholders: Dict[str, str] = {}
        self._words: Dict[str, str] = {}
        self._learnt: FrozenSet[str] = frozenset()
        self._in_request: Dict[str, None] = {}

    @property
    def hidden(self) -> int:
        """How many different things the last request hides."""
        return len(self._in_request)

    # ------------------------------------------------------------ out

    def request(self, request: ChatRequest) -> ChatRequest:
        """The request without what is wanted. Thread-safe; of two at once, the later one counts as the last."""
        if self.wanted is None:
            return request
        with self._lock:
            self._in_request = {}
            if self.wanted.learns_users:
                texts = [request.system or "", *(text for one in request.messages for text in _texts_of(one))]
                self._learnt |= frozenset(name for text in texts for name in names_in_paths(text))
            parameters = request.parameters
            return replace(
                request, system=None if request.system is None else self._text(request.system),
                messages=tuple(self._message(one) for one in request.messages),
                parameters=replace(parameters, stop=tuple(self._text(one) for one in parameters.stop)),
                tools=tuple(replace(one, description=self._text(one.description)) for one in request.tools),
                schema=_mapped(request.schema, self._text),
            )

    def text(self, text: str) -> str:
        """The text without what is wanted."""
        if self.wanted is None:
            return text
        with self._lock:
            if self.wanted.learns_users:
                self._learnt |= names_in_paths(text)
            return self._text(text)

    def _text(self, text: str) -> str:
        assert self.wanted is not None
        finds = finds_in(text, self.wanted, self._learnt)
        if not finds:
            return text
        parts: List[str] = []
        place = 0
        for find in finds:
            parts.append(text[place:find.start])
            placeholder = self._placeholder(text[find.start:find.end], find.label)
            self._in_request[placeholder] = None
            parts.append(placeholder)
            place = find.end
        parts.append(text[place:])
        return "".join(parts)

    def _message(self, message: Message) -> Message:
        return replace(
            message, text=self._text(message.text), reasoning=self._text(message.reasoning),
            attachments=tuple(self._attachment(one) for one in message.attachments),
            tool_calls=tuple(self._call(one) for one in message.tool_calls), exact_text=None, exact_reasoning=None,
        )

    def _attachment(self, one: Attachment) -> Attachment:
        return replace(one, name=self._text(one.name), text=self._text(one.text))

    def _call(self, call: ToolCall) -> ToolCall:
        if call.arguments is None:
            return replace(call, raw_arguments=None if call.raw_arguments is None else self._text(call.raw_arguments))
        return _with_arguments(call, self._text)

    def _placeholder(self, word: str, label: str) -> str:
        known = self._placeholders.get(word)
        if known is not None:
            return known
        assert self.wanted is not None
        digest = hmac.new(self._key, word.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        number, found = int.from_bytes(digest[:8], "big"), ""
        for turn in range(_MOST_TRIES):
            name = (label, *_OTHER_LABELS)[turn * (len(_OTHER_LABELS) + 1) // _MOST_TRIES]
            found = f"<<{name}_{(number + turn * _STRIDE) % 1_000_000:06d}>>"
            if found not in self._words and not holds_word(found, self.wanted):
                break
        while found in self._words:
            number += 1
            found = f"<<{label}_{number % 1_000_000:06d}>>"
        self._placeholders[word] = found
        self._words[found] = word
        return found

    # ------------------------------------------------------------ back

    def restore(self, text: str, *, is_json: bool = False) -> str:
        """The text with the real words; a placeholder that is none of ours stays. `is_json` escapes them for JSON."""
        if "<<" not in text:
            return text

        def real(found: re.Match[str]) -> str:
            word = self._words.get(found.group())
            if word is None:
                return found.group()
            return json.dumps(word, ensure_ascii=False)[1:-1] if is_json else word

        return PLACEHOLDER.sub(real, text)

    def restored_call(self, call: ToolCall) -> ToolCall:
        """A tool call with the real words in its arguments."""
        if call.arguments is None:
            raw = call.raw_arguments
            return call if raw is None else replace(call, raw_arguments=self.restore(raw, is_json=True))
        return _with_arguments(call, self.restore)


class Restorer:
    """Restores a stream piece by piece; what may be the beginning of a placeholder waits for the rest of it."""

    def __init__(self, redaction: Redaction, *, is_json: bool = False) -> None:
        self._redaction = redaction
        self._is_json = is_json
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown now; may be empty."""
        if not self._held and "<" not in piece:
            return piece
        text = self._held + piece
        unfinished = _UNFINISHED.search(text, max(0, len(text) - _LONGEST))
        cut = unfinished.start() if unfinished is not None else len(text)
        self._held = text[cut:]
        return self._redaction.restore(text[:cut], is_json=self._is_json)

    def end(self) -> str:
        """What waited in vain."""
        held, self._held = self._held, ""
        return held

    def clear(self) -> None:
        """Forgets what waits: the stream begins again."""
        self._held = ""


_LONGEST = 2 + 8 + 1 + 6 + 2
NO_REDACTION = Redaction("", None)


def _texts_of(message: Message) -> List[str]:
    return [message.text, message.reasoning, *(one.text for one in message.attachments)]


def _with_arguments(call: ToolCall, change: Callable[[str], str]) -> ToolCall:
    arguments = _mapped(call.arguments, change)
    if arguments == call.arguments:
        return call
    return replace(call, arguments=arguments, raw_arguments=json.dumps(arguments, ensure_ascii=False))


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    """A JSON value with every text in it changed, names included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _mapped(one, change) for name, one in value.items()}
    return [_mapped(one, change) for one in value] if isinstance(value, (list, tuple)) else value

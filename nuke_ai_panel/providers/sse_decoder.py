"""What the decoders of server-sent events share: which frame is a payload, an error, noise or a whole body. Pure."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ..events import Keepalive, StreamEvent
from ..messages import Json
from .answer_decoder import AnswerDecoder
from .wire import COMMENT, ERROR_FIELD, STRAY_LINES, WHOLE_BODY, Frame, NamedFrame, parse_json

_SHOWN_BYTES = 200


class SseDecoder(AnswerDecoder):
    """A dialect says what a payload means; `whole_field` is the field that makes a JSON object a whole answer."""

    whole_field = ""
    _has_payload = False

    def feed(self, frames: Sequence[Frame]) -> List[StreamEvent]:
        """The events in `frames`; neighbouring text is one event."""
        self._out = []
        for frame in frames:
            if isinstance(frame, NamedFrame):
                self._named(frame)
            else:
                self._payload(frame)
            if self.done:
                break
        self._flush()
        return self._out

    # ------------------------------------------------------------ what a dialect says

    def _payload(self, data: bytes) -> None:
        """Takes the data of one event."""
        raise NotImplementedError

    def _whole(self, body: Dict[str, Json]) -> None:
        """Takes a whole answer that is no error."""
        raise NotImplementedError

    # ------------------------------------------------------------ frames

    def _named(self, frame: NamedFrame) -> None:
        if frame is COMMENT:
            self._flush()
            self._out.append(Keepalive("comment"))
        elif frame.name == "error" or frame.name == ERROR_FIELD:
            self._error_event(frame)
        elif frame.name == STRAY_LINES:
            self._stray(frame.data)
        elif frame.name == WHOLE_BODY:
            self._body(frame.data)
        else:
            self._payload(frame.data)

    def _error_event(self, frame: NamedFrame) -> None:
        try:
            body = parse_json(frame.data)
        except ValueError:
            body = frame.data
        self._report(body, "error" if frame.name == "error" else None)

    def _stray(self, lines: bytes) -> None:
        """What a clean end leaves of lines that were no events: an error, a whole answer, or noise."""
        try:
            value = parse_json(lines)
        except ValueError:
            value = None
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and (first.get("error") or first.get("object") == "error"):
            self._report(value, None)
        elif isinstance(value, dict) and isinstance(value.get(self.whole_field), list) and not self._has_payload:
            self._body(lines)
        elif not self._has_payload:
            self._protocol(f"the answer is not an event stream: {_shown(lines)}")

    def _body(self, data: bytes) -> None:
        """A whole answer although a stream was asked for."""
        self._warn("not_streamed")
        try:
            body = parse_json(data)
        except ValueError:
            self._protocol(f"the answer is not JSON: {_shown(data)}")
            return
        if not isinstance(body, dict) or body.get("error") or body.get("object") == "error":
            self._report(body, None)
            return
        content = body.get(self.whole_field)
        if not isinstance(content, list) or not (content or body.get("stop_reason")):
            self._protocol(f"no {self.whole_field} in response")
        else:
            self._whole(body)


def _shown(data: bytes) -> str:
    return data[:_SHOWN_BYTES].decode("utf-8", "replace")

"""Turns a provider's stream events into one growing assistant message. Written on the loop thread only.

Text is kept as the pieces that arrived, because joining at every token would be quadratic. A vendor may cut a
character in two: a high surrogate at the end of a piece waits for its other half, and a half that never comes
becomes U+FFFD, so what goes out is clean text and all pieces together are exactly the final text. `message()` may be
called from any thread: joining a list is atomic.
"""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from ..events import StreamStarted, ThinkingOpaque
from ..messages import ErrorInfo, FinishReason, Json, Message, Status, Timings, ToolCall, Usage, clean_text


class CleanText:
    """Text that grows piece by piece and never holds half a character."""

    def __init__(self, text: str = "") -> None:
        self._pieces: List[str] = [text] if text else []
        self._half = ""
        self._exact: Optional[List[str]] = None

    @property
    def exact(self) -> Optional[str]:
        """What was sent, lone halves and all; None when there were none, which is nearly always."""
        return None if self._exact is None else "".join(self._exact)

    def add(self, piece: str) -> str:
        """Takes a piece and returns what is new and whole; may be empty while half a character waits."""
        if not self._half and piece.isascii():
            self._pieces.append(piece)
            if self._exact is not None:
                self._exact.append(piece)
            return piece
        piece = self._half + piece
        self._half = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        sent = piece[:-1] if self._half else piece
        whole = clean_text(sent)
        if whole:
            self._keep_exact(sent, whole)
            self._pieces.append(whole)
        return whole

    def end(self) -> str:
        """What is left when nothing more comes: a half character becomes U+FFFD."""
        if not self._half:
            return ""
        half, self._half = self._half, ""
        self._keep_exact(half, "\ufffd")
        self._pieces.append("\ufffd")
        return "\ufffd"

    def clear(self, text: str) -> None:
        """Forgets everything but `text`."""
        self._pieces = [text] if text else []
        self._half = ""
        self._exact = None

    def compact(self) -> None:
        """Joins what is there, so that the next join is cheap. Loop thread, as all that changes the text."""
        self._pieces = ["".join(self._pieces)]

    def _keep_exact(self, sent: str, whole: str) -> None:
        if self._exact is None and whole.count("\ufffd") > sent.count("\ufffd"):
            self._exact = list(self._pieces)
        if self._exact is not None:
            self._exact.append(sent)

    def __str__(self) -> str:
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces or self._half)


class GrowingAnswer:
    """The running answer. `seed` is its empty message, or a cut one that goes on in `text`."""

    def __init__(self, seed: Message, text: Optional[CleanText] = None) -> None:
        self._seed = seed
        self.text = CleanText() if text is None else text
        self.thinking = CleanText(seed.reasoning)
        self.tool_calls: List[ToolCall] = list(seed.tool_calls)
        self.opaque: List[Json] = list(seed.reasoning_opaque)
        self.warnings: List[str] = list(seed.warnings)
        self.usage: Optional[Usage] = None
        self.keepalives = seed.keepalives
        self.finish: Optional[FinishReason] = None
        self.raw_finish: Optional[str] = None
        self.response_id: Optional[str] = None
        self.reported_model: Optional[str] = None
        self.upstream: Optional[str] = None
        self.window_tokens: Optional[int] = seed.window_tokens
        self.first_token_s: Optional[float] = None
        self.total_s: Optional[float] = None
        self.is_touched = False

    @property
    def id(self) -> str:
        """The message's id."""
        return self._seed.id

    def hand_over(self, provider: str, model: str) -> None:
        """Another model answers; nothing of the first stays."""
        self.restart()
        self._seed = replace(self._seed, provider=provider, model=model)
        self.response_id = self.reported_model = self.upstream = None

    def start(self, event: StreamStarted) -> None:
        """Takes the response's identity; a later one only adds to it."""
        self.response_id = event.response_id or self.response_id
        self.reported_model = event.model or self.reported_model
        self.upstream = event.upstream or self.upstream

    def add_opaque(self, event: ThinkingOpaque) -> None:
        """Takes one reasoning item for replay."""
        self.is_touched = True
        self.opaque.append(event.payload)

    def add_usage(self, new: Usage) -> None:
        """Takes counters: the last one of each that is not None stays."""
        known = self.usage
        if known is None:
            self.usage = new
            return
        given = {name: value for name, value in vars(new).items() if value is not None}
        self.usage = replace(known, **given)

    def restart(self) -> None:
        """Forgets what was said: the upstream begins again."""
        self.text.clear(self._seed.text)
        self.thinking.clear(self._seed.reasoning)
        self.tool_calls = list(self._seed.tool_calls)
        self.opaque = list(self._seed.reasoning_opaque)
        self.usage = None
        self.finish = self.raw_finish = self.upstream = None

    def message(self, status: Status = "streaming", error: Optional[ErrorInfo] = None) -> Message:
        """The answer as it stands."""
        return replace(
            self._seed, text=str(self.text), reasoning=str(self.thinking), status=status, error=error,
            tool_calls=tuple(self.tool_calls), reasoning_opaque=tuple(self.opaque), warnings=tuple(self.warnings),
            usage=self.usage, keepalives=self.keepalives, finish=self.finish, raw_finish=self.raw_finish,
            response_id=self.response_id, reported_model=self.reported_model, exact_text=self.text.exact,
            exact_reasoning=self.thinking.exact, upstream=self.upstream, window_tokens=self.window_tokens,
            timings=Timings(self.first_token_s, self.total_s),
        )

"""Parts `<think>…</think>` at the start of an answer from the answer, however the tags were cut. Pure."""

from __future__ import annotations

from typing import List, Literal, Tuple

Piece = Tuple[Literal["text", "thinking"], str]
OPEN, CLOSE = "<think>", "</think>"


class ThinkTagSplitter:
    """Text in, pieces out. Only the start of an answer may think; blanks around the tags belong to nobody."""

    def __init__(self) -> None:
        self._state: Literal["start", "thinking", "after", "text"] = "start"
        self._held = ""
        self._is_fresh = False

    @property
    def is_through(self) -> bool:
        """True when nothing can be thinking any more, so that text need not come here."""
        return self._state == "text"

    def feed(self, text: str) -> List[Piece]:
        """What `text` decides; the rest is held."""
        pieces: List[Piece] = []
        text = self._held + text
        self._held = ""
        if self._state == "start":
            start = text.lstrip()
            if start.startswith(OPEN):
                self._state, self._is_fresh = "thinking", True
                text = start[len(OPEN):]
            elif OPEN.startswith(start):
                self._held = text
                return pieces
            else:
                self._state = "text"
        if self._state == "thinking":
            text = self._think(text, pieces)
        if self._state == "after":
            text = text.lstrip()
            if text:
                self._state = "text"
        if self._state == "text" and text:
            pieces.append(("text", text))
        return pieces

    def finish(self) -> List[Piece]:
        """What was held: a tag that never came true is what it looks like."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [("thinking" if self._state == "thinking" else "text", held)]

    def _think(self, text: str, pieces: List[Piece]) -> str:
        """Adds what is thought and returns what comes after the closing tag."""
        if self._is_fresh:
            text = text.lstrip()
            self._is_fresh = not text
        thought, tag, rest = text.partition(CLOSE)
        if tag:
            self._state = "after"
        else:
            keep = next((n for n in range(min(len(CLOSE) - 1, len(text)), 0, -1) if CLOSE.startswith(text[-n:])), 0)
            thought, self._held = text[: len(text) - keep], text[len(text) - keep:]
            rest = ""
        if thought:
            pieces.append(("thinking", thought))
        return rest

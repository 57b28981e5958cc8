"""Turns the frames of a Mistral answer into stream events: OpenAI's, but thoughts are signed chunks of the content.

Pure; one decoder an answer, on the loop thread. Content may be a list of chunks; text and thinking of it are read
where every server's are. What only Mistral has is the signature of a thinking chunk: the chunk is kept whole then, so
that it can go back unchanged.
"""

from __future__ import annotations

from typing import List, Optional

from ..events import ThinkingOpaque
from ..messages import Json
from .content_parts import split_parts
from .openai_decoder import OpenAIDecoder

CHUNK = "mistral_chunk"


class MistralDecoder(OpenAIDecoder):
    """Feed it frames until `done`; then `error` says whether the answer failed."""

    def __init__(
        self, provider: str, *, model: Optional[str] = None, think_tags: bool = False, request_id: Optional[str] = None
    ) -> None:
        super().__init__(provider, model=model, think_tags=think_tags, request_id=request_id)
        self._unsigned: List[str] = []

    def _choice(self, choice: Json, *, is_error: bool) -> Optional[str]:
        signed = self._signed(choice)
        text = super()._choice(choice, is_error=is_error)
        if signed and not self.done:
            self._flush()
            self._out += signed
        return text

    def _signed(self, choice: Json) -> List[ThinkingOpaque]:
        """The thoughts that this piece of the answer completes with a signature."""
        delta = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
        content = delta.get("content") if isinstance(delta, dict) else None
        found = []
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict) or part.get("type") != "thinking":
                continue
            self._unsigned += [text for _, text in split_parts([part])]
            signature = part.get("signature")
            if isinstance(signature, str) and signature:
                thinking = [{"type": "text", "text": "".join(self._unsigned)}]
                whole = {"type": "thinking", "thinking": thinking, "signature": signature}
                found.append(ThinkingOpaque({CHUNK: whole}))
                self._unsigned = []
        return found

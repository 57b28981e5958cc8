"""Gemini's thought signatures: where each one sat in the answer, and the answer's parts again for replay. Pure.

A signature is opaque and belongs to one part. Gemini 3 refuses a round of tools whose signatures are gone, so each is
kept with its place: a call's number, or a stretch of the text or of the thoughts, and how many calls came before.
"""

from __future__ import annotations

import re
from typing import Dict, List, Literal, Mapping, NamedTuple, Optional, Tuple

from ..messages import Json, Message

KEY = "google"
# What Google's own guide sends with calls that another model made, so that they are not checked.
FOREIGN_SIGNATURE = "skip_thought_signature_validator"
_OUR_ID = re.compile(r"call_\d+_*")


class Signature(NamedTuple):
    """One signature. `start` and `end` are characters of the text or of the thoughts; `calls` is a call's number."""

    place: Literal["text", "thought", "call"]
    value: str
    start: int = 0
    end: int = 0
    calls: int = 0

    def payload(self) -> Json:
        """What a `ThinkingOpaque` carries."""
        return {KEY: {"place": self.place, "start": self.start, "end": self.end, "calls": self.calls},
                "thoughtSignature": self.value}


def signatures_of(opaque: Tuple[Json, ...]) -> List[Signature]:
    """The signatures among a message's opaque items, in order."""
    found = []
    for item in opaque:
        place = item.get(KEY) if isinstance(item, dict) else None
        if isinstance(place, dict) and isinstance(item.get("thoughtSignature"), str):
            where = place.get("place")
            if where in ("text", "thought", "call"):
                numbers = [_number(place.get(name)) for name in ("start", "end", "calls")]
                found.append(Signature(where, item["thoughtSignature"], *numbers))
    return found


def model_parts(message: Message, *, is_own: bool) -> Tuple[List[Dict[str, Json]], Dict[str, Tuple[str, bool]]]:
    """The parts of an answer, and its calls: id → name and whether Gemini gave that id itself."""
    signed = signatures_of(message.reasoning_opaque) if is_own else []
    parts: List[Dict[str, Json]] = []
    for one in signed:
        if one.place == "thought":
            text = (message.exact_reasoning or message.reasoning)[one.start:one.end]
            parts.append({"text": text, "thought": True, "thoughtSignature": one.value})
    texts = [one for one in signed if one.place == "text"]
    on_calls = {one.calls: one for one in signed if one.place == "call"}
    said = message.exact_text or message.text
    at = 0
    known: Dict[str, Tuple[str, bool]] = {}
    for number in range(len(message.tool_calls) + 1):
        for one in [one for one in texts if one.calls == number]:
            start, end = (max(at, min(place, len(said))) for place in (one.start, one.end))
            parts += [*_stretch(said, at, start), {"text": said[start:end], "thoughtSignature": one.value}]
            at = end
        if number < len(message.tool_calls):
            call, signature = message.tool_calls[number], on_calls.get(number)
            later = [one.start for one in texts if one.calls > number]
            before = signature.start if signature else min(later, default=len(said) if number == 0 else at)
            parts += _stretch(said, at, before)
            at = max(at, min(before, len(said)))
            is_named = bool(call.id) and _OUR_ID.fullmatch(call.id) is None
            known[call.id] = (call.name, is_named)
            value = signature.value if signature else FOREIGN_SIGNATURE if number == 0 and not is_own else None
            parts.append(_call_part(call.name, call.arguments or {}, call.id if is_named else "", value))
    return [*parts, *_stretch(said, at, len(said))], known


def _call_part(name: str, arguments: Mapping[str, Json], call_id: str, signature: Optional[str]) -> Dict[str, Json]:
    call: Dict[str, Json] = {"name": name, "args": dict(arguments)}
    if call_id:
        call["id"] = call_id
    part: Dict[str, Json] = {"functionCall": call}
    if signature:
        part["thoughtSignature"] = signature
    return part


def _stretch(text: str, start: int, end: int) -> List[Dict[str, Json]]:
    return [{"text": text[start:end]}] if end > start else []


def _number(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

"""An answer as the one JSON object that `ask --json` prints. Pure.

Everything is escaped to ASCII, so that half a character that a vendor sent reaches the reading program as it was.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Dict, Optional

from ..errors import NukeAIError
from ..messages import ErrorInfo, Json, Message, Usage
from .turn_view import Outcome


def answer_object(outcome: Outcome) -> Dict[str, Json]:
    """The object of a turn that ran, however it ended."""
    answer = outcome.answer
    text = answer.text if answer.exact_text is None else answer.exact_text
    reasoning = answer.reasoning if answer.exact_reasoning is None else answer.exact_reasoning
    return {
        "text": text,
        "reasoning": reasoning,
        "tool_calls": [
            {"id": call.id, "name": call.name, "arguments": call.arguments, "raw_arguments": call.raw_arguments}
            for call in answer.tool_calls
        ],
        "finish": answer.finish if outcome.error is None else None,
        "raw_finish": answer.raw_finish,
        "usage": usage_object(answer.usage),
        "error": error_object(outcome.error, is_partial=bool(text or reasoning or answer.tool_calls)),
        "warnings": [code for code in answer.warnings if code.partition(":")[0] not in outcome.raised],
        "response_id": answer.response_id,
        "model": answer.reported_model or answer.model,
        "keepalives": answer.keepalives,
        "provider": answer.provider,
        "conversation_id": outcome.conversation_id,
        "upstream": answer.upstream,
    }


def failure_object(error: NukeAIError, *, provider: Optional[str], model: Optional[str]) -> Dict[str, Json]:
    """The object of a question that never became a turn."""
    return {
        "text": "", "reasoning": "", "tool_calls": [], "finish": None, "raw_finish": None, "usage": None,
        "error": error_object(error.info(), is_partial=False), "warnings": [], "response_id": None, "model": model,
        "keepalives": 0, "provider": provider, "conversation_id": None, "upstream": None,
    }


def error_object(error: Optional[ErrorInfo], *, is_partial: bool) -> Optional[Dict[str, Json]]:
    """An error's facts; `partial` says whether anything of the answer arrived before it."""
    if error is None:
        return None
    return {
        "kind": error.kind, "message": error.message, "status": error.status, "retry_after_s": error.retry_after_s,
        "partial": is_partial,
    }


def usage_object(usage: Optional[Usage]) -> Optional[Dict[str, Json]]:
    """What the provider counted, without what it did not say; a guess of ours is nothing it said."""
    if usage is None or usage.estimated:
        return None
    known = {name: value for name, value in dataclasses.asdict(usage).items() if value is not None}
    del known["estimated"]
    return known or None


def dumps(value: Json) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=True) + "\n"


def message_object(message: Message) -> Dict[str, Json]:
    """A stored message, for `history show --json`."""
    return {
        "id": message.id, "role": message.role, "text": message.text, "status": message.status,
        "created_at": message.created_at, "reasoning": message.reasoning,
        "attachments": [{"kind": one.kind, "name": one.name, "text": one.text} for one in message.attachments],
        "tool_calls": [{"id": one.id, "name": one.name, "arguments": one.arguments, "raw_arguments": one.raw_arguments}
                       for one in message.tool_calls],
        "provider": message.provider, "model": message.model, "finish": message.finish,
        "reported_model": message.reported_model, "upstream": message.upstream, "window_tokens": message.window_tokens,
        "usage": None if message.usage is None else {
            name: value for name, value in dataclasses.asdict(message.usage).items() if value is not None},
        "error": error_object(message.error, is_partial=bool(message.text)),
    }

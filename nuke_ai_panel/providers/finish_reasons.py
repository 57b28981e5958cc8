"""What the words mean with which vendors end an answer. Pure."""

from __future__ import annotations

from typing import Dict, Optional

from ..errors import ErrorKind
from ..messages import FinishReason

_REASONS: Dict[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "end": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls", "tool_use": "tool_calls", "function_call": "tool_calls",
    "content_filter": "content_filter", "refusal": "content_filter", "safety": "content_filter",
    "recitation": "content_filter", "blocklist": "content_filter", "prohibited_content": "content_filter",
    "spii": "content_filter", "language": "content_filter", "image_safety": "content_filter",
    "image_prohibited_content": "content_filter", "image_recitation": "content_filter",
    "model_armor": "content_filter",
    "pause_turn": "pause", "load": "load", "unload": "unload",
}
_FAILURES: Dict[str, ErrorKind] = {
    "error": "server_error", "insufficient_system_resource": "overloaded", "unexpected_tool_call": "server_error",
    "too_many_tool_calls": "server_error", "missing_thought_signature": "server_error",
}


def finish_reason(word: Optional[str]) -> FinishReason:
    """Our word for the vendor's; "other" for none and for one that nobody knows."""
    return _REASONS.get(word.lower(), "other") if word else "other"


def failed_finish(word: str) -> Optional[ErrorKind]:
    """The kind of error that a finish reason stands for, None when it is no error."""
    word = word.lower()
    if word.startswith(("function_call_filter", "malformed_")):
        return "server_error"
    return _FAILURES.get(word)

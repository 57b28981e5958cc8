"""A question as a script asks it, checked before anything is opened or sent. Pure; any thread."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Mapping, Optional, Sequence, Tuple

from ..messages import Attachment, Json
from .context import Given, attachments_of

_NUMBERS = ("timeout_s", "temperature", "max_tokens", "wait_for_server_s")


@dataclass(frozen=True)
class Question:
    """The arguments of `ask`, in its words."""

    prompt: str
    provider: Optional[str] = None
    model: Optional[str] = None
    system: Optional[str] = None
    context: Given = None
    schema: Optional[Mapping[str, Json]] = None
    timeout_s: Optional[float] = None
    base_url: Optional[str] = None
    temperature: Optional[float] = None
    max_tokens: Optional[int] = None
    attachments: Tuple[Attachment, ...] = ()
    conversation_id: Optional[str] = None
    fallback: Optional[Sequence[str]] = None
    wait_for_server_s: Optional[float] = None


NAMES = tuple(one.name for one in fields(Question) if one.name != "prompt")


def question_of(prompt: str, options: Mapping[str, Json]) -> Question:
    """The question with its context read. Raises TypeError and ValueError for what cannot be meant, HostError."""
    unknown = [name for name in options if name not in NAMES]
    if unknown:
        raise TypeError(f"there is no option {unknown[0]!r}; there are {', '.join(NAMES)}")
    asked = Question(prompt, **options)
    for name in ("prompt", "provider", "model", "system", "base_url", "conversation_id"):
        value = getattr(asked, name)
        if not isinstance(value, str) and (name == "prompt" or value is not None):
            raise TypeError(f"{name} must be text, not {type(value).__name__}")
    for name in _NUMBERS:
        value = getattr(asked, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise TypeError(f"{name} must be a number, not {type(value).__name__}")
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a number that is not negative, not {value!r}")
    if asked.timeout_s == 0 or asked.max_tokens == 0:
        raise ValueError("timeout_s and max_tokens must be more than 0")
    if asked.schema is not None and not isinstance(asked.schema, Mapping):
        raise TypeError(f"schema must be a JSON Schema as a dict, not {type(asked.schema).__name__}")
    if isinstance(asked.fallback, str):
        raise TypeError("fallback must be a list of names such as ['ollama/qwen2.5-coder:7b'], not text")
    if any(not hasattr(one, "data_base64") for one in asked.attachments):
        raise TypeError("attachments are Attachment values; files, text and nodes() are given as context")
    given = (*asked.attachments, *attachments_of(asked.context))
    if not prompt.strip() and not given:
        raise ValueError("the prompt is empty; say what you want to know")
    return Question(prompt, **{**options, "context": None, "attachments": given})

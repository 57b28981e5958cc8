"""Sizes up the next request for the context meter: what is shown, what is written, against the model's window. Pure."""

from __future__ import annotations

from typing import Optional, Sequence

from nuke_ai_panel.core.marks import after_summary
from nuke_ai_panel.core.prompt import estimate_question
from nuke_ai_panel.core.tokens import MESSAGE_TOKENS, estimate, estimate_messages
from nuke_ai_panel.messages import Draft, Message
from nuke_ai_panel.providers.base import ModelInfo
from nuke_ai_panel.words import tr

from ..ui.panel_values import MeterValue
from .model_sections import request_price


def meter_value(
    path: Sequence[Message], draft: Draft, model: Optional[ModelInfo], *, system: Optional[str] = None,
    window_tokens: Optional[int] = None, asked_tokens: Optional[int] = None,
) -> MeterValue:
    """The next request. Counts that the provider reported stand for everything up to the last answer.

    `asked_tokens` is the window that a local server was asked for last: it grows with the conversation.
    """
    window = window_tokens or (model.context_tokens if model is not None else None)
    written = 0
    if draft.text or draft.attachments:
        question = Message("", "", None, "user", draft.text, attachments=draft.attachments)
        written = estimate_question(question)
    known = _reported(path)
    if known is not None:
        used, is_estimate = known + written, bool(written)
    else:
        fixed = estimate(system) + MESSAGE_TOKENS if system else 0
        used = fixed + written + sum(
            estimate_question(one) if one.role == "user" else estimate_messages((one,))
            for one in after_summary(path) if one.role != "system"
        )
        is_estimate = used > 0
    detail = ""
    if written and used > written:
        detail = tr("{written:,} of them (about) are in the composer.", written=written)
    if asked_tokens and window and asked_tokens < window:
        grows = tr("In use: a window of {tokens:,} tokens, which grows with the conversation.", tokens=asked_tokens)
        detail = f"{detail}\n{grows}".strip()
    return MeterValue(used, window, is_estimate, request_price(model, used), detail)


def _reported(path: Sequence[Message]) -> Optional[int]:
    last = path[-1] if path else None
    if last is None or last.role != "assistant" or last.usage is None or last.usage.estimated:
        return None
    usage = last.usage
    if usage.input is None or usage.output is None:
        return None
    return usage.input + usage.output - (usage.reasoning or 0)

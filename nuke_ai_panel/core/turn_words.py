"""The sentences that a turn says about itself. Pure."""

from __future__ import annotations

from typing import Sequence

from ..errors import NukeAIError
from ..messages import Message, ToolCall
from ..words import later, tr


def bug(exc: BaseException) -> NukeAIError:
    """An error of ours for what should not have happened."""
    return NukeAIError(
        f"{type(exc).__name__}: {exc}", user_text=tr("Something went wrong inside Nuke AI Panel. This is a bug."),
        next_step=tr("Copy the details and send them to whoever looks after this tool; Retry may still work."),
    )


PAUSED = later("The provider paused its answer here. Ask it to go on.")
FILTERED = later("The provider ended the answer because of its content rules.")
EMPTY_ANSWER = later("The model answered nothing at all. Ask again, or choose another model.")


def warning_text(code: str) -> str:
    """The sentence for a warning kept in `Message.warnings`; empty for those that only a TD needs."""
    name, _, detail = code.partition(":")
    if name == "context_dropped":
        return context_dropped_text(int(detail) if detail.isdigit() else 0)
    if name in _DETAILED and detail:
        return tr(_DETAILED[name], detail=detail)
    if name in ("stood_in", "not_asked_instead", "budget"):
        return detail
    return tr(_KEPT.get(name, ""))


def ending_text(message: Message) -> str:
    """The sentence for an answer that ended in an unusual way; empty for the usual ones."""
    if message.finish == "pause":
        return tr(PAUSED)
    is_explained = any(code.startswith("refusal:") for code in message.warnings)
    return tr(FILTERED) if message.finish == "content_filter" and not is_explained else ""


def context_dropped_text(tokens: int) -> str:
    """A server cut the conversation without saying so."""
    return (
        tr("The server dropped about {tokens:,} tokens from the start of the conversation, so the model did not read "
           "them. Raise the context window (num_ctx), or start a new conversation.", tokens=tokens)
    )


_KEPT = {
    "tool_calls_unanswered": later("The model asked to use tools, but none are available here; nothing was run."),
    "tool_rounds": later("The model asked for tools too often in one answer; it was not asked again."),
}
_DETAILED = {
    "parameter_dropped": later("This model does not take the setting {detail}; it was left out."),
    "refusal": later("The provider says why it refused: {detail}"),
}


def unanswered_calls_text(calls: Sequence[ToolCall]) -> str:
    """The model asked for tools that do not exist here."""
    names = ", ".join(dict.fromkeys(call.name for call in calls))
    return tr("The model asked to use {names}, but no tools are available here; nothing was run.", names=names)


def tool_rounds_text(rounds: int) -> str:
    """The bound on tool rounds was reached."""
    return tr("The model asked for tools {rounds} times in one answer; it was not asked again (max_tool_rounds).",
        rounds=rounds)

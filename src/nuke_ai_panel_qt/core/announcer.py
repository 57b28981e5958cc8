"""Tells a screen reader how the answer on show goes on: start, end, failure, approval, not its words. Main thread."""

from __future__ import annotations

from nuke_ai_panel.events import AnswerStored, ApprovalAsked, TurnEvent, TurnFailed, TurnStarted, TurnStopped

from ..ui.live_region import LiveRegion
from ..ui.markdown import plain_words
from ..ui.safe_text import visible_prose

_FIRST_CHARACTERS = 140


def announce(live: LiveRegion, event: TurnEvent) -> None:
    """Announces an event of the conversation that the panel shows."""
    words = words_for(event)
    if words:
        live.say(words)


def words_for(event: TurnEvent) -> str:
    """The sentence for an event; empty for those that are not announced."""
    if isinstance(event, TurnStarted):
        return f"{event.answer.model or 'The model'} is answering"
    if isinstance(event, AnswerStored):
        said = " ".join(visible_prose(plain_words(event.answer.text[:2_000])).split())
        short = said if len(said) <= _FIRST_CHARACTERS else f"{said[:_FIRST_CHARACTERS].rstrip()} …"
        return f"Answer ready: {short}" if short else "Answer ready, without words"
    if isinstance(event, TurnFailed):
        return f"The answer failed. {event.error.user_text} {event.error.next_step}".strip()
    if isinstance(event, TurnStopped):
        return "Stopped"
    if isinstance(event, ApprovalAsked):
        return f"Needs your approval: {event.summary}"
    return ""

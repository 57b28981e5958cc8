"""Tells a screen reader how the answer on show goes on: start, end, failure, approval, not its words. Main thread."""

from __future__ import annotations

from nuke_ai_panel.events import AnswerStored, ApprovalAsked, TurnEvent, TurnFailed, TurnStarted, TurnStopped
from nuke_ai_panel.words import tr

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
        return tr("{model} is answering", model=event.answer.model or tr('The model'))
    if isinstance(event, AnswerStored):
        said = " ".join(visible_prose(plain_words(event.answer.text[:2_000])).split())
        short = said if len(said) <= _FIRST_CHARACTERS else f"{said[:_FIRST_CHARACTERS].rstrip()} …"
        return tr("Answer ready: {short}", short=short) if short else tr("Answer ready, without words")
    if isinstance(event, TurnFailed):
        return f"{tr('The answer failed.')} {event.error.user_text} {event.error.next_step}".strip()
    if isinstance(event, TurnStopped):
        return tr("Stopped")
    if isinstance(event, ApprovalAsked):
        return tr("Needs your approval: {summary}", summary=event.summary)
    return ""

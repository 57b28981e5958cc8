"""What a message says about itself: waiting, ended early, thought for so long, and how it is read aloud. Pure."""

from __future__ import annotations

from typing import List, NamedTuple

from nuke_ai_panel.words import tr

from .safe_text import visible_prose
from .values import MessageItem

SPOKEN_CHARACTERS = 2_000


class Line(NamedTuple):
    """A sentence with its icon, the theme's role that colours the icon, and perhaps an action."""

    text: str
    icon: str
    role: str = "dim"
    action: str = ""


def state_lines(item: MessageItem, *, busy: bool) -> List[Line]:
    """The lines under the words of a message, from top to bottom."""
    if item.role == "notice":
        on_notice = dict(item.notice_actions)
        return [Line(text, "info", action=on_notice.get(text, "")) for text in (item.text, *item.notices) if text]
    actions = {} if busy else dict(item.notice_actions)
    lines = [Line(text, "warning", "warning", actions.get(text, "")) for text in item.notices]
    if item.role != "assistant":
        return lines
    can_continue = "continue" if item.text and not busy else ""
    if item.status == "streaming" and (item.wait or not (item.text or item.thinking)):
        lines.append(Line(item.wait or tr("Waiting for the first words…"), "clock"))
    elif item.status == "stopped":
        lines.append(Line(tr("Stopped"), "stopped", "dim", can_continue))
    elif item.status == "interrupted":
        lines.append(Line(tr("Interrupted before it was complete"), "warning", "warning", can_continue))
    elif item.status == "failed" and item.text:
        lines.append(Line(tr("Broke off; what arrived is kept"), "warning", "warning", can_continue))
    elif item.truncated and item.status == "complete":
        lines.append(Line(tr("Cut off at the length limit"), "warning", "warning", can_continue))
    return lines


def thinking_line(item: MessageItem) -> str:
    """The line that folds the thinking."""
    seconds = "" if item.thinking_s is None else tr(" for {seconds}", seconds=_seconds(item.thinking_s))
    return tr("Thinking{seconds}…", seconds=seconds) if item.status == "streaming" and not item.text else tr(
        "Thought{seconds}", seconds=seconds)


def spoken_words(item: MessageItem) -> str:
    """The accessible name of a message: who, when, what."""
    who = {"user": tr("You"), "assistant": item.label or tr("Model")}.get(item.role, tr("Notice"))
    words = visible_prose(item.text[:SPOKEN_CHARACTERS])
    return ", ".join(part for part in (who, item.time, words) if part)


def _seconds(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else tr("{whole} min {whole2} s", whole=whole // 60, whole2=whole % 60)

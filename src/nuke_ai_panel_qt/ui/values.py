"""What the transcript is told to show. Frozen values; no Qt, no app: PanelManager makes them, widgets read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

from nuke_ai_panel.messages import Status

ItemRole = Literal["user", "assistant", "notice"]


@dataclass(frozen=True)
class Chip:
    """A piece of context that travelled with a question; `detail` is the exact text the model read."""

    id: str
    icon: str
    label: str
    tokens: Optional[int] = None
    detail: str = ""


@dataclass(frozen=True)
class ErrorCard:
    """A failure as an artist reads it. `details` is redacted; it is what *Copy details* puts on the clipboard.

    `actions` are of: retry, switch_model, open_settings, copy_details, pull_model, start_server, raise_context,
    add_credit, cancel_work. `note` says what is being done about it, `progress` how far that is (0..1, None unknown).
    """

    sentence: str
    next_step: str = ""
    facts: str = ""
    details: str = ""
    actions: Tuple[str, ...] = ()
    note: str = ""
    progress: Optional[float] = None


@dataclass(frozen=True)
class MessageItem:
    """One row of the transcript: a question, an answer, or a notice between them.

    `label` is the model and its provider, `facts` the dim numbers beside it, `facts_detail` their tooltip, `time` the
    local time as text (tooltip, screen readers). `wait` says what an answer without text waits for and how long.
    `truncated` marks an answer that hit its length limit: *Continue* is offered. `notice_actions` are pairs of a notice
    and what can be done about it. `is_divider` is a notice that parts what is above it from what is below.
    """

    id: str
    role: ItemRole
    text: str = ""
    thinking: str = ""
    thinking_s: Optional[float] = None
    status: Status = "complete"
    chips: Tuple[Chip, ...] = ()
    label: str = ""
    facts: str = ""
    facts_detail: str = ""
    branch: Tuple[int, int] = (1, 1)
    branch_enabled: bool = True
    error: Optional[ErrorCard] = None
    notices: Tuple[str, ...] = ()
    wait: str = ""
    time: str = ""
    truncated: bool = False
    notice_actions: Tuple[Tuple[str, str], ...] = ()
    is_divider: bool = False

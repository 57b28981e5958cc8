"""What a front end asks for: one question, where it belongs and who is to answer it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

from ..messages import Attachment, ConversationKind, Json
from ..providers.base import Parameters

NO_PARAMETERS = Parameters()


@dataclass(frozen=True)
class ModelChoice:
    """Who answers: a provider's row in settings, and the model's id there. An empty model is the row's default."""

    provider: str
    model: str = ""


@dataclass(frozen=True)
class TurnRequest:
    """One question, or one of the three ways to ask again.

    `choice` None takes the conversation's own, else the default. `conversation_id` None starts a new conversation of
    this `kind`. `parent_id` is the message that the question follows, None the end of what is shown; with `is_edit`
    it is the parent of the edited question, where None is the root. `regenerate_of` names an answer: its question is
    asked again and the new answer becomes its sibling. `continue_of` names an answer that was cut: the new text is
    joined to it. `system` replaces the conversation's system prompt for this turn. Parameters that are None fall back
    to settings. `retries` None takes the provider's setting, 0 turns retries off. `fallback` names who may be asked
    instead when the choice is not available; None takes the settings', empty is nobody. `schema` is the JSON Schema
    that the answer must match, None for free text. `wait_for_server_s` is how long a question waits for a server that
    is not there, instead of failing at once; nobody waits where somebody else may be asked instead.
    """

    text: str
    choice: Optional[ModelChoice] = None
    conversation_id: Optional[str] = None
    kind: ConversationKind = "chat"
    attachments: Tuple[Attachment, ...] = ()
    system: Optional[str] = None
    parameters: Parameters = NO_PARAMETERS
    retries: Optional[int] = None
    fallback: Optional[Tuple[ModelChoice, ...]] = None
    parent_id: Optional[str] = None
    is_edit: bool = False
    regenerate_of: Optional[str] = None
    continue_of: Optional[str] = None
    schema: Optional[Mapping[str, Json]] = None
    wait_for_server_s: float = 0.0

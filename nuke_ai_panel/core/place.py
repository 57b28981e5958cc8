"""Finds where a question belongs in its conversation's tree, and who is to answer. Loop thread; decides, then stores.

A question follows what is shown; an edited one becomes a sibling of the old; asking again makes a sibling of the
answer; continuing opens the old answer again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import Optional, Tuple

from ..errors import NukeAIError, SettingsError
from ..messages import Conversation, Message, clean_text
from ..providers.base import Parameters
from ..settings import ParameterSettings, Settings
from ..store.titles import title_from
from ..words import later, tr
from .journal import Journal
from .request import ModelChoice, TurnRequest

CHOOSE_A_MODEL = later("Choose a model in the model picker, or name one with --model.")


@dataclass(frozen=True)
class Place:
    """Where one turn stands. `path` ends with the question, or with the answer that is being continued."""

    conversation: Conversation
    path: Tuple[Message, ...]
    question: Message
    answer: Message
    choice: Optional[ModelChoice]
    refusal: Optional[NukeAIError]


async def find_place(
    journal: Journal, settings: Settings, request: TurnRequest, *, conversation_id: str, is_new: bool, question_id: str,
    answer_id: str,
) -> Place:
    """Reads the conversation, stores the question and the empty answer, and says where they are."""
    again = request.regenerate_of or request.continue_of
    leaf_id = again or request.parent_id
    conversation: Optional[Conversation] = None
    path: Tuple[Message, ...] = ()
    if not is_new:
        conversation, path = await journal.read(conversation_id, leaf_id)
        path = _until(path, leaf_id)
    if request.is_edit and request.parent_id is None:
        path = ()
    is_new = conversation is None
    choice, refusal = _choose(settings, request.choice, conversation)
    now = time.time()
    if conversation is None:
        conversation = Conversation(
            conversation_id, title_of(request), request.kind, created_at=now, updated_at=now,
            provider=choice.provider if choice else None, model=choice.model if choice else None,
            system=settings.system if request.system is None else request.system,
        )
    names = {"provider": choice.provider if choice else None, "model": choice.model if choice else None}
    if request.continue_of is not None:
        return await _reopen(journal, conversation, path, choice, refusal)
    if again is not None:
        path = _until_question(path)
    else:
        parent_id = path[-1].id if path else None
        question = Message(
            question_id, conversation_id, parent_id, "user", clean_text(request.text), created_at=now,
            attachments=request.attachments,
        )
        path = (*path, question)
    question = path[-1]
    answer = Message(
        answer_id, conversation_id, question.id, "assistant", "", "streaming", created_at=now, **names  # type: ignore[arg-type]  # two names
    )
    added = (answer,) if again is not None else (question, answer)
    await journal.begin(conversation, path, is_new=is_new, added=added)
    if not is_new and again is None:
        _update_conversation(journal, conversation, request, choice)
    return Place(conversation, path, question, answer, choice, refusal)


def title_of(request: TurnRequest) -> str:
    """A new conversation's title: the question's first words, else its first attachment's name."""
    return title_from(request.text) or next((one.name for one in request.attachments), "New conversation")


def resolve_choice(
    settings: Settings, asked: Optional[ModelChoice], conversation: Optional[Conversation] = None
) -> ModelChoice:
    """Who answers: what was asked for, else the conversation's own, else the default. Raises SettingsError."""
    remembered = conversation if conversation is not None and conversation.provider else None
    name = asked.provider if asked else (remembered.provider if remembered else None) or settings.default_provider
    row = settings.provider(name)
    model = asked.model if asked else None
    if not model and remembered is not None and remembered.provider == name:
        model = remembered.model
    if not model and name == settings.default_provider:
        model = settings.default_model
    model = model or row.default_model
    if not model:
        raise SettingsError(
            f"no model was chosen for {name}", user_text=tr("No model is chosen for {label}.", label=row.label),
            next_step=tr(CHOOSE_A_MODEL),
        )
    return ModelChoice(name, model)


def merge_parameters(given: Parameters, settings: ParameterSettings) -> Parameters:
    """The request's parameters; what it leaves open comes from settings."""
    merged = {one.name: getattr(given, one.name) for one in fields(Parameters)}
    for name, value in merged.items():
        if value in (None, ()):
            merged[name] = getattr(settings, name)
    return Parameters(**merged)


def _choose(
    settings: Settings, asked: Optional[ModelChoice], conversation: Optional[Conversation]
) -> Tuple[Optional[ModelChoice], Optional[NukeAIError]]:
    # Refused later, as the turn's error: the question is stored all the same.
    try:
        return resolve_choice(settings, asked, conversation), None
    except SettingsError as error:
        return None, error


async def _reopen(
    journal: Journal, conversation: Conversation, path: Tuple[Message, ...], choice: Optional[ModelChoice],
    refusal: Optional[NukeAIError],
) -> Place:
    if not path or path[-1].role != "assistant":
        raise NukeAIError("only an answer can be continued", user_text=tr("This answer can no longer be continued."))
    answer = replace(path[-1], status="streaming", error=None, finish=None, raw_finish=None)
    await journal.begin(conversation, path, is_new=False, added=(), reopened=answer)
    return Place(conversation, path, _until_question(path)[-1], answer, choice, refusal)


def _update_conversation(
    journal: Journal, conversation: Conversation, request: TurnRequest, choice: Optional[ModelChoice]
) -> None:
    changes = {}
    if not conversation.title and not conversation.title_is_manual:
        changes["title"] = title_of(request)
    if choice is not None and (conversation.provider, conversation.model) != (choice.provider, choice.model):
        changes["provider"], changes["model"] = choice.provider, choice.model
    if changes:
        journal.change_conversation(conversation.id, **changes)


def _until(path: Tuple[Message, ...], leaf_id: Optional[str]) -> Tuple[Message, ...]:
    if leaf_id is None:
        return path
    ends = [number for number, message in enumerate(path) if message.id == leaf_id]
    if not ends:
        raise NukeAIError("the message is not in this conversation", user_text=tr("This message no longer exists."))
    return path[: ends[0] + 1]


def _until_question(path: Tuple[Message, ...]) -> Tuple[Message, ...]:
    for number in range(len(path), 0, -1):
        if path[number - 1].role == "user":
            return path[:number]
    raise NukeAIError("the answer has no question", user_text=tr("The question of this answer no longer exists."))

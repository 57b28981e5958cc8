"""A complete answer as a script gets it, and the errors that it gets instead. Values; any thread."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Iterator, Optional

from ..errors import NukeAIError, ProviderError, StoppedError, provider_error, without_secrets
from ..messages import FinishReason, Json, Message, Usage
from ..words import tr

_SHOWN = 60


@dataclass(frozen=True)
class Answer:
    """A complete answer; `str(answer)` is its text.

    `data` is the parsed JSON when a schema was asked for, else None. `usage` counts tokens as the provider reported
    them, None if it did not. `finish` is why the model stopped: "stop", "length" when it reached the limit.
    `conversation_id` is where it is kept in history; `message` holds everything else that is known about it.
    """

    text: str
    provider: Optional[str]
    model: Optional[str]
    conversation_id: str
    usage: Optional[Usage]
    finish: Optional[FinishReason]
    message: Message = field(repr=False)
    data: Json = None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}…"
        return f"<Answer of {self.provider}/{self.model}: {text!r}>"

    def chat(self) -> Any:  # Any: the Chat of whichever generation of the code is in service
        """A `Chat` that goes on from this answer, with the same provider and model."""
        return import_module("nuke_ai_panel.api").chat(
            provider=self.provider, model=self.model, conversation_id=self.conversation_id
        )


def stopped(message: Message, why: str) -> StoppedError:
    """What a script gets for an answer that did not come to its end."""
    return StoppedError(
        f"the answer was {message.status}", user_text=why, next_step=tr("Ask again; what arrived is kept in history."),
        text=message.text,
    )


def too_late(message: Message, timeout_s: float) -> ProviderError:
    """What a script gets for an answer that took longer than it allowed."""
    return provider_error("timeout", f"no complete answer within {timeout_s:g} s", provider=message.provider or "")


@contextlib.contextmanager
def plain_words() -> Iterator[None]:
    """Errors of ours leave it as `in_plain_words` makes them."""
    try:
        yield
    except NukeAIError as error:
        in_plain_words(error)
        raise


def in_plain_words(error: NukeAIError) -> NukeAIError:
    """The same error, whose text in a traceback is the sentence for artists, what to do, and then what was said."""
    parts = [error.user_text, error.next_step]
    if error.message and error.message.casefold() not in error.user_text.casefold():
        parts.append(f"({error.message})")
    error.args = (without_secrets(" ".join(part for part in parts if part)),)
    return error

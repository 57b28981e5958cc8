"""Every error of ours.

NukeAIError                      .user_text: one sentence for an artist; .next_step: what to do
├─ SettingsError                 bad file, unknown provider, wrong value
│   └─ MissingKeyError           no key for a provider that needs one
├─ ProviderError                 .provider .kind .status .retryable .retry_after_s .request_id
│   ├─ AuthError                 the key was rejected
│   ├─ RateLimitError            too many requests; .retry_after_s when the server said so
│   └─ ContextTooLongError       the request does not fit the model's window
├─ ToolError                     its text goes to the model, never to a dialog
├─ StoreError                    disk full, locked, newer schema: chat goes on unsaved
├─ BusyError                     the conversation already has a running turn
├─ ModelFileError                a model file cannot be fetched, checked, kept or found
├─ PolicyError                   a studio rule forbids it
├─ InstallError                  a folder for a Nuke cannot be built or taken away
├─ HostError                     not in Nuke, node gone
├─ StoppedError                  somebody stopped the answer that a script waits for
└─ AnswerShapeError              the answer is not of the JSON Schema that a script asked for

Kinds and what they mean: `ErrorKind`. HTTP statuses and aiohttp's exceptions become these in `providers/http.py`.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Dict, Literal, Optional, Tuple
from urllib.parse import quote

from .messages import ErrorInfo
from .words import later, tr

ErrorKind = Literal[
    "auth", "permission", "credits", "rate_limit", "model_not_found", "context_too_long", "content_filter",
    "unsupported_feature", "bad_request", "overloaded", "timeout", "server_error", "network", "tls", "protocol",
    "truncated", "cancelled",
]
RETRYABLE_KINDS = frozenset({"rate_limit", "overloaded", "server_error", "network", "timeout", "truncated"})

MASK = "•••"
_SHORTEST_SECRET = 12
# So much of a key's beginning is taken for the key: texts are cut anywhere.
_KNOWN_BY = 8
_TELLING = 6
_secrets: Dict[str, Tuple[str, ...]] = {}


def hide_in_errors(secret: str) -> None:
    """From now on `secret` is masked in every error, in each spelling that an answer may have it in. Any thread."""
    if len(secret) >= _SHORTEST_SECRET and secret not in _secrets:
        spellings = (secret, quote(secret, safe=""), quote(secret), html.escape(secret), json.dumps(secret)[1:-1],
                     repr(secret)[1:-1])
        _secrets[secret] = tuple(sorted(set(spellings), key=len, reverse=True))


def known_secrets() -> int:
    """How many secrets are masked so far; what was masked with as many needs no second look."""
    return len(_secrets)


def without_secrets(text: str) -> str:
    """`text` with every key in use masked, also one that was cut short."""
    for spellings in tuple(_secrets.values()):
        for beginning in {spelling[:_KNOWN_BY] for spelling in spellings}:
            place = text.find(beginning)
            while place >= 0:
                end = place + max(_shared(text[place:place + len(one)], one) for one in spellings)
                if len(re.split("[-_]", text[place:end])[-1]) < _TELLING and text[place:end] not in spellings:
                    place = text.find(beginning, end)  # that is how all keys of this vendor begin
                    continue
                text = f"{text[:place]}{MASK}{text[end:]}"
                place = text.find(beginning, place + len(MASK))
    return text


def _shared(first: str, second: str) -> int:
    """How many letters two texts have in common from their beginning."""
    return next((place for place, (one, other) in enumerate(zip(first, second)) if one != other),
                min(len(first), len(second)))


def clean_cause(cause: Optional[BaseException]) -> Optional[BaseException]:
    """The cause of an error, or None where its own text holds a key."""
    seen = cause
    for _ in range(8):
        if seen is None:
            return cause
        text = f"{seen} {seen!r} {vars(seen)!r}"
        if without_secrets(text) != text:
            return None
        seen = seen.__cause__ or seen.__context__
    return None


# kind → (sentence, next step). {provider} and {model} are filled in.
_SENTENCES: Dict[str, tuple[str, str]] = {
    "auth": (later("{provider} rejected the key."), later("Check the key in Settings.")),
    "permission": (
        later("{provider} does not allow this."),
        later("Check the account's access, or choose another model."),
    ),
    "credits": (
        later("{provider} says that the account has no credit left."),
        later("Add credit, or choose another model."),
    ),
    "rate_limit": (later("{provider} asks to slow down."), later("Wait a moment, then try again.")),
    "model_not_found": (later("{provider} does not have the model {model}."), later("Choose another model.")),
    "context_too_long": (
        later("The conversation is longer than {model} can read."),
        later("Start a new conversation, or choose a model with a larger window."),
    ),
    "content_filter": (
        later("{provider} refused this content."),
        later("Rephrase the question, or choose another model."),
    ),
    "unsupported_feature": (later("{model} cannot do this."), later("Choose a model that can.")),
    "bad_request": (
        later("{provider} did not understand the request."),
        later("Check the provider's base URL and the model."),
    ),
    "overloaded": (later("{provider} is busy."), later("Try again in a moment.")),
    "timeout": (later("{provider} did not answer in time."), later("Try again, or raise the timeout in Settings.")),
    "server_error": (
        later("{provider} had an error of its own."),
        later("Try again; if it stays, choose another model."),
    ),
    "network": (
        later("{provider} could not be reached."),
        later("Check that the server runs and the network is up, then try again."),
    ),
    "tls": (
        later("The secure connection to {provider} could not be trusted."),
        later("Set the studio's CA bundle in Settings; ask IT for the file."),
    ),
    "protocol": (
        later("{provider} answered something that is not an answer."),
        later("Check the base URL and any proxy."),
    ),
    "truncated": (later("{provider} stopped in the middle of the answer."), later("Try again; what arrived is kept.")),
    "cancelled": (later("Stopped."), ""),
}


class NukeAIError(Exception):
    """Every error of ours. `user_text` is one sentence for an artist, `next_step` what to do about it.

    No text of it ever holds a key that is in use, whoever wrote the text: servers quote what they were sent.
    """

    kind: str = "internal"

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, without_secrets(value) if isinstance(value, str) else value)

    def __init__(self, message: str, *, user_text: str = "", next_step: str = "") -> None:
        super().__init__(without_secrets(message))
        self.message = message
        self.user_text = user_text or message
        self.next_step = next_step

    def info(self) -> ErrorInfo:
        """The error as a value."""
        return ErrorInfo(kind=self.kind, message=self.message, user_text=self.user_text, next_step=self.next_step)


class SettingsError(NukeAIError):
    """A settings file, an option or a name is wrong; the message names the place."""

    kind = "settings"


class MissingKeyError(SettingsError):
    """No key for a provider that needs one."""

    kind = "missing_key"

    def __init__(self, provider: str, env_name: str, *, trouble: str = "") -> None:
        super().__init__(
            f"no API key for {provider}",
            user_text=f"{tr('{provider} needs an API key.', provider=provider)} {trouble}".rstrip(),
            next_step=tr("Add the key in Settings, or set {env_name}.", env_name=env_name),
        )
        self.provider = provider


class ProviderError(NukeAIError):
    """A provider, or the way to it, failed. `message` is the vendor's own sentence, redacted.

    `is_unsent` says that no connection came about, so that nothing of the request can have been processed.
    """

    is_unsent = False

    def __init__(
        self, kind: ErrorKind, message: str, *, provider: str = "", model: Optional[str] = None,
        status: Optional[int] = None, code: Optional[str] = None, type: Optional[str] = None,
        retryable: Optional[bool] = None, retry_after_s: Optional[float] = None, request_id: Optional[str] = None,
        user_text: str = "", next_step: str = "", raw_finish: Optional[str] = None,
    ) -> None:
        sentence, step = _SENTENCES[kind]
        names = {"provider": provider or tr("The server"), "model": model or tr("the model")}
        super().__init__(
            message, user_text=user_text or tr(sentence, **names), next_step=next_step or tr(step, **names)
        )
        self.kind = kind
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.type = type
        self.retryable = kind in RETRYABLE_KINDS if retryable is None else retryable
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.raw_finish = raw_finish

    def info(self) -> ErrorInfo:
        """The error as a value."""
        return ErrorInfo(
            kind=self.kind, message=self.message, user_text=self.user_text, next_step=self.next_step,
            provider=self.provider or None, model=self.model, status=self.status, code=self.code, type=self.type,
            retryable=self.retryable, retry_after_s=self.retry_after_s, request_id=self.request_id,
        )


class AuthError(ProviderError):
    """The key was rejected."""


class RateLimitError(ProviderError):
    """Too many requests."""


class ContextTooLongError(ProviderError):
    """The request does not fit the model's window."""


_BY_KIND = {"auth": AuthError, "rate_limit": RateLimitError, "context_too_long": ContextTooLongError}


def provider_error(kind: ErrorKind, message: str, **facts: object) -> ProviderError:
    """The right class of ProviderError for `kind`; `facts` are its keyword arguments."""
    return _BY_KIND.get(kind, ProviderError)(kind, message, **facts)  # type: ignore[arg-type]  # same signature


class ToolError(NukeAIError):
    """A tool failed; its text goes to the model."""

    kind = "tool"


class StoreError(NukeAIError):
    """History cannot be read or written; chat goes on. `code` says why (disk_full, locked, read_only, corrupt …)."""

    kind = "store"

    def __init__(self, message: str, *, code: str = "", user_text: str = "", next_step: str = "") -> None:
        super().__init__(message, user_text=user_text, next_step=next_step)
        self.code = code

    def info(self) -> ErrorInfo:
        """The error as a value."""
        return replace(super().info(), code=self.code or None)


class BusyError(NukeAIError):
    """The conversation already has a running turn; the question is still the caller's."""

    kind = "busy"


class ModelFileError(NukeAIError):
    """A model file cannot be fetched, checked, kept or found."""

    kind = "model_file"


class PolicyError(NukeAIError):
    """A studio rule forbids it; the message says which rule and whom to ask. `rule` is its dotted name."""

    kind = "policy"

    def __init__(
        self, message: str, *, user_text: str = "", next_step: str = "", rule: str = "", provider: str = "",
        model: Optional[str] = None,
    ) -> None:
        super().__init__(message, user_text=user_text, next_step=next_step)
        self.rule = rule
        self.provider = provider
        self.model = model

    def info(self) -> ErrorInfo:
        """The error as a value."""
        return replace(super().info(), code=self.rule or None, provider=self.provider or None, model=self.model)


class InstallError(NukeAIError):
    """A folder for a Nuke cannot be built, or not taken away."""

    kind = "install"


class HostError(NukeAIError):
    """Not in Nuke, or the node is gone."""

    kind = "host"


class StoppedError(NukeAIError):
    """A human, or the end of the program, stopped the answer that a script waits for; `text` is what had arrived."""

    kind = "stopped"

    def __init__(self, message: str, *, user_text: str = "", next_step: str = "", text: str = "") -> None:
        super().__init__(message, user_text=user_text, next_step=next_step)
        self.text = text


class AnswerShapeError(NukeAIError):
    """The answer is not JSON of the shape that was asked for; `text` is what the model said instead."""

    kind = "answer_shape"

    def __init__(self, message: str, *, user_text: str = "", next_step: str = "", text: str = "") -> None:
        super().__init__(message, user_text=user_text, next_step=next_step)
        self.text = text

"""The Script Editor's way in: `ask` a question and get its answer, `status` of what is connected. Any thread.

One App serves all calls of a process and is opened by the first. `ask` waits; on the main thread it serves tools while
it does, so that it cannot deadlock with them. On the background loop's own thread it refuses, because there waiting
could never end.
"""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Sequence, Tuple

from .app import App, ModelChoice, Parameters, TurnRequest
from .code_watch import the_watch
from .core.fallback import named_choices
from .errors import NukeAIError, SettingsError, provider_error
from .events import TurnEvent
from .log_file import install_log, remove_log
from .messages import Attachment, FinishReason, Json, Message, Usage
from .reload import Part, register, unregister
from .utils.event_loop_manager import get_event_loop_manager
from .utils.main_thread import PumpedMainThread

__all__ = ["Answer", "ask", "close", "status"]


@dataclass(frozen=True)
class Answer:
    """A complete answer; `str(answer)` is its text. `message` holds everything else that is known about it."""

    text: str
    provider: Optional[str]
    model: Optional[str]
    conversation_id: str
    usage: Optional[Usage]
    finish: Optional[FinishReason]
    message: Message

    def __str__(self) -> str:
        return self.text


class _Shared:
    """The process's App; made at first use, never at import."""

    lock = threading.Lock()
    app: Optional[App] = None
    is_exit_registered = False


def ask(
    prompt: str, *, provider: Optional[str] = None, model: Optional[str] = None, system: Optional[str] = None,
    base_url: Optional[str] = None, timeout_s: Optional[float] = None, temperature: Optional[float] = None,
    max_tokens: Optional[int] = None, attachments: Tuple[Attachment, ...] = (), conversation_id: Optional[str] = None,
    fallback: Optional[Sequence[str]] = None, schema: Optional[Mapping[str, Json]] = None,
) -> Answer:
    """The answer to `prompt`, from the given provider and model or the default ones. Waits for all of it.

    The conversation is kept in history with the kind `api`; `conversation_id` continues one. `base_url` sends it to
    another address of the same provider; the provider's key does not go along to another server. `fallback` names
    (as `provider/model`) who is asked instead when the model is not available; None takes the settings'. With a JSON
    `schema` the answer's text is JSON of that shape, as far as the model can be held to it. Raises ProviderError,
    SettingsError, and NukeAIError when it was stopped; after `timeout_s` it stops and raises ProviderError of the kind
    `timeout`.
    """
    if get_event_loop_manager().is_loop_thread():
        raise RuntimeError("ask() was called on the event loop's own thread, where it would wait for ever")
    app = shared_app()
    choice: Optional[ModelChoice] = None
    if provider or model or base_url or conversation_id is None:
        choice = app.choice(provider, model, conversation_id=conversation_id)
    if choice is not None and base_url:
        choice = ModelChoice(app.with_base_url(choice.provider, base_url), choice.model)
    request = TurnRequest(
        prompt, choice=choice, conversation_id=conversation_id, kind="api", attachments=tuple(attachments),
        system=system, parameters=Parameters(temperature=temperature, max_tokens=max_tokens),
        fallback=None if fallback is None else named_choices(app.settings, fallback), schema=schema,
    )
    # Its own pump: the App's may belong to a host whose main thread is the one that waits here.
    handle = app.start_turn(request, _ignore, main_thread=PumpedMainThread())
    try:
        message = handle.result(timeout_s)
    except TimeoutError:
        handle.stop()
        message = handle.result(1.0)
        if message.status != "complete":
            name = message.provider or ""
            raise provider_error("timeout", f"no complete answer within {timeout_s:g} s", provider=name) from None
    except BaseException:
        handle.stop()
        raise
    error = handle.error()
    if error is not None:
        raise error
    if message.status != "complete":
        raise NukeAIError(f"the answer was {message.status}", user_text="The answer was stopped.")
    return Answer(
        message.text, message.provider, message.model, message.conversation_id, message.usage, message.finish, message
    )


def status() -> Dict[str, Json]:
    """What is known of every provider, and how many answers are being written. Opens no connection."""
    app = shared_app()
    found: Dict[str, Json] = {}
    for name in app.providers.names():
        one = app.providers.status(name)
        found[name] = {
            "title": one.title, "state": one.state, "since": one.since, "latency_s": one.latency_s,
            "error": None if one.error is None else one.error.user_text or one.error.message,
        }
    return {"providers": found, "running_turns": len(app.turns()), "history": str(app.store.file)}


def shared_app() -> App:
    """The App that all callers in this process share."""
    with _Shared.lock:
        if _Shared.app is None or _Shared.app.is_closed:
            _Shared.app = App.open()
            install_log(_Shared.app.settings.home)
            _Shared.app.when_closed(remove_log)
            register(Part("script editor", _freeze, f"{__name__}:_thaw"))
            _Shared.app.watch_settings(_settings_edited)
            if _Shared.app.settings.developer.reload:
                the_watch.start()
            if not _Shared.is_exit_registered:
                _Shared.is_exit_registered = True
                # A courtesy to the log at exit; nothing is lost without it.
                atexit.register(close)
        return _Shared.app


def close() -> None:
    """Stops what runs and closes everything; the next call opens anew. Idempotent."""
    with _Shared.lock:
        app, _Shared.app = _Shared.app, None
    if app is not None:
        unregister("script editor")
        app.close()


def _freeze() -> bool:
    """Before a reload: there was an App. The reload ends it; only what Python itself would call is taken back."""
    with _Shared.lock:
        was_open, _Shared.app = _Shared.app is not None, None
        _Shared.is_exit_registered = False
    atexit.unregister(close)
    return was_open


def _thaw(was_open: bool) -> None:
    if was_open:
        shared_app()


def _settings_edited(problem: Optional[SettingsError]) -> None:
    """Developers' mode counts as soon as the settings say so."""
    app = _Shared.app
    if problem is None and app is not None:
        (the_watch.start if app.settings.developer.reload else the_watch.stop)()


def _ignore(event: TurnEvent) -> None:
    """`ask` reads the result, not the events."""

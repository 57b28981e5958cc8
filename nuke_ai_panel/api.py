"""The Script Editor's way in: ask, start, stream, chat; what goes along; what is connected. Any thread.

One App serves the panel and all calls of a process and is opened by the first. `ask` waits; on the main thread the
host's event loop and work for the main thread go on meanwhile (see `scripting.waiting`). On the background loop's own
thread it refuses. A function that was imported before a reload of the code does what its namesake of today does.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from typing import Any, Callable, Dict, Mapping, NoReturn, Optional, Sequence, Tuple, Union

from .app import App, ModelChoice, Parameters, TurnRequest
from .code_watch import the_watch
from .core.fallback import named_choices
from .errors import AnswerShapeError, NukeAIError, SettingsError
from .log_file import install_log, remove_log
from .messages import Attachment, Json, Message
from .reload import Part, register, unregister
from .scripting.answer import Answer, in_plain_words, plain_words
from .scripting.chat import Chat
from .scripting.context import Context, Given, nodes_of_host, script_file, script_of_host
from .scripting.question import Question, question_of
from .scripting.running import OnDone, OnError, OnText, Running, Stream
from .scripting.waiting import refuse_on_loop, refuse_too_deep
from .utils.event_loop_manager import get_event_loop_manager
from .utils.generations import of_today
from .utils.main_thread import MainThread, PumpedMainThread, the_main_thread
from .words import tr

__all__ = [
    "Answer", "Chat", "Context", "Running", "Stream", "ask", "chat", "close", "nodes", "register_tool", "script",
    "start", "status", "stream",
]


class _Shared:
    """The process's App; made at first use, never at import."""

    lock = threading.Lock()
    app: Optional[App] = None
    is_exit_registered = False


@of_today
def ask(
    prompt: str, *, provider: Optional[str] = None, model: Optional[str] = None, system: Optional[str] = None,
    context: Given = None, schema: Optional[Mapping[str, Json]] = None, timeout_s: Optional[float] = None,
    base_url: Optional[str] = None, temperature: Optional[float] = None, max_tokens: Optional[int] = None,
    attachments: Tuple[Attachment, ...] = (), conversation_id: Optional[str] = None,
    fallback: Optional[Sequence[str]] = None, wait_for_server_s: Optional[float] = None,
) -> Answer:
    """The answer to `prompt`, from the given provider and model or the default ones. Waits for all of it.

    provider, model: names as `nuke-ai-panel models list` shows them; None takes the settings' default.
    system: the system prompt of this question, as text.
    context: what goes along: text, `nodes()`, `script()`, a pathlib.Path (text, .nk, picture, PDF), or a list of those.
    schema: a JSON Schema as a dict; `answer.data` is then the parsed JSON, which fits it.
    timeout_s: seconds for the whole answer; what arrived by then is kept in history. None is no limit of its own.
    base_url: another address of the same provider; its key does not go along to another server.
    temperature: how far the model strays, 0 to 2 at most vendors. max_tokens: the longest answer, in tokens.
    conversation_id: the conversation that this goes on; None begins one, kept in history with the kind `api`.
    fallback: who is asked when the model is not available, as ["provider/model", …]; None takes the settings'.
    wait_for_server_s: how long to wait for a server that is not there; None says at once that it is not.

    On Nuke's main thread, Nuke and the panel stay alive meanwhile; Esc stops it. Ctrl-C stops it in a terminal.

    Raises ProviderError (`.kind` says what: "auth", "network", "timeout" …), SettingsError (unknown names, no key),
    PolicyError (a studio rule forbids it), HostError (context that cannot be read), StoppedError (Esc, quit; `.text`
    is what had arrived), AnswerShapeError (no JSON of that schema), BusyError (the conversation is being answered),
    TypeError and ValueError (arguments that cannot be meant), RuntimeError on the background loop's own thread. All
    but the last three are NukeAIError, whose `user_text` and `next_step` are for artists.
    """
    return answer_of(running_of(prompt, {
        "provider": provider, "model": model, "system": system, "context": context, "schema": schema,
        "timeout_s": timeout_s, "base_url": base_url, "temperature": temperature, "max_tokens": max_tokens,
        "attachments": attachments, "conversation_id": conversation_id, "fallback": fallback,
        "wait_for_server_s": wait_for_server_s,
    }))


@of_today
def start(
    prompt: str, *, on_text: Optional[OnText] = None, on_done: Optional[OnDone] = None,
    on_error: Optional[OnError] = None, **options: Json,
) -> Running:
    """Asks and returns at once; `options` are those of `ask`.

    on_text(text): more text has arrived, never empty; pieces that came meanwhile are joined.
    on_done(answer): the whole Answer. on_error(error): what `ask` would have raised, also for a stop.
    Exactly one of these two is called, as the last. All run on the main thread, one at a time, where `nuke` may be
    used: in Nuke from its event loop, in a terminal or plain Python while the main thread waits in `result()`,
    `ask()` or a stream. A callback that raises is logged once, and the answer goes on.

    Returns a Running: `stop()`, `done()`, `text` so far, `result(timeout_s)`.
    Raises at once what can be known at once: SettingsError, HostError, BusyError, TypeError, ValueError.
    """
    question, serving = _asked("start", prompt, options)
    for name, callback in (("on_text", on_text), ("on_done", on_done), ("on_error", on_error)):
        if callback is not None and not callable(callback):
            raise TypeError(f"{name} must be a function, not {type(callback).__name__}")
    running = Running(question.schema, _read, serving, on_text=on_text, on_done=on_done, on_error=on_error)
    _begin(question, running, running.take, serving)
    return running


@of_today
def stream(prompt: str, **options: Json) -> Stream:
    """Asks, and returns what arrives: `for text in stream("…"): …`; `options` are those of `ask`.

    Each step is text, never empty. After the last one `result()` is the whole Answer. The loop raises what `ask`
    raises. Leaving it early stops the answer once the stream is forgotten; `with stream("…") as texts:` at once.
    """
    question, serving = _asked("stream", prompt, options)
    found = Stream(question.schema, _read, serving)
    _begin(question, found, found.sink(), serving)
    return found


@of_today
def chat(**options: Json) -> Chat:
    """A conversation: a Chat with `ask`, `start` and `stream`, whose questions follow each other.

    `options` are those of `ask` and count for every question; `context` goes along with the first one.
    `conversation_id` goes on with one that is in history. Nothing is sent or opened yet. Raises TypeError.
    """
    return Chat(dict(options))


@of_today
def nodes(*names: object, limit_tokens: int = 2000) -> Context:
    """The selected nodes, or those with the given names ("Blur1", "Group1.Grade2"), as text for `context`.

    Knobs that are not at their default, inputs, expressions; animation in short. At most about `limit_tokens` long;
    `left_out` says what did not fit. Read on the main thread. Raises HostError outside Nuke, with nothing selected,
    and for a name that is not there.
    """
    with plain_words():
        return nodes_of_host(names, limit_tokens)


@of_today
def script(path: Union[str, os.PathLike[str], None] = None, *, limit_tokens: int = 2000) -> Context:
    """A digest of the open script, or of the .nk file at `path` (which needs no Nuke), as text for `context`.

    At most about `limit_tokens` long; `left_out` says what did not fit. Nothing in the file is run. Raises HostError
    outside Nuke without a path, and for a file that cannot be read, with line and column.
    """
    with plain_words():
        return script_of_host(limit_tokens) if path is None else script_file(path, limit_tokens)


def register_tool(*tool: object, **facts: object) -> NoReturn:
    """Reserved for functions of yours that a model may call. Raises NukeAIError: it cannot be done yet."""
    raise in_plain_words(NukeAIError(
        "register_tool is reserved", user_text=tr("Functions of your own cannot be offered to a model yet."),
        next_step=tr("Ask for JSON with ask(…, schema=…) and call your function with answer.data."),
    ))


def running_of(prompt: str, options: Mapping[str, Json]) -> Running:
    """The question of an `ask`, on its way."""
    refuse_too_deep()
    question, serving = _asked("ask", prompt, options)
    running = Running(question.schema, _read, serving)
    _begin(question, running, running.take, serving)
    return running


def answer_of(running: Running) -> Answer:
    """Waits for it, as `ask` does."""
    running.wait_within()
    return running.result()


def messages_of(conversation_id: str) -> Tuple[Message, ...]:
    """What is kept of a conversation, the oldest first; a system prompt is not among it."""
    return tuple(one for one in shared_app().store.path(conversation_id).result() if one.role != "system")


def _asked(name: str, prompt: str, options: Mapping[str, Json]) -> Tuple[Question, MainThread]:
    """The question, and where its turn's work for the main thread is done: without a host, where it is asked."""
    refuse_on_loop(name)
    main = the_main_thread()
    with plain_words():
        return question_of(prompt, options), main if main.is_current() or main.is_hosted() else PumpedMainThread()


def _begin(question: Question, running: Running, sink: Callable[[Any], None], serving: MainThread) -> None:
    """Starts the turn. Raises what can be known at once."""
    with plain_words():
        app = shared_app()
        running.attach(app.start_turn(_request(app, question), sink, main_thread=serving), question.timeout_s)


def _request(app: App, question: Question) -> TurnRequest:
    choice: Optional[ModelChoice] = None
    if question.provider or question.model or question.base_url or question.conversation_id is None:
        # The conversation's own model is only missed where half of the choice is given.
        half = question.conversation_id if not (question.provider and question.model) else None
        choice = app.choice(question.provider, question.model, conversation_id=half)
    if choice is not None and question.base_url:
        choice = ModelChoice(app.with_base_url(choice.provider, question.base_url), choice.model)
    fallback = None if question.fallback is None else named_choices(app.settings, question.fallback)
    return TurnRequest(
        question.prompt, choice=choice, conversation_id=question.conversation_id, kind="api",
        attachments=question.attachments, system=question.system, fallback=fallback, schema=question.schema,
        parameters=Parameters(temperature=question.temperature, max_tokens=question.max_tokens),
        wait_for_server_s=question.wait_for_server_s or 0.0,
    )


def _read(message: Message, schema: Mapping[str, Json]) -> Json:
    """The JSON of an answer. Raises AnswerShapeError."""
    from .batch.json_shape import bare_json, objection

    wrong = objection(message.text, schema)
    if wrong is None:
        return json.loads(bare_json(message.text))
    raise AnswerShapeError(
        f"the answer does not fit the schema: {wrong}",
        user_text=tr("{model} did not answer in JSON of the given shape.", model=message.model),
        next_step=tr("Ask again, make the schema simpler, or choose a model that keeps to one."), text=message.text,
    )


@of_today
def status() -> Dict[str, Json]:
    """What is known of every provider, and how many answers are being written. Opens no connection.

    Per provider: `state` (docs/status.md says what each means), since when (UTC seconds), the latency of the last short
    exchange, the last error with its next step, when it is looked for again by itself, how many questions wait for it.
    """
    app = shared_app()
    found: Dict[str, Json] = {}
    for name in app.providers.all_names():
        one = app.providers.status(name)
        found[name] = {
            "title": one.title, "state": one.state, "since": one.since, "latency_s": one.latency_s,
            "error": None if one.error is None else one.error.user_text or one.error.message,
            "next_step": None if one.error is None else one.error.next_step or None,
            "next_try_at": one.next_try_at, "waiting": one.waiting,
        }
    return {"providers": found, "running_turns": len(app.turns()), "history": str(app.store.file)}


def shared_app() -> App:
    """The App that all callers in this process share."""
    with _Shared.lock:
        if _Shared.app is None or _Shared.app.is_closed:
            _Shared.app = App.open(main_thread=the_main_thread())
            install_log(_Shared.app.settings.home)
            _Shared.app.when_closed(remove_log)
            register(Part("script editor", _freeze, f"{__name__}:_thaw"))
            _Shared.app.watch_settings(_settings_edited)
            if _Shared.app.settings.developer.reload:
                the_watch.start()
            if not _Shared.is_exit_registered:
                _Shared.is_exit_registered = True
                # A courtesy at exit: answers end as interrupted, before the loop ends under them. Nothing is lost
                # without it.
                get_event_loop_manager().end_at_exit()
                atexit.register(close)
        return _Shared.app


@of_today
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

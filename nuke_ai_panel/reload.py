"""Swaps our code for what is on disk, and keeps what artists and servers would miss: connections, states, the place.

The caller's thread does it, the main thread where there is a panel. The order is what makes a broken edit harmless:
the new generation is imported and tried while the old one still works; only then the old one ends (its Apps hand over
loop, sessions and states, see `utils.survivors`) and each part of it is thawed by the new one. Whatever fails before
or after that point puts the old modules back into service. No running answer is ever swapped under: the caller says
whether to wait for it, to stop it, or to give up.

A *part* is something with a life of its own that must come back: the Script Editor's App, an open panel. It freezes
into plain or foreign values, and names a function of the next generation, as "module:function", that takes them.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Tuple

from .app import App, open_apps
from .core.connection_states import STATES
from .providers.registry import provider_class, third_parties
from .utils.event_loop_manager import LOOP, get_event_loop_manager
from .utils.generations import broken_file, forget, generation, put_back, replace_generation
from .utils.survivors import OUR_PACKAGES, drop_fork_hooks, keep, look, names, strangers_only, take
from .utils.time_limit import ended_after
from .words import tr

log = logging.getLogger(__name__)

When = Literal["finished", "stop", "idle"]
Frozen = Dict[str, Tuple[str, Any]]  # Any: each part knows its own state

BUSY = "reload in progress"
IDLE_POLL_S = 0.02
STOP_S = 2.0
# A new generation that has not been imported by then hangs. It takes a third of a second; twenty seconds were seen on a
# machine full of renders.
IMPORT_S = 60.0


class TakesForever(BaseException):
    """The new generation hangs while it is imported. No Exception, so that no module swallows it."""

    def __str__(self) -> str:
        return f"it was not ready after {IMPORT_S:g} s"


@dataclass(frozen=True)
class Outcome:
    """What a reload did. `sentence` is for an artist; `details` a traceback, empty when all went well.

    `place` is "file, line N" where the code is broken.
    """

    reloaded: bool
    sentence: str
    next_step: str = ""
    place: str = ""
    details: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Part:
    """`freeze` returns plain or foreign values only; `thaw` names who takes them, as "module:function".

    `tell` is called with the outcome of every reload, in whichever generation is in service then.
    """

    name: str
    freeze: Callable[[], Any]  # Any: see the module's docstring
    thaw: str
    tell: Optional[Callable[[Outcome], None]] = None


_parts: Dict[str, Part] = {}
_later: List[Callable[[When], None]] = []
# The threads with frames of this generation that still have to read an answer.
_held: List[int] = []


def register(part: Part) -> None:
    """From now on a reload brings `part` back. The same name replaces."""
    _parts[part.name] = part


def unregister(name: str) -> None:
    """The part is gone by itself."""
    _parts.pop(name, None)


def set_later(ask: Callable[[When], None]) -> None:
    """Where the main thread runs an event loop of its host, a reload that has to wait is asked for by `ask`."""
    _later[:] = [ask]


def request_reload(when: When = "finished") -> None:
    """Asks for a reload from a thread that must not do it itself, such as a watcher's; logs how it went.

    With a host's event loop it happens there. Without one it happens here, between two answers.
    """
    if _later:
        _later[0](when)
        return
    outcome = reload(when=when)
    log.log(logging.INFO if outcome.reloaded else logging.WARNING, "%s", outcome.sentence)


def source_folders() -> Tuple[Path, ...]:
    """Where the code lies that a reload takes into service: our packages' folders and the third parties'."""
    found = []
    for name in (*OUR_PACKAGES, *third_parties()):
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            path = Path(file)
            found.append(path.parent if path.name == "__init__.py" else path)
    return tuple(found)


def running_answers() -> int:
    """How many answers are being written, or are still to be read by who waits for them."""
    return sum(len(app.turns()) for app in open_apps()) or len(_held)


@contextmanager
def holding() -> Iterator[None]:
    """Somebody waits for an answer inside: no code is swapped under them."""
    thread = threading.get_ident()
    _held.append(thread)
    try:
        yield
    finally:
        _held.remove(thread)


def reload(*, when: When = "finished", timeout_s: Optional[float] = None) -> Outcome:
    """Reloads the code. With `when="finished"` it first waits for running answers (at most `timeout_s`), with "stop"
    it stops them, with "idle" it leaves everything as it is if there are any.

    Raises RuntimeError on the event loop's own thread. Never raises for broken code: the outcome says what is wrong.
    """
    if get_event_loop_manager().is_loop_thread():
        raise RuntimeError("reload() was called on the event loop's own thread")
    if look(BUSY):
        return Outcome(False, tr("A reload is on its way already."))
    keep(BUSY, True)
    try:
        outcome = _reload(when, timeout_s)
    finally:
        take(BUSY)
    for part in list(sys.modules[__name__]._parts.values()):
        if part.tell is not None:
            part.tell(outcome)
    return outcome


def _reload(when: When, timeout_s: Optional[float]) -> Outcome:
    started = time.monotonic()
    refusal = _broken() or _end_answers(when, timeout_s) or _unsaved() or _broken()
    # Only now: what ran until here may have been the first to need some module.
    return refusal or _swap(generation(third_parties()), started)


def restart_below(package: str, restart: Callable[[], None], outcome: Outcome) -> None:
    """Takes the parts of `package` aside while `restart` renews what they stand on, brings them back and tells them.

    On the thread of those parts; the code stays as it is.
    """
    frozen: Frozen = {
        name: (part.thaw, part.freeze()) for name, part in list(_parts.items()) if part.thaw.startswith(package)
    }
    try:
        restart()
    finally:
        thaw(frozen)
    for part in list(_parts.values()):
        if part.name in frozen and part.tell is not None:
            part.tell(outcome)


def holds_parts(package: str) -> bool:
    """Whether something of `package` is open that a reload would bring back."""
    return any(part.thaw.startswith(package) for part in _parts.values())


def self_test(kinds: Tuple[str, ...]) -> None:
    """Tries the parts of this generation that nothing has used yet. Raises what is wrong with them."""
    for kind in kinds:
        provider_class(kind)
    App.open().close_unused()


def thaw(frozen: Frozen) -> None:
    """Brings the parts of the last generation back, and the loop into this one's care.

    Raises what goes wrong with the first of them.
    """
    if look(LOOP):
        get_event_loop_manager().get_event_loop()
    for where, state in frozen.values():
        module, _, function = where.partition(":")
        getattr(importlib.import_module(module), function)(state)


def hand_over() -> None:
    """Ends every App of this generation, and its hold on the loop. Nothing that was open is closed."""
    for app in open_apps():
        try:
            app.hand_over()
        except Exception:  # what it could not leave is made anew; half-way there is no way back
            log.exception("not everything of the old code could be handed over")
    get_event_loop_manager().hand_over({})
    drop_fork_hooks()


def give_up() -> None:
    """Takes this generation out of service again after a thaw that failed half-way."""
    for part in list(_parts.values()):
        try:
            part.freeze()
        except Exception:
            log.exception("%s could not be taken back after a failed reload", part.name)
    hand_over()


# ---------------------------------------------------------------- the swap


def _swap(old: Mapping[str, ModuleType], started: float) -> Outcome:
    kinds = tuple(sorted({row.kind for app in open_apps() for row in app.providers.built()}))
    package = __name__.rpartition(".")[0]
    try:
        with ended_after(IMPORT_S, TakesForever):
            replace_generation(old)
            sys.modules[__name__].self_test(kinds)
    except (Exception, SystemExit, TakesForever) as error:  # noqa: BLE001 - an edit can raise anything
        put_back(old)
        return _kept_old(_place_of(error), f"{type(error).__name__}: {error}", traceback.format_exc())
    frozen: Frozen = {name: (part.thaw, part.freeze()) for name, part in list(_parts.items())}
    hand_over()
    try:
        sys.modules[__name__].thaw(frozen)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an edit can raise anything
        outcome = _kept_old(_place_of(error), f"{type(error).__name__}: {error}", traceback.format_exc())
        sys.modules[__name__].give_up()
        put_back(old)
        thaw(frozen)
        return outcome
    finally:
        take(STATES)
    forget(old)
    _parts.clear()
    _later.clear()
    strangers = strangers_only()
    if strangers:
        log.warning("a reload left something of ours behind: %s", "; ".join(strangers))
    log.info("reloaded %d modules of %s; survivors: %s", len(old), package, ", ".join(names()) or "none")
    return Outcome(True, tr("Reloaded {count} module.", "Reloaded {count} modules.", count=len(old)),
        seconds=time.monotonic() - started)


def _broken() -> Optional[Outcome]:
    """What on disk does not even compile."""
    found = broken_file(generation(third_parties()))
    if found is None:
        return None
    path, line, what = found
    return _kept_old(tr("{path}, line {line}", path=path, line=line) if line else path, what, "")


def _end_answers(when: When, timeout_s: Optional[float]) -> Optional[Outcome]:
    """Waits for or stops what runs; the outcome when it cannot."""
    running = running_answers()
    if not running:
        return None
    if when == "idle":
        return Outcome(
            False, tr("An answer is being written.", "{count} answers are being written.", count=running),
            tr("Stop and reload with reload(when='stop'), or wait with "
            "reload(when='finished')."),
        )
    if when == "stop":
        for app in open_apps():
            for handle in app.turns():
                handle.stop()
        timeout_s = STOP_S
    is_inside = threading.get_ident() in _held
    if is_inside and not _later:
        return Outcome(False, tr("A question waits for its answer below this call."), tr("Reload when it has it."))
    if _later and (is_inside or (when != "stop" and threading.current_thread() is threading.main_thread())):
        _later[0]("finished")  # the host's own event loop must not stand still for it
        return Outcome(False, tr("An answer is being written; the code is reloaded when it is finished."))
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while running_answers():
        if deadline is not None and time.monotonic() > deadline:
            return Outcome(False, tr("An answer is still being written."),
                tr("Reload again when it is finished, or stop it."))
        time.sleep(IDLE_POLL_S)
    return None


def _unsaved() -> Optional[Outcome]:
    """Why the histories cannot be closed now: what was said since they could last be written is only in memory."""
    for app in open_apps():
        trouble = app.store.trouble
        if trouble is not None:
            return Outcome(False, tr("The chat history is not saved, so nothing is reloaded. {user_text}",
                user_text=trouble.user_text),
                           trouble.next_step)
    return None


def _kept_old(place: str, what: str, details: str) -> Outcome:
    sentence = tr("The changed code does not work, so the old code stays in service: {what}", what=what)
    log.info("%s (%s)", sentence, place)
    return Outcome(False, sentence, tr("Mend {place}, then reload again.", place=place or tr("it")), place,
                   details or f"{place}: {what}")


def _place_of(error: BaseException) -> str:
    """Where the code is broken: the file and line that the compiler or the innermost frame names."""
    if isinstance(error, SyntaxError) and error.filename:
        return tr("{filename}, line {lineno}", filename=error.filename, lineno=error.lineno)
    frames: List[traceback.FrameSummary] = list(traceback.extract_tb(error.__traceback__))
    for frame in reversed(frames):
        if "importlib" not in frame.filename:
            return tr("{filename}, line {lineno}", filename=frame.filename, lineno=frame.lineno)
    return ""

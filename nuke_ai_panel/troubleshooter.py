"""Mends and explains, for the Script Editor: reconnect, restart, reload, status, report. Prints one line per step.

    import nuke_ai_panel
    nuke_ai_panel.troubleshooter.reconnect()

The panel's menu and `nuke-ai-panel doctor` use the same calls. Any thread but the background loop's own.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Dict, List, Optional

from . import api
from .app import App, open_apps
from .core.provider_status import ProviderStatus
from .log_file import install_log, log_folder
from .messages import Json
from .providers.trace import trace_next
from .reload import Outcome, When, holds_parts, restart_below, running_answers
from .reload import reload as reload_code
from .report import report_text
from .utils.event_loop_manager import shutdown_event_loop
from .words import tr

__all__ = ["log", "reconnect", "reload", "report", "restart", "status", "trace_next_request"]

CHECK_S = 20.0
# Whose parts stand on the App: the panels.
PANELS = "nuke_ai_panel_qt."


def reconnect(provider: Optional[str] = None) -> Dict[str, str]:
    """Closes the provider's connections (or all providers'), connects anew, and says how each stands.

    What an answer that is being written uses is left to end by itself. Returns each provider's state.
    """
    app = _app()
    names = app.providers.names() if provider is None else (provider,)
    for name in names:
        app.providers.settings(name)  # raises SettingsError for a name that is not there
        app.providers.reset(name)
    if not names:
        _say(tr("No provider is turned on. Turn one on in Settings."))
        return {}
    titles = ", ".join(app.providers.settings(name).label for name in names)
    _say(tr("Closed the connections of {titles}. Connecting anew …", titles=titles))
    checks: Dict[str, Future[ProviderStatus]] = {name: app.providers.check(name) for name in names}
    states: Dict[str, str] = {}
    for name, check in checks.items():
        try:
            state = check.result(CHECK_S)
        except FutureTimeoutError:
            check.cancel()
            state = app.providers.status(name)
            _say(tr("{title}: no answer within {seconds} s.", title=state.title, seconds=f"{CHECK_S:g}"))
        else:
            _say(_line(state))
        states[name] = state.state
    if all(state == "connected" for state in states.values()):
        _say(tr("Ask your next question."))
    else:
        _say(tr("Ask one that is connected, or do what stands beside the others and reconnect again."))
    return states


def restart() -> None:
    """Ends the background loop and every connection, and starts anew on the same conversations.

    Open panels come back as they were; with one open it is for the main thread, and not for a slot of the panel.
    """
    if holds_parts(PANELS) and threading.current_thread() is not threading.main_thread():
        _say(tr("Nothing was done: a panel is open, and only the main thread may take it down and up again."))
        _say(tr("Call restart() in the Script Editor, or choose Restart in the panel's menu."))
        return
    restart_below(PANELS, _restart, Outcome(True, tr("Restarted."), tr("The next question connects anew.")))
    _say(tr("Started anew. The next question connects."))


def _restart() -> None:
    stopped = running_answers()
    api.close()
    if not open_apps():  # somebody else's App goes on where it is
        shutdown_event_loop()
    _say(tr("Closed the connections and the loop."))
    if stopped:
        _say(tr("Stopped {count} running answer; what had arrived is kept.",
                "Stopped {count} running answers; what had arrived is kept.", count=stopped))
    _app()


def reload(*, when: When = "finished", timeout_s: Optional[float] = None) -> Outcome:
    """Takes the code from disk into service, keeping connections and conversations.

    Running answers are waited for ("finished"), stopped ("stop"), or reason enough to leave it ("idle"). If the code
    on disk does not work, the old code stays, and the outcome says where to look.
    """
    outcome = reload_code(when=when, timeout_s=timeout_s)
    _say(outcome.sentence)
    for line in (outcome.place, outcome.next_step):
        if line:
            _say(f"  {line}")
    return outcome


def status() -> Dict[str, Json]:
    """What is known of every provider; the same as `nuke_ai_panel.status()`, and a line for each."""
    app = _app()
    for name in app.providers.names():
        _say(_line(app.providers.status(name)))
    return api.status()


def report() -> str:
    """What a TD wants to know when something does not work, as text without keys and names; prints it, too.

    Read it before you send it to somebody.
    """
    text = report_text()
    for line in text.splitlines():
        _say(line)
    _say("Read it before you send it. Keys are masked; nothing was sent anywhere.")
    return text


def log(level: str = "info") -> Path:
    """From now on the log keeps lines from `level` on (debug, info, warning, error). Returns its file.

    Raises ValueError for another level.
    """
    path = install_log(_app().settings.home, level)
    _say(f"The log keeps lines from {level.lower()} on. It is {path}")
    if level.lower() == "debug":
        _say("It may quote questions and answers now. Go back with log('info').")
    return path


def trace_next_request() -> Path:
    """Has the next question and its answer written to a file, as they go over the wire but for keys."""
    path = log_folder(_app().settings.home) / f"trace-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    trace_next(path)
    _say(f"The next question and its answer are written to {path}")
    _say("Ask it now. The file holds your question; keys are masked.")
    return path


def _app() -> App:
    return api.shared_app()


def _line(state: ProviderStatus) -> str:
    parts: List[str] = [f"{state.title}: {state.state}"]
    if state.state in ("connected", "degraded") and state.latency_s is not None:
        parts.append(f"{state.latency_s * 1000:.0f} ms")
    if state.error is not None:
        parts.append(f"{state.error.user_text or state.error.message} {state.error.next_step}".strip())
    return " · ".join(parts)


def _say(line: str) -> None:
    """One line where the artist typed the call; a program without a console has nowhere for it."""
    if sys.stdout is not None:
        sys.stdout.write(line + "\n")

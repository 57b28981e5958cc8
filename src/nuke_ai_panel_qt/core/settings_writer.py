"""Writes settings in the background, one change after another, and tells the panels. Main thread; work is elsewhere.

Waiting for the disk, or for another session's lock, must never be the main thread's. Order is kept: a later change is
written after an earlier one. Quitting waits for what is on its way, for a second at most.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Callable, Deque, List, Mapping, Optional, Tuple

from nuke_ai_panel.app import App
from nuke_ai_panel.messages import Json
from nuke_ai_panel.settings import save_settings

from .event_bridge import EventBridge, outcome

FLUSH_S = 1.0
Done = Callable[[Optional[BaseException]], None]


class SettingsWriter:
    """`on_changed` is called on the main thread after settings were read anew."""

    def __init__(self, app: App, bridge: EventBridge, on_changed: Callable[[], None]) -> None:
        self._app = app
        self._bridge = bridge
        self._on_changed = on_changed
        self._waiting: Deque[Tuple[Mapping[str, Json], Future[None]]] = deque()
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self.committers: List[Callable[[], None]] = []  # each tells what is typed and not saved yet

    def save(self, changes: Mapping[str, Json], done: Done) -> None:
        """Writes and reads anew; `done` gets the error, if there was one. No change waits for those before it."""
        future: Future[None] = Future()
        self._bridge.when_done(future, lambda ended: self._ended(ended, done, is_change=bool(changes)))
        with self._lock:
            self._waiting.append((changes, future))
            if not self._idle.is_set():
                return
            self._idle.clear()
        threading.Thread(target=self._run, name="nuke-ai-settings", daemon=True).start()

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Waits until everything that was typed is written; False when it was not in time."""
        for commit in self.committers:
            commit()
        return self._idle.wait(timeout_s)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._idle.set()
                    return
                changes, future = self._waiting.popleft()
            try:
                if changes:
                    save_settings(changes, home=self._app.settings.home)
                    self._app.reload_settings()
                future.set_result(None)
            except Exception as exc:  # noqa: BLE001  # not stopped here: it reaches whoever asked for the change
                future.set_exception(exc)

    def _ended(self, future: Future[None], done: Done, *, is_change: bool) -> None:
        if is_change:
            self._on_changed()
        done(outcome(future).error)

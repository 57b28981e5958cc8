"""The prompts and presets that the panels know, read in the background. Main thread; held by the ChatSession.

`shelf` is what the last look found; `refresh` looks again on a thread, because a studio's folder may be slow.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Callable, List, Optional

from nuke_ai_panel.app import App
from nuke_ai_panel.core.prompt_files import PromptLibrary, Shelf
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.utils.event_loop_manager import create_task

from ..qt import QtCore
from .event_bridge import EventBridge, outcome


class PromptShelf:
    """What there is to choose from, as of the last look."""

    def __init__(self, app: App, bridge: EventBridge) -> None:
        self.library = PromptLibrary(app.settings.home)
        self.shelf = Shelf()
        self._bridge = bridge
        self._waiting: List[Callable[[], None]] = []

    def refresh(self, then: Callable[[], None] = lambda: None) -> None:
        """Looks at the folders; `then` is called once `shelf` is what they hold now."""
        self._waiting.append(then)
        if len(self._waiting) == 1:
            self._bridge.when_done(create_task(in_daemon_thread(self.library.look)), self._read)

    def change(
        self, work: Callable[[], Json], then: Callable[[Optional[BaseException]], None],
        *, owner: Optional[QtCore.QObject] = None,
    ) -> None:
        """Does `work` with the library on a thread, looks again, and says how it went."""

        def done(future: Future[Json]) -> None:
            error = outcome(future).error
            self.refresh(lambda: then(error))

        self._bridge.when_done(create_task(in_daemon_thread(work)), done, owner=owner)

    def _read(self, future: Future[Shelf]) -> None:
        found = outcome(future).value
        self.shelf = found if found is not None else self.shelf
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

"""What watches over a session: the code on disk, the background loop and, in developers' mode, the main thread.

Main thread; one for each ChatSession, started and closed by it, so that nothing of it outlives a reload.
"""

from __future__ import annotations

from typing import Callable, Optional

from nuke_ai_panel.app import App
from nuke_ai_panel.code_watch import the_watch

from ..qt import destroy
from .event_bridge import EventBridge
from .stall_watch import StallWatch
from .update_watch import UpdateWatch


class SessionWatches:
    """`updated` and `loop_replaced` are called on the main thread."""

    def __init__(
        self, app: App, bridge: EventBridge, *, updated: Callable[[], None], loop_replaced: Callable[[], None]
    ) -> None:
        self._app, self._bridge, self._updated = app, bridge, updated
        self._stalls: Optional[StallWatch] = None
        self._updates = UpdateWatch(lambda: bridge.call(self._tell_update))
        self._updates.start()
        app.when_loop_replaced(lambda: bridge.call(loop_replaced))
        self.settings_changed()

    def settings_changed(self) -> None:
        """Developers' mode may have been switched."""
        if not self._app.settings.developer.reload:
            self._end_stalls()
        elif self._stalls is None:
            self._stalls = StallWatch()
            self._stalls.start()

    def close(self) -> None:
        """Ends all of it."""
        self._updates.stop()
        self._end_stalls()

    def _end_stalls(self) -> None:
        stalls, self._stalls = self._stalls, None
        if stalls is not None:
            stalls.stop()
            destroy(stalls)

    def _tell_update(self) -> None:
        if not the_watch.is_running:  # developers' mode takes it into service by itself
            self._updated()

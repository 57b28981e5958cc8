"""The memory explorer over one panel: made when first opened, as it was left when opened again. Main thread."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Optional

from nuke_ai_panel.messages import Json

from ..qt import is_valid
from ..ui.chat_panel import ChatPanel
from ..ui.memory_explorer import MemoryExplorer
from .chat_session import ChatSession
from .explorer import ExplorerDesk


class ExplorerSheet:
    """One panel's. `open_row(conversation_id, message_id, words)` shows a chat in the panel."""

    def __init__(
        self, session: ChatSession, panel: ChatPanel, open_row: Callable[[str, Optional[str], str], None]
    ) -> None:
        self._session = session
        self._panel = panel
        self._open_row = open_row
        self._state: Mapping[str, Json] = {}
        self.view: Optional[MemoryExplorer] = None
        self.desk: Optional[ExplorerDesk] = None

    def open(self) -> None:
        """Puts it over the panel, ready to type; closes it when it lies there already."""
        panel = self._panel
        if self.view is not None and panel.overlay.content() is self.view:
            panel.close_overlay()
            return
        is_new = self.view is None or not is_valid(self.view)
        if is_new:
            self.view = MemoryExplorer(panel.shortcuts, panel.overlay)
            self.view.close_requested.connect(panel.close_overlay)
            self.desk = ExplorerDesk(self._session, self.view, self._open_row)
        assert self.view is not None and self.desk is not None, "both were made above"
        panel.overlay.open(self.view, "full")
        if is_new:
            self.desk.take_state(self._state)
        else:
            self.desk.refresh()
        self.view.focus_query()

    def view_state(self) -> Dict[str, Json]:
        """How it was left, as plain values; empty while it was never opened."""
        return self.view.state() if self.view is not None and is_valid(self.view) else dict(self._state)

    def take_state(self, state: Mapping[str, Json]) -> None:
        """How it shall look when it is opened."""
        self._state = dict(state)

    def close(self) -> None:
        """The panel goes."""
        if self.desk is not None and is_valid(self.desk):
            self.desk.close()

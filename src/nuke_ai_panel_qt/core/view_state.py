"""What an artist sees in a panel, as plain values, and a panel turned to it: for reloads and restarts. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Mapping

from nuke_ai_panel.core.request import ModelChoice
from nuke_ai_panel.messages import Json
from nuke_ai_panel.store import new_id

from ..qt import QtCore

if TYPE_CHECKING:
    from .panel_manager import PanelManager


def view_state_of(manager: PanelManager) -> Dict[str, Json]:
    """The state for another panel of this kind; the draft is in the store."""
    panel, shown = manager.panel, manager.shown
    anchor = panel.transcript.anchor()
    choice = manager.models.picked()
    return {
        "conversation": shown.id,
        "is_new": not shown.path and not shown.is_loading,
        "is_temporary": manager.session.app.store.is_temporary(shown.id),
        "anchor": list(anchor) if isinstance(anchor, tuple) else None,
        "model": [choice.provider, choice.model] if choice is not None else None,
        "find": panel.find_bar.query.text() if panel.find_bar.isVisible() else "",
        "sheet": _open_sheet(manager),
        "explorer": manager.explorer.view_state(),
        "batch": manager.batch.view_state(),
    }


def take_back(manager: PanelManager, state: Mapping[str, Json]) -> None:
    """Shows what `state` says; of an empty one, the conversation that was open last."""
    wanted = state.get("conversation") or manager.session.state.memory.open_conversation
    if state.get("is_temporary"):
        manager.session.app.store.keep_in_memory(str(wanted))
    manager.show(wanted or new_id(), is_new=wanted is None or bool(state.get("is_new")))
    if state.get("model"):
        manager.models.take_back(ModelChoice(*state["model"]))
    if state.get("find"):
        manager.panel.open_find()
        manager.panel.find_bar.query.setText(str(state["find"]))
    manager.explorer.take_state(state.get("explorer") or {})
    manager.batch.take_state(state.get("batch") or {})
    if state.get("sheet"):
        _open_again(manager, str(state["sheet"]))


def _open_sheet(manager: PanelManager) -> str:
    """The command that opens what lies over the panel."""
    panel = manager.panel
    on_top = panel.overlay.content()
    return next((command for command, sheet in (
        ("ledger", manager.ledger.view), ("batch", manager.batch.view), ("backups", manager.backups.view),
        ("explorer", manager.explorer.view), ("log", manager.trouble.log), ("help", panel.key_sheet),
        ("list", panel.conversations), ("pick_model", panel.picker), ("answer_options", panel.answer_sheet),
    ) if sheet is not None and sheet is on_top), "")


def _open_again(manager: PanelManager, command: str) -> None:
    """Opens a sheet once the panel has its size."""
    timer = QtCore.QTimer(manager)
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: manager.panel.run(command))
    timer.start(0)

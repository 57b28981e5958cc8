"""*Ask about the selection*: a new conversation with the selected nodes attached as .nk text. Main thread."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nuke

from nuke_ai_panel.errors import HostError
from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.store import new_id

from ..core.panel_manager import PanelManager
from .docking import in_panel


def ask_selection() -> None:
    """Raises HostError when nothing is selected."""
    nodes = nuke.selectedNodes()
    if not nodes:
        raise HostError(
            "no node is selected", user_text="No node is selected.", next_step="Select the nodes to ask about first."
        )
    name = nodes[0].name() if len(nodes) == 1 else f"{len(nodes)} nodes"
    attachment = Attachment(new_id(), "nodes", f"{name}.nk", text=selected_text())
    in_panel(lambda manager: _ask(manager, attachment))


def selected_text() -> str:
    """The selected nodes as .nk text, as Nuke copies them."""
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-") as folder:
        path = Path(folder) / "selection.nk"
        nuke.nodeCopy(path.as_posix())
        return path.read_text(encoding="utf-8")


def _ask(manager: PanelManager, attachment: Attachment) -> None:
    manager.new_conversation()
    manager.draft.put("", (attachment,))

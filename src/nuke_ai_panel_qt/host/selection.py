"""*Ask about the selection*, or about the last error: a new conversation with a chip of it. Main thread.

What the chip stands for is taken once more when the question is sent, so it may be changed in between.
"""

from __future__ import annotations

from nuke_ai_panel.errors import HostError
from nuke_ai_panel.words import tr

from ..core.host_door import find_host
from .docking import in_panel


def ask_selection() -> None:
    """Raises HostError when nothing is selected."""
    host = find_host()
    names = host.selected() if host is not None else ()
    if not names:
        raise HostError(
            "no node is selected", user_text=tr("No node is selected."),
            next_step=tr("Select the nodes to ask about first.")
        )
    in_panel(lambda manager: manager.context.ask_about(nodes=names))


def ask_error() -> None:
    """Raises HostError when there is neither a traceback nor a node with an error."""
    host = find_host()
    found = [key for key in ("traceback", "errors") if host is not None and not host.take(key).problem]
    if not found:
        raise HostError(
            "no error to ask about", user_text=tr("There is no traceback and no node has an error."),
            next_step=tr("Run the code in the Script Editor first, or look at the node that fails."),
        )
    in_panel(lambda manager: manager.context.ask_about(keys=tuple(found)))


def batch_selection() -> None:
    """A batch over the selected nodes, planned and ready to run; with none selected the view says so."""
    in_panel(lambda manager: manager.batch.over_selection())

"""The open script as the Script Editor's functions `nodes()` and `script()` read it. Main thread; loads no Qt.

The library finds `source` by name: offered when Nuke starts with its interface, and known to it in `nuke -t`.
"""

from __future__ import annotations

from typing import Tuple

from nuke_ai_panel.errors import HostError
from nuke_ai_panel.nk.context_text import nodes_text
from nuke_ai_panel.nk.digest import estimate_tokens
from nuke_ai_panel.scripting.context import Context
from nuke_ai_panel.words import tr

from .scene import Scene, find_node, selected_nodes, title_of


class ScriptSource:
    """See `nuke_ai_panel.scripting.context.SceneSource`."""

    def __init__(self) -> None:
        self._scene = Scene()

    def nodes(self, names: Tuple[str, ...], limit_tokens: int) -> Context:
        """The named nodes, or the selected ones. Raises HostError."""
        named = {name: find_node(name) for name in names}
        found = [node for node in named.values() if node is not None] if names else list(reversed(selected_nodes()))
        missing = [name for name, node in named.items() if node is None]
        if missing:
            raise HostError(
                f"no node is called {', '.join(missing)}", user_text=tr("There is no node called {names}.",
                names=', '.join(missing)),
                next_step=tr("Names are as in the node graph; inside a group 'Group1.Blur1'."),
            )
        if not found:
            raise HostError(
                "no node is selected", user_text=tr("No node is selected."),
                next_step=tr("Select nodes first, or name them: nodes('Blur1')."),
            )
        told = nodes_text(self._scene.facts(found), limit_tokens)
        name = title_of([str(node.name()) for node in found])
        return Context(told.text, name, "nodes", estimate_tokens(told.text), told.left_out)

    def script(self, limit_tokens: int) -> Context:
        """A digest of the whole script."""
        taken = self._scene.take_script(limit_tokens)
        return Context(taken.text, taken.name, "script", estimate_tokens(taken.text), taken.left_out)


def source() -> ScriptSource:
    """The source of the Nuke that this runs in."""
    return ScriptSource()

"""Nuke AI Panel: chat with language models, from Nuke's panel, the Script Editor and the command line.

    import nuke_ai_panel as ai
    print(ai.ask("Why is my despill eating the edge?"))

Importing this loads next to nothing; the names below load what they need when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import troubleshooter
    from .api import (
        Answer,
        Chat,
        Context,
        Running,
        Stream,
        ask,
        chat,
        close,
        nodes,
        register_tool,
        script,
        start,
        status,
        stream,
    )
    from .errors import NukeAIError

__version__ = "0.1.0"
__all__ = [
    "Answer", "Chat", "Context", "NukeAIError", "Running", "Stream", "__version__", "ask", "chat", "close", "nodes",
    "register_tool", "script", "start", "status", "stream", "troubleshooter",
]


def __getattr__(name: str) -> object:
    if name == "NukeAIError":
        from .errors import NukeAIError

        return NukeAIError
    if name == "troubleshooter":
        return import_module(f"{__name__}.troubleshooter")
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Prompts as scripts, over rows, nodes and `.nk` files: the batch runner's public names.

    from nuke_ai_panel import batch
    plan = batch.plan("shots.csv", template="Describe {{ shot }}.", provider="ollama", model="qwen3:8b")
    report = batch.run(plan, out="/show/ai/describe.run", budget=5.0)

Importing it loads neither aiohttp nor Jinja2 nor Qt; the first plan does.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BatchError", "Handle", "Plan", "Report", "plan", "run", "start", "stream"]


def __getattr__(name: str) -> Any:  # Any: whichever public name is asked for
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import calls

    return getattr(calls, name)

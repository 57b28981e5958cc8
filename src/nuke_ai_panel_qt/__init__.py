"""The panel for Nuke. `install` is the one public name; importing this loads neither Qt nor Nuke."""

from __future__ import annotations

from nuke_ai_panel.utils.host_offers import MAIN_LOOP, SCENE, offer

__all__ = ["install"]


def install() -> None:
    """Adds the panel to Nuke's Pane menu. Called once by menu.py; needs a Nuke with its interface."""
    from .host.install import register

    register()
    # For `nuke_ai_panel.ask` and its like; loaded when the first of them waits.
    offer(MAIN_LOOP, f"{__name__}.core.main_loop:host_loop")
    offer(SCENE, f"{__name__}.host.script_source:source")

"""The panel for Nuke. `install` is the one public name; importing this loads neither Qt nor Nuke."""

from __future__ import annotations

__all__ = ["install"]


def install() -> None:
    """Adds the panel to Nuke's Pane menu. Called once by menu.py; needs a Nuke with its interface."""
    from .host.install import register

    register()

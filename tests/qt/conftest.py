"""The fixtures of the panel's and the transcript's tests."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt is asked for a screen

from .panel_kit import desk

__all__ = ["desk"]

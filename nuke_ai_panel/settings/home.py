"""Where the user's files live: NUKE_AI_PANEL_HOME, else the platform's folder for application data. Any thread."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, Optional

from ..errors import SettingsError
from ..words import tr


def home_dir(env: Optional[Mapping[str, str]] = None) -> Path:
    """The folder of all user data; it may not exist yet. Raises SettingsError when the user has no home."""
    named = (os.environ if env is None else env).get("NUKE_AI_PANEL_HOME", "").strip()
    if named:
        path = Path(os.path.expanduser(named))
        return path if path.is_absolute() else Path(os.path.abspath(named))
    import platformdirs  # only needed here, and 15 ms of a command's start

    path = Path(platformdirs.user_data_dir("nuke-ai-panel", appauthor=False))
    if not path.is_absolute() or "~" in path.parts[:2]:
        raise SettingsError(
            tr("this user has no home folder"),
            next_step=tr("Set NUKE_AI_PANEL_HOME to a folder that you may write to.")
        )
    return path


def settings_path(home: Path) -> Path:
    """The user's settings file."""
    return home / "settings.toml"


def history_path(home: Path) -> Path:
    """The file of all conversations."""
    return home / "history.db"

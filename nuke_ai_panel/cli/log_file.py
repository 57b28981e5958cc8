"""Keeps warnings and errors of the log in a file, so that standard error holds only what a reader should act on."""

from __future__ import annotations

import logging
from typing import Optional

from ..errors import SettingsError

_LIMIT_BYTES = 1 << 20


def keep_log() -> None:
    """From here on, warnings go to `nuke-ai-panel.log` in the folder of user data. Once in a process."""
    root = logging.getLogger()
    if not any(isinstance(one, LogFile) for one in root.handlers):
        root.addHandler(LogFile())


class LogFile(logging.Handler):
    """Opens its file for every line: there are few, from several processes. A line that cannot be kept is dropped."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Appends the line; the file begins anew once it is large."""
        from ..settings.home import home_dir

        try:
            path = home_dir() / "nuke-ai-panel.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            size: Optional[int] = path.stat().st_size if path.exists() else 0
            with path.open("w" if size and size > _LIMIT_BYTES else "a", encoding="utf-8", errors="replace") as file:
                file.write(self.format(record) + "\n")
        except (OSError, SettingsError):
            return

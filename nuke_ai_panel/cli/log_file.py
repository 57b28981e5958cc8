"""Keeps warnings and errors of a command in the log file, so that standard error holds only what calls for action."""

from __future__ import annotations

import logging
from pathlib import Path

from ..errors import SettingsError


def keep_log() -> None:
    """From here on, warnings go to the log in the folder of user data. Once in a process."""
    root = logging.getLogger()
    if not any(isinstance(one, CommandLog) for one in root.handlers):
        root.addHandler(CommandLog())


def keep_log_in(path: Path) -> None:
    """From here on, what this package does is appended to `path` too."""
    from ..log_file import LogFile

    logging.getLogger(__package__.partition(".")[0]).setLevel(logging.INFO)
    logging.getLogger().addHandler(LogFile(path.absolute().parent, logging.INFO, name=path.name))


class CommandLog(logging.Handler):
    """Passes lines on to the log file, which is found when the first one comes: most commands have none."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Appends the line."""
        from ..log_file import LogFile, log_folder
        from ..settings.home import home_dir

        try:
            file = LogFile(log_folder(home_dir()))
        except SettingsError:  # a user without a home
            return
        file.emit(record)
        file.close()

"""The log of the product in a file: size-capped, rotated, without keys, shared by all processes of a user. Any thread.

Every line opens and closes the file, so nothing stays open across a fork, a reload or an update, and no process stands
in another's way when the file is rotated. A line that cannot be kept is dropped: a full disk must not stop an answer.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Iterator, List, Optional

from .providers.redact import masked
from .reload import Part, register, unregister

PART = "log file"
LOGGERS = ("nuke_ai_panel", "nuke_ai_panel_qt")
FILE_NAME = "nuke-ai-panel.log"
LIMIT_BYTES = 1 << 20
KEPT = 3
LEVELS = ("debug", "info", "warning", "error")
_STALE_LOCK_S = 10.0
_LONGEST_LINE = 4000


def log_folder(home: Path) -> Path:
    """Where the log and traces of requests lie."""
    return home / "logs"


def log_files(home: Path) -> List[Path]:
    """The log's files that are there, the newest first."""
    folder = log_folder(home)
    return [path for path in (_numbered(folder, number) for number in range(KEPT + 1)) if path.exists()]


class LogFile(logging.Handler):
    """Appends to the log in `folder`, and begins a new file when the old one is large; `KEPT` old ones stay.

    A file with a `name` of its own is only appended to.
    """

    def __init__(self, folder: Path, level: int = logging.NOTSET, *, name: str = FILE_NAME) -> None:
        super().__init__(level)
        self.folder = folder
        self._file_name = name
        self.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Appends the record, masked line by line."""
        try:
            text = "\n".join(masked(line)[:_LONGEST_LINE] for line in self.format(record).split("\n"))
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / self._file_name
            if self._file_name == FILE_NAME:
                _rotate_if_large(path)
            # One write of the whole: what several processes append does not mix.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, (text + "\n").encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
        except OSError:
            return
        except Exception:  # noqa: BLE001 - as in the standard library's handlers: a message whose arguments do not fit it
            self.handleError(record)


def _rotate_if_large(path: Path) -> None:
    if _size(path) < LIMIT_BYTES:
        return
    with _rotating(path.with_name("rotating")) as is_mine:
        if is_mine and _size(path) >= LIMIT_BYTES:
            for number in range(KEPT, 0, -1):
                older, newer = _numbered(path.parent, number), _numbered(path.parent, number - 1)
                with contextlib.suppress(OSError):  # open in another process, where that forbids it: next time
                    os.replace(newer, older)


@contextlib.contextmanager
def _rotating(lock: Path) -> Iterator[bool]:
    """Whether this process rotates: one at a time does, the others write on."""
    try:
        os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with contextlib.suppress(OSError):  # whoever held it may have died
            if time.time() - lock.stat().st_mtime > _STALE_LOCK_S:
                lock.unlink()
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()


def _numbered(folder: Path, number: int) -> Path:
    return folder / (FILE_NAME if number == 0 else f"{FILE_NAME}.{number}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# ---------------------------------------------------------------- this process's log


class _Installed:
    """What is in place in this process."""

    file: Optional[LogFile] = None
    level = "info"


def install_log(home: Path, level: Optional[str] = None) -> Path:
    """From now on the product's log lines go to the file in `home`, from `level` on. Idempotent; a reload keeps it.

    Raises ValueError for a level that is none of LEVELS.
    """
    level = (level or _Installed.level).lower()
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of the log: choose one of {', '.join(LEVELS)}")
    remove_log()
    made = LogFile(log_folder(home))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(made)
        logger.setLevel(level.upper())
    _Installed.file, _Installed.level = made, level
    register(Part(PART, _freeze, f"{__name__}:_thaw"))
    return made.folder / FILE_NAME


def kept_level() -> str:
    """From which level on lines are written down."""
    return _Installed.level


def remove_log() -> None:
    """Ends what `install_log` began. Idempotent."""
    unregister(PART)
    made, _Installed.file = _Installed.file, None
    if made is not None:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.removeHandler(made)
            logger.setLevel(logging.NOTSET)
        made.close()


def log_level() -> str:
    """From which level on lines are kept."""
    return _Installed.level


def _freeze() -> Optional[List[str]]:
    made = _Installed.file
    remove_log()
    return None if made is None else [str(made.folder.parent), _Installed.level]


def _thaw(kept: Optional[List[str]]) -> None:
    if kept is not None:
        install_log(Path(kept[0]), kept[1])

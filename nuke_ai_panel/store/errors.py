"""SQLite's and the system's errors as ours: the one table, at the store's door. Pure."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Tuple

from ..errors import StoreError
from ..words import later, tr

# A fragment of SQLite's text → (code, sentence, next step). Before Python 3.11 the text is all there is.
_TABLE: Tuple[Tuple[str, str, str, str], ...] = (
    ("database is locked", "locked", later("The chat history is busy: another program holds {file}."),
     later("Close other sessions that use it; the chat goes on unsaved until then.")),
    ("is full", "disk_full", later("The disk is full: the chat history could not be saved to {file}."),
     later("Free some space; the chat goes on unsaved until then.")),
    ("readonly database", "read_only", later("The chat history {file} can be read but not written."),
     later("Ask for write access to its folder, or set NUKE_AI_PANEL_HOME to another one.")),
    ("Could not decode", "corrupt", later("The chat history {file} is damaged."),
     later("Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.")),
    ("already exists", "corrupt", later("The chat history {file} is damaged."),
     later("Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.")),
    ("duplicate column", "corrupt", later("The chat history {file} is damaged."),
     later("Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.")),
    ("malformed", "corrupt", later("The chat history {file} is damaged."),
     later("Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.")),
    ("not a database", "corrupt", later("{file} is not a chat history, or it is damaged."),
     later("Keep a copy of the file; nothing in it was changed. The chat goes on unsaved.")),
    ("unable to open", "unopenable", later("The chat history {file} could not be opened."),
     later("Check that its folder exists and can be written, or set NUKE_AI_PANEL_HOME to another one.")),
    ("disk I/O error", "io", later("The disk reported an error: the chat history could not be saved to {file}."),
     later("Check the disk; the chat goes on unsaved until it answers again.")),
    ("FOREIGN KEY", "unknown_conversation", later("The conversation that this message belongs to does not exist."), ""),
    ("UNIQUE", "duplicate", later("The chat history already holds an entry with this id."), ""),
)


def locked_for_long(path: Path) -> StoreError:
    """Another session has held the history for so long that waiting for it makes no sense."""
    return StoreError(
        "database is locked", code="locked",
        user_text=tr("The chat history has been busy for half a minute and is read-only here: a program holds {path}.",
                     path=path),
        next_step=tr("Close the other program. What is said meanwhile is written as soon as it lets go."),
    )


def translated(exc: BaseException, path: Path) -> BaseException:
    """`exc` as a StoreError when it comes from SQLite or the system; anything else is a bug and stays itself."""
    if isinstance(exc, sqlite3.Error):
        text = str(exc)
        for fragment, code, sentence, step in _TABLE:
            if fragment in text:
                return StoreError(text, code=code, user_text=tr(sentence, file=path), next_step=tr(step))
        return StoreError(
            text, code="database", user_text=tr("The chat history {path} could not be used: {words}.", path=path,
            words=text),
            next_step=tr("The chat goes on unsaved."),
        )
    if isinstance(exc, OSError):
        return StoreError(
            str(exc), code="unopenable",
            user_text=tr("The chat history {path} could not be opened: {exc}.", path=path, exc=exc.strerror or exc),
            next_step=tr("Check that its folder exists and can be written, or set NUKE_AI_PANEL_HOME to another one."),
        )
    return exc

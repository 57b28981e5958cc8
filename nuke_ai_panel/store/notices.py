"""What is said about the history besides why it is not being saved: each a sentence and a next step. Pure."""

from __future__ import annotations

from pathlib import Path

from ..messages import ErrorInfo
from ..words import tr


def missing(path: Path) -> ErrorInfo:
    """A new history was begun though there are backups of an old one."""
    return ErrorInfo(
        kind="store", code="missing", message=f"{path} was not there",
        user_text=tr("The chat history {path} was not there, so a new one was begun; there are backups of the old one.",
        path=path),
        next_step=tr("To have it back, run: nuke-ai-panel history restore"),
    )


def in_sync_folder(path: Path, service: str) -> ErrorInfo:
    """The history lies where a service copies it."""
    return ErrorInfo(
        kind="store", code="sync_folder", message=f"{path} is in a folder of {service}",
        user_text=tr("The chat history lies in a folder that {service} copies; such copies can miss the newest chats.",
        service=service),
        next_step=tr("Set NUKE_AI_PANEL_HOME to a folder outside it; copy the history with nuke-ai-panel history "
                     "backup."),
    )


def backup_failed(exc: Exception) -> ErrorInfo:
    """No copy could be made now."""
    return ErrorInfo(
        kind="store", code="backup_failed", message=str(exc),
        user_text=tr("A backup of the chat history could not be made: {exc}.", exc=exc),
        next_step=tr("The older backups are untouched; it is tried again in five minutes."),
    )

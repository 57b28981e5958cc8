"""Nuke's Script Editor by its widgets. It has no interface of its own, so whatever is not found is simply not there.

Main thread. The editor exists only where its tab is in the layout and was opened once.
"""

from __future__ import annotations

from typing import Iterator, Optional

from ..qt import QtWidgets, is_valid

_NAME = "uk.co.thefoundry.scripteditor"
_CLASS = "NukeScriptEditor"
_TRACE = "Traceback (most recent call last):"


def _editors() -> Iterator[QtWidgets.QWidget]:
    for widget in QtWidgets.QApplication.allWidgets():
        if is_valid(widget) and (
            widget.objectName().startswith(_NAME) or str(widget.metaObject().className()).rstrip("'").endswith(_CLASS)
        ):
            yield widget


def _input() -> Optional[QtWidgets.QPlainTextEdit]:
    """Where code is written: of the editor that is seen or has the focus, else of any."""
    found = [edit for editor in _editors() for edit in editor.findChildren(QtWidgets.QPlainTextEdit)
             if not edit.isReadOnly()]
    return max(found, key=lambda edit: (edit.hasFocus(), edit.isVisible())) if found else None


def _outputs() -> Iterator[QtWidgets.QTextEdit]:
    for editor in _editors():
        yield from editor.findChildren(QtWidgets.QTextEdit)


def insert(text: str) -> bool:
    """Inserts at the caret, so that the editor's own undo knows; nothing that stands there is lost."""
    edit = _input()
    if edit is None:
        return False
    cursor = edit.textCursor()
    if cursor.hasSelection():
        cursor.setPosition(cursor.selectionEnd())
    on_new_line = cursor.positionInBlock() > 0
    cursor.insertText(("\n" if on_new_line else "") + text)
    edit.setTextCursor(cursor)
    return True


def selection() -> str:
    """What is selected in the code, else in the output."""
    edit = _input()
    chosen = edit.textCursor().selectedText() if edit is not None else ""
    if not chosen:
        chosen = next(filter(None, (one.textCursor().selectedText() for one in _outputs())), "")
    return str(chosen).replace("\u2029", "\n").replace("\u2028", "\n")


def last_traceback() -> str:
    """The last traceback in the output."""
    for output in _outputs():
        text = output.toPlainText()
        start = text.rfind(_TRACE)
        if start >= 0:
            lines = text[start:].split("\n")
            # Its frames are indented; the first line after them that is not ends it.
            ends = (at for at, line in enumerate(lines[1:], 1) if line and not line.startswith(" "))
            end = next(ends, len(lines) - 1)
            return "\n".join(lines[: end + 1])
    return ""

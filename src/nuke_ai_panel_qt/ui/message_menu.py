"""The menu of one message: copy, its exact source, what was sent, delete. Main thread; owned by its message view."""

from __future__ import annotations

from nuke_ai_panel.words import tr

from ..qt import QtClass, QtCore, QtGui, QtWidgets, Signal


class MessageMenu(QtWidgets.QMenu, metaclass=QtClass):
    """`chosen` carries copy, copy_plain, source, sent, fork, keep_prompt or delete."""

    chosen = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.triggered.connect(self._on_triggered)

    def open_below(
        self, button: QtWidgets.QWidget, *, as_source: bool, busy: bool, is_question: bool = False
    ) -> None:
        """Opens below `button` without blocking; nothing is deleted while an answer runs."""
        self.clear()
        source = tr("Show formatted") if as_source else tr("Show the exact source")
        for name, words in (
            ("copy", tr("Copy as Markdown")), ("copy_plain", tr("Copy as plain text")), ("source", source),
            ("sent", tr("Show what was sent")), ("fork", tr("Fork from here")), ("keep_prompt", tr("Save as prompt…")),
            ("delete", tr("Delete…")),
        ):
            if name == "keep_prompt" and not is_question:
                continue
            entry = self.addAction(words)
            entry.setData(name)
            entry.setEnabled(name not in ("delete", "fork") or not busy)
        self.popup(button.mapToGlobal(QtCore.QPoint(0, button.height())))

    def _on_triggered(self, entry: QtGui.QAction) -> None:
        self.chosen.emit(str(entry.data()))

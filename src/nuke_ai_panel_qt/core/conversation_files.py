"""Conversations as files and on the clipboard: export, import, copy. Main thread; disk and history are elsewhere."""

from __future__ import annotations

import re
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, List

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.settings.toml_file import write_atomically
from nuke_ai_panel.store.values import Imported
from nuke_ai_panel.words import later, tr

from ..qt import QtCore, QtGui, QtWidgets
from .event_bridge import outcome
from .provider_setup import on_thread

if TYPE_CHECKING:
    from .panel_manager import PanelManager

_KINDS = {  # what → ending, the dialog's filter
    "markdown": (".md", later("Markdown (*.md)")), "html": (".html", later("HTML page (*.html)")),
    "json": (".json", later("JSON (*.json)")),
}
LONGEST_BYTES = 1 << 30
NOT_KEPT = later("A temporary chat is not stored and cannot be exported; copy what you need.")


class ConversationFiles:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager

    def export(self, kind: str) -> None:
        """Asks where to, and writes the conversation on show there."""
        manager = self._manager
        if not self._can_export():
            return
        ending, words = _KINDS[kind]
        conversation = manager.session.conversation(manager.shown.id)
        title = conversation.title if conversation is not None else ""
        name = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "-", title).strip(" .")
        dialog = QtWidgets.QFileDialog(manager.panel, tr("Export the conversation"), "", tr(words))
        dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending)
        dialog.selectFile(f"{name[:80] or 'Conversation'}{ending}")
        self._open(dialog, lambda paths: self.write(kind, paths[0]))

    def write(self, kind: str, path: str) -> None:
        """Writes the conversation on show to a file."""
        store, id = self._manager.session.app.store, self._manager.shown.id
        texts = {
            "markdown": lambda: store.export_markdown(id), "html": lambda: store.export_html(id),
            "json": lambda: store.export_json([id]),
        }
        future: Future[str] = texts[kind]()
        self._manager.session.bridge.when_done(
            future, lambda done: self._read(Path(path), done), owner=self._manager
        )

    def copy_markdown(self) -> None:
        """The conversation on show to the clipboard."""
        if self._can_export():
            future = self._manager.session.app.store.export_markdown(self._manager.shown.id)
            self._manager.session.bridge.when_done(future, self._copy, owner=self._manager)

    def ask_import(self) -> None:
        """Asks for exported files and adds what is in them."""
        dialog = QtWidgets.QFileDialog(self._manager.panel, tr("Import conversations"), "", tr(_KINDS["json"][1]))
        dialog.setFileMode(QtWidgets.QFileDialog.FileMode.ExistingFiles)
        self._open(dialog, self.read)

    def read(self, paths: List[str]) -> None:
        """Adds the conversations of exported files; what is there already stays as it is."""
        bridge = self._manager.session.bridge
        for path in paths:
            bridge.when_done(on_thread(partial(_text_of, path)), self._import, owner=self._manager)

    def _can_export(self) -> bool:
        manager = self._manager
        if manager.session.app.store.is_temporary(manager.shown.id):
            manager.panel.say(tr(NOT_KEPT))
        elif not manager.shown.path:
            manager.panel.say(tr("There is nothing in this conversation yet."))
        else:
            return True
        return False

    def _open(self, dialog: QtWidgets.QFileDialog, chosen: object) -> None:
        dialog.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(chosen)
        dialog.open()

    def _read(self, path: Path, future: Future[str]) -> None:
        result = outcome(future)
        if result.value is None:
            self._say_error(result.error)
            return
        text = result.value
        self._manager.session.bridge.when_done(
            on_thread(lambda: write_atomically(path, text)), lambda done: self._written(path, done),
            owner=self._manager,
        )

    def _written(self, path: Path, future: Future[None]) -> None:
        error = outcome(future).error
        if error is not None:
            self._say_error(error)
        else:
            self._manager.panel.say(tr("Exported to {name}", name=path.name), action=tr("Show"),
                run=lambda: _show_folder(path))

    def _copy(self, future: Future[str]) -> None:
        result = outcome(future)
        if result.value is None:
            self._say_error(result.error)
            return
        QtGui.QGuiApplication.clipboard().setText(result.value)
        self._manager.panel.say(tr("Copied the conversation as Markdown"))

    def _import(self, future: Future[str]) -> None:
        result = outcome(future)
        if result.value is None:
            self._say_error(result.error)
            return
        importing = self._manager.session.app.store.import_json(result.value)
        self._manager.session.bridge.when_done(importing, self._imported, owner=self._manager)

    def _imported(self, future: Future[Imported]) -> None:
        result = outcome(future)
        found = result.value
        if found is None:
            self._say_error(result.error)
            return
        words = tr("Imported {count} conversation", "Imported {count} conversations", count=found.conversations)
        if found.skipped_conversations:
            already = found.skipped_conversations
            words += "; " + tr("{count} was here already", "{count} were here already", count=already)
        if found.problems:
            words += f". {found.problems[0]}"
        self._manager.panel.say(words)
        self._manager.session.refresh_conversations()

    def _say_error(self, error: object) -> None:
        words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
        self._manager.panel.say(words.strip())


def _text_of(path: str) -> str:
    """A file's text. Raises NukeAIError."""
    try:
        with open(path, "rb") as file:
            raw = file.read(LONGEST_BYTES)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise NukeAIError(
            f"{path} is not text", user_text=tr("{name} is not an exported conversation.", name=Path(path).name),
            next_step=tr("Choose a JSON file that was exported here."),
        ) from exc
    except OSError as exc:
        raise NukeAIError(
            f"{path} cannot be read", user_text=tr("{name} cannot be read: {exc}.", name=Path(path).name,
            exc=exc.strerror or exc),
            next_step=tr("Check that it is a file that you may read."),
        ) from exc


def _show_folder(path: Path) -> None:
    QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(path.parent)))

"""What the explorer does to chats that are selected, many at once, each with its Undo. Main thread; never waits.

Deleting is into the bin for 30 days. Exports are written by a thread of their own, because a share may be slow, and
nothing that is there already is written over but what the artist named.
"""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.store import Undo
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..qt import QtClass, QtCore, QtWidgets
from ..ui.explorer_selection import conversation_ids
from ..ui.memory_explorer import MemoryExplorer
from .chat_session import ChatSession
from .event_bridge import outcome
from .explorer_rows import count_text

_ENDINGS = {"json": "json", "markdown": "md", "html": "html"}
_CHANGES: Dict[str, Tuple[Dict[str, bool], str]] = {
    "pin": ({"pinned": True}, later("Pinned")), "unpin": ({"pinned": False}, later("Unpinned")),
    "archive": ({"archived": True}, later("Archived")),
    "unarchive": ({"archived": False}, later("Out of the archive:")),
    "delete": ({"deleted": True}, later("Deleted")), "restore": ({"deleted": False}, later("Took back")),
}
_LONGEST_NAME = 60


class ExplorerActions(QtCore.QObject, metaclass=QtClass):
    """Of one explorer; a child of it."""

    def __init__(self, session: ChatSession, view: MemoryExplorer) -> None:
        super().__init__(view)
        self._session = session
        self._view = view
        view.selection.acted.connect(self.act)
        view.selection.tagged.connect(self.tag)

    def act(self, name: str) -> None:
        """Does what a button or the menu names to all that are selected."""
        ids = conversation_ids(self._view.list.chosen())
        if not ids:
            return
        if name.startswith("export:"):
            self._ask_where(ids, name.partition(":")[2])
        elif name == "forget":
            self._ask_forget(ids)
        else:
            changes, words = _CHANGES[name]
            if name == "delete":
                self._leave(ids)
            self._change(ids, tr(words), **changes)

    def tag(self, tag: str, is_added: bool) -> None:
        """Adds a tag to all that are selected, or takes it from them."""
        ids = conversation_ids(self._view.list.chosen())
        if ids:
            words = tr("Tagged #{tag}:", tag=tag) if is_added else tr("No longer #{tag}:", tag=tag)
            self._change(ids, words, **{"add_tags" if is_added else "remove_tags": (tag,)})

    def rename(self, conversation_id: str, title: str) -> None:
        """Gives a chat a title that nothing overwrites."""
        future = self._session.app.store.update_conversation(conversation_id, title=title, title_is_manual=True)
        self._then(future, lambda _: None)

    # ------------------------------------------------------------ changes

    def _change(self, ids: Sequence[str], words: str, **changes: Any) -> None:  # Any: what the store's method takes
        def changed(undo: Undo) -> None:
            self._view.say(
                f"{words} {count_text(len(undo))}", action=tr("Undo"), run=lambda: self._undo(undo)
            )

        self._then(self._session.app.store.change_conversations(ids, **changes), changed)

    def _undo(self, undo: Undo) -> None:
        def undone(count: int) -> None:
            missing = len(undo) - count
            said = tr("{chats} as before", chats=count_text(count))
            if missing:
                said = tr("{chats} as before; {gone} had left the bin for good", chats=count_text(count),
                          gone=count_text(missing))
            self._view.say(said)

        self._then(self._session.app.store.undo(undo), undone)

    def _leave(self, ids: Sequence[str]) -> None:
        """Ends answers that are being written in them, and shows something else where they are open."""
        for one in ids:
            run = self._session.run_in(one)
            if run is not None:
                run.handle.stop()
        gone = frozenset(ids)
        self._session.tell(lambda view: view.conversations_deleted(gone))

    def _ask_forget(self, ids: Sequence[str]) -> None:
        def forget() -> None:
            self._then(
                self._session.app.store.empty_bin(ids),
                lambda count: self._view.say(tr("Deleted {chats} for good", chats=count_text(count))),
            )

        words = tr("{chats}: there is no way back", chats=count_text(len(ids)))
        self._view.say(words, action=tr("Delete for good"), run=forget)

    def _then(self, future: Future[Any], then: Callable[[Any], None]) -> None:  # Any: each command's own answer
        def done(finished: Future[Any]) -> None:
            result = outcome(finished)
            if result.error is None:
                then(result.value)
            else:
                error = result.error
                self._view.say(error.user_text if isinstance(error, NukeAIError) else str(error))
            self._session.refresh_conversations()

        self._session.bridge.when_done(future, done, owner=self)

    # ------------------------------------------------------------ exports

    def _ask_where(self, ids: Sequence[str], kind: str) -> None:
        is_folder = kind != "json" and len(ids) > 1
        dialog = QtWidgets.QFileDialog(self._view, tr("Export"))
        dialog.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptSave)
        if is_folder:
            dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptOpen)
            dialog.setFileMode(QtWidgets.QFileDialog.FileMode.Directory)
        else:
            dialog.setDefaultSuffix(_ENDINGS[kind])
            title = "chats" if len(ids) > 1 else self._titles().get(ids[0], "chat")
            dialog.selectFile(f"{file_name(title)}.{_ENDINGS[kind]}")
        dialog.fileSelected.connect(lambda path: self.export(ids, kind, path))
        dialog.open()

    def export(self, ids: Sequence[str], kind: str, path: str) -> None:
        """Writes chats to a file or, several that each need one, into a folder."""
        store, titles = self._session.app.store, self._titles()
        if kind == "json":
            texts = [store.export_json(ids)]
        else:
            texts = [(store.export_html if kind == "html" else store.export_markdown)(one) for one in ids]
        names = None if kind == "json" or len(ids) == 1 else [
            f"{file_name(titles.get(one, 'chat'))}.{_ENDINGS[kind]}" for one in ids
        ]

        def write(_: str) -> None:
            made = [outcome(one) for one in texts]
            failed = next((one.error for one in made if one.error is not None), None)
            if failed is not None:
                self._view.say(failed.user_text if isinstance(failed, NukeAIError) else str(failed))
                return
            written = create_task(in_daemon_thread(lambda: _write(Path(path), names, [str(one.value) for one in made])))
            self._then(written, lambda place: self._view.say(
                tr("Exported {chats} to {place}", chats=count_text(len(ids)), place=place)))

        # One thread answers all of them in order, so the last one done means all are.
        self._then(texts[-1], write)

    def _titles(self) -> Dict[str, str]:
        return {row.conversation_id: row.title for row in self._view.list.chosen()}


def file_name(title: str) -> str:
    """A title as a file's name on every system, without an ending."""
    name = re.sub(r"[^\w\-. ]+", " ", title)
    name = " ".join(name.split())[:_LONGEST_NAME].strip(". ")
    return name if name and name.upper() not in _RESERVED else f"chat {name}".strip()


def _write(path: Path, names: Optional[List[str]], texts: Sequence[str]) -> str:
    try:
        if names is None:
            _write_text(path, texts[0])
            return path.name
        for name, text in zip(names, texts):
            _write_text(_free(path / name), text)
        return path.name or str(path)
    except OSError as error:
        raise NukeAIError(
            tr("{name} could not be written: {error}", name=path.name, error=error.strerror or error),
            next_step=tr("Choose another folder.")
        ) from error


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))


def _free(path: Path) -> Path:
    """`path`, or the same with a number when something is there already."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem} {number}{path.suffix}")
        number += 1
    return found


_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(1, 10))})

"""Past chats and files for one panel's @ and its menu, beside what Nuke has. Main thread; never waits.

A chat is read from the store and a folder from the disk while the list stands; what comes for letters that have
changed since is dropped.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, List, Tuple

from nuke_ai_panel.core.past_chat import chat_text
from nuke_ai_panel.core.path_rows import PATH_START, names_in, path_rows
from nuke_ai_panel.messages import Attachment, Conversation, Message
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.store import new_id
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import tr

from ..ui.context_menu import ContextEntry, open_context_menu
from .event_bridge import outcome
from .host_door import find_host

if TYPE_CHECKING:
    from .panel_manager import PanelManager

CHAT, FILE, FOLDER = "chat:", "path:", "folder:"
MOST_CHATS = 4
_MENU_CHATS = 12
_LEAST_LETTERS = 2


class MentionSources:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._typed = ""

    # ------------------------------------------------------------ chats

    def chats(self, wanted: str, most: int = MOST_CHATS) -> List[ContextEntry]:
        """Other conversations whose title holds these letters, the newest first."""
        found = [one for one in self._others() if wanted in one.title.lower()]
        return [ContextEntry(f"{CHAT}{one.id}", one.title, "chat") for one in found[:most]]

    def chats_entry(self) -> ContextEntry:
        """The menu's entry."""
        return ContextEntry("chats", tr("Earlier chat …"), "chat", "" if self._others() else tr("there is none"))

    def open_menu(self) -> None:
        """The newest conversations, to choose from."""
        panel = self._manager.panel
        open_context_menu(tuple(self.chats("", _MENU_CHATS)), panel.composer.attach, self.add)

    def add(self, key: str) -> None:
        """Adds a chat or a file by its key."""
        if key.startswith(CHAT):
            self._add_chat(key)
        elif key.startswith(FILE):
            self._manager.draft.attach_files((key[len(FILE):],))

    def _others(self) -> List[Conversation]:
        manager = self._manager
        return [one for one in manager.session.conversations if one.id != manager.shown.id and one.title]

    def _add_chat(self, origin: str) -> None:
        manager, target, id = self._manager, self._manager.shown.id, origin[len(CHAT):]
        found = manager.session.conversation(id)
        if found is None or any(one.origin == origin for one in manager.draft.attachments):
            return
        title = found.title

        def read(future: Future[List[Message]]) -> None:
            result = outcome(future)
            if manager.shown.id != target:
                return
            told = chat_text(title, result.value or ())
            if result.error is not None or not result.value:
                manager.panel.composer.nudge(tr("The chat “{title}” could not be read.", title=title))
                return
            manager.draft.attach(Attachment(new_id(), "text", title, text=told.text, origin=origin))
            manager.panel.composer.nudge(tr("Left out of {name}: {names}.", name=title,
                                            names="; ".join(told.left_out)) if told.left_out else "")

        manager.session.bridge.when_done(manager.session.app.store.path(id), read, owner=manager)

    # ------------------------------------------------------------ files

    def look_for_files(self, typed: str) -> None:
        """Looks for the files that begin so: by their path, or beside the script by their name."""
        self._typed = typed
        host = find_host()
        beside = host.script_folder() if host is not None else ""
        if PATH_START.match(typed):
            looked = create_task(in_daemon_thread(lambda: path_rows(typed)))
            beside = ""
        elif beside and len(typed) >= _LEAST_LETTERS:
            looked = create_task(in_daemon_thread(lambda: names_in(beside, typed)))
        else:
            return
        self._manager.session.bridge.when_done(
            looked, lambda done: self._found(typed, beside, done), owner=self._manager)

    def _found(self, typed: str, beside: str, future: Future[Tuple[str, ...]]) -> None:
        mentions = self._manager.context.mentions
        if typed == self._typed and mentions.is_asking(typed):
            files = self._rows(beside, outcome(future).value or ())
            mentions.show_rows((*self._manager.context.matches(typed), *files))

    def _rows(self, beside: str, names: Tuple[str, ...]) -> List[ContextEntry]:
        rows = []
        for name in names:
            path = str(Path(beside) / name) if beside else str(Path(name).expanduser())
            if name.endswith("/"):
                shown = f"{Path(path).as_posix()}/" if beside else name
                rows.append(ContextEntry(f"{FOLDER}{path}", f"{Path(name).name}/", "file", word=f"@{shown}"))
            else:
                rows.append(ContextEntry(f"{FILE}{path}", Path(name).name, "file", word=Path(name).name))
        return rows

"""Presents the history's backups in one panel, and what was mended in it. Main thread; folders are read on another.

A restore is one click because it loses nothing: the history as it is becomes the newest backup first. Until somebody
says that the restored one is right no automatic backup is made, so that none can push out the good ones.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any, Callable, List, Literal, Optional, Tuple

from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import ErrorInfo
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.store import Backup, Check
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import later, tr

from ..qt import is_valid
from ..ui.backups_sheet import BackupsSheet
from ..ui.chat_panel import ChatPanel
from ..ui.panel_values import BackupRow, BackupsPage, Banner
from .chat_session import ChatSession
from .event_bridge import outcome

_WHY = {
    "auto": later("after half an hour of use"), "manual": later("made by hand"),
    "before-restore": later("the history before a restore"),
}
_WITH_BACKUPS = frozenset({"missing", "salvaged", "corrupt", "database"})


class BackupsDesk:
    """One panel's. `restored` is called when another history has taken the place of the one that was shown."""

    def __init__(self, session: ChatSession, panel: ChatPanel, restored: Callable[[], None]) -> None:
        self._session, self._panel, self._restored = session, panel, restored
        self._banner: Optional[Banner] = None
        self._news: Optional[Tuple[ErrorInfo, Banner]] = None
        self.view: Optional[BackupsSheet] = None
        panel.banner.action_clicked.connect(self._act)
        panel.banner.more_clicked.connect(self._take_back)
        panel.banner.dismissed.connect(self._note_read)
        news = session.app.store.notice
        if news is not None and news is not session.read_notice:  # said before this panel was there
            self.show_notice(news)
        self._read(lambda found: self._show_pause(found[1]))

    def open(self) -> None:
        """The backups over the panel, read anew."""
        if self.view is None or not is_valid(self.view):
            self.view = BackupsSheet(self._panel.overlay)
            self.view.close_requested.connect(self._panel.close_overlay)
            self.view.back_up_requested.connect(self._back_up)
            self.view.check_requested.connect(self._check)
            self.view.restore_requested.connect(self.restore)
            self.view.confirmed.connect(self._confirm)
        self.view.say("")
        self._panel.overlay.open(self.view, "full")
        self.view.back_up.setFocus()
        self._show()

    def show_notice(self, news: ErrorInfo) -> None:
        """Says what was mended in the history, with the way to its backups where those may help."""
        kind: Literal["info", "warning"] = "info" if news.code in ("deleted", "replaced") else "warning"
        words = f"{news.user_text} {news.next_step}".strip()
        banner = Banner(kind, words, tr("Backups …") if news.code in _WITH_BACKUPS else "")
        self._news = (news, banner)
        self._banner = banner if banner.action else None
        self._panel.banner.set_banner(banner)

    def restore(self, name: str) -> None:
        """Makes this backup the history."""
        self._run(self._session.app.store.restore_backup(name), self._is_restored)

    def _note_read(self) -> None:
        if self._news is not None:
            self._session.read_notice = self._news[0]

    # ------------------------------------------------------------ commands

    def _back_up(self) -> None:
        self._run(self._session.app.store.back_up(), lambda made: self._told(
            tr("Backed up: {size}.", size=_size(made.size_bytes))))

    def _check(self) -> None:
        self._run(self._session.app.store.check(), self._checked)

    def _confirm(self) -> None:
        done = create_task(in_daemon_thread(self._session.app.store.confirm_restore))
        self._run(done, lambda _: self._told(tr("Automatic backups go on.")))
        if self._is_shown(self._banner):
            self._panel.banner.set_banner(None)

    def _take_back(self) -> None:
        """The history that was there before the last restore."""
        if not self._is_shown(self._banner):
            return

        def restore(found: Tuple[List[Backup], bool]) -> None:
            before = next((one for one in found[0] if one.why == "before-restore"), None)
            if before is not None:
                self.restore(before.name)

        self._read(restore)

    def _act(self) -> None:
        banner = self._banner
        if banner is None or not self._is_shown(banner):
            return
        if banner.more:
            self._confirm()
        else:
            self.open()

    # ------------------------------------------------------------ answers

    def _is_restored(self, backup: Backup) -> None:
        self._restored()
        self._show_pause(True, tr("The chats are those of {when} again.", when=_when(backup.created_at)))
        self._told("")

    def _checked(self, found: Check) -> None:
        problems = [*found.problems, *([found.trouble.user_text] if found.trouble is not None else [])]
        said = tr("{count:,} message", "{count:,} messages", count=found.messages)
        chats = f"{tr('{count:,} chat', '{count:,} chats', count=found.conversations)}, {said}"
        words = (tr("Not sound: {problems}", problems="; ".join(problems)) if problems
                 else tr("Sound: {chats}, {size}.", chats=chats, size=_size(found.size_bytes)))
        self._told(words, is_warning=bool(problems))

    def _told(self, words: str, *, is_warning: bool = False) -> None:
        if self.view is not None and is_valid(self.view):
            self.view.say(words, is_warning=is_warning)
        self._show()

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        def shown(found: Tuple[List[Backup], bool]) -> None:
            if self.view is not None and is_valid(self.view):
                self.view.set_page(page_of(*found, path=str(self._session.app.store.file)))

        self._read(shown)

    def _show_pause(self, is_paused: bool, words: str = "") -> None:
        if not is_paused:
            return
        words = words or tr("A backup was restored.")
        rest = tr("Look whether it is the right one; until then no automatic backup is made.")
        self._banner = Banner("info", f"{words} {rest}", tr("It is the right one"), tr("Take it back"))
        self._panel.banner.set_banner(self._banner)

    def _is_shown(self, banner: Optional[Banner]) -> bool:
        return banner is not None and self._panel.banner.banner() is banner

    def _read(self, then: Callable[[Tuple[List[Backup], bool]], None]) -> None:
        store = self._session.app.store
        reading = create_task(in_daemon_thread(lambda: (store.backups(), store.backups_are_paused())))

        def read(done: Future[Tuple[List[Backup], bool]]) -> None:
            found = outcome(done).value
            if found is not None:
                then(found)

        self._session.bridge.when_done(reading, read, owner=self._panel)

    def _run(self, future: Future[Any], then: Callable[[Any], None]) -> None:  # Any: each command has its own answer
        view = self.view
        if view is not None and is_valid(view):
            view.set_busy(True)

        def done(finished: Future[Any]) -> None:
            if view is not None and is_valid(view):
                view.set_busy(False)
            result = outcome(finished)
            error = result.error
            if error is None:
                then(result.value)
            else:
                words = f"{error.user_text} {error.next_step}".strip() if isinstance(error, NukeAIError) else str(error)
                self._panel.say(words)
                self._told(words, is_warning=True)

        self._session.bridge.when_done(future, done, owner=self._panel)


def page_of(made: List[Backup], is_paused: bool, *, path: str) -> BackupsPage:
    """The backups in words."""
    return BackupsPage(
        tuple(map(_row, made)),
        tr("The history is {path}. A checked copy is made after every half hour of use; the newest six, one a day for "
           "a week and one a week for a month are kept.", path=path),
        tr("A restored history waits to be looked at; until then no automatic backup is made.") if is_paused else "",
    )


def _row(made: Backup) -> BackupRow:
    return BackupRow(made.name, _when(made.created_at), f"{_size(made.size_bytes)} · {_why(made.why)}")


def _when(at: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M", time.localtime(at))


def _why(why: str) -> str:
    return tr(_WHY[why]) if why in _WHY else tr("before a change of the file's format")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"

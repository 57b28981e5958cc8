"""What one panel offers when something is stuck or changed: reload, reconnect, restart, developers' mode, the log, the
trace of a request, the report. Its own menu and Nuke's come here.

Main thread. A reload or a restart destroys the panel that asked for it, so it is only asked for here and happens later,
in Qt's event loop.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Callable, Dict, List, Optional, Tuple, TypeVar

from nuke_ai_panel import troubleshooter
from nuke_ai_panel.core.provider_status import ProviderStatus
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.log_file import install_log, kept_level, log_files, log_folder
from nuke_ai_panel.providers.redact import masked
from nuke_ai_panel.reload import Outcome, request_reload, running_answers
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtWidgets, is_valid
from ..ui.chat_panel import ChatPanel
from ..ui.details_sheet import DetailsSheet
from ..ui.log_view import LogView
from ..ui.panel_values import Banner, LogEntry
from .chat_session import ChatSession
from .event_bridge import outcome
from .log_lines import read_entries
from .report_desk import show_report

T = TypeVar("T")


def _updated() -> Banner:
    return Banner("info", tr("Newer code of the panel is on this machine's disk."), tr("Reload now"))


def _running() -> Banner:
    words = tr("An answer is being written, and code is never changed under one.")
    return Banner("info", words, tr("Stop and reload"), tr("Reload when finished"))


def _restarting() -> Banner:
    words = tr("An answer is being written. A restart stops it; what has arrived is kept.")
    return Banner("info", words, tr("Restart"))


def _replaced() -> Banner:
    return Banner(
        "warning", tr("The panel's background loop was blocked for ten seconds and was replaced. Answers that were "
                      "being written are kept as interrupted. Ask again; the log says what blocked it."),
        tr("Show the log"),
    )


class TroubleDesk:
    """One panel's. Its sheets are made when they are first opened."""

    def __init__(self, session: ChatSession, panel: ChatPanel) -> None:
        self._session, self._panel = session, panel
        # In values of this generation's own: the outcome of a reload is of the one that it ended.
        self._failure: Optional[Banner] = None
        self._failed_at = self._traceback = ""
        self.details: Optional[DetailsSheet] = None
        self.log: Optional[LogView] = None
        self.commands: Dict[str, Callable[[], None]] = {
            "reload_code": self.reload, "reconnect": self.reconnect, "developer": self.switch_developer,
            "log": self.open_log, "report": self.open_report, "restart": self.restart, "trace": self.trace,
        }
        panel.banner.action_clicked.connect(self._act)
        panel.banner.more_clicked.connect(self._act_otherwise)

    # ------------------------------------------------------------ reload

    def reload(self) -> None:
        """Reloads the code soon; while an answer is being written, asks whether to wait for it."""
        if running_answers():
            self._panel.banner.set_banner(_running())
        else:
            self._ask()

    def show_reload(self, result: Outcome) -> None:
        """Says how a reload went: broken code with its place, its traceback behind a button, and another try."""
        shown = self._panel.banner.banner()
        if result.details:
            self._failed_at, self._traceback = result.place, result.details
            words = f"{result.sentence.rstrip('.')}. {result.next_step}".strip()
            self._failure = Banner("warning", words, tr("Show traceback"), tr("Retry"))
            self._panel.banner.set_banner(self._failure)
        else:
            if shown in (_updated(), _running()):
                self._panel.banner.set_banner(None)
            self._panel.say(f"{result.sentence} {result.next_step}".strip())

    def show_update(self) -> None:
        """Offers the code that is on disk."""
        self._panel.banner.set_banner(_updated())

    def show_loop_replaced(self) -> None:
        """Says that the background loop had to be replaced."""
        self._panel.banner.set_banner(_replaced())

    def _act(self) -> None:
        shown = self._panel.banner.banner()
        if shown == _updated():
            self._panel.banner.set_banner(None)
            self.reload()
        elif shown == _running():
            self._panel.banner.set_banner(None)
            request_reload("stop")
        elif shown == _restarting():
            self._restart_soon()
        elif shown == _replaced():
            self.open_log()
        elif shown is not None and shown is self._failure:
            self._open_details(tr("The changed code does not work"), self._failed_at, self._traceback, can_retry=True)

    def _act_otherwise(self) -> None:
        shown = self._panel.banner.banner()
        if shown == _running():
            self._ask()
        elif shown is not None and shown is self._failure:
            self.reload()

    def _ask(self) -> None:
        self._panel.banner.set_banner(None)
        self._panel.overlay.close_content()
        if running_answers():
            self._panel.say(tr("The code is reloaded when the answer is finished."))
        request_reload("finished")

    # ------------------------------------------------------------ restart, connections and developers' mode

    def restart(self) -> None:
        """Has everything in the background end and start anew; asks first while an answer is being written."""
        if running_answers():
            self._panel.banner.set_banner(_restarting())
        else:
            self._restart_soon()

    def _restart_soon(self) -> None:
        self._panel.banner.set_banner(None)
        self._panel.overlay.close_content()
        # A function of the library's: nothing of this panel's waits for it.
        QtCore.QTimer.singleShot(0, troubleshooter.restart)

    def reconnect(self) -> None:
        """Closes every provider's connections and connects anew; says how each stands when all have answered."""
        providers = self._session.app.providers
        names = providers.names()
        found: List[ProviderStatus] = []
        self._panel.say(tr("Connecting …"))

        def checked(done: Future[ProviderStatus]) -> None:
            state = outcome(done).value
            if state is not None:
                found.append(state)
            if len(found) == len(names):
                well = [one.title for one in found if one.state == "connected"]
                rest = [f"{one.title}: {one.state}" for one in found if one.state != "connected"]
                self._panel.say(". ".join(filter(None, (
                    tr("Connected: {names}", names=', '.join(well)) if well else "", "; ".join(rest),
                    tr("What to do about it stands in Settings.") if rest else "",
                ))))

        for name in names:
            providers.reset(name)
            self._session.bridge.when_done(providers.check(name), checked, owner=self._panel)
        if not names:
            self._panel.say(tr("No provider is turned on. Turn one on in Settings."))

    def is_developer(self) -> bool:
        """Whether saved code is taken into service at once."""
        return self._session.app.settings.developer.reload

    def switch_developer(self) -> None:
        """Turns developers' mode on or off, in the user's settings."""
        wanted = not self.is_developer()

        def saved(error: Optional[BaseException]) -> None:
            if error is not None:
                words = f"{error.user_text} {error.next_step}" if isinstance(error, NukeAIError) else str(error)
                self._panel.say(words.strip())
            elif self.is_developer() is not wanted:
                place = self._session.app.settings.sources.get("developer.reload", tr("another layer of the settings"))
                self._panel.say(tr("Developers' mode is fixed by {place}. Change it there.", place=place))
            else:
                self._panel.say(
                    tr("Developers' mode is on: saved code is in service at once.") if wanted
                    else tr("Developers' mode is off.")
                )

        self._session.writer.save({"developer.reload": wanted}, saved)

    # ------------------------------------------------------------ log and report

    def open_log(self) -> None:
        """The log over the panel, read anew."""
        if self.log is None or not is_valid(self.log):
            self.log = LogView(self._panel.shortcuts, self._panel.overlay)
            self.log.close_requested.connect(self._panel.close_overlay)
            self.log.copy_requested.connect(self._copy_log)
            self.log.refresh_requested.connect(self._read_log)
            self.log.kept_chosen.connect(self._keep_level)
        self._panel.overlay.open(self.log, "full")
        self.log.set_kept(kept_level())
        self.log.query.setFocus()
        self._read_log()

    def open_report(self) -> None:
        """The report as it would be copied, to be read first."""
        show_report({}, self._panel.window())

    def trace(self) -> None:
        """Has the next question and its answer written down as they go over the wire."""
        path = troubleshooter.trace_next_request()
        self._panel.say(tr("Ask now: the next question and its answer are written to {path}", path=path))

    def _keep_level(self, level: str) -> None:
        install_log(self._session.app.settings.home, level)
        if level == "debug":
            self._panel.say(tr("The log may quote questions and answers now. Choose notes when you are done."))

    def _read_log(self) -> None:
        home = self._session.app.settings.home
        reading = _started(lambda: read_entries(log_files(home)))
        self._session.bridge.when_done(reading, self._log_read, owner=self._panel)

    def _log_read(self, future: Future[Tuple[LogEntry, ...]]) -> None:
        if self.log is not None and is_valid(self.log):
            self.log.set_entries(
                outcome(future).value or (), place=str(log_folder(self._session.app.settings.home))
            )

    def _open_details(self, title: str, lead: str, text: str, *, can_retry: bool = False) -> None:
        if self.details is None or not is_valid(self.details):
            self.details = DetailsSheet(self._panel.overlay)
            self.details.close_requested.connect(self._panel.close_overlay)
            self.details.copy_requested.connect(self._copy_details)
            self.details.retry_requested.connect(self.reload)
        self._panel.overlay.open(self.details, "full")
        self.details.show_details(title, lead, masked_lines(text), can_retry=can_retry)

    def _copy_log(self) -> None:
        if self.log is not None:
            self._copy(self.log.text())

    def _copy_details(self) -> None:
        if self.details is not None:
            self._copy(self.details.text())

    def _copy(self, text: str) -> None:
        QtWidgets.QApplication.clipboard().setText(text)
        self._panel.say(tr("Copied."))


def _started(call: Callable[[], T]) -> Future[T]:
    """What `call` returns, on a thread of its own: the background loop may be what is in trouble."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - not stopped here: whoever asked shows it
            future.set_exception(error)

    threading.Thread(target=run, name="nuke-ai-trouble", daemon=True).start()
    return future


def masked_lines(text: str) -> str:
    """`text` without keys, its lines kept."""
    return "\n".join(masked(line) for line in text.split("\n"))

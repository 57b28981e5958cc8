"""The run that is watched in one panel, and the runs there were: begin, pause, cancel, go on, read, go to a node.

Main thread; run directories are read on threads. The run itself belongs to the session's board, so that it goes on when
the panel is closed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Mapping, Optional, Sequence, Tuple, cast

from nuke_ai_panel.batch.commands import options_of_command, plan_of
from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.past_runs import Ended, RunFacts, ended_rows, run_facts, runs_in, whole_text
from nuke_ai_panel.batch.planning import Plan, check
from nuke_ai_panel.batch.run_folder import as_line, replace_file
from nuke_ai_panel.batch.values import Options
from nuke_ai_panel.messages import Json
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtGui, is_valid
from ..ui.batch_values import Page, ResultRow, RunCard
from ..ui.batch_view import BatchView
from .batch_board import MOST_ROWS, BoardRun
from .batch_form import amount_of
from .batch_nodes import nodes_of, script_of
from .batch_threads import on_thread
from .batch_words import error_words, is_capped, own_run, past_card, past_run, result_row, run_card
from .host_door import find_host

if TYPE_CHECKING:
    from .chat_session import ChatSession

MOST_PAST = 30
REPORT_BYTES = 1 << 20
SELECTED_ROWS = "rows.jsonl"


@dataclass(frozen=True)
class _Begun:
    """What a thread made ready for a run."""

    plan: Plan
    options: Options
    command: Mapping[str, Json]
    title: str
    known: Tuple[Ended, ...] = ()


class BatchRuns:
    """Feeds the pages of the run and of all runs. `changed` is called when a run began or ended, or could not begin."""

    def __init__(
        self, session: ChatSession, view: BatchView, changed: Callable[[Optional[BaseException]], None],
        say: Callable[[str], None],
    ) -> None:
        self._session = session
        self._board = session.craft.batches
        self.view = view
        self._changed = changed
        self._say = say
        self._script: Optional[str] = None
        self._found: Tuple[RunFacts, ...] = ()
        self.shown: Optional[BoardRun] = None
        self.past: Optional[RunFacts] = None
        self.is_starting = False
        self._board.listeners.append(self._news)
        view.page_chosen.connect(self._page_chosen)
        view.run.command.connect(self.run_command)
        view.run.results.opened.connect(self._go_to)
        view.run.results.read_wanted.connect(self._read_whole)
        view.past.opened.connect(self.open_past)
        view.past.continued.connect(self.go_on_listed)
        view.set_has_run(self._board.run is not None)

    def close(self) -> None:
        """The panel goes; a run goes on."""
        self._board.listeners = [one for one in self._board.listeners if one != self._news]

    def busy_words(self) -> str:
        """Why no other run can begin now."""
        return tr("Starting …") if self.is_starting else tr("A batch is running already.") if self._board.is_busy() \
            else ""

    def folder(self) -> str:
        """The run on show."""
        return str(self.shown.folder) if self.shown is not None else self.past.folder if self.past is not None else ""

    # ------------------------------------------------------------ beginning

    def begin(
        self, command: Mapping[str, Json], rows: Sequence[Mapping[str, Json]], *, name: str, title: str
    ) -> None:
        """Runs what was planned; rows of the open script are written beside it, so that it goes on without the script.

        `command` says what is asked and where other rows lie, and as "script" which script the given rows are about.
        """
        if self.busy_words():
            return
        app, folder = self._session.app, self._folder_for(name)

        def work() -> _Begun:
            whole = {**command, **_made_ready(folder, rows)}
            plan = plan_of(app, whole, samples=0)
            check(plan, budget=whole.get("budget"))
            return _Begun(plan, options_of_command(whole), whole, title)

        self._launch(work, folder)

    def go_on(self, folder: str, *, retry: bool = False, cap: Optional[str] = None) -> None:
        """Goes on with a run by its directory; `retry` asks the failed rows again, `cap` is a new limit in dollars."""
        if self.busy_words():
            self._say(self.busy_words())
            return
        app, path = self._session.app, Path(folder)

        def work() -> _Begun:
            facts = run_facts(path)
            if facts.command is None:
                raise InvalidBatchError(
                    f"{folder} does not say how it was run",
                    user_text=facts.problem or tr("This run does not say how it was begun."),
                    next_step=tr("Begin a new batch with the same prompt and the same rows."),
                )
            command = dict(facts.command)
            if cap is not None:
                command["budget"] = cap_of(cap)
            plan = plan_of(app, command, samples=0)
            check(plan, budget=command.get("budget"))
            options = options_of_command(command, retry_only=() if retry else None)
            return _Begun(plan, options, command, past_run(facts).title, ended_rows(path, MOST_ROWS))

        self._launch(work, path, lambda error: self._could_not_go_on(folder, error))

    def go_on_listed(self, folder: str) -> None:
        """Goes on with a run of the list; one that stopped at its limit is shown, to be given another."""
        one = next((one for one in self._found if one.folder == folder), None)
        if one is not None and is_capped(one):
            self.open_past(folder, then=self.view.run.edit_cap)
        else:
            self.go_on(folder)

    def _could_not_go_on(self, folder: str, error: BaseException) -> None:
        self._changed(None)
        if self.folder() == folder:
            self.view.run.set_trouble(error_words(error))
            self.view.show_page("run")
        else:
            self.open_past(folder, then=lambda: self.view.run.set_trouble(error_words(error)))

    def _launch(
        self, work: Callable[[], _Begun], folder: Path, failed: Optional[Callable[[BaseException], None]] = None
    ) -> None:
        self.is_starting = True
        self._changed(None)

        def ready() -> Tuple[_Begun, Tuple[str, ...]]:
            begun = work()
            script = script_of(begun.command)
            # Whether a script without a file is still the same one is known only while its run is new.
            is_known = bool(script) or (script is not None and failed is None)
            return begun, nodes_of(begun.plan) if is_known else ()

        def done(made: Tuple[_Begun, Tuple[str, ...]]) -> None:
            begun, names = made
            self.is_starting = False
            if self._board.is_busy():
                return
            self._board.nodes.hold(str(folder), script_of(begun.command) or "", names)
            self.watch(self._board.start(
                begun.plan, begun.options, folder=folder, title=begun.title, command=begun.command, known=begun.known
            ))

        def could_not(error: BaseException) -> None:
            self.is_starting = False
            if failed is not None:
                failed(error)
                return
            self.view.show_page("new")
            self._changed(error)

        on_thread(self._session, self.view, ready, done, could_not)

    def _folder_for(self, name: str) -> Path:
        home: Path = self._session.app.settings.home / "batches"
        stamp = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        made, number = home / f"{stamp}.run", 1
        while made.exists():
            number += 1
            made = home / f"{stamp}-{number}.run"
        return made

    # ------------------------------------------------------------ watching

    def watch(self, run: BoardRun) -> None:
        """Shows the run of this process."""
        self.shown, self.past = run, None
        is_elsewhere = self.view.page != "run"
        self._show(run_card(run), tuple(run.rows), run.script)
        self.view.show_page("run")
        if is_elsewhere:
            self.view.focus_first()
        self._changed(None)

    def watch_own(self) -> bool:
        """Shows what runs in this process, or ran last; False when nothing did."""
        if self._board.run is None:
            return False
        self.watch(self._board.run)
        return True

    def _show(self, card: RunCard, rows: Tuple[Ended, ...], script: Optional[str]) -> None:
        self._script = script if find_host() is not None else None
        self.view.set_has_run(True)
        self.view.run.set_card(card)
        self.view.run.results.clear()
        self.view.run.results.add(tuple(result_row(one, self._script) for one in rows))

    def _news(self, fresh: Tuple[Ended, ...]) -> None:
        view, run = self.view, self._board.run
        if not is_valid(view) or run is None:
            return
        if run is self.shown:
            view.run.set_card(run_card(run))
            if fresh:
                view.run.results.add(tuple(result_row(one, self._script) for one in fresh))
        if not run.is_running:
            self._changed(None)
            self.look_for_past()

    def run_command(self, name: str) -> None:
        """What the buttons of a run do."""
        run, board, folder = self.shown, self._board, self.folder()
        if name == "continue" and run is not None and run.is_running:
            board.resume()
        elif name in ("continue", "retry"):
            self.go_on(folder, retry=name == "retry", cap=self.view.run.cap_given())
        elif name == "report":
            on_thread(self._session, self.view, lambda: _report_text(Path(folder)), self.view.show_report)
        elif name == "folder":
            QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(folder))
        elif run is not None and run is board.run:
            {"pause": board.pause, "cancel": board.cancel, "drop": board.drop}[name]()

    def _go_to(self, row: object) -> None:
        assert isinstance(row, ResultRow)
        refusal = self._board.nodes.go_to(self.folder(), self._script or "", row.node)
        if refusal:
            self._say(refusal)

    def _read_whole(self, row: object) -> None:
        assert isinstance(row, ResultRow)
        folder, results = Path(self.folder()), self.view.run.results
        on_thread(self._session, self.view, lambda: whole_text(folder, row.id),
                  lambda text: results.show_text(row.id, text or row.text))

    # ------------------------------------------------------------ runs that were

    def _page_chosen(self, page: str) -> None:
        if page == "runs":
            self.look_for_past()
        elif page == "run" and self._board.is_busy() and self.shown is not self._board.run:
            self.watch_own()

    def look_for_past(self) -> None:
        """Reads which runs lie where runs are kept."""
        home = self._session.app.settings.home / "batches"

        def done(found: Tuple[RunFacts, ...]) -> None:
            self._found = found
            run = self._board.run
            own = (own_run(run),) if run is not None and run.is_running else ()
            rows = (*own, *(past_run(one) for one in found if not own or one.folder != own[0].folder))
            note = tr("Kept in {folder}.", folder=home) if rows else tr("No batch was run here yet.")
            self.view.past.set_runs(rows, note)

        on_thread(self._session, self.view, lambda: runs_in(home, MOST_PAST), done)

    def open_past(self, folder: str, page: str = "run", *, then: Callable[[], None] = lambda: None) -> None:
        """Shows a run by its directory; the one that runs here as it runs."""
        path, run = Path(folder), self._board.run
        if run is not None and run.is_running and run.folder == path:
            self.watch_own()
            return

        def done(found: Tuple[RunFacts, Tuple[Ended, ...]]) -> None:
            facts, rows = found
            failed = sum(bool(one.error or one.kind) for one in rows)
            self.past, self.shown = replace(
                facts, answered=max(facts.answered, len(rows) - failed), failed=max(facts.failed, failed)), None
            self._show(past_card(self.past), rows, script_of(facts.command))
            self.view.show_page(cast(Page, page))
            then()

        on_thread(self._session, self.view, lambda: (run_facts(path), ended_rows(path, MOST_ROWS)), done)


def cap_of(words: str) -> float:
    """An amount of dollars as it was written. Raises InvalidBatchError."""
    found = amount_of(words)
    if found is None:
        raise InvalidBatchError(
            f"{words} is no amount", user_text=tr("“{words}” is no amount of dollars.", words=words.strip()),
            next_step=tr("Write it as 2.50."),
        )
    return found


def _made_ready(folder: Path, rows: Sequence[Mapping[str, Json]]) -> Dict[str, Json]:
    """Makes a run's directory and writes the given rows there; where the command finds them. Reads and writes."""
    path = folder / SELECTED_ROWS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if rows:
            replace_file(path, map(as_line, rows))
    except OSError as exc:
        raise InvalidBatchError(
            f"{folder} cannot be made: {exc}",
            user_text=tr("The folder of the run cannot be made in {folder}: {reason}.", folder=folder.parent,
                         reason=exc.strerror or exc),
            next_step=tr("See that there is room and that you may write there, then read the rows again."),
        ) from exc
    return {"input": str(path)} if rows else {}


def _report_text(folder: Path) -> str:
    try:
        with (folder / "report.md").open("rb") as file:
            return file.read(REPORT_BYTES).decode("utf-8", "replace")
    except OSError as exc:
        return tr("There is no report yet: {reason}.", reason=exc.strerror or exc)

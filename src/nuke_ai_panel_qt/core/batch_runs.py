"""The run that is watched in one panel, and the runs there were: begin, pause, cancel, go on, read, go to a node.

Main thread; run directories are read on threads. The run itself belongs to the session's board, so that it goes on when
the panel is closed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, FrozenSet, Mapping, Optional, Tuple, cast

from nuke_ai_panel.batch.commands import options_of_command, plan_of
from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.past_runs import Ended, RunFacts, ended_rows, run_facts, runs_in, whole_text
from nuke_ai_panel.batch.planning import Plan, check
from nuke_ai_panel.batch.run_folder import as_line, replace_file
from nuke_ai_panel.batch.values import Options
from nuke_ai_panel.messages import Json
from nuke_ai_panel.nk.context_text import NodeFacts
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtGui, is_valid
from ..ui.batch_values import BatchForm, Page, ResultRow, RunCard
from ..ui.batch_view import BatchView
from .batch_board import MOST_ROWS, BoardRun
from .batch_plans import command_of, on_thread, script_title
from .batch_rows import row_of
from .batch_words import past_card, past_run, result_row, run_card
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
        self._nodes: FrozenSet[str] = frozenset()
        self.shown: Optional[BoardRun] = None
        self.past: Optional[RunFacts] = None
        self.is_starting = False
        self._board.listeners.append(self._news)
        view.page_chosen.connect(self._page_chosen)
        view.run.command.connect(self.run_command)
        view.run.results.opened.connect(self._go_to)
        view.run.results.read_wanted.connect(self._read_whole)
        view.past.opened.connect(self.open_past)
        view.past.continued.connect(self.go_on)
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

    def begin(self, form: BatchForm, facts: Tuple[NodeFacts, ...], *, name: str, title: str) -> None:
        """Runs what was planned; selected nodes are written beside it, so that it goes on without the script."""
        if self.busy_words():
            return
        app, script, folder = self._session.app, script_title(), self._folder_for(name)

        def work() -> _Begun:
            command = command_of(form)
            if form.rows == "selection":
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / SELECTED_ROWS
                replace_file(path, (as_line(row_of(one, script)) for one in facts))
                command["input"] = str(path)
            plan = plan_of(app, command, samples=0)
            check(plan, budget=command.get("budget"))
            return _Begun(plan, options_of_command(command), command, title)

        self._launch(work, folder)

    def go_on(self, folder: str, *, retry: bool = False) -> None:
        """Goes on with a run by its directory; `retry` asks the failed rows again."""
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
                    next_step=tr("Give the input and the template again: nuke-ai-panel batch resume."),
                )
            plan = plan_of(app, facts.command, samples=0)
            check(plan, budget=facts.command.get("budget"))
            options = options_of_command(facts.command, retry_only=() if retry else None)
            return _Begun(plan, options, facts.command, past_run(facts).title, ended_rows(path, MOST_ROWS))

        self._launch(work, path)

    def _launch(self, work: Callable[[], _Begun], folder: Path) -> None:
        self.is_starting = True
        self._changed(None)

        def done(begun: _Begun) -> None:
            self.is_starting = False
            if self._board.is_busy():
                return
            self.watch(self._board.start(
                begun.plan, begun.options, folder=folder, title=begun.title, command=begun.command, known=begun.known
            ))

        def failed(error: BaseException) -> None:
            self.is_starting = False
            self.view.show_page("new")
            self._changed(error)

        on_thread(self._session, self.view, work, done, failed)

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
        self._show(run_card(run), tuple(run.rows))
        self.view.show_page("run")
        self.view.focus_first()
        self._changed(None)

    def watch_own(self) -> bool:
        """Shows what runs in this process, or ran last; False when nothing did."""
        if self._board.run is None:
            return False
        self.watch(self._board.run)
        return True

    def _show(self, card: RunCard, rows: Tuple[Ended, ...]) -> None:
        host = find_host()
        self._nodes = frozenset(host.node_names() if host is not None else ())
        self.view.set_has_run(True)
        self.view.run.set_card(card)
        self.view.run.results.clear()
        self.view.run.results.add(tuple(result_row(one, self._nodes) for one in rows))

    def _news(self, fresh: Tuple[Ended, ...]) -> None:
        view, run = self.view, self._board.run
        if not is_valid(view) or run is None:
            return
        if run is self.shown:
            view.run.set_card(run_card(run))
            if fresh:
                view.run.results.add(tuple(result_row(one, self._nodes) for one in fresh))
        if not run.is_running:
            self._changed(None)
            self.look_for_past()

    def run_command(self, name: str) -> None:
        """What the buttons of a run do."""
        run, board, folder = self.shown, self._board, self.folder()
        if name == "continue" and run is not None and run.is_running:
            board.resume()
        elif name in ("continue", "retry"):
            self.go_on(folder, retry=name == "retry")
        elif name == "report":
            on_thread(self._session, self.view, lambda: _report_text(Path(folder)), self.view.show_report)
        elif name == "folder":
            QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(folder))
        elif run is not None and run is board.run:
            {"pause": board.pause, "cancel": board.cancel, "drop": board.drop}[name]()

    def _go_to(self, row: object) -> None:
        assert isinstance(row, ResultRow)
        host = find_host()
        if host is None or not host.go_to(row.node):
            self._say(tr("There is no node {name} in the open script.", name=row.node))

    def _read_whole(self, row: object) -> None:
        assert isinstance(row, ResultRow)
        folder, results = Path(self.folder()), self.view.run.results
        on_thread(self._session, self.view, lambda: whole_text(folder, row.id),
                  lambda text: results.show_text(row.id, text or row.text))

    # ------------------------------------------------------------ runs that were

    def _page_chosen(self, page: str) -> None:
        if page == "runs":
            self.look_for_past()

    def look_for_past(self) -> None:
        """Reads which runs lie where runs are kept."""
        home = self._session.app.settings.home / "batches"

        def done(found: Tuple[RunFacts, ...]) -> None:
            run = self._board.run
            own = str(run.folder) if run is not None and run.is_running else ""
            rows = tuple(past_run(one) for one in found if one.folder != own)
            note = tr("Kept in {folder}.", folder=home) if rows else tr("No batch was run here yet.")
            self.view.past.set_runs(rows, note)

        on_thread(self._session, self.view, lambda: runs_in(home, MOST_PAST), done)

    def open_past(self, folder: str, page: str = "run") -> None:
        """Shows a run by its directory."""
        path = Path(folder)

        def done(found: Tuple[RunFacts, Tuple[Ended, ...]]) -> None:
            facts, rows = found
            failed = sum(bool(one.error or one.kind) for one in rows)
            self.past, self.shown = replace(
                facts, answered=max(facts.answered, len(rows) - failed), failed=max(facts.failed, failed)), None
            self._show(past_card(self.past), rows)
            self.view.show_page(cast(Page, page))

        on_thread(self._session, self.view, lambda: (run_facts(path), ended_rows(path, MOST_ROWS)), done)


def _report_text(folder: Path) -> str:
    try:
        with (folder / "report.md").open("rb") as file:
            return file.read(REPORT_BYTES).decode("utf-8", "replace")
    except OSError as exc:
        return tr("There is no report yet: {reason}.", reason=exc.strerror or exc)

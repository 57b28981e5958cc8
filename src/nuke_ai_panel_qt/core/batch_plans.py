"""What a new batch is made of: prompt files, rows and models there are, and the plan of what is chosen. Main thread.

Prompt files are read and plans are made on threads; a plan that was overtaken is thrown away.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from nuke_ai_panel.batch.commands import plan_of
from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.gallery import BatchPrompt, batch_prompts, read_prompt
from nuke_ai_panel.batch.planning import Plan, check
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.nk.context_text import NodeFacts
from nuke_ai_panel.providers.threads import in_daemon_thread
from nuke_ai_panel.utils.event_loop_manager import create_task
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtWidgets, is_valid
from ..ui.batch_values import BatchChoices, BatchForm, PlanCard, PromptChoice
from ..ui.batch_view import BatchView
from ..ui.panel_values import ModelEntry
from .batch_rows import SelectionReader, row_of
from .batch_words import plan_card, problem_card
from .event_bridge import outcome
from .host_door import find_host

if TYPE_CHECKING:
    from .chat_session import ChatSession

log = logging.getLogger(__name__)

MOST_MODELS = 60


class BatchPlans:
    """Feeds the page of a new batch. `busy` says why nothing can be run now; `card` is the plan on show."""

    def __init__(self, session: ChatSession, view: BatchView, busy: Callable[[], str]) -> None:
        self._session = session
        self.view = view
        self._busy = busy
        self._reader = SelectionReader(view)
        self._prompts: Tuple[BatchPrompt, ...] = ()
        self.more_prompts: List[BatchPrompt] = []
        self._names: Tuple[str, ...] = ()
        self.facts: Tuple[NodeFacts, ...] = ()
        self._planning = 0
        self.card = PlanCard()
        view.setup.changed.connect(self.plan_anew)
        view.setup.browse.connect(self._browse)
        view.setup.read_again.connect(self.refresh)

    def read(self) -> None:
        """Reads prompt files, selection and models again."""
        self.refresh()
        home = self._session.app.settings.home
        on_thread(self._session, self.view, lambda: batch_prompts(home), self._prompts_read)

    def close(self) -> None:
        """Nobody looks any more."""
        if is_valid(self._reader):
            self._reader.stop()

    def prompt(self) -> Optional[BatchPrompt]:
        """The prompt file that is chosen."""
        wanted = self.view.setup.form().prompt
        return next((one for one in (*self._prompts, *self.more_prompts) if one.path == wanted), None)


    def _prompts_read(self, found: Tuple[BatchPrompt, ...]) -> None:
        self._prompts = found
        self.refresh()

    def refresh(self) -> None:
        """Looks at the selection and the models again, and plans."""
        view = self.view
        host = find_host()
        self._names = host.selected() if host is not None else ()
        form = view.setup.form()
        if host is None and form.rows == "selection":
            view.setup.set_form(replace(form, rows="files"))
        prompts = (*self._prompts, *(one for one in self.more_prompts if one not in self._prompts))
        view.setup.set_choices(BatchChoices(
            tuple(PromptChoice(one.path, _titled(one), one.description, one.problem) for one in prompts),
            self._models(form.model), host is not None, len(self._names),
        ))
        if prompts and not form.prompt:
            wanted = "explain-nodes" if view.setup.form().rows == "selection" else "describe-scripts"
            path = next((one.path for one in prompts if one.name == wanted), prompts[0].path)
            view.setup.set_form(replace(view.setup.form(), prompt=path))
        self.plan_anew()

    def _models(self, chosen: str) -> Tuple[Tuple[str, str], ...]:
        found: Dict[str, str] = {}
        if chosen:
            provider, _, model = chosen.partition("\t")
            found[chosen] = f"{self._session.title_of(provider)} · {model}"
        for section in self._session.models.sections:
            for one in section.models:
                if not one.reason and len(found) < MOST_MODELS:
                    found.setdefault(_value_of(one), f"{one.provider_title} · {one.name}")
        return tuple((words, value) for value, words in found.items())

    def _browse(self, what: str) -> None:
        titles = {"prompt": tr("A prompt file"), "files": tr("A folder of scripts"), "nodes": tr("A Nuke script"),
                  "table": tr("A table of rows")}
        dialog = QtWidgets.QFileDialog(self.view, titles.get(what, ""))
        dialog.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        mode = QtWidgets.QFileDialog.FileMode
        dialog.setFileMode(mode.Directory if what == "files" else mode.ExistingFile)
        filters = {"nodes": tr("Nuke scripts (*.nk *.nknc *.gizmo)"),
                   "table": tr("Tables (*.csv *.tsv *.jsonl *.json)"),
                   "prompt": tr("Prompt files (*.j2 *.jinja *.jinja2 *.md *.txt)")}
        if what in filters:
            dialog.setNameFilter(filters[what])
        dialog.fileSelected.connect(lambda path: self.take_file(what, path))
        dialog.open()

    def take_file(self, what: str, path: str) -> None:
        """Chooses a file or folder, as the dialog does."""
        view = self.view
        if not is_valid(view):
            return
        form = view.setup.form()
        if what == "prompt":
            self.more_prompts.append(read_prompt(Path(path)))
            self.refresh()
            form = replace(form, prompt=path)
        else:
            change = {"files": {"files": f"{path}/**/*.nk"}, "nodes": {"script": path}}.get(what, {"table": path})
            form = replace(form, **change)  # type: ignore[arg-type]  # texts, all three
        view.setup.set_form(form)
        self.plan_anew()

    def plan_anew(self) -> None:
        """Makes the plan of what is chosen now; one that was overtaken is thrown away."""
        self._planning += 1
        number, form = self._planning, self.view.setup.form()
        problem = _what_is_missing(form, self.prompt(), len(self._names))
        if problem is not None:
            self.set_card(problem)
            return
        self.set_card(PlanCard(tr("Making the plan …"), is_reading=True))
        host = find_host()
        if form.rows == "selection" and host is not None:
            self._reader.read(host, self._names, lambda facts: self._plan(number, form, facts))
        else:
            self._plan(number, form, ())

    def set_card(self, card: Optional[PlanCard] = None) -> None:
        """Shows a plan; without one, whether the plan on show can be run now."""
        self.card = card if card is not None else self.card
        if is_valid(self.view):
            self.view.set_plan(self.card, why_not=self._busy())

    def _plan(self, number: int, form: BatchForm, facts: Tuple[NodeFacts, ...]) -> None:
        app, label = self._session.app, self._session.title_of(form.model.partition("\t")[0])
        script = script_title()
        self.facts = facts

        def work() -> PlanCard:
            plan: Optional[Plan] = None
            try:
                command = command_of(form)
                rows = [row_of(one, script) for one in facts] if form.rows == "selection" else None
                plan = plan_of(app, command, rows=rows)
                check(plan, budget=command.get("budget"))
                return plan_card(plan, label, budget=command.get("budget"))
            except NukeAIError as error:
                return problem_card(error, plan)

        def done(card: PlanCard) -> None:
            if number == self._planning:
                self.set_card(card)

        on_thread(self._session, self.view, work, done, lambda error: done(problem_card(error)))


def on_thread(
    session: ChatSession, owner: QtCore.QObject, work: Callable[[], Any],  # Any: whatever the work makes
    done: Callable[[Any], None], failed: Optional[Callable[[BaseException], None]] = None,
) -> None:
    """Does `work` on a thread and calls `done` with what it made, unless `owner` is gone by then."""
    def finished(future: Future[Any]) -> None:
        result = outcome(future)
        if result.error is None:
            done(result.value)
            return
        if not isinstance(result.error, NukeAIError):
            log.error("something of the batch view failed", exc_info=result.error)
        if failed is not None:
            failed(result.error)

    session.bridge.when_done(create_task(in_daemon_thread(work)), finished, owner=owner)


def script_title() -> str:
    """What the open script is called."""
    host = find_host()
    return host.script_title() if host is not None else ""


def command_of(form: BatchForm) -> Dict[str, Any]:  # Any: see batch.commands
    """What is chosen, as `run.json` keeps it. Raises InvalidBatchError for a budget that is no number."""
    provider, _, model = form.model.partition("\t")
    made: Dict[str, Any] = {"template": form.prompt, "provider": provider, "model": model}
    if form.rows == "files":
        made["glob"] = str(Path(form.files).expanduser())
    elif form.rows == "nodes":
        made.update(nk=str(Path(form.script).expanduser()), nodes=form.nodes or "all")
    elif form.rows == "table":
        made["input"] = str(Path(form.table).expanduser())
    if form.budget:
        try:
            made["budget"] = float(form.budget.lstrip("$").replace(",", "."))
        except ValueError as exc:
            raise InvalidBatchError(
                f"{form.budget} is no amount", user_text=tr("“{words}” is no amount of dollars.", words=form.budget),
                next_step=tr("Write it as 2.50, or leave it empty."),
            ) from exc
    return made


def _what_is_missing(form: BatchForm, prompt: Optional[BatchPrompt], selected: int) -> Optional[PlanCard]:
    if prompt is None:
        return PlanCard(tr("Choose a prompt file."))
    if prompt.problem:
        return PlanCard(problem=prompt.problem)
    if not form.model:
        return PlanCard(problem=tr("No model is chosen."), next_step=tr("Choose one in the panel first."))
    if form.rows == "selection" and not selected:
        return PlanCard(problem=tr("No node is selected."),
                        next_step=tr("Select the nodes in the node graph and read the rows again, or choose others."))
    place = {"files": form.files, "nodes": form.script, "table": form.table}.get(form.rows, "-")
    if not place:
        return PlanCard(tr("Say which rows: write a path, or choose a file."))
    return None


def _titled(one: BatchPrompt) -> str:
    return tr("{title} (studio)", title=one.title) if one.source == "studio" else one.title


def _value_of(one: ModelEntry) -> str:
    return f"{one.provider}\t{one.id}"

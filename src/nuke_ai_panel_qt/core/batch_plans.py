"""What a new batch is made of: prompt files, rows and models there are, and the plan of what is chosen. Main thread.

Prompt files are read and plans are made on threads; one that was overtaken is told to stop and is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple

from nuke_ai_panel.batch.commands import plan_of
from nuke_ai_panel.batch.frames import frames_of
from nuke_ai_panel.batch.gallery import BatchPrompt
from nuke_ai_panel.batch.planning import Plan, check
from nuke_ai_panel.batch.watch import StoppedError, Watch
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.words import tr

from ..qt import QtCore, QtWidgets, is_valid
from ..ui.batch_values import BatchChoices, BatchForm, PlanCard
from ..ui.batch_view import BatchView
from ..ui.panel_values import ModelEntry
from .batch_form import command_of, head_note, in_our_words, model_for, value_of, what_is_missing
from .batch_nodes import open_script
from .batch_prompt_files import PromptFiles, choice_of
from .batch_rows import Row, RowReader, frame_rows, picture_roots, row_of
from .batch_threads import on_thread
from .batch_words import plan_card, problem_card
from .host_door import AtFrame, Host, find_host

if TYPE_CHECKING:
    from .chat_session import ChatSession

MOST_MODELS = 60
COUNT_EVERY_MS = 200
_MakeRows = Callable[[], List[Row]]


@dataclass(frozen=True)
class Planned:
    """A plan that was made: its card, and the command and rows that a run begins with."""

    card: PlanCard
    command: Mapping[str, Any]  # Any: see batch.commands
    rows: Tuple[Row, ...] = ()


class BatchPlans:
    """Feeds the page of a new batch. `busy` says why nothing can be run now; `planned` is what is on show."""

    def __init__(self, session: ChatSession, view: BatchView, busy: Callable[[], str]) -> None:
        self._session = session
        self.view = view
        self._busy = busy
        self._reader = RowReader(view)
        self.prompts = PromptFiles(session, view, self._prompts_changed)
        self._watch = Watch()
        self._names: Tuple[str, ...] = ()
        self._of_prompt = ""
        self.planned = Planned(PlanCard(), {})
        self._counting = QtCore.QTimer(view)
        self._counting.setInterval(COUNT_EVERY_MS)
        self._counting.timeout.connect(self._count)
        view.setup.changed.connect(self._form_changed)
        view.setup.browse.connect(self._browse)
        view.setup.read_again.connect(self.read)
        view.setup.prompt_again.connect(self._prompt_again)

    @property
    def card(self) -> PlanCard:
        """The plan on show."""
        return self.planned.card

    def read(self) -> None:
        """Reads prompt files, selection and models again."""
        self._of_prompt = self.view.setup.form().prompt
        self.refresh()
        self.prompts.read()

    def close(self) -> None:
        """Nobody looks any more."""
        self._watch.stop()
        if is_valid(self._reader):
            self._reader.stop()
            self._counting.stop()

    def prompt(self) -> Optional[BatchPrompt]:
        """The prompt file that is chosen."""
        return self.prompts.find(self.view.setup.form().prompt)

    def refresh(self) -> None:
        """Looks at the selection and the models again, and plans."""
        view, host = self.view, find_host()
        self._names = host.selected() if host is not None else ()
        form, prompts = view.setup.form(), self.prompts.all()
        if host is None and form.rows in ("selection", "frames"):
            form = replace(form, rows="files")
        if prompts and self.prompts.find(form.prompt) is None:
            wanted = "explain-nodes" if form.rows in ("selection", "frames") else "describe-scripts"
            path = next((one.path for one in prompts if one.name == wanted), prompts[0].path)
            form, self._of_prompt = replace(form, prompt=path), path
        self._offer(form)
        self.plan_anew()

    def take_file(self, what: str, path: str) -> None:
        """Chooses a file or folder, as the dialog does."""
        view = self.view
        if not is_valid(view):
            return
        form = view.setup.form()
        if what == "prompt":
            self.prompts.pick([path])
            self._offer(replace(form, prompt=path))
            self._of_prompt = path
            self._prompt_again()
        else:
            change = {"files": {"files": f"{path}/**/*.nk"}, "nodes": {"script": path}}.get(what, {"table": path})
            view.setup.set_form(replace(form, **change))  # type: ignore[arg-type]  # texts, all three
        self.plan_anew()

    def plan_anew(self) -> None:
        """Makes the plan of what is chosen now; the one before stops where it is."""
        self._watch.stop()
        self._reader.stop()
        watch = self._watch = Watch()
        form, prompt = self.view.setup.form(), self.prompt()
        problem = what_is_missing(form, prompt, len(self._names))
        if problem is not None or prompt is None:
            self.set_card(problem)
            return
        self.set_card(PlanCard(tr("Making the plan …"), is_reading=True))
        self._counting.start()
        host = find_host()
        script = host.script_title() if host is not None else ""
        if host is not None and form.rows == "selection":
            self._reader.nodes(host, self._names, lambda found: self._plan(
                watch, form, prompt, lambda: [row_of(one, script) for one in found]))
        elif host is not None and form.rows == "frames":
            self._read_frames(host, watch, form, prompt)
        else:
            self._plan(watch, form, prompt, None)

    def set_card(self, card: Optional[PlanCard] = None) -> None:
        """Shows a plan; without one, whether the plan on show can be run now."""
        if card is not None:
            self.planned = Planned(card, {})
        if is_valid(self.view):
            self.view.set_plan(self.card, why_not=self._busy())

    # ------------------------------------------------------------ choosing

    def _offer(self, form: BatchForm) -> None:
        """Shows what there is to choose from, and `form` as what is chosen."""
        host = find_host()
        node = self._names[0] if host is not None and len(self._names) == 1 else ""
        first, last = host.frame_range(node) if host is not None and node else (0, 0)
        self.view.setup.set_choices(BatchChoices(
            tuple(choice_of(one) for one in self.prompts.all()), self._models(form.model), host is not None,
            len(self._names), node, f"{first}-{last}" if last > first else str(first),
        ), form)

    def _models(self, chosen: str) -> Tuple[Tuple[str, str], ...]:
        found: Dict[str, str] = {}
        if chosen:
            provider, _, model = chosen.partition("\t")
            found[chosen] = f"{self._session.title_of(provider)} · {model}"
        for one in self._entries():
            if not one.reason and len(found) < MOST_MODELS:
                found.setdefault(value_of(one), f"{one.provider_title} · {one.name}")
        return tuple((words, value) for value, words in found.items())

    def _entries(self) -> List[ModelEntry]:
        return [one for section in self._session.models.sections for one in section.models]

    def _form_changed(self) -> None:
        path = self.view.setup.form().prompt
        if path != self._of_prompt:
            self._of_prompt = path
            self._prompt_again()
        self.plan_anew()

    def _prompt_again(self) -> None:
        """Another prompt file was chosen, or the same once more: its model is chosen with it, and it is read anew."""
        self._choose_model()
        self.prompts.read_one(self.view.setup.form().prompt)

    def _prompts_changed(self, path: str) -> None:
        if path and path == self.view.setup.form().prompt:
            self._choose_model()
        self.refresh()

    def _choose_model(self) -> None:
        form, prompt = self.view.setup.form(), self.prompt()
        wanted = model_for(prompt, form.model, self._entries()) if prompt is not None else ""
        if wanted and wanted != form.model:
            self._offer(replace(form, model=wanted))

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

    # ------------------------------------------------------------ planning

    def _read_frames(self, host: Host, watch: Watch, form: BatchForm, prompt: BatchPrompt) -> None:
        facts = host.facts((form.node,))
        if not facts:
            self.set_card(PlanCard(problem=tr("There is no node {name} in the open script.", name=form.node),
                                   next_step=tr("Select a node and read the rows again.")))
            return
        node, script = facts[0], host.script_title()

        def read(found: Tuple[AtFrame, ...]) -> None:
            self._plan(watch, form, prompt, lambda: list(frame_rows(node, found, script)))

        self._reader.frames(host, form.node, frames_of(form.frames), read)

    def _plan(self, watch: Watch, form: BatchForm, prompt: BatchPrompt, make_rows: Optional[_MakeRows]) -> None:
        app, label = self._session.app, self._session.title_of(form.model.partition("\t")[0])
        host = find_host()
        script = open_script(host) if host is not None else ""

        def work() -> Planned:
            plan: Optional[Plan] = None
            rows: Optional[List[Row]] = None
            command: Dict[str, Any] = {}  # Any: see command_of
            try:
                command = command_of(form)
                if make_rows is not None:
                    rows = make_rows()
                    command.update(script=script, root=picture_roots(rows, prompt.images))
                plan = plan_of(app, command, rows=rows, watch=watch)
                check(plan, budget=command.get("budget"))
                card = plan_card(plan, label, budget=command.get("budget"))
                note = " ".join(part for part in (card.note, head_note(prompt, form.model)) if part)
                return Planned(replace(card, note=note), command, tuple(rows or ()))
            except StoppedError:
                return Planned(PlanCard(), {})
            except NukeAIError as error:
                return Planned(problem_card(in_our_words(error), plan), command)

        def done(planned: Planned) -> None:
            if watch is self._watch:
                self._counting.stop()
                self.planned = planned
                self.set_card()

        on_thread(self._session, self.view, work, done, lambda error: done(Planned(problem_card(error), {})))

    def _count(self) -> None:
        """Says how many rows were read of a plan that is being made."""
        count = self._watch.rows or self._reader.count
        if not self.card.is_reading:
            self._counting.stop()
        elif count:
            self.set_card(PlanCard(tr("{number} row so far …", "{number} rows so far …", count=count,
                                      number=f"{count:,}"), is_reading=True))

"""The batch view of one panel: made when first opened, as it was left when opened again. Main thread."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Dict, Mapping, Optional

from nuke_ai_panel.messages import Json

from ..qt import is_valid
from ..ui.batch_values import BatchForm
from ..ui.batch_view import BatchView
from .batch_form import in_our_words
from .batch_plans import BatchPlans
from .batch_runs import BatchRuns
from .batch_words import problem_card

if TYPE_CHECKING:
    from .panel_manager import PanelManager


class BatchDesk:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._state: Mapping[str, Json] = {}
        self.view: Optional[BatchView] = None
        self.plans: Optional[BatchPlans] = None
        self.runs: Optional[BatchRuns] = None

    def open(self) -> None:
        """Puts it over the panel, on the run that goes on if there is one; closes it when it lies there already."""
        panel = self._manager.panel
        if self.view is not None and panel.overlay.content() is self.view:
            panel.close_overlay()
            return
        self._show()

    def over_selection(self) -> None:
        """A new batch over the selected nodes: the plan shows, one click runs it."""
        self._show(rows="selection")

    def view_state(self) -> Dict[str, Json]:
        """How it was left, as plain values."""
        view, plans, runs = self.view, self.plans, self.runs
        if view is None or plans is None or runs is None or not is_valid(view):
            return dict(self._state)
        return {"form": asdict(view.setup.form()), "page": view.page, "folder": runs.folder(),
                "prompts": [one.path for one in plans.prompts.picked]}

    def take_state(self, state: Mapping[str, Json]) -> None:
        """How it shall look when it is opened."""
        self._state = dict(state)

    def close(self) -> None:
        """The panel goes; a run goes on."""
        if self.plans is not None and self.runs is not None:
            self.plans.close()
            self.runs.close()

    def _show(self, *, rows: str = "") -> None:
        panel, is_new = self._manager.panel, self.view is None
        view = self.view if self.view is not None else self._make()
        plans, runs = self.plans, self.runs
        assert plans is not None and runs is not None, "they are made with the view"
        panel.overlay.open(view, "full")
        if is_new:
            known = {one.name for one in fields(BatchForm)}
            form = {key: str(value) for key, value in dict(self._state.get("form") or {}).items() if key in known}
            view.setup.set_form(BatchForm(**form))  # type: ignore[arg-type]  # an unknown kind of rows falls back
            plans.prompts.pick([str(one) for one in self._state.get("prompts") or ()])
        now = view.setup.form()
        choice = self._manager.models.choice()
        if not now.model and choice is not None:
            now = replace(now, model=f"{choice.provider}\t{choice.model}")
        view.setup.set_form(replace(now, rows="selection") if rows else now)
        if rows:
            view.show_page("new")
        elif runs.busy_words() and runs.shown is None:
            runs.watch_own()
        elif is_new and self._state.get("folder"):
            runs.open_past(str(self._state["folder"]), str(self._state.get("page") or "run"))
        plans.read()
        runs.look_for_past()
        view.focus_first()

    def _make(self) -> BatchView:
        panel, session = self._manager.panel, self._manager.session
        view = self.view = BatchView(panel.shortcuts, panel.overlay)
        runs = self.runs = BatchRuns(session, view, self._changed, panel.say)
        self.plans = BatchPlans(session, view, runs.busy_words)
        view.close_requested.connect(panel.close_overlay)
        view.run_requested.connect(self._begin)
        return view

    def _begin(self) -> None:
        plans, runs = self.plans, self.runs
        assert plans is not None and runs is not None, "they are made with the view"
        prompt = plans.prompt()
        if prompt is not None and plans.card.can_run:
            planned = plans.planned
            runs.begin(planned.command, planned.rows, name=prompt.name, title=prompt.title)

    def _changed(self, error: Optional[BaseException]) -> None:
        if self.plans is not None:
            self.plans.set_card(problem_card(in_our_words(error)) if error is not None else None)

"""The states of the batch view that `screenshots.py` renders: plan, running, done with failures, error, runs."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict
from unittest import mock

from screenshot_nuke import nuke_of
from screenshot_states import CODER

from nuke_ai_panel.batch import gallery, runner
from nuke_ai_panel.batch.values import Answer
from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.messages import Usage
from nuke_ai_panel_qt.ui.batch_values import BatchForm

SAMPLE = gallery.GALLERY / "sample"
CLOUD = "anthropic/claude-sonnet"
KINDS = (("Grade", "lifts the blacks of the plate a little before the merge"),
         ("Blur", "softens the edge of the key so that it sits in the background"),
         ("Transform", "moves the element down to where the camera sees it"))


PACE_S = [0.02]


async def answer(app: Any, choice: Any, job: Any, **more: Any) -> Answer:  # Any: see batch.asking
    """What a good model would say; some rows fail."""
    chance = random.Random(job.custom_id)
    await asyncio.sleep(PACE_S[0] * (1 + chance.random()))
    name = job.custom_id
    if chance.random() < 0.02:
        raise provider_error("content_filter", f"the answer for {name} was filtered", provider="OpenRouter")
    words = next((words for kind, words in KINDS if name.startswith(kind)), "reads the plate from disk")
    text = f"{name} {words}. Its first setting matters most; the others are at their defaults."
    return Answer(text, "stop", Usage(input=180, output=42, total=222, cost_usd=0.00117), total_s=1.2)


def selection(stage: Any, *, provider: str = "openrouter", model: str = CLOUD) -> Any:  # Any: a Stage
    """The view over 300 selected nodes, planned."""
    nuke = nuke_of(stage)
    for number in range(99):
        for kind, _ in KINDS:
            getattr(nuke.nodes, kind)(name=f"{kind}{number + 10}").setSelected(True)
    PACE_S[0] = 0.02
    stage.session.refresh_models(force=True)
    stage.until(lambda: stage.session.app.providers.models(provider).models)
    stage.choose(model, provider)
    stage.later.enter_context(mock.patch.object(runner, "ask", answer))
    stage.manager.batch.over_selection()
    view = stage.manager.batch.view
    stage.until(lambda: view.start.isEnabled())
    return view


def planned(stage: Any) -> None:
    view = selection(stage)
    stage.until(lambda: "300" in view.start.text())


def running(stage: Any) -> None:
    view = selection(stage)
    PACE_S[0] = 0.6
    view.start.click()
    stage.until(lambda: len(view.run.results.model.shown) > 60)
    view.run.results.choose(view.run.results.model.shown[1].id)


def finished(stage: Any) -> Any:
    view = selection(stage)
    view.start.click()
    stage.until(lambda: stage.session.craft.batches.run is not None and not stage.session.craft.batches.run.is_running)
    stage.turn(0.2)
    view.run.results.failed.click()
    rows = view.run.results.model.shown
    if rows:
        view.run.results.choose(rows[0].id)
    return view


def report(stage: Any) -> None:
    view = finished(stage)
    view.run.report.click()
    stage.until(view.is_showing_report)


def paused(stage: Any) -> None:
    view = selection(stage)
    PACE_S[0] = 0.3
    view.start.click()
    stage.until(lambda: len(view.run.results.model.shown) > 20)
    view.run.pause.click()


def runs(stage: Any) -> None:
    view = selection(stage)
    PACE_S[0] = 0.3
    view.start.click()
    stage.until(lambda: len(view.run.results.model.shown) > 20)
    view.run.cancel.click()
    stage.until(lambda: not stage.session.craft.batches.run.is_running)
    view.pages["runs"].click()
    stage.until(lambda: view.past.runs)


def files(stage: Any, form: BatchForm, prompt: str) -> Any:
    """The view with rows from files."""
    stage.choose(CODER)
    stage.panel.run("batch")
    view = stage.manager.batch.view
    stage.until(lambda: stage.manager.batch.plans.prompt() is not None)
    view.setup.set_form(replace(form, prompt=str(gallery.GALLERY / f"{prompt}.j2"), model=f"ollama\t{CODER}"))
    view.setup.changed.emit()
    stage.until(lambda: not stage.manager.batch.plans.card.is_reading)
    return view


def scripts(stage: Any) -> None:
    files(stage, BatchForm(rows="files", files=f"{SAMPLE}/show/**/*.nk"), "check-scripts")


def error(stage: Any) -> None:
    table = Path(stage.session.app.settings.home) / "shots.csv"
    table.write_text("shot,comment\nsh0010,too blue\nsh0020,crunchy\n", encoding="utf-8")
    files(stage, BatchForm(rows="table", table=str(table)), "notes-to-tasks")


def first(stage: Any) -> None:
    stage.choose(CODER)
    stage.panel.run("batch")
    stage.until(lambda: stage.manager.batch.plans.prompt() is not None)


BATCH_STATES: Dict[str, Callable[[Any], object]] = {
    "batch-first": first, "batch-plan": planned, "batch-scripts": scripts, "batch-running": running,
    "batch-paused": paused, "batch-done": finished, "batch-report": report, "batch-error": error, "batch-runs": runs,
}

"""Plans, runs and their rows in words. Pure; any thread."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Collection, List, Mapping, Optional, Tuple

from nuke_ai_panel.batch.figures import clock, short
from nuke_ai_panel.batch.past_runs import Ended, RunFacts
from nuke_ai_panel.batch.planning import Plan, Survey
from nuke_ai_panel.batch.reporting import Report
from nuke_ai_panel.batch.values import CAPPED, DONE, INTERRUPTED, SOME_FAILED, LaneState, Progress
from nuke_ai_panel.core.ledger_sums import PLACES
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.registry import provider_class
from nuke_ai_panel.settings.policy_rules import trust_of
from nuke_ai_panel.words import later, tr

from ..ui.batch_values import PastRun, PlanCard, ResultRow, RunCard, Tone
from .batch_board import BoardRun

SHOWN_CHARACTERS = 2_000
SHOWN_LANES = 6
SHOWN_REJECTS = 3
_STAYS: Mapping[str, str] = {
    "machine": later("It stays on this machine."), "house": later("It stays in the house: {address}."),
    "cloud": later("It leaves the house: {address}."),
}
_LANE_STATES = {"paused": later("rests for {seconds} s"), "stopped": later("is not asked any more")}


def plan_card(plan: Plan, label: str, *, budget: Optional[float]) -> PlanCard:
    """What a plan would do."""
    survey = plan.survey
    if survey is None:
        return PlanCard(problem=tr("The rows can be read only once."), next_step=tr("Save them as a file first."))
    rows = tr("{number} row", "{number} rows", count=survey.rows, number=f"{survey.rows:,}")
    facts = [
        (tr("Asked"), f"{label} · {plan.recipe.model}"), (tr("Goes to"), place_of(plan)),
        (tr("Tokens"), tr("{low} to {high} in, at most {out} out", low=short(survey.input_tokens[0]),
                          high=short(survey.input_tokens[1]), out=short(survey.output_tokens[1]))),
        (tr("Price"), price_words(plan, survey, budget)),
    ]
    if survey.distinct < survey.rows:
        facts.insert(0, (tr("Requests"), tr("{number}; equal rows share an answer", number=f"{survey.distinct:,}")))
    samples = tuple((row_title(str(one.get("custom_id"))), sample_text(one)) for one in survey.samples)
    return PlanCard(rows, tuple(facts), samples, note=reject_words(survey), run_words=tr(
        "Run {number} row", "Run {number} rows", count=survey.rows, number=f"{survey.rows:,}"))


def problem_card(error: BaseException, plan: Optional[Plan] = None) -> PlanCard:
    """Why something cannot be run."""
    if not isinstance(error, NukeAIError):
        return PlanCard(problem=tr("This is a bug: {what}", what=f"{type(error).__name__}: {error}"))
    survey = plan.survey if plan is not None else None
    samples = tuple(
        (row_title(str(one.get("custom_id"))), sample_text(one)) for one in survey.samples) if survey else ()
    return PlanCard(problem=error.user_text, next_step=error.next_step, samples=samples)


def place_of(plan: Plan) -> str:
    """Where the requests go."""
    row = plan.app.providers.settings(plan.choice.provider)
    if row.kind in ("local", "scripted"):
        return tr(_STAYS["machine"])
    url = row.base_url or str(getattr(provider_class(row.kind), "default_base_url", ""))
    return tr(_STAYS[trust_of(url) if trust_of(url) in PLACES else "cloud"], address=url.partition("://")[2] or url)


def price_words(plan: Plan, survey: Survey, budget: Optional[float]) -> str:
    """What it may cost."""
    row = plan.app.providers.settings(plan.choice.provider)
    if survey.cost_usd is None:
        words = tr("nothing") if row.kind in ("local", "scripted", "ollama") else tr("not known")
    elif survey.cost_usd[1] == 0:
        words = tr("nothing")
    else:
        words = tr("{low} to {high}", low=dollars(survey.cost_usd[0]), high=dollars(survey.cost_usd[1]))
    return words if budget is None else tr("{words}; stops before {cap}", words=words, cap=dollars(budget))


def reject_words(survey: Survey) -> str:
    """What of the input is no row."""
    if not survey.rejects:
        return ""
    first = "; ".join(f"{one.line}: {one.reason}" if one.line else one.reason
                      for one in survey.first_rejects[:SHOWN_REJECTS])
    return tr("{count} line of the input is no row and is left out ({first}).",
              "{count} lines of the input are no rows and are left out ({first}).", count=survey.rejects, first=first)


def sample_text(line: Mapping[str, Json]) -> str:
    """A request as it would be said."""
    parts: List[str] = []
    for message in line["body"]["messages"]:
        content = message["content"]
        if not isinstance(content, str):
            content = "\n".join(str(one.get("text", tr("(a picture)"))) for one in content)
        parts.append(f"{tr('System prompt:')} {content}" if message["role"] == "system" else content)
    return "\n\n".join(parts)


def run_card(run: BoardRun) -> RunCard:
    """A run that was begun in this process."""
    progress, report = run.progress, run.report
    state, tone = state_words(run)
    done = progress.done + progress.failed + progress.skipped
    share = min(1.0, done / progress.total) if progress.total else None
    note = run.notes[-1] if run.notes and run.is_running else ""
    is_over = not run.is_running
    missing = report.missing if report is not None else None
    return RunCard(
        run.title, state, tone, 1.0 if report is not None and report.code == DONE else share, line_words(progress),
        "" if is_over else lanes_words(progress.lanes), note or (report_note(report) if report is not None else ""),
        "dim" if run.is_running else tone if tone in ("error", "warning") else "dim", str(run.folder), run.is_running,
        run.is_paused, run.is_draining, is_over and (report is None or bool(missing) or missing is None),
        report.failed if report is not None else progress.failed, report is not None,
    )


def state_words(run: BoardRun) -> Tuple[str, Tone]:
    """Whether it runs, and how it ended."""
    if isinstance(run.error, NukeAIError):
        return f"{run.error.user_text} {run.error.next_step}".strip(), "error"
    if run.error is not None:
        return tr("This is a bug: {what}", what=f"{type(run.error).__name__}: {run.error}"), "error"
    report = run.report
    if report is None:
        if run.is_draining:
            return tr("Ending what is under way …"), "busy"
        if run.is_paused:
            return tr("Paused. What was under way ends; nothing more is sent."), "warning"
        return (tr("Starting …") if run.progress.state == "starting" else tr("Running")), "busy"
    if report.code == DONE:
        return tr("Finished: every row has an answer."), "connected"
    if report.code == SOME_FAILED and not report.missing:
        return tr("Finished: {count} row has no answer.", "Finished: {count} rows have no answer.",
                  count=report.failed + report.rejected), "warning"
    if report.code == INTERRUPTED:
        return tr("Cancelled. {count} row is still to do.", "Cancelled. {count} rows are still to do.",
                  count=report.missing), "warning"
    return tr("Stopped. {count} row is still to do.", "Stopped. {count} rows are still to do.",
              count=report.missing), "warning" if report.code == CAPPED else "error"


def report_note(report: Report) -> str:
    """Why it ended, where that is not plain from the state."""
    return report.message if report.code not in (DONE, SOME_FAILED, INTERRUPTED) else ""


def line_words(progress: Progress) -> str:
    """Rows, rate, what is left, tokens, cost."""
    done = progress.done + progress.failed + progress.skipped
    total = "" if progress.total is None else tr(" of {total}", total=f"{progress.total:,}")
    parts = [tr("{done}{total} rows", done=f"{done:,}", total=total)]
    if progress.rate and progress.state != "finished":
        parts.append(tr("{rate} a second", rate=f"{progress.rate:.1f}"))
    if progress.eta_s is not None and progress.state == "running":
        parts.append(tr("{time} left", time=clock(progress.eta_s)))
    elif progress.elapsed_s and progress.state == "finished":
        parts.append(tr("in {time}", time=clock(progress.elapsed_s)))
    if progress.input_tokens or progress.output_tokens:
        parts.append(tr("{input} tok in, {output} out", input=short(progress.input_tokens),
                        output=short(progress.output_tokens)))
    if progress.cost_usd:
        parts.append(dollars(progress.cost_usd))
    if progress.retries:
        parts.append(tr("{number} asked again", number=f"{progress.retries:,}"))
    return " · ".join(parts)


def lanes_words(lanes: Tuple[LaneState, ...]) -> str:
    """Each server, and how many requests it has of how many at once."""
    lines = []
    for lane in lanes[:SHOWN_LANES]:
        words = tr("{name}: {running} of {window} at once", name=lane.name, running=lane.running, window=lane.window)
        state = "stopped" if lane.is_stopped else "paused" if lane.paused_s > 0 else ""
        if state:
            words = f"{lane.name} {tr(_LANE_STATES[state], seconds=f'{lane.paused_s:.0f}')}"
        lines.append(words)
    return "\n".join(lines)


def result_row(one: Ended, nodes: Collection[str]) -> ResultRow:
    """A row that has its end; `nodes` are those of the open script."""
    node = one.custom_id.rpartition(".nk:")[2] if ".nk:" in one.custom_id else one.custom_id
    title = row_title(one.custom_id)
    facts = []
    if one.attempts > 1:
        facts.append(tr("asked {count} times", count=one.attempts))
    if one.cost_usd:
        facts.append(dollars(one.cost_usd))
    if one.dedup_of:
        facts.append(tr("as {other}", other=one.dedup_of))
    is_failed = bool(one.error) or bool(one.kind)
    if is_failed:
        facts.insert(0, one.kind.replace("_", " "))
    text = one.error if is_failed else one.text
    return ResultRow(
        one.custom_id, title, text[:SHOWN_CHARACTERS], "failed" if is_failed else "done", " · ".join(facts),
        node if node in nodes else "", is_cut=is_failed or len(text) > SHOWN_CHARACTERS,
    )


def row_title(custom_id: str) -> str:
    """A row's name; of a path the file."""
    return Path(custom_id).name if "/" in custom_id else custom_id


def past_run(one: RunFacts) -> PastRun:
    """A run directory as the list shows it."""
    when = time.strftime("%d %b %H:%M", time.localtime(one.started)) if one.started else ""
    rows = "" if one.rows is None else tr("{number} row", "{number} rows", count=one.rows, number=f"{one.rows:,}")
    if one.problem:
        state = one.problem
    elif one.is_running:
        state = tr("running")
    elif not one.is_whole:
        state = tr("not finished")
    elif one.failed:
        state = tr("{number} failed", number=f"{one.failed:,}")
    else:
        state = tr("finished")
    can_continue = not one.is_running and not one.is_whole and one.command is not None and not one.problem
    facts = " · ".join(part for part in (when, state, rows, one.model) if part)
    return PastRun(one.folder, one.title, facts, can_continue, one.is_running)


def past_card(one: RunFacts) -> RunCard:
    """A run that nobody runs in this process."""
    state: Tuple[str, Tone] = (tr("Finished."), "dim")
    if one.problem:
        state = one.problem, "error"
    elif one.is_running:
        state = tr("Another process runs it."), "busy"
    elif not one.is_whole:
        state = tr("Not finished. It goes on where it stopped."), "warning"
    ended = one.answered + one.failed
    share = min(1.0, ended / one.rows) if one.rows else None
    total = "" if one.rows is None else tr(" of {total}", total=f"{one.rows:,}")
    shown = past_run(one)
    return RunCard(
        shown.title, state[0], state[1], share,
        tr("{done}{total} rows", done=f"{ended:,}", total=total) if ended else "",
        folder=one.folder, can_continue=shown.can_continue, failed=one.failed, has_report=not one.is_running,
    )


def dollars(value: float) -> str:
    """Enough digits to tell two apart."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"

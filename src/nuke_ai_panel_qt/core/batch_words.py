"""Plans, runs and their rows in words. Pure; any thread."""

from __future__ import annotations

import time
from typing import List, Mapping, Optional, Tuple

from nuke_ai_panel.batch.errors import LockedRunError
from nuke_ai_panel.batch.figures import clock, short
from nuke_ai_panel.batch.past_runs import Ended, RunFacts
from nuke_ai_panel.batch.planning import Plan, Survey
from nuke_ai_panel.batch.values import CAPPED, DONE, INTERRUPTED, SOME_FAILED, LaneState, Progress
from nuke_ai_panel.core.ledger_sums import PLACES
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.registry import provider_class
from nuke_ai_panel.settings.policy_rules import trust_of
from nuke_ai_panel.words import later, tr

from ..ui.batch_values import PastRun, PlanCard, ResultRow, RunCard, Tone
from ..ui.path_names import below, common_folder
from .batch_board import BoardRun
from .batch_form import in_our_words

SHOWN_CHARACTERS = 2_000
SHOWN_LANES = 6
SHOWN_REJECTS = 3
_STAYS: Mapping[str, str] = {
    "machine": later("It stays on this machine."), "house": later("It stays in the house: {address}."),
    "cloud": later("It leaves the house: {address}."),
}
_LANE_STATES = {
    "paused": later("rests for {seconds} s"), "stopped": later("is not asked any more"),
    "away": later("cannot be reached; trying again"),
}


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
    samples = _samples(survey)
    return PlanCard(rows, tuple(facts), samples, note=reject_words(survey), run_words=tr(
        "Run {number} row", "Run {number} rows", count=survey.rows, number=f"{survey.rows:,}"))


def problem_card(error: BaseException, plan: Optional[Plan] = None) -> PlanCard:
    """Why something cannot be run."""
    if not isinstance(error, NukeAIError):
        return PlanCard(problem=tr("This is a bug: {what}", what=f"{type(error).__name__}: {error}"))
    survey = plan.survey if plan is not None else None
    samples = _samples(survey) if survey is not None else ()
    return PlanCard(problem=error.user_text, next_step=error.next_step, samples=samples)


def _samples(survey: Survey) -> Tuple[Tuple[str, str], ...]:
    names = [str(one.get("custom_id")) for one in survey.samples]
    top = common_folder(names)
    return tuple((below(name, top), sample_text(one)) for name, one in zip(names, survey.samples))


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
    note = run.notes[-1] if run.notes and run.is_running and not is_away(run) else ""
    is_over = not run.is_running
    missing = report.missing if report is not None else None
    return RunCard(
        run.title, state, tone, 1.0 if report is not None and report.code == DONE else share, line_words(progress),
        "" if is_over else lanes_words(progress.lanes), note or end_note(run),
        "dim" if run.is_running else tone if tone in ("error", "warning") else "dim", str(run.folder), run.is_running,
        run.is_paused, run.is_draining, is_over and (report is None or bool(missing) or missing is None),
        report.failed if report is not None else progress.failed, report is not None,
        cap_words(run.command) if report is not None and report.code == CAPPED else "",
    )


def state_words(run: BoardRun) -> Tuple[str, Tone]:
    """Whether it runs, and how it ended."""
    if run.error is not None:
        return error_words(run.error), "error"
    report = run.report
    if report is None:
        return _running_words(run)
    if report.code == DONE:
        return tr("Finished: every row has an answer."), "connected"
    if report.code == SOME_FAILED and not report.missing:
        return finished_words(report.failed, report.rejected), "warning"
    left = tr("{count} row is still to do", "{count} rows are still to do", count=report.missing)
    words = "; ".join((left, *_lost_words(report.failed, report.rejected)))
    if report.code == INTERRUPTED:
        return tr("Cancelled. {words}.", words=words), "warning"
    return tr("Stopped. {words}.", words=words), "warning" if report.code == CAPPED else "error"


def _running_words(run: BoardRun) -> Tuple[str, Tone]:
    if run.is_draining:
        return tr("Ending what is under way …"), "busy"
    if run.is_paused:
        return tr("Paused. What was under way ends; nothing more is sent."), "warning"
    if is_away(run):
        return tr("Cannot be reached; trying again"), "warning"
    return (tr("Starting …") if run.progress.state == "starting" else tr("Running")), "busy"


def is_away(run: BoardRun) -> bool:
    """Whether none of its servers can be reached now."""
    asked = [lane for lane in run.progress.lanes if not lane.is_stopped]
    return bool(asked) and all(lane.is_unreached for lane in asked)


def finished_words(failed: int, rejected: int) -> str:
    """How a run ended that asked all its rows."""
    lost = _lost_words(failed, rejected)
    return tr("Finished: {words}.", words="; ".join(lost)) if lost else tr("Finished, but the input changed meanwhile.")


def _lost_words(failed: int, rejected: int) -> Tuple[str, ...]:
    words = []
    if failed:
        words.append(tr("{count} row failed", "{count} rows failed", count=failed))
    if rejected:
        words.append(tr("{count} line was no row", "{count} lines were no rows", count=rejected))
    return tuple(words)


def error_words(error: BaseException) -> str:
    """Why a run could not begin or go on."""
    if isinstance(error, LockedRunError):
        return f"{error.user_text} {tr('Wait until that has ended.')}"
    error = in_our_words(error)
    if isinstance(error, NukeAIError):
        return f"{error.user_text} {error.next_step}".strip()
    return tr("This is a bug: {what}", what=f"{type(error).__name__}: {error}")


def end_note(run: BoardRun) -> str:
    """Why it ended, where that is not plain from the state."""
    report, capped = run.report, run.capped
    if report is None or report.code in (DONE, SOME_FAILED, INTERRUPTED):
        return ""
    if report.code == CAPPED and capped is not None:
        return tr("{spent} of {cap} is spent, and the next request could pass it. Give a higher limit and continue.",
                  spent=dollars(capped.spent_usd), cap=dollars(capped.cap_usd))
    return report.message


def cap_words(command: Optional[Mapping[str, Json]]) -> str:
    """The budget of a command as one writes it, empty for none."""
    budget = (command or {}).get("budget")
    return "" if budget is None else f"{budget:.2f}" if round(budget, 2) == budget else f"{budget:g}"


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
        state = "stopped" if lane.is_stopped else "away" if lane.is_unreached else "paused" if lane.paused_s > 0 else ""
        if state:
            words = f"{lane.name} {tr(_LANE_STATES[state], seconds=f'{lane.paused_s:.0f}')}"
        lines.append(words)
    return "\n".join(lines)


def result_row(one: Ended, script: Optional[str]) -> ResultRow:
    """A row that has its end; `script` is None where rows are no nodes."""
    facts = []
    if one.finish == "length":
        facts.append(tr("cut short"))
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
        one.custom_id, one.custom_id, text[:SHOWN_CHARACTERS],
        "failed" if is_failed else "done", " · ".join(facts),
        node_of(one.custom_id) if script is not None else "", is_cut=is_failed or len(text) > SHOWN_CHARACTERS,
    )


def node_of(custom_id: str) -> str:
    """The node that a row is about; empty for the script's root, which is nowhere to go to."""
    name = custom_id.rpartition(".nk:")[2].partition("@")[0]
    return "" if name == "Root" else name


def past_run(one: RunFacts) -> PastRun:
    """A run directory as the list shows it."""
    when = time.strftime("%d %b %H:%M", time.localtime(one.started)) if one.started else ""
    rows = "" if one.rows is None else tr("{number} row", "{number} rows", count=one.rows, number=f"{one.rows:,}")
    lost = "; ".join(_lost_words(one.failed, one.rejected))
    if one.problem:
        state = one.problem
    elif one.is_running:
        state = tr("running")
    elif is_capped(one):
        state = tr("stopped at its limit")
    elif not one.is_whole:
        state = tr("not finished")
    else:
        state = lost or tr("finished")
    can_continue = not one.is_running and not one.is_whole and one.command is not None and not one.problem
    facts = " · ".join(part for part in (when, state, rows, one.model) if part)
    return PastRun(one.folder, one.title, facts, can_continue, one.is_running)


def own_run(run: BoardRun) -> PastRun:
    """The run of this process, while it runs, as the list shows it."""
    total = run.progress.total
    rows = "" if total is None else tr("{number} row", "{number} rows", count=total, number=f"{total:,}")
    facts = " · ".join(part for part in (tr("running"), rows, run.plan.recipe.model) if part)
    return PastRun(str(run.folder), run.title, facts, is_running=True)


def is_capped(one: RunFacts) -> bool:
    """Whether it stopped at its budget, so that it goes on with a higher one only."""
    return one.code == CAPPED and not one.is_running and bool(cap_words(one.command))


def past_card(one: RunFacts) -> RunCard:
    """A run that nobody runs in this process."""
    state, tone = _past_words(one)
    ended = one.answered + one.failed
    share = min(1.0, ended / one.rows) if one.rows else None
    total = "" if one.rows is None else tr(" of {total}", total=f"{one.rows:,}")
    shown = past_run(one)
    return RunCard(
        shown.title, state, tone, share, tr("{done}{total} rows", done=f"{ended:,}", total=total) if ended else "",
        folder=one.folder, can_continue=shown.can_continue, failed=one.failed, has_report=not one.is_running,
        cap=cap_words(one.command) if is_capped(one) else "",
    )


def _past_words(one: RunFacts) -> Tuple[str, Tone]:
    if one.problem:
        return one.problem, "error"
    if one.is_running:
        return tr("Another process runs it."), "busy"
    if is_capped(one):
        return tr("Stopped at its limit. Give a higher one and continue."), "warning"
    if not one.is_whole:
        return tr("Not finished. It goes on where it stopped."), "warning"
    if one.code == DONE:
        return tr("Finished: every row has an answer."), "connected"
    return finished_words(one.failed, one.rejected), "warning"


def dollars(value: float) -> str:
    """Enough digits to tell two apart."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"

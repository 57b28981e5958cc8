"""One run of a plan in its directory, from the lock to the report. `run` lives on the loop; the commands on any thread.

Whatever ends a run, a report is written: a kill is the one exception, and the next start repairs what it left.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional

from ..app import App
from ..errors import NukeAIError
from ..messages import Json
from ..providers.threads import in_daemon_thread
from ..providers.urls import is_private_url
from ..settings import ProviderSettings
from ..store.answer_cache import AnswerCache
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import BatchError, InvalidBatchError, no_row
from .feed import Feed, Sorter
from .former import bring_back, met_and_ended, spent_on_former, tidy
from .history import BatchHistory
from .lane import Lane
from .planning import Plan
from .remembered import Remembered
from .reporting import Report, ended, make_report, write_csv, write_pages, write_report
from .requests import JobMaker
from .results import kinds_of
from .run_folder import REJECTS, RUN, SCHEMA, Past, RunFolder, as_line, is_same, lines_of
from .runner import Runner
from .spending import Purse, price_from
from .tally import Tally
from .targets import refuse_foreign
from .values import DEFECT, DONE, INTERRUPTED, SOME_FAILED, BatchEvent, Options, Progress, Reject, Row
from .windows import FixedWindow, HostedWindow, LocalWindow, Window

log = logging.getLogger(__name__)

Emit = Callable[[BatchEvent], None]


class Session:
    """See the module's docstring."""

    def __init__(
        self, plan: Plan, out: Path, options: Options, emit: Emit, *, command: Optional[Mapping[str, Json]] = None
    ) -> None:
        self.plan = plan
        self.folder = RunFolder(out)
        # Requests that were made before are in a file already, which may be the one that they would be added to.
        self._options = replace(options, keep_requests=options.keep_requests and not plan.source.is_made)
        self._emit_to = emit
        self._command = command
        self._is_blamed = False
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._runner: Optional[Runner] = None
        self._signal: Optional[int] = None
        self._is_paused = False
        self._state = "starting"
        self._first_reject: Optional[Reject] = None
        self._facts: Dict[str, Json] = {}
        self._began = time.monotonic()
        self._is_same_input = False
        self._retried: frozenset[int] = frozenset()

    # ------------------------------------------------------------ any thread

    def cancel(self, code: int = INTERRUPTED) -> None:
        """Starts nothing more and lets what is under way end; the run's exit code is `code`."""
        self._signal = self._signal if self._signal is not None else code
        self._post(lambda runner: runner.drain())

    def drop(self) -> None:
        """As `cancel`, but ends at once."""
        self._signal = self._signal if self._signal is not None else INTERRUPTED
        self._post(lambda runner: runner.drop())

    def pause(self, *, paused: bool) -> None:
        """Sends nothing more until it may again."""
        self._is_paused = paused
        self._post(lambda runner: runner.pause(paused=paused))

    def progress(self) -> Progress:
        """How far it is, as far as is known."""
        runner = self._runner
        return runner.progress(self._state) if runner is not None else Progress(state=self._state)

    # ------------------------------------------------------------ loop thread

    async def run(self) -> Report:
        """The whole run. Raises LockedRunError and InvalidBatchError before anything was sent; else it reports."""
        self._loop = asyncio.get_running_loop()
        self._began = time.monotonic()
        past = await in_daemon_thread(self._open)
        try:
            return await self._run(past)
        finally:
            self._state = "finished"
            self.folder.close()

    async def _run(self, past: Past) -> Report:
        plan, options = self.plan, self._options
        remembered = await in_daemon_thread(self._remembered)
        sorter = Sorter(
            JobMaker(plan.recipe), past, selection=plan.selection, rejected=self._reject, remembered=remembered,
            order=CompactMap() if options.ordered else None, pages={} if plan.recipe.page is not None else None,
            retried_kinds=(lambda one: number_of(one) in self._retried) if options.retry_only is not None else None,
        )
        price = price_from(plan.price, options.price_in, options.price_out)
        purse = Purse(price, options.budget, past.spent_usd + float(self._facts["spent_elsewhere_usd"]))
        command: Mapping[str, Json] = self._facts["command"] or {}
        script = str(command.get("script") or command.get("nk") or "") or None
        history = BatchHistory(plan.app, self._facts["id"], script) if options.keep_history else None
        lanes = lanes_of(plan, options)
        tally = Tally(lanes, purse, plan.rows)
        tally.count_skipped = lambda: sorter.census.skipped + sorter.census.skipped_errors
        runner = self._runner = Runner(
            plan.app, self.folder, past, options, run_id=self._facts["id"], lanes=lanes, purse=purse,
            emit=self._emit, tally=tally, history=history, remembered=remembered,
        )
        # What was said before there was a runner to hear it.
        runner.pause(paused=self._is_paused)
        if self._signal is not None:
            runner.drain()
        self._state = ""
        feed = Feed(plan.source, sorter, most=2 * max(8, options.max_concurrency), wake=runner.wake)
        defect: Optional[BaseException] = None
        try:
            await runner.run(feed)
        except NukeAIError as error:
            defect = error
        except asyncio.CancelledError:
            feed.close()
            raise
        except Exception as exc:
            log.exception("a batch failed: this is a bug")
            defect = exc
        finally:
            await in_daemon_thread(feed.close)
            await runner.close()
            if remembered is not None:
                await remembered.close()
        is_whole = feed.is_exhausted and not feed.has_job() and defect is None
        why, spent = runner.stopped or defect, purse.spent
        report = await in_daemon_thread(lambda: self._finish(past, sorter, why, is_whole, spent))
        self._emit(runner.progress("finished"))
        return report

    # ------------------------------------------------------------ blocking, on threads of their own

    def _remembered(self) -> Optional[Remembered]:
        """The answers of former runs, where they may be used: whoever asks a row often wants new ones."""
        plan, mode = self.plan, self._options.cache
        if mode == "off" or plan.selection.repeat > 1:
            return None
        addresses = [one.url for one in self._options.hosts] or [plan.app.providers.origin(plan.choice.provider)]
        return Remembered(AnswerCache(plan.app.settings.home / "cache"), mode, addresses)

    def _open(self) -> Past:
        folder, plan = self.folder, self.plan
        refuse_foreign(folder, plan.source, targets=[self._options.csv])
        folder.lock()
        try:
            known = folder.read()
            bring_back(folder)
            past = folder.scan()
            self._is_same_input = plan.fingerprint is not None and known.get("input_hash") == plan.fingerprint
            if known and self._options.resume == "strict":
                self._insist(known, past)
            if self._options.retry_only is not None:
                ended = [(number_of(str(line.get("custom_id"))), str((line.get("error") or {}).get("code")))
                         for _, line in lines_of(folder.errors)]
                there = frozenset(kind for _, kind in ended)
                kinds = kinds_of(self._options.retry_only, there) if self._options.retry_only else there
                self._retried = frozenset(number for number, kind in ended if kind in kinds)
            self._facts = {
                "schema": SCHEMA, "id": known.get("id") or str(uuid.uuid4()), "tool": _version(),
                "input": plan.source.title, "input_hash": plan.fingerprint, "template_hash": plan.template_hash,
                "provider": plan.recipe.provider, "model": plan.recipe.model, "rows": plan.rows,
                "started": known.get("started") or time.time(), "finished": None, "counts": None,
                "spent_elsewhere_usd": _number(known.get("spent_elsewhere_usd")),
                "command": dict(self._command) if self._command is not None else known.get("command"),
            }
            folder.write(RUN, self._facts)
            (folder.path / REJECTS).unlink(missing_ok=True)
            return past
        except BaseException:
            folder.close()
            raise

    def _insist(self, known: Mapping[str, Json], past: Past) -> None:
        if not self.plan.source.is_repeatable:
            raise InvalidBatchError(
                f"{self.plan.source.title} can be read only once",
                user_text=tr("{title} can be read only once, so nobody can say beforehand whether rows changed.",
                             title=self.plan.source.title),
                next_step=tr("Save the rows as a file. Nothing was sent."),
            )
        changed = [name for name in ("template_hash", "input_hash", "provider", "model")
                   if known.get(name) != {**self.plan.as_json()}.get(name)]
        maker = JobMaker(self.plan.recipe)
        count = 0
        for one in self.plan.source.read():
            if isinstance(one, Row):
                try:
                    job = maker.job(one)
                except NukeAIError:
                    continue
                answered = past.answered.get(number_of(job.custom_id))
                count += answered is not None and not is_same(answered, job.key)
        if changed or count:
            what = " and ".join(name.replace("_hash", "") for name in changed) or "what rows say"
            raise InvalidBatchError(
                f"{what} changed since the run began; {count} answered rows are concerned",
                user_text=tr("The {what} changed since this run began, and --resume=strict forbids that.", what=what),
                next_step=tr("Put it back, leave out --resume=strict, or choose another --out. Nothing was sent."),
            )

    def _finish(
        self, past: Past, sorter: Sorter, stopped: Optional[BaseException], is_whole: bool, spent: float,
    ) -> Report:
        folder, census = self.folder, sorter.census
        is_all = is_whole and self.plan.selection.is_all
        is_tidy = not past.is_stale and past.results + past.errors == census.skipped + census.skipped_errors
        former = 0 if is_tidy else tidy(folder, past, is_all=is_all)
        if sorter.order is not None:
            folder.sort(sorter.order)
        if is_all and stopped is None and not census.rows:
            stopped = no_row(self.plan.source.title, self._first_reject)
        rows = census.rows if is_whole else self.plan.rows
        report = make_report(
            folder, code=DONE, message="", rows=rows, rejected=census.rejects, changed=census.changed,
            torn=past.torn, elapsed_s=time.monotonic() - self._began, input_changed=self._input_changed(),
            missing=None if rows is None or is_whole or self._is_same_input else rows - met_and_ended(folder, past),
            former=former,
        )
        code, message = self._code(stopped, report), _words_of(stopped)
        problems = self._write_more(sorter)
        if problems and code in (DONE, SOME_FAILED):
            code, message = DEFECT, tr("{problem} The answers are in results.jsonl.", problem=problems[0])
        # What attempts cost that no line tells of any more: a retry or a changed row took their place.
        elsewhere = round(max(0.0, spent - report.cost_usd - spent_on_former(folder)), 9)
        report = ended(replace(report, cost_usd=round(spent, 9)), code, message, problems)
        self._facts.update(finished=time.time(), rows=rows, spent_elsewhere_usd=elsewhere, counts={
            "answered": report.answered, "failed": report.failed, "rejected": report.rejected, "code": code,
        })
        folder.write(RUN, self._facts)
        write_report(folder, report, self._facts)
        return report

    def _write_more(self, sorter: Sorter) -> List[str]:
        """The pages and the table that were asked for; what could not be written, in sentences."""
        problems = write_pages(self.folder, sorter.pages) if sorter.pages is not None else []
        if self._options.csv is not None:
            try:
                write_csv(self.folder, Path(self._options.csv))
            except BatchError as error:
                problems.append(error.user_text)
        return problems

    def _code(self, stopped: Optional[BaseException], report: Report) -> int:
        if isinstance(stopped, BatchError):
            return stopped.code
        if stopped is not None:
            return DEFECT
        is_done = not (report.failed or report.missing or report.rejected or report.input_changed)
        if self._signal is not None and not (report.rows is not None and not report.missing):
            return self._signal
        return DONE if is_done else SOME_FAILED

    def _input_changed(self) -> bool:
        if self.plan.fingerprint is None:
            return False
        try:
            return self.plan.source.fingerprint() != self.plan.fingerprint
        except (OSError, InvalidBatchError):
            return True

    def _reject(self, reject: Reject) -> None:
        """Keeps a line that is no row. The feed's thread."""
        self._first_reject = self._first_reject or reject
        with (self.folder.path / REJECTS).open("ab") as file:
            file.write(as_line(vars(reject)))

    # ------------------------------------------------------------ telling

    def _emit(self, event: BatchEvent) -> None:
        try:
            self._emit_to(event)
        except Exception:
            if not self._is_blamed:
                self._is_blamed = True
                log.exception("the receiver of a batch's events failed; it goes on getting them")

    def _post(self, command: Callable[[Runner], None]) -> None:
        loop, runner = self._loop, self._runner
        if loop is None or runner is None:
            return
        try:
            loop.call_soon_threadsafe(command, runner)
        except RuntimeError:  # the loop has ended, and the run with it
            pass


def _number(found: Json) -> float:
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) and found > 0 else 0.0


def _words_of(stopped: Optional[BaseException]) -> str:
    if isinstance(stopped, NukeAIError):
        return f"{stopped.user_text} {stopped.next_step}".strip()
    return "" if stopped is None else f"This is a bug: {type(stopped).__name__}: {stopped}"


def lanes_of(plan: Plan, options: Options) -> List[Lane]:
    """A lane for each host, or one for the provider itself."""
    app = plan.app
    hosts = options.hosts
    made: List[Lane] = []
    if not hosts:
        row = app.providers.settings(plan.choice.provider)
        name = f"{plan.recipe.provider} at {row.base_url}" if row.base_url else plan.recipe.provider
        return [_lane(name, plan, app, plan.choice.provider, None, options, 1)]
    for host in hosts:
        row_name = app.with_base_url(plan.recipe.provider, host.url)
        made.append(_lane(host.url, plan, app, row_name, host.slots, options, len(hosts)))
    return made


def _lane(
    name: str, plan: Plan, app: App, row_name: str, slots: Optional[int], options: Options, count: int
) -> Lane:
    most = max(1, options.max_concurrency)
    window: Window
    if slots is not None:
        window = FixedWindow(min(slots, most))
    elif app.providers.settings(row_name).kind in ("ollama", "local"):
        window = LocalWindow(most)
    else:
        window = HostedWindow(most)
    return Lane(
        name, replace(plan.choice, provider=row_name), window, rpm=options.rpm and options.rpm / count,
        tpm=options.tpm and options.tpm / count, max_wait_s=options.max_wait_s,
        is_near=_is_near(app.providers.settings(row_name)),
    )


def _is_near(row: ProviderSettings) -> bool:
    return is_private_url(row.base_url) if row.base_url else row.kind in ("ollama", "local")


def _version() -> str:
    try:
        return version("nuke-ai-panel")
    except PackageNotFoundError:
        return "in the source tree"

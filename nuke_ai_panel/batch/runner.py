"""Carries a plan out: takes jobs from the feed, gives them to lanes, writes what comes back. One run; loop thread.

A row is under way until its line is written, so that a kill repeats at most as many requests as may run at once. A
failed attempt goes back among those that wait; nothing is written for a row but its one end.
"""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import replace
from typing import Any, Callable, Coroutine, Dict, List, Optional, Set, Tuple

from ..app import App
from ..core.origin_limit import OriginLimit, limit_of
from ..errors import RETRYABLE_KINDS, NukeAIError, ProviderError, provider_error
from ..providers.threads import in_daemon_thread
from ..words import tr
from .asking import ask, streams
from .compact_map import number_of
from .endings import Endings, Work
from .errors import BatchError, budget_is_used_up, refusal_of, time_is_up, told_to_wait, too_many_failed
from .feed import Feed
from .history import BatchHistory, conversation_of
from .json_shape import objection
from .lane import SLOW_DOWN_KINDS, UNREACHED_KINDS, Lane, backoff_s, is_fatal
from .line_writer import LineWriter
from .remembered import Remembered
from .requests import line_of
from .run_folder import REQUESTS, Past, RunFolder
from .spending import ANSWER_TOKENS, Purse
from .tally import Tally
from .values import Answer, BatchEvent, BudgetReached, Job, LanePaused, LaneStopped, Options, Progress, Said

TICK_S = 0.5
RETRY_SHARE, FREE_RETRIES = 0.2, 16
MOST_COPIES = 256
RE_ASK = "That is not what was asked for: {wrong}. Answer again with the JSON value alone."


class Runner:
    """See the module's docstring. `run` once; the commands may come while it runs, on the loop thread."""

    def __init__(
        self, app: App, folder: RunFolder, past: Past, options: Options, *, run_id: str, lanes: List[Lane],
        purse: Purse, emit: Callable[[BatchEvent], None], tally: Tally, history: Optional[BatchHistory] = None,
        remembered: Optional[Remembered] = None,
    ) -> None:
        self._app, self._folder, self._past, self._options = app, folder, past, options
        self._run_id, self._lanes, self._purse, self._emit = run_id, lanes, purse, emit
        self._history = history
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._feed: Optional[Feed] = None
        self._tasks: Set[asyncio.Task[None]] = set()
        self._copies = 0
        self._retries: List[Work] = []
        self._next: Optional[Work] = None
        self._leading: Dict[str, Work] = {}
        self._number = 0
        self._is_paused = self._is_draining = False
        self.stopped: Optional[BaseException] = None
        self._writer = LineWriter()
        self._tally = tally
        self._endings = Endings(folder, past, self._writer, tally, emit=emit, history=history, remembered=remembered)
        self._limits: Dict[str, OriginLimit] = {}

    # ------------------------------------------------------------ commands

    def wake(self) -> None:
        """Has the run look again at what it may do."""
        self._wake.set()

    def pause(self, *, paused: bool) -> None:
        """Sends nothing more until it may again."""
        self._is_paused = paused
        self.wake()

    def drain(self) -> None:
        """Starts nothing more; what is under way may end."""
        self._is_draining = True
        self.wake()

    def drop(self) -> None:
        """Ends what is under way at once."""
        self._is_draining = True
        for task in self._tasks:
            task.cancel()
        self.wake()

    # ------------------------------------------------------------ the run

    async def run(self, feed: Feed) -> None:
        """Until everything has its end, or `stopped` says why not. Raises what is a defect of ours."""
        ticker = asyncio.ensure_future(self._tick())
        self._feed = feed
        try:
            await self._dispatch(feed)
            self._feed = None
            await self._wait_for_rest()
        finally:
            ticker.cancel()
            for task in tuple(self._tasks):
                task.cancel()
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=2.0)

    async def close(self) -> None:
        """Writes what is left. Blocking parts go to threads of their own."""
        await in_daemon_thread(self._writer.close)
        if self._history is not None:
            await self._history.close()

    def progress(self, state: str = "") -> Progress:
        """How far it is."""
        paused = "paused" if self._is_paused else "draining" if self._is_draining else "running"
        return self._tally.progress(state or paused)

    async def _dispatch(self, feed: Feed) -> None:
        while not self._is_draining and self.stopped is None:
            self._wake.clear()
            now = self._loop.time()
            if self._options.stop_after_s is not None and now - self._tally.began >= self._options.stop_after_s:
                self.stopped = time_is_up(self._options.stop_after_s)
                return
            wait_s = self._step(feed, now)
            if wait_s is None:
                return
            if wait_s > 0:
                await self._sleep(wait_s)

    def _fill(self) -> None:
        """Gives free places to the next requests at once: waking the dispatcher would take rounds of the loop."""
        feed = self._feed
        while feed is not None and not self._is_draining and self.stopped is None:
            if self._step(feed, self._loop.time()) != 0.0:
                return

    def _step(self, feed: Feed, now: float) -> Optional[float]:
        """Starts one request if that may be; else the seconds until something can change. None at the end."""
        if feed.error is not None and not (feed.has_job() or self._retries or self._tasks or self._next):
            raise feed.error
        if self._is_paused or self._copies >= MOST_COPIES:
            return TICK_S
        work = self._next = self._next or self._choose(feed, now)
        if work is None:
            is_over = feed.is_exhausted and not feed.has_job() and not self._retries and not self._tasks
            return None if is_over else self._until_retry(now)
        if all(one.stopped is not None for one in self._lanes):
            self.stopped = self._lanes[0].stopped
            return None
        tokens = work.job.prompt_bytes // 4 + (work.job.parameters.max_tokens or 0)
        lane, wait_s = self._lane_for(work, tokens, now)
        if lane is None:
            return wait_s
        held = self._purse.most(work.job, extra_bytes=sum(len(one.text) for one in work.more))
        if not self._purse.hold(held):
            if self._tasks:
                return TICK_S
            assert self._purse.cap is not None
            self._emit(BudgetReached(self._purse.spent, self._purse.cap))
            self.stopped = budget_is_used_up(self._purse.spent, self._purse.cap, held)
            return None
        self._next = None
        number = lane.begin(tokens, now)
        self._tally.sent += 1
        self._tally.again += work.failures > 0
        self._spawn(self._work(work, lane, held, tokens, number))
        return 0.0

    def _choose(self, feed: Feed, now: float) -> Optional[Work]:
        """The next request: one that waited long enough, or a new one, so that retries stay a small part."""
        is_due = bool(self._retries) and self._retries[0].not_before <= now
        too_many = self._tally.again >= RETRY_SHARE * self._tally.sent + FREE_RETRIES
        if is_due and (not too_many or len(self._retries) >= 4 * self._options.max_concurrency):
            return heapq.heappop(self._retries)
        while feed.has_job():
            job = feed.take()
            assert job is not None
            work = self._begun(job)
            if work is not None:
                return work
        return heapq.heappop(self._retries) if is_due and (feed.is_exhausted or not too_many) else None

    def _begun(self, job: Job) -> Optional[Work]:
        """The work of a new job; None when another's answer will do."""
        if job.known is not None:
            self._spawn(self._counted(self._endings.recall(job, job.known)))
            return None
        if self._options.dedupe:
            leader = self._leading.get(job.key)
            if leader is not None:
                leader.followers.append(job)
                return None
            place = self._past.places.get(number_of(job.key))
            if place is not None:
                self._spawn(self._counted(self._endings.copy([job], place)))
                return None
        self._number += 1
        work = Work(0.0, self._number, job)
        if self._options.dedupe:
            self._leading[job.key] = work
        return work

    def _lane_for(self, work: Work, tokens: int, now: float) -> Tuple[Optional[Lane], float]:
        """The freest lane that may send now; else None and the seconds until one can."""
        best: Optional[Lane] = None
        soonest = TICK_S * 4
        alive = [one for one in self._lanes if one.stopped is None]
        for lane in alive:
            if lane is work.avoid and len(alive) > 1:
                continue
            wait_s = lane.wait_s(tokens, now)
            if wait_s is None:
                continue
            if wait_s > 0:
                soonest = min(soonest, wait_s)
            elif best is None or lane.running * best.window.at_once < best.running * lane.window.at_once:
                best = lane
        return best, soonest

    def _until_retry(self, now: float) -> float:
        due = self._retries[0].not_before - now if self._retries else TICK_S * 4
        return min(TICK_S * 4, max(0.001, due))

    async def _sleep(self, seconds: float) -> None:
        timer = self._loop.call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def _wait_for_rest(self) -> None:
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=self._options.drain_s)

    def _spawn(self, coro: Coroutine[Any, Any, None]) -> None:  # Any: what a coroutine yields to its loop
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            self.stopped = self.stopped or task.exception()

    # ------------------------------------------------------------ one request

    async def _work(self, work: Work, lane: Lane, held: float, tokens: int, number: int) -> None:
        limit = self._limit(lane)
        settled = is_taken = False
        try:
            began = await limit.take(lambda pause_s: None, is_again=work.attempts > 0)
            is_taken = True
            work.attempts += 1
            if self._options.keep_requests and work.attempts == 1:
                await self._writer.add(self._folder.path / REQUESTS, line_of(work.job))
            choice = lane.choice if lane.choice.model == work.job.model else replace(lane.choice, model=work.job.model)
            conversation_id = conversation_of(self._run_id, work.job)
            try:
                answer = await ask(
                    self._app, choice, work.job, conversation_id=conversation_id, more=work.more,
                    most_tokens=ANSWER_TOKENS if self._purse.cap is not None else None,
                    streams=streams(self._options.stream, work.job, is_near=lane.is_near),
                )
            except NukeAIError as error:
                was_heard = bool(getattr(error, "was_heard", False))
                settled = True
                work.pay(self._purse.settle(held, None, was_heard=was_heard))
                await self._failed_once(work, lane, error, began, limit)
                return
            settled = True
            work.pay(self._purse.settle(held, answer.usage, was_heard=True), answer.usage)
            used = answer.usage.total if answer.usage is not None else None
            lane.answered(self._loop.time(), began, estimated=tokens, used=used)
            if answer.allowance is not None:
                pause = lane.told(answer.allowance, number, self._loop.time(), said_at=answer.allowed_at)
                if pause is not None:
                    self._stop(lane, told_to_wait(lane.name, pause.seconds))
            limit.answered()
            await self._answered(work, lane, answer, conversation_id)
        finally:
            if not settled:
                self._purse.settle(held, None, was_heard=True)
            if is_taken:
                limit.give_back()
            lane.end()
            self._fill()

    async def _answered(self, work: Work, lane: Lane, answer: Answer, conversation_id: str) -> None:
        job = work.job
        self._tally.used(answer.usage)
        wrong = objection(answer.text, job.schema) if job.schema is not None else None
        if wrong is not None and not work.more:
            work.more = (Said("assistant", answer.text), Said("user", RE_ASK.format(wrong=wrong)))
            self._put_back(work, 0.0)
            return
        if wrong is not None:
            await self._fail(work, lane, provider_error(
                "protocol", wrong, provider=lane.name, code="schema", model=job.model,
                user_text=tr("The answer does not have the shape that was asked for."),
            ))
            return
        place = await self._endings.answer(work, lane, answer, conversation_id)
        self._leading.pop(job.key, None)
        await self._endings.copy(work.followers, place)

    async def _counted(self, written: Coroutine[Any, Any, None]) -> None:  # Any: what a coroutine yields to its loop
        self._copies += 1
        try:
            await written
        finally:
            self._copies -= 1

    async def _failed_once(
        self, work: Work, lane: Lane, error: NukeAIError, began: float, limit: OriginLimit
    ) -> None:
        now = self._loop.time()
        if isinstance(error, ProviderError):
            pause = lane.failed(error, now, began)
            limit.refused(error, started_at=began, pause_s=pause.seconds if pause is not None else None)
            if pause is not None and pause.is_too_long:
                self._stop(lane, told_to_wait(lane.name, pause.seconds))
            elif pause is not None:
                self._emit(LanePaused(lane.name, pause.seconds, pause.reason))
        if is_fatal(error, is_proven=lane.successes > 0):
            self._stop(lane, refusal_of(error))
        alive = [one for one in self._lanes if one.stopped is None]
        if error.kind in UNREACHED_KINDS and all(one.is_gone(now, self._options.max_attempts) for one in alive):
            for one in alive:
                self._stop(one, refusal_of(error))
        if lane.stopped is not None:
            self._put_back(work, 0.0)
            return
        if not isinstance(error, ProviderError) or not (error.retryable or error.kind in RETRYABLE_KINDS):
            await self._fail(work, lane, error)
            return
        # A refusal while others were let through says nothing against the row.
        is_crowd = error.kind in SLOW_DOWN_KINDS and lane.successes > work.success_mark
        work.success_mark = lane.successes
        work.failures += not is_crowd
        if work.failures >= self._options.max_attempts:
            if error.kind in UNREACHED_KINDS and not any(one.successes for one in self._lanes):
                self._stop(lane, refusal_of(error))
                self._put_back(work, 0.0)
                return
            await self._fail(work, lane, error)
            return
        work.avoid = lane if error.kind in UNREACHED_KINDS else None
        is_slow_down = error.kind in SLOW_DOWN_KINDS
        self._put_back(work, now if is_slow_down else now + backoff_s(max(1, work.failures)))

    async def _fail(self, work: Work, lane: Lane, error: NukeAIError) -> None:
        await self._endings.error(work, lane, error)
        self._leading.pop(work.job.key, None)
        self._check_failures()

    def _check_failures(self) -> None:
        limit = self._options.max_failures
        if limit is None or self.stopped is not None:
            return
        if limit.endswith("%"):
            finished, left = self._tally.finished, self._tally.left
            of = finished + left if left is not None else max(20, finished)
            most = float(limit[:-1]) / 100.0 * of
        else:
            most = float(limit)
        if self._tally.failed > most:
            self.stopped = too_many_failed(self._tally.failed, limit)

    def _stop(self, lane: Lane, error: BatchError) -> None:
        if lane.stopped is None:
            lane.stop(error)
            self._emit(LaneStopped(lane.name, error.user_text))

    def _put_back(self, work: Work, not_before: float) -> None:
        work.not_before = not_before
        heapq.heappush(self._retries, work)

    def _limit(self, lane: Lane) -> OriginLimit:
        limit = self._limits.get(lane.name)
        if limit is None:
            limit = self._limits[lane.name] = limit_of(self._app.providers.origin(lane.choice.provider))
            limit.allow(self._options.max_concurrency)
        return limit

    async def _tick(self) -> None:
        while True:
            self._emit(self.progress())
            await asyncio.sleep(TICK_S)

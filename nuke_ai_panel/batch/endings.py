"""Writes the one end of each row: its answer, another's answer to the same request, or its error. Loop thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Callable, List, Optional, Tuple

from ..errors import NukeAIError
from ..messages import Usage
from .compact_map import number_of
from .history import BatchHistory
from .json_shape import bare_json
from .lane import Lane
from .line_writer import LineWriter
from .remembered import Remembered
from .results import error_line, extra_of, finish_of, result_line, sum_of, text_of
from .run_folder import Past, RunFolder
from .tally import Tally
from .values import Answer, BatchEvent, Job, RowDone, RowFailed, Said


@dataclass(order=True)
class Work:
    """One request until its end. Ordered by when it may be sent."""

    not_before: float
    number: int
    job: Job = field(compare=False)
    attempts: int = field(default=0, compare=False)
    failures: int = field(default=0, compare=False)
    followers: List[Job] = field(default_factory=list, compare=False)
    avoid: Optional[Lane] = field(default=None, compare=False)
    more: Tuple[Said, ...] = field(default=(), compare=False)
    cost: Optional[float] = field(default=None, compare=False)
    usage: Optional[Usage] = field(default=None, compare=False)
    success_mark: int = field(default=0, compare=False)

    def pay(self, cost: Optional[float], usage: Optional[Usage] = None) -> None:
        """One attempt's US dollars and tokens more, as far as they are known."""
        self.cost = self.cost if cost is None else (self.cost or 0.0) + cost
        self.usage = sum_of(self.usage, usage)


class Endings:
    """The files of a run as its rows end up in them."""

    def __init__(
        self, folder: RunFolder, past: Past, writer: LineWriter, tally: Tally, *,
        emit: Callable[[BatchEvent], None], history: Optional[BatchHistory], remembered: Optional[Remembered] = None,
    ) -> None:
        self._folder, self._past, self._writer, self._tally = folder, past, writer, tally
        self._emit, self._history, self._remembered = emit, history, remembered

    async def answer(self, work: Work, lane: Lane, answer: Answer, conversation_id: str) -> int:
        """Writes an answer; its place in the file."""
        job = work.job
        if job.schema is not None:
            answer = replace(answer, text=bare_json(answer.text))
        extra = extra_of(
            job, attempts=work.attempts, cost_usd=work.cost, host=lane.name, answer=answer, usage=work.usage,
            conversation_id=conversation_id if self._history is not None else None,
        )
        place = await self._writer.add(self._folder.results, result_line(job, answer, extra))
        self._past.places.put(number_of(job.key), place)
        self._tally.end()
        self._emit(RowDone(job.custom_id, answer.text, work.attempts, extra["cost_usd"],
                           conversation_id=extra.get("conversation_id"), finish=answer.finish))
        if self._history is not None:
            await self._history.add(job, lane.choice, answer, conversation_id)
        if self._remembered is not None:
            await self._remembered.add(job, answer)
        return place

    async def recall(self, job: Job, answer: Answer) -> None:
        """Writes the answer that a former run got to the same request."""
        extra = {**extra_of(job, attempts=0, cost_usd=None, host="cache", answer=answer), "cached": True}
        place = await self._writer.add(self._folder.results, result_line(job, answer, extra))
        self._past.places.put(number_of(job.key), place)
        self._tally.end()
        self._emit(RowDone(job.custom_id, answer.text, 0, finish=answer.finish))

    async def copy(self, jobs: List[Job], place: int) -> None:
        """Gives rows that asked the same the answer that is written at `place`."""
        for job in jobs:
            extra = {"attempts": 0, "cost_usd": None, "place": job.place, "at": round(time.time(), 3),
                     **({"page": job.page} if job.page is not None else {})}
            line = await self._writer.copy(self._folder.results, place, {"custom_id": job.custom_id, "x": extra})
            self._tally.end()
            self._emit(RowDone(job.custom_id, text_of(line), 0, dedup_of=line["x"]["dedup_of"], finish=finish_of(line)))

    async def error(self, work: Work, lane: Lane, error: NukeAIError) -> None:
        """Writes an error, also for the rows that waited for the same answer."""
        kind = "schema" if getattr(error, "code", None) == "schema" else error.kind
        for job in (work.job, *work.followers):
            is_leader = job is work.job
            extra = extra_of(job, attempts=work.attempts if is_leader else 0, host=lane.name,
                             cost_usd=work.cost if is_leader else None, usage=work.usage if is_leader else None)
            if not is_leader:
                extra["dedup_of"] = work.job.custom_id
            line = error_line(job, error, extra)
            line["error"]["code"] = kind
            await self._writer.add(self._folder.errors, line)
            self._tally.end(failed=True)
            self._emit(RowFailed(job.custom_id, kind, error.user_text, work.attempts))

"""Takes a batch to a provider's own batch service and its results back: the files, not the upload. Blocking.

`openai` files are split at 50,000 lines and 200 MB; `openrouter` is one JSON object of at most 5,000 requests with the
endpoint and the model in front; `vllm` is what `vllm run-batch` reads, in one file.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import number_of
from .errors import InvalidBatchError, no_row
from .former import bring_back, tidy
from .planning import Plan, jobs_of
from .reporting import Report, ended, make_report, write_pages, write_report
from .requests import URL, line_of
from .run_folder import RUN, SCHEMA, Past, RunFolder, as_line, disk_error, is_same, mark, replace_file
from .service_lines import UnusableLineError, end_of, service_lines
from .targets import refuse_foreign
from .values import DEFECT, DONE, SOME_FAILED, Job, Reject

MOST_LINES, MOST_BYTES, MOST_INLINE = 50_000, 200_000_000, 5_000
FORMS = ("openai", "openrouter", "vllm")
_MADE = re.compile(r"requests-\d{3,}\.jsonl?\Z")


@dataclass(frozen=True)
class Imported:
    """What came of an import: ids that are in no row, lines that say nothing (with their places), and the run now."""

    answers: int
    errors: int
    strange: Tuple[str, ...]
    rejects: Tuple[str, ...]
    report: Report


# ---------------------------------------------------------------- there


def export(
    plan: Plan, folder: Path, form: str, rejected: Callable[[Reject], None] = lambda one: None
) -> List[Path]:
    """Writes every request of the plan; the files. Those of a former export are gone. Raises InvalidBatchError.

    `rejected` is told what is no row.
    """
    if form not in FORMS:
        raise InvalidBatchError(
            tr("{form} is no form to export to", form=form), next_step=tr("Use one of {names}.", names=", ".join(FORMS))
        )
    former = _former(plan, folder)
    rejects: List[Reject] = []

    def heard(one: Reject) -> None:
        rejects[1:] = []
        rejects.append(one)
        rejected(one)

    jobs = jobs_of(plan, heard)
    if form == "openrouter":
        files = list(_inline(jobs, folder))
    else:
        files = list(_split(jobs, folder, *((MOST_LINES, MOST_BYTES) if form == "openai" else (0, 0))))
    if not files:
        raise no_row(plan.source.title, rejects[0] if rejects else None)
    for path in former - set(files):
        try:
            path.unlink()
        except OSError as exc:
            raise disk_error(path, exc) from exc
    return files


def _former(plan: Plan, folder: Path) -> Set[Path]:
    """Makes the folder; the files of a former export that are in it. Raises InvalidBatchError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = {one for one in folder.iterdir() if _MADE.match(one.name)}
    except OSError as exc:
        raise InvalidBatchError(
            tr("{path} cannot be made: {reason}.", path=folder, reason=exc.strerror or exc),
            next_step=tr("Choose another directory."),
        ) from exc
    own = os.path.realpath(plan.source.path) if plan.source.path else ""
    if any(os.path.realpath(one) == own for one in found):
        raise InvalidBatchError(
            f"{own} would be read and written",
            user_text=tr("{path} is the input, and would be written over.", path=plan.source.path),
            next_step=tr("Choose another directory."),
        )
    return found


def _split(jobs: Iterator[Job], folder: Path, most_lines: int, most_bytes: int) -> Iterator[Path]:
    pieces: List[bytes] = []
    size = number = 0
    for job in jobs:
        line = as_line(line_of(job))
        if pieces and most_lines and (len(pieces) >= most_lines or size + len(line) > most_bytes):
            number += 1
            yield _written(folder / f"requests-{number:03d}.jsonl", pieces)
            pieces, size = [], 0
        pieces.append(line)
        size += len(line)
    if pieces:
        yield _written(folder / f"requests-{number + 1:03d}.jsonl", pieces)


def _inline(jobs: Iterator[Job], folder: Path) -> Iterator[Path]:
    """A file names its model once, so each model has files of its own."""
    groups: Dict[str, List[Json]] = {}
    number = 0
    for job in jobs:
        body = line_of(job)["body"]
        group = groups.setdefault(body.pop("model"), [])
        group.append({"custom_id": job.custom_id, "body": body})
        if len(group) == MOST_INLINE:
            number += 1
            yield _inline_file(folder, number, job.model, group)
            del groups[job.model]
    for model, group in groups.items():
        number += 1
        yield _inline_file(folder, number, model, group)


def _inline_file(folder: Path, number: int, model: str, group: List[Json]) -> Path:
    whole = {"endpoint": URL, "model": model, "requests": group}
    return _written(folder / f"requests-{number:03d}.json", [json.dumps(whole, ensure_ascii=False).encode("utf-8")])


def _written(path: Path, pieces: List[bytes]) -> Path:
    replace_file(path, pieces)
    return path


# ---------------------------------------------------------------- and back


def import_results(
    plan: Plan, out: Path, files: Sequence[Path], *, command: Optional[Mapping[str, Json]] = None
) -> Imported:
    """Adds what a service answered to the run directory, which `command` lets go on by itself later.

    Joined by custom_id, in whatever order; a row that has its answer keeps it, and one that has its error too. Raises
    InvalidBatchError, LockedRunError.
    """
    folder = RunFolder(out)
    for file in files:
        if not os.path.isfile(file):
            raise InvalidBatchError(
                tr("{file} is not a file.", file=file), next_step=tr("Check the path of the results.")
            )
    refuse_foreign(folder, plan.source, read=map(str, files))
    rejected: List[Reject] = []
    # Without what was said: it is long, and only its end is written.
    jobs = {job.custom_id: replace(job, said=(), system=None) for job in jobs_of(plan, rejected.append)}
    folder.lock()
    try:
        known = folder.read()
        bring_back(folder)
        past = folder.scan()
        taking = _Taking(folder, past, jobs)
        for file in files:
            taking.take(file)
        former = tidy(folder, past, is_all=plan.selection.is_all)
        report = make_report(
            folder, code=DONE, message="", rows=len(jobs), rejected=len(rejected), torn=past.torn, former=former)
        pages = write_pages(folder)
        is_done = not (report.failed or report.missing or report.rejected)
        report = ended(report, DEFECT if pages else DONE if is_done else SOME_FAILED, " ".join(pages[:1]), pages)
        _write_facts(folder, plan, known, command, report)
        answers, errors = taking.counts
        return Imported(answers, errors, tuple(taking.strange), tuple(taking.rejects), report)
    finally:
        folder.close()


class _Taking:
    """Adds lines to a run directory. `counts` are answers and errors."""

    def __init__(self, folder: RunFolder, past: Past, jobs: Mapping[str, Job]) -> None:
        self._folder, self._past, self._jobs = folder, past, jobs
        self.counts = [0, 0]
        self.strange: List[str] = []
        self.rejects: List[str] = []
        self._answered = set()
        for name, job in jobs.items():
            number = number_of(name)
            if is_same(past.answered.get(number), job.key):
                self._answered.add(name)
            past.answered.put(number, mark(job.key, is_seen=True))

    def take(self, file: Path) -> None:
        """Adds the lines of one file. Raises InvalidBatchError when it cannot be read, BatchError for a full disk."""
        try:
            with self._folder.results.open("ab") as results, self._folder.errors.open("ab") as errors:
                for number, line in service_lines(file):
                    try:
                        end = self._end(line)
                    except UnusableLineError as error:
                        place = tr("{file}, line {number}", file=file, number=number)
                        self.rejects.append(f"{place}: {error}.")
                        continue
                    if end is not None:
                        is_error = end["response"] is None
                        (errors if is_error else results).write(as_line(end))
                        self.counts[is_error] += 1
        except OSError as exc:
            raise disk_error(self._folder.path, exc) from exc

    def _end(self, line: Mapping[str, Json]) -> Optional[Dict[str, Json]]:
        """The end of a row that has none yet. Raises UnusableLineError."""
        if not line:
            raise UnusableLineError(tr("it is no JSON object"))
        if isinstance(line.get("custom_id"), (dict, list, type(None))):
            raise UnusableLineError(tr("it has no custom_id"))
        name = str(line["custom_id"])
        job = self._jobs.get(name)
        if job is None:
            self.strange.append(name)
            return None
        if name in self._answered:
            return None
        end, number = end_of(line, job), number_of(name)
        if end["response"] is not None:
            self._answered.add(name)
        elif is_same(self._past.failed.get(number), job.key):
            return None
        else:
            self._past.failed.put(number, mark(job.key))
        return end


def _write_facts(
    folder: RunFolder, plan: Plan, known: Mapping[str, Json], command: Optional[Mapping[str, Json]], report: Report
) -> None:
    facts: Dict[str, Json] = {
        "schema": SCHEMA, "id": known.get("id") or str(uuid.uuid4()), "input": plan.source.title,
        "input_hash": plan.fingerprint, "template_hash": plan.template_hash, "provider": plan.recipe.provider,
        "model": plan.recipe.model, "rows": report.rows, "started": known.get("started") or time.time(),
        "finished": time.time(), "command": dict(command) if command is not None else known.get("command"), "counts": {
            "answered": report.answered, "failed": report.failed, "rejected": report.rejected, "code": report.code},
    }
    folder.write(RUN, facts)
    write_report(folder, report, facts)

"""A farm's part of a run: each chunk of rows is one file, made by one worker; merging joins them. Blocking; any thread.

A chunk is a run of its own in `shards/A-B.part/`, so a killed worker goes on where it was; when every row has its end,
its lines become `shards/A-B.jsonl` in one rename, and the same chunk run twice does no harm. A farm may cut the rows
anew: `adopt` takes over what chunks of other borders have answered.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Optional, Set, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import InvalidBatchError
from .reporting import Report, make_report, write_pages, write_report
from .rows import Source
from .run_folder import ERRORS, REJECTS, RESULTS, RUN, RunFolder, as_line, lines_of, replace_file
from .values import DONE, SOME_FAILED, Reject

SHARDS = "shards"
_BORDERS = re.compile(r"(\d+)-(\d+)\.(?:jsonl|part)\Z")


@dataclass(frozen=True)
class Chunk:
    """Rows `first` to `last` of the input, both counted from 0 and included."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.first:06d}-{self.last:06d}"


def chunk_of(text: str) -> Chunk:
    """A chunk from `A-B` or `A`. Raises InvalidBatchError."""
    first, _, last = text.partition("-")
    if not first.isdigit() or (last and not last.isdigit()) or int(last or first) < int(first):
        raise InvalidBatchError(
            tr("{value} is no range of rows", value=text), next_step=tr("Say --rows 0-199; the first row is 0.")
        )
    return Chunk(int(first), int(last or first))


def chunk_folder(out: Path, chunk: Chunk) -> Path:
    """Where a chunk is at work."""
    return out / SHARDS / f"{chunk.name}.part"


def is_complete(out: Path, chunk: Chunk) -> bool:
    """Whether the chunk's file is there."""
    return (out / SHARDS / f"{chunk.name}.jsonl").is_file()


def adopt(out: Path, chunk: Chunk, keys: Callable[[], Mapping[str, str]]) -> int:
    """Copies answers of overlapping chunks into this one's folder; how many. `keys` are its requests' keys by id.

    Overlapping are finished chunks, and those that were killed; what somebody works at is left alone.
    """
    others = list(_overlapping(out, chunk))
    if not others:
        return 0
    wanted, own = {**keys()}, RunFolder(chunk_folder(out, chunk))
    own.lock()
    try:
        own.scan()
        for _, known in lines_of(own.results):
            wanted.pop(str(known.get("custom_id")), None)
        count = 0
        with own.results.open("ab") as file:
            for other in others:
                for line in _answers_in(other):
                    name = str(line.get("custom_id"))
                    if wanted.get(name) == (line.get("x") or {}).get("request_key"):
                        del wanted[name]
                        file.write(as_line(line))
                        count += 1
        return count
    finally:
        own.close()


def insist_same(known: Mapping[str, Json], template_hash: str, input_hash: Optional[str]) -> None:
    """Refuses a chunk of another template or input than the first one's. Raises InvalidBatchError."""
    changed = [what for what, before, now in (
        ("template", known.get("template_hash"), template_hash), ("input", known.get("input_hash"), input_hash),
    ) if known and before != now]
    if changed:
        what = " and the ".join(changed)
        raise InvalidBatchError(
            f"the {what} changed since the first chunk",
            user_text=tr("The {what} changed since the first chunk was made.", what=what),
            next_step=tr("Put it back, or choose another --out. Nothing was sent."),
        )


def seal(out: Path, chunk: Chunk) -> None:
    """Makes a finished chunk's lines its file, and leaves the facts of the run for `merge`."""
    part = RunFolder(chunk_folder(out, chunk))
    facts = {**part.read(), "rows": None, "counts": None}
    folder = RunFolder(out)
    if not folder.exists():
        folder.write(RUN, facts)

    def pieces() -> Iterator[bytes]:
        for name in (RESULTS, ERRORS):
            for _, line in lines_of(part.path / name):
                yield as_line(line)
        for _, line in lines_of(part.path / REJECTS):
            yield as_line({"reject": line})

    replace_file(out / SHARDS / f"{chunk.name}.jsonl", pieces())
    shutil.rmtree(part.path, ignore_errors=True)


def counted(out: Path) -> Tuple[int, int, bool]:
    """How many rows of the chunks have an answer and an error, and whether somebody works at one. Before the merge."""
    answered: Set[str] = set()
    failed: Set[str] = set()
    is_running = False
    for path in sorted((out / SHARDS).glob("*-*")):
        part = RunFolder(path)
        is_running |= path.is_dir() and part.is_locked()
        for file in (path,) if path.is_file() else (part.results, part.errors):
            for _, line in lines_of(file):
                if "custom_id" in line:
                    (failed if line.get("response") is None else answered).add(str(line["custom_id"]))
    return len(answered), len(failed - answered), is_running


def merge(out: Path, source: Optional[Source]) -> Tuple[Report, List[str]]:
    """Joins the shards into `results.jsonl` and `errors.jsonl`; the report, and what is wrong in sentences.

    The first success of an id counts. With `source` its rows are counted, and ranges without a shard are named.
    """
    folder = RunFolder(out)
    files = sorted((out / SHARDS).glob("*.jsonl")) if (out / SHARDS).is_dir() else []
    if not files:
        raise InvalidBatchError(tr("{out} holds no finished chunk.", out=out), next_step=tr("Run run-chunk first."))
    facts = folder.read()
    folder.lock()
    try:
        answered, failed = CompactMap(), CompactMap()
        replace_file(folder.results, _answers(files, answered))
        replace_file(folder.errors, _failures(files, answered, failed))
        folder.write_lines(REJECTS, _rejects(files))
        rows, rejected = _counted(source) if source is not None else (None, _rejected(files))
        problems = _gaps(files, rows) if rows is not None else []
        report = make_report(folder, code=DONE, message=" ".join(problems), rows=rows, rejected=rejected)
        is_done = not (report.failed or report.missing or report.rejected)
        report = make_report(
            folder, code=DONE if is_done else SOME_FAILED, message=" ".join(problems), rows=rows, rejected=rejected,
        )
        write_report(folder, report, facts)
        write_pages(folder)
        folder.write(RUN, {**facts, "rows": rows, "counts": {"answered": report.answered, "failed": report.failed}})
        return report, problems
    finally:
        folder.close()


def _answers(files: List[Path], answered: CompactMap) -> Iterator[bytes]:
    for file in files:
        for _, line in lines_of(file):
            number = number_of(str(line.get("custom_id")))
            if line.get("response") is not None and answered.get(number) is None:
                answered.put(number, 1)
                yield as_line(line)


def _failures(files: List[Path], answered: CompactMap, failed: CompactMap) -> Iterator[bytes]:
    for file in files:
        for _, line in lines_of(file):
            number = number_of(str(line.get("custom_id")))
            if line.get("error") is not None and answered.get(number) is None and failed.get(number) is None:
                failed.put(number, 1)
                yield as_line(line)


def _rejects(files: List[Path]) -> Iterator[Mapping[str, Json]]:
    seen = set()
    for file in files:
        for _, line in lines_of(file):
            reject = line.get("reject")
            if reject and (reject.get("line"), reject.get("reason")) not in seen:
                seen.add((reject.get("line"), reject.get("reason")))
                yield reject


def _rejected(files: List[Path]) -> int:
    return sum(1 for _ in _rejects(files))


def _overlapping(out: Path, chunk: Chunk) -> Iterator[Path]:
    for path in sorted((out / SHARDS).glob("*-*")):
        found = _BORDERS.match(path.name)
        if found and path != chunk_folder(out, chunk) and int(found[1]) <= chunk.last and int(found[2]) >= chunk.first:
            yield path


def _answers_in(path: Path) -> Iterator[Mapping[str, Json]]:
    """The answers of a finished chunk's file, or of a folder that nobody works at."""
    if path.is_file():
        yield from (line for _, line in lines_of(path) if line.get("response") is not None)
        return
    part = RunFolder(path)
    if not part.is_locked():
        yield from (line for _, line in lines_of(part.results) if line.get("response") is not None)


def _counted(source: Source) -> Tuple[int, int]:
    rows = rejects = 0
    for one in source.read():
        rows += not isinstance(one, Reject)
        rejects += isinstance(one, Reject)
    return rows, rejects


def _gaps(files: List[Path], rows: int) -> List[str]:
    problems, next_row = [], 0
    for file in files:
        first, _, last = file.stem.partition("-")
        if int(first) > next_row:
            problems.append(f"Rows {next_row}-{int(first) - 1} have no chunk.")
        next_row = max(next_row, int(last) + 1)
    if next_row < rows:
        problems.append(f"Rows {next_row}-{rows - 1} have no chunk.")
    return problems

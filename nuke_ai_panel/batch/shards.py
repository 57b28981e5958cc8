"""A farm's part of a run: each chunk of rows is one file, made by one worker; merging joins them. Blocking; any thread.

A chunk is a run of its own in `shards/A-B.part/`, so a killed worker goes on where it was; when every row has its end,
its lines become `shards/A-B.jsonl` in one rename, and the same chunk run twice does no harm. A farm may cut the rows
anew: `adopt` takes over what chunks of other borders have answered.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ..messages import Json
from ..words import tr
from .compact_map import CompactMap, number_of
from .errors import InvalidBatchError
from .reporting import Report, ended, make_report, write_pages, write_report
from .rows import Source
from .run_folder import (
    ERRORS,
    REJECTS,
    RESULTS,
    RUN,
    RunFolder,
    as_line,
    is_same,
    key_in,
    lines_of,
    mark,
    replace_file,
)
from .values import DEFECT, DONE, SOME_FAILED, Reject

SHARDS = "shards"
_BORDERS = re.compile(r"(\d+)-(\d+)\.(?:jsonl|part)\Z")
_SHOWN_GAPS = 10
_FAILED, _ANSWERED = 1, 2


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


def chunk_file(out: Path, chunk: Chunk) -> Path:
    """What is left of a chunk whose rows all have their end."""
    return out / SHARDS / f"{chunk.name}.jsonl"


def is_complete(out: Path, chunk: Chunk) -> bool:
    """Whether the chunk's file is there."""
    return chunk_file(out, chunk).is_file()


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
                    if wanted.get(name) == key_in(line):
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
                if line:
                    yield as_line(line)
        for _, line in lines_of(part.path / REJECTS):
            if line:
                yield as_line({"reject": line})

    replace_file(chunk_file(out, chunk), pieces())
    shutil.rmtree(part.path, ignore_errors=True)


def counted(out: Path) -> Tuple[int, int, bool]:
    """How many rows of a run and its chunks have an answer and an error, and whether somebody works at a chunk."""
    folder = RunFolder(out)
    files, is_running = [folder.results, folder.errors], False
    for _, _, path in _pieces(out):
        part = RunFolder(path)
        is_running |= path.is_dir() and part.is_locked()
        files += [path] if path.is_file() else [part.results, part.errors]
    ends, counts = CompactMap(), {_FAILED: 0, _ANSWERED: 0}
    for line in _lines(files):
        if "custom_id" not in line:
            continue
        number, end = number_of(str(line["custom_id"])), _FAILED if line.get("response") is None else _ANSWERED
        known = ends.get(number)
        if known is None or known < end:
            ends.put(number, end)
            counts[end] += 1
            if known is not None:
                counts[known] -= 1
    return counts[_ANSWERED], counts[_FAILED], is_running


def merge(out: Path, source: Optional[Source]) -> Report:
    """Joins the shards into `results.jsonl` and `errors.jsonl`, beside what was asked again since; the report.

    The first success of an id counts. With `source` its rows are counted, and ranges without a shard are named.
    """
    folder = RunFolder(out)
    pieces = [one for one in _pieces(out) if one.path.suffix == ".jsonl"]
    files = [one.path for one in pieces]
    if not files:
        raise InvalidBatchError(tr("{out} holds no finished chunk.", out=out), next_step=tr("Run run-chunk first."))
    facts = folder.read()
    folder.lock()
    try:
        answered = CompactMap()
        asked = _asked(files)
        replace_file(folder.results, _answers([folder.results, *files], asked, answered))
        replace_file(folder.errors, _failures([folder.errors, *files], asked, answered))
        rows, rejects = _census(source, files)
        folder.write_lines(REJECTS, rejects)
        torn = sum(not line for line in _lines(files))
        report = make_report(folder, code=DONE, message="", rows=rows, rejected=len(rejects), torn=torn)
        is_done = not (report.failed or report.missing or report.rejected or torn)
        pages = write_pages(folder)
        code = DEFECT if pages and is_done else DONE if is_done else SOME_FAILED
        gaps = _gaps(pieces, rows) if rows is not None and report.missing else ""
        report = ended(report, code, " ".join(filter(None, (gaps, *pages[:1]))), pages)
        write_report(folder, report, facts)
        folder.write(RUN, {**facts, "rows": rows, "finished": time.time(), "counts": {
            "answered": report.answered, "failed": report.failed, "rejected": report.rejected, "code": report.code}})
        return report
    finally:
        folder.close()


def _lines(files: Iterable[Path]) -> Iterator[Dict[str, Json]]:
    for file in files:
        for _, line in lines_of(file):
            yield line


def _asked(files: List[Path]) -> CompactMap:
    """The requests' keys of the chunks by id."""
    found = CompactMap()
    for line in _lines(files):
        if "custom_id" in line:
            found.put(number_of(str(line["custom_id"])), mark(key_in(line)))
    return found


def _answers(files: List[Path], asked: CompactMap, answered: CompactMap) -> Iterator[bytes]:
    """The first answer of each id that is one to the request `asked`."""
    for line in _lines(files):
        number = number_of(str(line.get("custom_id")))
        if line.get("response") is not None and answered.get(number) is None and _is_asked(asked, number, line):
            answered.put(number, 1)
            yield as_line(line)


def _failures(files: List[Path], asked: CompactMap, answered: CompactMap) -> Iterator[bytes]:
    """The first error of each id that has no answer."""
    failed = CompactMap()
    for line in _lines(files):
        number = number_of(str(line.get("custom_id")))
        is_open = answered.get(number) is None and failed.get(number) is None
        if line.get("error") is not None and is_open and _is_asked(asked, number, line):
            failed.put(number, 1)
            yield as_line(line)


def _is_asked(asked: CompactMap, number: int, line: Mapping[str, Json]) -> bool:
    known = asked.get(number)
    return known is None or is_same(known, key_in(line))


def _census(source: Optional[Source], files: List[Path]) -> Tuple[Optional[int], List[Mapping[str, Json]]]:
    """How many rows there are, None where nobody knows, and what is no row.

    What only a chunk found to be none, such as a row whose prompt cannot be made, counts among the rows of `source`.
    """
    rejects: Dict[Tuple[Json, Json], Mapping[str, Json]] = {}
    rows = 0
    for one in source.read() if source is not None else ():
        if isinstance(one, Reject):
            rejects.setdefault((one.line, one.reason), vars(one))
        else:
            rows += 1
    known = len(rejects)
    for line in _lines(files):
        reject = line.get("reject")
        if isinstance(reject, dict):
            rejects.setdefault((reject.get("line"), reject.get("reason")), reject)
    return rows - (len(rejects) - known) if source is not None else None, list(rejects.values())


class _Piece(NamedTuple):
    """A chunk's file or folder, by the rows of its name."""

    first: int
    last: int
    path: Path


def _pieces(out: Path) -> List[_Piece]:
    """The chunks in the order of their rows; what else lies among them is left alone."""
    found = ((_BORDERS.match(path.name), path) for path in (out / SHARDS).glob("*-*"))
    return sorted(_Piece(int(borders[1]), int(borders[2]), path) for borders, path in found if borders)


def _overlapping(out: Path, chunk: Chunk) -> Iterator[Path]:
    for first, last, path in _pieces(out):
        if path != chunk_folder(out, chunk) and first <= chunk.last and last >= chunk.first:
            yield path


def _answers_in(path: Path) -> Iterator[Mapping[str, Json]]:
    """The answers of a finished chunk's file, or of a folder that nobody works at."""
    if path.is_file():
        yield from (line for _, line in lines_of(path) if line.get("response") is not None)
        return
    part = RunFolder(path)
    if not part.is_locked():
        yield from (line for _, line in lines_of(part.results) if line.get("response") is not None)


def _gaps(pieces: List[_Piece], rows: int) -> str:
    """Which ranges of rows no chunk has, in sentences; empty when there is none."""
    gaps: List[str] = []
    next_row = 0
    for first, last in [*((one.first, one.last) for one in pieces), (rows, rows)]:
        end = min(first, rows)
        if end > next_row:
            gaps.append(tr("Rows {first}-{last} have no chunk.", first=next_row, last=end - 1))
        next_row = max(next_row, last + 1)
    more = len(gaps) - _SHOWN_GAPS
    return " ".join([*gaps[:_SHOWN_GAPS], *([tr("And {count} ranges more.", count=more)] if more > 0 else [])])

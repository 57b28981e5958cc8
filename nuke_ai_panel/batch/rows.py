"""Rows from files, standard input and anything that can be iterated: one at a time, whatever the size of the input.

A source is read twice, once for the plan and once for the run; standard input and iterators are read once. What is no
row comes as a `Reject` with its line number. Any thread, one at a time.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Callable, Dict, Iterable, Iterator, List, Mapping, NoReturn, Optional, Tuple, Union

from ..messages import Json
from ..words import tr
from .errors import InvalidBatchError
from .values import Reject, Row

LONGEST_LINE_BYTES = 64 << 20
_SHOWN = 200
_PATHLIKE = (str, Path)
Found = Union[Row, Reject]


@dataclass(frozen=True)
class Source:
    """Where rows come from. `fingerprint` names the content, None where it cannot be told before it is read.

    `is_made` says that its lines are whole requests, to which neither settings nor options add anything.
    """

    title: str
    read: Callable[[], Iterator[Found]]
    fingerprint: Callable[[], Optional[str]]
    is_repeatable: bool = True
    folder: str = ""
    is_made: bool = False


def source_of(rows: object, *, kind: str = "") -> Source:
    """A path, `-` for standard input, or any iterable of mappings, as a source. Raises InvalidBatchError."""
    if isinstance(rows, Source):
        return rows
    if isinstance(rows, _PATHLIKE):
        return stdin_source() if str(rows) == "-" else file_source(Path(rows), kind=kind)
    if isinstance(rows, Iterable):
        is_kept = isinstance(rows, (list, tuple))
        return Source("rows of a script", lambda: from_mappings(rows), lambda: None, is_repeatable=is_kept)
    raise InvalidBatchError(
        tr("rows cannot be a {name}", name=type(rows).__name__),
        next_step=tr("Give a path, a list of dictionaries or an iterator."),
    )


def drawn(source: Source, *, shuffle: bool = False, sample: Optional[int] = None, seed: int = 0) -> Source:
    """The same rows in an order of chance, or only some of them; the same ones for the same seed.

    A shuffle holds all rows in memory, a sample as many as it draws.
    """
    def read() -> Iterator[Found]:
        chance, count = random.Random(seed), 0
        kept: List[Tuple[int, Row]] = []
        for one in source.read():
            if isinstance(one, Reject):
                yield one
                continue
            count += 1
            if sample is None or len(kept) < sample:
                kept.append((count, one))
            else:
                place = chance.randrange(count)
                if place < sample:
                    kept[place] = (count, one)
        if shuffle:
            chance.shuffle(kept)
        else:
            kept.sort(key=lambda pair: pair[0])
        for _, one in kept:
            yield one

    return replace(source, read=read) if shuffle or sample is not None else source


def file_source(path: Path, *, kind: str = "") -> Source:
    """A JSONL or CSV file; `kind` names the form where the suffix does not. Raises InvalidBatchError.

    The kind `requests` is a file of requests that a batch itself made.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InvalidBatchError(tr("{path} is not a file.", path=path), next_step=tr("Check the path of the input."))
    form = kind or ("csv" if path.suffix.lower() in (".csv", ".tsv") else "jsonl")

    def read() -> Iterator[Found]:
        try:
            with path.open("rb") as file:
                yield from from_stream(file, form, delimiter="\t" if path.suffix.lower() == ".tsv" else ",",
                                       folder=str(path.parent.resolve()))
        except OSError as exc:
            raise InvalidBatchError(
                tr("{path} cannot be read: {reason}.", path=path, reason=exc.strerror or exc),
                next_step=tr("Check the file, then run again."),
            ) from exc

    return Source(str(path), read, lambda: fingerprint_of(path), folder=str(path.parent.resolve()),
                  is_made=form == "requests")


def stdin_source(stream: Optional[IO[bytes]] = None) -> Source:
    """Standard input, once; JSONL, or CSV when the first line is no JSON object."""
    def read() -> Iterator[Found]:
        raw = stream if stream is not None else (sys.stdin.buffer if sys.stdin is not None else io.BytesIO())
        buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[type-var]  # any binary stream
        start = buffered.peek(64)[:64].lstrip(codecs.BOM_UTF8).lstrip()
        yield from from_stream(buffered, "jsonl" if not start or start[:1] == b"{" else "csv")

    return Source("standard input", read, lambda: None, is_repeatable=False)


def from_stream(file: IO[bytes], form: str, *, delimiter: str = ",", folder: str = "") -> Iterator[Found]:
    """The rows of an open binary file."""
    if form == "csv":
        yield from _from_csv(file, delimiter, folder)
    else:
        yield from _from_jsonl(file, folder)


def from_mappings(rows: Iterable[object], *, folder: str = "") -> Iterator[Found]:
    """The rows of an iterable; texts become `{"text": …}`."""
    for number, one in enumerate(rows, 1):
        if isinstance(one, (Row, Reject)):
            yield one
        elif isinstance(one, str):
            yield Row({"text": one}, f"row {number}", folder=folder)
        elif isinstance(one, Mapping):
            yield row_of({str(name): value for name, value in one.items()}, f"row {number}", folder)
        else:
            yield Reject(number, f"a row is a dictionary, not a {type(one).__name__}", repr(one)[:_SHOWN])


def row_of(data: Mapping[str, Json], place: str, folder: str = "") -> Row:
    """The row that a mapping is: a request if it is a line of an OpenAI batch, else values for the template."""
    named = data.get("custom_id")
    custom_id = str(named) if isinstance(named, (str, int)) and not isinstance(named, bool) and named != "" else None
    if custom_id is not None and isinstance(data.get("body"), dict) and "method" in data and "url" in data:
        return Row(data, place, custom_id, data["body"], folder)
    return Row(data, place, custom_id, None, folder)


def fingerprint_of(path: Path) -> str:
    """The SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            found.update(piece)
    return found.hexdigest()


def _from_jsonl(file: IO[bytes], folder: str) -> Iterator[Found]:
    for number, raw in _lines(file):
        if raw is None:
            yield Reject(number, f"the line is longer than {LONGEST_LINE_BYTES >> 20} MB")
            continue
        if not raw.strip():
            continue
        try:
            data = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        except UnicodeDecodeError as exc:
            yield Reject(number, f"the line is not UTF-8: {exc.reason} at byte {exc.start + 1}", _shown(raw))
            continue
        except (ValueError, RecursionError) as exc:
            yield Reject(number, f"the line is not JSON: {exc}", _shown(raw))
            continue
        if not isinstance(data, dict):
            yield Reject(number, "the line is not a JSON object", _shown(raw))
            continue
        yield row_of(data, f"line {number}", folder)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Optional[bytes]]]:
    """The lines without their ends; None for one that is too long. A byte order mark is taken off."""
    number = 0
    while True:
        raw = file.readline(LONGEST_LINE_BYTES + 1)
        if not raw:
            return
        number += 1
        if number == 1:
            if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise InvalidBatchError(
                    "the input is UTF-16", user_text=tr("The input is UTF-16 text, not UTF-8."),
                    next_step=tr("Save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8."),
                )
            if raw.startswith(codecs.BOM_UTF8):
                raw = raw[len(codecs.BOM_UTF8):]
        if len(raw) > LONGEST_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST_LINE_BYTES)
            yield number, None
            continue
        yield number, raw.rstrip(b"\r\n")


def _from_csv(file: IO[bytes], delimiter: str, folder: str) -> Iterator[Found]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header: Optional[List[str]] = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as exc:
            yield Reject(line, f"the line is not CSV: {exc}")
            continue
        if fields is None:
            text.detach()
            return
        if not any(one.strip() for one in fields):
            continue
        if header is None:
            header = _header(fields, line)
            continue
        if len(fields) != len(header):
            yield Reject(line, f"the line has {len(fields)} fields, the header {len(header)}",
                         delimiter.join(fields)[:_SHOWN])
            continue
        if any("\udc80" <= char <= "\udcff" for one in fields for char in one if char > "\ud7ff"):
            yield Reject(line, "the line is not UTF-8")
            continue
        data: Dict[str, Json] = dict(zip(header, fields))
        yield row_of(data, f"line {line}", folder)


def _header(fields: List[str], line: int) -> List[str]:
    names = [one.strip() for one in fields]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice or "" in names:
        raise InvalidBatchError(
            f"the header in line {line} names {', '.join(twice) if twice else 'nothing for a column'}"
            f"{' twice' if twice else ''}", next_step=tr("Give every column a name of its own.")
        )
    return names


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _shown(raw: bytes) -> str:
    return raw[:_SHOWN].decode("utf-8", "replace")

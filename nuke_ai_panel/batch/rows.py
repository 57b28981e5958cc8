"""Rows from files, standard input and anything that can be iterated: one at a time, whatever the size of the input.

A source is read twice, once for the plan and once for the run; standard input and iterators are read once. What is no
row comes as a `Reject` with its line number. Any thread, one at a time.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import itertools
import json
import os
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Callable, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from ..messages import Json
from ..words import tr
from .errors import InvalidBatchError
from .json_shape import no_constant
from .values import Reject, Row

LONGEST_LINE_BYTES = 64 << 20
_SHOWN = 200
_PATHLIKE = (str, Path)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Found = Union[Row, Reject]


@dataclass(frozen=True)
class Source:
    """Where rows come from. `fingerprint` names the content, None where it cannot be told before it is read.

    `is_made` says that its lines are whole requests, to which neither settings nor options add anything. `path` is the
    file that is read, or the pattern of those that are.
    """

    title: str
    read: Callable[[], Iterator[Found]]
    fingerprint: Callable[[], Optional[str]]
    is_repeatable: bool = True
    folder: str = ""
    is_made: bool = False
    path: str = ""


def source_of(rows: object, *, kind: str = "") -> Source:
    """A path, `-` for standard input, or any iterable of mappings, as a source. Raises InvalidBatchError."""
    if isinstance(rows, Source):
        return rows
    if isinstance(rows, _PATHLIKE):
        return stdin_source() if str(rows) == "-" else file_source(Path(rows), kind=kind)
    if isinstance(rows, Iterable):
        is_kept = isinstance(rows, (list, tuple))
        return Source(tr("rows of a script"), lambda: from_mappings(rows), lambda: None, is_repeatable=is_kept)
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
    if not os.path.isfile(path):
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
                  is_made=form == "requests", path=str(path))


def stdin_source(stream: Optional[IO[bytes]] = None) -> Source:
    """Standard input, once; JSONL, or CSV when the first line is no JSON object."""
    def read() -> Iterator[Found]:
        raw = stream if stream is not None else _standard_input()
        buffered: io.BufferedReader = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(
            raw)  # type: ignore[arg-type]  # any binary stream
        start = buffered.peek(64)[:64].lstrip(codecs.BOM_UTF8).lstrip()
        yield from from_stream(buffered, "jsonl" if not start or start[:1] == b"{" else "csv")

    return Source("standard input", read, lambda: None, is_repeatable=False)


def from_stream(
    file: io.BufferedReader[Any], form: str, *, delimiter: str = ",", folder: str = ""  # Any: over any binary stream
) -> Iterator[Found]:
    """The rows of an open binary file."""
    if form == "csv":
        yield from _from_csv(file, delimiter, folder)
    elif form == "requests":
        yield from map(_as_kept, _from_jsonl(file, folder))
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
            yield Reject(number, tr("a row is a dictionary, not a {name}", name=type(one).__name__), repr(one)[:_SHOWN])


def row_of(data: Mapping[str, Json], place: str, folder: str = "") -> Row:
    """The row that a mapping is: a request if it is a line of an OpenAI batch, else values for the template."""
    named = data.get("custom_id")
    custom_id = str(named) if isinstance(named, (str, int)) and not isinstance(named, bool) and named != "" else None
    if custom_id is not None and isinstance(data.get("body"), dict) and "method" in data and "url" in data:
        return Row(data, place, custom_id, data["body"], folder)
    return Row(data, place, custom_id, None, folder)


def fingerprint_of(path: Path) -> str:
    """The SHA-256 of a file. Raises InvalidBatchError when it cannot be read."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                found.update(piece)
    except OSError as exc:
        raise InvalidBatchError(
            tr("{path} cannot be read: {reason}.", path=path, reason=exc.strerror or exc),
            next_step=tr("Check the file, then run again."),
        ) from exc
    return found.hexdigest()


def _standard_input() -> IO[bytes]:
    """Standard input by a file object of our own: at exit Python closes its own, for which no thread may be reading."""
    if sys.stdin is None:
        return io.BytesIO()
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # somebody put something else in its place
        return sys.stdin.buffer


def _as_kept(found: Found) -> Found:
    """What was no row where the requests were made is none here either."""
    kept = found.data.get("reject") if isinstance(found, Row) else None
    if not isinstance(kept, dict):
        return found
    line, words = kept.get("line"), (str(kept.get(name) or "") for name in ("reason", "text", "next_step"))
    return Reject(line if isinstance(line, int) else 0, *words)


def _from_jsonl(file: IO[bytes], folder: str) -> Iterator[Found]:
    for number, raw in _lines(file):
        if raw is None:
            yield Reject(number, tr("the line is longer than {most} MB", most=LONGEST_LINE_BYTES >> 20))
            continue
        if not raw.strip():
            continue
        try:
            data = json.loads(raw.decode("utf-8"), parse_constant=no_constant)
        except UnicodeDecodeError as exc:
            yield Reject(number, tr("the line is not UTF-8: {reason} at byte {place}", reason=exc.reason,
                                    place=exc.start + 1), _shown(raw))
            continue
        except (ValueError, RecursionError) as exc:
            yield Reject(number, tr("the line is not JSON: {reason}", reason=exc), _shown(raw))
            continue
        if not isinstance(data, dict):
            yield Reject(number, tr("the line is not a JSON object"), _shown(raw))
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
            if raw[:2] in _UTF16 or b"\0" in raw[:2]:
                raise _utf16()
            if raw.startswith(codecs.BOM_UTF8):
                raw = raw[len(codecs.BOM_UTF8):]
        if len(raw) > LONGEST_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST_LINE_BYTES)
            yield number, None
            continue
        yield number, raw.rstrip(b"\r\n")


def _from_csv(
    file: io.BufferedReader[Any], delimiter: str, folder: str  # Any: over any binary stream
) -> Iterator[Found]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    is_utf16 = file.peek(2)[:2] in _UTF16
    encoding, errors = ("utf-16", "replace") if is_utf16 else ("utf-8-sig", "surrogateescape")
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    begun, delimiter = _begun(text, delimiter)
    if any("\0" in line or (is_utf16 and line.lstrip().startswith("{")) for line in begun):
        raise _utf16()
    reader = csv.reader(itertools.chain(begun, text), delimiter=delimiter, strict=True)
    header: Optional[List[str]] = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as exc:
            yield Reject(line, tr("the line is not CSV: {reason}", reason=exc))
            continue
        if fields is None:
            text.detach()
            return
        if not any(one.strip() for one in fields):
            continue
        if header is None:
            header = _header(fields, line)
            continue
        yield _csv_row(header, fields, line, folder)


def _csv_row(header: List[str], fields: List[str], line: int, folder: str) -> Found:
    if len(fields) != len(header):
        return Reject(line, tr("the line has {count} fields, the header {wanted}", count=len(fields),
                               wanted=len(header)), ",".join(fields)[:_SHOWN])
    if _has_strange_bytes(fields):
        return Reject(line, tr("the line is not UTF-8"))
    return row_of(dict(zip(header, fields)), f"line {line}", folder)


def _has_strange_bytes(fields: List[str]) -> bool:
    return any("\udc80" <= char <= "\udcff" for one in fields for char in one if char > "\ud7ff")


def _begun(text: io.TextIOWrapper, delimiter: str) -> Tuple[List[str], str]:
    """The lines up to the one below the header, and what parts the columns.

    A header without a comma is taken for columns that semicolons or tabs part, if the line below agrees.
    """
    begun: List[str] = []
    for line in text:
        begun.append(line)
        if line.strip():
            break
    if not begun or delimiter != "," or _width(begun[-1], ",") > 1:
        return begun, delimiter
    header, below = begun[-1], text.readline()
    begun += [below] if below else []
    others = [one for one in ";\t" if _width(header, one) > 1]
    if not others:
        return begun, delimiter
    if len(others) == 1 and (not below.strip() or others[0] in below):
        return begun, others[0]
    raise InvalidBatchError(
        f"the header has one column, `{header.strip()}`",
        user_text=tr("The header has one column, `{header}`.", header=header.strip()),
        next_step=tr("Part the columns with commas, or with semicolons or tabs in every line."),
    )


def _width(line: str, delimiter: str) -> int:
    """How many columns a line has; 0 where it cannot be told."""
    try:
        return len(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error:
        return 0


def _header(fields: List[str], line: int) -> List[str]:
    names = [one.strip() for one in fields]
    if _has_strange_bytes(names):
        raise InvalidBatchError(
            tr("The header in line {line} is not UTF-8.", line=line), next_step=tr("Save the table as UTF-8.")
        )
    twice = sorted({one for one in names if one and names.count(one) > 1})
    if twice or "" in names:
        raise InvalidBatchError(
            tr("The header in line {line} names {names} twice.", line=line, names=", ".join(twice)) if twice
            else tr("The header in line {line} has a column without a name.", line=line),
            next_step=tr("Give every column a name of its own."),
        )
    return names


def _utf16() -> InvalidBatchError:
    return InvalidBatchError(
        "the input is UTF-16", user_text=tr("The input is UTF-16 text, not UTF-8."),
        next_step=tr("Save it as UTF-8, or convert it with iconv -f UTF-16 -t UTF-8."),
    )


def _shown(raw: bytes) -> str:
    return raw[:_SHOWN].decode("utf-8", "replace")

"""Leaves one line in the files of a run for each row of today's input, and keeps the rest beside it. Blocking.

What the input has no more, or asks differently without an answer yet, goes to `former.jsonl` and comes back when the
run goes on: whoever puts a row or a template back does not pay again. Only what a newer answer replaced is dropped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Mapping

from ..messages import Json
from .compact_map import CompactMap, number_of
from .run_folder import (
    Past,
    RunFolder,
    as_line,
    disk_error,
    extra_in,
    is_same,
    key_in,
    lines_of,
    repair,
    replace_file,
)

FORMER = "former.jsonl"


def bring_back(folder: RunFolder) -> None:
    """Puts the lines that were kept among the others again. Before `scan`, which sees what a kill in between doubled.

    Raises BatchError.
    """
    kept = folder.path / FORMER
    if not kept.exists():
        return
    for path in (folder.results, folder.errors):
        repair(path)
        try:
            with path.open("ab") as file:
                for _, line in lines_of(kept):
                    if line and (line.get("response") is None) == (path == folder.errors):
                        file.write(as_line(line))
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise disk_error(path, exc) from exc
    kept.unlink()


@dataclass
class _Sorted:
    """Where the last line of today's row is, by its id; `answered` is a Past's, after a pass over the input."""

    answered: CompactMap
    is_all: bool
    answers: CompactMap = field(default_factory=CompactMap)
    errors: CompactMap = field(default_factory=CompactMap)

    def place(self, line: Mapping[str, Json]) -> str:
        """`today`, `stale` where the row is asked differently now, `former` where the input has it no more."""
        known = self.answered.get(number_of(str(line.get("custom_id"))))
        is_own = known is None or is_same(known, key_in(line))
        if known is None or not known & 1:
            return "former" if self.is_all else "today" if is_own else "stale"
        return "today" if is_own else "stale"

    def look(self, path: Path, last: CompactMap) -> None:
        """Notes the lines of one file."""
        for offset, line in lines_of(path):
            if line and self.place(line) == "today":
                last.put(number_of(str(line.get("custom_id"))), offset + 1)

    def today(self, path: Path, last: CompactMap) -> Iterator[bytes]:
        """The lines of a file that stay; an answer counts more than an error."""
        for offset, line in lines_of(path):
            number = number_of(str(line.get("custom_id")))
            is_error = last is self.errors and self.answers.get(number) is not None
            if line and last.get(number) == offset + 1 and not is_error:
                yield as_line(line)

    def former(self, path: Path) -> Iterator[bytes]:
        """The lines of a file that are kept beside."""
        for _, line in lines_of(path):
            number = number_of(str(line.get("custom_id")))
            is_replaced = self.answers.get(number) is not None or self.errors.get(number) is not None
            place = self.place(line) if line else ""
            if place == "former" or (place == "stale" and line.get("response") is not None and not is_replaced):
                yield as_line(line)


def tidy(folder: RunFolder, past: Past, *, is_all: bool) -> int:
    """Sorts the lines after a pass over the input, `is_all` if it met every row; how many are kept beside.

    Raises BatchError.
    """
    found = _Sorted(past.answered, is_all)
    found.look(folder.results, found.answers)
    found.look(folder.errors, found.errors)
    count = sum(1 for path in (folder.results, folder.errors) for _ in found.former(path))
    if count:  # first of all, so that a kill leaves a line twice and never nowhere
        kept = (piece for path in (folder.results, folder.errors) for piece in found.former(path))
        replace_file(folder.path / FORMER, kept)
    answers, errors = found.today(folder.results, found.answers), found.today(folder.errors, found.errors)
    replace_file(folder.errors, errors)
    replace_file(folder.results, answers)
    return count


def met_and_ended(folder: RunFolder, past: Past) -> int:
    """How many rows that a pass over a part of the input met have their end, after `tidy`."""
    found = _Sorted(past.answered, is_all=True)
    return sum(1 for path in (folder.results, folder.errors) for _, line in lines_of(path)
               if line and found.place(line) == "today")


def spent_on_former(folder: RunFolder) -> float:
    """The US dollars that the lines which are kept beside say."""
    return float(sum(extra_in(line).get("cost_usd") or 0.0 for _, line in lines_of(folder.path / FORMER)))

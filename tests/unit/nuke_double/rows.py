"""Which row of Nuke's behaviour a test shows: E… are errors, B… behaviours. `python -m tests.unit.nuke_double.rows`
writes the index."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Callable, Dict, List, TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
SHOWN: Dict[str, List[str]] = {}
INDEX = Path(__file__).with_name("ROWS.md")
MODULES = ("errors", "graph", "knobs", "text", "undo", "threads", "panels", "startup", "render")
ERRORS = [f"E{number}" for number in range(1, 35)]
BEHAVIOURS = [f"B{number}" for first, last in ((1, 14), (20, 30), (40, 44), (50, 51), (60, 61), (70, 75), (80, 83))
              for number in range(first, last + 1)]


def shows(*rows: str) -> Callable[[Test], Test]:
    """Notes that the test shows these rows."""
    def note(test: Test) -> Test:
        for row in rows:
            SHOWN.setdefault(row, []).append(f"{test.__module__.rsplit('.', 1)[-1]}::{test.__name__}")
        return test

    return note


def index() -> str:
    """The table from row to tests."""
    for name in MODULES:
        importlib.import_module(f"tests.unit.nuke_double.test_{name}")
    lines = ["# Which test shows which row", "",
             "E: the error contract; B: behaviours. Written by `python -m tests.unit.nuke_double.rows`.", "",
             "| row | shown by |", "|---|---|"]
    lines += [f"| {row} | {', '.join(sorted(set(SHOWN.get(row, []))))} |" for row in ERRORS + BEHAVIOURS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from tests.unit.nuke_double import rows  # the module that the tests know, not __main__

    INDEX.write_text(rows.index(), encoding="utf-8")

"""Every row of the network's faults names tests that exist, and each of those is a test."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import FrozenSet

import pytest

from .network_rows import ROWS

ROOT = Path(__file__).parents[2]


@functools.cache
def names_in(module: str) -> FrozenSet[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_every_row_is_there() -> None:
    assert list(ROWS) == [f"N{number}" for number in range(1, 51)]
    assert all(row.fault and row.tests for row in ROWS.values())


@pytest.mark.parametrize("number", list(ROWS))
def test_row_names_tests_that_exist(number: str) -> None:
    missing = [one for one in ROWS[number].tests if one.partition("::")[2] not in names_in(one.partition("::")[0])]
    assert missing == []


def test_nothing_here_opens_a_websocket() -> None:
    sources = [path for folder in ("nuke_ai_panel", "src") for path in (ROOT / folder).rglob("*.py")]
    found = [path.name for path in sources if "ws_connect" in path.read_text("utf-8")]
    assert len(sources) > 100 and found == []

"""Checks Python for Nuke before it runs: names that do not exist, knobs, classes, inputs the wrong way round. Pure.

    for finding in check_python(text, LiveNames(nuke)):
        print(finding)             # line 3, column 1: There is no nuke.selected. Did you mean nuke.selectedNodes()?

What cannot be told for certain is no finding. `names` says what exists, see api_names.py; nothing is executed.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import List, Literal, Optional, Tuple

from .api_names import Names
from .code_walk import CodeWalk

FindingKind = Literal["syntax", "name", "class", "knob", "member", "call", "value"]
MAX_CHARACTERS = 400_000


@dataclass(frozen=True)
class CodeFinding:
    """One mistake. Lines and columns count from 1; `suggestion` is what was probably meant, as it would be written."""

    kind: FindingKind
    what: str
    line: int
    column: int
    suggestion: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong and what was probably meant."""
        return f"{self.what}: did you mean {self.suggestion}?" if self.suggestion else f"{self.what}."

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.sentence}"


def check_python(text: str, names: Optional[Names] = None) -> Tuple[CodeFinding, ...]:
    """What is wrong with a program, in the order it stands."""
    if len(text) > MAX_CHARACTERS:
        return ()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return (_syntax(text, error),)
    except (RecursionError, MemoryError):
        return (CodeFinding("syntax", "This code is nested too deep to be read", 1, 1),)
    walk = CodeWalk(names or Names())
    try:
        walk.run(tree)
    except RecursionError:
        return (CodeFinding("syntax", "This code is nested too deep to be checked", 1, 1),)
    found: List[CodeFinding] = []
    for kind, what, node, suggestion in walk.found:
        # The column counts characters, ast counts bytes.
        line = text.splitlines()[node.lineno - 1] if node.lineno <= len(text.splitlines()) else ""
        column = len(line.encode("utf-8", "replace")[: node.col_offset].decode("utf-8", "ignore")) + 1
        one = CodeFinding(kind, what, node.lineno, column, suggestion)
        if one not in found:
            found.append(one)
    return tuple(sorted(found, key=lambda one: (one.line, one.column)))


def _syntax(text: str, error: Exception) -> CodeFinding:
    if not isinstance(error, SyntaxError):
        return CodeFinding("syntax", f"Python cannot read this: {error}", 1, 1)
    line, column = max(1, error.lineno or 1), max(1, error.offset or 1)
    lines = text.splitlines()
    first = lines[line - 1].strip() if line <= len(lines) else ""
    suggestion = ""
    if first.startswith("print ") or first.startswith("print\t"):
        suggestion = f"print({first[6:].strip()})"
    elif first.startswith((">>>", "...")):
        suggestion = "the same without >>>"
    elif first.startswith(("%", "!")):
        suggestion = "plain Python without that line"
    elif first.startswith("exec "):
        suggestion = f"exec({first[5:].strip()})"
    elif first.startswith("except ") and "," in first:
        suggestion = first.replace(",", " as", 1)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return CodeFinding("syntax", f"Python {version} cannot read this ({error.msg})", line, column, suggestion)

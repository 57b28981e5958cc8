"""What the code in a fence of an answer is for Nuke: Python, nodes, Tcl, an expression, a kernel. Pure."""

from __future__ import annotations

import ast
import re
from typing import Literal

from .errors import NkSyntaxError
from .parser import parse

CodeKind = Literal["python", "nk", "tcl", "expression", "blink", ""]
_BY_LANGUAGE = {
    "python": "python", "py": "python", "python3": "python", "nuke-python": "python", "nukepython": "python",
    "nk": "nk", "nuke": "nk", "nukescript": "nk", "nuke-script": "nk", "nukenodes": "nk",
    "tcl": "tcl", "nuke-tcl": "tcl", "expression": "expression", "expr": "expression", "nuke-expression": "expression",
    "tcl-expression": "expression", "blink": "blink", "blinkscript": "blink", "blink-script": "blink",
}
_KERNEL = re.compile(r"\bkernel\s+\w+\s*:\s*Image\w*ComputationKernel|\bkernel\s+\w+\s*:\s*ImageRollingKernel")
_NODE = re.compile(r"^\s*[A-Z]\w*\s*\{\s*$", re.MULTILINE)


def code_kind(language: str, text: str) -> CodeKind:
    """The kind of a fence by what it says it is, else by what it holds; empty where nothing can be done with it."""
    word = language.strip().lower().split(" ")[0].replace("_", "-")
    if _KERNEL.search(text):
        return "blink"
    named = _BY_LANGUAGE.get(word, "")
    if named == "nk" and not _NODE.search(text) and _is_python(text):
        return "python"  # ```nuke is what some call Python for Nuke
    if named:
        return named  # type: ignore[return-value]  # the table's values are kinds
    if word:
        return ""
    if _NODE.search(text) and _is_nodes(text):
        return "nk"
    return "python" if re.search(r"\bnuke\.\w|^\s*import nuke\b", text, re.MULTILINE) else ""


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_nodes(text: str) -> bool:
    try:
        return bool(parse(text).nodes())
    except NkSyntaxError:
        return False

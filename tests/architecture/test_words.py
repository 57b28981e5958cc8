"""Every sentence that an artist reads goes through `tr`: what is shown, named or told is never a bare literal."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from .imports import ROOT, sources

# What takes words that are shown: a call by its last name → which of its positional arguments are words.
SHOWN: Dict[str, Tuple[int, ...]] = {
    "setText": (0,), "setToolTip": (0,), "setStatusTip": (0,), "setWhatsThis": (0,), "setWindowTitle": (0,),
    "setPlaceholderText": (0,), "setAccessibleName": (0,), "setAccessibleDescription": (0,), "setTitle": (0,),
    "addAction": (0, 1), "addMenu": (0, 1), "addItem": (0, 1), "QAction": (0, 1), "QLabel": (0,), "QPushButton": (0,),
    "QFileDialog": (1,), "Button": (0,), "Text": (0,), "LineEdit": (0,), "TextArea": (0,), "Select": (0,),
    "Switch": (0,), "set_text": (0,), "set_tip": (0,), "set_placeholder": (0,), "set_result": (1,), "nudge": (0,),
    "say": (0,), "Banner": (1, 2, 3), "show_text": (0,), "set_blocked": (0,), "MenuEntry": (0,), "drawText": (1, 2),
}
SHOWN_KEYWORDS = frozenset({
    "tip", "user_text", "next_step", "placeholder", "placeholderText", "toolTip", "windowTitle", "accessibleName",
})
# Files that show nothing of their own, or whose words go to a terminal.
TERMINAL = ("cli/", "batch/", "install/", "scripting/", "__main__.py")
# Names are the same in every language.
NAMES = frozenset({"Nuke AI Panel", "AI Panel", "AI Memory", "Ollama", "HTTP", "Python", "Tcl", "BlinkScript"})


def trees() -> Iterator[Tuple[Path, ast.Module]]:
    for module, path in sources():
        inside = path.relative_to(ROOT).as_posix()
        if not any(part in inside for part in TERMINAL) or module.startswith("nuke_ai_panel_qt"):
            yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def bare(node: ast.expr) -> Iterator[ast.expr]:
    """Literals with words in what is shown that go through no function."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and is_words(node.value):
            yield node
    elif isinstance(node, ast.JoinedStr):
        if is_words("".join(part.value for part in node.values if isinstance(part, ast.Constant))):
            yield node
    elif isinstance(node, (ast.IfExp, ast.BoolOp, ast.BinOp)):
        parts = node.values if isinstance(node, ast.BoolOp) else (
            [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node.left, node.right])
        for part in parts:
            yield from bare(part)


def is_words(text: str) -> bool:
    """Whether an artist could read it as words: two letters in a row that are neither a name nor a key."""
    key = r"[\W\d_]*(Ctrl|Alt|Shift|Del|Esc|F\d+)[\w+\W]*"
    if text.strip() in NAMES or text.startswith("http") or re.fullmatch(key, text):
        return False
    return re.search(r"[A-Za-z]{2}", text) is not None and re.fullmatch(r"[a-z0-9_.:-]*", text) is None


def test_nothing_is_shown_that_did_not_go_through_the_function() -> None:
    wrong: List[str] = []
    for path, tree in trees():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            places = SHOWN.get(name, ()) if "nuke_ai_panel_qt" in path.parts else ()
            words = [call.args[at] for at in places if at < len(call.args)]
            words += [one.value for one in call.keywords if one.arg in SHOWN_KEYWORDS]
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            wrong += [f"{place}: {ast.unparse(one)}" for part in words for one in bare(part)]
    assert wrong == []


def test_a_field_never_becomes_part_of_what_is_looked_up() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)[:80]}"
        for path, tree in trees() for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("tr", "later")
        and any(isinstance(one, (ast.JoinedStr, ast.BinOp)) for one in call.args)
    ]
    assert wrong == []


def test_constants_are_translated_when_they_are_shown() -> None:
    """A module is imported before anybody has chosen a language."""
    wrong: List[str] = []
    for path, tree in trees():
        for statement in tree.body:
            wrong += [f"{path.relative_to(ROOT)}:{call.lineno}" for call in at_import(statement)
                      if isinstance(call.func, ast.Name) and call.func.id == "tr"]
    assert wrong == []


def at_import(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that importing a module makes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for part in (*node.args.defaults, *filter(None, node.args.kw_defaults), *node.decorator_list):
            yield from at_import(part)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from at_import(child)

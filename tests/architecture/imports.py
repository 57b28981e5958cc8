"""Reads the product's own import statements with ast; nothing is imported."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"nuke_ai_panel": ROOT / "nuke_ai_panel", "nuke_ai_panel_qt": ROOT / "src" / "nuke_ai_panel_qt"}


@dataclass(frozen=True)
class Import:
    """One imported name as seen from `module`; `typing_only` under `if TYPE_CHECKING`, `nested` in a function."""

    module: str
    imported: str
    path: Path
    line: int
    typing_only: bool
    nested: bool


def module_name(package: str, folder: Path, path: Path) -> str:
    parts = (package, *path.relative_to(folder).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> Iterator[tuple[str, Path]]:
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            yield module_name(package, folder, path), path


def imports() -> List[Import]:
    """Every import of both packages."""
    known = {name for name, _ in sources()}
    found: List[Import] = []
    for module, path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        visit(tree, module, path, known, found, typing_only=False, nested=False)
    return found


def visit(
    node: ast.AST, module: str, path: Path, known: set[str], found: List[Import], *, typing_only: bool, nested: bool
) -> None:
    for child in ast.iter_child_nodes(node):
        inside_function = nested or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        inside_typing = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            base = absolute(module, path, child)
            names = [f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in child.names]
        else:
            visit(child, module, path, known, found, typing_only=inside_typing, nested=inside_function)
            continue
        found.extend(Import(module, name, path, child.lineno, typing_only, nested) for name in dict.fromkeys(names))


def absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    package = parts if path.name == "__init__.py" else parts[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])

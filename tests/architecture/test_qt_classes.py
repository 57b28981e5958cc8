"""Every class that derives from one of Qt's is made by QtClass, or each reload leaks it (ADR 23)."""

from __future__ import annotations

import ast
import re
from typing import List, Set, Tuple

from .imports import ROOT, sources

QT_NAME = re.compile(r"Qt(Core|Gui|Widgets|Svg)\.")


def bases(node: ast.ClassDef) -> List[str]:
    plain = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [f"{one.value.id}.{one.attr}" if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)
            else getattr(one, "id", "") for one in plain]


def test_every_qt_class_is_made_by_qt_class() -> None:
    found: List[Tuple[str, ast.ClassDef]] = [
        (str(path.relative_to(ROOT)), node)
        for module, path in sources() if module.startswith("nuke_ai_panel_qt")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
    ]
    ours: Set[str] = set()
    grown = True
    while grown:
        more = {node.name for _, node in found if any(QT_NAME.match(one) or one in ours for one in bases(node))}
        grown, ours = more > ours, ours | more
    assert len(ours) > 100
    wrong = [
        f"{path}:{node.lineno}: write `class {node.name}({', '.join(bases(node))}, metaclass=QtClass)`"
        for path, node in found if node.name in ours
        and not any(isinstance(word.value, ast.Name) and word.value.id == "QtClass" for word in node.keywords)
    ]
    assert wrong == []

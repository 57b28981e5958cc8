"""Habits of the house that a machine can keep."""

from __future__ import annotations

import ast
import re

from .imports import PACKAGES, ROOT, sources

SURPLUS_WORDS = re.compile(r"(Helper|Util|Engine|Processor|Handler)s?$")
MANAGERS = {"EventLoopManager", "ProviderManager", "PanelManager"}


def test_every_module_says_what_it_is_for() -> None:
    texts = [(path, path.read_text(encoding="utf-8")) for _, path in sources()]
    silent = [
        str(path.relative_to(ROOT)) for path, text in texts if text.strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_every_module_postpones_annotations() -> None:
    missing = []
    for _, path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        real = [n for n in tree.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
        first = real[0] if real else None
        if first is not None and not (isinstance(first, ast.ImportFrom) and first.module == "__future__"):
            missing.append(str(path.relative_to(ROOT)))
    assert missing == []


def test_class_names_are_the_fields_words() -> None:
    wrong = []
    for _, path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.name if isinstance(node, ast.ClassDef) else ""
            if SURPLUS_WORDS.search(name) or (name.endswith("Manager") and name not in MANAGERS):
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_src_is_a_folder_and_never_a_package() -> None:
    forbidden = ("__init__.py", "init.py", "menu.py")
    assert [name for name in forbidden if (ROOT / "src" / name).exists()] == []


def test_styles_live_in_the_theme() -> None:
    literal = re.compile(r"#[0-9a-fA-F]{6}\b|setStyleSheet\(\s*['\"f]")
    ui = PACKAGES["nuke_ai_panel_qt"]
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for _, path in sources() if ui in path.parents and path.name not in ("theme.py", "palettes.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if literal.search(line)
    ]
    assert wrong == []

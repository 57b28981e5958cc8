"""Every public name of the double exists in Nuke, with the same parameters, as far as the stubs of types-nuke know."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from functools import cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

from tests.fakes.nuke import Host
from tests.fakes.nuke.cores import KINDS
from tests.fakes.nuke.group_nodes import NODE_KINDS
from tests.fakes.nuke.modules import LATER
from tests.fakes.nuke.nodes import Node

from .rows import BEHAVIOURS, ERRORS, INDEX, SHOWN, index

# In Nuke, and not in stubs made by looking at Nuke 13: newer names and those without documentation.
ALSO = {"KNOB_CHANGED_ALWAYS", *LATER}


def stub_folder() -> Optional[Path]:
    spec = importlib.util.find_spec("nuke-stubs")
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


pytestmark = pytest.mark.skipif(stub_folder() is None, reason="types-nuke is not installed")
Parameters = Optional[List[str]]


def parameters(function: ast.FunctionDef) -> Parameters:
    """The names of the parameters, None where the stub does not say."""
    if function.args.vararg or function.args.kwarg:
        return None
    return [one.arg for one in (*function.args.posonlyargs, *function.args.args) if one.arg != "self"]


@cache
def stubs() -> Tuple[Dict[str, List[Parameters]], Dict[str, Tuple[List[str], Dict[str, List[Parameters]]]]]:
    """Functions and other names of the module; classes with their bases and methods."""
    names: Dict[str, List[Parameters]] = {}
    classes: Dict[str, Tuple[List[str], Dict[str, List[Parameters]]]] = {}
    folder = stub_folder()
    assert folder is not None
    for path in folder.glob("*.pyi"):
        if path.name.startswith("_") and path.name not in ("_nuke.pyi", "__init__.pyi"):
            continue
        for item in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(item, ast.FunctionDef):
                names.setdefault(item.name, []).append(parameters(item))
            elif isinstance(item, ast.ClassDef):
                methods: Dict[str, List[Parameters]] = {}
                for part in item.body:
                    if isinstance(part, ast.FunctionDef):
                        methods.setdefault(part.name, []).append(parameters(part))
                classes[item.name] = ([base.id for base in item.bases if isinstance(base, ast.Name)], methods)
                names.setdefault(item.name, []).append(None)
            elif isinstance(item, (ast.Assign, ast.AnnAssign)):
                target = item.targets[0] if isinstance(item, ast.Assign) else item.target
                names.setdefault(getattr(target, "id", ""), []).append(None)
    return names, classes


def of_class(name: str, method: str) -> Optional[List[Parameters]]:
    bases, methods = stubs()[1].get(name, ([], {}))
    if method in methods:
        return methods[method]
    return next((found for base in bases for found in [of_class(base, method)] if found is not None), None)


def agrees(function: Any, known: List[Parameters]) -> bool:
    """Whether the double takes what the stub says, under the same names."""
    mine = list(inspect.signature(function).parameters.values())
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in mine) or None in known:
        return True
    own = [one.name for one in mine if one.name != "self"]
    needed = {one.name for one in mine if one.default is one.empty} - {"self"}
    return any(
        [name for name in own if name in one] == one and needed <= set(one) for one in known if one is not None)


@pytest.mark.parametrize("version", [13, 14, 15, 16, 17])
def test_module_has_only_names_that_nuke_has(version: int) -> None:
    names = stubs()[0]
    nuke = Host(version=(version, 0, 1)).nuke

    public = [name for name in vars(nuke) if not name.startswith("_")]
    assert [name for name in public if name not in names and name not in ALSO] == []
    wrong = [name for name in public if inspect.isfunction(getattr(nuke, name)) and name in names
             and not agrees(getattr(nuke, name), names[name])]
    assert wrong == []


@pytest.mark.parametrize("kind", [Node, *NODE_KINDS.values(), *KINDS.values()], ids=lambda kind: kind.__name__)
def test_class_has_only_methods_that_nuke_has(kind: Any) -> None:
    public = [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]

    unknown = [name for name in public if of_class(kind.__name__, name) is None]
    wrong = [name for name in public if name not in unknown
             and not agrees(getattr(kind, name), of_class(kind.__name__, name) or [])]
    assert (unknown, wrong) == ([], [])


@pytest.mark.parametrize("name", ["Undo", "Format", "Box", "Menu", "MenuItem", "AnimationCurve", "ProgressTask",
                                  "ViewerWindow", "Layer"])
def test_other_class_has_only_methods_that_nuke_has(name: str) -> None:
    kind = getattr(Host().nuke, name)

    public = [one for one in dir(kind) if not one.startswith("_")]
    assert [one for one in public if of_class(name, one) is None] == []


def test_every_row_has_a_test_and_the_index_is_fresh() -> None:
    text = index()

    assert [row for row in ERRORS + BEHAVIOURS if not SHOWN.get(row)] == []
    assert INDEX.read_text(encoding="utf-8") == text, "python -m tests.unit.nuke_double.rows"

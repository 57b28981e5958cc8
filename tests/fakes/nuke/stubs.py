"""What types-nuke knows of Nuke's names, so that those which the double does not play still exist, and say so."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

# The names of the parameters, None where the stub does not say.
Parameters = Optional[List[str]]
# Names of the stub file's own.
_OWN = frozenset({"NodeT", "Any", ""})


class Stubs(NamedTuple):
    """Functions and their parameters, classes with their bases and methods, constants; each by its name."""

    functions: Dict[str, List[Parameters]]
    classes: Dict[str, Tuple[List[str], Dict[str, List[Parameters]]]]
    constants: Dict[str, str]


class UnknownConstant(int):
    """A constant whose value is not known."""


def stub_folder() -> Optional[Path]:
    """Where types-nuke is installed, None if it is not."""
    spec = importlib.util.find_spec("nuke-stubs")
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def _parameters(function: ast.FunctionDef) -> Parameters:
    if function.args.vararg or function.args.kwarg:
        return None
    return [one.arg for one in (*function.args.posonlyargs, *function.args.args) if one.arg != "self"]


@cache
def stubs() -> Stubs:
    """The stubs; empty where types-nuke is not installed."""
    found = Stubs({}, {}, {})
    folder = stub_folder()
    for path in sorted(folder.glob("*.pyi")) if folder else ():
        if path.name.startswith("_") and path.name not in ("_nuke.pyi", "__init__.pyi"):
            continue
        for item in ast.parse(path.read_text(encoding="utf-8")).body:
            _take(item, found)
    return found


def _take(item: ast.stmt, found: Stubs) -> None:
    if isinstance(item, ast.FunctionDef):
        found.functions.setdefault(item.name, []).append(_parameters(item))
    elif isinstance(item, ast.ClassDef):
        methods: Dict[str, List[Parameters]] = {}
        for part in item.body:
            if isinstance(part, ast.FunctionDef):
                methods.setdefault(part.name, []).append(_parameters(part))
        found.classes[item.name] = ([base.id for base in item.bases if isinstance(base, ast.Name)], methods)
    elif isinstance(item, (ast.Assign, ast.AnnAssign)):
        target = item.targets[0] if isinstance(item, ast.Assign) else item.target
        name = getattr(target, "id", "")
        if name not in _OWN:
            found.constants[name] = ast.unparse(item.annotation) if isinstance(item, ast.AnnAssign) else ""


def method(class_name: str, name: str) -> Optional[List[Parameters]]:
    """The parameters of a method, its own or a base's; None if there is none of that name."""
    bases, methods = stubs().classes.get(class_name, ([], {}))
    if name in methods:
        return methods[name]
    return next((known for base in bases for known in [method(base, name)] if known is not None), None)


def refused(what: str) -> Any:
    """A callable that exists and says that the double does not play it."""
    def call(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"fake nuke: {what}")

    return call


def missing_method(thing: Any, name: str) -> Any:
    """What an attribute is that a class of the double lacks: refused if Nuke has it, AttributeError if not."""
    for kind in type(thing).__mro__:
        if not name.startswith("_") and method(kind.__name__, name) is not None:
            return refused(f"{kind.__name__}.{name}")
    raise AttributeError(f"'{type(thing).__name__}' object has no attribute '{name}'")


def add_missing(module: Any) -> None:
    """Gives a module the names of Nuke that it lacks."""
    known = stubs()
    for name in (*known.functions, *known.classes):
        if not name.startswith("_") and not hasattr(module, name):
            setattr(module, name, refused(f"nuke.{name}"))
    for name, annotation in known.constants.items():
        if not hasattr(module, name):
            setattr(module, name, UnknownConstant() if annotation == "int" else refused(f"nuke.{name}"))
